// SPDX-License-Identifier: GPL-3.0-or-later
// order_timed_first.c - a lock that was obtained before its deadline is held like any other.
// EXPECT: lock-order-cycle level=error
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *one_way(void *arg)
{
	struct timespec deadline = after_ms(1000);
	MUST(pthread_mutex_timedlock(&a, &deadline));
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	reach(1);
	until(2);
	return arg;
}

static void *other_way(void *arg)
{
	until(1);
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
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
