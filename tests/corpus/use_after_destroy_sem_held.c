// SPDX-License-Identifier: GPL-3.0-or-later
// use_after_destroy_sem_held.c - a semaphore that was a lock many times is destroyed by its holder, and then posted.
// EXPECT: use-after-destroy
#include "tests/corpus/corpus.h"

#include <semaphore.h>

static void *nothing(void *arg)
{
	return arg;
}

static sem_t s;

int main(void)
{
	join(spawn(nothing, NULL));
	MUST(sem_init(&s, 0, 1));
	for (int i = 0; i < 20; i++) {
		MUST(sem_wait(&s));
		if (i == 19)
			MUST(sem_destroy(&s));
		MUST(sem_post(&s));
	}
}
