/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sample_internal.h - what the files of the sampler share: sample.c (refresh), sample_task.c (one thread), sample_proc.c (which
 * processes and threads there are), machine.c (the rest of the header line). Not for callers.
 */
#ifndef TT_PROC_SAMPLE_INTERNAL_H
#define TT_PROC_SAMPLE_INTERNAL_H

#include <sys/types.h>

#include "lib/proc/idle.h"
#include "lib/proc/sample.h"
#include "lib/proc/tasktext.h"
#include "lib/util/hmap.h"

struct tt_machine_source;
struct tt_live_group;

/* A reading of some counters: when, and in which refresh. tick 0: never. */
struct tt_reading {
	uint64_t tick, at_ns;
};

struct tt_live_task {
	struct tt_top_task pub; /* first: a pointer to one is a pointer to the other */
	int sched_fd, stat_fd;  /* -1: not kept */
	uint64_t listed;        /* the refresh in which its directory named it */
	uint64_t start_ticks;
	uint64_t ran_tick, ran_before; /* the last refreshes that found that it had run */
	uint64_t ran_at_ns;            /* since boot */
	uint64_t pending_ns;           /* run-queue wait already shown that schedstat will count later */
	bool gone;                     /* within a refresh: found to have ended */
	struct tt_reading stat_read, status_read, io_read, wchan_read, stack_read;
	uint64_t user_ticks, system_ticks, minor_faults, major_faults;
	uint64_t voluntary, involuntary, read_bytes, write_bytes;
};

struct tt_live_proc {
	struct tt_top_proc pub; /* first */
	int task_fd;            /* its task directory; -1: not wanted, or gone */
	bool wanted;
	uint64_t listed, asked; /* refreshes: seen in /proc; caller asked whether it wants it */
	uint64_t start_ticks;
	uint64_t at_ns, before_ns; /* since boot: when this and the last refresh reached it */
	uint64_t sum_ns;           /* of its threads' run times as we know them */
	uint64_t base_ns;          /* what its clock says beyond that; see refresh_known() */
	bool base_known;
	uint64_t cgroup_tick, maps_tick;
	struct tt_live_group *group; /* NULL: not known */
	char *maps;                  /* its mappings' stacks, as of maps_tick */
};

struct tt_sampler {
	struct tt_sampler_opts opts;
	struct tt_top_frame frame;
	int root_fd;
	bool no_schedstat;
	bool has_clocks; /* processes' CPU clocks may be asked for by the pids that we see */
	bool is_proc;    /* the root is the real /proc: links of a task directory count its threads */
	uint64_t tick, next_id, tick_ns;
	uint32_t max_open;
	struct tt_sampler_stats stats;
	struct tt_hmap by_pid, by_tid, users;
	struct tt_smap groups;             /* text of /proc/PID/cgroup -> struct tt_live_group */
	TT_VEC(struct tt_live_proc *) all; /* also those that are not wanted */
	struct tt_idle idle;               /* of this refresh */
	size_t sweep;                      /* where the search for threads that were woken goes on */
	struct tt_machine_source *machine;
	char *text; /* TT_PROC_TEXT bytes for whatever is read */
};

#define TT_PROC_TEXT (64 * 1024)

/* sample_proc.c */
int tt_sample_procs(struct tt_sampler *s);                             /* who is there: -ENOMEM or 0 */
int tt_sample_tasks(struct tt_sampler *s, struct tt_live_proc *p);     /* lists its threads anew: -ENOMEM, -ESRCH or 0 */
int tt_sample_renew(struct tt_sampler *s, struct tt_live_proc *p);     /* the pid belongs to another process: -ENOMEM or 0 */
void tt_sample_describe(struct tt_sampler *s, struct tt_live_proc *p); /* command, user, cgroup: after an exec */
void tt_sample_forget(struct tt_sampler *s, struct tt_live_proc *p);
void tt_sample_raise_limit(struct tt_sampler *s);

/* sample_task.c; -ESRCH: the thread is gone */
struct tt_live_task *tt_top_task_create(struct tt_sampler *s, struct tt_live_proc *p, uint32_t tid, int *error);
void tt_top_task_destroy(struct tt_sampler *s, struct tt_live_task *t);
int tt_top_task_refresh(struct tt_sampler *s, struct tt_live_task *t);
void tt_top_task_stay(struct tt_sampler *s, struct tt_live_task *t); /* it is known not to have run */
int tt_top_task_read_stat(struct tt_sampler *s, struct tt_live_task *t);

/* sample_more.c: what only some columns need */
void tt_top_task_read_more(struct tt_sampler *s, struct tt_live_task *t, uint32_t needs);
void tt_top_task_read_stack(struct tt_sampler *s, struct tt_live_task *t);

/* sample_cgroup.c */
void tt_sample_cgroup(struct tt_sampler *s, struct tt_live_proc *p); /* which one */
void tt_sample_limits(struct tt_sampler *s);                         /* quota and throttling of all */
void tt_sample_groups_deinit(struct tt_sampler *s);

/* machine.c */
struct tt_machine_source *tt_machine_create(void); /* NULL: out of memory */
void tt_machine_destroy(struct tt_machine_source *m);
void tt_machine_read(struct tt_machine_source *m, const char *root, struct tt_machine *ret);

/* A file below a directory, as text, at most size - 1 bytes. Its length, or -errno. */
ssize_t tt_read_at(int dir, const char *path, char *buf, size_t size);

static inline struct tt_live_proc *tt_live_proc_of(const struct tt_live_task *t)
{
	return (struct tt_live_proc *)t->pub.proc;
}

/* What the user's clock ticks are in ns. */
uint64_t tt_ticks_ns(uint64_t ticks);
uint64_t tt_boot_ns(void);

#endif
