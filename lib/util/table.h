/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * table.h - prints rows as aligned columns that fit the terminal.
 *
 *   static const struct tt_column columns[] = {
 *           {.header = "LOCK", .flexible = true, .min = 12},
 *           {.header = "WAIT", .align = TT_ALIGN_RIGHT},
 *   };
 *   struct tt_table *t = tt_table_create(columns, ARRAY_SIZE(columns));
 *   tt_table_cell(t, TT_STYLE_LOCK, "%s", lock->name);
 *   tt_table_cell(t, TT_STYLE_NONE, "%s", tt_ns(lock->wait_ns).s);
 *   tt_table_print(t, &out, &term);
 *   tt_table_destroy(t);
 *
 * Cells are given raw: the table escapes them (text.h), so they may hold hostile text. Too wide for the terminal: flexible
 * columns shrink first (widest first) down to their min, then the other columns that have a min; what is cut shows "…".
 * Lines never end in blanks. Called by lib/out and tools.
 */
#ifndef TT_UTIL_TABLE_H
#define TT_UTIL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/util/buf.h"
#include "lib/util/term.h"
#include "lib/util/text.h"

enum tt_align { TT_ALIGN_LEFT, TT_ALIGN_RIGHT };

struct tt_column {
	const char *header; /* NULL or "": none. When no column has one, no header line is printed */
	enum tt_align align;
	size_t min;    /* columns; the least it may be shrunk to; 0: the header's width when flexible, else never shrunk */
	size_t max;    /* cells wider than this are cut even when there is room; 0: no limit */
	bool flexible; /* gives way first when the line is too long */
	enum tt_cut cut;
};

struct tt_table;

/* The columns must outlive the table. NULL when out of memory. */
struct tt_table *tt_table_create(const struct tt_column *columns, size_t count);
void tt_table_destroy(struct tt_table *table);

/* Blanks before every line, and between columns (2 at first). */
void tt_table_set_indent(struct tt_table *table, size_t indent);
void tt_table_set_gap(struct tt_table *table, size_t gap);

/* The next cell; after the last column a new row begins. Returns 0 or -ENOMEM (sticky). */
int tt_table_cell(struct tt_table *table, enum tt_style style, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Fills the rest of the current row with empty cells. Does nothing at the beginning of a row. */
int tt_table_end_row(struct tt_table *table);

/* A line of its own between the rows (not aligned, escaped, cut to the terminal's width): detail below a row. */
int tt_table_line(struct tt_table *table, size_t indent, enum tt_style style, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

size_t tt_table_rows(const struct tt_table *table);

/* Appends the table to out. An unfinished row is completed first. Returns 0 or -ENOMEM. */
int tt_table_print(struct tt_table *table, struct tt_buf *out, const struct tt_term *term);

#endif
