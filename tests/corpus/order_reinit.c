// SPDX-License-Identifier: GPL-3.0-or-later
// order_reinit.c - a mutex is destroyed and initialised again between the orders: the second life is another lock.
// EXPECT: none
// FORBID: lock-order-cycle
#include "tests/corpus/corpus.h"

static pthread_mutex_t a, b = PTHREAD_MUTEX_INITIALIZER;

static void *one_way(void *arg)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	pthread_mutex_destroy(&a);
	pthread_mutex_init(&a, NULL);
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
	pthread_mutex_init(&a, NULL);
	pthread_t t = spawn(one_way, NULL), u = spawn(other_way, NULL);
	join(t);
	join(u);
}
