// SPDX-License-Identifier: GPL-3.0-or-later
// use_sem_lives_ok.c - one semaphore, destroyed and made anew: a lock, then a signal, then a lock that another thread destroys.
// EXPECT: none
#include "tests/corpus/corpus.h"

#include <semaphore.h>

static sem_t s;

static void *posts(void *arg)
{
	MUST(sem_post(&s));
	return arg;
}

static void *destroys(void *arg)
{
	MUST(sem_destroy(&s));
	return arg;
}

static void as_lock(void)
{
	MUST(sem_init(&s, 0, 1));
	for (int i = 0; i < 20; i++) {
		MUST(sem_wait(&s));
		MUST(sem_post(&s));
	}
}

int main(void)
{
	as_lock();
	MUST(sem_destroy(&s));
	MUST(sem_init(&s, 0, 0));
	pthread_t t = spawn(posts, NULL);
	MUST(sem_wait(&s));
	join(t);
	MUST(sem_destroy(&s));
	as_lock();
	join(spawn(destroys, NULL));
	as_lock();
	MUST(sem_destroy(&s));
}
