/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text_threads.c - pools, threads, leaks, event loops. Sections of text.c. */
#include <inttypes.h>

#include "lib/out/text.h"

/* What a pool is called: its start routine, else what its threads are called. */
static const char *pool_name(struct tt_text *t, const struct tt_group *g)
{
	if (!g)
		return "?";
	if (g->start_routine) {
		struct tt_place p = tt_names_headline(t->r->names, g->start_routine, NULL);
		bool unnamed = !p.function && g->name && g->name[0];
		const char *place = tt_text_place(t, g->start_routine, NULL, "?");
		return unnamed ? tt_names_format(t->r->names, "'%s' %s", g->name, place) : place;
	}
	if (g->threads.len && g->threads.data[0]->flags & TTREC_THREAD_MAIN)
		return "main thread";
	return g->name && g->name[0] ? tt_names_format(t->r->names, "'%s' (not created by the program)", g->name)
	                             : "not created by the program";
}

static void pool_row(struct tt_text *t, struct tt_table *table, const struct tt_group *g, bool wide)
{
	uint64_t lock_ns = tt_waits_lock_ns(g->waits);
	tt_table_cell(table, TT_STYLE_THREAD, "%s", pool_name(t, g));
	tt_table_cell(table, TT_STYLE_CODE, "%s", tt_text_place(t, g->create_site, g->create_stack, "-"));
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(g->created ? g->created : g->threads.len).s);
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(g->running).s);
	if (wide) {
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(g->peak).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", g->cpu_ns ? tt_ns(g->cpu_ns).s : "-");
	}
	tt_table_cell(table, lock_ns ? TT_STYLE_BOLD : TT_STYLE_NONE, "%s", tt_ns(lock_ns).s);
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(lock_ns, g->life_ns).s);
	if (wide)
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(tt_waits_idle_ns(g->waits)).s);
}

static struct tt_table *make_pools(bool wide)
{
	static const struct tt_column wide_columns[] = {
		{.header = "POOL", .flexible = true, .min = 14, .cut = TT_CUT_MIDDLE},
		{.header = "CREATED IN", .flexible = true, .min = 10, .cut = TT_CUT_MIDDLE},
		{.header = "THREADS", .align = TT_ALIGN_RIGHT},
		{.header = "LIVE", .align = TT_ALIGN_RIGHT},
		{.header = "PEAK", .align = TT_ALIGN_RIGHT},
		{.header = "CPU", .align = TT_ALIGN_RIGHT},
		{.header = "LOCK WAIT", .align = TT_ALIGN_RIGHT},
		{.header = "OF LIFE", .align = TT_ALIGN_RIGHT},
		{.header = "OTHER WAITS", .align = TT_ALIGN_RIGHT},
	};
	static const struct tt_column narrow_columns[] = {
		{.header = "POOL", .flexible = true, .min = 12, .cut = TT_CUT_MIDDLE},
		{.header = "CREATED IN", .flexible = true, .min = 10, .cut = TT_CUT_MIDDLE},
		{.header = "THREADS", .align = TT_ALIGN_RIGHT},
		{.header = "LIVE", .align = TT_ALIGN_RIGHT},
		{.header = "LOCK WAIT", .align = TT_ALIGN_RIGHT},
		{.header = "OF LIFE", .align = TT_ALIGN_RIGHT},
	};
	return wide ? tt_table_create(wide_columns, sizeof(wide_columns) / sizeof(*wide_columns))
	            : tt_table_create(narrow_columns, sizeof(narrow_columns) / sizeof(*narrow_columns));
}

static void list_pools(struct tt_text *t)
{
	const struct tt_report *r = t->r;
	if (r->groups.len == 0)
		return;
	bool wide = t->term->width == 0 || t->term->width >= 110;
	struct tt_table *table = make_pools(wide);
	uint64_t rows = tt_text_rows(t, r->groups.len);
	tt_text_heading(t, "Pools of threads (same start routine, created at one place)");
	for (uint64_t i = 0; table && i < rows; i++)
		pool_row(t, table, r->groups.data[i], wide);
	tt_text_table(t, table, 2);
	tt_text_more(t, 2, rows, r->groups.len);
}

/* "waits for mutex cache_lock", "idle", "ended" ... */
static const char *doing(struct tt_text *t, const struct tt_thread *thread)
{
	const struct tt_waiting *w = &thread->waiting;
	if (!thread->alive)
		return thread->joined_ns ? "joined" : thread->unjoined ? "ended, not joined" : "ended";
	if (w->op == TTREC_OP_NONE)
		return "running";
	if (w->idle)
		return tt_names_format(t->r->names, "idle in %s", tt_op_name(w->op));
	if (w->lock)
		return tt_names_format(t->r->names, "waits %s for %s", tt_ns(w->dur_ns).s, tt_names_lock(t->r->names, w->lock));
	return tt_names_format(t->r->names, "waits %s in %s", tt_ns(w->dur_ns).s, tt_op_name(w->op));
}

static void thread_row(struct tt_text *t, struct tt_table *table, const struct tt_thread *x, bool wide)
{
	tt_table_cell(table, TT_STYLE_THREAD, "%s", tt_names_thread(t->r->names, x->process, x, x->serial));
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(x->life_ns).s);
	if (wide)
		tt_table_cell(table, TT_STYLE_NONE, "%s", x->cpu_ns ? tt_ns(x->cpu_ns).s : "-");
	tt_table_cell(table, x->lock_wait_ns ? TT_STYLE_BOLD : TT_STYLE_NONE, "%s", tt_ns(x->lock_wait_ns).s);
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(x->lock_wait_ns, x->life_ns).s);
	tt_table_cell(table, TT_STYLE_NONE, "%s", x->lock_wait_max_ns ? tt_ns(x->lock_wait_max_ns).s : "-");
	if (wide)
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(x->contended).s);
	tt_table_cell(table, x->waiting.op && !x->waiting.idle ? TT_STYLE_WARNING : TT_STYLE_NONE, "%s", doing(t, x));
}

static struct tt_table *make_threads(bool wide)
{
	static const struct tt_column wide_columns[] = {
		{.header = "THREAD", .flexible = true, .min = 12},
		{.header = "LIFE", .align = TT_ALIGN_RIGHT},
		{.header = "CPU", .align = TT_ALIGN_RIGHT},
		{.header = "LOCK WAIT", .align = TT_ALIGN_RIGHT},
		{.header = "OF LIFE", .align = TT_ALIGN_RIGHT},
		{.header = "LONGEST", .align = TT_ALIGN_RIGHT},
		{.header = "CONTENDED", .align = TT_ALIGN_RIGHT},
		{.header = "AT THE END", .flexible = true, .min = 12},
	};
	static const struct tt_column narrow_columns[] = {
		{.header = "THREAD", .flexible = true, .min = 12},
		{.header = "LIFE", .align = TT_ALIGN_RIGHT},
		{.header = "LOCK WAIT", .align = TT_ALIGN_RIGHT},
		{.header = "OF LIFE", .align = TT_ALIGN_RIGHT},
		{.header = "LONGEST", .align = TT_ALIGN_RIGHT},
		{.header = "AT THE END", .flexible = true, .min = 12},
	};
	return wide ? tt_table_create(wide_columns, sizeof(wide_columns) / sizeof(*wide_columns))
	            : tt_table_create(narrow_columns, sizeof(narrow_columns) / sizeof(*narrow_columns));
}

static void list_threads(struct tt_text *t)
{
	const struct tt_report *r = t->r;
	if (r->threads.len == 0)
		return;
	bool wide = t->term->width == 0 || t->term->width >= 100;
	struct tt_table *table = make_threads(wide);
	uint64_t rows = tt_text_rows(t, r->threads.len);
	tt_text_heading(t, "Threads, by time lost waiting for locks");
	for (uint64_t i = 0; table && i < rows; i++)
		thread_row(t, table, r->threads.data[i], wide);
	tt_text_table(t, table, 2);
	tt_text_more(t, 2, rows, r->threads.len);
}

void tt_text_threads(struct tt_text *t)
{
	list_pools(t);
	list_threads(t);
}

/* ------------------------------------------------------------------ leaks */

/* What to make of threads that lived when the process ended. */
static const char *what_of_the_running(enum tt_end end)
{
	switch (end) {
	case TT_END_EXITED:
		return "left running at exit";
	case TT_END_RUNNING:
		return "running now";
	case TT_END_EXEC:
		return "ended by exec: no leak";
	default:
		return "alive at a forced end: no leak";
	}
}

void tt_text_leaks(struct tt_text *t)
{
	static const struct tt_column columns[] = {
		{.header = "POOL", .flexible = true, .min = 14, .cut = TT_CUT_MIDDLE},
		{.header = "CREATED IN", .flexible = true, .min = 10, .cut = TT_CUT_MIDDLE},
		{.header = "ENDED UNJOINED", .align = TT_ALIGN_RIGHT},
		{.header = "ALIVE", .align = TT_ALIGN_RIGHT},
		{.header = ""},
	};
	struct tt_table *table = NULL;
	uint64_t shown = 0, total = 0;
	const struct tt_group *const *g;
	vec_for_each (g, &t->r->groups) {
		const struct tt_group_part *part;
		vec_for_each (part, &(*g)->parts) {
			if (!(*g)->start_routine || (part->unjoined == 0 && part->running == 0))
				continue;
			if (total++ >= tt_text_rows(t, UINT64_MAX))
				continue;
			if (!table && !(table = tt_table_create(columns, sizeof(columns) / sizeof(*columns)))) {
				t->failed = true;
				return;
			}
			tt_table_cell(table, TT_STYLE_THREAD, "%s", pool_name(t, *g));
			tt_table_cell(table, TT_STYLE_CODE, "%s", tt_text_place(t, (*g)->create_site, (*g)->create_stack, "-"));
			tt_table_cell(table, part->unjoined ? TT_STYLE_ERROR : TT_STYLE_NONE, "%" PRIu64, part->unjoined);
			tt_table_cell(table, TT_STYLE_NONE, "%" PRIu64, part->running);
			tt_table_cell(table, TT_STYLE_DIM, "%s", part->running ? what_of_the_running(part->process->end) : "");
			shown++;
		}
	}
	if (!table)
		return;
	tt_text_heading(t, "Threads that were not joined");
	tt_text_table(t, table, 2);
	tt_text_more(t, 2, shown, total);
}

/* ------------------------------------------------------------------ event loops */

void tt_text_loops(struct tt_text *t)
{
	static const struct tt_column columns[] = {
		{.header = "THREAD", .flexible = true, .min = 12},
		{.header = "WAITS IN", .flexible = true, .min = 14, .cut = TT_CUT_MIDDLE},
		{.header = "TURNS", .align = TT_ALIGN_RIGHT},
		{.header = "AWAY", .align = TT_ALIGN_RIGHT},
		{.header = "MEDIAN", .align = TT_ALIGN_RIGHT},
		{.header = "P99", .align = TT_ALIGN_RIGHT},
		{.header = "LONGEST", .align = TT_ALIGN_RIGHT},
		{.header = "STALLS", .align = TT_ALIGN_RIGHT},
	};
	const struct tt_report *r = t->r;
	if (r->loops.len == 0)
		return;
	struct tt_table *table = tt_table_create(columns, sizeof(columns) / sizeof(*columns));
	uint64_t rows = tt_text_rows(t, r->loops.len);
	tt_text_heading(t, "Event loops, by longest time away from the loop");
	for (uint64_t i = 0; table && i < rows; i++) {
		const struct tt_loop *l = r->loops.data[i];
		tt_table_cell(table, TT_STYLE_THREAD, "%s", tt_names_thread(r->names, l->process, l->thread, l->serial));
		tt_table_cell(table, TT_STYLE_CODE, "%s", tt_text_place(t, l->site, NULL, "?"));
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_count(l->calls).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(l->away.total_ns).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(l->away.p50_ns).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(l->away.p99_ns).s);
		tt_table_cell(table, TT_STYLE_BOLD, "%s", tt_ns(l->away.max_ns).s);
		tt_table_cell(table, l->stalls ? TT_STYLE_WARNING : TT_STYLE_NONE, "%s", tt_count(l->stalls).s);
	}
	tt_text_table(t, table, 2);
	tt_text_more(t, 2, rows, r->loops.len);
}
