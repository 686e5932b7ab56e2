// SPDX-License-Identifier: GPL-3.0-or-later
// cond_no_waiter.c - signals a condition for which no thread ever waits: the waiters look at another one.
// EXPECT: cond-signal-lost level=note
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int value;

static void *worker(void *arg)
{
	for (int i = 0; i < 20; i++) {
		pthread_mutex_lock(&m);
		value++;
		pthread_cond_signal(&changed);
		pthread_mutex_unlock(&m);
	}
	return arg;
}

int main(void)
{
	join(spawn(worker, NULL));
}
