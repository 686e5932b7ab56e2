// SPDX-License-Identifier: GPL-3.0-or-later
// order_ring7.c - 7 threads, each takes a mutex and the next one's: a cycle of seven.
// EXPECT: lock-order-cycle level=error title~7
#include "tests/corpus/corpus.h"

#define N 7
static pthread_mutex_t lock[N];
static int all_alive;

static void *member(void *arg)
{
	int me = (int)(long)arg;
	meet(&all_alive, N);
	until(me);
	pthread_mutex_lock(&lock[me]);
	pthread_mutex_lock(&lock[(me + 1) % N]);
	pthread_mutex_unlock(&lock[(me + 1) % N]);
	pthread_mutex_unlock(&lock[me]);
	reach(me + 1);
	return NULL;
}

int main(void)
{
	pthread_t t[N];
	for (int i = 0; i < N; i++)
		pthread_mutex_init(&lock[i], NULL);
	for (int i = 0; i < N; i++)
		t[i] = spawn(member, (void *)(long)i);
	for (int i = 0; i < N; i++)
		join(t[i]);
	for (int i = 0; i < N; i++)
		pthread_mutex_destroy(&lock[i]);
}
