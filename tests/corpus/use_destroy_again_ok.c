// SPDX-License-Identifier: GPL-3.0-or-later
// use_destroy_again_ok.c - locks destroyed and made anew where they were: by init, in memory freed meanwhile, on a stack.
// EXPECT: none
// FORBID: use-after-destroy
#include <semaphore.h>
#include <string.h>
#include "tests/corpus/corpus.h"

static pthread_rwlock_t rw;
static sem_t sem;
static pthread_barrier_t barrier;
static pthread_spinlock_t spin;

static void use_rw(pthread_rwlock_t *l)
{
	MUST(pthread_rwlock_rdlock(l));
	MUST(pthread_rwlock_unlock(l));
	MUST(pthread_rwlock_wrlock(l));
	MUST(pthread_rwlock_unlock(l));
}

static void by_init(void)
{
	MUST(pthread_rwlock_init(&rw, NULL));
	MUST(sem_init(&sem, 0, 1));
	MUST(pthread_barrier_init(&barrier, NULL, 1));
	MUST(pthread_spin_init(&spin, 0));
	use_rw(&rw);
	MUST(sem_wait(&sem));
	MUST(sem_post(&sem));
	pthread_barrier_wait(&barrier);
	MUST(pthread_spin_lock(&spin));
	MUST(pthread_spin_unlock(&spin));
	MUST(pthread_rwlock_destroy(&rw));
	MUST(sem_destroy(&sem));
	MUST(pthread_barrier_destroy(&barrier));
	MUST(pthread_spin_destroy(&spin));
}

/* The same block again and again: once by init and destroy, once by the initialiser alone. */
static void in_freed_memory(int turn)
{
	pthread_rwlock_t *l = malloc(sizeof(*l));
	if (turn % 2) {
		*l = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
	} else {
		MUST(pthread_rwlock_init(l, NULL));
	}
	use_rw(l);
	if (turn % 2 == 0)
		MUST(pthread_rwlock_destroy(l));
	free(l);
}

static __attribute__((noinline)) void on_stack(int turn)
{
	pthread_rwlock_t l = PTHREAD_RWLOCK_INITIALIZER;
	if (turn % 2 == 0)
		MUST(pthread_rwlock_init(&l, NULL));
	use_rw(&l);
	if (turn % 2 == 0)
		MUST(pthread_rwlock_destroy(&l));
}

static void *all(void *arg)
{
	for (int i = 0; i < 8; i++) {
		by_init();
		in_freed_memory(i);
		on_stack(i);
	}
	return arg;
}

int main(void)
{
	all(NULL);
	join(spawn(all, NULL));
	join(spawn(all, NULL));
}
