/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pools_private.h - what the files pools*.c share. */
#ifndef TT_PROC_POOLS_PRIVATE_H
#define TT_PROC_POOLS_PRIVATE_H

#include "lib/proc/pools.h"
#include "lib/proc/waits.h"
#include "lib/util/hmap.h"

#define TT_POOLS_KEYS 6 /* kinds of waits kept per thread; what is beyond is counted as the last */

/* One kind of wait of one thread: the futex (8 bytes: a condition has two words in use) or the kind. */
struct tt_pools_key {
	enum tt_wait_kind kind;
	bool timed, gil;
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

struct tt_pools_thread {
	pid_t tid;
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
	int pool; /* set by grouping */
};

/* One look at everybody: which key each thread was in, for busy_mean and busy_max. Kept as runs per thread would cost more. */
struct tt_pools_instant {
	unsigned thread;
	int8_t key; /* as of the thread */
};

struct tt_pools_private {
	int task_dir;
	uint64_t begin_ns, half_ns, end_ns, relist_ns, refresh_ns;
	uint64_t seed;
	TT_VEC(struct tt_pools_thread) threads;
	struct tt_hmap by_tid; /* tid -> position + 1 */
	TT_VEC(struct tt_pools_instant) instants;
	TT_VEC(size_t) looks; /* where each look begins in instants */
	struct tt_wait wait;
	struct tt_fds *fds;
	struct tt_smap words;
	size_t descriptors; /* that may be kept open */
	bool ended;         /* a command that has ended: what was alive last says nothing */
	bool failed;
};

uint64_t tt_pools_now(void);
/* Reads schedstat and the wait of a thread. False: it is gone. */
bool tt_pools_read_thread(struct tt_pools *p, struct tt_pools_thread *t, uint64_t now);
/* Reads its name and voluntary switches anew: names are given after the start, and there is no asking the dead. */
void tt_pools_refresh_thread(struct tt_pools *p, struct tt_pools_thread *t);
void tt_pools_open_thread(struct tt_pools *p, struct tt_pools_thread *t);
/* Voluntary context switches of a thread so far; 0: not known. */
uint64_t tt_pools_voluntary(const struct tt_pools *p, pid_t tid);
/*
 * The sums of a thread as of its latest look. Of one that is ready then, the time since it last ran is delay, though the kernel
 * has not credited it yet.
 */
struct tt_pools_sums tt_pools_sums(const struct tt_pools_thread *t);
/* Puts threads into pools and sums. */
int tt_pools_group(struct tt_pools *p);

#endif
