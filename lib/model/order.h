/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * order.h - lock-order cycles: chains of lock-order facts (model->deps) by which threads can come to wait for each other.
 *
 * What it is: the definition of DESIGN, section 7, and nothing else. Nodes are locks (uid: each generation is a lock of its
 * own), an edge is a fact by which a thread held one lock and asked for another. A chain is a cycle of edges in which each
 * wanted lock is held by the next step in a conflicting mode. It is a possible deadlock unless
 *   - two steps hold one lock in conflicting modes: that gate lets one of them in at a time;
 *   - a step asked with a trylock, which does not wait (locks obtained so are held like any other);
 *   - every step comes back from a condition wait: it held what it wants when the wait began, and the next step has held that
 *     ever since before its own wait began, so that each wait began before the next one's, all around;
 *   - the steps cannot be given different threads;
 *   - or two of them never run at once, since creating or joining a thread lies between them.
 * What it is not: words, levels, confidence (lib/findings/lock_order.c). Nothing of it is part of tt_model_finish().
 *
 * Work is bounded, length is not. Steps of one key (same places, same classes) are one to the user, and a cycle whose keys
 * include all keys of another one is not told: breaking that one breaks it too. Of each set of keys a shortest chain is kept.
 * When the budget does not suffice to try all, every key gets a search of its own for one chain, and `bounded` is set.
 */
#ifndef TT_MODEL_ORDER_H
#define TT_MODEL_ORDER_H

#include "lib/model/model.h"

/* Why a chain cannot close: bit set, 0 for a possible deadlock. */
enum tt_order_why {
	TT_ORDER_GATE = 1,
	TT_ORDER_TRY = 2,
	TT_ORDER_THREAD = 4, /* too few threads for the steps */
	TT_ORDER_TIME = 8,   /* ordered by create and join */
	TT_ORDER_WAITS = 16, /* every step takes a mutex again after a condition wait */
};

/* What makes a possible deadlock less certain: bit set. */
enum tt_order_doubt {
	TT_ORDER_TIMED = 1,     /* some step waits with a deadline only */
	TT_ORDER_UNNAMED = 2,   /* some step needs a thread that the recording counts but does not name */
	TT_ORDER_WRITER = 4,    /* closes only while some writer waits between two readers */
	TT_ORDER_SEMAPHORE = 8, /* some lock of it is a semaphore */
	TT_ORDER_LINEAGE = 16,  /* who created or joined some thread of it is not known */
	TT_ORDER_BETWEEN = 64,  /* when some thread did its step is known only within a range of its segments */
	TT_ORDER_STACK = 32,    /* some lock of it lies on a stack and was never initialised by a call: it may be several */
};

struct tt_order_step {
	const struct tt_dep *dep;
	const struct tt_dep_held *held; /* of dep->held: what the step before wants */
	struct tt_dep_thread by;        /* a thread that did it; serial 0: one that is not named */
};

/* How step a comes before step b. */
enum tt_order_link {
	TT_LINK_NONE,
	TT_LINK_CREATE,  /* a's thread did it before it created (directly or not) b's */
	TT_LINK_JOIN,    /* b's thread did it after it had joined (directly or not) a's */
	TT_LINK_BETWEEN, /* a's thread was joined before b's was created */
};

struct tt_order_cycle {
	const struct tt_process *process;
	struct tt_order_step *steps; /* steps[i].dep->wanted is steps[i + 1].held->lock, and so round */
	unsigned length;
	uint64_t count;       /* sets of locks with which it was found, at this length */
	unsigned why, doubts; /* bit sets */
	/* TT_ORDER_GATE: what both steps hold. TT_ORDER_THREAD, TT_ORDER_TIME: which two cannot meet. */
	const struct tt_dep_held *gate[2];
	unsigned pair[2];
	enum tt_order_link link;
	const struct tt_thread *link_thread; /* which created or joined; NULL: not known */
};

struct tt_order_opts {
	bool left_out; /* also chains that cannot close, with the reason */
	/* The identity of a step to the user; held is one of dep->held. NULL: places and classes decide. */
	uint64_t (*key)(void *ctx, const struct tt_dep *dep, const struct tt_dep_held *held);
	void *ctx;
	uint64_t work; /* steps of search per process; 0: the default, some tenths of a second */
};

struct tt_order {
	TT_VEC(struct tt_order_cycle) cycles;
	TT_VEC(const struct tt_process *) bounded; /* processes whose search did not try all chains */
};

/* Finds the cycles of a finished model. 0 or -ENOMEM; *ret is freed with tt_order_deinit() either way. */
int tt_order_find(const struct tt_model *m, const struct tt_order_opts *opts, struct tt_order *ret);
void tt_order_deinit(struct tt_order *order);

#endif
