/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tasks.h - processes and their threads as /proc shows them at one moment: names, states, CPU time, since when they wait.
 *
 * What it is not: sampling at a rate (threadtop), stacks (lib/sym), waits (waits.h). All of it can be read of any process of
 * any user, except `exe`. Whatever vanishes while it is read is left out. Names are hostile. Called by threaddump.
 */
#ifndef TT_PROC_TASKS_H
#define TT_PROC_TASKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/util/err.h"
#include "lib/util/vec.h"

#define TT_TASK_NAME 64 /* the kernel's 15 bytes; of its workers more */

struct tt_proc {
	pid_t pid, ppid;
	pid_t tgid;   /* another number than pid: pid is a thread of that process */
	pid_t ns_pid; /* its number in its own pid namespace; pid when that is ours */
	uid_t uid;    /* effective */
	char name[TT_TASK_NAME];
	char state;          /* as in proc(5); Z: the main thread has ended, of a process that has no other: a zombie */
	bool kernel;         /* a kernel thread */
	unsigned threads;    /* as the kernel counts them */
	uint64_t started_ns; /* CLOCK_REALTIME, within 10 ms */
	uint64_t age_ns;     /* since then */
	uint64_t caught;     /* signals that it handles: bit 1 << (signal - 1) */
	char *exe;           /* path of its program; NULL unknown (not permitted) */
	char *command;       /* its arguments, joined by blanks; the name in brackets when it has none; NULL out of memory */
	char *cgroup;        /* path in the unified hierarchy; NULL unknown */
};
/* 0; -ESRCH "no process 4711"; -ENOMEM. */
int tt_proc_read(pid_t pid, struct tt_proc *ret, struct tt_err *err);
void tt_proc_deinit(struct tt_proc *p);

struct tt_task {
	pid_t tid, ns_tid; /* ns_tid: as the process itself numbers it */
	char name[TT_TASK_NAME];
	char state;                            /* R S D T t Z X I P, as in proc(5) */
	uint64_t user_ns, system_ns;           /* to the kernel's clock tick */
	uint64_t run_ns, delay_ns;             /* on a processor, ready but without one. See tt_task_count() */
	uint64_t slices;                       /* how often it got one; 0 unknown. Likewise */
	uint64_t age_ns;                       /* since it was created */
	uint64_t idle_ns;                      /* since it last ran; 0 unknown. See tt_tasks_idle() */
	int policy, priority, nice, processor; /* policy: SCHED_ of sched(7); priority: of real-time policies */
	char wchan[64];                        /* in state D: the kernel function that it sleeps in; "" not permitted */
};
struct tt_tasks {
	TT_VEC(struct tt_task) list; /* by tid */
};
/* All threads of the process. 0, -ESRCH, -ENOMEM. tasks must be zeroed, or hold an earlier list. */
int tt_tasks_read(pid_t pid, struct tt_tasks *tasks, struct tt_err *err);
void tt_tasks_deinit(struct tt_tasks *tasks);
struct tt_task *tt_tasks_find(const struct tt_tasks *tasks, pid_t tid);

/*
 * Reads run_ns, delay_ns and slices, nothing else: who has a snapshot's counts needs no file more per thread. False: the thread
 * is gone, or the kernel does not count.
 */
bool tt_task_count(pid_t pid, struct tt_task *task);

/* Fills idle_ns of all tasks that do not run, by idle.h. Where the kernel does not tell all stay 0. */
void tt_tasks_idle(pid_t pid, struct tt_tasks *tasks);

/* "SCHED_OTHER" ... for a policy; "?" beyond the table. */
const char *tt_task_policy(int policy);
/* "running", "sleeping", "uninterruptible" ... for a state. */
const char *tt_task_state(char state);

/* ------------------------------------------------------------------ which processes */

struct tt_pids {
	TT_VEC(pid_t) list;
};
/* Processes whose name, or the last part of whose program or first argument, is `name`; without ourselves. Ascending. */
int tt_pids_by_name(struct tt_pids *pids, const char *name);
/* Adds all descendants of the processes in the list, each below its parent. */
int tt_pids_add_tree(struct tt_pids *pids);
/*
 * Processes in a control group or below it, in any hierarchy: a path as in /proc/PID/cgroup, a directory below /sys/fs/cgroup,
 * or its last part. Not kernel threads, and not ourselves.
 */
int tt_pids_by_cgroup(struct tt_pids *pids, const char *path, struct tt_err *err);
/* Processes in the control group of this directory, of either version, and below it. 0, -ENOMEM, or -ESRCH: there is none. */
int tt_pids_by_cgroup_dir(struct tt_pids *pids, const char *dir);

#endif
