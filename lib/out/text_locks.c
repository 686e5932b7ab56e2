/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text_locks.c - the ranked list of locks, and waits for events. Sections of text.c. */
#include <inttypes.h>

#include "lib/out/text.h"

/* One row of the list: a class or one lock, whose figures have the same shapes. */
struct row {
	const char *name;
	size_t instances;
	unsigned program;
	const struct tt_ops *ops;
	uint64_t contended;
	const struct tt_waits *waits;
	const struct tt_dist *wait;
	const struct tt_hold *hold;
};

static void put_row(struct tt_text *t, struct tt_table *table, const struct row *k, bool wide)
{
	tt_table_cell(table, TT_STYLE_LOCK, "%s", k->name);
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(k->instances).s);
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(k->ops->acquisitions).s);
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(k->contended).s);
	if (wide)
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(k->contended, k->ops->acquisitions).s);
	tt_table_cell(table, k->waits->total_ns ? TT_STYLE_BOLD : TT_STYLE_NONE, "%s", tt_ns(k->waits->total_ns).s);
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(k->waits->total_ns, tt_report_program_ns(t->r, k->program)).s);
	if (wide)
		tt_table_cell(table, TT_STYLE_NONE, "%s", k->wait->count ? tt_ns(k->wait->p99_ns).s : "-");
	tt_table_cell(table, TT_STYLE_NONE, "%s", k->waits->count ? tt_ns(k->waits->max_ns).s : "-");
	bool held = k->hold->samples && k->hold->weight;
	tt_table_cell(table, TT_STYLE_NONE, "%s", held ? tt_ns(k->hold->total_ns / k->hold->weight).s : "-");
	if (wide)
		tt_table_cell(table, TT_STYLE_NONE, "%s", held ? tt_ns(k->hold->max_ns).s : "-");
}

static void class_row(struct tt_text *t, struct tt_table *table, const struct tt_lock_class *c, bool wide)
{
	struct row k = {.name = tt_names_class(t->r->names, c),
		.instances = c->locks.len,
		.program = c->program,
		.ops = &c->ops,
		.contended = c->contended,
		.waits = &c->waits,
		.wait = &c->wait,
		.hold = &c->hold};
	put_row(t, table, &k, wide);
}

static void lock_row(struct tt_text *t, struct tt_table *table, const struct tt_lock *l, bool wide)
{
	struct row k = {.name = tt_names_format(t->r->names, "%s @0x%" PRIx64, tt_names_lock(t->r->names, l), l->address),
		.instances = 1,
		.program = l->process->program,
		.ops = &l->ops,
		.contended = l->contended,
		.waits = &l->waits,
		.wait = &l->wait,
		.hold = &l->hold};
	put_row(t, table, &k, wide);
}

/* Rows that are locks stand first in both lists. */
static size_t locks_among(const struct tt_report *r)
{
	size_t n = 0;
	if (r->opts.each) {
		while (n < r->locks.len && r->locks.data[n]->use == TT_USE_LOCK)
			n++;
	} else {
		while (n < r->classes.len && r->classes.data[n]->use == TT_USE_LOCK)
			n++;
	}
	return n;
}

static struct tt_table *make_table(bool wide)
{
	static const struct tt_column wide_columns[] = {
		{.header = "LOCK", .flexible = true, .min = 16, .cut = TT_CUT_MIDDLE},
		{.header = "N", .align = TT_ALIGN_RIGHT},
		{.header = "ACQUIRED", .align = TT_ALIGN_RIGHT},
		{.header = "WAITED", .align = TT_ALIGN_RIGHT},
		{.header = "", .align = TT_ALIGN_RIGHT},
		{.header = "TIME LOST", .align = TT_ALIGN_RIGHT},
		{.header = "OF WALL", .align = TT_ALIGN_RIGHT},
		{.header = "P99", .align = TT_ALIGN_RIGHT},
		{.header = "LONGEST", .align = TT_ALIGN_RIGHT},
		{.header = "HELD", .align = TT_ALIGN_RIGHT},
		{.header = "AT MOST", .align = TT_ALIGN_RIGHT},
	};
	static const struct tt_column narrow_columns[] = {
		{.header = "LOCK", .flexible = true, .min = 12, .cut = TT_CUT_MIDDLE},
		{.header = "N", .align = TT_ALIGN_RIGHT},
		{.header = "ACQUIRED", .align = TT_ALIGN_RIGHT},
		{.header = "WAITED", .align = TT_ALIGN_RIGHT},
		{.header = "LOST", .align = TT_ALIGN_RIGHT},
		{.header = "OF WALL", .align = TT_ALIGN_RIGHT},
		{.header = "LONGEST", .align = TT_ALIGN_RIGHT},
		{.header = "HELD", .align = TT_ALIGN_RIGHT},
	};
	return wide ? tt_table_create(wide_columns, sizeof(wide_columns) / sizeof(*wide_columns))
	            : tt_table_create(narrow_columns, sizeof(narrow_columns) / sizeof(*narrow_columns));
}

static void list_locks(struct tt_text *t)
{
	const struct tt_report *r = t->r;
	size_t total = locks_among(r);
	if (total == 0)
		return;
	bool wide = t->term->width == 0 || t->term->width >= 110;
	struct tt_table *table = make_table(wide);
	uint64_t rows = tt_text_rows(t, total);
	tt_text_heading(t, "%s, by %s", r->opts.each ? "Locks" : "Locks (all born at one place in one row)",
		tt_sort_helps[r->opts.sort]);
	for (uint64_t i = 0; table && i < rows; i++) {
		if (r->opts.each)
			lock_row(t, table, r->locks.data[i], wide);
		else
			class_row(t, table, r->classes.data[i], wide);
	}
	tt_text_table(t, table, 2);
	tt_text_more(t, 2, rows, total);
}

/* Conditions, semaphores that signal, barriers, futex words: waiting for them is waiting for work. */
static void list_signals(struct tt_text *t)
{
	static const struct tt_column columns[] = {
		{.header = "OBJECT", .flexible = true, .min = 16, .cut = TT_CUT_MIDDLE},
		{.header = "N", .align = TT_ALIGN_RIGHT},
		{.header = "WAITS", .align = TT_ALIGN_RIGHT},
		{.header = "TIME WAITED", .align = TT_ALIGN_RIGHT},
		{.header = "LONGEST", .align = TT_ALIGN_RIGHT},
		{.header = "TIMED OUT", .align = TT_ALIGN_RIGHT},
		{.header = "WAKES", .align = TT_ALIGN_RIGHT},
	};
	const struct tt_report *r = t->r;
	size_t first = 0, total = 0;
	while (first < r->classes.len && r->classes.data[first]->use == TT_USE_LOCK)
		first++;
	for (size_t i = first; i < r->classes.len; i++)
		total += r->classes.data[i]->waits.count > 0;
	if (total == 0)
		return;
	struct tt_table *table = tt_table_create(columns, sizeof(columns) / sizeof(*columns));
	uint64_t rows = tt_text_rows(t, total), shown = 0;
	tt_text_heading(t, "Waits for events and work (no time lost to locks)");
	for (size_t i = first; table && shown < rows && i < r->classes.len; i++) {
		const struct tt_lock_class *c = r->classes.data[i];
		if (c->waits.count == 0)
			continue;
		tt_table_cell(table, TT_STYLE_LOCK, "%s", tt_names_class(r->names, c));
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(c->locks.len).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(c->waits.count).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(c->waits.total_ns).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(c->waits.max_ns).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(c->waits.timeouts).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(c->ops.signals + c->ops.broadcasts + c->ops.posts).s);
		shown++;
	}
	tt_text_table(t, table, 2);
	tt_text_more(t, 2, shown, total);
}

void tt_text_locks(struct tt_text *t)
{
	list_locks(t);
	list_signals(t);
}
