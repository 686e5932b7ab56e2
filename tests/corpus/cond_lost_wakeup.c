// SPDX-License-Identifier: GPL-3.0-or-later
// cond_lost_wakeup.c - every signal comes before the wait, which has no predicate: each wait ends by its deadline.
// EXPECT: cond-only-timeout level=note
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void *waiter(void *arg)
{
	for (int i = 1; i <= 5; i++) {
		until(2 * i - 1);
		struct timespec soon = after_ms(20);
		pthread_mutex_lock(&m);
		pthread_cond_timedwait(&changed, &m, &soon);
		pthread_mutex_unlock(&m);
		reach(2 * i);
	}
	return arg;
}

int main(void)
{
	pthread_t t = spawn(waiter, NULL);
	for (int i = 1; i <= 5; i++) {
		pthread_cond_signal(&changed);
		reach(2 * i - 1);
		until(2 * i);
	}
	join(t);
}
