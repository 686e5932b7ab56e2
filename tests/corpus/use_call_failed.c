// SPDX-License-Identifier: GPL-3.0-or-later
// use_call_failed.c - a lock call fails because its deadline is no time, and nobody looks at what it returned.
// EXPECT: lock-call-failed level=warning func~careless
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static __attribute__((noinline)) void *careless(void *arg)
{
	struct timespec nonsense = {.tv_sec = 1, .tv_nsec = -1};
	pthread_mutex_timedlock(&m, &nonsense);
	reach(2);
	return arg;
}

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
	join(spawn(careless, NULL));
	join(t);
}
