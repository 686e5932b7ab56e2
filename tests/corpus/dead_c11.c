// SPDX-License-Identifier: GPL-3.0-or-later
// dead_c11.c - hangs: mtx_lock in opposite orders.
// EXPECT: deadlock level=error confidence=proven
// ALLOW: lock-long-hold lock-contention lock-order-cycle
#include <threads.h>
#include "tests/corpus/corpus.h"

static mtx_t lock[2];
static int holding;

static int pair(void *arg)
{
	long me = (long)arg;
	mtx_lock(&lock[me]);
	meet(&holding, 2);
	mtx_lock(&lock[!me]);
	return 0;
}

int main(void)
{
	thrd_t t, u;
	mtx_init(&lock[0], mtx_plain);
	mtx_init(&lock[1], mtx_plain);
	MUST_BE(thrd_create(&t, pair, (void *)0L), thrd_success);
	MUST_BE(thrd_create(&u, pair, (void *)1L), thrd_success);
	thrd_join(t, NULL);
	thrd_join(u, NULL);
}
