/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sem_signal.c - one semaphore of many lives, in each of which it is a signal: who takes it takes it again, and another thread
 * posts it in between. In the last life a third thread waits at the same place, and the first waits for that one: nobody has
 * the semaphore, and no wait is one for a lock.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>

#define LIVES 200

static sem_t signalled, go, done;
static pthread_barrier_t last;

static void __attribute__((noinline)) make(void)
{
	sem_init(&signalled, 0, 1);
}

static void __attribute__((noinline)) take(void)
{
	sem_wait(&signalled);
	__asm__ volatile("");
}

static void __attribute__((noinline)) give(void)
{
	sem_post(&signalled);
	__asm__ volatile("");
}

static void *poster(void *arg)
{
	for (int i = 0; i <= LIVES; i++) {
		sem_wait(&go);
		give();
		sem_post(&done);
	}
	/* Until the other is asleep: then a unit is asked for that is not there. */
	pthread_barrier_wait(&last);
	for (uint64_t data = 0; !(data >> 32);)
		data = __atomic_load_n((uint64_t *)(void *)&signalled, __ATOMIC_RELAXED);
	give();
	return arg;
}

static void *waiter(void *arg)
{
	pthread_barrier_wait(&last);
	take();
	take();
	return arg;
}

int main(void)
{
	pthread_t threads[2];
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	pthread_barrier_init(&last, NULL, 3);
	pthread_create(&threads[0], NULL, poster, NULL);
	pthread_create(&threads[1], NULL, waiter, NULL);
	for (int i = 0; i <= LIVES; i++) {
		make();
		take();
		sem_post(&go);
		sem_wait(&done);
		if (i < LIVES) {
			take();
			sem_destroy(&signalled);
		}
	}
	pthread_barrier_wait(&last);
	pthread_join(threads[1], NULL);
	pthread_join(threads[0], NULL);
	puts("done");
	return 0;
}
