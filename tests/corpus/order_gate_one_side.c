// SPDX-License-Identifier: GPL-3.0-or-later
// order_gate_one_side.c - only one of two opposite orders holds the gate: that is none.
// EXPECT: lock-order-cycle level=error
#include "tests/corpus/corpus.h"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER, a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *gated(void *arg)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&gate);
	reach(1);
	until(2);
	return arg;
}

static void *careless(void *arg)
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
	pthread_t t = spawn(gated, NULL), u = spawn(careless, NULL);
	join(t);
	join(u);
}
