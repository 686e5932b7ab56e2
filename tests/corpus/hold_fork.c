// SPDX-License-Identifier: GPL-3.0-or-later
// hold_fork.c - forks while it holds a lock that others use, and has no fork handlers: the child gets it locked.
// EXPECT: lock-held-blocking
// ALLOW: lock-contention lock-long-hold
#include "tests/corpus/corpus.h"
#include <sys/wait.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *user(void *arg)
{
	for (int i = 0; i < 5; i++) {
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
	}
	return arg;
}

int main(void)
{
	pthread_t t = spawn(user, NULL);
	pthread_mutex_lock(&m);
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	pthread_mutex_unlock(&m);
	join(t);
}
