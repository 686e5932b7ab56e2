/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * glance.h - the threads of a recording that is being written, looked at again and again at little cost: what each waits for
 * and holds, and whether it is still in the wait of the look before.
 *
 * Only headers of chunks and threads are read, and of threads that do not wait only a few words; positions are remembered, so
 * that a look costs a read per thread however large the recording is. What it is not: the checked copy that reports are made
 * of (reader.h). It trusts the file as little. Called by lib/model/waitfor.c and lib/launch.
 */
#ifndef TT_REC_GLANCE_H
#define TT_REC_GLANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/ttrec_format.h"
#include "lib/rec/life.h"
#include "lib/util/err.h"
#include "lib/util/hmap.h"
#include "lib/util/vec.h"

struct tt_glance_thread {
	uint64_t serial, pthread;
	uint32_t tid, state, flags; /* enum ttrec_thread_state, enum ttrec_thread_flag */
	char name[TTREC_NAME_MAX];
	struct ttrec_waiting waiting; /* op 0: it does not wait, or too busily to be read */
	bool steady;                  /* it was in this very wait in the look before */
	size_t first_held;            /* in tt_glance.held, outermost first */
	uint32_t held_count;
};

/* One recording. Zeroed at first; the lists are valid until the next look. */
struct tt_glance {
	struct ttrec_header header; /* as it is in the file: texts may lack their NUL */
	enum tt_rec_life life;
	TT_VEC(struct tt_glance_thread) threads; /* those that exist */
	TT_VEC(struct ttrec_held) held;
	struct tt_life_tasks tasks; /* listed before the threads were read; only when some wait lasts */
	size_t steady;              /* threads that are steady */
	bool want_asleep;           /* set by the caller: the next look is to find out whether all tasks sleep */
	/* private */
	int fd; /* + 1; 0: closed */
	uint64_t walked;
	TT_VEC(uint64_t) places;
	struct tt_hmap slabs; /* number of a lock slab -> offset of its chunk */
	struct tt_hmap seqs;  /* serial -> seq of its wait in the look before */
};
void tt_glance_deinit(struct tt_glance *g);

/* Looks. The file stays open for tt_glance_lock() until tt_glance_close(). 0 or -errno, as tt_rec_open() does. */
int tt_glance_take(struct tt_glance *g, const char *path, struct tt_err *err);
void tt_glance_close(struct tt_glance *g);

/* The record of a lock by its uid; false: there is none. ctx: the struct tt_glance. */
bool tt_glance_lock(const void *ctx, uint32_t uid, struct ttrec_lock *ret);

#endif
