// SPDX-License-Identifier: GPL-3.0-or-later
// cont_little_ok.c - threads that use one lock all the time but hold it only for an addition, and mostly do other work.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-long-hold
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static long sum;

static void *worker(void *arg)
{
	volatile long own = 0;
	for (int i = 0; i < 2000; i++) {
		for (int k = 0; k < 3000; k++)
			own += k;
		pthread_mutex_lock(&m);
		sum += own;
		pthread_mutex_unlock(&m);
	}
	return arg;
}

int main(void)
{
	pthread_t t = spawn(worker, NULL), u = spawn(worker, NULL);
	join(t);
	join(u);
}
