// SPDX-License-Identifier: GPL-3.0-or-later
// use_relock_timed.c - waits, with a deadline, for a mutex that it holds itself.
// EXPECT: relock level=error|warning func~inner
// FORBID: deadlock
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static __attribute__((noinline)) void inner(void)
{
	struct timespec soon = after_ms(20);
	if (pthread_mutex_timedlock(&m, &soon) == 0)
		pthread_mutex_unlock(&m);
}

static void *worker(void *arg)
{
	pthread_mutex_lock(&m);
	inner();
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	join(spawn(worker, NULL));
}
