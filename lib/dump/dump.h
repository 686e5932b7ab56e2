/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dump.h - all that is known of the threads of one process at one moment: stacks with names, waits with owners, deadlocks, what
 * is alike, what is wrong. lib/proc and lib/sym read; here it is put together; lib/out shows it.
 *
 *   struct tt_dump *d;
 *   if (tt_dump_take(pid, &options, &d, &err) == 0) ... tt_dump_text(d, ...); tt_dump_destroy(d);
 *
 * The dump owns everything; pointers and positions stay valid until tt_dump_destroy(). All texts are hostile: escape them on
 * output. Not for threads. Called by threaddump.
 */
#ifndef TT_DUMP_H
#define TT_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/proc/tasks.h"
#include "lib/proc/waits.h"
#include "lib/sym/unwind.h"
#include "lib/util/err.h"
#include "lib/util/hmap.h"
#include "lib/util/vec.h"

struct tt_dump_options {
	enum tt_snap_mode mode;
	bool lines, inlines;    /* look for source lines; for inlined functions too */
	bool short_names;       /* functions without their parameters */
	bool managed;           /* ask a JVM for its own dump, which stops it at a safepoint */
	bool native;            /* threads of a runtime are alike only when their native stacks are, too */
	size_t max_frames;      /* per stack; 0: 4096 */
	const char *debug_dirs; /* as of tt_sym_options */
	const char *sysroot;    /* of a core: prefix of the paths of files that belong to it; NULL: none */
};

struct tt_dump_frame {
	uint64_t pc;
	const char *function; /* NULL: unknown */
	const char *raw;      /* as in the file; NULL unknown */
	uint64_t offset;
	const char *file; /* NULL: unknown, or not asked for */
	unsigned line;
	const char *module; /* last part of its path; NULL: none */
	const char *label;  /* "Python interpreter", "JavaScript code" ...: a literal; NULL: ordinary code */
	enum tt_frame_trust trust;
	bool inlined, signal;
};

/* What a thread is at, roughly: for counts and order. */
#define TT_DOINGS(X)                                                    \
	X(RUNNING, "running", "running") /* on a processor, or ready */ \
	X(LOCK, "lock", "blocked on a lock")                            \
	X(DISK, "disk", "in an uninterruptible wait")                   \
	X(IO, "io", "in input or output")                               \
	X(WAITING, "waiting", "waiting for another thread")             \
	X(EVENTS, "events", "waiting for events")                       \
	X(SLEEPING, "sleeping", "sleeping")                             \
	X(STOPPED, "stopped", "stopped")                                \
	X(OTHER, "other", "in another wait")
enum tt_doing {
#define X(id, name, words) TT_DOING_##id,
	TT_DOINGS(X)
#undef X
		TT_DOING_MAX
};
const char *tt_doing_words(enum tt_doing doing);

/* A lock that a thread holds, from its recording. */
struct tt_dump_held {
	uint64_t address;
	const char *kind; /* "mutex", "rwlock" ... */
	const char *name; /* of its variable; NULL unknown */
	const char *site; /* function that acquired it; NULL unknown */
	bool shared;
	uint64_t held_ns; /* 0: unknown */
};

#define TT_DUMP_NONE UINT32_MAX /* no such position */

struct tt_dump_thread {
	struct tt_task task;               /* of a core: tid and ns_tid only */
	const struct tt_snap_thread *snap; /* NULL: it came or went meanwhile */
	struct tt_wait wait;
	const char *lock_name; /* variable of wait.address; NULL: unknown */
	uint64_t since_ns;     /* it has waited so long; 0: unknown, or it runs */
	bool since_exact;      /* from its recording, else by the scheduler's notes */
	double cpu_pct;        /* of one processor, while the dump was taken; negative: unknown */
	bool steady;           /* it did not run from its capture to the end of the dump */
	enum tt_doing doing;
	TT_VEC(struct tt_dump_frame) frames; /* innermost first */
	enum tt_stack_end end;
	const char *called;  /* where the innermost frame has no name: the function that the next one calls; NULL unknown */
	uint32_t owner;      /* position of the thread that wait.owner names */
	bool owner_recorded; /* its recording names the owner, not the lock itself: a reader of an rwlock */
	uint32_t deadlock;   /* position in deadlocks */
	uint32_t group, pool;
	struct tt_dump_held *held;
	size_t held_count;
	const char *kernel_stack; /* in an uninterruptible wait, when we may see it: the kernel's functions, innermost first, by
	                             lines */
	const char *managed_name; /* what its runtime calls it */
	const char *managed_wait; /* what it waits for, as its runtime says: "monitor <0x1f> (a java.lang.Object)"; NULL: see
	                             wait */
	const char *managed;      /* its stack in the words of its runtime, lines ended by newlines; NULL none */
	bool hidden;              /* left out by a filter */
	unsigned still;           /* earlier dumps of a series since which it did not run; 0: it ran, or there was none */
	uint64_t still_ns;        /* since the first of those */
};

/* Threads whose stacks and waits are the same. */
struct tt_dump_group {
	TT_VEC(uint32_t) threads;
};

/* Threads of one start routine whose names have the same stem: "worker-12" and "worker-3". */
struct tt_dump_pool {
	const char *name;  /* the stem, with * for what differs */
	const char *start; /* start routine; NULL unknown */
	TT_VEC(uint32_t) threads;
	unsigned doing[TT_DOING_MAX];
	uint64_t cpu_ns;
};

/* Threads that wait for the same thing. Locks first, then by number. */
struct tt_dump_jam {
	uint32_t first; /* the thread whose wait stands for all */
	TT_VEC(uint32_t) threads;
	uint64_t longest_ns; /* 0 unknown */
	const char *place;   /* function that waits, for kinds that have no better name; NULL none */
	const char *each;    /* each of them waits for an object of its own, of this kind and there; NULL: for one */
	uint32_t root;       /* where the chain of owners ends; TT_DUMP_NONE: no owner */
};

struct tt_dump_deadlock {
	TT_VEC(uint32_t) threads; /* each waits for the next, the last for the first */
	uint32_t gone;            /* not 0: a thread that has ended holds what the only member waits for: its id */
	uint32_t behind;          /* more threads that wait for those */
	bool ends;                /* a member gives up, in left_ns (0: not known when) */
	uint64_t left_ns;
};

#define TT_DUMP_KEPT 128
struct tt_dump_kept {
	uint64_t address;
	uint8_t bytes[TT_DUMP_KEPT];
};

struct tt_dump {
	struct tt_proc proc;
	const char *core;       /* path of the core file; NULL: a live process */
	int core_signal;        /* that ended it; 0: none (made by gcore) */
	uint32_t core_thread;   /* position of the thread that had it, or TT_DUMP_NONE */
	uint64_t core_address;  /* of a fault; 0: unknown */
	uint64_t taken_real_ns; /* CLOCK_REALTIME; of a core: when its file was written */
	TT_VEC(struct tt_dump_thread) threads;
	TT_VEC(struct tt_dump_group) groups; /* largest first */
	TT_VEC(struct tt_dump_pool) pools;   /* largest first */
	TT_VEC(struct tt_dump_jam) jams;
	TT_VEC(struct tt_dump_deadlock) deadlocks;
	unsigned doing[TT_DOING_MAX];
	struct tt_snap_pause pause;
	bool recorded;                 /* the recorder is loaded: exact times, held locks */
	const char *managed_kind;      /* "Java"; NULL: no runtime gave a dump */
	const char *managed_version;   /* first line of its dump */
	const char *managed_deadlocks; /* its own words about deadlocks; NULL: none found */
	TT_VEC(const char *) notes;    /* what could not be done, in words */
	/* private */
	struct tt_snap *snap;
	struct tt_sym *sym;
	struct tt_fds *fds;
	struct tt_smap texts;
	struct tt_hmap by_tid, by_ns_tid; /* -> position + 1 */
	const struct tt_dump_options *options;
	TT_VEC(struct tt_dump_kept) kept; /* memory around futexes, as it was while all threads stood still */
};

/*
 * Dumps a live process. 0; or -errno with words that say what to do: -ESRCH no such process, -EPERM not permitted (which
 * check), -ECHILD a zombie, -ENOTSUP a kernel thread or a 32-bit program, -ENOMEM.
 */
int tt_dump_take(pid_t pid, const struct tt_dump_options *options, struct tt_dump **ret, struct tt_err *err);

/* The same of a core file. options: mode and managed mean nothing here. 0 or -errno with words. */
int tt_dump_core(const char *path, const struct tt_dump_options *options, struct tt_dump **ret, struct tt_err *err);

void tt_dump_destroy(struct tt_dump *d);

/* The name that people know the thread by: its runtime's, else the kernel's. */
const char *tt_dump_name(const struct tt_dump_thread *t);

/* Appends what the thread waits for, or does, as one phrase with names: "mutex cache_lock, held by thread 7 writer". Raw. */
int tt_dump_say(const struct tt_dump *d, const struct tt_dump_thread *t, struct tt_buf *buf);

/*
 * Appends where the program is: its first own function without parameters, or of a runtime's stack the first own method.
 * Nothing when that has no name. Raw. 0 or -ENOMEM.
 */
int tt_dump_where(const struct tt_dump_thread *t, struct tt_buf *buf);

/* The first frame that is not the C or C++ library's own; NULL: none has a name. */
const struct tt_dump_frame *tt_dump_place(const struct tt_dump_thread *t);

/* Patterns as of lib/util/glob.h. NULL or 0: everything. */
struct tt_dump_filter {
	const char *const *names; /* of threads, or their tid */
	size_t name_count;
	const char *const *functions; /* anywhere on the stack, with or without parameters */
	size_t function_count;
	uint32_t doings; /* bits 1 << enum tt_doing; 0: all */
};
/* Hides the threads that do not match. Returns how many are left. */
size_t tt_dump_filter(struct tt_dump *d, const struct tt_dump_filter *filter);
/* "lock" "running" ...: the doing that a user means by a word; TT_DOING_MAX: none. */
enum tt_doing tt_doing_find(const char *word);
/* The word for it, as for tt_doing_find() and in JSON. */
const char *tt_doing_name(enum tt_doing doing);

/* Tells of each thread of d whether it has run since the dump `before` of the same process: sets still and still_ns. */
void tt_dump_compare(struct tt_dump *d, const struct tt_dump *before);

/* True when a problem was found: what makes the exit status 1. */
static inline bool tt_dump_found(const struct tt_dump *d)
{
	return d->deadlocks.len > 0 || d->managed_deadlocks;
}

#endif
