/* SPDX-License-Identifier: GPL-3.0-or-later */
/* contend.c - the contention engine: rounds in which it is certain who waits for whom. See mk.h. Called by scenarios. */
#include "tests/mkthreads/mk.h"

#define MAX_WAITERS 64

struct engine {
	const struct mk_contend *c;
	struct mk_lock *lock;
	struct mk_pair *pair;
	struct mk_gate ready, round, asking, done;
	int tid[MAX_WAITERS];
};

static void wait_once(struct engine *e)
{
	const struct mk_contend *c = e->c;
	mk_gate_add(&e->asking);
	uint64_t t0 = mk_now();
	c->want(c->object);
	mk_waited(e->pair, mk_now() - t0);
	(c->release_wanted ? c->release_wanted : c->release)(c->object);
	mk_gate_add(&e->done);
}

static void *contend_waiter(void *arg)
{
	struct engine *e = arg;
	mk_enter("contend_waiter");
	int slot = __atomic_fetch_add(&e->ready.n, 1, __ATOMIC_ACQ_REL);
	__atomic_store_n(&e->tid[slot], mk_tid(), __ATOMIC_RELEASE);
	for (int r = 1; r <= e->c->rounds; r++) {
		mk_gate_wait(&e->round, r);
		wait_once(e);
	}
	return NULL;
}

static void wait_for_waiters(struct engine *e, int round)
{
	const struct mk_contend *c = e->c;
	mk_gate_wait(&e->asking, (round + 1) * c->waiters);
	for (int i = 0; i < c->waiters; i++) {
		int tid;
		while (!(tid = __atomic_load_n(&e->tid[i], __ATOMIC_ACQUIRE)))
			mk_sleep_us(30);
		if (c->spins)
			mk_wait_ran(tid, 200);
		else
			mk_wait_blocked(0, tid, c->object, c->size);
	}
}

struct mk_lock *mk_run_contend(const struct mk_contend *c)
{
	pthread_t thread[MAX_WAITERS];
	struct engine e = {.c = c};
	MK_TRUE(c->waiters >= 1 && c->waiters <= MAX_WAITERS);
	e.lock = mk_add_lock(c->name, c->kind, c->object, c->size);
	e.pair = mk_add_pair(e.lock, c->want_name, c->hold_name);
	for (int i = 0; i < c->waiters; i++)
		MK_CREATE(&thread[i], NULL, contend_waiter, &e);
	for (int r = 0; r < c->rounds; r++) {
		c->hold(c->object);
		mk_took(e.lock, 1);
		mk_gate_add(&e.round);
		wait_for_waiters(&e, r);
		mk_sleep_us(c->hold_us);
		c->release(c->object);
		mk_gate_wait(&e.done, (r + 1) * c->waiters);
	}
	for (int i = 0; i < c->waiters; i++)
		MK_JOIN(thread[i], NULL);
	return e.lock;
}
