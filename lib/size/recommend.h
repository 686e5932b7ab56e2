/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recommend.h - from what a pool was seen to do, and what the place allows, to a size with its reasons; or to a refusal.
 * What it is not: measuring (lib/proc), words of runtimes (settings.h). Called by threadsize, tests.
 *
 * A size too small loses throughput at once, one a little too large costs a stack: the size is for the ratio that is not
 * exceeded in 9 of 10 cases. Sources:
 * - relative standard error of a ratio of two means of n pieces: sqrt((cv²(W) + cv²(C)) / n), Cochran, Sampling
 * Techniques, 2.11; both coefficients of variation are 1 for exponential times: sqrt(2 / n). If the halves of the window differ
 * by more than that, half of their difference. A share p of k looks: sqrt((1 - p) / (p k)), binomial. Never less than 2 %, as
 * was measured against a server that knows its own. Independent errors add as squares.
 * - a piece costs more CPU where each wakes an idle processor (timer and tick to be set up, cold caches) than where one follows
 *   the other: measured, 30 us beside 80 us with pieces of 0.4 ms on a virtual machine. The difference falls away under load.
 */
#ifndef TT_SIZE_RECOMMEND_H
#define TT_SIZE_RECOMMEND_H

#include "lib/size/model.h"

enum tt_size_objective { TT_SIZE_THROUGHPUT, TT_SIZE_LATENCY };
enum tt_size_confidence { TT_SIZE_LOW, TT_SIZE_MEDIUM, TT_SIZE_HIGH };
const char *tt_size_confidence_name(enum tt_size_confidence c); /* "low", "medium", "high" */

/* What was measured of one pool. Times are sums over its threads. */
struct tt_size_measured {
	unsigned threads;
	uint64_t window_ns, wall_ns, run_ns, delay_ns, blocked_ns;
	uint64_t work_ns, lock_ns, idle_ns, unknown_ns;
	uint64_t stopped_ns; /* beside wall_ns */
	uint64_t visits, looks, longest_delay_ns;
	uint64_t half_run_ns[2], half_blocked_ns[2]; /* 0: not known */
	double busy_mean;
	unsigned busy_max;
	bool exact;                               /* idle and lock waits were recorded, not looked at */
	bool cannot_look;                         /* what blocked threads wait for could not be read */
	bool one_interpreter;                     /* its threads share one interpreter lock per process */
	unsigned processes;                       /* that the pool is spread over; 0 is 1 */
	bool of_processes;                        /* its members are processes, each with its memory: */
	uint64_t private_bytes, page_table_bytes; /* of one; 0: not known */
	double lock_share;                        /* of the computing under the hottest lock; 0: not known */
};

/* What the place allows. */
struct tt_size_room {
	struct tt_size_cpu cpu; /* of the whole process: effective CPUs, machine, quota */
	double others_cpus;     /* used by the process's other threads and by others that share the limit */
	double steal;           /* share of the machine's time that a hypervisor took, 0..1 */
	uint64_t threads_left;  /* that may still be created; UINT64_MAX: no limit known */
	uint64_t memory_left;   /* bytes; UINT64_MAX */
	uint64_t stack_bytes;   /* of a new thread; 0: usual */
};

struct tt_size_wishes {
	enum tt_size_objective objective;
	double share;                   /* of the capacity that is to be used: 0.95 */
	unsigned connections, per_task; /* of a pool behind this one; 0: none */
	double slow_share;              /* libuv: of the pool's busy time, work that may take half of the threads only */
};

enum tt_size_bound {
	TT_SIZE_BY_CPU,
	TT_SIZE_BY_LOCK,
	TT_SIZE_BY_INTERPRETER,
	TT_SIZE_BY_THREADS,
	TT_SIZE_BY_MEMORY,
	TT_SIZE_BY_CONNECTIONS,
	TT_SIZE_BY_SLOW_HALF
};
const char *tt_size_bound_name(enum tt_size_bound b); /* "cpu", "lock", "interpreter-lock", "thread-limit" ... */

#define TT_SIZE_POINTS 24
#define TT_SIZE_WORDS  256

struct tt_size_advice {
	bool refused;
	char refusal[TT_SIZE_WORDS]; /* why, and what would help */
	unsigned size, low, high;
	enum tt_size_bound bound_by;
	enum tt_size_confidence confidence;
	char doubt[TT_SIZE_WORDS]; /* why the confidence is no higher; "" when it is high */
	bool enough;               /* within low and high, and the size would gain less than 1 - wished share: leave it */
	double ratio, ratio_error; /* work wait / compute, and its relative standard error */
	double compute_ns;         /* per visit */
	struct tt_size_cpu cpu;    /* what is left for the pool */
	struct tt_size_load load;
	double capacity;      /* CPUs */
	double target;        /* share of it that `size` is to use: with several CPUs a little more than was wished for */
	double wake_share;    /* of the compute time, that waking an idle CPU took: falls away under full load */
	double planned_ratio; /* that `size` is for: under full load, and in 9 of 10 cases the true one is no larger */
	unsigned goetz, knee, by_cpu;   /* Goetz's size; where the queue begins; before other bounds */
	struct tt_size_point now, then; /* the model's for the present size and for the recommended one, saturated */
	struct tt_size_memory memory;   /* of `size` threads */
	unsigned deadlock_floor;        /* connections that `size` threads need behind them; 0: none */
	unsigned count;
	struct tt_size_point points[TT_SIZE_POINTS]; /* rising sizes, for a plot */
};

void tt_size_recommend(const struct tt_size_measured *m, const struct tt_size_room *room, const struct tt_size_wishes *wishes,
	struct tt_size_advice *ret);

#endif
