// SPDX-License-Identifier: GPL-3.0-or-later
// use_wait_mixed.c - two threads wait for one condition at the same time, each with a mutex of its own.
// EXPECT: wait-mixed-mutexes level=error|warning
#include "tests/corpus/corpus.h"

static pthread_mutex_t m[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int ready;

static void *waiter(void *arg)
{
	long me = (long)arg;
	until((int)me);
	pthread_mutex_lock(&m[me]);
	reach((int)me + 1);
	while (!ready)
		pthread_cond_wait(&changed, &m[me]);
	pthread_mutex_unlock(&m[me]);
	return NULL;
}

int main(void)
{
	pthread_t t = spawn(waiter, (void *)0L);
	until(1);
	pthread_mutex_lock(&m[0]); /* the first one waits */
	pthread_mutex_unlock(&m[0]);
	pthread_t u = spawn(waiter, (void *)1L);
	until(2);
	pthread_mutex_lock(&m[0]);
	pthread_mutex_lock(&m[1]);
	ready = 1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&m[1]);
	pthread_mutex_unlock(&m[0]);
	join(t);
	join(u);
}
