/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * frame.h - one moment of a machine's threads in plain structs: what a refresh found, live (sample.h) or played back
 * (record.h). What it is not: percentages, names of pools, order, selection by the user, text, which are threadtop's.
 *
 * Times of "since boot" are CLOCK_BOOTTIME in ns, as /proc counts them. Texts are hostile, NULL = not known; they belong to
 * their struct. "d_" members are differences over the span that stands beside them: d_x / span is a rate. Everything that a
 * column shows is decided by `known`: a bit that is not set means that nobody looked, not that the value is 0.
 */
#ifndef TT_PROC_FRAME_H
#define TT_PROC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/util/vec.h"

/* What is known of a thread, by the file that says it; a column's `needs` are of these too. */
enum tt_need {
	TT_NEED_SCHED = 1 << 0,      /* schedstat: run time, run-queue wait, slices */
	TT_NEED_STAT = 1 << 1,       /* stat: state, CPU, faults, policy, user and system time */
	TT_NEED_STATUS = 1 << 2,     /* status: switches, affinity */
	TT_NEED_IO = 1 << 3,         /* io: bytes */
	TT_NEED_WCHAN = 1 << 4,      /* wchan */
	TT_NEED_WAIT = 1 << 5,       /* syscall and memory: what it waits for, and who holds it */
	TT_NEED_STACK = 1 << 6,      /* maps: its stack */
	TT_NEED_CGROUP = 1 << 7,     /* the process's cgroup: limits, throttling */
	TT_NEED_SHIM = 1 << 8,       /* the recording of the preloaded shim */
	TT_NEED_RATE_STAT = 1 << 16, /* two readings were made, so that there is a rate: of stat, status, io */
	TT_NEED_RATE_STATUS = 1 << 17,
	TT_NEED_RATE_IO = 1 << 18,
};

#define TT_TASK_HISTORY 64

/* The latest TT_TASK_HISTORY frames of one thread in half percent (200 = 100 %), newest at (at - 1) % TT_TASK_HISTORY. */
struct tt_top_task_history {
	uint64_t at;   /* frames written so far, counted over all threads: frame n lies at n % TT_TASK_HISTORY */
	uint64_t born; /* the first of them */
	uint8_t run[TT_TASK_HISTORY], wait[TT_TASK_HISTORY];
};

struct tt_top_task {
	uint64_t id; /* never used again: what a user interface keeps, as a tid may be */
	struct tt_top_proc *proc;
	uint32_t tid;
	uint32_t known; /* enum tt_need */
	char *name;
	uint64_t start_ns;   /* since boot, in clock ticks' precision */
	unsigned char state; /* R S D T t Z X I, 0 unknown */
	/* schedstat; in the fallback run_ns comes from stat in clock ticks, and the rest is 0 */
	uint64_t run_ns, wait_ns, slices;
	uint64_t span_ns; /* of this refresh; a new thread's: since its start, when that was later. 0: the first frame */
	uint64_t d_run_ns, d_wait_ns, d_slices;
	/* stat */
	uint64_t stat_span_ns, d_user_ns, d_system_ns, d_minor_faults, d_major_faults;
	uint32_t cpu;
	int32_t priority, nice;
	uint32_t policy, rt_priority; /* SCHED_* */
	/* status */
	uint64_t status_span_ns, d_voluntary, d_involuntary;
	char *affinity; /* "0-3,5" */
	/* io */
	uint64_t io_span_ns, d_read_bytes, d_write_bytes;
	char *wchan;
	/* what it waits for: filled by the caller of the sampler, see tools/threadtop/waiting.c */
	char *wait, *target;
	uint64_t wait_object;
	uint32_t owner_tid;  /* of the thread that holds it; 0: none or not known */
	uint32_t wait_class; /* enum tt_wait_class of threadtop */
	uint64_t blocked_ns; /* it has not run for so long, at least; 0 in the first frame that has it */
	uint64_t stack_used_bytes, stack_reserved_bytes;
	/* of the shim's recording: filled by the caller */
	char *start_routine;
	uint64_t contention_ppm; /* share of its life that it waited for locks */
	char *hottest_lock;
	uint32_t locks_held;
	uint64_t loop_stall_ns; /* away from its event loop for so long now */
	struct tt_top_task_history history;
};

struct tt_top_proc {
	uint64_t id;
	uint32_t pid, ppid, uid;
	bool kernel;
	uint64_t start_ns;
	uint64_t at_ns, span_ns; /* since boot: when this refresh reached it; since the one before */
	char *name, *command;    /* command: arguments joined by blanks; NULL: has none */
	char *user;
	char *cgroup, *container;
	int64_t quota_milli;                       /* thousandths of a CPU that its cgroup may use; -1 no limit, 0 not known */
	uint64_t periods, throttled, throttled_ns; /* of its cgroup, in this refresh */
	char *shim;                                /* path of the shim's recording; NULL: not loaded or not looked for */
	TT_VEC(struct tt_top_task *) tasks;
};

struct tt_machine {
	uint64_t uptime_ns;
	uint32_t cpus;                             /* online */
	uint32_t busy_ppm, stolen_ppm, iowait_ppm; /* of all CPUs, in this refresh */
	uint32_t load_milli[3];
	uint64_t memory_bytes, available_bytes;
	uint32_t runnable;       /* threads that run or could, by /proc/stat */
	int32_t psi_milli[3];    /* some avg10 in thousandths of a percent: cpu, io, memory; -1 not known */
	uint32_t started, ended; /* threads that came and went since the last frame */
	uint32_t hidden;         /* processes that could not be looked into */
	char *cpu_busy;          /* one character per CPU: '0' (idle) to 'X' (busy), in steps of 2.5 % */
	bool no_schedstat;       /* the kernel counts no run-queue waits */
};

struct tt_top_frame {
	uint64_t number;  /* 1 = the first */
	uint64_t time_ns; /* CLOCK_REALTIME */
	uint64_t boot_ns; /* CLOCK_BOOTTIME */
	uint64_t span_ns; /* since the frame before; 0 in the first */
	struct tt_machine machine;
	TT_VEC(struct tt_top_proc *) procs;
	TT_VEC(struct tt_top_task *) tasks; /* those of all processes, in their order */
};

/* Gathers frame->tasks from the processes. 0 or -ENOMEM. */
int tt_top_frame_gather(struct tt_top_frame *frame);

/* Writes this frame's shares into the task's history. frames: frame->number. */
void tt_top_task_remember(struct tt_top_task *task, uint64_t frames);

/*
 * Copies the last `count` values of a history, oldest first, in half percent; 255 where the thread was not there.
 * frames: frame->number, so that threads that were not touched since show the zeros that they earned.
 */
void tt_top_task_history(const struct tt_top_task *task, uint64_t frames, bool wait, uint8_t *ret, unsigned count);

/* Replaces *text by a copy of value (NULL allowed); keeps the old pointer when both are equal. 0 or -ENOMEM. */
int tt_text_set(char **text, const char *value);

/* Free what the structs own, not the structs. */
void tt_top_task_deinit(struct tt_top_task *task);
void tt_top_proc_deinit(struct tt_top_proc *proc); /* not its tasks */
void tt_machine_deinit(struct tt_machine *machine);

#endif
