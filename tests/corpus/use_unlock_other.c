// SPDX-License-Identifier: GPL-3.0-or-later
// use_unlock_other.c - a thread unlocks a mutex that another one holds.
// EXPECT: unlock-not-owner level=error|warning func~stranger
// ALLOW: exit-holding-lock lock-held-blocking
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *stranger(void *arg)
{
	until(1);
	pthread_mutex_unlock(&m);
	reach(2);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(stranger, NULL);
	pthread_mutex_lock(&m);
	reach(1);
	until(2);
	join(t);
}
