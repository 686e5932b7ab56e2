// SPDX-License-Identifier: GPL-3.0-or-later
// use_try_own_ok.c - asks with trylock whether a lock is free that it holds itself: a question, no misuse.
// EXPECT: none
// FORBID: relock
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;

static void *worker(void *arg)
{
	MUST(pthread_mutex_lock(&m));
	MUST_BE(pthread_mutex_trylock(&m), EBUSY);
	MUST(pthread_mutex_unlock(&m));
	MUST(pthread_rwlock_wrlock(&rw));
	MUST_BE(pthread_rwlock_tryrdlock(&rw), EBUSY);
	MUST(pthread_rwlock_unlock(&rw));
	return arg;
}

int main(void)
{
	join(spawn(worker, NULL));
}
