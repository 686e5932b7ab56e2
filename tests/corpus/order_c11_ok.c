// SPDX-License-Identifier: GPL-3.0-or-later
// order_c11_ok.c - C11: recursive, tried and timed locks, a condition and call_once, all in order.
// EXPECT: none
// FORBID: lock-order-cycle relock
#include <threads.h>
#include "tests/corpus/corpus.h"

static mtx_t a, b;
static cnd_t changed;
static once_flag once = ONCE_FLAG_INIT;
static int turns;

static void begin(void)
{
	mtx_init(&a, mtx_plain | mtx_recursive);
	mtx_init(&b, mtx_timed);
	cnd_init(&changed);
}

static int player(void *arg)
{
	call_once(&once, begin);
	mtx_lock(&a);
	MUST_BE(mtx_trylock(&a), thrd_success);
	struct timespec deadline = after_ms(5000);
	MUST_BE(mtx_timedlock(&b, &deadline), thrd_success);
	mtx_unlock(&a);
	mtx_unlock(&a);
	turns++;
	cnd_broadcast(&changed);
	while (turns < 2)
		cnd_wait(&changed, &b);
	mtx_unlock(&b);
	return arg != NULL;
}

int main(void)
{
	thrd_t t, u;
	MUST_BE(thrd_create(&t, player, NULL), thrd_success);
	MUST_BE(thrd_create(&u, player, NULL), thrd_success);
	thrd_join(t, NULL);
	thrd_join(u, NULL);
}
