/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * html.h - what the files of the HTML report share. Not for anyone outside lib/out.
 *
 * The page is a frame, a style sheet and a script of ours (assets/), and the data as one JSON text, which the script shows by
 * setting texts only. Everything hostile is in that JSON, whose '<' '>' '&' are escaped, so that nothing can end it early.
 */
#ifndef TT_OUT_HTML_H
#define TT_OUT_HTML_H

#include "lib/out/jsonw.h"
#include "lib/out/report.h"

/* Rows per list unless --top says otherwise: a page of any recording stays below a few MiB. */
#define TT_HTML_ROWS     500
#define TT_HTML_FINDINGS 200
#define TT_HTML_FRAMES   48  /* of a stack */
#define TT_HTML_EDGES    160 /* of a graph; the page draws fewer */
#define TT_HTML_STACKS   600 /* of a flame graph */
#define TT_HTML_TRACKS   48  /* threads in the timeline */
#define TT_HTML_SLICES   2500
#define TT_HTML_BUCKETS  240

struct tt_html {
	struct tt_jsonw j; /* into memory */
	struct tt_report *r;
	struct tt_smap places; /* JSON of a place -> its number */
	bool failed;
};

/* A stack as an array of numbers of places, innermost first; of the site alone when there is no stack; null for neither. */
void tt_html_stack(struct tt_html *h, const char *key, const struct tt_site *site, const struct tt_stack *stack);

/* "worker_loop pool.c:123"; null for NULL. */
void tt_html_place(struct tt_html *h, const char *key, const struct tt_site *site, const struct tt_stack *stack);

/* {"all": total, "rows": [ - how many rows to write is returned; tt_html_rows_end() closes. */
size_t tt_html_rows_begin(struct tt_html *h, const char *key, size_t total);
void tt_html_rows_end(struct tt_html *h);

void tt_html_findings(struct tt_html *h);
void tt_html_tables(struct tt_html *h);
void tt_html_graphs(struct tt_html *h);
void tt_html_timeline(struct tt_html *h);

/* From assets/, made by assets/embed: texts and, for the page's content security policy, their SHA-256 in base64. */
extern const char tt_html_style[], tt_html_script[], tt_html_style_hash[], tt_html_script_hash[];

#endif
