/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * set.h - several recordings together: what a command line names, opened, each process once, in the order of their start.
 *
 * Called by threadreport and threadcheck, which hand the set to a model. What it is not: merging of facts - that is
 * lib/model's, by program (exe path and build-id).
 */
#ifndef TT_REC_SET_H
#define TT_REC_SET_H

#include "lib/rec/find.h"
#include "lib/rec/reader.h"
#include "lib/util/err.h"
#include "lib/util/vec.h"

struct tt_rec_set {
	TT_VEC(struct tt_rec *) recs; /* by start; each (pid, start) once: the most complete copy */
	TT_VEC(char *) failures;      /* words on what could not be opened */
};

/* Closes what is in it. */
void tt_rec_set_deinit(struct tt_rec_set *set);

/*
 * Adds what `name` means: a file; a folder (all its recordings); a number (the live process with that pid, unless a file has
 * that name). A single thing that cannot be opened is an error; within a folder it is a failure, and the rest is added.
 * -ENOENT: also a folder without recordings.
 */
int tt_rec_set_add(struct tt_rec_set *set, const char *name, const struct tt_rec_opts *opts, struct tt_err *err);

/* Adds one recording, which the set takes over (on failure too). */
int tt_rec_set_take(struct tt_rec_set *set, struct tt_rec *rec, struct tt_err *err);

/* Sorts by start and drops doubles. To be called once all is added. */
void tt_rec_set_settle(struct tt_rec_set *set);

#endif
