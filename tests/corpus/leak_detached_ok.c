// SPDX-License-Identifier: GPL-3.0-or-later
// leak_detached_ok.c - detached threads, by attribute, by their creator, by themselves: some ended, one stays.
// EXPECT: none
// FORBID: thread-leak-unjoined thread-leak-running
#include "tests/corpus/corpus.h"

static int at_work;

static void *ends(void *arg)
{
	if (arg)
		pthread_detach(pthread_self());
	__atomic_add_fetch(&at_work, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *stays(void *arg)
{
	__atomic_add_fetch(&at_work, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
	return arg;
}

int main(void)
{
	pthread_t t;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	MUST(pthread_create(&t, &attr, ends, NULL));
	pthread_detach(spawn(ends, NULL));
	spawn(ends, &attr);
	pthread_detach(spawn(stays, NULL));
	while (__atomic_load_n(&at_work, __ATOMIC_ACQUIRE) < 4)
		sched_yield();
}
