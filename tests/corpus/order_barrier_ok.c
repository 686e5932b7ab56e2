// SPDX-License-Identifier: GPL-3.0-or-later
// order_barrier_ok.c - phases between barriers, each with locks of its own, taken in one order.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle deadlock
#include "tests/corpus/corpus.h"

static pthread_mutex_t m[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_barrier_t phase;

static void *worker(void *arg)
{
	for (int i = 0; i < 10; i++) {
		pthread_mutex_lock(&m[i % 2]);
		pthread_mutex_lock(&m[2]);
		pthread_mutex_unlock(&m[2]);
		pthread_mutex_unlock(&m[i % 2]);
		pthread_barrier_wait(&phase);
	}
	return arg;
}

int main(void)
{
	pthread_barrier_init(&phase, NULL, 2);
	pthread_t t = spawn(worker, NULL), u = spawn(worker, NULL);
	join(t);
	join(u);
	pthread_barrier_destroy(&phase);
}
