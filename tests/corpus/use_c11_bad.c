// SPDX-License-Identifier: GPL-3.0-or-later
// use_c11_bad.c - C11: mtx_unlock by a thread that does not hold it, a thread that ends with a lock, thrd_join twice.
// EXPECT: unlock-not-owner level=error|warning
// EXPECT: exit-holding-lock level=error|warning
// EXPECT: double-join level=error|warning
// ALLOW: lock-held-blocking
#include <threads.h>
#include "tests/corpus/corpus.h"

static mtx_t a, b;

static int stranger(void *arg)
{
	mtx_unlock(&a);
	return arg != NULL;
}

static int forgetful(void *arg)
{
	mtx_lock(&b);
	return arg != NULL;
}

int main(void)
{
	thrd_t t;
	mtx_init(&a, mtx_plain);
	mtx_init(&b, mtx_plain);
	mtx_lock(&a);
	MUST_BE(thrd_create(&t, stranger, NULL), thrd_success);
	thrd_join(t, NULL);
	MUST_BE(thrd_create(&t, forgetful, NULL), thrd_success);
	thrd_join(t, NULL);
	thrd_join(t, NULL);
}
