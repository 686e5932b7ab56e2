// SPDX-License-Identifier: GPL-3.0-or-later
// order_hand_over_hand.c - two threads walk a list, taking the next node's lock before they give back the last one's.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle
#include "tests/corpus/corpus.h"

#define N 12
static pthread_mutex_t node[N];

static void *walk(void *arg)
{
	for (int round = 0; round < 10; round++) {
		pthread_mutex_lock(&node[0]);
		for (int i = 1; i < N; i++) {
			pthread_mutex_lock(&node[i]);
			pthread_mutex_unlock(&node[i - 1]);
		}
		pthread_mutex_unlock(&node[N - 1]);
	}
	return arg;
}

int main(void)
{
	for (int i = 0; i < N; i++)
		pthread_mutex_init(&node[i], NULL);
	pthread_t t = spawn(walk, NULL), u = spawn(walk, NULL);
	join(t);
	join(u);
}
