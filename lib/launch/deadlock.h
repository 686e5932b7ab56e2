/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * deadlock.h - looks at running recordings for threads that can never go on, so that a run need not hang.
 *
 * A deadlock is certain when two looks, some time apart, find its threads in the same waits: none of them ran in between, so
 * none can have let go, and none ever will. The graph is lib/model/waitfor.h's. What it is not: the finding in the report,
 * which is made of the recording (lib/findings/deadlock.c). Called by threadcheck.
 */
#ifndef TT_LAUNCH_DEADLOCK_H
#define TT_LAUNCH_DEADLOCK_H

#include <stdint.h>

#include "lib/rec/glance.h"
#include "lib/util/buf.h"
#include "lib/util/hmap.h"
#include "lib/util/vec.h"

struct tt_watched; /* one recording */

/* What is remembered between looks. Zeroed at first. */
struct tt_deadlock_watch {
	TT_VEC(struct tt_watched *) recordings;
	struct tt_hmap told;    /* deadlocks that were reported */
	uint64_t not_before_ns; /* CLOCK_MONOTONIC: looks that cost much come rarer */
};
void tt_deadlock_deinit(struct tt_deadlock_watch *watch);

/*
 * Looks at all recordings in the folder whose processes run. Appends a line for each deadlock that was not told before
 * ("deadlock in process 7: thread 9 (worker) waits for mutex 0x..., which is held by thread 8, which waits ..."; one that is
 * only likely begins with "probably a "): hostile text. Returns how many of them are certain, or -errno; a recording that
 * cannot be read is passed over.
 */
int tt_deadlock_look(struct tt_deadlock_watch *watch, const char *folder, struct tt_buf *words);

#endif
