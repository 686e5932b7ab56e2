// SPDX-License-Identifier: GPL-3.0-or-later
// dead_ab_ba.c - hangs: two threads, each holds what the other one wants.
// EXPECT: deadlock level=error confidence=proven func~one_way func~other_way
// ALLOW: lock-long-hold lock-contention lock-order-cycle
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static int holding;

static void *one_way(void *arg)
{
	pthread_mutex_lock(&a);
	meet(&holding, 2);
	pthread_mutex_lock(&b);
	return arg;
}

static void *other_way(void *arg)
{
	pthread_mutex_lock(&b);
	meet(&holding, 2);
	pthread_mutex_lock(&a);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(one_way, NULL), u = spawn(other_way, NULL);
	join(t);
	join(u);
}
