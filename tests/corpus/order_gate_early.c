// SPDX-License-Identifier: GPL-3.0-or-later
// order_gate_early.c - a gate that is opened again before the second lock is wanted protects nothing.
// EXPECT: lock-order-cycle level=error
#include "tests/corpus/corpus.h"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER, a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *pair(void *arg)
{
	pthread_mutex_t *first = arg, *second = first == &a ? &b : &a;
	int turn = first == &b;
	until(turn);
	pthread_mutex_lock(&gate);
	pthread_mutex_lock(first);
	pthread_mutex_unlock(&gate);
	pthread_mutex_lock(second);
	pthread_mutex_unlock(second);
	pthread_mutex_unlock(first);
	reach(turn + 1);
	until(2);
	return NULL;
}

int main(void)
{
	pthread_t t = spawn(pair, &a), u = spawn(pair, &b);
	join(t);
	join(u);
}
