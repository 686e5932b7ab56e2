// SPDX-License-Identifier: GPL-3.0-or-later
// hold_join.c - joins a thread that takes 150 ms while it holds a lock that others use.
// EXPECT: lock-held-blocking
// ALLOW: lock-contention lock-long-hold
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *slow(void *arg)
{
	sleep_ms(150);
	return arg;
}

static void *user(void *arg)
{
	for (int i = 0; i < 5; i++) {
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
	}
	return arg;
}

int main(void)
{
	pthread_t t = spawn(user, NULL);
	pthread_mutex_lock(&m);
	join(spawn(slow, NULL));
	pthread_mutex_unlock(&m);
	join(t);
}
