// SPDX-License-Identifier: GPL-3.0-or-later
// cond_timed_queue_ok.c - a consumer looks up every 5 ms, and is woken for some items: timeouts and signals mixed.
// EXPECT: none
// FORBID: cond-only-timeout cond-signal-lost cond-no-waker
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static int items, woken;

static void *consumer(void *arg)
{
	int timeouts = 0;
	pthread_mutex_lock(&m);
	while (timeouts < 3 || woken < 3) {
		struct timespec soon = after_ms(5);
		if (pthread_cond_timedwait(&filled, &m, &soon) == ETIMEDOUT)
			timeouts++;
		woken += items;
		items = 0;
	}
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(consumer, NULL);
	for (int all = 0; !all; sched_yield()) {
		pthread_mutex_lock(&m);
		items = 1;
		all = woken >= 3;
		pthread_cond_signal(&filled);
		pthread_mutex_unlock(&m);
	}
	join(t);
}
