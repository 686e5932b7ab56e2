// SPDX-License-Identifier: GPL-3.0-or-later
// use_destroy_waited_cond.c - a condition is destroyed while a thread waits for it: glibc waits until it has gone.
// EXPECT: destroy-waited level=error|warning
// ALLOW: use-after-destroy
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static int ready;

static void *waiter(void *arg)
{
	struct timespec deadline = after_ms(200);
	pthread_mutex_lock(&m);
	reach(1);
	while (!ready && pthread_cond_timedwait(&changed, &m, &deadline) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	pthread_cond_init(&changed, NULL);
	pthread_t t = spawn(waiter, NULL);
	until(1);
	pthread_mutex_lock(&m); /* it waits now */
	pthread_mutex_unlock(&m);
	pthread_cond_destroy(&changed);
	join(t);
}
