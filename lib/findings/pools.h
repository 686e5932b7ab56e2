/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pools.h - findings about thread pools and CPU limits of a live process: starved, idle, oversubscribed, waiting for a
 * processor, throttled, growing, priority inversion, steal.
 *
 * Its facts are plain numbers of a measurement, not a recording's model. Called by threadsize.
 */
#ifndef TT_FINDINGS_POOLS_H
#define TT_FINDINGS_POOLS_H

#include "lib/findings/finding.h"

/* Of one pool in the window. */
struct tt_pool_facts {
	const char *name; /* raw */
	unsigned threads, first_threads;
	uint64_t window_ns, wall_ns, run_ns, delay_ns, work_ns, lock_ns, idle_ns;
	uint64_t inversions; /* looks at a real-time thread behind an ordinary one */
	double busy_mean;
	unsigned busy_max;
	double all_busy_share;        /* of the looks with no idle thread, 0..1 */
	unsigned size, high;          /* recommended; 0: none */
	double now_share, then_share; /* of the CPU that the pool can use: with its present size, with the recommended one */
	bool processes;               /* its members are processes */
	bool workers;                 /* false: loops and main threads, which are no pools */
};

/* Of the process and its place. */
struct tt_place_facts {
	const char *group; /* whose quota binds; NULL: none */
	double cpus, used_cpus;
	uint64_t periods, throttled, stall_min_ns, stall_max_ns, period_ns; /* in the window */
	double steal;                                                       /* 0..1 */
	unsigned threads_started, threads_ended;
	uint64_t window_ns;
};

/* Each adds what it finds. Failures are sticky in the set. executable: begins the fingerprints. */
void tt_findings_of_pool(struct tt_findings *set, const char *executable, const struct tt_pool_facts *f, double cpus);
void tt_findings_of_place(struct tt_findings *set, const char *executable, const struct tt_place_facts *f);

#endif
