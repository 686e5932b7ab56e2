// SPDX-License-Identifier: GPL-3.0-or-later
// leak_pool_exit_ok.c - a program with a pool that ends by _exit(): nothing is taken apart, so nobody need be joined.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: thread-leak-unjoined thread-leak-running
// EXIT: 0
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static int tasks, done;

static void *worker(void *arg)
{
	pthread_mutex_lock(&m);
	for (;;) {
		while (tasks == 0)
			pthread_cond_wait(&work, &m);
		tasks--;
		done++;
	}
	return arg;
}

int main(void)
{
	for (int i = 0; i < 4; i++)
		spawn(worker, NULL);
	for (int i = 0; i < 20; i++) {
		pthread_mutex_lock(&m);
		tasks++;
		pthread_cond_signal(&work);
		pthread_mutex_unlock(&m);
	}
	for (int all = 0; !all; sched_yield()) {
		pthread_mutex_lock(&m);
		all = done == 20;
		pthread_mutex_unlock(&m);
	}
	_exit(0);
}
