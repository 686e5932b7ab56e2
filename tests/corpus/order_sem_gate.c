// SPDX-License-Identifier: GPL-3.0-or-later
// order_sem_gate.c - a semaphore of one unit that both take as a lock is a gate like a mutex.
// EXPECT: none
// FORBID: lock-order-cycle
#include <semaphore.h>
#include "tests/corpus/corpus.h"

static sem_t gate;
static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *pair(void *arg)
{
	pthread_mutex_t *first = arg, *second = first == &a ? &b : &a;
	sem_wait(&gate);
	pthread_mutex_lock(first);
	pthread_mutex_lock(second);
	pthread_mutex_unlock(second);
	pthread_mutex_unlock(first);
	sem_post(&gate);
	return NULL;
}

int main(void)
{
	sem_init(&gate, 0, 1);
	pthread_t t = spawn(pair, &a), u = spawn(pair, &b);
	join(t);
	join(u);
}
