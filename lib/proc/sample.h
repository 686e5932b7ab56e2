/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sample.h - watches the threads of this machine, or of some processes: a frame (frame.h) per refresh.
 *
 *   struct tt_sampler *s;
 *   if (tt_sampler_create(&opts, &s, &err) == 0)
 *           while (tt_sampler_refresh(s, &err) == 0) { ... tt_sampler_frame(s)->tasks ...; sleep(1); }
 *   tt_sampler_destroy(s);
 *
 * What it costs, and why it is cheap: a thread that has not run since the last refresh costs one pread of a schedstat file
 * that stays open; as long as a process's link count says that no thread came, its directory is not read either. Nothing else
 * of an idle thread is read, unless the caller asks (tt_sampler_read), which it does for what it shows.
 *
 * Never another thread's figures: an open file of /proc belongs to one thread and fails with ESRCH after its end, whoever
 * has its tid by then; files opened by name are believed only while the start time in stat is the thread's own.
 *
 * Discovery reads /proc itself: libproc2's pids interface opens and parses files of every task at every turn (and keeps none
 * open), which is what this file is there to avoid. CPU, load and memory of the machine come from libproc2 (machine.c).
 * Called by threadtop. Not for threads.
 */
#ifndef TT_PROC_SAMPLE_H
#define TT_PROC_SAMPLE_H

#include <sys/types.h>

#include "lib/proc/frame.h"
#include "lib/util/err.h"

struct tt_sampler_opts {
	const char *root;     /* NULL: /proc; tests give a tree of their own */
	const uint32_t *pids; /* only these processes; NULL: all */
	size_t pid_count;
	bool kernel;       /* also kernel threads */
	bool no_schedstat; /* behave as on a kernel that does not count */
	uint32_t max_open; /* most descriptors to keep; 0: as many as the limit of this process can be raised to allow */
	uint32_t needs;    /* enum tt_need: also read for each thread that has run; others only by tt_sampler_read */
	/* Whether to look into this process: asked when it appears and when its name, parent or user changes. NULL: yes. */
	bool (*want)(void *ctx, const struct tt_top_proc *proc);
	void *ctx;
};

struct tt_sampler;

/* 0; -errno with words when /proc is not there. opts->pids must live as long as the sampler. */
int tt_sampler_create(const struct tt_sampler_opts *opts, struct tt_sampler **ret, struct tt_err *err);
void tt_sampler_destroy(struct tt_sampler *s);

/* Changes opts.needs, opts.kernel, for the next refresh. */
void tt_sampler_set(struct tt_sampler *s, uint32_t needs, bool kernel);

/* opts.want decides otherwise now: the next refresh asks it about all processes. */
void tt_sampler_ask_again(struct tt_sampler *s);

/* Makes the next frame. Pointers to tasks and processes from before that are in it no more are invalid. 0 or -ENOMEM. */
int tt_sampler_refresh(struct tt_sampler *s, struct tt_err *err);

/* The current frame; belongs to the sampler. */
struct tt_top_frame *tt_sampler_frame(struct tt_sampler *s);

/*
 * Reads what `needs` asks for and is not known as of this frame (STAT, STATUS, IO, WCHAN, STACK, CGROUP; others are the
 * caller's). What could not be read stays without its bit in task->known: no permission, or the thread ended.
 */
void tt_sampler_read(struct tt_sampler *s, struct tt_top_task *task, uint32_t needs);

/*
 * One more file of the thread's directory ("syscall"), as text of at most size - 1 bytes. Its length; -ESRCH when the thread
 * ended (also when its tid is another thread's by now), -EPERM, -EACCES and others.
 */
ssize_t tt_sampler_file(struct tt_sampler *s, struct tt_top_task *task, const char *name, char *buf, size_t size);

/* True when the thread has not run since the frame before: what was read of it then still holds. */
bool tt_sampler_idle(const struct tt_top_task *task);

/* The number of the frame that found that it had run since the one before. */
uint64_t tt_sampler_ran(const struct tt_top_task *task);

/* Whether what has this pid or tid now is still the process or thread of the frame: by its start time, read anew. */
bool tt_sampler_same_process(const struct tt_top_proc *proc);
bool tt_sampler_same_thread(const struct tt_top_task *task);

/* The parent of a process, also of one that is not wanted, as of the last look at it; 0 not known. */
uint32_t tt_sampler_parent(const struct tt_sampler *s, uint32_t pid);

/* The thread with this tid, in any process of the frame; NULL none. */
struct tt_top_task *tt_sampler_find(const struct tt_sampler *s, uint32_t tid);

/* What the sampler keeps open and did in the last refresh: for tests and benchmarks. */
struct tt_sampler_stats {
	uint32_t open;    /* descriptors */
	uint32_t by_name; /* threads without one of their own: the limit was reached */
	uint32_t ran;     /* threads that had run */
	uint32_t listed;  /* task directories that had to be read */
};
struct tt_sampler_stats tt_sampler_stats(const struct tt_sampler *s);

#endif
