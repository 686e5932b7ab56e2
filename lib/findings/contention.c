/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * contention.c - rule lock-contention: classes of locks that cost the program much waiting, with who blocked whom.
 * Works on classes (all locks born at one place), so that ten thousand bucket locks are one finding, not none.
 */
#include <inttypes.h>

#include "lib/findings/detect.h"
#include "lib/util/text.h"

#define SHOWN_PAIRS 3
#define SHOWN_LOCKS 8

static const struct tt_lock *worst_lock(const struct tt_lock_class *c)
{
	const struct tt_lock *worst = NULL;
	struct tt_lock *const *l;
	vec_for_each (l, &c->locks)
		worst = !worst || (*l)->waits.total_ns > worst->waits.total_ns ? *l : worst;
	return worst;
}

/* The advice depends on how the lock is used: one long section, or very many short ones. */
static const char *advice_for(const struct tt_lock_class *c)
{
	uint64_t mean = c->hold.weight ? c->hold.total_ns / c->hold.weight : 0;
	if (c->kind == TTREC_KIND_RWLOCK && c->ops.shared > c->ops.exclusive * 10)
		return "Readers wait for few writers: shorten the write side, or publish a new copy (RCU style) instead of "
		       "writing in place.";
	if (c->hold.samples && mean >= 1000000)
		return "The lock is held long each time: move slow work (I/O, allocation, computing) out of the critical "
		       "section.";
	if (c->hold.samples && mean < 5000 && c->contended > 1000)
		return "The lock is held shortly but taken very often: take it less often (batches, per-thread copies), or "
		       "split it.";
	return tt_rules[TT_RULE_LOCK_CONTENTION].advice;
}

static void add_pairs(const struct tt_detect *d, struct tt_finding *f, const struct tt_lock_class *c)
{
	for (unsigned i = 0; i < c->pair_count && i < SHOWN_PAIRS; i++) {
		const struct tt_wait *w = &c->pairs[i];
		const char *waiter = tt_detect_where(d, w->waiter, w->waiter_stack);
		const char *holder = w->holder ? tt_detect_where(d, w->holder, w->holder_stack) : "a holder that was not seen";
		tt_finding_evidence(d->set, f, "%s waited %s for %s: %s waits, longest %s", waiter, tt_ns(w->waits.total_ns).s,
			holder, tt_count(w->waits.count).s, tt_ns(w->waits.max_ns).s);
	}
	if (c->pair_count == 0)
		return;
	const struct tt_wait *worst = &c->pairs[0];
	tt_finding_stack(d->set, f, "waits here", worst->waiter, worst->waiter_stack);
	tt_finding_stack(d->set, f, "the holder took it here", worst->holder, NULL);
	tt_finding_stack(d->set, f, "and let it go here", NULL, worst->holder_stack);
	tt_finding_thread(d->set, f, worst->max_waiter);
	tt_finding_thread(d->set, f, worst->max_holder);
}

static void add_facts(const struct tt_detect *d, struct tt_finding *f, const struct tt_lock_class *c)
{
	/* waits of pairs may include failed timed ones: contended acquisitions are the exact part of acquisitions */
	tt_finding_evidence(d->set, f, "%s of %s acquisitions had to wait (%s); longest %s, median %s, 99 %% below %s",
		tt_count(c->contended).s, tt_count(c->ops.acquisitions).s, tt_pct(c->contended, c->ops.acquisitions).s,
		tt_ns(c->waits.max_ns).s, tt_ns(c->wait.p50_ns).s, tt_ns(c->wait.p99_ns).s);
	if (c->hold.samples && c->hold.weight)
		tt_finding_evidence(d->set, f, "held %s on average, at most %s (%s)",
			tt_ns(c->hold.total_ns / c->hold.weight).s, tt_ns(c->hold.max_ns).s,
			c->hold.exact ? "every hold timed" : "sampled");
	if (c->waits.ongoing)
		tt_finding_evidence(d->set, f, "%" PRIu64 " wait%s had not ended: %s of the time", c->waits.ongoing,
			c->waits.ongoing == 1 ? "" : "s", tt_ns(c->waits.ongoing_ns).s);
	const struct tt_lock *worst = worst_lock(c);
	if (c->locks.len > 1 && worst)
		tt_finding_evidence(d->set, f, "a class of %zu locks; the worst one has %s of the time", c->locks.len,
			tt_pct(worst->waits.total_ns, c->waits.total_ns).s);
	add_pairs(d, f, c);
	tt_finding_figure(d->set, f, "wait_ns", c->waits.total_ns);
	tt_finding_figure(d->set, f, "wait_max_ns", c->waits.max_ns);
	tt_finding_figure(d->set, f, "contended", c->contended);
	tt_finding_figure(d->set, f, "acquisitions", c->ops.acquisitions);
	tt_finding_figure(d->set, f, "locks", c->locks.len);
}

static int by_wait(const void *a, const void *b)
{
	const struct tt_lock *x = *(const struct tt_lock *const *)a, *y = *(const struct tt_lock *const *)b;
	if (x->waits.total_ns != y->waits.total_ns)
		return x->waits.total_ns > y->waits.total_ns ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Not contention, but the report counts the time as waiting for a lock: it says what that was. */
static void report_parked(const struct tt_detect *d, const struct tt_lock_class *c, uint64_t parked_ns)
{
	const struct tt_lock *worst = worst_lock(c);
	struct tt_finding *f = worst ? tt_detect_add(d, TT_RULE_LOCK_CONTENTION, worst->process) : NULL;
	if (!f)
		return;
	f->level = TT_LEVEL_NOTE;
	f->confidence = TT_LIKELY;
	f->reason =
		"the holder waited for events while it held the lock, let the lock go in another function than it took it in, "
		"and the waiters did nothing under it";
	f->title = tt_findings_text(d->set, "Idle threads were parked behind %s for %s: no time lost",
		tt_detect_lock_name(d, c), tt_ns(parked_ns).s);
	f->why =
		"A lock that one thread keeps while there is no work, so that others wait for it, is a gate and no bottleneck.";
	f->advice = "Nothing; a condition variable or a semaphore would say the same more plainly.";
	tt_finding_identify(f, tt_kind_name(c->kind));
	tt_detect_identify(d, f, c->birth_site, c->birth_stack);
	tt_finding_identify(f, "parked");
	add_pairs(d, f, c);
	tt_finding_figure(d->set, f, "parked_ns", parked_ns);
	tt_finding_figure(d->set, f, "wait_ns", c->waits.total_ns);
	tt_finding_lock(d->set, f, worst);
}

/* lost_ns: the waits without what was parking. */
static void report_class(const struct tt_detect *d, const struct tt_lock_class *c, uint64_t wall_ns, uint64_t lost_ns)
{
	const struct tt_lock *worst = worst_lock(c);
	struct tt_finding *f = worst ? tt_detect_add(d, TT_RULE_LOCK_CONTENTION, worst->process) : NULL;
	if (!f)
		return;
	bool bound = worst->process->partial || worst->process->dropped;
	f->confidence = bound ? TT_LIKELY : TT_PROVEN;
	f->reason = bound ? "parts of the recording are missing, so the figures are a lower bound"
	                  : "every wait was counted and timed";
	f->cost_ns = lost_ns;
	f->wall_ns = wall_ns;
	f->advice = advice_for(c);
	const char *holder =
		c->pair_count && c->pairs[0].holder ? tt_detect_name(d, c->pairs[0].holder, c->pairs[0].holder_stack) : NULL;
	f->title = tt_findings_text(d->set, "Threads lost %s (%s of wall time) waiting for %s%s%s", tt_ns(f->cost_ns).s,
		tt_pct(f->cost_ns, wall_ns).s, tt_detect_lock_name(d, c), holder ? ", held mostly by " : "",
		holder ? holder : "");
	tt_finding_identify(f, tt_kind_name(c->kind));
	tt_detect_identify(d, f, c->birth_site, c->birth_stack);
	add_facts(d, f, c);
	if (lost_ns < c->waits.total_ns)
		tt_finding_evidence(d->set, f, "%s more were no loss: threads without work were parked behind it",
			tt_ns(c->waits.total_ns - lost_ns).s);
	size_t first = f->locks.len;
	struct tt_lock *const *l;
	vec_for_each (l, &c->locks)
		if ((*l)->waits.total_ns)
			tt_finding_lock(d->set, f, *l);
	if (f->locks.len > first)
		qsort(f->locks.data, f->locks.len, sizeof(*f->locks.data), by_wait);
	if (f->locks.len > SHOWN_LOCKS)
		f->locks.len = SHOWN_LOCKS;
}

void tt_detect_contention(const struct tt_detect *d)
{
	uint64_t at_least = tt_limit_u64(d, TT_THRESHOLD_CONTENTION_MIN);
	struct tt_lock_class *const *cp;
	vec_for_each (cp, &d->model->classes_by_wait) {
		const struct tt_lock_class *c = *cp;
		if (c->waits.total_ns < at_least || c->waits.total_ns == 0)
			break;
		uint64_t wall_ns = tt_detect_program_ns(d, c->program);
		if (c->waits.count < tt_limit_u64(d, TT_THRESHOLD_CONTENTION_COUNT) ||
			tt_share_pct(c->waits.total_ns, wall_ns) < tt_limit(d, TT_THRESHOLD_CONTENTION_PCT))
			continue;
		uint64_t parked_ns = tt_detect_parked_ns(d, c), lost_ns = c->waits.total_ns - parked_ns;
		if (lost_ns >= at_least && tt_share_pct(lost_ns, wall_ns) >= tt_limit(d, TT_THRESHOLD_CONTENTION_PCT))
			report_class(d, c, wall_ns, lost_ns);
		else
			report_parked(d, c, parked_ns);
	}
}
