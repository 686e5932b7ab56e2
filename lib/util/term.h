/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * term.h - what the place that we write to can show: width, colours, UTF-8. Writes nothing itself, except tt_out_ functions.
 * Called by table.c, cli.c, lib/out and tools.
 */
#ifndef TT_UTIL_TERM_H
#define TT_UTIL_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/util/err.h"

/* --color=WHEN */
enum tt_color {
	TT_COLOR_AUTO, /* colour on a terminal, unless NO_COLOR is set or TERM is "dumb" */
	TT_COLOR_ALWAYS,
	TT_COLOR_NEVER
};

struct tt_term {
	size_t width; /* columns; 0 = unlimited: a pipe or a file, and COLUMNS is not set */
	bool color;
	bool utf8;
};
/* For tests and for buffers that nobody looks at: no colour, no limit, ASCII. */
#define TT_TERM_PLAIN ((struct tt_term){.width = 0})

/* Describes descriptor fd. COLUMNS wins over the terminal's own answer. */
struct tt_term tt_term_get(int fd, enum tt_color when);

/* Styles by meaning, so that every report uses the same colours. */
enum tt_style {
	TT_STYLE_NONE,
	TT_STYLE_HEADING,
	TT_STYLE_BOLD,
	TT_STYLE_DIM,
	TT_STYLE_ERROR,
	TT_STYLE_WARNING,
	TT_STYLE_NOTE,
	TT_STYLE_GOOD,
	TT_STYLE_LOCK,
	TT_STYLE_THREAD,
	TT_STYLE_CODE, /* function names and source places */
	TT_STYLE_MAX
};

/* The escape sequence that begins a style, and the one that ends any; "" when term has no colour. */
const char *tt_style_on(const struct tt_term *term, enum tt_style style);
const char *tt_style_off(const struct tt_term *term, enum tt_style style);

/*
 * Writes the whole of data to fd, also when write() takes only a part. Returns 0 or -errno with words.
 * `name` names the destination in the message.
 */
int tt_out_write(int fd, const void *data, size_t len, const char *name, struct tt_err *err);

/*
 * Flushes stdout and tells whether everything that was printed arrived (a full disk shows only here). Returns 0 or -errno
 * with "cannot write to standard output: reason". Tools call tt_cli_finish(), which uses it.
 */
int tt_out_finish(struct tt_err *err);

#endif
