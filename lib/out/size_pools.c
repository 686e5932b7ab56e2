/* SPDX-License-Identifier: GPL-3.0-or-later */
/* size_pools.c - measured pools, findings and settings of threadsize's text (size.h). */
#include <inttypes.h>

#include "lib/core/attrs.h"
#include "lib/out/size_private.h"
#include "lib/util/text.h"

#define POOLS_SHOWN 20

/* ------------------------------------------------------------------ pools */

static void ratio_cell(struct tt_table *table, const struct tt_pool *p)
{
	if (p->run_ns && (p->kind == TT_POOL_WORKERS || p->members == TT_POOL_OF_PROCESSES))
		tt_table_cell(table, TT_STYLE_BOLD, "%.3g", (double)p->work_ns / (double)p->run_ns);
	else
		tt_table_cell(table, TT_STYLE_DIM, "-");
}

static void pool_row(struct tt_table *table, const struct tt_pool *p)
{
	tt_table_cell(table, TT_STYLE_THREAD, "%s", p->name);
	tt_table_cell(table, TT_STYLE_DIM, "%s", tt_pool_kind_name(p->kind));
	tt_table_cell(table, TT_STYLE_NONE, p->members == TT_POOL_OF_PROCESSES ? "%u proc" : "%u", p->threads);
	tt_table_cell(table, TT_STYLE_NONE, "%.1f/%u", p->busy_mean, p->busy_max);
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(p->run_ns, p->wall_ns).s);
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(p->delay_ns, p->wall_ns).s);
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(p->work_ns, p->wall_ns).s);
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(p->lock_ns, p->wall_ns).s);
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(p->idle_ns, p->wall_ns).s);
	ratio_cell(table, p);
	tt_table_cell(table, TT_STYLE_DIM, "%s", p->waits.len ? p->waits.data[0].words : "");
}

static void say_stops(struct tt_size_writer *w)
{
	const struct tt_pool *p;
	vec_for_each (p, &w->doc->pools->list)
		if (p->stopped_ns)
			tt_size_line(w, "stopped", "%s of %s were stopped for %s, which counts as nothing else%s",
				tt_size_members(p, 2), p->name, tt_pct(p->stopped_ns, p->stopped_ns + p->wall_ns).s,
				p->stopped ? "; some still are (SIGCONT lets them go on)" : "");
}

static void say_gaps(struct tt_size_writer *w)
{
	const struct tt_pools *p = w->doc->pools;
	say_stops(w);
	if (p->syscall_error)
		tt_size_line(w, "note", "what blocked threads wait for may not be read: run as the same user or as root");
	if (p->started || p->ended)
		tt_size_line(w, "note", "%u threads began and %u ended in the window", p->started, p->ended);
	if (p->processes_started || p->processes_ended)
		tt_size_line(
			w, "note", "%u processes began and %u ended in the window", p->processes_started, p->processes_ended);
	if (p->unseen_ns)
		tt_size_line(w, "note", "children that have ended took %s of CPU time beside what was seen of them",
			tt_ns(p->unseen_ns).s);
	if (w->doc->steal >= 0.01)
		tt_size_line(
			w, "steal", "%.0f %% of the machine's time went to other machines of its host", w->doc->steal * 100);
}

void tt_size_text_pools(struct tt_size_writer *w)
{
	static const struct tt_column columns[] = {
		{.header = "POOL", .flexible = true, .min = 8},
		{.header = "KIND"},
		{.header = "MEMBERS", .align = TT_ALIGN_RIGHT},
		{.header = "BUSY/MAX", .align = TT_ALIGN_RIGHT},
		{.header = "RUN", .align = TT_ALIGN_RIGHT},
		{.header = "DELAY", .align = TT_ALIGN_RIGHT},
		{.header = "WORK", .align = TT_ALIGN_RIGHT},
		{.header = "LOCK", .align = TT_ALIGN_RIGHT},
		{.header = "IDLE", .align = TT_ALIGN_RIGHT},
		{.header = "WAIT/COMPUTE", .align = TT_ALIGN_RIGHT},
		{.header = "WAITS MOSTLY FOR", .flexible = true, .min = 8},
	};
	const struct tt_pools *p = w->doc->pools;
	struct tt_table *table = tt_table_create(columns, ARRAY_SIZE(columns));
	TT_BUF_AUTO(title);
	tt_buf_printf(&title, "%u threads", p->threads);
	if (p->processes > 1)
		tt_buf_printf(&title, " of %u processes", p->processes);
	tt_buf_printf(&title, " over %s", tt_ns(p->window_ns).s);
	tt_size_heading(w, tt_buf_str(&title));
	tt_size_line(w, "used", "%.3g CPUs by the process, %.3g by others that share its limit", w->doc->used_cpus,
		w->doc->others_cpus);
	say_gaps(w);
	for (size_t i = 0; table && i < p->list.len && i < POOLS_SHOWN; i++)
		pool_row(table, &p->list.data[i]);
	if (table && p->list.len > POOLS_SHOWN)
		tt_table_line(table, 0, TT_STYLE_DIM, "and %zu more, which ran less", p->list.len - POOLS_SHOWN);
	if (table)
		tt_table_set_indent(table, 2);
	tt_size_table(w, table);
}

/* ------------------------------------------------------------------ findings */

void tt_size_text_findings(struct tt_size_writer *w)
{
	const struct tt_finding *f;
	if (!w->doc->findings || !w->doc->findings->list.len)
		return;
	tt_size_heading(w, "Findings");
	vec_for_each (f, &w->doc->findings->list) {
		const char *const *line;
		tt_size_line(w, tt_level_name(f->level), "%s  [%s]", f->title, tt_rules[f->rule].id);
		vec_for_each (line, &f->evidence)
			tt_size_line(w, "", "%s", *line);
		tt_size_line(w, "", "why: %s", f->why);
		tt_size_line(w, "", "do: %s", f->advice);
	}
}

/* ------------------------------------------------------------------ settings */

static void settings_rows(struct tt_size_writer *w, const char *program, const struct tt_size_entry *e)
{
	struct tt_settings_of of = tt_size_settings_of(w->doc, e);
	struct tt_setting s;
	for (unsigned i = 0; tt_settings_next(program, &i, &of, &s);)
		tt_size_line(w, s.program, "%s%s%s", s.text, *s.note ? "   " : "", s.note);
}

void tt_size_text_settings(struct tt_size_writer *w)
{
	const struct tt_size_doc *doc = w->doc;
	bool any = false;
	tt_size_heading(w, "Settings");
	for (size_t i = 0; i < doc->count; i++) {
		const struct tt_size_entry *e = &doc->entries[i];
		if (!e->sized || e->advice.refused)
			continue;
		tt_size_line(w, "for", "pool %s", e->pool->name);
		settings_rows(w, e->program, e);
		any = true;
	}
	if (!any)
		settings_rows(w, doc->settings, NULL);
	settings_rows(w, "kubernetes", NULL);
}
