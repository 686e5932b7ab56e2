/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parked.c - waits that cost nothing: a lock used as a gate behind which idle threads are kept.
 *
 * redis keeps its I/O threads so: the main thread locks a mutex of each, goes on with its event loop, and unlocks it when there
 * is work again. Their waits last as long as there is nothing to do; they are no contention, whatever their sum.
 *
 * Waits of one (waiter site, holder site) are parking when all of this was seen:
 *  - the holder itself waited for events or work while it held the lock (the recorder notes that), for at least half as long as
 *    others waited for locks of this class: no code ran under the lock in that time, so none could be made faster;
 *  - it let the lock go in another function than it had taken it in: the lock encloses a time, not a critical section. A
 *    function that locks, polls a socket and unlocks is a lock held too long, and stays contention;
 *  - the waiters do nothing under the lock: their own holds last less than a hundredth of their waits.
 * What cannot be decided, because names or samples are missing, stays contention. Called by contention.c and starvation.c.
 */
#include <string.h>

#include "lib/findings/detect.h"

#define HELD_SHARE  2   /* the holder was idle for 1/2 of the waits, or more */
#define EMPTY_SHARE 100 /* waiters hold for 1/100 of what they waited, or less */

static bool is_wait_for_work(enum ttrec_op op)
{
	return op == TTREC_OP_LOOP_WAIT || op == TTREC_OP_COND_WAIT || op == TTREC_OP_COND_TIMEDWAIT;
}

/* How long threads waited for events or work while they held a lock of this class. One record sums over all holders' sites. */
static uint64_t idle_holding_ns(const struct tt_model *m, const struct tt_lock_class *c)
{
	uint64_t ns = 0;
	const struct tt_misuse *x;
	vec_for_each (x, &m->misuses)
		if (x->what == TTREC_MISUSE_HELD_BLOCKING && x->lock && x->lock->class == c && is_wait_for_work(x->op))
			ns += x->total_ns;
	return ns;
}

static bool is_let_go_elsewhere(const struct tt_detect *d, const struct tt_wait *w)
{
	if (!w->holder_stack)
		return false;
	struct tt_place taken = d->namer->place(d->namer->ctx, w->holder, NULL);
	struct tt_place let_go = d->namer->place(d->namer->ctx, NULL, w->holder_stack);
	return taken.function && let_go.function && strcmp(taken.function, let_go.function) != 0;
}

static bool waiters_do_nothing(const struct tt_lock_class *c, const struct tt_wait *w)
{
	for (unsigned i = 0; i < c->site_count; i++) {
		const struct tt_lock_site *s = &c->sites[i];
		if (s->site != w->waiter)
			continue;
		/* Waits in progress have no hold yet. */
		uint64_t mean = s->hold.weight ? s->hold.total_ns / s->hold.weight : 0;
		return s->hold.samples && w->waits.count && mean <= w->waits.total_ns / w->waits.count / EMPTY_SHARE;
	}
	return false;
}

uint64_t tt_detect_parked_ns(const struct tt_detect *d, const struct tt_lock_class *c)
{
	uint64_t parked = 0;
	if (idle_holding_ns(d->model, c) < c->waits.total_ns / HELD_SHARE)
		return 0;
	for (unsigned i = 0; i < c->pair_count; i++) {
		const struct tt_wait *w = &c->pairs[i];
		if (w->holder && waiters_do_nothing(c, w) && is_let_go_elsewhere(d, w))
			parked += w->waits.total_ns;
	}
	return parked;
}

bool tt_detect_is_parked(const struct tt_detect *d, const struct tt_lock_class *c)
{
	uint64_t parked = c && c->use == TT_USE_LOCK ? tt_detect_parked_ns(d, c) : 0;
	return parked && parked >= c->waits.total_ns / 2;
}
