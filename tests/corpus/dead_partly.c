// SPDX-License-Identifier: GPL-3.0-or-later
// dead_partly.c - two threads hang for ever while a third one, which they do not touch, goes on working.
// EXPECT: deadlock level=error confidence=proven findings=1
// ALLOW: lock-long-hold lock-contention lock-order-cycle
#include "tests/corpus/corpus.h"

static pthread_mutex_t lock[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
static int holding;

static void *pair(void *arg)
{
	long me = (long)arg;
	pthread_mutex_lock(&lock[me]);
	meet(&holding, 2);
	pthread_mutex_lock(&lock[!me]);
	return NULL;
}

int main(void)
{
	spawn(pair, (void *)0L);
	spawn(pair, (void *)1L);
	for (;;) {
		pthread_mutex_lock(&own);
		pthread_mutex_unlock(&own);
		sleep_ms(5);
	}
}
