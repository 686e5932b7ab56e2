/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * overlap.c - one bug is one finding: takes out what a deadlock that is reported already says.
 *
 * The order of locks that led there is the deadlock's own cycle; and that its locks were held long, by threads that were
 * blocked, while others starved, is what a deadlock is. Other cycles, other locks, and contention stay. Called by detect.c
 * before findings are joined, so that a lock order that other locks show too is still reported.
 */
#include "lib/findings/detect.h"

static bool has_lock(const struct tt_finding *deadlock, const struct tt_lock *lock)
{
	const struct tt_finding_edge *e;
	vec_for_each (e, &deadlock->edges) {
		if (lock && (e->held == lock || e->wanted == lock))
			return true;
	}
	return false;
}

static bool same_cycle(const struct tt_finding *deadlock, const struct tt_finding *order)
{
	const struct tt_finding_edge *e;
	if (order->count != 1 || order->edges.len != deadlock->edges.len)
		return false;
	vec_for_each (e, &order->edges) {
		if (!has_lock(deadlock, e->held))
			return false;
	}
	return true;
}

static bool is_said_by(const struct tt_finding *deadlock, const struct tt_finding *f)
{
	switch (f->rule) {
	case TT_RULE_LOCK_ORDER_CYCLE:
		return same_cycle(deadlock, f);
	case TT_RULE_LOCK_LONG_HOLD:
	case TT_RULE_LOCK_HELD_BLOCKING:
	case TT_RULE_LOCK_STARVATION:
		return f->locks.len == 1 && has_lock(deadlock, f->locks.data[0]);
	default:
		return false;
	}
}

static bool is_said(const struct tt_findings *set, const struct tt_finding *f)
{
	const struct tt_finding *d;
	vec_for_each (d, &set->list) {
		if (d->rule == TT_RULE_DEADLOCK && d->confidence == TT_PROVEN && is_said_by(d, f))
			return true;
	}
	return false;
}

void tt_findings_drop_said(struct tt_findings *set)
{
	size_t kept = 0;
	for (size_t i = 0; i < set->list.len; i++) {
		/* Deadlocks are never dropped, so that those still to come are all looked at, moved or not. */
		struct tt_finding f = set->list.data[i];
		if (is_said(set, &f))
			tt_finding_deinit(&f);
		else
			set->list.data[kept++] = f;
	}
	set->list.len = kept;
}
