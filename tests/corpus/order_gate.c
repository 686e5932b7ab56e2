// SPDX-License-Identifier: GPL-3.0-or-later
// order_gate.c - both orders, always under a third mutex: the two threads never are between their locks at once.
// EXPECT: lock-order-gated level=note
// FORBID: lock-order-cycle
// OPTIONS: --explain
#include "tests/corpus/corpus.h"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER, a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *pair(void *arg)
{
	pthread_mutex_t *first = arg, *second = first == &a ? &b : &a;
	pthread_mutex_lock(&gate);
	pthread_mutex_lock(first);
	pthread_mutex_lock(second);
	pthread_mutex_unlock(second);
	pthread_mutex_unlock(first);
	pthread_mutex_unlock(&gate);
	return NULL;
}

int main(void)
{
	pthread_t t = spawn(pair, &a), u = spawn(pair, &b);
	join(t);
	join(u);
}
