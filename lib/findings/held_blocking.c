/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * held_blocking.c - rule lock-held-blocking: a thread slept, waited for another thread, or was blocked in input or output while
 * it held a lock. Whoever wants the lock then waits with it.
 *
 * Rests on facts that the recorder times itself, and on what threads that hold something wait for at the end. Waiting for a
 * lock with another one held is lock order, not this.
 */
#include <inttypes.h>

#include "lib/findings/misuse.h"
#include "lib/util/text.h"

/* One place where a lock was held while the thread was blocked. */
struct blocked {
	const struct tt_process *process;
	const struct tt_lock *lock;
	enum ttrec_op op;
	enum ttrec_call call;
	const struct tt_site *site; /* where it blocked */
	const struct tt_stack *stack;
	const struct tt_site *taken;
	const struct tt_thread *thread;
	uint64_t serial;
	uint64_t count, total_ns, max_ns;
	bool ongoing;
};

/* What the thread did, as a verb; NULL: not a way to block that this rule is about. */
static const char *verb(const struct tt_detect *d, const struct blocked *b)
{
	switch (b->op) {
	case TTREC_OP_COND_WAIT:
	case TTREC_OP_COND_TIMEDWAIT:
		return "waits on a condition of another mutex";
	case TTREC_OP_SEM_WAIT:
	case TTREC_OP_SEM_TIMEDWAIT:
		return "waits for a semaphore";
	case TTREC_OP_BARRIER_WAIT:
		return "waits at a barrier";
	case TTREC_OP_JOIN:
		return "joins a thread";
	case TTREC_OP_LOOP_WAIT:
		return "waits for events (epoll_wait, poll, select)";
	case TTREC_OP_FORK:
		return "forks";
	case TTREC_OP_SLEEP:
		return "sleeps";
	case TTREC_OP_IO:
		if (b->call == TTREC_CALL_NONE)
			return "is blocked in input or output";
		return tt_findings_text(d->set, "is blocked in %s", tt_call_name(b->call));
	case TTREC_OP_CHILD:
		return b->call == TTREC_CALL_SYSTEM ? "runs a command (system)" : "waits for a child process";
	default:
		return NULL;
	}
}

/* What others lost while the lock was held from there; NULL: nobody waited. */
static const struct tt_waits *lost_behind(const struct blocked *b)
{
	const struct tt_lock_class *c = b->lock->class;
	for (unsigned i = 0; c && i < c->site_count; i++)
		if (c->sites[i].site == b->taken && c->sites[i].blocked.count)
			return &c->sites[i].blocked;
	return NULL;
}

/*
 * An upper bound of what the blocking cost: waits of others while the lock was held from there, but no more than each of
 * them could wait during the time blocked.
 */
static uint64_t cost_of(const struct blocked *b, const struct tt_waits *lost)
{
	uint64_t waiters = b->lock->threads > 1 ? b->lock->threads : 1;
	uint64_t most = b->total_ns > UINT64_MAX / waiters ? UINT64_MAX : b->total_ns * waiters;
	return !lost ? 0 : lost->total_ns < most ? lost->total_ns : most;
}

static void judge_level(const struct tt_detect *d, struct tt_finding *f, const struct blocked *b, const struct tt_waits *lost)
{
	f->reason = b->ongoing ? "it is so at the end of the recording" : "the time blocked was taken";
	if (b->op == TTREC_OP_FORK)
		f->level = TT_LEVEL_NOTE;
	if (lost && !tt_detect_is_parked(d, b->lock->class))
		return;
	/* A lock around one file or one connection is there to serialise just that. */
	if (b->op == TTREC_OP_IO || b->op == TTREC_OP_LOOP_WAIT)
		f->level = TT_LEVEL_NOTE;
}

static void add_evidence(const struct tt_detect *d, struct tt_finding *f, const struct blocked *b, const struct tt_waits *lost)
{
	const char *who = tt_detect_thread_name(d, b->process, b->thread, b->serial);
	if (b->ongoing)
		tt_finding_evidence(d->set, f, "%s has been blocked for %s", who, tt_ns(b->max_ns).s);
	else
		tt_finding_evidence(d->set, f, "blocked %s, first %s; longest %s, %s in all", tt_misuse_times(d, b->count), who,
			tt_ns(b->max_ns).s, tt_ns(b->total_ns).s);
	if (lost)
		tt_finding_evidence(d->set, f,
			"others waited %s for the lock while it was held from there: %s waits, longest %s",
			tt_ns(lost->total_ns).s, tt_count(lost->count).s, tt_ns(lost->max_ns).s);
	else
		tt_finding_evidence(d->set, f, "nobody was seen to wait for the lock meanwhile");
	if (b->op == TTREC_OP_IO && !b->ongoing)
		tt_finding_evidence(d->set, f, "that is the time in the call; waiting for a processor is part of it");
	tt_finding_figure(d->set, f, "blocked_ns", b->total_ns);
	tt_finding_figure(d->set, f, "blocked_max_ns", b->max_ns);
	tt_finding_figure(d->set, f, "count", b->count);
	tt_finding_figure(d->set, f, "others_wait_ns", lost ? lost->total_ns : 0);
	tt_finding_lock(d->set, f, b->lock);
	tt_finding_thread(d->set, f, b->thread);
	tt_finding_stack(d->set, f, "blocked here", b->site, b->stack);
	struct tt_finding_stack taken = tt_detect_taken(d, "the lock was taken here", b->lock, b->taken);
	tt_finding_stack_as(d->set, f, &taken);
}

/*
 * Of two semaphores neither tells for sure whether it is a lock: a Python thread that waits for a condition takes one of its
 * own, and then waits for it once more.
 */
static bool is_unclear(const struct blocked *b)
{
	return b->lock->kind == TTREC_KIND_SEM && (b->op == TTREC_OP_SEM_WAIT || b->op == TTREC_OP_SEM_TIMEDWAIT);
}

static void report(const struct tt_detect *d, const struct blocked *b)
{
	const char *does = b->lock && b->lock->use == TT_USE_LOCK && !is_unclear(b) ? verb(d, b) : NULL;
	bool longest = b->max_ns >= tt_limit_u64(d, TT_THRESHOLD_HELD_BLOCKING);
	bool total = b->total_ns >= tt_limit_u64(d, TT_THRESHOLD_HELD_BLOCKING_TOTAL);
	/* However short: the child begins with a lock that it may not expect to hold. */
	bool forked = b->op == TTREC_OP_FORK;
	struct tt_finding *f =
		does && (longest || total || forked) ? tt_detect_add(d, TT_RULE_LOCK_HELD_BLOCKING, b->process) : NULL;
	if (!f)
		return;
	const struct tt_waits *lost = lost_behind(b);
	f->cost_ns = cost_of(b, lost);
	f->title = tt_findings_text(d->set, "%s %s while it holds %s: up to %s", tt_detect_name(d, b->site, b->stack), does,
		tt_misuse_lock_name(d, b->lock), tt_ns(b->max_ns).s);
	judge_level(d, f, b, lost);
	tt_finding_identify(f, tt_kind_name(b->lock->kind));
	tt_finding_identify(f, tt_op_name(b->op));
	tt_detect_identify(d, f, b->lock->birth_site, b->lock->birth_stack);
	tt_detect_identify(d, f, b->site, b->stack);
	add_evidence(d, f, b, lost);
}

static enum ttrec_call call_of(enum ttrec_op op, uint64_t value)
{
	bool has_call = op == TTREC_OP_IO || op == TTREC_OP_SLEEP || op == TTREC_OP_CHILD;
	return has_call && value < TTREC_CALL_MAX ? (enum ttrec_call)value : TTREC_CALL_NONE;
}

static void report_fact(const struct tt_detect *d, const struct tt_misuse *f)
{
	struct blocked b = {
		.process = f->process,
		.lock = f->lock,
		.op = f->op,
		.call = call_of(f->op, f->other),
		.site = f->site,
		.stack = f->stack,
		.taken = f->other_site,
		.thread = f->thread,
		.serial = f->thread_serial,
		.count = f->count,
		.total_ns = f->total_ns,
		.max_ns = f->max_ns,
	};
	report(d, &b);
}

/* A thread that is blocked at the end. Its wait has left no fact yet, and never will if the program hangs. */
static void report_ongoing(const struct tt_detect *d, const struct tt_thread *t)
{
	const struct tt_waiting *w = &t->waiting;
	struct blocked b = {
		.process = t->process,
		.op = w->op,
		.call = call_of(w->op, w->object),
		.site = w->site,
		.stack = w->stack,
		.thread = t,
		.serial = t->serial,
		.count = 1,
		.total_ns = w->dur_ns,
		.max_ns = w->dur_ns,
		.ongoing = true,
	};
	bool for_lock = w->lock && w->lock->use != TT_USE_SIGNAL;
	for (unsigned i = 0; i < t->held_count && !for_lock; i++) {
		b.lock = t->held[i].lock;
		b.taken = t->held[i].site;
		if (b.lock != w->mutex || !b.lock)
			report(d, &b);
	}
}

void tt_detect_held_blocking(const struct tt_detect *d)
{
	const struct tt_misuse *f;
	vec_for_each (f, &d->model->misuses)
		if (f->what == TTREC_MISUSE_HELD_BLOCKING && f->count)
			report_fact(d, f);
	const struct tt_thread *t;
	vec_for_each (t, &d->model->threads)
		if (t->alive && t->waiting.op && t->held_count)
			report_ongoing(d, t);
}
