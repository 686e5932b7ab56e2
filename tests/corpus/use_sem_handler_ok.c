// SPDX-License-Identifier: GPL-3.0-or-later
// use_sem_handler_ok.c - a signal handler posts a semaphore, the one thing that it may do to a lock.
// EXPECT: none
// FORBID: unlock-not-owner
#include <semaphore.h>
#include <signal.h>
#include "tests/corpus/corpus.h"

static sem_t event;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void on_signal(int sig)
{
	(void)sig;
	sem_post(&event);
}

static void *handler_thread(void *arg)
{
	for (int i = 0; i < 20; i++)
		while (sem_wait(&event) != 0)
			;
	return arg;
}

int main(void)
{
	sem_init(&event, 0, 0);
	signal(SIGUSR1, on_signal);
	pthread_t t = spawn(handler_thread, NULL);
	for (int i = 0; i < 20; i++) {
		pthread_mutex_lock(&m);
		raise(SIGUSR1);
		pthread_mutex_unlock(&m);
	}
	join(t);
}
