// SPDX-License-Identifier: GPL-3.0-or-later
// order_sem_lock.c - semaphores of one unit, taken and given back like locks, in opposite orders.
// EXPECT: lock-order-cycle
#include "tests/corpus/corpus.h"

#include <semaphore.h>

static sem_t a, b;

static void *one_way(void *arg)
{
	sem_wait(&a);
	sem_wait(&b);
	sem_post(&b);
	sem_post(&a);
	reach(1);
	until(2);
	return arg;
}

static void *other_way(void *arg)
{
	until(1);
	sem_wait(&b);
	sem_wait(&a);
	sem_post(&a);
	sem_post(&b);
	reach(2);
	return arg;
}

int main(void)
{
	sem_init(&a, 0, 1);
	sem_init(&b, 0, 1);
	pthread_t t = spawn(one_way, NULL), u = spawn(other_way, NULL);
	join(t);
	join(u);
}
