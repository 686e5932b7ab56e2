/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limits.h - how much CPU a process may really use, and what bounds its threads: control groups of version 1, 2 and both at
 * once with every visible ancestor, cpuset, affinity, online processors, scheduling policy; memory, pids, resource limits;
 * throttling and pressure so far.
 *
 * What cannot be read, or is odd, is TT_LIMIT_UNKNOWN with the reason, never "no limit". What it is not: advice (lib/size).
 * Sources: kernel Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/{cpusets,memory,pids}.rst, scheduler/sched-bwc.rst,
 * sched-rt-group.rst, accounting/psi.rst. Called by threadsize, threadtop, tests. Not for threads, one object per thread is
 * fine.
 *
 *   struct tt_limits limits;
 *   struct tt_limits_query query = {.pid = pid};       // 0: this process
 *   if (tt_limits_read(&query, &limits, &err) < 0) ...
 *   if (limits.effective_known) printf("%.2f CPUs, by %s\n", limits.effective_cpus, limits.bound_by);
 *   tt_limits_deinit(&limits);
 */
#ifndef TT_PROC_LIMITS_H
#define TT_PROC_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/proc/cpulist.h"
#include "lib/util/err.h"
#include "lib/util/vec.h"

/* Unknown is 0, so that what was never looked at is not "no limit". */
enum tt_limit_state { TT_LIMIT_UNKNOWN, TT_LIMIT_NONE, TT_LIMIT_SET, TT_LIMIT_STATE_MAX };
const char *tt_limit_state_name(enum tt_limit_state state); /* "unknown", "none", "set" */

struct tt_limits_query {
	const char *root;   /* every path of /proc and /sys is read below it; NULL: the real root */
	const char *cgroup; /* not NULL: of this group instead of a process: its path in the hierarchy, or its directory */
	pid_t pid;          /* 0: /proc/self */
};

/* Since the group exists. Both times are summed over processors: they say nothing against wall time. */
struct tt_throttling {
	bool known;
	uint64_t periods, throttled; /* enforcement periods in which the group ran, and of these throttled ones */
	uint64_t throttled_ns;
	uint64_t bursts, burst_ns; /* periods that used saved quota, and how much */
};

/* One level of the group's ancestry, the group itself first. */
struct tt_cpu_level {
	const char *path; /* in the hierarchy: "/docker/abc" */
	const char *dir;  /* the directory that was read */
	enum tt_limit_state state;
	const char *why; /* for NONE and UNKNOWN; NULL: nothing to say */
	double cpus;     /* SET: quota / period, not rounded */
	uint64_t quota_us, period_us, burst_us;
	struct tt_throttling throttling;
};

/* A set of processors, and where it comes from. */
struct tt_cpu_cap {
	enum tt_limit_state state; /* NONE: it takes none away, as far as the kernel has such a thing */
	const char *why;
	struct tt_cpus set;
	unsigned count;
};

/* A number that bounds: bytes, tasks, descriptors. */
struct tt_cap {
	enum tt_limit_state state;
	const char *why;
	uint64_t limit;
	bool used_known;
	uint64_t used;
	const char *path; /* the control group that sets it; NULL: none does */
};

/* Pressure stall information: share of the time in which some (all) tasks waited, in percent over the last seconds. */
struct tt_pressure {
	bool known;
	double some_avg10, some_avg60, some_avg300;
	uint64_t some_total_us;
};

enum tt_bound { TT_BOUND_UNKNOWN, TT_BOUND_QUOTA, TT_BOUND_AFFINITY, TT_BOUND_CPUSET, TT_BOUND_ONLINE, TT_BOUND_MAX };
const char *tt_bound_name(enum tt_bound bound); /* "quota", "affinity" ... */

enum tt_cgroup_layout { TT_LAYOUT_UNKNOWN, TT_LAYOUT_NONE, TT_LAYOUT_V1, TT_LAYOUT_V2, TT_LAYOUT_HYBRID, TT_LAYOUT_MAX };
const char *tt_layout_name(enum tt_cgroup_layout layout); /* "v1", "v2", "hybrid" ... */

struct tt_limits {
	pid_t pid;                          /* 0: of a control group */
	enum tt_cgroup_layout layout;       /* hybrid: some controllers in version 1, and version 2 beside them */
	const char *cgroup;                 /* path of the group that governs CPU; NULL: not known */
	bool cgroup_v2;                     /* and in which version */
	TT_VEC(struct tt_cpu_level) levels; /* leaf first, up to the highest visible one */
	enum tt_limit_state quota;          /* SET: of the visible levels; UNKNOWN when any of them is */
	const char *quota_why;              /* UNKNOWN, NONE: in words */
	double quota_cpus;                  /* the smallest of the known levels; 0: none is set */
	const struct tt_cpu_level *binding; /* that level; NULL */
	bool hidden;                        /* there are levels above which cannot be seen, and may set less */
	const char *hidden_why;
	uint64_t hidden_throttled_ns; /* throttled by them, as far as the kernel tells; 0: none, or not told */
	struct tt_cpu_cap affinity, cpuset, online;
	unsigned usable_cpus;  /* in all three of them; 0: not known */
	bool effective_known;  /* false: effective_cpus is only "at most", or 0 for nothing known */
	double effective_cpus; /* what threads of ordinary policy get together at most; fractional */
	enum tt_bound bound;
	const char *bound_by;        /* "quota of /docker/abc", "affinity" ...: never NULL */
	int policy;                  /* SCHED_OTHER ... of the main thread; -1 not known */
	bool realtime;               /* SCHED_FIFO, RR, DEADLINE: the quota does not bind that thread */
	struct tt_cap rt_runtime_us; /* what all real-time threads may use per second; NONE: all of it */
	struct tt_cap weight;        /* cpu.weight or cpu.shares of the group: no limit, shown only; path: which file */
	struct tt_pressure pressure, system_pressure;
	struct tt_cap memory, memory_high, pids;
	struct tt_cap nproc, nofile,
		stack; /* soft resource limits; nproc counts the user's threads; stack bytes per new thread */
	struct tt_cap threads_max, pid_max, map_count; /* of the system; map_count: mappings per process */
	TT_VEC(const char *) notes;                    /* what else is to be known, in sentences without full stop */
	TT_VEC(char *) texts;                          /* owns the strings */
};

/*
 * Reads everything. 0; -ESRCH when there is no such process; -ENOENT when there is no such control group, -ENOMEM; with words.
 * What is only partly readable is no error: see the states. *ret is to be freed in every case.
 */
int tt_limits_read(const struct tt_limits_query *query, struct tt_limits *ret, struct tt_err *err);
void tt_limits_deinit(struct tt_limits *limits);

/*
 * Of the throttled periods of a level, how long the group stood still in one: throttled_ns is summed over processors, of
 * which at least one and at most `cpus` stood still at once; nor can it be longer than the period. 0, 0 when never throttled.
 */
void tt_throttle_stall(const struct tt_cpu_level *level, unsigned cpus, uint64_t *low_ns, uint64_t *high_ns);

/* ------------------------------------------------------------------ parsers of single files, for tests and the fuzzer */

/* cpu.max of version 2: "max 100000", "50000 100000". 0 (*quota_us UINT64_MAX: none) or -EINVAL. */
int tt_limits_parse_cpu_max(const char *text, uint64_t *quota_us, uint64_t *period_us);

/* A single number with a newline; "max" and "-1" give UINT64_MAX. 0 or -EINVAL. */
int tt_limits_parse_number(const char *text, uint64_t *ret);

/* "KEY VALUE" lines: the value of key. False: not there or not a number. */
bool tt_limits_parse_key(const char *text, const char *key, uint64_t *ret);

/* cpu.pressure and /proc/pressure/cpu. False: not in that form. */
bool tt_limits_parse_pressure(const char *text, struct tt_pressure *ret);

/* One row of /proc/PID/limits by its name ("Max open files"): the soft limit; UINT64_MAX unlimited. False: not there. */
bool tt_limits_parse_rlimit(const char *text, const char *name, uint64_t *ret);

#endif
