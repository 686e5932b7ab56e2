/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * source.h - where frames come from: the sampler of lib/proc, with waits and the shim's facts added, or a recording.
 * Called by main.c, batch.c, ui.c.
 */
#ifndef TT_TOP_SOURCE_H
#define TT_TOP_SOURCE_H

#include "lib/proc/sample.h"
#include "lib/sym/symbols.h"
#include "tools/threadtop/top.h"

struct top_source;

/* select must outlive the source. 0 or -errno with words. */
int top_source_live(const struct top_select *select, struct top_source **ret, struct tt_err *err);
void top_source_destroy(struct top_source *s);

/* The next frame. needs: of every thread that has run. 0 or -errno with words. */
int top_source_next(struct top_source *s, uint32_t needs, struct tt_err *err);

struct tt_top_frame *top_source_frame(struct top_source *s);

/* Learns more of a thread that is shown. A thread that is gone by now stays as it is until the next frame. */
void top_source_fill(struct top_source *s, struct tt_top_task *t, uint32_t needs);

/*
 * Finds out what blocked threads wait for, of all threads: those that were never looked at, at most `budget` of them, and again
 * those that wait for a lock, whose owner may be another by now. For the view of locks and for warnings.
 */
void top_source_waits(struct top_source *s, unsigned budget);

/* ------------------------------------------------------------------ waiting.c */

struct top_waiting;
struct top_waiting *top_waiting_create(void);
void top_waiting_destroy(struct top_waiting *w);
/* Before the first thread of a frame: what was learned of descriptors is forgotten. */
void top_waiting_begin(struct top_waiting *w, struct tt_sampler *sampler);
/* Fills wait, target, owner_tid, wait_object, wait_class of a blocked thread. */
void top_waiting_read(struct top_waiting *w, struct tt_top_task *t);

/* ------------------------------------------------------------------ shim.c */

struct top_shim;
struct top_shim *top_shim_create(void);
void top_shim_destroy(struct top_shim *s);
/* Reads the recordings of the frame's processes, each at most once per `every` frames. */
void top_shim_read(struct top_shim *s, struct tt_top_frame *f);

#endif
