/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text_contention.c - the worst locks in detail: who waits where for whom, with stacks. A section of text.c. */
#include <inttypes.h>

#include "lib/out/text.h"

#define SHOWN_PAIRS   5
#define SHOWN_THREADS 5

static void put_pairs(struct tt_text *t, const struct tt_lock_class *c)
{
	static const struct tt_column columns[] = {
		{.header = "LOST", .align = TT_ALIGN_RIGHT},
		{.header = "WAITS", .align = TT_ALIGN_RIGHT},
		{.header = "LONGEST", .align = TT_ALIGN_RIGHT},
		{.header = "WAITS IN", .flexible = true, .min = 16, .cut = TT_CUT_MIDDLE},
		{.header = "BEHIND THE HOLDER FROM", .flexible = true, .min = 16, .cut = TT_CUT_MIDDLE},
	};
	struct tt_table *table = tt_table_create(columns, sizeof(columns) / sizeof(*columns));
	for (unsigned i = 0; table && i < c->pair_count && i < SHOWN_PAIRS; i++) {
		const struct tt_wait *w = &c->pairs[i];
		tt_table_cell(table, TT_STYLE_BOLD, "%s", tt_ns(w->waits.total_ns).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(w->waits.count).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(w->waits.max_ns).s);
		tt_table_cell(table, TT_STYLE_CODE, "%s", tt_text_place(t, w->waiter, w->waiter_stack, "not known"));
		tt_table_cell(table, TT_STYLE_CODE, "%s", tt_text_place(t, w->holder, w->holder_stack, "not known"));
	}
	tt_text_table(t, table, 5);
	if (c->pair_count > SHOWN_PAIRS)
		tt_text_sentence(t, 5, "", TT_STYLE_DIM, "... and %u more pairs of places", c->pair_count - SHOWN_PAIRS);
}

static void put_stacks(struct tt_text *t, const struct tt_wait *w)
{
	tt_text_sentence(t, 5, "", TT_STYLE_NONE, "The longest wait: %s by %s%s%s", tt_ns(w->waits.max_ns).s,
		tt_names_thread(t->r->names, w->process, w->max_waiter, w->max_waiter_serial),
		w->max_holder_serial ? ", behind " : "",
		w->max_holder_serial ? tt_names_thread(t->r->names, w->process, w->max_holder, w->max_holder_serial) : "");
	tt_text_stack(t, 5, "waits here", w->waiter, w->waiter_stack);
	tt_text_stack(t, 5, "the holder took it here", w->holder, NULL);
	tt_text_stack(t, 5, "and let it go here", NULL, w->holder_stack);
}

static void put_threads(struct tt_text *t, const struct tt_lock_class *c)
{
	static const struct tt_column columns[] = {
		{.header = "LOST", .align = TT_ALIGN_RIGHT},
		{.header = "WAITS", .align = TT_ALIGN_RIGHT},
		{.header = "LONGEST", .align = TT_ALIGN_RIGHT},
		{.header = "THREAD", .flexible = true, .min = 12},
		{.header = "BLOCKED BY", .flexible = true, .min = 12},
	};
	struct tt_table *table = NULL;
	unsigned shown = 0;
	const struct tt_blocking *b;
	vec_for_each (b, &t->r->model->blockings) {
		if (shown == SHOWN_THREADS)
			break;
		if (!b->lock || b->lock->class != c)
			continue;
		if (!table && !(table = tt_table_create(columns, sizeof(columns) / sizeof(*columns)))) {
			t->failed = true;
			return;
		}
		tt_table_cell(table, TT_STYLE_BOLD, "%s", tt_ns(b->waits.total_ns).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(b->waits.count).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(b->waits.max_ns).s);
		tt_table_cell(
			table, TT_STYLE_THREAD, "%s", tt_names_thread(t->r->names, b->process, b->waiter, b->waiter_serial));
		tt_table_cell(table, TT_STYLE_THREAD, "%s",
			b->holder_serial ? tt_names_thread(t->r->names, b->process, b->holder, b->holder_serial) : "not known");
		shown++;
	}
	if (table)
		tt_text_table(t, table, 5);
}

static void put_lock(struct tt_text *t, const struct tt_lock_class *c, unsigned number)
{
	t->last_stack = NULL;
	tt_text_newline(t);
	tt_text_put(t, TT_STYLE_BOLD, "  %u. ", number);
	tt_text_put(t, TT_STYLE_LOCK, "%s", tt_names_class(t->r->names, c));
	tt_text_put(t, TT_STYLE_NONE, "  %s lost, %s of wall time", tt_ns(c->waits.total_ns).s,
		tt_pct(c->waits.total_ns, tt_report_program_ns(t->r, c->program)).s);
	tt_text_newline(t);
	if (c->birth_site)
		tt_text_sentence(t, 5, "", TT_STYLE_DIM, "%s %s",
			c->birth_site->op == TTREC_OP_NONE ? "made in" : "first used in",
			tt_text_place(t, c->birth_site, c->birth_stack, "?"));
	if (c->pair_count) {
		put_pairs(t, c);
		put_stacks(t, &c->pairs[0]);
	}
	put_threads(t, c);
	if (c->waits.ongoing)
		tt_text_sentence(t, 5, "", TT_STYLE_WARNING, "%" PRIu64 " wait%s had not ended", c->waits.ongoing,
			c->waits.ongoing == 1 ? "" : "s");
}

/* The i-th lock shown in detail, counted from 0; NULL beyond the last. */
static const struct tt_lock_class *detail_at(const struct tt_text *t, unsigned i)
{
	const struct tt_report *r = t->r;
	unsigned number = 0;
	for (size_t k = 0; k < r->classes.len && number < r->opts.details; k++) {
		const struct tt_lock_class *c = r->classes.data[k];
		if (c->use != TT_USE_LOCK)
			break;
		if (c->waits.total_ns && number++ == i)
			return c;
	}
	return NULL;
}

unsigned tt_text_detail(const struct tt_text *t, const struct tt_lock_class *c)
{
	if (!(t->r->opts.sections & 1u << TT_SECTION_CONTENTION))
		return 0;
	const struct tt_lock_class *x;
	for (unsigned i = 0; (x = detail_at(t, i)); i++)
		if (x == c)
			return i + 1;
	return 0;
}

void tt_text_contention(struct tt_text *t)
{
	const struct tt_lock_class *c;
	for (unsigned i = 0; (c = detail_at(t, i)); i++) {
		if (i == 0)
			tt_text_heading(t, TT_CONTENTION_HEADING);
		put_lock(t, c, i + 1);
	}
}
