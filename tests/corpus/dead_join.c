// SPDX-License-Identifier: GPL-3.0-or-later
// dead_join.c - hangs: joins a thread that wants the lock which the joiner holds.
// EXPECT: deadlock level=error confidence=proven
// ALLOW: lock-long-hold lock-contention lock-held-blocking
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
	pthread_mutex_lock(&m);
	join(spawn(worker, NULL));
	pthread_mutex_unlock(&m);
}
