// SPDX-License-Identifier: GPL-3.0-or-later
// order_meanwhile.c - two locks are taken at the start, at the end, and once while a thread lives that takes them in reverse.
// EXPECT: lock-order-cycle level=error confidence=likely
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void a_then_b(void)
{
	MUST(pthread_mutex_lock(&a));
	MUST(pthread_mutex_lock(&b));
	MUST(pthread_mutex_unlock(&b));
	MUST(pthread_mutex_unlock(&a));
}

static void *b_then_a(void *arg)
{
	MUST(pthread_mutex_lock(&b));
	MUST(pthread_mutex_lock(&a));
	MUST(pthread_mutex_unlock(&a));
	MUST(pthread_mutex_unlock(&b));
	reach(1);
	return arg;
}

static void *nothing(void *arg)
{
	return arg;
}

int main(void)
{
	a_then_b(); /* alone */
	for (int i = 0; i < 2; i++)
		join(spawn(nothing, NULL));
	pthread_t t = spawn(b_then_a, NULL);
	until(1); /* it is done: this run cannot hang */
	a_then_b();
	join(t);
	for (int i = 0; i < 20; i++)
		join(spawn(nothing, NULL));
	a_then_b(); /* alone again */
}
