/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text_summary.c - the first screen: what ran, the verdict, the top costs. A section of text.c. */
#include <inttypes.h>
#include <string.h>

#include "lib/out/text.h"

#define TOP_COSTS 5

static void put_end(struct tt_text *t, const struct tt_process *p)
{
	switch (p->end) {
	case TT_END_RUNNING:
		tt_text_put(t, TT_STYLE_NOTE, ", still running");
		break;
	case TT_END_EXITED:
	case TT_END_FORCED:
		tt_text_put(t, TT_STYLE_NONE, ", %s", p->end == TT_END_EXITED ? "exited" : "ended by _exit");
		if (p->exit_code != TTREC_EXIT_UNKNOWN)
			tt_text_put(t, p->exit_code ? TT_STYLE_WARNING : TT_STYLE_NONE, " with status %d", p->exit_code);
		break;
	case TT_END_EXEC:
		tt_text_put(t, TT_STYLE_NONE, ", replaced by exec");
		break;
	case TT_END_ABORTED:
		tt_text_put(t, TT_STYLE_ERROR, ", aborted");
		break;
	case TT_END_KILLED:
		tt_text_put(t, TT_STYLE_ERROR, ", killed");
		break;
	case TT_END_UNKNOWN:
		tt_text_put(t, TT_STYLE_WARNING, ", its end is not known");
		break;
	}
}

/* Where the program's own name ends in the first argument: before what a title over all arguments has after it. */
static size_t name_len(const char *path, const char *exe)
{
	const char *slash = strrchr(exe, '/'), *file = slash ? slash : exe, *end = NULL;
	/* As the file itself, in whatever folder, if it is there as a whole. */
	for (const char *at = *file ? strstr(path, file) : NULL; at && !end; at = strstr(at + 1, file))
		if (strchr(" :", at[strlen(file)]))
			end = at + strlen(file);
	if (!end)
		end = strstr(path, ": ");
	if (!end || end == path)
		end = strstr(path, " -");
	return end && end > path ? (size_t)(end - path) : strlen(path);
}

/*
 * What it was called as; a link may have brought us to a file of another name. A title that the program wrote over its
 * arguments counts up to a colon ("nginx: master process nginx -c /etc/n.conf"), or to the first option.
 */
static const char *program_name(struct tt_text *t, const struct tt_process *p)
{
	static const char itself[] = "/proc/self/exe";
	const char *path = p->header->command_len && p->header->command[0] ? p->header->command : p->exe;
	size_t len = name_len(path, p->exe);
	if (len == sizeof(itself) - 1 && memcmp(path, itself, len) == 0) {
		path = p->exe;
		len = strlen(path);
	}
	const char *slash = memrchr(path, '/', len);
	if (slash && slash + 1 < path + len) {
		len -= (size_t)(slash + 1 - path);
		path = slash + 1;
	}
	return len ? tt_names_format(t->r->names, "%.*s", (int)len, path) : "?";
}

static void title_of_one(struct tt_text *t, const struct tt_process *p)
{
	tt_text_put(t, TT_STYLE_HEADING, "%s", program_name(t, p));
	tt_text_put(t, TT_STYLE_NONE, " (pid %u): %s", p->pid, tt_ns(p->wall_ns).s);
	put_end(t, p);
	tt_text_newline(t);
	if (p->command[0])
		tt_text_sentence(t, 2, "", TT_STYLE_DIM, "%.*s%s", 500, p->command, strlen(p->command) > 500 ? "..." : "");
}

static void title(struct tt_text *t)
{
	const struct tt_model *m = t->r->model;
	if (m->processes.len == 1) {
		title_of_one(t, m->processes.data[0]);
		return;
	}
	tt_text_put(t, TT_STYLE_HEADING, "%zu processes of %u program%s", m->processes.len, m->programs,
		m->programs == 1 ? "" : "s");
	tt_text_put(t, TT_STYLE_NONE, ": %s from first to last, %s in all", tt_ns(m->wall_ns).s, tt_ns(m->process_ns).s);
	tt_text_newline(t);
}

/* Of the time waited for locks: what the findings say was no loss. */
static uint64_t parked_ns(const struct tt_findings *set)
{
	uint64_t ns = 0;
	const struct tt_finding *f;
	vec_for_each (f, &set->list) {
		const struct tt_figure *g;
		vec_for_each (g, &f->figures)
			ns += f->rule == TT_RULE_LOCK_CONTENTION && strcmp(g->key, "parked_ns") == 0 ? g->value : 0;
	}
	return ns;
}

static void put_lock_wait(struct tt_text *t)
{
	const struct tt_model *m = t->r->model;
	if (m->lock_wait_ns == 0) {
		tt_text_put(t, TT_STYLE_NONE, "; no thread had to wait for a lock");
		return;
	}
	uint64_t parked = parked_ns(&t->r->findings);
	uint64_t lost = m->lock_wait_ns > parked ? m->lock_wait_ns - parked : 0;
	tt_text_put(t, TT_STYLE_NONE, "; threads lost %s waiting for locks, %s of wall time", tt_ns(lost).s,
		tt_pct(lost, m->process_ns).s);
	if (parked)
		tt_text_put(t, TT_STYLE_NONE, " (idle ones were parked for %s)", tt_ns(parked).s);
}

static void verdict(struct tt_text *t)
{
	static const enum tt_style styles[] = {TT_STYLE_NOTE, TT_STYLE_WARNING, TT_STYLE_ERROR};
	const struct tt_findings *f = &t->r->findings;
	tt_text_newline(t);
	tt_text_put(t, TT_STYLE_NONE, "  ");
	if (f->list.len == 0)
		tt_text_put(t, TT_STYLE_GOOD, "Nothing found");
	const char *gap = "";
	for (int level = TT_LEVEL_MAX - 1; level >= 0; level--) {
		size_t n = tt_findings_count(f, (enum tt_level)level) - tt_findings_count(f, (enum tt_level)(level + 1));
		if (n == 0)
			continue;
		tt_text_put(t, styles[level], "%s%zu %s%s", gap, n, tt_level_name((enum tt_level)level), n == 1 ? "" : "s");
		gap = ", ";
	}
	static const char *const states[TT_FINDING_STATE_MAX] = {NULL, "known", "suppressed"};
	for (unsigned state = TT_FINDING_KNOWN; state < TT_FINDING_STATE_MAX; state++) {
		size_t n = tt_findings_count_state(f, (enum tt_finding_state)state);
		if (n) {
			tt_text_put(t, TT_STYLE_DIM, "%s%zu %s", gap, n, states[state]);
			gap = ", ";
		}
	}
	put_lock_wait(t);
	const struct tt_model *m = t->r->model;
	tt_text_newline(t);
	if (m->partial)
		tt_text_sentence(t, 2, "", TT_STYLE_WARNING, "the recording is damaged: all figures are lower bounds");
	else if (m->dropped)
		tt_text_sentence(t, 2, "", TT_STYLE_WARNING, "not everything could be recorded: see \"Not seen\" below");
}

/* What must be fixed is named at once; the findings come with their evidence below. */
static void worst_findings(struct tt_text *t)
{
	const struct tt_finding *f;
	uint64_t n = 0, rows = 0;
	vec_for_each (f, &t->r->findings.list)
		n += f->level == TT_LEVEL_ERROR && f->state == TT_FINDING_OPEN;
	if (n == 0)
		return;
	tt_text_newline(t);
	vec_for_each (f, &t->r->findings.list) {
		if (f->level != TT_LEVEL_ERROR || f->state != TT_FINDING_OPEN || rows == TOP_COSTS)
			continue;
		tt_text_sentence(t, 2, "", TT_STYLE_ERROR, "%s", f->title);
		rows++;
	}
	if (rows < n)
		tt_text_sentence(t, 2, "", TT_STYLE_DIM, "... and %" PRIu64 " more errors below", n - rows);
}

static void top_costs(struct tt_text *t)
{
	static const struct tt_column columns[] = {
		{.header = "TIME LOST", .align = TT_ALIGN_RIGHT},
		{.header = "OF WALL", .align = TT_ALIGN_RIGHT},
		{.header = "LOCK", .flexible = true, .min = 14, .max = 40, .cut = TT_CUT_MIDDLE},
		{.header = "WAITS IN", .flexible = true, .min = 14, .cut = TT_CUT_MIDDLE},
		{.header = "BEHIND", .flexible = true, .min = 14, .cut = TT_CUT_MIDDLE},
	};
	struct tt_table *table = NULL;
	unsigned shown = 0;
	const struct tt_lock_class *const *cp;
	vec_for_each (cp, &t->r->classes) {
		const struct tt_lock_class *c = *cp;
		if (shown == TOP_COSTS || c->use != TT_USE_LOCK)
			break;
		if (c->waits.total_ns == 0)
			continue;
		if (!table && !(table = tt_table_create(columns, sizeof(columns) / sizeof(*columns)))) {
			t->failed = true;
			return;
		}
		const struct tt_wait *w = c->pair_count ? &c->pairs[0] : NULL;
		tt_table_cell(table, TT_STYLE_BOLD, "%s", tt_ns(c->waits.total_ns).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(c->waits.total_ns, tt_report_program_ns(t->r, c->program)).s);
		tt_table_cell(table, TT_STYLE_LOCK, "%s", tt_names_class(t->r->names, c));
		tt_table_cell(table, TT_STYLE_CODE, "%s", w ? tt_text_place(t, w->waiter, w->waiter_stack, "?") : "?");
		tt_table_cell(table, TT_STYLE_CODE, "%s", w ? tt_text_place(t, w->holder, w->holder_stack, "not known") : "?");
		shown++;
	}
	if (!table)
		return;
	tt_text_newline(t);
	tt_text_table(t, table, 2);
}

static void totals(struct tt_text *t)
{
	const struct tt_model *m = t->r->model;
	uint64_t acquisitions = 0, contended = 0, locks = 0, classes = 0;
	struct tt_lock_class *const *c;
	vec_for_each (c, &m->classes_by_wait) {
		acquisitions += (*c)->ops.acquisitions;
		contended += (*c)->contended;
		locks += (*c)->locks.len;
		classes++;
	}
	uint64_t created = 0, peak = 0, adopted = 0, ended = 0, joined = 0;
	struct tt_process *const *p;
	vec_for_each (p, &m->processes) {
		created += (*p)->threads_created;
		ended += (*p)->threads_ended;
		joined += (*p)->threads_joined;
		adopted += (*p)->threads_adopted;
		peak = (*p)->threads_peak > peak ? (*p)->threads_peak : peak;
	}
	tt_text_newline(t);
	tt_text_sentence(t, 2, "locks    ", TT_STYLE_NONE, "%s in %s classes, acquired %s times, of which %s (%s) had to wait",
		tt_count(locks).s, tt_count(classes).s, tt_count(acquisitions).s, tt_count(contended).s,
		tt_pct(contended, acquisitions).s);
	tt_text_sentence(t, 2, "threads  ", TT_STYLE_NONE, "%s created, %s ended, %s joined, at most %s at once%s%s",
		tt_count(created).s, tt_count(ended).s, tt_count(joined).s, tt_count(peak).s,
		adopted ? ", not created by the program: " : "", adopted ? tt_count(adopted).s : "");
	if (m->thread_ns && m->lock_wait_ns)
		tt_text_sentence(t, 2, "waits    ", TT_STYLE_NONE, "for locks: %s of the threads' time",
			tt_pct(m->lock_wait_ns, m->thread_ns).s);
}

static void processes(struct tt_text *t)
{
	static const struct tt_column columns[] = {
		{.header = "PID", .align = TT_ALIGN_RIGHT},
		{.header = "PROGRAM", .flexible = true, .min = 10},
		{.header = "WALL", .align = TT_ALIGN_RIGHT},
		{.header = "END"},
		{.header = "THREADS", .align = TT_ALIGN_RIGHT},
		{.header = "LOCK WAIT", .align = TT_ALIGN_RIGHT},
		{.header = "OF WALL", .align = TT_ALIGN_RIGHT},
	};
	const struct tt_model *m = t->r->model;
	if (m->processes.len < 2)
		return;
	struct tt_table *table = tt_table_create(columns, sizeof(columns) / sizeof(*columns));
	uint64_t rows = tt_text_rows(t, m->processes.len);
	for (uint64_t i = 0; table && i < rows; i++) {
		const struct tt_process *p = m->processes.data[i];
		uint64_t lock_ns = tt_waits_lock_ns(p->waits);
		tt_table_cell(table, TT_STYLE_NONE, "%u", p->pid);
		tt_table_cell(table, TT_STYLE_BOLD, "%s", program_name(t, p));
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(p->wall_ns).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_end_name(p->end));
		tt_table_cell(table, TT_STYLE_NONE, "%" PRIu64, p->threads_created + 1);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(lock_ns).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(lock_ns, p->wall_ns).s);
	}
	tt_text_newline(t);
	tt_text_table(t, table, 2);
	tt_text_more(t, 2, rows, m->processes.len);
}

void tt_text_summary(struct tt_text *t)
{
	if (t->r->model->processes.len == 0) {
		tt_text_sentence(t, 0, "", TT_STYLE_WARNING, "no recording");
		return;
	}
	title(t);
	verdict(t);
	worst_findings(t);
	top_costs(t);
	totals(t);
	processes(t);
}
