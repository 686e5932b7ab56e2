// SPDX-License-Identifier: GPL-3.0-or-later
// use_robust_ok.c - a robust mutex whose owner ends: the next one gets EOWNERDEAD, repairs the data, and goes on.
// EXPECT: none
// FORBID: exit-holding-lock unlock-not-owner
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
	for (int i = 0; i < 3; i++) {
		join(spawn(dies, NULL));
		MUST_BE(pthread_mutex_lock(&m), EOWNERDEAD);
		MUST(pthread_mutex_consistent(&m));
		MUST(pthread_mutex_unlock(&m));
	}
	MUST(pthread_mutex_lock(&m));
	MUST(pthread_mutex_unlock(&m));
	MUST(pthread_mutex_destroy(&m));
}
