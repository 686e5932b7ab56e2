/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * long_hold.c - rule lock-long-hold: an acquire site whose holds were long while others wanted the lock.
 * A long hold that nobody waited for costs nothing and is no finding.
 */
#include <inttypes.h>

#include "lib/findings/detect.h"
#include "lib/util/text.h"

/* The waits behind this site that show the cost best; NULL when none is known. */
static const struct tt_wait *worst_behind(const struct tt_lock_class *c, const struct tt_site *holder)
{
	const struct tt_wait *worst = NULL;
	for (unsigned i = 0; i < c->pair_count; i++) {
		const struct tt_wait *w = &c->pairs[i];
		if (w->holder == holder && (!worst || w->waits.max_ns > worst->waits.max_ns))
			worst = w;
	}
	return worst;
}

static const struct tt_process *process_of(const struct tt_lock_class *c, const struct tt_wait *worst)
{
	return worst && worst->process ? worst->process : c->locks.data[0]->process;
}

static void add_evidence(
	const struct tt_detect *d, struct tt_finding *f, const struct tt_lock_site *s, const struct tt_wait *worst)
{
	if (s->hold.samples)
		tt_finding_evidence(d->set, f, "holds from there: longest %s, %s on average (%s timed)",
			tt_ns(s->hold.max_ns).s, tt_ns(s->hold.weight ? s->hold.total_ns / s->hold.weight : 0).s,
			s->hold.exact ? "all" : tt_count(s->hold.samples).s);
	tt_finding_evidence(d->set, f, "others waited %s behind it: %s waits, longest %s", tt_ns(s->blocked.total_ns).s,
		tt_count(s->blocked.count).s, tt_ns(s->blocked.max_ns).s);
	if (worst) {
		tt_finding_evidence(d->set, f, "the longest wait was that of %s in %s",
			tt_detect_thread_name(d, worst->process, worst->max_waiter, worst->max_waiter_serial),
			tt_detect_where(d, worst->waiter, worst->waiter_stack));
		tt_finding_thread(d->set, f, worst->max_holder);
		tt_finding_thread(d->set, f, worst->max_waiter);
	}
	tt_finding_stack(d->set, f, "taken here", s->site, s->stack);
	tt_finding_stack(d->set, f, "let go here", NULL, s->release_stack);
	if (worst)
		tt_finding_stack(d->set, f, "waited for here", worst->waiter, worst->waiter_stack);
	tt_finding_figure(d->set, f, "hold_max_ns", s->hold.max_ns);
	tt_finding_figure(d->set, f, "hold_samples", s->hold.samples);
	tt_finding_figure(d->set, f, "blocked_ns", s->blocked.total_ns);
	tt_finding_figure(d->set, f, "blocked_max_ns", s->blocked.max_ns);
	tt_finding_figure(d->set, f, "blocked_waits", s->blocked.count);
}

static void report_site(const struct tt_detect *d, const struct tt_lock_class *c, const struct tt_lock_site *s)
{
	const struct tt_wait *worst = worst_behind(c, s->site);
	struct tt_finding *f = tt_detect_add(d, TT_RULE_LOCK_LONG_HOLD, process_of(c, worst));
	if (!f)
		return;
	bool timed = s->hold.max_ns >= tt_limit_u64(d, TT_THRESHOLD_LONG_HOLD);
	f->confidence = timed ? TT_PROVEN : TT_LIKELY;
	f->reason = timed ? "the hold was timed"
	                  : "holds there were not timed when long, but a thread waited that long behind them; several "
	                    "holds in a row could do the same";
	f->cost_ns = s->blocked.total_ns;
	uint64_t longest = timed ? s->hold.max_ns : s->blocked.max_ns;
	f->title = tt_findings_text(d->set, "%s held %s for %s%s while others waited for it",
		tt_detect_name(d, s->site, s->stack), tt_detect_lock_name(d, c), timed ? "" : "about ", tt_ns(longest).s);
	tt_finding_identify(f, tt_kind_name(c->kind));
	tt_detect_identify(d, f, c->birth_site, c->birth_stack);
	tt_detect_identify(d, f, s->site, s->stack);
	add_evidence(d, f, s, worst);
	if (worst && worst->lock)
		tt_finding_lock(d->set, f, worst->lock);
	else if (c->locks.len == 1)
		tt_finding_lock(d->set, f, c->locks.data[0]);
}

void tt_detect_long_hold(const struct tt_detect *d)
{
	uint64_t limit = tt_limit_u64(d, TT_THRESHOLD_LONG_HOLD);
	uint64_t limit_wait = tt_limit_u64(d, TT_THRESHOLD_LONG_HOLD_WAIT);
	struct tt_lock_class *const *cp;
	vec_for_each (cp, &d->model->classes_by_wait) {
		const struct tt_lock_class *c = *cp;
		if (c->waits.max_ns < limit_wait || c->locks.len == 0)
			continue;
		for (unsigned i = 0; i < c->site_count; i++) {
			const struct tt_lock_site *s = &c->sites[i];
			/* Holds that others wait for are timed; only where none was, the wait has to tell. */
			uint64_t longest = s->hold.samples ? s->hold.max_ns : s->blocked.max_ns;
			if (s->blocked.count && longest >= limit && s->blocked.max_ns >= limit_wait)
				report_site(d, c, s);
		}
	}
}
