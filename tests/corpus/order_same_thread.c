// SPDX-License-Identifier: GPL-3.0-or-later
// order_same_thread.c - one thread takes both orders; the other threads take one lock each.
// EXPECT: none
// FORBID: lock-order-cycle
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *both(void *arg)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	return arg;
}

static void *single(void *arg)
{
	pthread_mutex_lock(arg);
	pthread_mutex_unlock(arg);
	return NULL;
}

int main(void)
{
	pthread_t t[] = {spawn(both, NULL), spawn(single, &a), spawn(single, &b)};
	for (int i = 0; i < 3; i++)
		join(t[i]);
}
