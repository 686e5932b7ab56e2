// SPDX-License-Identifier: GPL-3.0-or-later
// use_wait_unlocked.c - waits for a condition without holding its mutex.
// EXPECT: wait-without-lock level=error|warning func~careless
// ALLOW: unlock-not-owner exit-holding-lock cond-signal-lost
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static __attribute__((noinline)) void *careless(void *arg)
{
	struct timespec soon = after_ms(20);
	pthread_cond_timedwait(&changed, &m, &soon);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(careless, NULL);
	join(t);
	pthread_cond_signal(&changed);
}
