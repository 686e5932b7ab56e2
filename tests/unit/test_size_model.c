/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_size_model.c - sizes of pools against known numbers, limits of the formulas, and how runtimes count processors. */
#include <math.h>
#include <string.h>

#include "lib/core/attrs.h"
#include "lib/size/model.h"
#include "lib/size/runtimes.h"
#include "tests/unit/tap.h"

#define MS UINT64_C(1000000)

static bool near(double got, double want, double tolerance)
{
	if (fabs(got - want) <= tolerance)
		return true;
	diag("got %g, want %g", got, want);
	return false;
}

/* M/M/c//N by its other form, Allen's: sums of binomial terms, for small N. */
static double by_binomials(unsigned c, double r, unsigned threads)
{
	double sum = 0, used = 0, p = 1;
	for (unsigned n = 0; n <= threads; n++) {
		double rate = n < c ? n : c;
		if (n)
			p *= (threads - n + 1) / (r * rate);
		sum += p;
		used += p * rate;
	}
	return used / sum;
}

#define MANY 12

/*
 * Busy CPUs of two that each have a queue and take nothing from the other's, where a thread goes to an idle CPU if there is
 * one, else to either: the chain of both lengths, by iteration to its stationary distribution.
 */
static double two_queues(double r, unsigned threads)
{
	double p[MANY + 1][MANY + 1] = {{1}}, most = 2 + threads / r, used = 0;
	for (unsigned round = 0; round < 5000; round++) {
		double next[MANY + 1][MANY + 1] = {{0}};
		used = 0;
		for (unsigned a = 0; a <= threads; a++) {
			for (unsigned b = 0; a + b <= threads; b++) {
				double back = (threads - a - b) / r / most, first = a == 0 && b ? 1 : b == 0 && a ? 0 : 0.5;
				double left_a = a ? 1 / most : 0, left_b = b ? 1 / most : 0;
				next[a][b] += p[a][b] * (1 - back - left_a - left_b);
				if (a + b < threads) {
					next[a + 1][b] += p[a][b] * back * first;
					next[a][b + 1] += p[a][b] * back * (1 - first);
				}
				if (a)
					next[a - 1][b] += p[a][b] * left_a;
				if (b)
					next[a][b - 1] += p[a][b] * left_b;
				used += p[a][b] * ((a > 0) + (b > 0));
			}
		}
		memcpy(p, next, sizeof(p));
	}
	return used;
}

static void test_repairman(void)
{
	static const struct {
		unsigned cpus;
		double ratio;
		unsigned smallest, goetz;
	} rows[] = {{1, 4, 8, 5}, {2, 9, 26, 20}, {4, 49, 204, 200}, {1, 0, 1, 1}, {2, 0, 2, 2}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct tt_size_cpu cpu = {.cpus = rows[i].cpus, .machine = rows[i].cpus};
		const struct tt_size_load load = {.ratio = rows[i].ratio, .compute_ns = 1e6};
		unsigned n = tt_size_smallest(&cpu, &load, 0.95);
		is_u64(n, rows[i].smallest, "%u CPUs, wait/compute %g: smallest size with 95 %%", rows[i].cpus, rows[i].ratio);
		is_u64(tt_size_goetz(&cpu, &load), rows[i].goetz, "  ... Goetz says");
		ok(n == 1 || tt_size_at(&cpu, &load, n - 1).share < 0.95, "  ... one less is too few");
	}
	const struct tt_size_cpu two = {.cpus = 2, .machine = 2};
	const struct tt_size_load load = {.ratio = 3};
	for (unsigned n = 1; n <= 12; n += 3)
		ok(near(tt_size_at(&two, &load, n).used_cpus, (by_binomials(2, 3, n) + two_queues(3, n)) / 2, 0.012),
			"M/M/2//%u, half-way between one queue and two", n);
	const struct tt_size_cpu one = {.cpus = 1, .machine = 1};
	ok(near(tt_size_at(&one, &load, 5).used_cpus, by_binomials(1, 3, 5), 1e-9), "one CPU has one queue");
	ok(near(tt_size_at(&two, &load, 1).response, 1, 1e-9), "one thread never queues");
	ok(near(tt_size_at(&two, &load, 20000).share, 1, 1e-9), "20,000 threads do not overflow");
}

static void test_fractions(void)
{
	const struct tt_size_load busy = {.ratio = 0};
	const struct tt_size_cpu half = {.cpus = 0.5, .machine = 4, .quota_ns = 50 * MS, .period_ns = 100 * MS};
	is_u64(tt_size_smallest(&half, &busy, 0.95), 1, "half a CPU, only computing: one thread");
	const struct tt_size_cpu more = {.cpus = 1.5, .machine = 2, .quota_ns = 150 * MS, .period_ns = 100 * MS};
	is_u64(tt_size_smallest(&more, &busy, 0.95), 2, "one and a half CPU: two threads use it up");
	is_u64(tt_size_knee(&more, &busy), 1, "  ... one never queues");
	is_u64(tt_size_stall_ns(&half, 10), 87500000, "0.5 CPU, 10 busy threads on 4 processors: 87.5 ms of 100 stand still");
	is_u64(tt_size_stall_ns(&half, 1), 50 * MS, "  ... one thread: 50 ms");
	const struct tt_size_cpu whole = {.cpus = 2, .machine = 2};
	is_u64(tt_size_stall_ns(&whole, 10), 0, "no quota, no stall");
}

/* With a quota, threads wait on while all stand still: fewer are needed than a slower CPU would need. */
static void test_quota(void)
{
	const struct tt_size_cpu half = {.cpus = 0.5, .machine = 2, .quota_ns = 50 * MS, .period_ns = 100 * MS};
	const struct tt_size_load small = {.ratio = 4, .compute_ns = 1e6}, smaller = {.ratio = 4, .compute_ns = 1e4};
	unsigned n = tt_size_smallest(&half, &small, 0.95);
	ok(n >= 3 && n <= 4, "0.5 CPU, wait/compute 4, 1 ms each: %u threads", n);
	unsigned fluid = tt_size_smallest(&half, &smaller, 0.95);
	ok(fluid == 3, "  ... of 10 us each: %u", fluid);
	struct tt_size_point at = tt_size_at(&half, &small, 20);
	ok(near(at.share, 1, 0.02), "20 threads use all of it");
	ok(near(at.response, (20 - 0.5 * 4) / 0.5, 1.5), "  ... and their response follows Little's law");
	const struct tt_size_cpu loose = {.cpus = 2, .machine = 2, .quota_ns = 400 * MS, .period_ns = 100 * MS};
	const struct tt_size_cpu none = {.cpus = 2, .machine = 2};
	ok(near(tt_size_at(&loose, &small, 7).used_cpus, tt_size_at(&none, &small, 7).used_cpus, 1e-9),
		"a quota above the machine changes nothing");
	/* The simulation against the exact chain: a quota that is never used up. */
	const struct tt_size_cpu slack = {.cpus = 1.98, .machine = 2, .quota_ns = 198 * MS, .period_ns = 100 * MS};
	ok(near(tt_size_at(&slack, &small, 4).used_cpus, (by_binomials(2, 4, 4) + two_queues(4, 4)) / 2, 0.02),
		"a quota that is hardly used up: as without");
	/* One CPU's worth of two: which wakes finds an idle one. Measured with 4: shares of 0.97 with 5, 0.81 with 4. */
	const struct tt_size_cpu one = {.cpus = 1, .machine = 2, .quota_ns = 100 * MS, .period_ns = 100 * MS};
	const struct tt_size_load busy = {.ratio = 0.5, .compute_ns = 1e4}, seen = {.ratio = 3.7, .compute_ns = 4.3e5};
	ok(near(tt_size_at(&one, &busy, 2).used_cpus, 1, 1e-3), "two threads that hardly wait do not meet on one CPU");
	ok(near(tt_size_at(&one, &seen, 5).share, 0.975, 0.015), "five that wait 4 times as long: as was measured");
	ok(near(tt_size_at(&one, &seen, 4).share, 0.82, 0.025), "four of them: as was measured");
	ok(tt_size_at(&half, &small, 5).used_cpus == tt_size_at(&half, &small, 5).used_cpus, "the same in every run");
}

static void test_lock(void)
{
	const struct tt_size_cpu four = {.cpus = 4, .machine = 4};
	const struct tt_size_load locked = {.ratio = 1, .lock_share = 0.5}, free = {.ratio = 1};
	bool by_lock;
	ok(near(tt_size_capacity(&four, &locked, &by_lock), 2, 1e-9) && by_lock,
		"a lock held half of the time lets two CPUs work");
	ok(near(tt_size_capacity(&four, &free, &by_lock), 4, 1e-9) && !by_lock, "without one, all four");
	ok(tt_size_smallest(&four, &locked, 0.95) < tt_size_smallest(&four, &free, 0.95), "it makes the size smaller");
}

static void test_rest(void)
{
	struct tt_size_memory m = tt_size_memory_of(1000, UINT64_C(2) << 20, 0);
	ok(m.virtual_bytes > UINT64_C(2000) << 20 && m.resident_bytes < 16 << 20,
		"1,000 stacks of 2 MiB: 2 GiB reserved, little resident");
	is_u64(m.kernel_stack_bytes, 16384000, "16 KiB of kernel stack each");
	is_u64(m.page_table_bytes, 4096000, "4 KiB of page tables each");
	m = tt_size_memory_of_processes(10, UINT64_C(20) << 20, 65536);
	is_u64(m.resident_bytes, UINT64_C(200) << 20, "10 processes of 20 MiB each");
	is_u64(m.virtual_bytes, 0, "nobody limits their address space");
	is_u64(m.page_table_bytes, 655360, "and their page tables");
	is_u64(tt_size_deadlock_floor(8, 2), 9, "8 threads, 2 connections each: at least 9");
	is_u64(tt_size_deadlock_floor(8, 1), 1, "1 connection each cannot deadlock");
	is_u64(tt_size_threads_for(9, 2), 8, "9 connections carry 8 such threads");
	is_u64(tt_size_threads_for(8, 2), 7, "8 carry 7");
	is_u64(tt_size_threads_for(1, 2), 0, "1 carries none");
	is_u64(tt_size_threads_for(10, 1), 10, "one each: as many");
	is_u64(tt_size_with_slow_half(3, 1), 5, "3 slow lookups need 5 threads of libuv, of which 3 may be slow");
	is_u64(tt_size_with_slow_half(0, 4), 4, "no slow work: as many as there is work");
}

/* ------------------------------------------------------------------ runtimes */

static unsigned chosen(enum tt_runtime_id id, double quota, unsigned cpus)
{
	const struct tt_size_place place = {
		.affinity = cpus, .online = cpus, .own_quota = quota, .least_quota = quota, .v2 = true};
	return tt_runtime_choose(id, &place).cpus;
}

static void test_runtimes(void)
{
	static const struct {
		enum tt_runtime_id id;
		unsigned half, more; /* of 0.5 and 2.5 CPUs, on 8 processors */
	} rows[] = {{TT_RUNTIME_go, 2, 3}, {TT_RUNTIME_jdk, 1, 3}, {TT_RUNTIME_jdk_17, 1, 3}, {TT_RUNTIME_dotnet, 1, 3},
		{TT_RUNTIME_automaxprocs, 1, 2}, {TT_RUNTIME_rust, 1, 2}, {TT_RUNTIME_nproc_9_8, 1, 3},
		{TT_RUNTIME_node_20, 8, 8}, {TT_RUNTIME_node, 8, 2}, {TT_RUNTIME_go_1_24, 8, 8}, {TT_RUNTIME_nginx, 8, 8},
		{TT_RUNTIME_openmp, 8, 8}, {TT_RUNTIME_python, 8, 8}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		is_u64(chosen(rows[i].id, 0.5, 8), rows[i].half, "runtime %zu with 0.5 CPU", i);
		is_u64(chosen(rows[i].id, 2.5, 8), rows[i].more, "runtime %zu with 2.5 CPUs", i);
		is_u64(chosen(rows[i].id, 0, 8), 8, "runtime %zu without a quota", i);
	}
	const struct tt_size_place nested = {.affinity = 8, .online = 8, .own_quota = 0, .least_quota = 1.5, .v2 = true};
	is_u64(tt_runtime_choose(TT_RUNTIME_dotnet, &nested).cpus, 8, "the limit of a parent is not seen by .NET");
	is_u64(tt_runtime_choose(TT_RUNTIME_jdk, &nested).cpus, 2, "but by the JDK");
	const struct tt_size_place v1 = {.affinity = 8, .online = 8, .own_quota = 2, .least_quota = 2};
	is_u64(tt_runtime_choose(TT_RUNTIME_node, &v1).cpus, 8, "libuv does not see version 1");
	is_u64(tt_runtime_choose(TT_RUNTIME_python, &nested).threads, 12, "ThreadPoolExecutor: n + 4");
	is_u64(tt_runtime_choose(TT_RUNTIME_node, &nested).threads, 4, "libuv's pool: 4");
	is_int(tt_runtime_judge(2, 0.5), TT_RUNTIME_TOO_MANY, "2 of 0.5 is too many");
	is_int(tt_runtime_judge(1, 0.5), TT_RUNTIME_RIGHT, "1 of 0.5 is right");
	is_int(tt_runtime_judge(3, 2.5), TT_RUNTIME_RIGHT, "3 of 2.5 is right");
	is_int(tt_runtime_judge(2, 2.5), TT_RUNTIME_RIGHT, "2 of 2.5 too");
	is_int(tt_runtime_judge(4, 8), TT_RUNTIME_TOO_FEW, "4 of 8 is too few");
	is_int(tt_runtime_judge(4, 0), TT_RUNTIME_UNKNOWN, "of nothing known: unknown");
}

int main(void)
{
	test_repairman();
	test_fractions();
	test_quota();
	test_lock();
	test_rest();
	test_runtimes();
	return done();
}
