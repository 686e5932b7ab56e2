/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * deadlock.h - looks at running recordings for threads that wait for each other in a cycle, so that a run need not hang.
 *
 * It sees mutexes, spinlocks, rwlocks and joins within one process. A cycle counts as proven when two looks, some time apart,
 * find the same threads in the same waits: none of them ran in between, so none can have let go, and none ever will.
 * What it is not: the analysis of lock orders, or the report of what led there (lib/findings). Called by threadcheck.
 */
#ifndef TT_LAUNCH_DEADLOCK_H
#define TT_LAUNCH_DEADLOCK_H

#include <stdint.h>

#include "lib/util/buf.h"
#include "lib/util/hmap.h"

/* What is remembered between looks. Zeroed at first. */
struct tt_deadlock_watch {
	struct tt_hmap seen; /* cycles of the last look */
	struct tt_hmap told; /* cycles that were reported */
	uint64_t not_before; /* CLOCK_MONOTONIC ns: looks at big recordings come rarer */
};
void tt_deadlock_deinit(struct tt_deadlock_watch *watch);

/*
 * Looks at all recordings in the folder whose processes run. Appends a line of words for each cycle that is proven and was
 * not told before ("process 7: thread 9 (worker) waits for mutex 0x... that thread 8 holds, which waits ..."): hostile text.
 * Returns how many these are, or -errno; a recording that cannot be read is passed over.
 */
int tt_deadlock_look(struct tt_deadlock_watch *watch, const char *folder, struct tt_buf *words);

#endif
