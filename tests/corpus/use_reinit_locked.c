// SPDX-License-Identifier: GPL-3.0-or-later
// use_reinit_locked.c - a mutex is initialised again by the thread that holds it.
// EXPECT: reinit-locked level=error|warning func~reset
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static __attribute__((noinline)) void reset(void)
{
	pthread_mutex_init(&m, NULL);
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
}

static void *worker(void *arg)
{
	pthread_mutex_lock(&m);
	reset();
	return arg;
}

int main(void)
{
	join(spawn(worker, NULL));
}
