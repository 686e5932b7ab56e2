/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * event_loops.c - rule event-loop-blocked: a thread that serves an event loop stayed away from it too long.
 * A thread that polls now and then serves no loop: it must have come back often enough (loop-calls).
 */
#include <inttypes.h>

#include "lib/findings/detect.h"
#include "lib/util/text.h"

/* Times away of at least the limit, and a lower bound of their sum, by the histogram. */
static uint64_t stalls_of(const struct tt_loop *loop, uint64_t limit_ns, uint64_t *sum_ns)
{
	uint64_t stalls = 0;
	*sum_ns = 0;
	for (unsigned b = 0; loop->away.hist && b < TTREC_HIST_BUCKETS; b++) {
		if (ttrec_hist_low(b) < limit_ns)
			continue;
		stalls += loop->away.hist[b];
		*sum_ns += loop->away.hist[b] * ttrec_hist_low(b);
	}
	/* The longest one lies in the limit's own bucket, maybe: it counts in any case. */
	if (stalls == 0 && loop->away.max_ns >= limit_ns)
		stalls = 1;
	if (*sum_ns < loop->away.max_ns && loop->away.max_ns >= limit_ns)
		*sum_ns = loop->away.max_ns;
	return stalls;
}

static void report(const struct tt_detect *d, const struct tt_loop *loop, uint64_t stalls, uint64_t sum_ns)
{
	struct tt_finding *f = tt_detect_add(d, TT_RULE_EVENT_LOOP_BLOCKED, loop->process);
	if (!f)
		return;
	uint64_t longest = loop->away_ns > loop->away.max_ns ? loop->away_ns : loop->away.max_ns;
	bool out = loop->away_ns == longest;
	const char *name = tt_detect_thread_name(d, loop->process, loop->thread, loop->serial);
	f->reason = "the time between a return of the wait and the next wait was measured";
	f->cost_ns = sum_ns + (out ? loop->away_ns : 0);
	f->title = tt_findings_text(
		d->set, "The event loop of %s was blocked for %s%s", name, tt_ns(longest).s, out ? " and still is" : "");
	tt_finding_evidence(d->set, f, "%s times away for %s or more, at least %s together", tt_count(stalls).s,
		tt_ns(tt_limit_u64(d, TT_THRESHOLD_LOOP_STALL)).s, tt_ns(sum_ns).s);
	tt_finding_evidence(d->set, f, "in all %s turns: median %s, 99 %% below %s", tt_count(loop->calls).s,
		tt_ns(loop->away.p50_ns).s, tt_ns(loop->away.p99_ns).s);
	if (loop->away.max_at_ns)
		tt_finding_evidence(d->set, f, "the longest ended %s after the start", tt_ns(loop->away.max_at_ns - 1).s);
	tt_finding_evidence(d->set, f, "it waits for events in %s", tt_detect_where(d, loop->site, NULL));
	tt_finding_figure(d->set, f, "stall_max_ns", longest);
	tt_finding_figure(d->set, f, "stalls", stalls);
	tt_finding_figure(d->set, f, "turns", loop->calls);
	tt_finding_thread(d->set, f, loop->thread);
	tt_detect_identify(d, f, loop->site, NULL);
	tt_finding_stack(d->set, f, "the loop waits here", loop->site, NULL);
}

/*
 * No loops: a program that polls its files between pieces of its own work (xz does) hardly ever waits there, most of its time
 * goes by in what would be stalls, and it spends that waiting for its workers. A worker that waits for its next task and polls
 * the one connection of that before it reads (varnish does) reads with a deadline. Who never lets the call wait (ffmpeg, for a
 * key) only looks.
 */
static bool serves_no_loop(const struct tt_loop *loop, uint64_t stalled_ns)
{
	if (!loop->may_wait)
		return true;
	if (!loop->thread)
		return false;
	const struct ttrec_total *waits = loop->thread->waits;
	uint64_t all_ns = loop->wait_ns + loop->away.total_ns;
	uint64_t others_ns = waits[TTREC_WAIT_COND].ns + waits[TTREC_WAIT_SEM].ns + waits[TTREC_WAIT_JOIN].ns;
	bool own_work = loop->wait_ns < all_ns / 20 && stalled_ns > all_ns / 2;
	bool timed_reads = loop->single == loop->calls;
	return (own_work || timed_reads) && others_ns > stalled_ns / 2;
}

void tt_detect_event_loops(const struct tt_detect *d)
{
	uint64_t limit_ns = tt_limit_u64(d, TT_THRESHOLD_LOOP_STALL);
	const struct tt_loop *loop;
	vec_for_each (loop, &d->model->loops) {
		if (loop->calls < tt_limit_u64(d, TT_THRESHOLD_LOOP_CALLS))
			continue;
		/* A loop that was left before the end (its thread went on to shut down) is not blocked. */
		bool blocked_now = loop->process->end == TT_END_RUNNING && loop->away_ns >= limit_ns;
		uint64_t sum_ns, stalls = stalls_of(loop, limit_ns, &sum_ns);
		if (!serves_no_loop(loop, sum_ns) && (loop->away.max_ns >= limit_ns || blocked_now))
			report(d, loop, stalls, sum_ns);
	}
}
