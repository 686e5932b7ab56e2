// SPDX-License-Identifier: GPL-3.0-or-later
// order_span_join.c - main wants its second lock after it joined the thread of the other order.
// EXPECT: none
// FORBID: lock-order-cycle
// ALLOW: lock-held-blocking
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *worker(void *arg)
{
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	reach(1);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(worker, NULL);
	until(1);
	pthread_mutex_lock(&a);
	join(t);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
}
