/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snapshot.h - what the threads of another process had in registers and on their stacks at one moment.
 *
 * How a live process is read, the gentlest way first:
 *   - A blocked thread is not touched: /proc/PID/task/TID/syscall tells its stack pointer and program counter, the stack is
 *     copied from outside, and the kernel's count of its time slices, read before and after, proves that it did not run in
 *     between. Only the registers that the system call took its arguments in are known then, besides those two.
 *   - A running thread is stopped alone, by ptrace, for as long as it takes to copy its registers and its stack.
 *   - On request all threads are shown as they were at one moment (TT_SNAP_CONSISTENT): those that run are stopped together,
 *     those that block are proven not to have run from before that moment until after it. Or no thread ever is stopped
 *     (TT_SNAP_NEVER_STOP: no ptrace at all).
 * Why not always ptrace: a stop makes epoll_wait, timed recv, sigtimedwait, semop and others return EINTR in the target.
 *
 * A snapshot can also come from a core file (core.h). unwind.h makes stacks from it, symbols.h names.
 * Needs the right to attach: tt_snap_permission() says in words which check refused it.
 * Everything that is read is hostile: names and paths must be escaped on output.
 * Not for threads: one user of a snapshot at a time. Called by threaddump and threadtop.
 */
#ifndef TT_SYM_SNAPSHOT_H
#define TT_SYM_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/sym/symbols.h"
#include "lib/util/buf.h"
#include "lib/util/err.h"

struct tt_snap;

/* ------------------------------------------------------------------ threads */

/* In DWARF's order for x86-64. */
enum tt_reg {
	TT_REG_RAX,
	TT_REG_RDX,
	TT_REG_RCX,
	TT_REG_RBX,
	TT_REG_RSI,
	TT_REG_RDI,
	TT_REG_RBP,
	TT_REG_RSP,
	TT_REG_R8,
	TT_REG_R9,
	TT_REG_R10,
	TT_REG_R11,
	TT_REG_R12,
	TT_REG_R13,
	TT_REG_R14,
	TT_REG_R15,
	TT_REG_RIP,
	TT_REG_MAX
};

struct tt_regs {
	uint64_t value[TT_REG_MAX];
	uint32_t known; /* bit 1 << enum tt_reg: that value is known */
};

enum tt_snap_how {
	TT_SNAP_NOT,      /* no registers: see fail */
	TT_SNAP_QUIET,    /* read while it was blocked, without a stop */
	TT_SNAP_STOPPED,  /* it was stopped alone */
	TT_SNAP_TOGETHER, /* it was stopped together with all others that ran */
	TT_SNAP_CORE,     /* from a core file */
	TT_SNAP_HOW_MAX
};

enum tt_snap_fail {
	TT_SNAP_OK,
	TT_SNAP_RUNNING,     /* it was running, or ran in between, and no stop was allowed */
	TT_SNAP_GONE,        /* it ended meanwhile */
	TT_SNAP_DENIED,      /* no permission */
	TT_SNAP_TRACED,      /* another process traces it: tracer tells which */
	TT_SNAP_UNSTOPPABLE, /* it did not stop in time: it sits in an uninterruptible wait, or the machine is busy */
	TT_SNAP_KERNEL,      /* a kernel thread or a worker of the kernel's inside the process: it has no user stack */
	TT_SNAP_NO_STACK,    /* its stack pointer points to no memory */
	TT_SNAP_IO,          /* anything else: error tells */
	TT_SNAP_FAIL_MAX
};

/* What the scheduler had counted of a thread. 0: unknown. */
struct tt_snap_counts {
	uint64_t run_ns; /* on a processor */
	uint64_t slices; /* how often it got one */
	uint64_t at_ns;  /* CLOCK_MONOTONIC of the count */
};

struct tt_snap_thread {
	pid_t tid;
	enum tt_snap_how how;
	enum tt_snap_fail fail;
	int error;    /* errno behind fail, or 0 */
	pid_t tracer; /* with TT_SNAP_TRACED */
	struct tt_regs regs;
	uint64_t fs_base;                /* thread pointer; 0: unknown (always with TT_SNAP_QUIET) */
	bool in_syscall;                 /* it was inside a system call */
	int64_t syscall;                 /* its number; meaningful with in_syscall */
	uint64_t args[6];                /* its arguments; likewise */
	struct tt_snap_counts first;     /* when it was looked at for the first time */
	uint64_t slices;                 /* how often it was given a processor, at the capture; 0: unknown */
	uint64_t captured_ns;            /* CLOCK_MONOTONIC */
	uint64_t stopped_ns;             /* how long it could not run because of us, in all; 0: it never was stopped */
	uint64_t stack_start, stack_end; /* what was copied of its stack */
	bool stack_cut;                  /* the stack is longer than what was copied */
	int signal;                      /* of a core: the signal that it had; else 0 */
	struct snap_thread_private *private;
};

/* "it was running and no stop was allowed" and so on; for people, lower case. */
const char *tt_snap_fail_text(enum tt_snap_fail fail);

/* ------------------------------------------------------------------ taking one */

enum tt_snap_mode {
	TT_SNAP_AUTO,       /* blocked threads are not stopped, running ones each for itself */
	TT_SNAP_CONSISTENT, /* one moment: those that run are stopped, copied, released together */
	TT_SNAP_NEVER_STOP, /* no ptrace: running threads stay unknown */
};

struct tt_snap_options {
	enum tt_snap_mode mode;
	const pid_t *tids; /* only these; NULL: all threads */
	size_t tid_count;
	size_t stack_max;     /* longest copy of one stack, bytes; 0: 1 MiB */
	uint64_t deadline_ns; /* how long a thread is waited for until it stops; 0: 100 ms */
	/*
	 * TT_SNAP_CONSISTENT: called while all threads stand still, to read what must fit to the stacks. Called again when it
	 * turns out that one of them did not: what was read before is void then. NULL: none.
	 */
	void (*standing)(void *arg, struct tt_snap *snap);
	/* Called once before any thread is stopped: what looks at them meanwhile would see our stops. NULL: none. */
	void (*stopping)(void *arg);
	void *arg;
};

/*
 * Takes a snapshot of process pid. options may be NULL. A thread that could not be read is in the snapshot nevertheless,
 * with the reason. 0; -ESRCH no such process; -EPERM/-EACCES refused, with the check that refused it in err; -ENOTSUP a
 * kernel thread, a 32-bit program; -ECHILD a zombie; -ENOMEM.
 */
int tt_snap_take(pid_t pid, const struct tt_snap_options *options, struct tt_snap **ret, struct tt_err *err);
void tt_snap_destroy(struct tt_snap *snap);

/*
 * Takes one thread again: without a stop, which replaces the old capture in any case; or with one (`stop`; not in a snapshot
 * that is TT_SNAP_NEVER_STOP), which leaves the old capture when it fails. False: it failed, thread->fail tells why.
 */
bool tt_snap_retake(struct tt_snap *snap, struct tt_snap_thread *thread, bool stop);

/* True when a live thread provably has not run since its capture: what is read of it now belongs to that moment. */
bool tt_snap_unmoved(struct tt_snap *snap, const struct tt_snap_thread *thread);

/*
 * True when stopping the thread would show in the program: its system call would return EINTR, which SA_RESTART does not
 * prevent (epoll_wait, recv with a timeout, sigtimedwait, semop, io_getevents ...).
 */
bool tt_snap_stop_shows(const struct tt_snap_thread *thread);

/* ------------------------------------------------------------------ what is in it */

pid_t tt_snap_pid(const struct tt_snap *snap);
size_t tt_snap_thread_count(const struct tt_snap *snap);
struct tt_snap_thread *tt_snap_thread(struct tt_snap *snap, size_t index);     /* in ascending order of tid */
struct tt_snap_thread *tt_snap_thread_by_tid(struct tt_snap *snap, pid_t tid); /* NULL: none */

/* Of the threads' stops: the longest, their sum, and how long the first to be stopped until the last to be released took. */
struct tt_snap_pause {
	uint64_t max_ns, sum_ns, span_ns;
	size_t stops;
	size_t loose; /* TT_SNAP_CONSISTENT: threads that ran and could not be stopped, so that they show another moment */
};
struct tt_snap_pause tt_snap_pause(const struct tt_snap *snap);

/*
 * Reads the process's memory: live (as it is now) or the core's. Returns the number of bytes read, which is less than len
 * where memory ends; 0 when nothing is there.
 */
size_t tt_snap_read(struct tt_snap *snap, uint64_t address, void *bytes, size_t len);

/* Reads thread's stack as it was captured; what is not in the copy is read as by tt_snap_read. */
size_t tt_snap_read_stack(struct tt_snap *snap, const struct tt_snap_thread *thread, uint64_t address, void *bytes, size_t len);

struct tt_snap_map {
	uint64_t start, end, offset;
	bool read, write, exec, shared;
	uint64_t inode;
	const char *path; /* as in /proc/PID/maps, unescaped: a file, "[heap]", "" */
};
size_t tt_snap_map_count(const struct tt_snap *snap);
const struct tt_snap_map *tt_snap_map(const struct tt_snap *snap, size_t index);
const struct tt_snap_map *tt_snap_map_at(struct tt_snap *snap, uint64_t address); /* NULL: none */

/* Tells sym of all ELF files that the process has mapped, with their build-ids. 0 or -ENOMEM. */
int tt_snap_add_modules(struct tt_snap *snap, struct tt_sym *sym, struct tt_err *err);

/* ------------------------------------------------------------------ permission */

/*
 * Appends why this process may not look into process pid, and what to do about it: "it belongs to user 'www' ...; run as
 * root or as that user". Appends nothing and returns false when no reason was found.
 */
bool tt_snap_permission(pid_t pid, struct tt_buf *why);

#endif
