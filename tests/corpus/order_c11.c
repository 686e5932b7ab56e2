// SPDX-License-Identifier: GPL-3.0-or-later
// order_c11.c - C11: mtx_lock in opposite orders by thrd_t threads.
// EXPECT: lock-order-cycle level=error
#include <threads.h>
#include "tests/corpus/corpus.h"

static mtx_t a, b;

static int one_way(void *arg)
{
	(void)arg;
	mtx_lock(&a);
	mtx_lock(&b);
	mtx_unlock(&b);
	mtx_unlock(&a);
	reach(1);
	until(2);
	return 0;
}

static int other_way(void *arg)
{
	(void)arg;
	until(1);
	mtx_lock(&b);
	mtx_lock(&a);
	mtx_unlock(&a);
	mtx_unlock(&b);
	reach(2);
	return 0;
}

int main(void)
{
	thrd_t t, u;
	mtx_init(&a, mtx_plain);
	mtx_init(&b, mtx_plain);
	MUST_BE(thrd_create(&t, one_way, NULL), thrd_success);
	MUST_BE(thrd_create(&u, other_way, NULL), thrd_success);
	thrd_join(t, NULL);
	thrd_join(u, NULL);
}
