/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unseen.h - why a program left no recording: what its file, and the folder it should have recorded into, tell about it.
 *
 * What it is not: proof. It is asked only when a recording is missing, and then names the first reason that it finds.
 * Called by threadcheck.
 */
#ifndef TT_LAUNCH_UNSEEN_H
#define TT_LAUNCH_UNSEEN_H

#include <stdbool.h>

#include "lib/util/buf.h"

struct tt_unseen {
	struct tt_buf why;  /* "'prog' is statically linked", with the names in it: hostile text; no full stop */
	const char *advice; /* a sentence */
};
void tt_unseen_deinit(struct tt_unseen *unseen);

/*
 * Must the library be kept away from this program? True for those whose loader would not start them with it (musl), or would
 * complain on their standard error (32 bits). Asked before the run.
 */
bool tt_unseen_harmful(const char *path);

/* path: the file that was run; folder: where the recording should be. 0 or -ENOMEM. */
int tt_unseen_explain(const char *path, const char *folder, struct tt_unseen *ret);

#endif
