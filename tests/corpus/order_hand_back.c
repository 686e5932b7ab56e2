// SPDX-License-Identifier: GPL-3.0-or-later
// order_hand_back.c - hand over hand forwards by one thread and backwards by another: they can meet in the middle.
// EXPECT: lock-order-cycle level=error func~forwards func~backwards
#include "tests/corpus/corpus.h"

#define N 4
static pthread_mutex_t node[N];

static void *forwards(void *arg)
{
	pthread_mutex_lock(&node[0]);
	for (int i = 1; i < N; i++) {
		pthread_mutex_lock(&node[i]);
		pthread_mutex_unlock(&node[i - 1]);
	}
	pthread_mutex_unlock(&node[N - 1]);
	reach(1);
	until(2);
	return arg;
}

static void *backwards(void *arg)
{
	until(1);
	pthread_mutex_lock(&node[N - 1]);
	for (int i = N - 1; i > 0; i--) {
		pthread_mutex_lock(&node[i - 1]);
		pthread_mutex_unlock(&node[i]);
	}
	pthread_mutex_unlock(&node[0]);
	reach(2);
	return arg;
}

int main(void)
{
	for (int i = 0; i < N; i++)
		pthread_mutex_init(&node[i], NULL);
	pthread_t t = spawn(forwards, NULL), u = spawn(backwards, NULL);
	join(t);
	join(u);
}
