// SPDX-License-Identifier: GPL-3.0-or-later
// hold_cond.c - waits 150 ms for a condition while it holds a second lock, which others use.
// EXPECT: lock-held-blocking
// ALLOW: lock-contention lock-long-hold
#include "tests/corpus/corpus.h"

static pthread_mutex_t outer = PTHREAD_MUTEX_INITIALIZER, m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int ready;

static void *waiter(void *arg)
{
	pthread_mutex_lock(&outer);
	pthread_mutex_lock(&m);
	reach(1);
	while (!ready)
		pthread_cond_wait(&changed, &m);
	pthread_mutex_unlock(&m);
	pthread_mutex_unlock(&outer);
	return arg;
}

static void *user(void *arg)
{
	until(1);
	pthread_mutex_lock(&outer);
	pthread_mutex_unlock(&outer);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(waiter, NULL), u = spawn(user, NULL);
	until(1);
	sleep_ms(150);
	pthread_mutex_lock(&m);
	ready = 1;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&m);
	join(t);
	join(u);
}
