// SPDX-License-Identifier: GPL-3.0-or-later
// use_cancel_ok.c - a thread is cancelled in a condition wait; its cleanup handler gives the mutex back.
// EXPECT: none
// FORBID: exit-holding-lock unlock-not-owner
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void give_back(void *lock)
{
	pthread_mutex_unlock(lock);
}

static void *waiter(void *arg)
{
	pthread_mutex_lock(&m);
	pthread_cleanup_push(give_back, &m);
	reach(1);
	for (;;)
		pthread_cond_wait(&changed, &m);
	pthread_cleanup_pop(1);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(waiter, NULL);
	until(1);
	pthread_mutex_lock(&m); /* it waits now */
	pthread_mutex_unlock(&m);
	pthread_cancel(t);
	join(t);
	MUST(pthread_mutex_lock(&m));
	MUST(pthread_mutex_unlock(&m));
}
