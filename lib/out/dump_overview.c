/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dump_overview.c - several processes at a glance, before their dumps. */
#include "lib/out/dump.h"

#include <errno.h>
#include <string.h>

#include "lib/core/attrs.h"
#include "lib/util/table.h"

#define DEEPEST 16u /* levels that are indented */

/* How many of the listed processes it descends from. */
static unsigned depth_of(struct tt_dump *const *dumps, size_t count, const struct tt_dump *d)
{
	unsigned depth = 0;
	pid_t parent = d->proc.ppid;
	for (size_t i = 0; i < count && parent && depth < DEEPEST; i++) {
		if (dumps[i]->proc.pid != parent)
			continue;
		depth++;
		parent = dumps[i]->proc.ppid;
		i = (size_t)-1; /* from the first one again */
	}
	return depth;
}

static void count_cell(struct tt_table *table, enum tt_style style, unsigned n)
{
	tt_table_cell(table, n ? style : TT_STYLE_DIM, n ? "%u" : "-", n);
}

/* The first of the lines that the dump begins with, and how many more there are. */
static void findings_cell(struct tt_table *table, struct tt_dump *d, const struct tt_term *term)
{
	static const struct tt_dump_view view = {0};
	TT_BUF_AUTO(text);
	struct dump_out o = {.d = d, .view = &view, .term = term, .out = &text, .plain = true};
	unsigned n = dump_out_findings(&o);
	const char *line = tt_buf_str(&text) + strspn(tt_buf_str(&text), " ");
	int len = (int)strcspn(line, "\n");
	if (n > 1)
		tt_table_cell(table, TT_STYLE_NONE, "%.*s (and %u more)", len, line, n - 1);
	else
		tt_table_cell(table, TT_STYLE_NONE, "%.*s", len, line);
	tt_buf_deinit(&o.line);
}

static void row(struct tt_table *table, struct tt_dump *const *dumps, size_t count, size_t i, const struct tt_term *term)
{
	struct tt_dump *d = dumps[i];
	unsigned others =
		(unsigned)d->threads.len - d->doing[TT_DOING_RUNNING] - d->doing[TT_DOING_LOCK] - d->doing[TT_DOING_DISK];
	tt_table_cell(table, TT_STYLE_NONE, "%d", (int)d->proc.pid);
	tt_table_cell(table, TT_STYLE_BOLD, "%*s%s", (int)(2 * depth_of(dumps, count, d)), "",
		d->proc.command && d->proc.command[0] ? d->proc.command : d->proc.name);
	tt_table_cell(table, TT_STYLE_NONE, "%zu", d->threads.len);
	count_cell(table, TT_STYLE_NONE, d->doing[TT_DOING_RUNNING]);
	count_cell(table, TT_STYLE_WARNING, d->doing[TT_DOING_LOCK]);
	count_cell(table, TT_STYLE_WARNING, d->doing[TT_DOING_DISK]);
	count_cell(table, TT_STYLE_NONE, others);
	findings_cell(table, d, term);
}

int tt_dump_write_overview(struct tt_dump *const *dumps, size_t count, const struct tt_term *term, struct tt_buf *out)
{
	static const struct tt_column columns[] = {
		{.header = "PID", .align = TT_ALIGN_RIGHT},
		{.header = "PROCESS", .min = 16, .max = 48},
		{.header = "THREADS", .align = TT_ALIGN_RIGHT},
		{.header = "RUN", .align = TT_ALIGN_RIGHT},
		{.header = "LOCK", .align = TT_ALIGN_RIGHT},
		{.header = "DISK", .align = TT_ALIGN_RIGHT},
		{.header = "OTHER", .align = TT_ALIGN_RIGHT},
		{.header = "FOUND", .flexible = true, .min = 20},
	};
	struct tt_term plain = *term; /* colours of a part of a cell would be cut with it */
	plain.color = false;
	size_t threads = 0;
	struct tt_table *table = tt_table_create(columns, ARRAY_SIZE(columns));
	if (!table)
		return -ENOMEM;
	tt_table_set_indent(table, 2);
	for (size_t i = 0; i < count; i++) {
		threads += dumps[i]->threads.len;
		row(table, dumps, count, i, &plain);
	}
	tt_buf_printf(out, "%zu processes, %zu threads\n\n", count, threads);
	int rc = tt_table_print(table, out, term);
	tt_table_destroy(table);
	return rc;
}
