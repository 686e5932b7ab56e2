// SPDX-License-Identifier: GPL-3.0-or-later
// use_after_destroy_sem.c - a semaphore is posted, another one waited for, after it was destroyed.
// EXPECT: use-after-destroy level=error confidence=likely func~late_post
// EXPECT: use-after-destroy level=error func~late_wait
#include <semaphore.h>
#include "tests/corpus/corpus.h"

static sem_t posted, waited;

static __attribute__((noinline)) void *late_post(void *arg)
{
	MUST(sem_post(&posted));
	return arg;
}

static __attribute__((noinline)) void *late_wait(void *arg)
{
	MUST(sem_wait(&waited));
	return arg;
}

static void use(sem_t *sem)
{
	MUST(sem_init(sem, 0, 1));
	MUST(sem_wait(sem));
	MUST(sem_post(sem));
	MUST(sem_destroy(sem));
}

int main(void)
{
	use(&posted);
	use(&waited);
	join(spawn(late_post, NULL));
	join(spawn(late_wait, NULL));
}
