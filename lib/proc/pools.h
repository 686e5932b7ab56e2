/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pools.h - what the threads of a live process do over a window, by pool: run, wait for a processor, wait for work, for locks,
 * for an answer. From outside, without stopping anything.
 *
 * Run time and run-queue delay are the kernel's own sums (/proc/PID/task/TID/schedstat); blocked is the rest of the wall time.
 * What a blocked thread waits for is looked at now and then (/proc/PID/task/TID/syscall, decoded by waits.h): the share of the
 * looks is the share of the blocked time. A delay is credited when the thread gets its processor, so that of threads which are
 * ready at the end, the time since they last ran counts as delay.
 *
 * A pool is made of threads of one process, or of processes: those with one parent, one program and one title, apart from
 * numbers, of which each is counted by its main thread when that does most of what it computes. Otherwise the threads of all of
 * them are the pool.
 *
 * What it is not: deciding a size (lib/size). Called by threadsize, tests. Not for threads.
 */
#ifndef TT_PROC_POOLS_H
#define TT_PROC_POOLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/util/buf.h"
#include "lib/util/err.h"
#include "lib/util/vec.h"

#define TT_POOLS_THREADS_MAX 200000

enum tt_pool_kind {
	TT_POOL_WORKERS, /* threads that take work */
	TT_POOL_LOOP,    /* wait in epoll, poll or select most of their blocked time: event loops */
	TT_POOL_MAIN,    /* the main thread alone, or what each of several processes has one of, when it is no loop */
	TT_POOL_QUIET,   /* did nothing in the window */
};
const char *tt_pool_kind_name(enum tt_pool_kind kind); /* "workers", "loop", "main", "quiet" */

/* Where blocked time went, by what was waited for. */
struct tt_pool_wait {
	int kind;           /* enum tt_wait_kind of waits.h */
	const char *called; /* tt_wait_kind_name() of it */
	const char *words;  /* of one such wait: "recv from tcp 10.0.0.5:5432" */
	uint64_t address;   /* of a futex; 0: none */
	unsigned threads;   /* that were seen in it */
	uint64_t blocked_ns;
	enum tt_pool_use { TT_POOL_WORK, TT_POOL_LOCK, TT_POOL_IDLE, TT_POOL_UNKNOWN } use;
	bool told; /* use is known by more than the kind */
};

struct tt_pool {
	const char
		*name; /* with digits as '#': "pool-#-thread-#"; of other processes than the one asked for, with their title */
	enum tt_pool_kind kind;
	enum tt_pool_members { TT_POOL_OF_THREADS, TT_POOL_OF_PROCESSES } members;
	const char *process;    /* the title of its processes, with numbers as '#'; NULL: of the one that was asked for */
	const char *exe;        /* path of their program; "" not known */
	const char *title;      /* of one of them */
	unsigned processes;     /* that it is spread over, at the end */
	unsigned threads;       /* members, be they threads or processes: at the end of the window; where they come and go */
	unsigned first_threads; /* the mean. And at its beginning */
	unsigned began, ended;  /* members, in the window */
	struct {
		uint64_t private_bytes, pss_bytes, page_table_bytes; /* 0: not known */
		bool rough;
	} memory;         /* of pools of processes: of one, on average (footprint.h) */
	uint64_t wall_ns; /* sum over threads of the time that each was seen, and not stopped */
	uint64_t run_ns, delay_ns, blocked_ns;
	uint64_t work_ns, lock_ns, idle_ns, unknown_ns; /* of blocked_ns */
	uint64_t stopped_ns;                            /* in which threads were stopped by a signal or a tracer */
	unsigned stopped;                               /* threads that are, at the end */
	uint64_t slices;                                /* times that its threads got a processor */
	uint64_t visits;                                /* of these, without those after a preemption, where that is known */
	uint64_t longest_delay_ns;                      /* longest time ready without running that was seen */
	uint64_t half_run_ns[2], half_blocked_ns[2];    /* in the first and second half of the window; 0: not known */
	double busy_mean;                               /* threads that were not idle, on average over the looks */
	unsigned busy_max;
	double all_busy_share;             /* of the looks at which no thread was idle, 0..1 */
	uint64_t looks;                    /* of blocked threads: the sample behind work, lock and idle */
	uint64_t interpreter_ns;           /* of lock_ns, for an interpreter's lock (GIL) */
	double present_mean;               /* members that were there and not stopped, on average over the looks */
	bool accepts;                      /* members were seen waiting for new clients, or events, which may be such */
	bool recorded;                     /* lock_ns and idle_ns are as a recorder in the process saw them */
	uint64_t inversions;               /* looks at a real-time thread that waited for a lock of an ordinary one */
	TT_VEC(struct tt_pool_wait) waits; /* longest first */
};

struct tt_pools {
	pid_t pid;
	uint64_t window_ns;
	unsigned ticks;
	unsigned threads;        /* alive at the end */
	unsigned started, ended; /* in the window */
	unsigned processes;      /* alive at the end */
	unsigned processes_started, processes_ended;
	uint64_t unseen_ns;          /* CPU time of children that ended before they were seen */
	uint64_t run_ns;             /* of the whole process */
	bool has_schedstat;          /* false: nothing below run and delay is known */
	int syscall_error;           /* 0, or why waits cannot be looked at (EACCES, EPERM) */
	TT_VEC(struct tt_pool) list; /* most run time first */
	struct tt_pools_private *private;
};

struct tt_pools_subject {
	const pid_t *pids; /* at least one; the first is what is measured when there is no other */
	size_t count;
	bool children; /* and what descends from them */
};
/* Begins to measure. window_ns: how long it is meant to go on, for the halves; 0: not known. 0; -ESRCH no such process; -ENOENT
 * no schedstat; -errno with words. */
int tt_pools_begin(const struct tt_pools_subject *subject, uint64_t window_ns, struct tt_pools **ret, struct tt_err *err);

/* CPU time, in ns, that this thread has taken: what looking costs is what it computes, not what it waits for a processor. */
uint64_t tt_pools_own_ns(void);
/*
 * Looks once; returns for how many nanoseconds to wait until the next look (so that looking costs at most a tenth of one
 * processor), or -ESRCH when the process is gone, -ENOMEM.
 */
int64_t tt_pools_look(struct tt_pools *p);

/* What a recorder within the process knows of one thread. */
struct tt_pools_record {
	uint64_t group;               /* threads of one group are one pool, whatever they are called */
	uint64_t lock_ns, lock_count; /* waits for locks */
	uint64_t idle_ns, idle_count; /* waits on conditions, semaphores, event sets ... */
};

/*
 * Ends the window, and fills everything but the private part. recorded (may be NULL): true when it knows the thread; recorded
 * waits end when the thread runs again, so that the delays in them are taken out; and the process has ended then. 0 or
 * -ENOMEM.
 */
int tt_pools_finish(
	struct tt_pools *p, bool (*recorded)(void *ctx, pid_t tid, struct tt_pools_record *ret), void *ctx, struct tt_err *err);

void tt_pools_destroy(struct tt_pools *p);

/* Appends name with each run of digits as one '#', trailing parts after ':' or '/' of digits too: how names are grouped. */
int tt_pools_normal_name(struct tt_buf *out, const char *name);

/* Parses the three numbers of schedstat. False: not in that form. */
bool tt_pools_parse_schedstat(const char *text, uint64_t *run_ns, uint64_t *delay_ns, uint64_t *slices);

#endif
