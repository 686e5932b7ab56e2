// SPDX-License-Identifier: GPL-3.0-or-later
// order_two_bugs.c - two cycles that share no lock are two findings.
// EXPECT: lock-order-cycle level=error findings=2
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t c = PTHREAD_MUTEX_INITIALIZER, d = PTHREAD_MUTEX_INITIALIZER;

static void pair(pthread_mutex_t *first, pthread_mutex_t *second)
{
	pthread_mutex_lock(first);
	pthread_mutex_lock(second);
	pthread_mutex_unlock(second);
	pthread_mutex_unlock(first);
}

static void *one_way(void *arg)
{
	pair(&a, &b);
	pthread_mutex_lock(&c);
	pthread_mutex_lock(&d);
	pthread_mutex_unlock(&d);
	pthread_mutex_unlock(&c);
	reach(1);
	until(2);
	return arg;
}

static void *other_way(void *arg)
{
	until(1);
	pair(&b, &a);
	pthread_mutex_lock(&d);
	pthread_mutex_lock(&c);
	pthread_mutex_unlock(&c);
	pthread_mutex_unlock(&d);
	reach(2);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(one_way, NULL), u = spawn(other_way, NULL);
	join(t);
	join(u);
}
