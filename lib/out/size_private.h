/* SPDX-License-Identifier: GPL-3.0-or-later */
/* size_private.h - the parts of threadsize's report (size.h). */
#ifndef TT_OUT_SIZE_PRIVATE_H
#define TT_OUT_SIZE_PRIVATE_H

#include "lib/out/jsonw.h"
#include "lib/out/size.h"
#include "lib/size/settings.h"
#include "lib/util/table.h"

/* A text under construction. */
struct tt_size_writer {
	const struct tt_size_doc *doc;
	const struct tt_term *term;
	struct tt_buf *out;
};

void tt_size_heading(struct tt_size_writer *w, const char *title);
/* A line of "  LABEL  words", escaped and wrapped. */
void tt_size_line(struct tt_size_writer *w, const char *label, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Prints and destroys the table. */
void tt_size_table(struct tt_size_writer *w, struct tt_table *table);

/* "thread", "threads", "process" or "processes". */
const char *tt_size_members(const struct tt_pool *p, unsigned count);
/* For tt_settings_next(). e NULL: no pool. */
struct tt_settings_of tt_size_settings_of(const struct tt_size_doc *doc, const struct tt_size_entry *e);

void tt_size_text_limits(struct tt_size_writer *w);
void tt_size_text_runtimes(struct tt_size_writer *w);

void tt_size_text_pools(struct tt_size_writer *w);
void tt_size_text_advice(struct tt_size_writer *w);
void tt_size_text_plot(struct tt_size_writer *w, const struct tt_size_entry *e);
void tt_size_text_explain(struct tt_size_writer *w, const struct tt_size_entry *e);
void tt_size_text_findings(struct tt_size_writer *w);
void tt_size_text_settings(struct tt_size_writer *w);

void tt_size_json_pools(struct tt_jsonw *j, const struct tt_size_doc *doc);
void tt_size_json_advice(struct tt_jsonw *j, const struct tt_size_doc *doc);
void tt_size_json_findings(struct tt_jsonw *j, const struct tt_size_doc *doc);
void tt_size_json_limits(struct tt_jsonw *j, const struct tt_limits *l);
void tt_size_json_runtimes(struct tt_jsonw *j, const struct tt_limits *l);

#endif
