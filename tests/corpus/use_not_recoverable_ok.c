// SPDX-License-Identifier: GPL-3.0-or-later
// use_not_recoverable_ok.c - a robust mutex unlocked without being made consistent, to say that it is lost: as designed.
// EXPECT: none
// FORBID: exit-holding-lock lock-call-failed
#include "tests/corpus/corpus.h"

static pthread_mutex_t m;

static void *dies(void *arg)
{
	pthread_mutex_lock(&m);
	return arg;
}

int main(void)
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&m, &attr);
	join(spawn(dies, NULL));
	MUST_BE(pthread_mutex_lock(&m), EOWNERDEAD);
	MUST(pthread_mutex_unlock(&m)); /* says that it cannot be repaired */
	MUST_BE(pthread_mutex_lock(&m), ENOTRECOVERABLE);
}
