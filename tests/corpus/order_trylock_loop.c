// SPDX-License-Identifier: GPL-3.0-or-later
// order_trylock_loop.c - the classic way out: try the second lock, else give back the first and begin again.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void take_both(pthread_mutex_t *first, pthread_mutex_t *second)
{
	for (;;) {
		pthread_mutex_lock(first);
		if (pthread_mutex_trylock(second) == 0)
			return;
		pthread_mutex_unlock(first);
		sched_yield();
	}
}

static void *one_way(void *arg)
{
	take_both(&a, &b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	reach(1);
	until(2);
	return arg;
}

static void *other_way(void *arg)
{
	until(1);
	take_both(&b, &a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	reach(2);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(one_way, NULL), u = spawn(other_way, NULL);
	join(t);
	join(u);
}
