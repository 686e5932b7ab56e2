/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pools_private.h - what the files pools*.c share. */
#ifndef TT_PROC_POOLS_PRIVATE_H
#define TT_PROC_POOLS_PRIVATE_H

#include "lib/proc/pools.h"
#include "lib/proc/waits.h"
#include "lib/util/hmap.h"

#define TT_POOLS_PROCESSES_MAX 20000
#define TT_POOLS_KEYS          6 /* kinds of waits kept per thread; what is beyond is counted as the last */

/* One kind of wait of one thread: the futex (8 bytes: a condition has two words in use) or the kind. */
struct tt_pools_key {
	enum tt_wait_kind kind;
	bool timed, gil, listens;
	int8_t use; /* enum tt_pool_use where that is known by more than its kind; -1 */
	uint64_t address;
	uint64_t seen_ns;
	const char *words;
};

#define TT_POOLS_READY   (-1) /* no wait: running, waiting for a processor, or not known */
#define TT_POOLS_STOPPED (-2) /* no wait, and no part of the pool's time */

/* Wall time, without that in which it was stopped, is run, delay and blocked. */
struct tt_pools_sums {
	uint64_t wall, run, delay, blocked;
};

struct tt_pools_process {
	pid_t pid, parent;
	int task_dir; /* -1: ended */
	struct tt_fds *fds;
	bool alive, started; /* started: within the window */
	bool root;           /* asked for, not found by descent */
	bool backend;        /* of PostgreSQL: its title says what it waits for */
	const char *exe, *title, *stem;
	uint64_t waited0_ns; /* of its children that had ended before the window */
	struct tt_hmap files;
	bool files_read;
	uint32_t group; /* set by grouping */
};

struct tt_pools_thread {
	pid_t tid;
	uint32_t process; /* position in processes */
	char name[16];
	bool alive, listed, started; /* started: within the window */
	int schedstat_fd, syscall_fd;
	uint64_t begin_ns, last_ns;
	uint64_t run0, delay0, slices0, run, delay, slices;
	uint64_t voluntary0, visits; /* voluntary switches before the window, and in it; 0: not known */
	uint64_t changed_ns;         /* when slices changed last, as far as seen */
	bool ready;                  /* at the latest look: running or waiting for a processor */
	uint64_t ready_ns;           /* since when, about, and without having run: half-way between looks; 0: not ready */
	bool before;                 /* it was ready when the window began, and has not run since */
	char wait_line[160];         /* of the latest look */
	int key;                     /* of it: position in keys, or TT_POOLS_READY or _STOPPED */
	uint64_t stopped_ns;
	unsigned key_count;
	struct tt_pools_key keys[TT_POOLS_KEYS];
	struct tt_pools_sums half; /* up to the middle of the window; wall 0: it was not there then */
	uint64_t longest_delay_ns, inversions, looks;
	int policy; /* -1: not asked yet */
	bool is_recorded;
	struct tt_pools_record record;
	int pool;    /* set by grouping */
	bool helper; /* the same: its computing is its process's, which has a main thread to be counted */
};

/* One look at everybody: which key each thread was in, for busy_mean and busy_max. Kept as runs per thread would cost more. */
struct tt_pools_instant {
	unsigned thread;
	int8_t key; /* as of the thread */
};

struct tt_pools_private {
	bool children; /* descendants are measured, too */
	bool alone;    /* one process was asked for: its pools need no other name than their threads' */
	TT_VEC(struct tt_pools_process) processes;
	struct tt_hmap by_pid;  /* pid -> position + 1 */
	struct tt_hmap numbers; /* of all processes of the machine, at the latest listing */
	bool changing;          /* processes had come or gone at the latest listing */
	uint64_t begin_ns, half_ns, end_ns, relist_ns, refresh_ns, clear_ns;
	uint64_t load_ns; /* cost of the costliest look since clear_ns */
	double cost_ns;   /* of a look, over the latest ones */
	uint64_t seed;
	TT_VEC(struct tt_pools_thread) threads;
	struct tt_hmap by_tid; /* tid -> position + 1 */
	TT_VEC(struct tt_pools_instant) instants;
	TT_VEC(size_t) looks; /* where each look begins in instants */
	struct tt_wait wait;
	struct tt_fds *sockets; /* of the first process: their tables serve all */
	struct tt_smap words;
	size_t descriptors; /* that may be kept open */
	bool ended;         /* a command that has ended: what was alive last says nothing */
	bool failed;
};

uint64_t tt_pools_now(void);
/* Reads schedstat and the wait of a thread. False: it is gone. */
bool tt_pools_read_thread(struct tt_pools *p, struct tt_pools_thread *t);
/* Reads its name and voluntary switches anew: names are given after the start, and there is no asking the dead. */
void tt_pools_refresh_thread(struct tt_pools *p, struct tt_pools_thread *t);
void tt_pools_open_thread(struct tt_pools *p, struct tt_pools_thread *t);
/* Voluntary context switches of a thread so far; 0: not known. */
uint64_t tt_pools_voluntary(const struct tt_pools *p, const struct tt_pools_thread *t);
/*
 * The sums of a thread as of its latest look. Of one that is ready then, the time since it last ran is delay, though the kernel
 * has not credited it yet.
 */
struct tt_pools_sums tt_pools_sums(const struct tt_pools_thread *t);

/* Adds a process; parent 0: it was asked for. 0, -ENOENT and the like, -ENOMEM. */
int tt_pools_add_process(struct tt_pools *p, pid_t pid, pid_t parent);
void tt_pools_refresh_process(struct tt_pools *p, struct tt_pools_process *q);
void tt_pools_close_process(struct tt_pools *p, struct tt_pools_process *q);
/* Adds what has come to descend from the processes. 0 or -ENOMEM. */
int tt_pools_list_processes(struct tt_pools *p);
/* CPU time of those of its children that have ended. */
uint64_t tt_pools_waited_ns(const struct tt_pools_process *q);
/*
 * What a wait means where more is known than its kind: an enum tt_pool_use, or -1. words: replaced when there are better ones.
 */
int tt_pools_use(struct tt_pools *p, const struct tt_pools_thread *t, const struct tt_wait *w, const char **words);
/* What a process of the group takes, on average. */
void tt_pools_memory(struct tt_pools *p, uint32_t group, struct tt_pool *pool);

/* Adds the waits of a thread to its pool's. 0 or -ENOMEM. */
int tt_pools_add_waits(struct tt_pool *pool, const struct tt_pools_thread *t, uint64_t blocked);
/* Decides what they mean, and the kind of the pool. */
void tt_pools_decide(struct tt_pool *pool);
/* The wait of the pool that a thread's is part of; NULL: none is. */
struct tt_pool_wait *tt_pools_wait_of(const struct tt_pool *pool, const struct tt_pools_key *k);
bool tt_pools_is_futex(enum tt_wait_kind kind);
/*
 * Where the thread waited for most of its time, and for how long: a condition or a semaphore if there was one, else a futex of
 * unknown kind; no locks. 0: nowhere.
 */
uint64_t tt_pools_parked_at(const struct tt_pools_thread *t);
uint64_t tt_pools_parked_ns(const struct tt_pools_thread *t);
/*
 * A lock that was free again when it was looked at is known by its address: another was seen waiting for it, as a lock. 0 or
 * -ENOMEM.
 */
int tt_pools_settle_locks(struct tt_pools *p);
/* Puts threads into pools. */
int tt_pools_group(struct tt_pools *p);
/* Sums what they did, and orders the pools. */
int tt_pools_sum(struct tt_pools *p);

#endif
