// SPDX-License-Identifier: GPL-3.0-or-later
// order_before_create.c - main takes one order before it creates the thread that takes the other: they never overlap.
// EXPECT: none
// FORBID: lock-order-cycle
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *worker(void *arg)
{
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	return arg;
}

int main(void)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	join(spawn(worker, NULL));
}
