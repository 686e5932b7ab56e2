/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table.c - aligned columns (table.h). Cells are escaped when they are added, measured once, and laid out when printed. */
#include "lib/util/table.h"

#include "lib/util/vec.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* Without a terminal to fit, one endless name must not pad every row of the table to its width. */
#define PADDED_MAX 256

struct cell {
	size_t start, len; /* in table->text */
	size_t width;
	enum tt_style style;
};

/* A row of cells, or a free line (one cell). */
struct row {
	size_t first; /* in table->cells */
	size_t indent;
	bool is_line;
};

struct tt_table {
	const struct tt_column *columns;
	size_t count;
	size_t indent, gap;
	size_t filled; /* cells of the unfinished row; 0: none is open */
	struct tt_buf text;
	struct tt_buf scratch;
	TT_VEC(struct cell) cells;
	TT_VEC(struct row) rows;
	bool failed;
};

struct tt_table *tt_table_create(const struct tt_column *columns, size_t count)
{
	struct tt_table *table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->columns = columns;
	table->count = count;
	table->gap = 2;
	return table;
}

void tt_table_destroy(struct tt_table *table)
{
	if (!table)
		return;
	tt_buf_deinit(&table->text);
	tt_buf_deinit(&table->scratch);
	tt_vec_deinit(&table->cells);
	tt_vec_deinit(&table->rows);
	free(table);
}

void tt_table_set_indent(struct tt_table *table, size_t indent)
{
	table->indent = indent;
}

void tt_table_set_gap(struct tt_table *table, size_t gap)
{
	table->gap = gap;
}

size_t tt_table_rows(const struct tt_table *table)
{
	return table->rows.len;
}

static int fail(struct tt_table *table)
{
	table->failed = true;
	return -ENOMEM;
}

static int begin_row(struct tt_table *table, bool is_line, size_t indent)
{
	struct row row = {.first = table->cells.len, .indent = indent, .is_line = is_line};
	return tt_vec_push(&table->rows, row) ? fail(table) : 0;
}

static int add_cell(struct tt_table *table, enum tt_style style, const char *fmt, va_list ap)
{
	struct cell cell = {.start = table->text.len, .style = style};
	tt_buf_clear(&table->scratch);
	if (tt_buf_vprintf(&table->scratch, fmt, ap) ||
		tt_text_escape(&table->text, tt_buf_str(&table->scratch), table->scratch.len))
		return fail(table);
	cell.len = table->text.len - cell.start;
	cell.width = tt_text_width(tt_buf_str(&table->text) + cell.start, cell.len);
	return tt_vec_push(&table->cells, cell) ? fail(table) : 0;
}

int tt_table_cell(struct tt_table *table, enum tt_style style, const char *fmt, ...)
{
	if (table->failed || (table->filled == 0 && begin_row(table, false, 0)))
		return -ENOMEM;
	va_list ap;
	va_start(ap, fmt);
	int rc = add_cell(table, style, fmt, ap);
	va_end(ap);
	table->filled = (table->filled + 1) % table->count;
	return rc;
}

int tt_table_end_row(struct tt_table *table)
{
	int rc = table->failed ? -ENOMEM : 0;
	while (table->filled && rc == 0)
		rc = tt_table_cell(table, TT_STYLE_NONE, "%s", "");
	return rc;
}

int tt_table_line(struct tt_table *table, size_t indent, enum tt_style style, const char *fmt, ...)
{
	if (tt_table_end_row(table) || begin_row(table, true, indent))
		return -ENOMEM;
	va_list ap;
	va_start(ap, fmt);
	int rc = add_cell(table, style, fmt, ap);
	va_end(ap);
	return rc;
}

/* ------------------------------------------------------------------ layout */

static size_t header_width(const struct tt_column *column)
{
	return column->header ? tt_text_width(column->header, strlen(column->header)) : 0;
}

static size_t least_width(const struct tt_column *column, size_t natural)
{
	size_t least = column->min ? column->min : column->flexible ? header_width(column) : natural;
	return least < 1 ? 1 : least;
}

static void natural_widths(const struct tt_table *table, size_t *widths)
{
	for (size_t c = 0; c < table->count; c++)
		widths[c] = header_width(&table->columns[c]);
	for (size_t r = 0; r < table->rows.len; r++) {
		const struct row *row = &table->rows.data[r];
		for (size_t c = 0; c < table->count && !row->is_line; c++) {
			size_t width = table->cells.data[row->first + c].width;
			if (width > widths[c])
				widths[c] = width;
		}
	}
	for (size_t c = 0; c < table->count; c++) {
		size_t max = table->columns[c].max;
		if (max && widths[c] > max)
			widths[c] = max;
		bool padded = c + 1 < table->count || table->columns[c].align == TT_ALIGN_RIGHT;
		if (padded && widths[c] > PADDED_MAX)
			widths[c] = PADDED_MAX;
	}
}

/* Takes up to `excess` columns from the columns of one class, always from the widest; returns what is left of it. */
static size_t shrink(const struct tt_table *table, size_t *widths, bool flexible, size_t excess)
{
	while (excess > 0) {
		size_t widest = SIZE_MAX, second = 0;
		for (size_t c = 0; c < table->count; c++) {
			if (table->columns[c].flexible != flexible || widths[c] <= least_width(&table->columns[c], widths[c]))
				continue;
			if (widest == SIZE_MAX || widths[c] > widths[widest]) {
				second = widest == SIZE_MAX ? 0 : widths[widest];
				widest = c;
			} else if (widths[c] > second) {
				second = widths[c];
			}
		}
		if (widest == SIZE_MAX)
			break;
		size_t least = least_width(&table->columns[widest], widths[widest]);
		size_t target = second < widths[widest] ? second : widths[widest] - 1;
		if (target < least)
			target = least;
		if (widths[widest] - target > excess)
			target = widths[widest] - excess;
		excess -= widths[widest] - target;
		widths[widest] = target;
	}
	return excess;
}

static void fit(const struct tt_table *table, size_t *widths, size_t limit)
{
	natural_widths(table, widths);
	size_t total = table->indent + table->gap * (table->count - 1);
	for (size_t c = 0; c < table->count; c++)
		total += widths[c];
	if (limit == 0 || total <= limit)
		return;
	shrink(table, widths, false, shrink(table, widths, true, total - limit));
}

/* ------------------------------------------------------------------ printing */

struct line {
	struct tt_buf *out;
	const struct tt_term *term;
	size_t blanks; /* owed before the next text; never written at the end of a line */
};

static void put(struct line *line, enum tt_style style, const char *text, size_t len, size_t width, enum tt_cut cut)
{
	tt_buf_fill(line->out, ' ', line->blanks);
	line->blanks = 0;
	tt_buf_adds(line->out, tt_style_on(line->term, style));
	tt_text_cut(line->out, text, len, width, cut);
	tt_buf_adds(line->out, tt_style_off(line->term, style));
}

static void put_cell(struct line *line, const struct tt_column *column, enum tt_style style, const char *text, size_t len,
	size_t text_width, size_t width)
{
	size_t pad = text_width < width ? width - text_width : 0;
	if (column->align == TT_ALIGN_RIGHT)
		line->blanks += pad;
	if (text_width > 0)
		put(line, style, text, len, width, column->cut);
	if (column->align == TT_ALIGN_LEFT)
		line->blanks += pad;
}

static void end_line(struct line *line)
{
	tt_buf_addc(line->out, '\n');
	line->blanks = 0;
}

static void print_header(const struct tt_table *table, struct line *line, const size_t *widths)
{
	bool any = false;
	for (size_t c = 0; c < table->count; c++)
		any |= header_width(&table->columns[c]) > 0;
	if (!any)
		return;
	line->blanks = table->indent;
	for (size_t c = 0; c < table->count; c++) {
		const char *text = table->columns[c].header ? table->columns[c].header : "";
		put_cell(line, &table->columns[c], TT_STYLE_HEADING, text, strlen(text), header_width(&table->columns[c]),
			widths[c]);
		line->blanks += table->gap;
	}
	end_line(line);
}

static void print_row(const struct tt_table *table, struct line *line, const struct row *row, const size_t *widths)
{
	const char *text = tt_buf_str(&table->text);
	const struct cell *cell = &table->cells.data[row->first];
	line->blanks = table->indent;
	if (row->is_line) {
		line->blanks += row->indent;
		size_t limit = line->term->width > line->blanks ? line->term->width - line->blanks : SIZE_MAX;
		if (cell->width > 0)
			put(line, cell->style, text + cell->start, cell->len, limit, TT_CUT_END);
	} else {
		for (size_t c = 0; c < table->count; c++, cell++) {
			put_cell(line, &table->columns[c], cell->style, text + cell->start, cell->len, cell->width, widths[c]);
			line->blanks += table->gap;
		}
	}
	end_line(line);
}

int tt_table_print(struct tt_table *table, struct tt_buf *out, const struct tt_term *term)
{
	if (tt_table_end_row(table))
		return -ENOMEM;
	size_t *widths = calloc(table->count, sizeof(*widths));
	if (!widths)
		return -ENOMEM;
	struct line line = {.out = out, .term = term};
	fit(table, widths, term->width);
	print_header(table, &line, widths);
	for (size_t r = 0; r < table->rows.len; r++)
		print_row(table, &line, &table->rows.data[r], widths);
	free(widths);
	return tt_buf_failed(out) ? -ENOMEM : 0;
}
