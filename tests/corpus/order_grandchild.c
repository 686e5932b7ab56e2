// SPDX-License-Identifier: GPL-3.0-or-later
// order_grandchild.c - main's order comes after it joined a thread that had joined the thread of the other order.
// EXPECT: none
// FORBID: lock-order-cycle
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *grandchild(void *arg)
{
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	return arg;
}

static void *child(void *arg)
{
	join(spawn(grandchild, NULL));
	return arg;
}

int main(void)
{
	join(spawn(child, NULL));
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
}
