/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * waitfor.h - the wait-for graph of one process at one moment: which threads can never go on, and why.
 *
 * Nodes are threads. A thread waits either for ALL of some others (the holder of a mutex, every reader before a writer, the
 * thread that is joined: it is stuck as soon as one of them is), or for ANYONE (a condition, a barrier with missing parties:
 * any thread that can still run may come, so it is stuck only when no thread of the process can run). The stuck threads are the
 * largest set in which each has that reason within the set. What makes them stuck are the knots.
 *
 * Waits with a deadline, waits that a cancellation is about to end and waits for other processes are never stuck. Signal
 * handlers are not thought of: one that leaves a wait by siglongjmp, or that posts a semaphore, could set a thread free.
 *
 * What it is not: judgement and words (lib/findings/deadlock.c), lock orders that might deadlock on another day. Called by
 * lib/findings and lib/launch. Not for threads.
 *
 *   struct tt_waitfor w = {0};
 *   if (tt_waitfor_read(&w, rec) == 0) vec_for_each (k, &w.knots) ...
 *   tt_waitfor_deinit(&w);
 */
#ifndef TT_MODEL_WAITFOR_H
#define TT_MODEL_WAITFOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/ttrec_format.h"
#include "lib/rec/glance.h"
#include "lib/rec/reader.h"
#include "lib/util/vec.h"

enum tt_waitfor_needs {
	TT_NEEDS_NOTHING, /* it runs, or will by itself, or nothing certain is known */
	TT_NEEDS_ALL,     /* of its targets */
	TT_NEEDS_ANYONE,
};

struct tt_waitfor_thread {
	uint64_t serial, pthread;
	uint32_t tid, state, flags;
	char name[TTREC_NAME_MAX];
	struct ttrec_waiting waiting; /* op 0: none that counts */
	enum tt_waitfor_needs needs;
	/*
	 * Whoever holds what it waits for need not be the one to give it back. 1: a semaphore that so far only its holders gave
	 * back, or a mutex that another thread unlocked before; 2: a semaphore that a thread took and nobody gave back yet.
	 */
	unsigned soft;
	bool by_preference; /* its targets do not hold the lock: they are writers that wait and come first */
	bool gone;          /* ended: what it holds nobody gives back */
	bool stuck;
	uint32_t first_held, held_count;     /* in tt_waitfor.held, outermost first */
	uint32_t first_target, target_count; /* in tt_waitfor.targets */
};

enum tt_knot_kind {
	TT_KNOT_CYCLE,    /* each step waits for the next one, the last for the first */
	TT_KNOT_ORPHAN,   /* the first step waits for a lock that the second, which has ended, never gave back */
	TT_KNOT_EVERYONE, /* every thread of the process is blocked: the steps wait for what no thread is left to do */
};
struct tt_knot {
	enum tt_knot_kind kind;
	bool certain;           /* false: it rests on semaphores being used as locks, or on the recording naming all threads */
	uint32_t others;        /* more threads that are in it by the same right, beside the steps */
	uint32_t behind;        /* stuck threads that wait for those, directly or not */
	uint64_t key;           /* the same for the same threads in the same waits, within this process */
	TT_VEC(uint32_t) steps; /* positions in tt_waitfor.threads; a cycle begins with its lowest serial */
};

/* Zeroed at first; used once. */
struct tt_waitfor {
	TT_VEC(struct tt_waitfor_thread) threads; /* by serial */
	TT_VEC(struct ttrec_held) held;
	TT_VEC(uint32_t) targets;
	TT_VEC(struct tt_knot) knots; /* cycles first; by lowest serial */
	bool everyone;                /* no thread of the process is left that could run */
	bool everyone_waits;          /* the same in some reading of its waits, but for threads that were woken already */
	bool (*lock)(const void *ctx, uint32_t uid, struct ttrec_lock *ret);
	const void *ctx;
	bool seen;     /* the process was looked at while it ran: it said itself which threads it has */
	bool awake;    /* ... and some of them did not sleep, or nobody asked */
	bool complete; /* threads names every thread of the process, as far as was seen or recorded */
};
void tt_waitfor_deinit(struct tt_waitfor *w);

/* From a recording; of a running process only waits that tt_rec_steady() knows count. 0 or -ENOMEM. */
int tt_waitfor_read(struct tt_waitfor *w, const struct tt_rec *rec);

/* From a look at a running process. 0 or -ENOMEM. */
int tt_waitfor_glance(struct tt_waitfor *w, const struct tt_glance *g);

/* Whether a and b are in the same wait of the same thread is decided by these words. */
uint64_t tt_waitfor_identity(const struct tt_waitfor_thread *t);

/* ------------------------------------------------------------------ for waitfor.c and waitfor_solve.c alone */

int waitfor_solve(struct tt_waitfor *w);

#endif
