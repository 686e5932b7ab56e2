// SPDX-License-Identifier: GPL-3.0-or-later
// use_fork_unlock_ok.c - a lock taken around fork is given back by parent and child: the child's thread is its owner too.
// EXPECT: none
// FORBID: unlock-not-owner exit-holding-lock
// ALLOW: lock-held-blocking
#include <sys/wait.h>
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *worker(void *arg)
{
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(worker, NULL);
	pthread_mutex_lock(&m);
	pid_t child = fork();
	pthread_mutex_unlock(&m);
	if (child == 0) {
		join(spawn(worker, NULL));
		exit(0);
	}
	waitpid(child, NULL, 0);
	join(t);
}
