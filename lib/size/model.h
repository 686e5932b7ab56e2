/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * model.h - how many threads a pool needs: a finite-source queue for the CPU, bounded by locks, memory, limits, and by what
 * lies behind it.
 *
 * The pool's N threads each compute for C, then wait for W outside the CPU, again and again; they share `cpus` CPUs, which may
 * be a fraction. r = W/C is what is measured. Sources of the formulas:
 * - machine repairman M/M/c//N: Allen, Probability, Statistics and Queueing Theory, section 5.2.9; Kleinrock I, 3.8
 * - a run queue per CPU, or one: the kernel wakes a thread on an idle CPU if there is one (select_idle_sibling), else where it
 *   was; a CPU that becomes idle takes from another's queue at times (newidle balance). Half-way between never and always.
 * - (b - 1) / (n - 1) of b queues that hold n threads hold one, when all compositions of n into b parts are as likely: counted,
 *   C(n-2, b-2) of C(n-1, b-1) compositions (Feller I, II.5). Within 0.5 % of the chain of every queue's length, 2 to 64 CPUs.
 * - r (1 + W/C) CPUs: Goetz, Java Concurrency in Practice, 8.2, "N·U·(1+W/C)": exact only without variation
 * - N X = C + W + queueing: Little's law
 * - quota / min(N, CPUs): kernel, scheduler/sched-bwc.rst: a period's quota is used up, then all stand still
 * - Tn (Cm - 1) + 1: HikariCP, About Pool Sizing: fewest connections without deadlock
 * - (n + 1) / 2: libuv, src/threadpool.c: threads that slow work may take
 * The whole, against a server under quotas of 0.5 to 2 of 2 CPUs: shares of 0.9 and more of the capacity within 0.04, most
 * within 0.02; too high rather than too low.
 * Pure arithmetic: no files, no clocks. Called by threadsize, tests.
 */
#ifndef TT_SIZE_MODEL_H
#define TT_SIZE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define TT_SIZE_MAX_THREADS 100000

/* The CPU that a pool may use. */
struct tt_size_cpu {
	double cpus;       /* what it gets on average: may be a fraction */
	unsigned machine;  /* processors that it may run on at once; >= cpus */
	uint64_t quota_ns; /* per period; 0: no quota binds, and cpus is machine or less */
	uint64_t period_ns;
};

struct tt_size_load {
	double ratio;      /* work wait / compute */
	double compute_ns; /* C, per visit to the CPU; 0: not known, taken as short against the period */
	double lock_share; /* of the compute time that is spent holding the hottest lock, 0..1: 1/share CPUs is its ceiling */
};

/* What N threads would do. */
struct tt_size_point {
	unsigned threads;
	double used_cpus;  /* mean CPUs that are busy */
	double share;      /* used_cpus / capacity, 0..1 */
	double response;   /* mean time from wanting the CPU to having computed, in units of C */
	uint64_t stall_ns; /* per period, when all N threads compute; 0: no quota binds */
};

/* CPUs that the pool can use at most, and whether a lock is why. */
double tt_size_capacity(const struct tt_size_cpu *cpu, const struct tt_size_load *load, bool *by_lock);

struct tt_size_point tt_size_at(const struct tt_size_cpu *cpu, const struct tt_size_load *load, unsigned threads);

/* The smallest number of threads that uses at least `share` (0.95) of the capacity; TT_SIZE_MAX_THREADS: none does. */
unsigned tt_size_smallest(const struct tt_size_cpu *cpu, const struct tt_size_load *load, double share);

/* Where the queue begins: cpus (1 + r) rounded down, at least 1. Fewer threads leave CPU unused, more mostly queue. */
unsigned tt_size_knee(const struct tt_size_cpu *cpu, const struct tt_size_load *load);

/* Goetz's size, rounded up: shown for comparison. */
unsigned tt_size_goetz(const struct tt_size_cpu *cpu, const struct tt_size_load *load);

/* How long a group stands still per period when `busy` threads compute without end. */
uint64_t tt_size_stall_ns(const struct tt_size_cpu *cpu, unsigned busy);

/* Memory of n threads: what is reserved, and what is really taken. */
struct tt_size_memory {
	uint64_t virtual_bytes; /* stack and guard page: address space only; of processes 0: nobody limits it */
	uint64_t resident_bytes, kernel_stack_bytes, page_table_bytes;
};
/* Memory of n processes that take private_bytes each for themselves; page_table_bytes 0: what a thread's take. */
struct tt_size_memory tt_size_memory_of_processes(unsigned processes, uint64_t private_bytes, uint64_t page_table_bytes);
/* stack_bytes: of each; 0: the usual 8 MiB. touched_bytes: resident stack of each; 0: what an idle thread touches. */
struct tt_size_memory tt_size_memory_of(unsigned threads, uint64_t stack_bytes, uint64_t touched_bytes);

/* Connections behind the pool: each task holds `per_task` at once; fewer than this may deadlock. 0: none needed. */
unsigned tt_size_deadlock_floor(unsigned threads, unsigned per_task);
/* The most threads that `connections` carry without deadlock when each holds per_task; 0: not even one. */
unsigned tt_size_threads_for(unsigned connections, unsigned per_task);

/* libuv: threads such that slow work, which keeps `slow` of them busy on average, fits into its half beside `fast` others. */
unsigned tt_size_with_slow_half(double slow, double fast);

#endif
