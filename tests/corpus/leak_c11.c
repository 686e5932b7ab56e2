// SPDX-License-Identifier: GPL-3.0-or-later
// leak_c11.c - C11: a thrd_t that ended and was neither joined nor detached.
// EXPECT: thread-leak-unjoined level=error
#include <threads.h>
#include "tests/corpus/corpus.h"

static int short_life(void *arg)
{
	return arg != NULL;
}

int main(void)
{
	thrd_t t, u;
	MUST_BE(thrd_create(&t, short_life, NULL), thrd_success);
	MUST_BE(thrd_create(&u, short_life, NULL), thrd_success);
	thrd_join(u, NULL);
	while (__atomic_load_n((int *)((char *)t + 0x2d0), __ATOMIC_ACQUIRE)) /* glibc's word for a join: 0 when it is gone */
		sched_yield();
}
