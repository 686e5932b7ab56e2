// SPDX-License-Identifier: GPL-3.0-or-later
// leak_running.c - main returns while joinable threads of its own are at work.
// EXPECT: thread-leak-running level=warning
#include "tests/corpus/corpus.h"

static int started;

static __attribute__((noreturn)) void *busy(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&started, 1, __ATOMIC_RELEASE);
	for (;;)
		sched_yield();
}

int main(void)
{
	spawn(busy, NULL);
	spawn(busy, NULL);
	while (__atomic_load_n(&started, __ATOMIC_ACQUIRE) < 2)
		sched_yield();
}
