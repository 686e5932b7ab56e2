// SPDX-License-Identifier: GPL-3.0-or-later
// leak_unjoined.c - joinable threads that ended and were never joined.
// EXPECT: thread-leak-unjoined level=error title~3
#include "tests/corpus/corpus.h"

static void *short_life(void *arg)
{
	return arg;
}

int main(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		MUST(pthread_create(&t[i], NULL, short_life, NULL));
	for (int i = 0; i < 3; i++) /* glibc's word for a join: 0 when the thread is gone */
		while (__atomic_load_n((int *)((char *)t[i] + 0x2d0), __ATOMIC_ACQUIRE))
			sched_yield();
}
