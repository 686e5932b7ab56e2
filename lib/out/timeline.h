/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * timeline.h - what the files of the timeline share: slices of time on tracks, before they are written.
 * Not for anyone outside lib/out.
 */
#ifndef TT_OUT_TIMELINE_H
#define TT_OUT_TIMELINE_H

#include "lib/out/jsonw.h"
#include "lib/out/report.h"

/* How many waits get an arrow, the longest ones: each costs as many bytes as the wait itself. */
#define TT_TIMELINE_ARROWS 100000
#define TT_TIMELINE_LANES  16  /* tracks of one thread */
#define TT_TIMELINE_NEST   256 /* slices inside each other */

enum tt_slice_kind {
	TT_SLICE_WAIT,
	TT_SLICE_JOIN,
	TT_SLICE_HOLD,
	TT_SLICE_STALL,
	TT_SLICE_RELEASE, /* where an arrow begins: the holder lets the waiter go on */
	TT_SLICE_INSTANT, /* create, start, end, detach, fork, misuse: no length */
	TT_SLICE_ARROW,   /* the two ends of an arrow, in this order: it leads from the release to the wait */
	TT_SLICE_ARROW_END,
};

/* Times: ns since the first process began. */
struct tt_slice {
	uint64_t start_ns, dur_ns;
	uint64_t event;   /* number of the event in its process; UINT64_MAX: a wait that had not ended */
	uint32_t track;   /* position in tracks */
	uint32_t arrow;   /* number of the arrow that begins or ends here; 0: none */
	uint32_t process; /* position in the model's processes */
	uint8_t kind;     /* enum tt_slice_kind */
	uint8_t lane;     /* 0: the thread's own track; slices of one lane nest */
};

/* One thread. */
struct tt_track {
	const struct tt_process *process;
	const struct tt_thread *thread; /* NULL: its record is gone */
	uint64_t serial;
	uint32_t id[TT_TIMELINE_LANES]; /* what the document calls its lanes */
	unsigned lanes;
};

struct tt_timeline {
	struct tt_report *r;
	uint64_t base_ns; /* CLOCK_REALTIME of the first start */
	TT_VEC(struct tt_slice) slices;
	TT_VEC(struct tt_track) tracks;
	struct tt_hmap by_thread; /* process and serial -> position in tracks */
	uint64_t arrows, waits_with_holder;
	bool failed;
};

/* Reads all events and waits in progress. false when out of memory. */
bool tt_timeline_collect(struct tt_timeline *t);

/* Gives each slice a lane in which slices nest, cuts marks of releases to fit, adds the arrows, and orders all by start. */
bool tt_timeline_arrange(struct tt_timeline *t);

void tt_timeline_deinit(struct tt_timeline *t);

#endif
