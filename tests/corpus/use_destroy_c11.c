// SPDX-License-Identifier: GPL-3.0-or-later
// use_destroy_c11.c - a C11 condition is destroyed while a thread waits on it, and a mtx_t while it is held.
// EXPECT: destroy-waited level=error func~main
// EXPECT: destroy-locked level=error func~main title~itself
#include <threads.h>
#include "tests/corpus/corpus.h"

static mtx_t m, held;
static cnd_t c;

static int waiter(void *arg)
{
	(void)arg;
	mtx_lock(&m);
	reach(1);
	cnd_wait(&c, &m);
	mtx_unlock(&m);
	return 0;
}

static int waker(void *arg)
{
	(void)arg;
	sleep_ms(50); /* while the destroy call waits */
	cnd_broadcast(&c);
	return 0;
}

int main(void)
{
	thrd_t a, b;
	MUST(mtx_init(&m, mtx_plain));
	MUST(mtx_init(&held, mtx_plain));
	MUST(cnd_init(&c));
	MUST(thrd_create(&a, waiter, NULL));
	until(1);
	mtx_lock(&m); /* it waits now */
	mtx_unlock(&m);
	MUST(thrd_create(&b, waker, NULL));
	cnd_destroy(&c);
	MUST(thrd_join(a, NULL));
	MUST(thrd_join(b, NULL));
	mtx_lock(&held);
	mtx_destroy(&held);
	mtx_unlock(&held);
}
