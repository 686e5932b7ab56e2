// SPDX-License-Identifier: GPL-3.0-or-later
// hold_private_ok.c - sleeps with a lock that no other thread ever uses: nobody is kept waiting.
// EXPECT: none
// FORBID: lock-long-hold lock-contention
// ALLOW: lock-held-blocking
#include "tests/corpus/corpus.h"

static void *worker(void *arg)
{
	pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&own);
	sleep_ms(50);
	pthread_mutex_unlock(&own);
	pthread_mutex_destroy(&own);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(worker, NULL), u = spawn(worker, NULL);
	join(t);
	join(u);
}
