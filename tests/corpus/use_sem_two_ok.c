// SPDX-License-Identifier: GPL-3.0-or-later
// use_sem_two_ok.c - two semaphores count the free and the full places of a queue; each thread takes them in its own order.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle deadlock unlock-not-owner
#include <semaphore.h>
#include "tests/corpus/corpus.h"

static sem_t space, filled;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int queue;

static void move(sem_t *take, sem_t *give, int by)
{
	sem_wait(take);
	pthread_mutex_lock(&m);
	queue += by;
	pthread_mutex_unlock(&m);
	sem_post(give);
}

static void *consumer(void *arg)
{
	for (int i = 0; i < 200; i++)
		move(&filled, &space, -1);
	return arg;
}

int main(void)
{
	sem_init(&space, 0, 4);
	sem_init(&filled, 0, 0);
	pthread_t t = spawn(consumer, NULL);
	for (int i = 0; i < 200; i++)
		move(&space, &filled, 1);
	join(t);
}
