/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * baseline.h - findings that are known: a JSON file of their fingerprints, with rule and title for people, so that only new
 * ones fail a build. Schema threadtools.baseline/1. What it is not: a statement that they are right, which a suppression is.
 * Called by report.c and the tools.
 */
#ifndef TT_OUT_BASELINE_H
#define TT_OUT_BASELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/findings/finding.h"
#include "lib/util/err.h"
#include "lib/util/hmap.h"
#include "lib/util/vec.h"

struct tt_baseline_entry {
	uint64_t fingerprint;
	const char *rule, *title;
	bool seen; /* this run has it too */
};

/* Zeroed: empty. Texts live as long as the baseline. */
struct tt_baseline {
	const char *file;
	TT_VEC(struct tt_baseline_entry) list; /* by rule, then fingerprint */
	struct tt_smap strings;
};
void tt_baseline_deinit(struct tt_baseline *b);

/* Reads a file. 0 or -errno with words ("file:line: reason"). */
int tt_baseline_load(struct tt_baseline *b, const char *path, struct tt_err *err);

/* The same from memory; `name` stands for the file in messages, and must outlive the baseline. */
int tt_baseline_parse(struct tt_baseline *b, const char *name, const char *text, size_t len, struct tt_err *err);

/* Marks open findings that are in it as known, and the entries that were seen. NULL: no baseline. Can be called again. */
void tt_baseline_apply(struct tt_baseline *b, struct tt_findings *findings);

/* Entries that no finding has any more. */
size_t tt_baseline_gone(const struct tt_baseline *b);

/*
 * Writes the findings that are not suppressed. The file is replaced when all is written, so that nobody reads half of it; what
 * is no regular file ("/dev/stdout") is written as it is. 0 or -errno with words.
 */
int tt_baseline_write(const struct tt_findings *findings, const char *path, struct tt_err *err);

#endif
