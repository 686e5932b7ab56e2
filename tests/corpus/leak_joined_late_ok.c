// SPDX-License-Identifier: GPL-3.0-or-later
// leak_joined_late_ok.c - threads that have ended long before main comes to join them, in another order.
// EXPECT: none
// FORBID: thread-leak-unjoined
#include "tests/corpus/corpus.h"

static void *short_life(void *arg)
{
	return arg;
}

int main(void)
{
	pthread_t t[8];
	for (int i = 0; i < 8; i++)
		t[i] = spawn(short_life, NULL);
	for (int i = 0; i < 8; i++) /* glibc's word for a join: 0 when the thread is gone */
		while (__atomic_load_n((int *)((char *)t[i] + 0x2d0), __ATOMIC_ACQUIRE))
			sched_yield();
	for (int i = 7; i >= 0; i--)
		join(t[i]);
}
