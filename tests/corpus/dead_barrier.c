// SPDX-License-Identifier: GPL-3.0-or-later
// dead_barrier.c - hangs: one party holds a lock at the barrier, the other one wants it on its way there.
// EXPECT: deadlock level=error
// ALLOW: lock-long-hold lock-contention lock-held-blocking
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t all;

static void *late(void *arg)
{
	until(1);
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	pthread_barrier_wait(&all);
	return arg;
}

int main(void)
{
	pthread_barrier_init(&all, NULL, 2);
	pthread_t t = spawn(late, NULL);
	pthread_mutex_lock(&m);
	reach(1);
	pthread_barrier_wait(&all);
	pthread_mutex_unlock(&m);
	join(t);
}
