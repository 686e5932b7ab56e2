/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * size.h - what threadsize reports, as text and as JSON: limits, runtimes, measured pools, recommended sizes, findings.
 * What it is not: measuring or deciding, which lib/proc and lib/size do. Called by threadsize.
 */
#ifndef TT_OUT_SIZE_H
#define TT_OUT_SIZE_H

#include <stdio.h>

#include "lib/findings/finding.h"
#include "lib/proc/limits.h"
#include "lib/proc/pools.h"
#include "lib/size/recommend.h"
#include "lib/size/runtimes.h"
#include "lib/util/term.h"

/* A pool and what is advised for it. */
struct tt_size_entry {
	const struct tt_pool *pool;
	bool sized;          /* false: no pool (a loop, a main thread, nothing done): no advice */
	bool exact;          /* waits come from a recording */
	const char *program; /* of settings.def */
	struct tt_size_advice advice;
};

/* Everything that one call of threadsize found; all borrowed. */
struct tt_size_doc {
	const struct tt_limits *limits;
	const char *subject; /* "process 4711 (java)", "control group /a": what the limits are of */
	bool runtimes;       /* the table of runtimes is wanted in the text; the JSON document has it always */
	/* Of a measurement; pools NULL: none was made. */
	const struct tt_pools *pools;
	const struct tt_size_entry *entries;
	size_t count;
	const struct tt_findings *findings;
	double used_cpus, others_cpus, steal; /* in the window; others: outside the process; steal 0..1 */
	enum tt_size_objective objective;
	const char *program;  /* of settings.def */
	const char *settings; /* program whose settings are shown in the text; NULL: none are */
	bool explain, plot;
};

/* The place as runtimes see it. */
struct tt_size_place tt_size_place_of(const struct tt_limits *limits);

/* Appends the report for people. 0 or -ENOMEM. */
int tt_size_text(const struct tt_size_doc *doc, const struct tt_term *term, struct tt_buf *out);

/* Writes the document threadtools.size/1. 0 or -errno. */
int tt_size_json(const struct tt_size_doc *doc, FILE *file);

#endif
