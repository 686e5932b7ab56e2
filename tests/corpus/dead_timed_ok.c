// SPDX-License-Identifier: GPL-3.0-or-later
// dead_timed_ok.c - a cycle of waits that ends by itself: one of them has a deadline.
// EXPECT: none
// FORBID: deadlock
// ALLOW: lock-order-cycle lock-contention lock-long-hold lock-held-blocking
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static int holding;

static void *patient(void *arg)
{
	pthread_mutex_lock(&a);
	meet(&holding, 2);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	return arg;
}

static void *impatient(void *arg)
{
	pthread_mutex_lock(&b);
	meet(&holding, 2);
	struct timespec deadline = after_ms(300);
	MUST_BE(pthread_mutex_timedlock(&a, &deadline), ETIMEDOUT);
	pthread_mutex_unlock(&b);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(patient, NULL), u = spawn(impatient, NULL);
	join(t);
	join(u);
}
