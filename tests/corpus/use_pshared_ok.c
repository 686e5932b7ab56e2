// SPDX-License-Identifier: GPL-3.0-or-later
// use_pshared_ok.c - a mutex and a semaphore in memory shared with a child process: each locks, both post.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: unlock-not-owner deadlock destroy-locked
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "tests/corpus/corpus.h"

struct shared {
	pthread_mutex_t lock;
	sem_t turn;
	int value;
};

int main(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	MUST(pthread_mutex_init(&s->lock, &attr));
	MUST(sem_init(&s->turn, 1, 0));
	pid_t child = fork();
	for (int i = 0; i < 20; i++) {
		pthread_mutex_lock(&s->lock);
		s->value++;
		pthread_mutex_unlock(&s->lock);
	}
	if (child == 0) {
		sem_post(&s->turn);
		_exit(0);
	}
	sem_wait(&s->turn);
	MUST_BE(s->value, 40);
	waitpid(child, NULL, 0);
	pthread_mutex_destroy(&s->lock);
	sem_destroy(&s->turn);
}
