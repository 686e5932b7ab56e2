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
/* A recording (lib/proc/record.h); its frames are read one after the other, or at any moment. */
int top_source_replay(const char *path, const struct top_select *select, struct top_source **ret, struct tt_err *err);
bool top_source_is_replay(const struct top_source *s);
const char *top_source_problem(const struct top_source *s); /* what is damaged in it, in words; NULL: nothing */
/* So many frames on or back; to the frame nearest to a second of the day. 0; 1: there is none, the nearest; -errno. */
int top_source_seek(struct top_source *s, long by);
int top_source_go(struct top_source *s, unsigned second);
void top_source_position(const struct top_source *s, size_t *at, size_t *count);

void top_source_destroy(struct top_source *s);

/* The next frame. needs: of every thread that has run. 0; 1: a recording is at its end; -errno with words. */
int top_source_next(struct top_source *s, uint32_t needs, struct tt_err *err);

struct tt_top_frame *top_source_frame(struct top_source *s);

/* After the selection changed: all processes are asked about again. */
void top_source_ask_again(struct top_source *s);

/* The thread of the frame with this tid; NULL none. */
const struct tt_top_task *top_source_find(struct top_source *s, uint32_t tid);

/* Learns more of a thread that is shown. A thread that is gone by now stays as it is until the next frame. */
void top_source_fill(struct top_source *s, struct tt_top_task *t, uint32_t needs);

/*
 * Finds out what blocked threads wait for, of all threads: those that were never looked at, at most `budget` of them, and again
 * those that wait for a lock, whose owner may be another by now. For the view of locks and for warnings.
 */
void top_source_waits(struct top_source *s, unsigned budget);

/* What the preloaded shim knows, of processes that have it. */
void top_source_shim(struct top_source *s);

/* ------------------------------------------------------------------ waiting.c */

struct top_waiting;
struct top_waiting *top_waiting_create(void);
void top_waiting_destroy(struct top_waiting *w);
/* Before the first thread of a frame: what was learned of descriptors is forgotten. */
void top_waiting_begin(struct top_waiting *w, struct tt_sampler *sampler);
/* Fills wait, target, owner_tid, wait_object, wait_class of a blocked thread. */
void top_waiting_read(struct top_waiting *w, struct tt_top_task *t);

/* ------------------------------------------------------------------ holders.c */

struct top_holders;
struct top_holders *top_holders_create(void);
void top_holders_destroy(struct top_holders *h);
/* Fills owner_tid of threads whose waits were read and have none, where the preloaded recorder knows it. */
void top_holders_read(struct top_holders *h, struct tt_top_frame *f);

/* ------------------------------------------------------------------ shim.c */

struct top_shim;
struct top_shim *top_shim_create(void);
void top_shim_destroy(struct top_shim *s);
/* Reads the recordings of the frame's processes: each every few frames, and looks for new ones now and then. */
void top_shim_read(struct top_shim *s, struct tt_top_frame *f);

#endif
