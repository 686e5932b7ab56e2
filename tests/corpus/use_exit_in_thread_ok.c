// SPDX-License-Identifier: GPL-3.0-or-later
// use_exit_in_thread_ok.c - a detached thread calls exit() with a lock in hand while main waits for it: the process ends.
// EXPECT: none
// FORBID: exit-holding-lock deadlock cond-no-waker
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static __attribute__((noreturn)) void *ends_all(void *arg)
{
	(void)arg;
	pthread_detach(pthread_self());
	pthread_mutex_lock(&m); /* main waits now */
	pthread_cond_signal(&changed);
	exit(0);
}

int main(void)
{
	pthread_mutex_lock(&m);
	spawn(ends_all, NULL);
	for (;;)
		pthread_cond_wait(&changed, &m);
}
