// SPDX-License-Identifier: GPL-3.0-or-later
// leak_pool_shrinks.c - one of a pool's threads has ended when the program does, which leaves the others as they are.
// EXPECT: thread-leak-unjoined level=warning confidence=possible
#include <signal.h>
#include <sys/syscall.h>
#include "tests/corpus/corpus.h"

enum { WORKERS = 5 };
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static int waiting, leave;
static pid_t left;

static void *worker(void *arg)
{
	MUST(pthread_mutex_lock(&m));
	waiting++;
	while (!leave)
		MUST(pthread_cond_wait(&work, &m));
	leave = 0;
	waiting--;
	left = gettid();
	MUST(pthread_mutex_unlock(&m));
	return arg;
}

static int idle(void)
{
	MUST(pthread_mutex_lock(&m));
	int n = waiting;
	MUST(pthread_mutex_unlock(&m));
	return n;
}

int main(void)
{
	for (int i = 0; i < WORKERS; i++)
		spawn(worker, NULL);
	while (idle() < WORKERS)
		sched_yield();
	MUST(pthread_mutex_lock(&m));
	leave = 1;
	MUST(pthread_cond_signal(&work));
	MUST(pthread_mutex_unlock(&m));
	while (idle() == WORKERS)
		sched_yield();
	while (syscall(SYS_tgkill, getpid(), left, 0) == 0) /* until it is gone */
		sched_yield();
	exit(0);
}
