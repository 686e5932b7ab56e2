/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cond.c - rules about condition variables: signals that never met a waiter, waits that only their deadline ends, and waits
 * that no thread is left to end.
 *
 * The first two are notes: a thread that sleeps with pthread_cond_timedwait so that it can be stopped early does the same, and
 * rightly. Conditions that processes share are left out: another one may signal.
 */
#include <inttypes.h>

#include "lib/findings/misuse.h"
#include "lib/util/text.h"

/* Is everything that was done to the process's conditions in its counts? */
static bool counts_are_whole(const struct tt_process *p)
{
	static const enum ttrec_drop harmful[] = {TTREC_DROP_LOCK, TTREC_DROP_LSITE, TTREC_DROP_WAIT, TTREC_DROP_NESTED,
		TTREC_DROP_COUNT, TTREC_DROP_LATE, TTREC_DROP_THREAD};
	for (unsigned i = 0; i < sizeof(harmful) / sizeof(*harmful); i++)
		if (p->drop[harmful[i]])
			return false;
	return !p->partial;
}

/* The site where most of these operations come from; NULL none. */
static const struct tt_lock_site *main_site(const struct tt_lock *l, enum ttrec_op a, enum ttrec_op b)
{
	const struct tt_lock_site *most = NULL;
	for (unsigned i = 0; i < l->site_count; i++) {
		const struct tt_lock_site *s = &l->sites[i];
		bool fits = s->site && (s->site->op == a || s->site->op == b);
		if (fits && (!most || s->count > most->count))
			most = s;
	}
	return most;
}

static const struct tt_stack *waiter_stack(const struct tt_lock *l, const struct tt_site *site)
{
	for (unsigned i = 0; i < l->pair_count; i++)
		if (l->pairs[i].waiter == site && l->pairs[i].waiter_stack)
			return l->pairs[i].waiter_stack;
	return NULL;
}

static struct tt_finding *begin(const struct tt_detect *d, enum tt_rule rule, const struct tt_lock *l,
	const struct tt_lock_site *waits, const struct tt_lock_site *signals)
{
	struct tt_finding *f = tt_detect_add(d, rule, l->process);
	if (!f)
		return NULL;
	f->confidence = TT_POSSIBLE;
	tt_detect_identify(d, f, l->birth_site, l->birth_stack);
	tt_finding_lock(d->set, f, l);
	if (waits) {
		tt_detect_identify(d, f, waits->site, waits->stack);
		tt_finding_stack(d->set, f, "waits here", waits->site, waiter_stack(l, waits->site));
	}
	if (signals)
		tt_finding_stack(d->set, f, "signalled here", signals->site, signals->stack);
	tt_finding_figure(d->set, f, "waits", l->waits.count);
	tt_finding_figure(d->set, f, "timeouts", l->waits.timeouts);
	tt_finding_figure(d->set, f, "signals", l->ops.signals + l->ops.broadcasts);
	return f;
}

/* ------------------------------------------------------------------ signals and deadlines */

static void report_lost(const struct tt_detect *d, const struct tt_lock *l)
{
	const struct tt_lock_site *signals = main_site(l, TTREC_OP_COND_SIGNAL, TTREC_OP_COND_BROADCAST);
	struct tt_finding *f = signals ? begin(d, TT_RULE_COND_SIGNAL_LOST, l, NULL, signals) : NULL;
	if (!f)
		return;
	tt_detect_identify(d, f, signals->site, signals->stack);
	f->reason = "this run may only not have come to the wait";
	f->title = tt_findings_text(d->set, "%s signals %s, on which nobody ever waited",
		tt_detect_name(d, signals->site, signals->stack), tt_misuse_lock_name(d, l));
	tt_finding_evidence(d->set, f, "signalled %s", tt_misuse_times(d, l->ops.signals + l->ops.broadcasts));
}

static void report_timeouts(const struct tt_detect *d, const struct tt_lock *l)
{
	uint64_t n = l->ops.signals + l->ops.broadcasts, waited = l->waits.timeouts;
	const struct tt_lock_site *waits = main_site(l, TTREC_OP_COND_TIMEDWAIT, TTREC_OP_COND_WAIT);
	const struct tt_lock_site *signals = main_site(l, TTREC_OP_COND_SIGNAL, TTREC_OP_COND_BROADCAST);
	struct tt_finding *f = waits ? begin(d, TT_RULE_COND_ONLY_TIMEOUT, l, waits, signals) : NULL;
	if (!f)
		return;
	f->reason = n ? "the signals may all have come while nobody needed them: look whether the wait tests a predicate first"
	              : "a wait that is meant as a sleep which can be ended early looks the same";
	const char *how = waited == 1 ? "The only wait" : tt_findings_text(d->set, "All %s waits", tt_count(waited).s);
	f->title = tt_findings_text(d->set, "%s on %s in %s ended by %s deadline: %s", how, tt_misuse_lock_name(d, l),
		tt_detect_name(d, waits->site, waits->stack), waited == 1 ? "its" : "their",
		n ? "signals may get lost" : "nobody signals it");
	tt_finding_evidence(
		d->set, f, "waited %s in all; signalled %s", tt_ns(l->waits.total_ns).s, n ? tt_misuse_times(d, n) : "never");
}

/* Signals that met nobody say little when others that were made at the same place have their waiters. */
static void judge_counts(const struct tt_detect *d, const struct tt_lock *l)
{
	uint64_t signals = l->ops.signals + l->ops.broadcasts;
	bool only_timeouts = l->waits.timeouts && l->waits.count == l->waits.timeouts + l->waits.ongoing;
	bool often = l->waits.timeouts >= tt_limit_u64(d, TT_THRESHOLD_COND_TIMEOUTS);
	bool lost = signals && l->waits.total_ns >= tt_limit_u64(d, TT_THRESHOLD_COND_LOST);
	if (only_timeouts && (often || lost))
		report_timeouts(d, l);
	else if (!l->waits.count && !l->class->waits.count && signals >= tt_limit_u64(d, TT_THRESHOLD_COND_SIGNALS))
		report_lost(d, l);
}

/* ------------------------------------------------------------------ nobody left to wake */

/* Waits until another thread of this process does something, whatever happens outside. */
static bool depends_on_threads(const struct tt_thread *t)
{
	switch (t->waiting.op) {
	case TTREC_OP_COND_WAIT:
		return t->waiting.lock && !(t->waiting.lock->flags & TTREC_LOCK_PSHARED);
	case TTREC_OP_LOCK:
	case TTREC_OP_RDLOCK:
		return t->waiting.lock && !(t->waiting.lock->flags & TTREC_LOCK_PSHARED);
	case TTREC_OP_BARRIER_WAIT:
		return true;
	case TTREC_OP_JOIN:
		return t->waiting.target && t->waiting.target->alive;
	default: /* semaphores can be posted by signal handlers, the rest goes on by itself */
		return false;
	}
}

/* Does every thread of p wait for another one? Returns how long they all have, at least 1; 0: no. */
static uint64_t stuck_ns(const struct tt_model *m, const struct tt_process *p)
{
	uint64_t least = UINT64_MAX;
	const struct tt_thread *t;
	vec_for_each (t, &m->threads) {
		if (t->process != p || t->gone || t->past || t->unjoined || !t->alive)
			continue;
		if (!depends_on_threads(t))
			return 0;
		least = t->waiting.dur_ns < least ? t->waiting.dur_ns : least;
	}
	return least == UINT64_MAX ? 0 : least ? least : 1;
}

static void report_stuck(const struct tt_detect *d, const struct tt_process *p, uint64_t ns)
{
	const struct tt_thread *t;
	vec_for_each (t, &d->model->threads) {
		const struct tt_lock *l = t->waiting.lock;
		if (t->process != p || !t->alive || t->waiting.op != TTREC_OP_COND_WAIT)
			continue;
		struct tt_finding *f =
			begin(d, TT_RULE_COND_NO_WAKER, l, NULL, main_site(l, TTREC_OP_COND_SIGNAL, TTREC_OP_COND_BROADCAST));
		if (!f)
			return;
		tt_detect_identify(d, f, t->waiting.site, t->waiting.stack);
		f->confidence = p->end_estimated ? TT_POSSIBLE : TT_LIKELY;
		f->reason = p->end_estimated ? "the program was killed: how long it had been so is not known"
		                             : "only a thread that is not seen, as of a timer, could still wake it";
		f->cost_ns = t->waiting.dur_ns;
		f->title = tt_findings_text(d->set, "%s waits on %s in %s, and no thread is left that could wake it",
			tt_detect_thread_name(d, p, t, t->serial), tt_misuse_lock_name(d, l),
			tt_detect_name(d, t->waiting.site, t->waiting.stack));
		tt_finding_evidence(d->set, f, "all threads of the process wait for one another, for at least %s", tt_ns(ns).s);
		tt_finding_evidence(d->set, f, "the condition was signalled %s before",
			l->ops.signals + l->ops.broadcasts ? tt_misuse_times(d, l->ops.signals + l->ops.broadcasts) : "never");
		tt_finding_thread(d->set, f, t);
		tt_finding_stack(d->set, f, "waits here", t->waiting.site, t->waiting.stack);
	}
}

static bool may_hang(const struct tt_process *p)
{
	return p->end == TT_END_RUNNING || p->end == TT_END_KILLED || p->end == TT_END_ABORTED || p->end == TT_END_UNKNOWN;
}

void tt_detect_cond(const struct tt_detect *d)
{
	const struct tt_lock *l;
	vec_for_each (l, &d->model->locks)
		if (l->kind == TTREC_KIND_COND && !(l->flags & TTREC_LOCK_PSHARED) && counts_are_whole(l->process))
			judge_counts(d, l);
	struct tt_process *const *p;
	vec_for_each (p, &d->model->processes) {
		uint64_t ns = may_hang(*p) && counts_are_whole(*p) ? stuck_ns(d->model, *p) : 0;
		if (ns && (ns >= tt_limit_u64(d, TT_THRESHOLD_COND_STUCK) || (*p)->end_estimated))
			report_stuck(d, *p, ns);
	}
}
