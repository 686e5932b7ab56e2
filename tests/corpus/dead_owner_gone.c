// SPDX-License-Identifier: GPL-3.0-or-later
// dead_owner_gone.c - hangs: waits for a mutex whose owner has ended without giving it back.
// EXPECT: exit-holding-lock
// EXPECT: deadlock level=error
// ALLOW: lock-long-hold lock-contention
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *forgetful(void *arg)
{
	pthread_mutex_lock(&m);
	return arg;
}

int main(void)
{
	join(spawn(forgetful, NULL));
	pthread_mutex_lock(&m);
}
