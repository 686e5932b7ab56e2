/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * gather.h - the recordings of one run, opened: those of the tree of processes that a command became.
 *
 * It knows what the wrapper saw and no recording can say: which process was the command itself, when it died, how things stood
 * before it was ended by force. What it is not: facts and findings, which are made of the set. Called by threadcheck.
 */
#ifndef TT_LAUNCH_GATHER_H
#define TT_LAUNCH_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/launch/child.h"
#include "lib/launch/session.h"
#include "lib/rec/set.h"
#include "lib/util/err.h"

/* Zeroed at first. */
struct tt_gather {
	struct tt_rec_set recs;     /* the result, settled */
	struct tt_rec_set snapshot; /* as it was before the program was ended */
	uint64_t snapshot_mono_ns;
	bool seen;        /* the command itself left a recording */
	bool lost_sight;  /* ... but replaced itself by a program that did not */
	unsigned running; /* processes that still record */
};
void tt_gather_deinit(struct tt_gather *g);

/* Before the program is ended: its signal handlers and destructors will change what the threads do and wait for. */
void tt_gather_snapshot(struct tt_gather *g, const struct tt_session *s);

/*
 * After the end: fills recs and the rest. Notes in the recordings of killed processes when that was, and in the
 * command's with which status it returned. Steps on the way to the
 * program that did nothing (env, a shell that ends in exec) are removed, from the folder too. 0 or -errno; single recordings
 * that cannot be read are words in recs.failures.
 */
int tt_gather_finish(struct tt_gather *g, const struct tt_session *s, const struct tt_child_result *child, struct tt_err *err);

#endif
