/* SPDX-License-Identifier: GPL-3.0-or-later */
/* c11.c - scenarios of <threads.h>: glibc calls its own internals from these, past every hook of the pthread names. */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <stdlib.h>
#include <threads.h>

static mtx_t c11_mtx;
static cnd_t c11_cnd;
static long c11_turn;

MK_NAMED static void c11_holder(void *m)
{
	MK_EXPECT(mtx_lock(m), thrd_success);
}

MK_NAMED static void c11_waiter(void *m)
{
	MK_EXPECT(mtx_lock(m), thrd_success);
}

static void c11_release(void *m)
{
	MK_EXPECT(mtx_unlock(m), thrd_success);
}

MK_NAMED static int c11_tries(void)
{
	int rc = mtx_trylock(&c11_mtx);
	MK_KEEP_FRAME();
	return rc;
}

MK_NAMED static int c11_timed(const struct timespec *until)
{
	int rc = mtx_timedlock(&c11_mtx, until);
	MK_KEEP_FRAME();
	return rc;
}

static int c11_loser_main(void *arg)
{
	mk_enter("c11_loser_main");
	struct mk_pair *p = arg;
	MK_EXPECT(c11_tries(), thrd_busy);
	struct timespec until = mk_deadline(CLOCK_REALTIME, 20000);
	uint64_t t0 = mk_now();
	MK_EXPECT(c11_timed(&until), thrd_timedout);
	mk_timed_out(p, mk_now() - t0);
	return 0;
}

/* Contended; then one failed try and one that times out. */
int c11_mutex(void)
{
	MK_EXPECT(mtx_init(&c11_mtx, mtx_timed), thrd_success);
	struct mk_lock *l = mk_run_contend(&(struct mk_contend){
		.object = &c11_mtx,
		.size = sizeof(c11_mtx),
		.hold = c11_holder,
		.want = c11_waiter,
		.release = c11_release,
		.hold_name = "c11_holder",
		.want_name = "c11_waiter",
		.name = "mtx",
		.kind = "mutex",
		.waiters = (int)mk_arg("waiters"),
		.rounds = (int)mk_arg("rounds"),
		.hold_us = mk_arg("hold_us"),
	});
	thrd_t t;
	c11_holder(&c11_mtx);
	mk_took(l, 1);
	MK_EXPECT(thrd_create(&t, c11_loser_main, mk_add_pair(l, "c11_timed", "c11_holder")), thrd_success);
	mk_created(1);
	MK_EXPECT(thrd_join(t, NULL), thrd_success);
	mk_joined(1);
	mk_try_failed(l, 1);
	c11_release(&c11_mtx);
	return 0;
}

/* ------------------------------------------------------------------ cnd */

struct c11_play {
	struct mk_lock *cond, *mutex;
	struct mk_pair *pair;
	long rounds;
};

MK_NAMED static void c11_cnd_waits(struct mk_pair *p)
{
	uint64_t t0 = mk_now();
	MK_EXPECT(cnd_wait(&c11_cnd, &c11_mtx), thrd_success);
	mk_waited(p, mk_now() - t0);
}

static void c11_play(struct c11_play *p, long me)
{
	c11_holder(&c11_mtx);
	for (long r = 0; r < p->rounds; r++) {
		while (c11_turn % 2 != me)
			c11_cnd_waits(p->pair);
		c11_turn++;
		MK_EXPECT(cnd_signal(&c11_cnd), thrd_success);
	}
	c11_release(&c11_mtx);
	mk_count(p->cond, "signals", (uint64_t)p->rounds);
	mk_took(p->mutex, 1);
}

static int c11_play_main(void *arg)
{
	mk_enter("c11_play_main");
	c11_play(arg, 1);
	return 0;
}

int c11_cnd_scenario(void)
{
	thrd_t t;
	struct c11_play p = {.rounds = mk_arg("rounds")};
	MK_EXPECT(mtx_init(&c11_mtx, mtx_plain), thrd_success);
	MK_EXPECT(cnd_init(&c11_cnd), thrd_success);
	p.cond = mk_add_lock("cnd", "cond", &c11_cnd, sizeof(c11_cnd));
	p.mutex = mk_add_lock("cnd-mutex", "mutex", &c11_mtx, sizeof(c11_mtx));
	mk_contended_unknown(p.mutex);
	p.pair = mk_add_pair(p.cond, "c11_cnd_waits", NULL);
	mk_count(p.cond, "signals", 0);
	MK_EXPECT(thrd_create(&t, c11_play_main, &p), thrd_success);
	mk_created(1);
	c11_play(&p, 0);
	MK_EXPECT(thrd_join(t, NULL), thrd_success);
	mk_joined(1);
	return 0;
}

/* ------------------------------------------------------------------ thrd */

static int c11_returns_main(void *arg)
{
	mk_enter("c11_returns_main");
	return (int)(intptr_t)arg;
}

static int c11_exits_main(void *arg)
{
	mk_enter("c11_exits_main");
	thrd_exit((int)(intptr_t)arg);
}

static int c11_detached_main(void *arg)
{
	mk_enter("c11_detached_main");
	__atomic_store_n((int *)arg, mk_tid(), __ATOMIC_RELEASE);
	return 0;
}

/* A third each: joined after a return, joined after thrd_exit, detached. */
int c11_thrd(void)
{
	long n = mk_arg("threads");
	for (long i = 0; i < n; i++) {
		thrd_t a, b, c;
		int ra, rb, tid = 0;
		MK_EXPECT(thrd_create(&a, c11_returns_main, (void *)7), thrd_success);
		MK_EXPECT(thrd_create(&b, c11_exits_main, (void *)8), thrd_success);
		MK_EXPECT(thrd_create(&c, c11_detached_main, &tid), thrd_success);
		mk_created(3);
		MK_EXPECT(thrd_detach(c), thrd_success);
		mk_detached(1);
		MK_EXPECT(thrd_join(a, &ra), thrd_success);
		MK_EXPECT(thrd_join(b, &rb), thrd_success);
		mk_joined(2);
		MK_TRUE(ra == 7 && rb == 8);
		while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
			mk_sleep_us(30);
		mk_wait_gone(tid);
	}
	return 0;
}

/* ------------------------------------------------------------------ call_once */

static once_flag c11_once = ONCE_FLAG_INIT;

static struct {
	struct mk_pair *pair;
	struct mk_gate asking;
	int tid;
	long hold_us;
} once_run;

MK_NAMED static void c11_once_routine(void)
{
	mk_gate_add(&once_run.asking);
	mk_gate_wait(&once_run.asking, 2);
	mk_wait_blocked(0, __atomic_load_n(&once_run.tid, __ATOMIC_ACQUIRE), &c11_once, sizeof(c11_once));
	mk_sleep_us(once_run.hold_us);
}

MK_NAMED static void c11_once_calls(void)
{
	call_once(&c11_once, c11_once_routine);
	MK_KEEP_FRAME();
}

static int c11_once_main(void *arg)
{
	(void)arg;
	mk_enter("c11_once_main");
	mk_gate_wait(&once_run.asking, 1);
	__atomic_store_n(&once_run.tid, mk_tid(), __ATOMIC_RELEASE);
	mk_gate_add(&once_run.asking);
	uint64_t t0 = mk_now();
	c11_once_calls();
	mk_waited(once_run.pair, mk_now() - t0);
	return 0;
}

int c11_call_once(void)
{
	thrd_t t;
	once_run.hold_us = mk_arg("hold_us");
	struct mk_lock *l = mk_add_lock("call_once", "once", &c11_once, sizeof(c11_once));
	once_run.pair = mk_add_pair(l, "c11_once_calls", NULL);
	MK_EXPECT(thrd_create(&t, c11_once_main, NULL), thrd_success);
	mk_created(1);
	c11_once_calls();
	mk_took(l, 1);
	MK_EXPECT(thrd_join(t, NULL), thrd_success);
	mk_joined(1);
	return 0;
}
