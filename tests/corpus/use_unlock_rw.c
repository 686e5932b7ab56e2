// SPDX-License-Identifier: GPL-3.0-or-later
// use_unlock_rw.c - a thread unlocks an rwlock that another one holds for writing.
// EXPECT: unlock-not-owner level=error|warning
// ALLOW: exit-holding-lock lock-held-blocking
#include "tests/corpus/corpus.h"

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;

static void *stranger(void *arg)
{
	until(1);
	pthread_rwlock_unlock(&rw);
	reach(2);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(stranger, NULL);
	pthread_rwlock_wrlock(&rw);
	reach(1);
	until(2);
	join(t);
}
