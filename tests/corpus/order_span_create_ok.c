// SPDX-License-Identifier: GPL-3.0-or-later
// order_span_create_ok.c - main wanted its second lock before it created the other thread, and only holds the first one on.
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
	pthread_t t = spawn(worker, NULL);
	pthread_mutex_unlock(&a);
	join(t);
}
