// SPDX-License-Identifier: GPL-3.0-or-later
// use_reinit_ok.c - locks that are destroyed, initialised again and used by several threads: each life is in order.
// EXPECT: none
// FORBID: use-after-destroy reinit-locked
#include <semaphore.h>
#include "tests/corpus/corpus.h"

static pthread_mutex_t m;
static pthread_rwlock_t rw;
static sem_t sem;

static void *user(void *arg)
{
	pthread_mutex_lock(&m);
	pthread_rwlock_rdlock(&rw);
	sem_post(&sem);
	pthread_rwlock_unlock(&rw);
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	for (int i = 0; i < 20; i++) {
		MUST(pthread_mutex_init(&m, NULL));
		MUST(pthread_rwlock_init(&rw, NULL));
		MUST(sem_init(&sem, 0, 0));
		pthread_t t = spawn(user, NULL);
		MUST(sem_wait(&sem));
		join(t);
		MUST(pthread_mutex_destroy(&m));
		MUST(pthread_rwlock_destroy(&rw));
		MUST(sem_destroy(&sem));
	}
}
