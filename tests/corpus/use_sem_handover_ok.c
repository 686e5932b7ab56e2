// SPDX-License-Identifier: GPL-3.0-or-later
// use_sem_handover_ok.c - binary semaphores posted by another thread than took them: turns, not locks.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: unlock-not-owner lock-order-cycle exit-holding-lock
#include <semaphore.h>
#include "tests/corpus/corpus.h"

static sem_t ping, pong;

static void *player(void *arg)
{
	for (int i = 0; i < 100; i++) {
		sem_wait(&ping);
		sem_post(&pong);
	}
	return arg;
}

int main(void)
{
	sem_init(&ping, 0, 1);
	sem_init(&pong, 0, 0);
	pthread_t t = spawn(player, NULL);
	for (int i = 0; i < 100; i++) {
		sem_wait(&pong);
		sem_post(&ping);
	}
	join(t);
}
