/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * jsonw.h - writes a JSON document piece by piece, so that a report of a million rows never stands in memory.
 * What it is not: jansson, which builds the whole document first and spent seconds on a large report. Reading JSON is
 * jansson's. Errors are sticky. Called by the JSON outputs of lib/out.
 */
#ifndef TT_OUT_JSONW_H
#define TT_OUT_JSONW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/util/buf.h"

#define TT_JSONW_DEPTH 16
#define TT_JSONW_LINES 2 /* elements down to this depth stand on lines of their own */

struct tt_jsonw {
	FILE *file; /* NULL: everything stays in buf */
	struct tt_buf buf;
	unsigned depth;
	bool used[TT_JSONW_DEPTH]; /* something was written at this depth: a comma is due */
	int error;                 /* 0 or a positive errno */
};

/* key: a literal in snake_case; NULL inside an array and at the top. */
void tt_jsonw_begin(struct tt_jsonw *w, const char *key, char bracket); /* '{' or '[' */
void tt_jsonw_end(struct tt_jsonw *w, char bracket);                    /* '}' or ']' */
void tt_jsonw_u64(struct tt_jsonw *w, const char *key, uint64_t value);
void tt_jsonw_int(struct tt_jsonw *w, const char *key, int64_t value);
void tt_jsonw_real(struct tt_jsonw *w, const char *key, double value); /* not finite: null */
void tt_jsonw_bool(struct tt_jsonw *w, const char *key, bool value);
void tt_jsonw_null(struct tt_jsonw *w, const char *key);
void tt_jsonw_hex(struct tt_jsonw *w, const char *key, uint64_t value);     /* "0x7f12" */
void tt_jsonw_text(struct tt_jsonw *w, const char *key, const char *value); /* NULL: null; invalid UTF-8: U+FFFD */
void tt_jsonw_raw(struct tt_jsonw *w, const char *key, const char *json);   /* a value that is JSON already */

/* Ends the document with a newline, flushes, frees. 0 or -errno of the first error. */
int tt_jsonw_finish(struct tt_jsonw *w);

#endif
