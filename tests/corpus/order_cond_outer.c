// SPDX-License-Identifier: GPL-3.0-or-later
// order_cond_outer.c - waits for the condition of one mutex while it holds another: coming back wants them in reverse.
// EXPECT: lock-order-cycle level=error
// ALLOW: lock-held-blocking
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int ready;

static void *waiter(void *arg)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	reach(1);
	while (!ready)
		pthread_cond_wait(&changed, &a); /* takes a again below b */
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	reach(2);
	return arg;
}

static void *changer(void *arg)
{
	until(1);
	pthread_mutex_lock(&a);
	ready = 1;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&a);
	until(2);
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(waiter, NULL), u = spawn(changer, NULL);
	join(t);
	join(u);
}
