// SPDX-License-Identifier: GPL-3.0-or-later
// use_atfork_ok.c - fork handlers take the lock before the fork and give it back in both processes: as they should.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: unlock-not-owner lock-held-blocking exit-holding-lock deadlock
#include <sys/wait.h>
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void before(void)
{
	pthread_mutex_lock(&m);
}

static void after(void)
{
	pthread_mutex_unlock(&m);
}

static void *worker(void *arg)
{
	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
	}
	return arg;
}

int main(void)
{
	pthread_atfork(before, after, after);
	pthread_t t = spawn(worker, NULL);
	for (int i = 0; i < 3; i++) {
		pid_t child = fork();
		if (child == 0) {
			pthread_mutex_lock(&m);
			pthread_mutex_unlock(&m);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	join(t);
}
