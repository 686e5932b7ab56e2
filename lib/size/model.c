/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model.c - how many threads a pool needs (model.h). */
#include "lib/size/model.h"

#include <math.h>
#include <stdlib.h>

#define SIM_VISITS  20000 /* per point: the share is then right to about a percent */
#define SIM_WARM_UP 1000
#define SIM_PERIODS 40
#define FLUID       2000 /* visits that a period's quota serves, from which on chance within a period evens out */

/* Measured: resident part of an idle thread's stack and descriptor, its kernel stack (x86-64), page tables. */
#define TOUCHED_BYTES      8600
#define KERNEL_STACK_BYTES 16384
#define PAGE_TABLE_BYTES   4096
#define STACK_BYTES        (UINT64_C(8) << 20)
#define GUARD_BYTES        4096

/* ------------------------------------------------------------------ one queue: machine repairman */

/*
 * Mean number of busy CPUs with N threads, service rate min(n, c)/C and return rate (N - n)/W: the stationary birth-death
 * chain, p(n) = p(n-1) · (N-n+1) C / (W min(n, c)). Scaled as it goes, so that thousands of threads do not overflow.
 */
static double repairman(double c, double ratio, unsigned threads, double *at_cpu)
{
	double p = 1, sum = 1, used = 0, present = 0;
	for (unsigned n = 1; n <= threads; n++) {
		double rate = fmin(n, c);
		p *= (threads - n + 1) / (ratio * rate);
		sum += p;
		used += p * rate;
		present += p * n;
		if (sum > 1e200) {
			p /= sum;
			used /= sum;
			present /= sum;
			sum = 1;
		}
	}
	*at_cpu = present / sum;
	return used / sum;
}

/* ------------------------------------------------------------------ a queue per CPU, or a quota: simulated */

/* xorshift64*: the same numbers in every run, so that advice does not change by itself. */
static double uniform(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return ((double)((*state * UINT64_C(2685821657736338717)) >> 11) + 0.5) / 9007199254740992.0;
}

/* What serves, and how: times are in units of C. */
struct served_by {
	double cpus;          /* at once; a fraction of a CPU serves when all do */
	double quota, period; /* quota 0: none */
	bool apart;           /* each CPU has a queue of its own, and takes from no other */
};

struct sim {
	double now, period_end, left; /* left: of this period's quota */
	double busy_integral, present_integral, visits;
	unsigned ready, queues; /* threads; CPUs that have some of them */
	uint64_t seed;
};

static void pass(struct sim *s, double dt, double rate)
{
	s->now += dt;
	s->left -= dt * rate;
	s->busy_integral += dt * rate;
	s->present_integral += dt * s->ready;
}

/* A thread that becomes ready goes to an idle CPU if there is one, else it waits behind others. */
static void join(struct sim *s, unsigned cpus)
{
	s->ready++;
	if (s->queues < cpus)
		s->queues++;
}

/*
 * A thread leaves. A queue ends with it if it was alone there: when all ways to split n threads over b queues are as likely,
 * (b - 1) / (n - 1) of the queues are of one. With one queue for all, CPUs are idle only when there are no threads for them.
 */
static void leave(struct sim *s, bool apart)
{
	double b = s->queues, n = s->ready;
	if (n <= b || (apart && uniform(&s->seed) * (n - 1) < b - 1))
		s->queues--;
	s->ready--;
	s->visits++;
}

/* The next event: until the quota or the period ends, or until a thread leaves or joins. */
static void step(struct sim *s, const struct served_by *by, double ratio, unsigned threads)
{
	unsigned cpus = (unsigned)ceil(by->cpus - 1e-9);
	double rate = s->left > 0 ? fmin(s->queues, by->cpus) : 0, back = (threads - s->ready) / ratio;
	double until = s->period_end - s->now;
	if (rate > 0 && s->left / rate < until)
		until = s->left / rate;
	double dt = rate + back > 0 ? -log(uniform(&s->seed)) / (rate + back) : until;
	if (dt < until) {
		pass(s, dt, rate);
		if (uniform(&s->seed) * (rate + back) < rate)
			leave(s, by->apart);
		else
			join(s, cpus);
		return;
	}
	pass(s, until, rate);
	s->left = 0;
	if (s->now >= s->period_end - 1e-6 * by->period) {
		s->period_end += by->period;
		s->left = by->quota;
	}
}

/*
 * The repairman's chain by chance, where it has no closed form. As compute and wait times are memoryless, numbers are all
 * there is to know. Begins where Little's law would have it; until enough visits were served, and enough periods passed.
 */
static double simulate(const struct served_by *by, double ratio, unsigned threads, double *at_cpu)
{
	double capacity = by->quota > 0 ? fmin(by->cpus, by->quota / by->period) : by->cpus;
	double waiting = ratio * fmin(capacity, threads / (1 + ratio));
	double end = by->quota > 0 ? by->period : INFINITY, warm = 5 * by->period, start;
	struct sim s = {.period_end = end, .left = by->quota > 0 ? by->quota : INFINITY, .seed = UINT64_C(0x9e3779b97f4a7c15)};
	s.ready = threads - (unsigned)waiting;
	s.queues = (unsigned)fmin(s.ready, ceil(by->cpus - 1e-9));
	while (s.visits < SIM_WARM_UP || s.now < warm)
		step(&s, by, ratio, threads);
	start = s.now;
	s.visits = s.busy_integral = s.present_integral = 0;
	while (s.visits < SIM_VISITS || s.now - start < SIM_PERIODS * by->period)
		step(&s, by, ratio, threads);
	*at_cpu = s.present_integral / (s.now - start);
	return s.busy_integral / (s.now - start);
}

/* ------------------------------------------------------------------ a point, and the smallest size */

double tt_size_capacity(const struct tt_size_cpu *cpu, const struct tt_size_load *load, bool *by_lock)
{
	double ceiling = load->lock_share > 0 ? 1 / load->lock_share : cpu->cpus;
	bool locked = ceiling < cpu->cpus;
	if (by_lock)
		*by_lock = locked;
	return locked ? ceiling : cpu->cpus;
}

/* Short visits even out within a period, and a quota that is no less than the machine is none: neither cuts periods off. */
static double served(
	const struct tt_size_cpu *cpu, const struct tt_size_load *load, unsigned threads, bool apart, double *at_cpu)
{
	bool limited = cpu->quota_ns && cpu->period_ns;
	struct served_by by = {.cpus = limited ? cpu->machine : cpu->cpus};
	by.apart = apart && by.cpus > 1;
	if (limited && load->compute_ns * FLUID >= (double)cpu->quota_ns && cpu->cpus < cpu->machine) {
		by.quota = (double)cpu->quota_ns / load->compute_ns;
		by.period = (double)cpu->period_ns / load->compute_ns;
	}
	double used = by.apart || by.quota > 0 ? simulate(&by, load->ratio, threads, at_cpu)
	                                       : repairman(by.cpus, load->ratio, threads, at_cpu);
	if (used <= cpu->cpus || by.quota > 0)
		return used;
	*at_cpu = threads - cpu->cpus * load->ratio; /* all but those that wait: Little's law */
	return cpu->cpus;
}

/*
 * The kernel keeps a run queue per CPU. Which wakes goes to an idle CPU if there is one, else it stays where it was; a CPU
 * that becomes idle takes a thread from another's queue if it expects to be idle for long enough (sched-domains.rst, newidle
 * balance). At best it always does, which is as one queue; at worst never. Real ones were seen between: half-way is taken.
 */
static double between_queues(const struct tt_size_cpu *cpu, const struct tt_size_load *load, unsigned threads, double *at_cpu)
{
	double there, used = served(cpu, load, threads, false, at_cpu);
	used += served(cpu, load, threads, true, &there);
	*at_cpu = (*at_cpu + there) / 2;
	return used / 2;
}

struct tt_size_point tt_size_at(const struct tt_size_cpu *cpu, const struct tt_size_load *load, unsigned threads)
{
	struct tt_size_point at = {.threads = threads};
	bool by_lock;
	double capacity = tt_size_capacity(cpu, load, &by_lock), present;
	if (threads == 0 || capacity <= 0)
		return at;
	if (load->ratio <= 0) {
		at.used_cpus = fmin(threads, capacity);
		present = threads;
	} else if (by_lock) {
		at.used_cpus = repairman(capacity, load->ratio, threads, &present);
	} else {
		at.used_cpus = between_queues(cpu, load, threads, &present);
	}
	at.share = fmin(1, at.used_cpus / capacity);
	at.response = at.used_cpus > 0 ? present / at.used_cpus : 0;
	at.stall_ns = tt_size_stall_ns(cpu, threads);
	return at;
}

unsigned tt_size_smallest(const struct tt_size_cpu *cpu, const struct tt_size_load *load, double share)
{
	unsigned low = 0, high = 1;
	while (high < TT_SIZE_MAX_THREADS && tt_size_at(cpu, load, high).share < share) {
		low = high;
		high *= 2;
	}
	if (high >= TT_SIZE_MAX_THREADS)
		return TT_SIZE_MAX_THREADS;
	while (high - low > 1) { /* low does not reach it, high does */
		unsigned middle = low + (high - low) / 2;
		if (tt_size_at(cpu, load, middle).share < share)
			low = middle;
		else
			high = middle;
	}
	return high;
}

static double unqueued(const struct tt_size_cpu *cpu, const struct tt_size_load *load)
{
	return tt_size_capacity(cpu, load, NULL) * (1 + fmax(0, load->ratio));
}

unsigned tt_size_knee(const struct tt_size_cpu *cpu, const struct tt_size_load *load)
{
	double knee = floor(unqueued(cpu, load) + 1e-9);
	return knee < 1 ? 1 : knee > TT_SIZE_MAX_THREADS ? TT_SIZE_MAX_THREADS : (unsigned)knee;
}

unsigned tt_size_goetz(const struct tt_size_cpu *cpu, const struct tt_size_load *load)
{
	double size = ceil(unqueued(cpu, load) - 1e-9);
	return size < 1 ? 1 : size > TT_SIZE_MAX_THREADS ? TT_SIZE_MAX_THREADS : (unsigned)size;
}

uint64_t tt_size_stall_ns(const struct tt_size_cpu *cpu, unsigned busy)
{
	unsigned at_once = busy < cpu->machine ? busy : cpu->machine;
	if (!cpu->quota_ns || !cpu->period_ns || at_once == 0)
		return 0;
	uint64_t run = cpu->quota_ns / at_once;
	return run < cpu->period_ns ? cpu->period_ns - run : 0;
}

/* ------------------------------------------------------------------ memory, what lies behind */

struct tt_size_memory tt_size_memory_of(unsigned threads, uint64_t stack_bytes, uint64_t touched_bytes)
{
	return (struct tt_size_memory){
		.virtual_bytes = threads * ((stack_bytes ? stack_bytes : STACK_BYTES) + GUARD_BYTES),
		.resident_bytes = threads * (touched_bytes ? touched_bytes : TOUCHED_BYTES),
		.kernel_stack_bytes = (uint64_t)threads * KERNEL_STACK_BYTES,
		.page_table_bytes = (uint64_t)threads * PAGE_TABLE_BYTES,
	};
}

struct tt_size_memory tt_size_memory_of_processes(unsigned processes, uint64_t private_bytes, uint64_t page_table_bytes)
{
	return (struct tt_size_memory){
		.resident_bytes = processes * private_bytes,
		.kernel_stack_bytes = (uint64_t)processes * KERNEL_STACK_BYTES,
		.page_table_bytes = processes * (page_table_bytes ? page_table_bytes : PAGE_TABLE_BYTES),
	};
}

unsigned tt_size_deadlock_floor(unsigned threads, unsigned per_task)
{
	return threads && per_task ? threads * (per_task - 1) + 1 : 0;
}

unsigned tt_size_threads_for(unsigned connections, unsigned per_task)
{
	if (per_task == 0 || connections < per_task)
		return 0;
	return per_task == 1 ? connections : (connections - 1) / (per_task - 1);
}

unsigned tt_size_with_slow_half(double slow, double fast)
{
	double half = 2 * ceil(slow - 1e-9) - 1, all = ceil(slow + fast - 1e-9);
	return (unsigned)fmax(1, fmax(half, all));
}
