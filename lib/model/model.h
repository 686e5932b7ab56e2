/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * model.h - facts: what the threads and locks of one or more recorded processes did, in plain structs with pointers.
 *
 * What it is: the arithmetic between records (lib/rec) and judgements (lib/findings). Everything that reports print comes from
 * here. What it is not: thresholds, names of functions, text. Code is an address within a module (tt_site, tt_frame); turning
 * that into function, file and line is the caller's, with lib/sym. Called by lib/findings, lib/out, threadcheck, threadreport.
 * Not for threads.
 *
 *   struct tt_model *m;
 *   if (tt_model_create(&m, &err) == 0 && tt_model_add(m, rec, &err) == 0 && tt_model_finish(m, &err) == 0)
 *           vec_for_each (lp, &m->locks_by_wait) { ... (*lp)->wait.total_ns ... }
 *   tt_model_destroy(m);
 *
 * Conventions
 *  - The model owns everything; pointers stay valid until tt_model_destroy. NULL = unknown or none.
 *  - Times: ns since the start of *their process's* recording, + 1; 0 = never. Durations: ns. tt_process_real_ns() converts.
 *  - Orders are the same in every run over the same recordings. Texts (names, paths) are hostile: escape on output.
 *  - "In progress": a wait that had not ended when the recording was taken or the process died. Totals of waits INCLUDE waits
 * in progress up to process->end_ns (so that a deadlocked lock shows its cost); `ongoing` and `ongoing_ns` tell how much that
 * is.
 *  - Exact or estimated: operations, contended counts and wait times are exact (for a process still running: within what moved
 * during the copy); hold times are estimates unless `exact`; percentiles are interpolated in buckets of half an octave, see
 * tt_dist.
 */
#ifndef TT_MODEL_MODEL_H
#define TT_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/ttrec_format.h"
#include "lib/rec/reader.h"
#include "lib/util/err.h"
#include "lib/util/vec.h"

struct tt_process;
struct tt_thread;
struct tt_lock;
struct tt_lock_class;

/* ------------------------------------------------------------------ code: modules, sites, stacks */

/* One ELF file, the same object for all processes that mapped it (same path and build-id). */
struct tt_module {
	unsigned id; /* position in model->modules */
	const char *path;
	uint8_t build_id[32];
	unsigned build_id_len; /* 0: none */
};

/* Where a process had it. */
struct tt_mapping {
	const struct tt_module *module;
	uint64_t start, end; /* addresses */
	uint64_t bias;       /* address - bias = address within the ELF file */
	uint64_t seen_ns, gone_ns;
};

/*
 * A place in code. Interned: two sites are the same iff the pointers are equal, also across processes of one model
 * (module + offset decide; code outside all modules is told apart by process and address).
 * pc is a return address: look up pc - 1 for the calling line (start routines, with is_entry, as they are).
 */
struct tt_site {
	unsigned id;                      /* position in model->sites */
	enum ttrec_op op;                 /* TTREC_OP_NONE for sites without an operation */
	bool is_entry;                    /* a function's address, not a return address */
	const struct tt_module *module;   /* NULL: JIT code, stack, unknown */
	uint64_t offset;                  /* within the ELF file (address - bias); the address itself when module is NULL */
	uint64_t pc;                      /* address in `process`, the first one where it was met */
	const struct tt_process *process; /* for lookups in a live process or its perf map */
};

struct tt_frame {
	uint64_t pc; /* return address */
	const struct tt_module *module;
	uint64_t offset;
};
struct tt_stack {
	const struct tt_process *process;
	unsigned count;
	unsigned flags; /* enum ttrec_stack_flag */
	struct tt_frame frames[];
};

/* ------------------------------------------------------------------ distributions */

/*
 * How long something took. p50_ns and p99_ns: the value of rank ceil(p * n), assuming that values are spread evenly over their
 * histogram bucket, and never above max_ns; error below half an octave. 0 when nothing was measured.
 */
struct tt_dist {
	uint64_t count, total_ns, max_ns;
	uint64_t p50_ns, p99_ns;
	uint64_t max_at_ns;   /* when the longest one ended */
	const uint64_t *hist; /* TTREC_HIST_BUCKETS counts, NULL when there is none */
};

/* Share of part in whole in percent; 0 when whole is 0. May exceed 100 (several threads wait at once). */
static inline double tt_share_pct(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

/*
 * Hold times. total_ns estimates all holds from the timed ones; exact: every completed hold was timed. samples: timed holds;
 * p50 and p99 are over timed holds, each counting once; of a site they are not known (0). A hold that lasts at the end and
 * whose beginning is known is in total_ns and max_ns, not in samples.
 */
struct tt_hold {
	uint64_t total_ns, max_ns, p50_ns, p99_ns;
	uint64_t samples;  /* 0: nothing is known */
	uint64_t weight;   /* acquisitions that they stand for */
	uint64_t timed_ns; /* sum of the timed holds as measured */
	bool exact;
	const uint64_t *hist; /* TTREC_HIST_BUCKETS counts of timed holds, NULL when there is none (few holds; sites) */
};

/* What was done to an object, summed over operations. */
struct tt_ops {
	uint64_t acquisitions; /* exclusive + shared: the lock was got (for a semaphore: a unit was taken) */
	uint64_t exclusive, shared;
	uint64_t try_ok;     /* of the acquisitions: by try operations */
	uint64_t timed_ok;   /* of the acquisitions: by operations with a deadline */
	uint64_t try_failed; /* try operations that did not get it */
	uint64_t timeouts;   /* deadlines passed */
	uint64_t owner_died; /* robust mutex taken over from a dead owner; also in acquisitions */
	uint64_t posts;      /* sem_post; of a semaphore that was a lock for a time, within one for each of its lives */
	uint64_t waits;      /* cond, barrier, once, futex: wait calls */
	uint64_t signals, broadcasts; /* cond; futex wakes are signals */
};

/* Waits: sums over a lock, a site, a class, a thread pair. */
struct tt_waits {
	uint64_t count; /* waits, ended or in progress, whether they got it or timed out */
	uint64_t total_ns, max_ns;
	uint64_t timeouts;
	uint64_t ongoing, ongoing_ns; /* of count and total_ns: in progress */
};

/* ------------------------------------------------------------------ processes */

enum tt_end {
	TT_END_RUNNING,
	TT_END_EXITED,  /* exit() or return from main */
	TT_END_FORCED,  /* _exit(), quick_exit(): threads alive then are no leak */
	TT_END_EXEC,    /* replaced by another program */
	TT_END_ABORTED, /* abort() */
	TT_END_KILLED,  /* by a signal, or otherwise without notice */
	TT_END_UNKNOWN, /* no end recorded; cannot tell whether it lives */
};
const char *tt_end_name(enum tt_end end); /* "running", "exited" ... */

struct tt_process {
	unsigned id; /* position in model->processes; these are ordered by start */
	struct tt_rec *rec;
	const char *recording;             /* path of the file; NULL: it was not kept */
	const struct ttrec_header *header; /* settings, counters, command (see tt_process_args) */
	uint32_t pid, ppid, uid;
	unsigned program;                /* number of the program (exe path + build-id), from 0 */
	const char *exe, *cwd, *options; /* texts of the header */
	const char *command;             /* arguments, joined by blanks */
	enum tt_end end;
	int exit_code;          /* EXITED, FORCED; TTREC_EXIT_UNKNOWN: it did not say */
	bool end_estimated;     /* end_ns is the time of the last recorded fact */
	uint64_t start_real_ns; /* CLOCK_REALTIME */
	uint64_t end_ns;
	uint64_t wall_ns;   /* end_ns as a duration */
	uint64_t thread_ns; /* sum of its threads' lives: what wait times are a share of */
	uint64_t cpu_ns;    /* CPU time of its ended threads; those alive at the end are not in it */
	uint64_t threads_created, threads_ended, threads_joined, threads_detached, threads_adopted, threads_live, threads_peak;
	bool hold_exact;                            /* hold=exact was set */
	bool partial;                               /* parts were unreadable: everything is a lower bound */
	bool dropped;                               /* some drop counter is not 0 */
	uint64_t drop[TTREC_DROP_SLOTS];            /* by enum ttrec_drop; text: tt_rec_drop_text() */
	const char *full;                           /* why the recording took nothing new at last; NULL: it did */
	struct ttrec_total waits[TTREC_WAIT_SLOTS]; /* by enum ttrec_wait_class: over all threads, with waits in progress */
	uint64_t operations;
	TT_VEC(struct tt_mapping) mappings;
	uint64_t events, events_lost;
	const struct tt_thread *main_thread;
};

/* Wall-clock time (CLOCK_REALTIME) of a time of this process; 0 stays 0. */
uint64_t tt_process_real_ns(const struct tt_process *p, uint64_t time_ns);

/* The mapping an address lies in, NULL when in none. */
const struct tt_mapping *tt_process_mapping(const struct tt_process *p, uint64_t address);

/* The i-th problem of its recording (tt_rec_problem), NULL beyond the last. */
const char *tt_process_problem(const struct tt_process *p, size_t i);

/* ------------------------------------------------------------------ threads */

/* A lock that a thread holds at the end (or now). */
struct tt_held {
	struct tt_lock *lock; /* NULL: no record of it */
	uint64_t address;
	const struct tt_site *site; /* where it was acquired; op tells the mode */
	bool shared;
	uint64_t since_ns; /* 0: not timed */
};

/* What a thread waits for at the end (or now). */
struct tt_waiting {
	enum ttrec_op op; /* TTREC_OP_NONE: it does not wait */
	enum ttrec_kind kind;
	struct tt_lock *lock; /* NULL for joins, loops, sleeps, I/O, or when there is no record */
	uint64_t object;      /* address; pthread_t for a join */
	const struct tt_site *site;
	const struct tt_stack *stack; /* NULL: not captured */
	uint64_t since_ns, dur_ns;
	struct tt_thread *target; /* join: the thread awaited; lock: who holds it, when known */
	struct tt_lock *mutex;    /* cond: its mutex */
	bool idle; /* waiting for work or events (cond, loop, sleep, I/O, signal-like semaphore), not for a lock */
};

struct tt_loop;
struct tt_group;

/*
 * One thread: those that exist and those that ended but were not joined. Threads that are gone were recorded in their group
 * only, or, as `past`, as far as lock order needs them.
 */
struct tt_thread {
	unsigned id; /* position in model->threads: by process, then serial */
	struct tt_process *process;
	uint64_t serial; /* within the process; 1 = the first */
	uint32_t tid;    /* 0: not known (never ran) */
	uint32_t slot;
	enum ttrec_thread_state state; /* ENDING, ENDED: its start routine has left; FREE: gone */
	unsigned flags;                /* enum ttrec_thread_flag */
	bool past;                     /* only serial, name, start routine, creator, joiner, segments, group are known */
	bool gone;                     /* joined, or detached and ended: the latest thread of a slot that is free now */
	bool alive;                    /* creating or running when the recording ends */
	bool unjoined;                 /* ended, joinable, and nobody joined or is joining it: its stack stays allocated */
	char name[TTREC_NAME_MAX + 1];
	uint64_t pthread;
	const struct tt_site *start_routine; /* is_entry */
	const struct tt_site *create_site;
	const struct tt_stack *create_stack;
	struct tt_group *group;
	struct tt_thread *creator, *joiner; /* NULL: unknown, or its record is gone */
	uint64_t creator_serial, joiner_serial;
	uint32_t creator_segment, segment, joiner_segment, end_segment; /* for lock order: see ttrec_lineage */
	uint64_t created_ns, started_ns, ended_ns, joined_ns;
	uint64_t life_ns;     /* from start to end, or to the end of the recording */
	uint64_t cpu_ns;      /* 0: not known (alive) */
	uint64_t stack_bytes; /* 0: unknown */
	uint64_t operations;
	uint64_t contended;                         /* acquisitions that had to wait */
	struct ttrec_total waits[TTREC_WAIT_SLOTS]; /* by enum ttrec_wait_class, with the wait in progress */
	const struct tt_held *held;                 /* outermost first */
	unsigned held_count;
	struct tt_waiting waiting;
	const struct tt_loop *loop;              /* NULL: serves no event loop */
	uint64_t lock_wait_ns, lock_wait_max_ns; /* WAIT_LOCK + WAIT_RDLOCK; the longest one, from events: a lower bound */
};

/* The share of a group that lies in one process. */
struct tt_group_part {
	struct tt_process *process;
	uint64_t created, failed, started, ended, joined, detached, live, peak;
	uint64_t unjoined;          /* ended, joinable, not joined: their stacks stay allocated */
	uint64_t running;           /* alive at the end, by their records */
	uint64_t first_ns, last_ns; /* first and latest creation */
};

/*
 * A pool: the threads of one (start routine, creation site), over all processes of one program.
 * Main and adopted threads form groups of their own (start routine NULL).
 */
struct tt_group {
	unsigned id; /* position in model->groups */
	unsigned program;
	const struct tt_site *start_routine, *create_site;
	const struct tt_stack *create_stack;
	const char *name; /* of one of its threads, "" unknown */
	uint64_t created, failed, started, ended, joined, detached, live;
	uint64_t peak; /* most alive at once in one process */
	uint64_t unjoined, running;
	uint64_t life_ns, cpu_ns; /* life: all threads so far; cpu: ended ones */
	struct ttrec_total waits[TTREC_WAIT_SLOTS];
	uint64_t operations;
	TT_VEC(struct tt_thread *) threads; /* those with a record, without past ones */
	TT_VEC(struct tt_group_part) parts;
};

/* Event loop of one thread. dist: times away from the loop (between a wait's return and the next wait). */
struct tt_loop {
	struct tt_process *process;
	struct tt_thread *thread; /* NULL: its record is gone */
	uint64_t serial;
	const struct tt_site *site; /* of the latest wait */
	uint64_t calls, wait_ns;
	uint64_t may_wait, single; /* calls: whose timeout was not 0; that polled one descriptor, or none */
	uint64_t stalls;           /* times away of at least stall_limit_ns */
	uint64_t stall_limit_ns;
	uint64_t away_ns;    /* away since then when the recording ends; 0: inside a wait (or ended) */
	struct tt_dist away; /* with away_ns as its last value */
};

/* ------------------------------------------------------------------ locks */

/* What a semaphore is used for, and how that was decided: see tt_lock.use. */
enum tt_use {
	TT_USE_LOCK,    /* mutex, rwlock, spin; a semaphore that behaves as one */
	TT_USE_SIGNAL,  /* cond; a semaphore that counts units or wakes others; barrier, futex word, once */
	TT_USE_UNKNOWN, /* a semaphore of which too little was seen */
};

/* One (lock or class, operation, site): who acquires it where. */
struct tt_lock_site {
	const struct tt_site *site;           /* with operation */
	uint64_t count;                       /* operations here */
	struct tt_hold hold;                  /* of what was acquired here */
	struct tt_waits waited;               /* waits of threads that asked here */
	struct tt_waits blocked;              /* waits of others while this was the holder's acquire site */
	const struct tt_stack *stack;         /* of one use, NULL unknown */
	const struct tt_stack *release_stack; /* where such a holder let go when others waited */
};

/* Who blocked whom by code: waits of one (lock or class, waiter site, holder site). */
struct tt_wait {
	struct tt_lock *lock;        /* NULL in the list of a class of several locks, and for joins */
	struct tt_lock_class *class; /* NULL for joins */
	struct tt_process *process;  /* of the longest wait */
	const struct tt_site *waiter;
	const struct tt_site *holder; /* where the holder had acquired it; NULL unknown or none */
	struct tt_waits waits;
	uint64_t max_at_ns; /* when the longest wait ended */
	uint64_t max_waiter_serial, max_holder_serial;
	struct tt_thread *max_waiter, *max_holder;          /* of the longest wait; NULL: record gone */
	const struct tt_stack *waiter_stack, *holder_stack; /* holder: where it let go */
};

/*
 * One synchronisation object (process, address, birth site), over all generations of it.
 *
 * use: a mutex, rwlock or spin lock is a lock. A semaphore is one when it never was above 1 (SEM_BINARY), some thread that
 * took it gave it back itself (SEM_LOCKED), and no thread gave back what another had taken (not SEM_FOREIGN): so are CPython's
 * locks. One that a thread takes when it begins and gives back when it ends is none (is_life): so CPython joins threads.
 * Nor is one that a thread took and waits for again: it waits for another's post.
 * SEM_FOREIGN, SEM_GUESSED or not SEM_BINARY: a signal. Else (taken, never given back) unknown. Only objects of TT_USE_LOCK
 * have holds and holder sites that mean something, and enter rankings of contention.
 */
struct tt_lock {
	unsigned id; /* position in model->locks: by process, then index */
	struct tt_process *process;
	struct tt_lock_class *class;
	uint32_t index;
	uint64_t address;
	enum ttrec_kind kind;
	enum ttrec_type type;
	unsigned flags; /* enum ttrec_lock_flag */
	enum tt_use use;
	bool is_life; /* use is TT_USE_SIGNAL: a thread holds it all its life, waiting for it is joining that thread (owner) */
	uint32_t gen; /* times that it died and was born again */
	const char *name; /* NULL: none */
	const struct tt_module
		*home; /* the module whose static data it is: a symbol's name may be found there; NULL: heap, stack */
	uint64_t home_offset;
	const struct tt_site *birth_site;
	const struct tt_stack *birth_stack;
	struct tt_thread *birth_thread;
	uint64_t birth_ns;
	const struct tt_site *death_site;
	uint64_t other;          /* barrier: parties; sem: initial value */
	struct tt_lock *mutex;   /* cond: mutex of the last wait */
	struct tt_thread *owner; /* holds it at the end exclusively, by the threads' held stacks; NULL none */
	unsigned holders;        /* threads that hold it at the end, in any mode */
	unsigned waiters;        /* threads that wait for it at the end */
	uint64_t over;           /* acquisitions whose holder has given it back */
	struct tt_ops ops;
	uint64_t contended; /* acquisitions that had to wait: exact */
	struct tt_waits waits;
	struct tt_dist wait, rdwait; /* exclusive (and all of cond, sem, barrier ...), shared; with waits in progress */
	struct tt_hold hold;
	unsigned threads;           /* threads that waited for it, from events and waits in progress: a lower bound */
	struct tt_lock_site *sites; /* most wait caused or suffered first, then by count */
	unsigned site_count;
	struct tt_wait *pairs; /* by total wait, descending */
	unsigned pair_count;
};

/*
 * Locks that are one to the programmer: a static object (same module and offset, over processes), or all locks with one birth
 * site, kind, use and program ("the lock of every connection"). Totals over instances; sites and pairs merged by site. A class
 * of one lock shares that lock's arrays (whose pairs name the lock).
 */
struct tt_lock_class {
	unsigned id; /* position in model->classes */
	unsigned program;
	enum ttrec_kind kind;
	const struct tt_module *home; /* as in tt_lock */
	uint64_t home_offset;
	const struct tt_site *birth_site;
	const struct tt_stack *birth_stack;
	enum tt_use use;
	const char *name;
	TT_VEC(struct tt_lock *) locks;
	struct tt_ops ops;
	uint64_t contended;
	uint64_t births; /* objects that were born there: instances with their generations */
	struct tt_waits waits;
	struct tt_dist wait, rdwait;
	struct tt_hold hold;
	struct tt_lock_site *sites;
	unsigned site_count;
	struct tt_wait *pairs;
	unsigned pair_count;
};

/* ------------------------------------------------------------------ the rest */

/* Who blocked whom by thread, for one lock: from events and waits in progress, so complete only while process->events_lost ==
 * 0. */
struct tt_blocking {
	struct tt_process *process;
	struct tt_lock *lock;
	uint64_t waiter_serial, holder_serial; /* holder 0: not known */
	struct tt_thread *waiter, *holder;     /* NULL: record gone */
	struct tt_waits waits;
};

struct tt_dep_held {
	struct tt_lock *lock; /* NULL: no record */
	const struct tt_site *site;
	uint32_t uid; /* TTREC_UID: lock and generation; lock order is per generation */
	bool shared;
};
struct tt_dep_thread {
	uint64_t serial;
	uint32_t segment, last_segment; /* in which it did it first and last; 0 is also a thread's first segment */
	uint16_t between;               /* as struct ttrec_dep says */
	struct tt_thread *thread;       /* NULL: record gone */
};

/* A lock-order fact: `wanted` was asked for while `held` were held. */
struct tt_dep {
	struct tt_process *process;
	struct tt_lock *wanted;
	uint32_t wanted_uid;
	const struct tt_site *site; /* op: mode, try, timed */
	bool shared, is_try, is_timed;
	const struct tt_stack *stack;
	uint64_t seen; /* threads that did it */
	uint64_t first_ns;
	const struct tt_dep_held *held; /* outermost first */
	unsigned held_count;
	unsigned thread_count; /* examples, at most TTREC_DEP_THREADS */
	struct tt_dep_thread threads[TTREC_DEP_THREADS];
};

struct tt_misuse {
	struct tt_process *process;
	enum ttrec_misuse_type what;
	enum ttrec_op op;
	struct tt_lock *lock; /* NULL: none or no record */
	const struct tt_site *site;
	const struct tt_stack *stack;
	struct tt_thread *thread; /* the first that did it; NULL: record gone */
	uint64_t thread_serial;
	uint64_t other; /* as struct ttrec_misuse says, by type */
	const struct tt_site *other_site;
	uint64_t first_ns, count, total_ns, max_ns;
};

/* One line of the timeline, made on request from the recording. */
struct tt_event {
	enum ttrec_event_type type;
	enum ttrec_op op;
	uint64_t end_ns, dur_ns;
	uint64_t thread_serial;
	struct tt_thread *thread;   /* NULL: record gone */
	struct tt_lock *lock;       /* NULL: none */
	const struct tt_site *site; /* NULL: none */
	uint64_t a, b;              /* as TTREC_EVENTS says */
};

/* ------------------------------------------------------------------ the model */

struct tt_model {
	TT_VEC(struct tt_process *) processes; /* by start */
	unsigned programs;
	TT_VEC(struct tt_module *) modules;
	TT_VEC(struct tt_site *) sites;
	TT_VEC(struct tt_thread) threads;
	TT_VEC(struct tt_group) groups; /* most threads created first */
	TT_VEC(struct tt_loop) loops;   /* longest time away first */
	TT_VEC(struct tt_lock) locks;
	TT_VEC(struct tt_lock *) locks_by_wait; /* TT_USE_LOCK only; waits.total_ns descending, then contended */
	TT_VEC(struct tt_lock_class) classes;
	TT_VEC(struct tt_lock_class *) classes_by_wait; /* likewise */
	TT_VEC(struct tt_wait) joins;                   /* waits in pthread_join, by waiter site */
	TT_VEC(struct tt_blocking) blockings;           /* by total wait, descending */
	TT_VEC(struct tt_dep) deps;
	TT_VEC(struct tt_misuse) misuses;
	/* over all processes */
	uint64_t wall_ns;    /* first start to last end, by CLOCK_REALTIME */
	uint64_t process_ns; /* sum of wall_ns: the base of percentages over several processes */
	uint64_t thread_ns, cpu_ns, operations;
	uint64_t lock_wait_ns; /* waits for TT_USE_LOCK objects */
	uint64_t drop[TTREC_DROP_SLOTS];
	bool partial, dropped;
	struct tt_model_private *private;
};

/* Creates an empty model. 0 or -ENOMEM. */
int tt_model_create(struct tt_model **ret, struct tt_err *err);

/* Adds a recording and takes it over, on failure too. Before tt_model_finish only. 0 or -errno. */
int tt_model_add(struct tt_model *m, struct tt_rec *rec, struct tt_err *err);

/* Computes everything. Once. 0 or -ENOMEM. A model of no recordings is empty, not an error. */
int tt_model_finish(struct tt_model *m, struct tt_err *err);

/*
 * Makes the classes anew, after tt_model_finish(), by a key that needs what the model does not know (names): locks of one
 * program, kind, use and key are one class; key 0: as the model would. So the locks that one wrapper function makes are told
 * apart by its callers, and the elements of an array belong together. Pointers to classes from before are invalid. 0 or
 * -ENOMEM.
 */
int tt_model_regroup(struct tt_model *m, uint64_t (*key)(void *ctx, const struct tt_lock *lock), void *ctx, struct tt_err *err);

/* Frees the model and its recordings. NULL is allowed. */
void tt_model_destroy(struct tt_model *m);

/* Convenience: open, add, finish for one file. opts may be NULL. */
int tt_model_load(const char *path, const struct tt_rec_opts *opts, struct tt_model **ret, struct tt_err *err);

/* The thread with this serial; NULL when it has no record. */
struct tt_thread *tt_model_thread(const struct tt_model *m, const struct tt_process *p, uint64_t serial);

/* The lock with this index or uid (of whatever generation); NULL when there is none. */
struct tt_lock *tt_model_lock(const struct tt_model *m, const struct tt_process *p, uint32_t uid);

/* Fills *ret with the i-th event of the process, 0 <= i < p->events, oldest first. */
void tt_model_event(struct tt_model *m, const struct tt_process *p, uint64_t i, struct tt_event *ret);

/* Operations by what they do: for tables and detectors. */
/*
 * Does anything recorded at this site have other callers than `stack`, which is of one use of it? Then callers of another use
 * are not known. Goes through all locks and facts. stack may be NULL.
 */
bool tt_site_has_other_callers(const struct tt_model *m, const struct tt_site *site, const struct tt_stack *stack);

bool tt_op_is_acquire(enum ttrec_op op); /* a lock or a semaphore's unit is got */
bool tt_op_is_shared(enum ttrec_op op);  /* read side of an rwlock */
bool tt_op_is_try(enum ttrec_op op);     /* cannot block */
bool tt_op_is_timed(enum ttrec_op op);   /* has a deadline */

/* Names as reports show them: "mutex", "trylock", "recursive" ...; "?" beyond the table. */
const char *tt_kind_name(enum ttrec_kind kind);
const char *tt_op_name(enum ttrec_op op);
const char *tt_type_name(enum ttrec_type type);
const char *tt_wait_class_name(enum ttrec_wait_class c);
const char *tt_thread_state_name(enum ttrec_thread_state s);
const char *tt_misuse_name(enum ttrec_misuse_type t);
const char *tt_call_name(enum ttrec_call c);
const char *tt_event_name(enum ttrec_event_type t);

#endif
