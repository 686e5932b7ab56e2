// SPDX-License-Identifier: GPL-3.0-or-later
// dead_slow_ok.c - waits for a lock longer than two looks lie apart, behind a thread that only sleeps: slow, no deadlock.
// EXPECT: lock-held-blocking
// EXPECT: lock-long-hold|lock-contention
// FORBID: deadlock
// ALLOW: lock-contention lock-long-hold
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *slow(void *arg)
{
	pthread_mutex_lock(&m);
	reach(1);
	sleep_ms(1600);
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(slow, NULL);
	until(1);
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	join(t);
}
