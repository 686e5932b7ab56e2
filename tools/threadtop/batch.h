/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batch.h - frames as text, CSV, JSON lines on a stream, and as a textfile for Prometheus. Called by main.c. */
#ifndef TT_TOP_BATCH_H
#define TT_TOP_BATCH_H

#include <stdio.h>

#include "lib/util/term.h"
#include "tools/threadtop/top.h"

enum top_format { TOP_FORMAT_TEXT, TOP_FORMAT_CSV, TOP_FORMAT_JSON };

/* How many rows are put out: all when most is 0. */
size_t top_batch_rows(const struct top_view *v, uint64_t most);

/* One frame. Rows must be filled with what their columns need. 0 or -errno. */
int top_batch_text(FILE *out, const struct top_view *v, const struct tt_top_frame *f, const struct top_facts *facts,
	uint64_t most, const struct tt_term *term);
int top_batch_csv(FILE *out, const struct top_view *v, const struct tt_top_frame *f, uint64_t most, bool header);
int top_batch_json(
	FILE *out, const struct top_view *v, const struct tt_top_frame *f, const struct top_facts *facts, uint64_t most);

/* The lines above the table, without escapes for styles: raw text, one call per line. */
void top_head_line(struct tt_buf *out, const struct tt_top_frame *f, const struct top_facts *facts, unsigned line);
#define TOP_HEAD_LINES 3

/*
 * Writes the pools as gauges into `path`, through a file beside it that is renamed, so that a collector never sees half of it.
 * The `most` pools with the most CPU time and waiting have lines of their own; the rest is one pool named "other". 0 or -errno
 * with words.
 */
int top_metrics_write(
	const char *path, const struct top_view *v, const struct top_facts *facts, unsigned most, struct tt_err *err);

#endif
