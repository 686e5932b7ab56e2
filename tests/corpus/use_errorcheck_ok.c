// SPDX-License-Identifier: GPL-3.0-or-later
// use_errorcheck_ok.c - an errorcheck mutex tells its callers what they do wrong: asking it is what it is for.
// EXPECT: none
// FORBID: relock unlock-not-owner deadlock
// ALLOW: lock-held-blocking
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

static void *stranger(void *arg)
{
	MUST_BE(pthread_mutex_unlock(&m), EPERM);
	return arg;
}

int main(void)
{
	MUST(pthread_mutex_lock(&m));
	MUST_BE(pthread_mutex_lock(&m), EDEADLK);
	join(spawn(stranger, NULL));
	MUST(pthread_mutex_unlock(&m));
	MUST_BE(pthread_mutex_unlock(&m), EPERM);
}
