// SPDX-License-Identifier: GPL-3.0-or-later
// use_destroy_woken_ok.c - a condition is destroyed right after the broadcast that wakes the last waiter, as POSIX allows.
// EXPECT: none
// FORBID: destroy-waited use-after-destroy
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gone;
static int done;

static void *waiter(void *arg)
{
	pthread_mutex_lock(&m);
	reach(1);
	while (!done)
		pthread_cond_wait(&gone, &m);
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	pthread_cond_init(&gone, NULL);
	pthread_t t = spawn(waiter, NULL);
	until(1);
	pthread_mutex_lock(&m);
	done = 1;
	pthread_cond_broadcast(&gone);
	pthread_mutex_unlock(&m);
	pthread_cond_destroy(&gone);
	join(t);
}
