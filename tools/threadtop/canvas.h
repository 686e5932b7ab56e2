/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * canvas.h - a screen full of styled text in memory: what ui_*.c draw on, what screen.c shows with curses, and what --screen
 * prints as text, so that screens can be compared without a terminal. Text is escaped and cut here, once. Not curses.
 */
#ifndef TT_TOP_CANVAS_H
#define TT_TOP_CANVAS_H

#include <stdio.h>

#include "lib/util/buf.h"
#include "lib/util/table.h"
#include "lib/util/vec.h"

/* By meaning; what they look like is in screen.c's themes. */
enum top_style {
	TOP_STYLE_NORMAL,
	TOP_STYLE_BOLD,
	TOP_STYLE_DIM,
	TOP_STYLE_TITLE,
	TOP_STYLE_TAB,     /* the current view among the names of views */
	TOP_STYLE_HEADING, /* of the table */
	TOP_STYLE_SORTED,  /* the heading that orders it */
	TOP_STYLE_CURSOR,  /* the row that the cursor is on */
	TOP_STYLE_TAGGED,
	TOP_STYLE_GOOD,
	TOP_STYLE_NOTE,
	TOP_STYLE_WARNING,
	TOP_STYLE_ERROR,
	TOP_STYLE_BUSY,     /* CPU time: bars, sparklines */
	TOP_STYLE_QUEUE,    /* waiting for a CPU */
	TOP_STYLE_LOCK,     /* blocked on a lock, its owner */
	TOP_STYLE_KEY,      /* F1 */
	TOP_STYLE_KEY_TEXT, /* Help */
	TOP_STYLE_PROMPT,
	TOP_STYLE_HEAT, /* the first of TOP_HEATS, from nothing to everything */
	TOP_HEATS = 9,
	TOP_STYLES = TOP_STYLE_HEAT + TOP_HEATS
};

struct top_span {
	size_t at; /* bytes in the line's text; it ends where the next begins */
	enum top_style style;
};
struct top_line {
	struct tt_buf text;
	TT_VEC(struct top_span) spans;
	int width; /* columns */
};
struct top_canvas {
	int cols, rows;
	bool utf8;
	struct top_line *lines;
	int cursor_row, cursor_col; /* of a prompt; -1 none */
};

/* Empties it, at this size. 0 or -ENOMEM. */
int top_canvas_begin(struct top_canvas *c, int cols, int rows);
void top_canvas_deinit(struct top_canvas *c);

/* Append to a row, cut at its end; rows outside are ignored. Text is raw. */
void top_put(struct top_canvas *c, int row, enum top_style style, const char *text);
__attribute__((format(printf, 4, 5))) void top_putf(struct top_canvas *c, int row, enum top_style style, const char *fmt, ...);

/* A cell of exactly `width` columns: cut or filled up. */
void top_put_cell(struct top_canvas *c, int row, enum top_style style, const char *text, int width, enum tt_align align);

/* Blanks up to column `col`. */
void top_put_to(struct top_canvas *c, int row, enum top_style style, int col);

/* A bar of `width` columns between brackets, filled to `share` (0 to 1), with words at its right end. */
void top_put_bar(struct top_canvas *c, int row, double share, int width, const char *words);

/* One column that shows a share from 0 to 200 (half percent) by its height, 255 as absent. */
void top_put_spark(struct top_canvas *c, int row, enum top_style style, unsigned half_pct);

/* One column of the heat map, likewise. */
void top_put_heat(struct top_canvas *c, int row, unsigned half_pct);

/* The canvas as plain text. */
void top_canvas_print(const struct top_canvas *c, FILE *out);

#endif
