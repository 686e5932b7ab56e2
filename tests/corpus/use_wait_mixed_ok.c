// SPDX-License-Identifier: GPL-3.0-or-later
// use_wait_mixed_ok.c - one condition, first with one mutex and, when nobody waits any more, with another: allowed.
// EXPECT: none
// FORBID: wait-mixed-mutexes
#include "tests/corpus/corpus.h"

static pthread_mutex_t m[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int ready[2];

static void *waiter(void *arg)
{
	long me = (long)arg;
	pthread_mutex_lock(&m[me]);
	while (!ready[me])
		pthread_cond_wait(&changed, &m[me]);
	pthread_mutex_unlock(&m[me]);
	return NULL;
}

int main(void)
{
	for (long i = 0; i < 2; i++) {
		pthread_t t = spawn(waiter, (void *)i);
		pthread_mutex_lock(&m[i]);
		ready[i] = 1;
		pthread_cond_signal(&changed);
		pthread_mutex_unlock(&m[i]);
		join(t);
	}
}
