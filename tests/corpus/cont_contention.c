// SPDX-License-Identifier: GPL-3.0-or-later
// cont_contention.c - a lock held 10 ms at a time that another thread wants each time.
// EXPECT: lock-contention level=warning func~wanting
// ALLOW: lock-held-blocking lock-starvation
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static __attribute__((noinline)) void *wanting(void *arg)
{
	for (int i = 1; i <= 8; i++) {
		until(2 * i - 1);
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
		reach(2 * i);
	}
	return arg;
}

static void spin_ms(long ms)
{
	struct timespec end = after_ms(ms), now;
	do
		clock_gettime(CLOCK_REALTIME, &now);
	while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

int main(void)
{
	pthread_t t = spawn(wanting, NULL);
	for (int i = 1; i <= 8; i++) {
		pthread_mutex_lock(&m);
		reach(2 * i - 1);
		until_wanted(&m);
		spin_ms(10);
		pthread_mutex_unlock(&m);
		until(2 * i);
	}
	join(t);
}
