/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pools.c - findings about pools and CPU limits of a live process (pools.h). */
#include "lib/findings/pools.h"

#include <inttypes.h>

#include "lib/util/text.h"

#define THROTTLED_SHARE 0.05 /* of the periods */
#define STEAL_SHARE     0.05
#define DELAY_SHARE     0.25 /* of the time that threads want to run */
#define DELAY_OF_WALL   0.1  /* of all of their time: threads that hardly want to run do not count */
#define ALL_BUSY        0.95
#define IDLE_FACTOR     4 /* times as many threads as were ever busy */
#define IDLE_THREADS    8
#define GROWTH_THREADS  16
#define GAIN            1.1 /* what a larger pool must promise */

static struct tt_finding *add(struct tt_findings *set, enum tt_rule rule, const char *executable, const char *pool)
{
	struct tt_finding *f = tt_findings_add(set, rule, NULL);
	if (!f)
		return NULL;
	f->confidence = TT_LIKELY;
	f->reason = "measured over the window";
	tt_finding_identify(f, executable);
	if (pool)
		tt_finding_identify(f, pool);
	return f;
}

static const char *members(const struct tt_pool_facts *p)
{
	return p->processes ? "processes" : "threads";
}

static double seconds_of(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* ------------------------------------------------------------------ one pool */

static void starved(struct tt_findings *set, const char *executable, const struct tt_pool_facts *p)
{
	if (!p->workers || p->threads < 2 || p->size <= p->threads || p->all_busy_share < ALL_BUSY ||
		p->then_share < p->now_share * GAIN)
		return;
	struct tt_finding *f = add(set, TT_RULE_POOL_STARVED, executable, p->name);
	if (!f)
		return;
	f->title = tt_findings_text(
		set, "All %u %s of '%s' are busy while CPU is left: work waits for one", p->threads, members(p), p->name);
	tt_finding_evidence(set, f, "none was idle at %.0f %% of the looks", p->all_busy_share * 100);
	tt_finding_evidence(set, f, "%u %s can use %.0f %% of the CPU that is there for them, %u would use %.0f %%", p->threads,
		members(p), p->now_share * 100, p->size, p->then_share * 100);
	tt_finding_figure(set, f, "threads", p->threads);
	tt_finding_figure(set, f, "size", p->size);
}

static void too_many(struct tt_findings *set, const char *executable, const struct tt_pool_facts *p)
{
	if (!p->workers || p->threads < IDLE_THREADS || p->busy_max * IDLE_FACTOR > p->threads)
		return;
	struct tt_finding *f = add(set, TT_RULE_POOL_IDLE, executable, p->name);
	if (!f)
		return;
	f->confidence = TT_POSSIBLE;
	f->reason = "the load may be higher at other times";
	f->title = tt_findings_text(
		set, "Of %u %s of '%s' never more than %u were busy", p->threads, members(p), p->name, p->busy_max);
	tt_finding_evidence(set, f, "%.3g were busy on average over %s", p->busy_mean, tt_ns(p->window_ns).s);
	tt_finding_figure(set, f, "threads", p->threads);
	tt_finding_figure(set, f, "busy_max", p->busy_max);
}

static void delayed(struct tt_findings *set, const char *executable, const struct tt_pool_facts *p, double cpus)
{
	uint64_t wanted = p->run_ns + p->delay_ns;
	if ((double)p->delay_ns < DELAY_OF_WALL * (double)p->wall_ns || (double)p->delay_ns < DELAY_SHARE * (double)wanted)
		return;
	double ready = p->window_ns ? seconds_of(wanted) / seconds_of(p->window_ns) : 0;
	bool many = p->workers && cpus > 0 && ready > 2 * cpus && p->size && p->threads > p->high;
	struct tt_finding *f = add(set, many ? TT_RULE_OVERSUBSCRIBED : TT_RULE_RUN_QUEUE_DELAY, executable, p->name);
	if (!f)
		return;
	f->title = many ? tt_findings_text(set, "%u %s of '%s' share %.3g CPUs: %.1f of them want to run at once", p->threads,
				  members(p), p->name, cpus, ready)
	                : tt_findings_text(set, "The %s of '%s' wait for a processor %.0f %% of the time that they want to run",
				  members(p), p->name, 100.0 * (double)p->delay_ns / (double)wanted);
	tt_finding_evidence(set, f, "ran for %s, waited for a processor for %s", tt_ns(p->run_ns).s, tt_ns(p->delay_ns).s);
	if (many)
		tt_finding_evidence(set, f, "%u would use as much CPU, and wait less for it", p->size);
	f->cost_ns = p->delay_ns;
	f->wall_ns = p->window_ns;
	tt_finding_figure(set, f, "delay_ns", p->delay_ns);
	tt_finding_figure(set, f, "run_ns", p->run_ns);
}

static void growing(struct tt_findings *set, const char *executable, const struct tt_pool_facts *p)
{
	if (p->threads < p->first_threads + GROWTH_THREADS || p->threads < p->first_threads * 3 / 2)
		return;
	struct tt_finding *f = add(set, TT_RULE_THREAD_LEAK_GROWTH, executable, p->name);
	if (!f)
		return;
	f->confidence = TT_POSSIBLE;
	f->reason = "a pool may fill up once; measure again";
	f->title = tt_findings_text(set, "The %s of '%s' became more: %u, then %u after %s", members(p), p->name,
		p->first_threads, p->threads, tt_ns(p->window_ns).s);
	tt_finding_figure(set, f, "first", p->first_threads);
	tt_finding_figure(set, f, "live", p->threads);
}

static void inverted(struct tt_findings *set, const char *executable, const struct tt_pool_facts *p)
{
	struct tt_finding *f = p->inversions ? add(set, TT_RULE_PRIORITY_INVERSION, executable, p->name) : NULL;
	if (!f)
		return;
	f->title = tt_findings_text(set, "Real-time threads of '%s' wait for locks that ordinary threads hold", p->name);
	tt_finding_evidence(set, f, "seen %" PRIu64 " times", p->inversions);
	tt_finding_figure(set, f, "seen", p->inversions);
}

void tt_findings_of_pool(struct tt_findings *set, const char *executable, const struct tt_pool_facts *f, double cpus)
{
	starved(set, executable, f);
	too_many(set, executable, f);
	delayed(set, executable, f, cpus);
	growing(set, executable, f);
	inverted(set, executable, f);
}

/* ------------------------------------------------------------------ the place */

static void throttled(struct tt_findings *set, const char *executable, const struct tt_place_facts *p)
{
	if (!p->group || !p->periods || (double)p->throttled < THROTTLED_SHARE * (double)p->periods)
		return;
	struct tt_finding *f = add(set, TT_RULE_CPU_THROTTLED, executable, NULL);
	if (!f)
		return;
	f->confidence = TT_PROVEN;
	f->reason = "the kernel counted it";
	f->title = tt_findings_text(set,
		"The quota of %s stopped all threads in %" PRIu64 " of %" PRIu64 " periods, for %s to %s each", p->group,
		p->throttled, p->periods, tt_ns(p->stall_min_ns).s, tt_ns(p->stall_max_ns).s);
	tt_finding_evidence(set, f, "quota of %.4g CPUs per %s; used %.3g CPUs in the window", p->cpus, tt_ns(p->period_ns).s,
		p->used_cpus);
	f->cost_ns = p->throttled * p->stall_min_ns;
	f->wall_ns = p->window_ns;
	tt_finding_figure(set, f, "throttled_periods", p->throttled);
	tt_finding_figure(set, f, "stall_min_ns", p->stall_min_ns);
	tt_finding_figure(set, f, "stall_max_ns", p->stall_max_ns);
}

void tt_findings_of_place(struct tt_findings *set, const char *executable, const struct tt_place_facts *p)
{
	throttled(set, executable, p);
	if (p->steal < STEAL_SHARE)
		return;
	struct tt_finding *f = add(set, TT_RULE_CPU_STEAL, executable, NULL);
	if (!f)
		return;
	f->title = tt_findings_text(set, "The hypervisor took %.0f %% of the machine's CPU time", p->steal * 100);
	tt_finding_figure(set, f, "steal_permille", (uint64_t)(p->steal * 1000));
}
