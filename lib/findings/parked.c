/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parked.c - waits that cost nothing: a lock used as a gate behind which idle threads are kept.
 *
 * redis keeps its I/O threads so: the main thread locks a mutex of each, goes on with its event loop, and unlocks it when there
 * is work again. Their waits last as long as there is nothing to do; they are no contention, whatever their sum.
 *
 * Waits of one (waiter site, holder site) are parking when all of this was seen:
 *  - the holder waited for events or work while it held the lock (the recorder notes that), at least once for each time that it
 *    took the lock there: it keeps the lock over turns of its loop, not for the length of some work;
 *  - it let the lock go in another function than it had taken it in: the lock encloses a time, not a critical section. A
 *    function that locks, polls a socket and unlocks is a lock held too long, and stays contention;
 *  - the waiters do nothing under the lock: their own holds last less than a hundredth of their waits.
 * Times of the holder prove nothing: on a busy machine it may be kept from its loop for long.
 * What cannot be decided, because names or samples are missing, stays contention. Called by contention.c and starvation.c.
 */
#include <string.h>

#include "lib/findings/detect.h"

#define EMPTY_SHARE 100 /* waiters hold for 1/100 of what they waited, or less */

static bool is_wait_for_work(enum ttrec_op op)
{
	return op == TTREC_OP_LOOP_WAIT || op == TTREC_OP_COND_WAIT || op == TTREC_OP_COND_TIMEDWAIT;
}

/* How often threads waited for events or work while they held a lock of this class. One record sums over all holders' sites. */
static uint64_t idle_holding_count(const struct tt_model *m, const struct tt_lock_class *c)
{
	uint64_t n = 0;
	const struct tt_misuse *x;
	vec_for_each (x, &m->misuses)
		if (x->what == TTREC_MISUSE_HELD_BLOCKING && x->lock && x->lock->class == c && is_wait_for_work(x->op))
			n += x->count;
	return n;
}

static const struct tt_lock_site *site_of(const struct tt_lock_class *c, const struct tt_site *site)
{
	for (unsigned i = 0; i < c->site_count; i++)
		if (c->sites[i].site == site)
			return &c->sites[i];
	return NULL;
}

static bool is_kept_over_turns(const struct tt_lock_class *c, const struct tt_wait *w, uint64_t idle_count)
{
	const struct tt_lock_site *s = w->holder ? site_of(c, w->holder) : NULL;
	return s && idle_count && idle_count >= s->count;
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
	const struct tt_lock_site *s = site_of(c, w->waiter);
	/* Waits in progress have no hold yet. */
	return s && s->hold.samples && s->hold.weight && w->waits.count &&
	       s->hold.total_ns / s->hold.weight <= w->waits.total_ns / w->waits.count / EMPTY_SHARE;
}

uint64_t tt_detect_parked_ns(const struct tt_detect *d, const struct tt_lock_class *c)
{
	uint64_t parked = 0, idle_count = idle_holding_count(d->model, c);
	for (unsigned i = 0; i < c->pair_count; i++) {
		const struct tt_wait *w = &c->pairs[i];
		if (is_kept_over_turns(c, w, idle_count) && waiters_do_nothing(c, w) && is_let_go_elsewhere(d, w))
			parked += w->waits.total_ns;
	}
	return parked;
}

bool tt_detect_is_parked(const struct tt_detect *d, const struct tt_lock_class *c)
{
	uint64_t parked = c && c->use == TT_USE_LOCK ? tt_detect_parked_ns(d, c) : 0;
	return parked && parked >= c->waits.total_ns / 2;
}
