// SPDX-License-Identifier: GPL-3.0-or-later
// dead_fork.c - hangs: a forked child wants a mutex that another thread of its parent held at that moment.
// EXPECT: deadlock level=error
// ALLOW: lock-long-hold lock-contention
#include <sys/wait.h>
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *holder(void *arg)
{
	pthread_mutex_lock(&m);
	reach(1);
	until(2);
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(holder, NULL);
	until(1);
	pid_t child = fork();
	if (child == 0) {
		pthread_mutex_lock(&m); /* nobody there will ever give it back */
		_exit(0);
	}
	reach(2);
	join(t);
	waitpid(child, NULL, 0);
}
