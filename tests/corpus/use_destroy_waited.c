// SPDX-License-Identifier: GPL-3.0-or-later
// use_destroy_waited.c - a semaphore is destroyed while a thread waits for it.
// EXPECT: destroy-waited level=error|warning func~main
// EXPECT: use-after-destroy func~main
#include <semaphore.h>
#include "tests/corpus/corpus.h"

static sem_t sem;

static void *waiter(void *arg)
{
	sem_wait(&sem);
	return arg;
}

int main(void)
{
	sem_init(&sem, 0, 0);
	pthread_t t = spawn(waiter, NULL);
	/* glibc counts those who sleep in the upper half of the first word. */
	while (__atomic_load_n((unsigned long *)&sem, __ATOMIC_ACQUIRE) >> 32 == 0)
		sched_yield();
	sem_destroy(&sem);
	sem_post(&sem); /* works, by chance of this C library */
	join(t);
}
