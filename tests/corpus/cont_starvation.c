// SPDX-License-Identifier: GPL-3.0-or-later
// cont_starvation.c - a victim waits 40 ms each time, its peer hardly at all, for the same lock.
// EXPECT: lock-starvation level=warning
// ALLOW: lock-contention lock-long-hold lock-held-blocking
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int turn; /* 1 victim, 2 peer: wants the lock now */

static void *wants(void *arg)
{
	int me = (int)(long)arg;
	for (int i = 0; i < 6; i++) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != me)
			sched_yield();
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
		__atomic_store_n(&turn, 0, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void hold_against(int whom, long ms)
{
	pthread_mutex_lock(&m);
	__atomic_store_n(&turn, whom, __ATOMIC_RELEASE);
	until_wanted(&m);
	if (ms)
		sleep_ms(ms);
	pthread_mutex_unlock(&m);
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 0)
		sched_yield();
}

int main(void)
{
	pthread_t t = spawn(wants, (void *)1L), u = spawn(wants, (void *)2L);
	for (int i = 0; i < 6; i++) {
		hold_against(1, 40);
		hold_against(2, 0);
	}
	join(t);
	join(u);
}
