// SPDX-License-Identifier: GPL-3.0-or-later
// order_span_create.c - main holds its first lock since before it created the other thread, but wants the second one after.
// EXPECT: lock-order-cycle level=error
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *worker(void *arg)
{
	until(1);
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	return arg;
}

int main(void)
{
	pthread_mutex_lock(&a);
	pthread_t t = spawn(worker, NULL);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	reach(1);
	join(t);
}
