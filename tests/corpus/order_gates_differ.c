// SPDX-License-Identifier: GPL-3.0-or-later
// order_gates_differ.c - each of two opposite orders holds a gate, but not the same one.
// EXPECT: lock-order-cycle level=error
#include "tests/corpus/corpus.h"

static pthread_mutex_t gate[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_mutex_t lock[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

static void *pair(void *arg)
{
	long me = (long)arg;
	until((int)me);
	pthread_mutex_lock(&gate[me]);
	pthread_mutex_lock(&lock[me]);
	pthread_mutex_lock(&lock[!me]);
	pthread_mutex_unlock(&lock[!me]);
	pthread_mutex_unlock(&lock[me]);
	pthread_mutex_unlock(&gate[me]);
	reach((int)me + 1);
	until(2);
	return NULL;
}

int main(void)
{
	pthread_t t = spawn(pair, (void *)0L), u = spawn(pair, (void *)1L);
	join(t);
	join(u);
}
