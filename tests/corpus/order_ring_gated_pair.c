// SPDX-License-Identifier: GPL-3.0-or-later
// order_ring_gated_pair.c - a ring of three, two of whose members hold a common gate: all three cannot happen at once.
// EXPECT: lock-order-gated level=note
// FORBID: lock-order-cycle
// OPTIONS: --explain
#include "tests/corpus/corpus.h"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER, lock[3];
static int all_alive;

static void *member(void *arg)
{
	int me = (int)(long)arg;
	meet(&all_alive, 3);
	until(me);
	if (me != 2)
		pthread_mutex_lock(&gate);
	pthread_mutex_lock(&lock[me]);
	pthread_mutex_lock(&lock[(me + 1) % 3]);
	pthread_mutex_unlock(&lock[(me + 1) % 3]);
	pthread_mutex_unlock(&lock[me]);
	if (me != 2)
		pthread_mutex_unlock(&gate);
	reach(me + 1);
	return NULL;
}

int main(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		pthread_mutex_init(&lock[i], NULL);
	for (int i = 0; i < 3; i++)
		t[i] = spawn(member, (void *)(long)i);
	for (int i = 0; i < 3; i++)
		join(t[i]);
}
