// SPDX-License-Identifier: GPL-3.0-or-later
// order_join_between.c - the second order begins after the thread of the first was joined.
// EXPECT: lock-order-sequential level=note
// FORBID: lock-order-cycle
// OPTIONS: --explain
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *pair(void *arg)
{
	pthread_mutex_t *first = arg, *second = first == &a ? &b : &a;
	pthread_mutex_lock(first);
	pthread_mutex_lock(second);
	pthread_mutex_unlock(second);
	pthread_mutex_unlock(first);
	return NULL;
}

int main(void)
{
	join(spawn(pair, &a));
	join(spawn(pair, &b));
}
