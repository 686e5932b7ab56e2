// SPDX-License-Identifier: GPL-3.0-or-later
// order_many_held.c - two threads hold three hundred locks at once, in one order.
// EXPECT: none
// FORBID: lock-order-cycle
// ALLOW: lock-contention lock-starvation
#include "tests/corpus/corpus.h"

#define N 300
static pthread_mutex_t lock[N];

static void *holder(void *arg)
{
	for (int i = 0; i < N; i++)
		pthread_mutex_lock(&lock[i]);
	for (int i = 0; i < N; i++) /* given back in the order of taking */
		pthread_mutex_unlock(&lock[i]);
	return arg;
}

int main(void)
{
	for (int i = 0; i < N; i++)
		pthread_mutex_init(&lock[i], NULL);
	pthread_t t = spawn(holder, NULL), u = spawn(holder, NULL);
	join(t);
	join(u);
}
