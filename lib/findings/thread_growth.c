/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * thread_growth.c - rule thread-leak-growth: threads of one creation site that only accumulate.
 *
 * The time since the site's first creation is cut in four; when threads that still live at the end were created in each
 * quarter, their number rose all the time. A pool that fills once lies in one quarter or two and is not reported; nor is one
 * that began with most of its threads and got some more as it was needed: of a leak about half come in the second half.
 */
#include <inttypes.h>

#include "lib/findings/detect.h"
#include "lib/util/text.h"

#define QUARTERS      4
#define SHOWN_THREADS 16

static bool counts(const struct tt_thread *t, const struct tt_process *process)
{
	return t->process == process && t->alive && t->created_ns &&
	       !(t->flags & (TTREC_THREAD_MAIN | TTREC_THREAD_ADOPTED | TTREC_THREAD_FORKED));
}

static uint64_t live_by_quarter(
	const struct tt_group *g, const struct tt_process *process, uint64_t first_ns, uint64_t born[QUARTERS])
{
	uint64_t live = 0, span = process->end_ns - first_ns + 1;
	struct tt_thread *const *t;
	vec_for_each (t, &g->threads) {
		if (!counts(*t, process))
			continue;
		uint64_t since = (*t)->created_ns > first_ns ? (*t)->created_ns - first_ns : 0;
		unsigned quarter = (unsigned)((double)since / (double)span * QUARTERS);
		born[quarter < QUARTERS ? quarter : QUARTERS - 1]++;
		live++;
	}
	return live;
}

static void report(const struct tt_detect *d, const struct tt_group *g, const struct tt_group_part *part, uint64_t live,
	const uint64_t born[QUARTERS], uint64_t span_ns)
{
	struct tt_finding *f = tt_detect_add(d, TT_RULE_THREAD_LEAK_GROWTH, part->process);
	if (!f)
		return;
	f->confidence = part->ended == 0 ? TT_LIKELY : TT_POSSIBLE;
	f->reason = part->ended == 0 ? "none of its threads ever ended" : "some of its threads ended, but more were created";
	f->title = tt_findings_text(d->set, "Threads of %s only accumulate: %" PRIu64 " live after %s",
		tt_detect_pool_name(d, g), live, tt_ns(span_ns).s);
	tt_finding_evidence(d->set, f,
		"of those that live, %" PRIu64 ", %" PRIu64 ", %" PRIu64 " and %" PRIu64
		" were created in the four quarters of that time",
		born[0], born[1], born[2], born[3]);
	tt_finding_evidence(d->set, f, "%" PRIu64 " created in %s, %" PRIu64 " ended", part->created,
		tt_detect_where(d, g->create_site, g->create_stack), part->ended);
	tt_finding_figure(d->set, f, "live", live);
	tt_finding_figure(d->set, f, "created", part->created);
	tt_finding_figure(d->set, f, "ended", part->ended);
	tt_finding_figure(d->set, f, "span_ns", span_ns);
	tt_detect_identify(d, f, g->start_routine, NULL);
	tt_detect_identify(d, f, g->create_site, g->create_stack);
	tt_finding_stack(d->set, f, "created here", g->create_site, g->create_stack);
	struct tt_thread *const *t;
	vec_for_each (t, &g->threads)
		if (counts(*t, part->process) && f->threads.len < SHOWN_THREADS)
			tt_finding_thread(d->set, f, *t);
}

static void judge(const struct tt_detect *d, const struct tt_group *g, const struct tt_group_part *part)
{
	const struct tt_process *process = part->process;
	if (part->first_ns == 0 || process->end_ns <= part->first_ns)
		return;
	uint64_t born[QUARTERS] = {0};
	uint64_t span_ns = process->end_ns - part->first_ns;
	uint64_t live = live_by_quarter(g, process, part->first_ns, born);
	if (live < tt_limit_u64(d, TT_THRESHOLD_GROWTH_LIVE) || span_ns < tt_limit_u64(d, TT_THRESHOLD_GROWTH_TIME))
		return;
	for (unsigned i = 0; i < QUARTERS; i++)
		if (born[i] < 2)
			return;
	if ((born[2] + born[3]) * 5 < live * 2)
		return;
	report(d, g, part, live, born, span_ns);
}

void tt_detect_thread_growth(const struct tt_detect *d)
{
	const struct tt_group *g;
	vec_for_each (g, &d->model->groups) {
		const struct tt_group_part *part;
		if (!g->start_routine)
			continue;
		vec_for_each (part, &g->parts)
			judge(d, g, part);
	}
}
