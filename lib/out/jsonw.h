/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * jsonw.h - a JSON document written piece by piece: the frame streams, each piece is a small jansson tree.
 * So a report of a million rows never stands in memory as a whole. Errors are sticky. Called by the JSON outputs of lib/out.
 */
#ifndef TT_OUT_JSONW_H
#define TT_OUT_JSONW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>

#define TT_JSONW_DEPTH 8

struct tt_jsonw {
	FILE *file;
	unsigned depth;
	bool used[TT_JSONW_DEPTH]; /* something was written at this depth: a comma is due */
	int error;                 /* 0 or a positive errno */
};

/* key: NULL inside an array and at the top. */
void tt_jsonw_begin(struct tt_jsonw *w, const char *key, char bracket); /* '{' or '[' */
void tt_jsonw_end(struct tt_jsonw *w, char bracket);                    /* '}' or ']' */

/* Writes one value; takes over the reference. NULL counts as out of memory. */
void tt_jsonw_value(struct tt_jsonw *w, const char *key, json_t *value);

/* Ends the document with a newline and flushes. 0 or -errno of the first error. */
int tt_jsonw_finish(struct tt_jsonw *w);

/* Helpers for pieces; a NULL text gives null, invalid UTF-8 becomes U+FFFD. All return NULL when out of memory. */
json_t *tt_json_text(const char *text);
json_t *tt_json_hex(uint64_t value); /* "0x7f12..." */
json_t *tt_json_u64(uint64_t value); /* cut to what JSON integers of jansson hold: 2^63-1 */

/* Adds value (taken over) to an object; does nothing when either is NULL, after which tt_jsonw_value(NULL) reports it. */
void tt_json_put(json_t **object, const char *key, json_t *value);
void tt_json_push(json_t **array, json_t *value);

#endif
