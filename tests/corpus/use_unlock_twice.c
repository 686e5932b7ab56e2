// SPDX-License-Identifier: GPL-3.0-or-later
// use_unlock_twice.c - a mutex is unlocked that nobody holds.
// EXPECT: unlock-unlocked level=error
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *worker(void *arg)
{
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	join(spawn(worker, NULL));
}
