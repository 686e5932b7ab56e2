/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * idle.h - since when a thread has not run: se.exec_start of /proc/PID/task/TID/sched, which is the processor's clock when the
 * thread last ran there, against what that clock says now, learned by running on that processor for a moment. Time stolen from
 * the processor and spent in interrupts since is not in it. For tasks.c and the sampler.
 */
#ifndef TT_PROC_IDLE_H
#define TT_PROC_IDLE_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/util/hmap.h"

/* Zeroed before the first use. */
struct tt_idle {
	struct tt_hmap clocks; /* processor -> its clock less CLOCK_MONOTONIC, modulo 2^64; 0: not known */
};

/*
 * ns since thread tid, whose files are in directory dir/tid, last ran, which was on that processor. 0 not known: the kernel
 * does not tell (no CONFIG_SCHED_DEBUG), or we may not run there. Visits each processor once with the calling thread.
 */
uint64_t tt_idle_of(struct tt_idle *idle, int dir, pid_t tid, int processor);

/* Forgets the clocks: they run on, each for itself. */
void tt_idle_end(struct tt_idle *idle);

#endif
