/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * text.h - text for people and for markup: scaled units, escaping, display width, cutting, wrapping.
 *
 * Thread names, symbols and paths are hostile: whatever comes from a target goes through one of the tt_text_ functions (or a
 * table, which does it) on its way out. Called by lib/out, table.c and tools. Text is taken as UTF-8 always; what may be
 * written depends on tt_text_utf8().
 */
#ifndef TT_UTIL_TEXT_H
#define TT_UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/util/buf.h"

/* True when the output may hold characters beyond ASCII. At first, and after tt_text_use_locale(): what LC_CTYPE says. */
bool tt_text_utf8(void);
void tt_text_set_utf8(bool utf8);

/* Calls setlocale(LC_CTYPE, "") - never LC_NUMERIC: numbers look the same everywhere. For main() only. */
void tt_text_use_locale(void);

/* ------------------------------------------------------------------ numbers with units, three significant digits */

/* A short text by value: printf("%s", tt_ns(wait_ns).s). */
struct tt_num {
	char s[32];
};

struct tt_num tt_ns(uint64_t ns);       /* "0 s" "340 ns" "12.3 µs" "1.24 s" "2m 05s" "3h 12m" "4d 03h"; "us" without UTF-8 */
struct tt_num tt_count(uint64_t n);     /* "999" "12.3 k" "1.20 M" "4.00 G" */
struct tt_num tt_bytes(uint64_t bytes); /* "512 B" "64.0 KiB" "1.50 GiB" */

/* part of whole: "0 %" "<0.1 %" "3.4 %" "42 %" "100 %" (100 only when part == whole); "-" when whole is 0. */
struct tt_num tt_pct(uint64_t part, uint64_t whole);

/* ------------------------------------------------------------------ UTF-8 */

/*
 * Decodes one character at s of at most n > 0 bytes. Returns its length 1..4 and sets *cp; for a byte that does not begin
 * a valid sequence (overlong, surrogate, beyond U+10FFFF, cut) returns 0, and one byte is to be skipped.
 */
unsigned tt_utf8_decode(const char *s, size_t n, uint32_t *cp);

/* Display columns of one character: 0 (combining), 1 or 2. Control characters count 0. */
unsigned tt_utf8_cp_width(uint32_t cp);

/* Display columns of clean text (already escaped). An invalid byte counts 1. */
size_t tt_text_width(const char *s, size_t n);

/* ------------------------------------------------------------------ making hostile text harmless */

/*
 * Appends s for a terminal: controls (C0, DEL, C1), line and paragraph separators, bidirectional and invisible format
 * characters and invalid bytes become \xNN per byte; without tt_text_utf8() every byte beyond ASCII does. A newline and a
 * tab are controls too. All functions here return 0 or -ENOMEM (sticky in buf).
 */
int tt_text_escape(struct tt_buf *buf, const char *s, size_t n);

/* Appends s as valid UTF-8 (for JSON, whose writer escapes controls): invalid bytes become U+FFFD. */
int tt_text_clean(struct tt_buf *buf, const char *s, size_t n);

/* Appends s for XML and HTML, text or quoted attribute: & < > " ' as entities, what XML 1.0 forbids as U+FFFD. */
int tt_text_xml(struct tt_buf *buf, const char *s, size_t n);

/* ------------------------------------------------------------------ fitting */

enum tt_cut {
	TT_CUT_END,   /* "very_long_na…" */
	TT_CUT_START, /* "…/file.c:123" */
	TT_CUT_MIDDLE /* "very_…_name" */
};

/* Appends clean text s, cut to `width` columns; what is cut leaves "…" (".." without UTF-8). width 0: appends nothing. */
int tt_text_cut(struct tt_buf *buf, const char *s, size_t n, size_t width, enum tt_cut where);

/*
 * Appends clean text broken at blanks into lines of at most `width` columns (0 = no limit); every line after the first
 * begins with `indent` blanks, and the caller has already written `indent` columns of the first. A newline in s is kept.
 * Ends without a newline.
 */
int tt_text_wrap(struct tt_buf *buf, const char *s, size_t indent, size_t width);

#endif
