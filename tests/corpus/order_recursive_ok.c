// SPDX-License-Identifier: GPL-3.0-or-later
// order_recursive_ok.c - taking a recursive mutex again, below another lock, is no order: it cannot block there.
// EXPECT: none
// FORBID: lock-order-cycle relock
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP, b = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static void *one_way(void *arg)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	reach(1);
	until(2);
	return arg;
}

static void *other_way(void *arg)
{
	until(1);
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	reach(2);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(one_way, NULL), u = spawn(other_way, NULL);
	join(t);
	join(u);
}
