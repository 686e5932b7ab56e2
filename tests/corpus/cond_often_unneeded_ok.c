// SPDX-License-Identifier: GPL-3.0-or-later
// cond_often_unneeded_ok.c - a producer signals for every item, mostly while nobody sleeps: that is how conditions are used.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static int items;

static void *consumer(void *arg)
{
	pthread_mutex_lock(&m);
	reach(1);
	for (int taken = 0; taken < 1000; taken++) {
		while (items == 0)
			pthread_cond_wait(&filled, &m);
		items--;
	}
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(consumer, NULL);
	until(1);
	pthread_mutex_lock(&m); /* it waits once, at least */
	items++;
	pthread_cond_signal(&filled);
	pthread_mutex_unlock(&m);
	for (int i = 1; i < 1000; i++) {
		pthread_mutex_lock(&m);
		items++;
		pthread_cond_signal(&filled);
		pthread_mutex_unlock(&m);
	}
	join(t);
}
