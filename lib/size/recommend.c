/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recommend.c - a size with its reasons, or a refusal (recommend.h). */
#include "lib/size/recommend.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/attrs.h"

#define LEAST_RUN_NS    20000000 /* of CPU time in the window, to say anything */
#define LEAST_VISITS    50
#define LEAST_LOOKS     100 /* at blocked threads, when some of them are idle or wait for locks: see least_looks() */
#define LEAST_LOOKS_ONE 10  /* when all were seen in the same kind of wait */
#define WINDOW_DELAYS   10  /* windows are to be so many times the longest delay */
#define STEAL_REFUSED   0.25
#define STEAL_DOUBTED   0.05
#define HALVES_REFUSED  2.5 /* times that the ratio of one half may exceed the other's */
#define HALVES_DOUBTED  1.3
#define LEAST_HALF      0.2 /* of the computing, for a half to be one: looks may have been far between */
#define UNKNOWN_DOUBTED 0.05
#define SURE            1.28 /* standard errors, that a normal error does not exceed upwards in 9 of 10 cases */
#define LEAST_ERROR     0.02
#define WAKE_NS         50000 /* measured: CPU time more for a piece that wakes an idle processor ... */
#define WAKE_MOST       0.1   /* ... but no more of its compute time than this */
#define MODEL_ERROR     0.015 /* aimed above it with several CPUs, or a quota: how far most shares of the model were off */

const char *tt_size_confidence_name(enum tt_size_confidence c)
{
	static const char *const names[] = {"low", "medium", "high"};
	return c < ARRAY_SIZE(names) ? names[c] : "?";
}

const char *tt_size_bound_name(enum tt_size_bound b)
{
	static const char *const names[] = {
		"cpu", "lock", "interpreter-lock", "thread-limit", "memory", "connections", "slow-half"};
	return b < ARRAY_SIZE(names) ? names[b] : "?";
}

/* ------------------------------------------------------------------ can the data carry an answer? */

#define refuse(ret, ...) (snprintf((ret)->refusal, sizeof((ret)->refusal), __VA_ARGS__), (ret)->refused = true)

/* How much the two halves of the window differ in wait per compute: 1 when they agree; 0: not known. */
static double halves_differ(const struct tt_size_measured *m)
{
	double run = (double)m->half_run_ns[0] + (double)m->half_run_ns[1];
	if ((double)m->half_run_ns[0] < LEAST_HALF * run || (double)m->half_run_ns[1] < LEAST_HALF * run || run <= 0 ||
		!m->blocked_ns)
		return 0;
	double a = (double)m->half_blocked_ns[0] / (double)m->half_run_ns[0],
	       b = (double)m->half_blocked_ns[1] / (double)m->half_run_ns[1];
	/* 1 + r is what sizes are made of: ratios near 0 may differ by any factor. */
	return a > b ? (1 + a) / (1 + b) : (1 + b) / (1 + a);
}

/*
 * A share of k looks has a standard error of at most 1 / (2 sqrt(k)), binomial. Sizes are made of 1 + r; with x blocked per
 * compute that is wrong by x / (2 sqrt(k)) of at least 1 + x or so: 5 % where k = 100 (x / (1 + x))².
 */
static double least_looks(const struct tt_size_measured *m)
{
	double blocked = (double)m->blocked_ns, part = blocked / (blocked + (double)m->run_ns);
	bool one_class = !m->idle_ns && !m->lock_ns && !m->unknown_ns;
	return fmin(LEAST_LOOKS * part * part, one_class ? LEAST_LOOKS_ONE : LEAST_LOOKS);
}

static void judge_data(const struct tt_size_measured *m, const struct tt_size_room *room, struct tt_size_advice *ret)
{
	bool classes_matter = m->blocked_ns * 50 > m->run_ns;
	if (m->stopped_ns > m->wall_ns)
		refuse(ret, "stopped: by a signal or a debugger, for more than half of the time; measure when it goes on");
	else if (m->run_ns < LEAST_RUN_NS)
		refuse(ret, "idle: it ran for %.3g ms only; measure under load", (double)m->run_ns / 1e6);
	else if (m->visits < LEAST_VISITS && m->blocked_ns > m->run_ns / 10)
		refuse(ret, "only %llu pieces of work were seen; measure for longer (--window)", (unsigned long long)m->visits);
	else if (room->cpu.cpus <= 0)
		refuse(ret, "the CPU limit is not known");
	else if (m->cannot_look && classes_matter && !m->exact)
		refuse(ret,
			"what blocked threads wait for may not be read: run as the same user or as root, or with -- COMMAND");
	else if (room->steal > STEAL_REFUSED)
		refuse(ret, "the hypervisor took %.0f %% of the machine's time meanwhile", room->steal * 100);
	else if (!m->exact && (double)m->looks < least_looks(m))
		refuse(ret, "blocked threads were looked at only %llu times; measure for longer (--window)",
			(unsigned long long)m->looks);
	else if (halves_differ(m) > HALVES_REFUSED && !m->idle_ns)
		refuse(ret, "unstable: wait per compute differs by a factor of %.2g between the halves of the window",
			halves_differ(m));
}

static void doubt(struct tt_size_advice *ret, enum tt_size_confidence at_most, const char *words)
{
	if (at_most >= ret->confidence)
		return;
	ret->confidence = at_most;
	snprintf(ret->doubt, sizeof(ret->doubt), "%s", words);
}

static void judge_confidence(const struct tt_size_measured *m, const struct tt_size_room *room, struct tt_size_advice *ret)
{
	ret->confidence = TT_SIZE_HIGH;
	if (m->visits < 1000)
		doubt(ret, TT_SIZE_MEDIUM, "fewer than 1,000 pieces of work were seen");
	if (halves_differ(m) > HALVES_DOUBTED)
		doubt(ret, TT_SIZE_MEDIUM, "the halves of the window differ");
	if (room->steal > STEAL_DOUBTED)
		doubt(ret, TT_SIZE_MEDIUM, "the hypervisor took some of the time");
	if (m->lock_ns > m->work_ns && m->lock_ns > m->run_ns && m->lock_share <= 0 && !m->one_interpreter)
		doubt(ret, TT_SIZE_LOW,
			"threads wait for a lock more than for anything else, and how long it is held is not known");
	if ((double)m->unknown_ns > UNKNOWN_DOUBTED * (double)m->blocked_ns && m->blocked_ns * 20 > m->run_ns)
		doubt(ret, TT_SIZE_LOW, "for a part of the blocked time nobody saw what was waited for");
	if (m->idle_ns > 20 * (m->run_ns + m->work_ns))
		doubt(ret, TT_SIZE_MEDIUM, "the pool is nearly idle: under load its work may be another");
	if (m->window_ns < WINDOW_DELAYS * m->longest_delay_ns)
		doubt(ret, TT_SIZE_LOW, "some thread waited for a processor for more than a tenth of the window");
	if (m->visits < 200)
		doubt(ret, TT_SIZE_LOW, "fewer than 200 pieces of work were seen");
}

/* ------------------------------------------------------------------ the arithmetic */

/* What the others leave, but no less than the pool took. */
static struct tt_size_cpu left_for(const struct tt_size_measured *m, const struct tt_size_room *room)
{
	struct tt_size_cpu cpu = room->cpu;
	double own = m->window_ns ? (double)m->run_ns / (double)m->window_ns : 0;
	double left = cpu.cpus - room->others_cpus;
	cpu.cpus = fmin(fmax(left, own), room->cpu.cpus);
	if (cpu.quota_ns)
		cpu.quota_ns = (uint64_t)((double)cpu.period_ns * cpu.cpus);
	return cpu;
}

/* Relative, standard (recommend.h). Looks say how much of the blocked time was work; the same wait seen twice is one. */
static double ratio_error(const struct tt_size_measured *m)
{
	double visits = m->visits ? (double)m->visits : 1, looks = fmin(visits, (double)m->looks);
	double chance = fmax(sqrt(2 / visits), (halves_differ(m) - 1) / 2), looked = 0;
	double share = m->blocked_ns ? (double)m->work_ns / (double)m->blocked_ns : 1;
	if (!m->exact && looks > 0 && share > 0 && share < 1)
		looked = sqrt((1 - share) / (share * looks));
	return sqrt(chance * chance + looked * looked + LEAST_ERROR * LEAST_ERROR);
}

static void fill_load(const struct tt_size_measured *m, struct tt_size_advice *ret)
{
	ret->ratio = (double)m->work_ns / (double)m->run_ns;
	ret->compute_ns = m->visits ? (double)m->run_ns / (double)m->visits : 0;
	ret->ratio_error = ratio_error(m);
	ret->load = (struct tt_size_load){
		.ratio = ret->ratio < 0.01 ? 0 : ret->ratio, .compute_ns = ret->compute_ns, .lock_share = m->lock_share};
	if (m->one_interpreter)
		ret->load.lock_share = fmax(ret->load.lock_share, 1.0 / (m->processes ? m->processes : 1));
}

static unsigned smallest(const struct tt_size_advice *a, double ratio, double share)
{
	struct tt_size_load load = a->load;
	load.ratio = ratio;
	return tt_size_smallest(&a->cpu, &load, share);
}

/* Of the compute time, what waking idle CPUs took: the less, the more of the capacity was used meanwhile. */
static double wake_share(const struct tt_size_measured *m, const struct tt_size_advice *a)
{
	double used = m->window_ns ? (double)m->run_ns / (double)m->window_ns / a->capacity : 1;
	return a->compute_ns > 0 ? fmin(WAKE_MOST, WAKE_NS / a->compute_ns) * fmax(0, 1 - used) : 0;
}

static void fill_sizes(const struct tt_size_measured *m, const struct tt_size_wishes *wishes, struct tt_size_advice *ret)
{
	bool by_lock;
	ret->capacity = tt_size_capacity(&ret->cpu, &ret->load, &by_lock);
	ret->wake_share = wake_share(m, ret);
	ret->planned_ratio = ret->load.ratio / (1 - ret->wake_share) * (1 + SURE * ret->ratio_error);
	double low = ret->load.ratio * fmax(0, 1 - SURE * ret->ratio_error),
	       high = ret->planned_ratio * (1 + SURE * ret->ratio_error);
	ret->goetz = tt_size_goetz(&ret->cpu, &ret->load);
	ret->knee = tt_size_knee(&ret->cpu, &ret->load);
	ret->bound_by = !by_lock ? TT_SIZE_BY_CPU : m->one_interpreter ? TT_SIZE_BY_INTERPRETER : TT_SIZE_BY_LOCK;
	ret->target = fmin(0.99, wishes->share + (!by_lock && (ret->cpu.quota_ns || ret->cpu.machine > 1) ? MODEL_ERROR : 0));
	ret->size = wishes->objective == TT_SIZE_LATENCY ? ret->knee : smallest(ret, ret->planned_ratio, ret->target);
	ret->low = smallest(ret, low, fmin(wishes->share, ret->target));
	ret->high = smallest(ret, high, ret->target);
	ret->by_cpu = ret->size;
}

static void cap(struct tt_size_advice *ret, uint64_t most, enum tt_size_bound by)
{
	if (most < 1)
		most = 1;
	if (ret->size > most) {
		ret->size = (unsigned)most;
		ret->bound_by = by;
	}
	ret->high = ret->high > most ? (unsigned)most : ret->high;
}

static struct tt_size_memory memory_of(const struct tt_size_measured *m, const struct tt_size_room *room, unsigned members)
{
	return m->of_processes ? tt_size_memory_of_processes(members, m->private_bytes, m->page_table_bytes)
	                       : tt_size_memory_of(members, room->stack_bytes, 0);
}

static void apply_bounds(const struct tt_size_measured *m, const struct tt_size_room *room, const struct tt_size_wishes *wishes,
	struct tt_size_advice *ret)
{
	if (wishes->slow_share > 0) {
		double busy = ret->then.used_cpus * (1 + ret->load.ratio);
		unsigned half = tt_size_with_slow_half(busy * wishes->slow_share, busy * (1 - wishes->slow_share));
		if (half > ret->size) {
			ret->size = half;
			ret->bound_by = TT_SIZE_BY_SLOW_HALF;
		}
	}
	if (wishes->connections)
		cap(ret, tt_size_threads_for(wishes->connections, wishes->per_task), TT_SIZE_BY_CONNECTIONS);
	if (room->threads_left != UINT64_MAX)
		cap(ret, m->threads + room->threads_left, TT_SIZE_BY_THREADS);
	if (room->memory_left != UINT64_MAX) {
		struct tt_size_memory one = memory_of(m, room, 1);
		cap(ret, m->threads + room->memory_left / (one.resident_bytes + one.kernel_stack_bytes + one.page_table_bytes),
			TT_SIZE_BY_MEMORY);
	}
	ret->low = ret->low > ret->size ? ret->size : ret->low;
	ret->high = ret->high < ret->size ? ret->size : ret->high;
}

/* Sizes from 1 to beyond both the present and the recommended one, closer together where they are small. */
static void fill_points(const struct tt_size_measured *m, struct tt_size_advice *ret)
{
	unsigned last = 2 * (ret->high > m->threads ? ret->high : m->threads);
	double step = pow(last > 4 ? last : 4, 1.0 / (TT_SIZE_POINTS - 1)), at = 1;
	unsigned previous = 0;
	for (unsigned i = 0; i < TT_SIZE_POINTS; i++, at *= step) {
		unsigned n = (unsigned)(at + 0.5) > previous ? (unsigned)(at + 0.5) : previous + 1;
		ret->points[ret->count++] = tt_size_at(&ret->cpu, &ret->load, n);
		previous = n;
	}
}

void tt_size_recommend(const struct tt_size_measured *m, const struct tt_size_room *room, const struct tt_size_wishes *wishes,
	struct tt_size_advice *ret)
{
	memset(ret, 0, sizeof(*ret));
	judge_data(m, room, ret);
	if (ret->refused)
		return;
	ret->cpu = left_for(m, room);
	fill_load(m, ret);
	fill_sizes(m, wishes, ret);
	ret->then = tt_size_at(&ret->cpu, &ret->load, ret->size);
	apply_bounds(m, room, wishes, ret);
	judge_confidence(m, room, ret);
	ret->now = tt_size_at(&ret->cpu, &ret->load, m->threads);
	ret->then = tt_size_at(&ret->cpu, &ret->load, ret->size);
	double gain = ret->then.used_cpus / ret->now.used_cpus - 1;
	ret->enough = m->threads >= ret->low && m->threads <= ret->high && gain < 1 - wishes->share;
	ret->memory = memory_of(m, room, ret->size);
	ret->deadlock_floor = wishes->per_task > 1 ? tt_size_deadlock_floor(ret->size, wishes->per_task) : 0;
	fill_points(m, ret);
}
