// SPDX-License-Identifier: GPL-3.0-or-later
// dead_sem.c - hangs: semaphores of one unit that serve as locks, in opposite orders.
// EXPECT: deadlock level=error
// ALLOW: lock-long-hold lock-contention lock-order-cycle
#include <semaphore.h>
#include "tests/corpus/corpus.h"

static sem_t sem[2];
static int ready, holding;

static void *pair(void *arg)
{
	long me = (long)arg;
	for (int i = 0; i < 3; i++) { /* locks, as everybody can see */
		sem_wait(&sem[me]);
		sem_post(&sem[me]);
	}
	meet(&ready, 2);
	sem_wait(&sem[me]);
	meet(&holding, 2);
	sem_wait(&sem[!me]);
	return NULL;
}

int main(void)
{
	sem_init(&sem[0], 0, 1);
	sem_init(&sem[1], 0, 1);
	pthread_t t = spawn(pair, (void *)0L), u = spawn(pair, (void *)1L);
	join(t);
	join(u);
}
