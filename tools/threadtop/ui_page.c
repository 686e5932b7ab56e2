/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ui_page.c - pages to read: help, one thread with its history, its stack, all warnings. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util/text.h"
#include "tools/threadtop/ui.h"

void top_page_clear(struct top_ui *ui)
{
	struct top_page_line *l;
	vec_for_each (l, &ui->lines)
		free(l->text);
	ui->lines.len = 0;
}

void top_page_add(struct top_ui *ui, enum top_style style, const char *fmt, ...)
{
	TT_BUF_AUTO(text);
	va_list ap;
	va_start(ap, fmt);
	tt_buf_vprintf(&text, fmt, ap);
	va_end(ap);
	struct top_page_line line = {.text = tt_buf_steal(&text), .style = style};
	if (!line.text)
		line.text = strdup("");
	if (tt_vec_push(&ui->lines, line) < 0)
		free(line.text);
}

static void add_spark(struct top_ui *ui, bool wait)
{
	struct top_page_line line = {.spark = true, .wait = wait, .style = wait ? TOP_STYLE_QUEUE : TOP_STYLE_BUSY};
	(void)tt_vec_push(&ui->lines, line);
}

/* ------------------------------------------------------------------ help */

static void make_help(struct top_ui *ui)
{
	const char *last = "";
	for (int i = 1; i < TOP_ACTIONS; i++) {
		const char *group, *keys, *help = top_key_help((enum top_action)i, &group, &keys);
		if (strcmp(group, last) != 0) {
			top_page_add(ui, TOP_STYLE_NORMAL, "%s", "");
			top_page_add(ui, TOP_STYLE_TITLE, "%s", group);
		}
		last = group;
		top_page_add(ui, TOP_STYLE_NORMAL, "  %-12s %s", keys, help);
	}
	top_page_add(ui, TOP_STYLE_NORMAL, "%s", "");
	top_page_add(ui, TOP_STYLE_TITLE, "Mouse");
	top_page_add(ui, TOP_STYLE_NORMAL, "  click on a row, a heading, a key below; twice on a row: Enter; the wheel moves");
	top_page_add(ui, TOP_STYLE_NORMAL, "%s", "");
	top_page_add(ui, TOP_STYLE_TITLE, "Reading it");
	top_page_add(ui, TOP_STYLE_NORMAL,
		"  CPU%% + RUNQ%% + BLKD%% are all of a thread's time: on a CPU, wanting one, wanting none.");
	top_page_add(
		ui, TOP_STYLE_NORMAL, "  RUNQ%% is lost time: more CPUs, a larger quota or fewer threads would give it back.");
	top_page_add(
		ui, TOP_STYLE_NORMAL, "  WAIT, TARGET, OWNER: what a blocked thread waits for, and which thread holds it.");
}

/* ------------------------------------------------------------------ one thread */

static struct tt_top_task *page_task(const struct top_ui *ui)
{
	struct tt_top_task **t;
	vec_for_each (t, &top_source_frame(ui->app->source)->tasks)
		if ((*t)->id == ui->page_id)
			return *t;
	return NULL;
}

static void add_value(struct top_ui *ui, const struct top_row *row, enum top_column_id id)
{
	const struct tt_top_frame *f = top_source_frame(ui->app->source);
	TT_BUF_AUTO(cell);
	if (!top_value_known(id, top_value(f, row, id)))
		return;
	top_cell(f, row, id, &cell);
	if (cell.len)
		top_page_add(ui, TOP_STYLE_NORMAL, "  %-21s %s", top_columns[id].id, tt_buf_str(&cell));
}

static void add_wait(struct top_ui *ui, const struct tt_top_task *t)
{
	const struct tt_top_task *owner = t->owner_tid ? top_source_find(ui->app->source, t->owner_tid) : NULL;
	if (!(t->known & TT_NEED_WAIT))
		top_page_add(ui, TOP_STYLE_DIM, "waits for: not known (tracing it is not permitted, or it runs)");
	else if (t->wait)
		top_page_add(ui, t->owner_tid ? TOP_STYLE_LOCK : TOP_STYLE_BOLD, "waits in %s %s for at least %s", t->wait,
			t->target ? t->target : "", tt_ns(t->blocked_ns).s);
	if (t->owner_tid)
		top_page_add(ui, TOP_STYLE_LOCK, "held by   %u %s", t->owner_tid, owner && owner->name ? owner->name : "");
}

static void make_detail(struct top_ui *ui)
{
	struct tt_top_task *t = page_task(ui);
	if (!t) {
		top_page_add(ui, TOP_STYLE_WARNING, "the thread has ended");
		return;
	}
	top_source_fill(
		ui->app->source, t, TT_NEED_STAT | TT_NEED_STATUS | TT_NEED_IO | TT_NEED_WCHAN | TT_NEED_WAIT | TT_NEED_STACK);
	struct top_row row = {
		.kind = TOP_ROW_TASK, .task = t, .proc = t->proc, .id = t->id, .count = 1, .busy = top_is_busy(t)};
	top_page_add(ui, TOP_STYLE_TITLE, "thread %u %s of process %u %s", t->tid, t->name, t->proc->pid, t->proc->name);
	top_page_add(ui, TOP_STYLE_DIM, "%s", t->proc->command ? t->proc->command : "");
	add_wait(ui, t);
	top_page_add(ui, TOP_STYLE_NORMAL, "%s", "");
	top_page_add(
		ui, TOP_STYLE_BOLD, "CPU time and waiting for a CPU, the last %d refreshes, now at the right", TT_TASK_HISTORY);
	add_spark(ui, false);
	add_spark(ui, true);
	top_page_add(ui, TOP_STYLE_NORMAL, "%s", "");
	for (int i = 0; i < TOP_COLUMNS; i++)
		if (i != TOP_COL_pid && i != TOP_COL_tid && i != TOP_COL_command && i != TOP_COL_waiters)
			add_value(ui, &row, (enum top_column_id)i);
}

static void make_warnings(struct top_ui *ui)
{
	const struct top_warning *w;
	vec_for_each (w, &ui->app->facts.warnings)
		top_page_add(ui,
			w->level == TOP_ERROR     ? TOP_STYLE_ERROR
			: w->level == TOP_WARNING ? TOP_STYLE_WARNING
						  : TOP_STYLE_NOTE,
			"%-16s %s", w->rule, w->text);
	if (ui->app->facts.warnings.len == 0)
		top_page_add(ui, TOP_STYLE_GOOD, "nothing stands out");
}

/* ------------------------------------------------------------------ all pages */

void top_page_make(struct top_ui *ui)
{
	top_page_clear(ui);
	switch (ui->page) {
	case TOP_PAGE_HELP:
		make_help(ui);
		break;
	case TOP_PAGE_DETAIL:
		make_detail(ui);
		break;
	case TOP_PAGE_STACK: {
		const struct tt_top_task *t = page_task(ui);
		if (!t)
			top_page_add(ui, TOP_STYLE_WARNING, "the thread has ended");
		else if (top_source_is_replay(ui->app->source))
			top_page_add(ui, TOP_STYLE_WARNING, "a recording holds no stacks");
		else {
			top_page_add(ui, TOP_STYLE_TITLE, "stack of thread %u %s, process %u %s", t->tid, t->name, t->proc->pid,
				t->proc->name);
			top_stack_lines(ui, t->proc->pid, t->tid);
		}
		break;
	}
	case TOP_PAGE_WARNINGS:
	default:
		make_warnings(ui);
	}
}

void top_page_open(struct top_ui *ui, enum top_page page)
{
	const struct top_row *r = top_ui_row(ui);
	bool about_thread = page == TOP_PAGE_DETAIL || page == TOP_PAGE_STACK;
	if (about_thread && ui->mode == TOP_MODE_LIST) {
		if (!r || r->kind != TOP_ROW_TASK) {
			top_ui_say(ui, TOP_STYLE_NOTE, "choose a thread: Enter shows those of this row");
			return;
		}
		ui->page_id = r->id;
	}
	ui->mode = TOP_MODE_PAGE;
	ui->page = page;
	ui->page_first = 0;
	top_page_make(ui);
}

static void draw_spark(struct top_ui *ui, int row, const struct top_page_line *l)
{
	struct top_canvas *c = &ui->canvas;
	const struct tt_top_frame *f = top_source_frame(ui->app->source);
	const struct tt_top_task *t = page_task(ui);
	uint8_t history[TT_TASK_HISTORY];
	if (!t)
		return;
	int room = c->cols - 20;
	unsigned count = room > TT_TASK_HISTORY ? TT_TASK_HISTORY : room > 0 ? (unsigned)room : 0;
	tt_top_task_history(t, f->number, l->wait, history, count);
	top_put(c, row, TOP_STYLE_NORMAL, l->wait ? "  run queue " : "  CPU       ");
	for (unsigned i = 0; i < count; i++)
		top_put_spark(c, row, l->style, history[i]);
	double share = l->wait ? top_wait_share(f, t) : top_share(t->d_run_ns, t->span_ns);
	if (!isnan(share))
		top_putf(c, row, TOP_STYLE_BOLD, " %.1f%%", share);
}

void top_page_draw(struct top_ui *ui)
{
	static const char *const titles[] = {
		" Help", " Thread: s stack, any other key leaves", " Stack: s again, any other key leaves", " Warnings"};
	struct top_canvas *c = &ui->canvas;
	int room = c->rows - 2;
	top_put(c, 0, TOP_STYLE_HEADING, titles[ui->page]);
	if (room > 0 && ui->lines.len > (size_t)room)
		top_putf(c, 0, TOP_STYLE_HEADING, "  %zu-%zu of %zu", ui->page_first + 1,
			ui->page_first + (size_t)room > ui->lines.len ? ui->lines.len : ui->page_first + (size_t)room,
			ui->lines.len);
	top_put_to(c, 0, TOP_STYLE_HEADING, c->cols);
	for (int i = 0; i < room && ui->page_first + (size_t)i < ui->lines.len; i++) {
		const struct top_page_line *l = &ui->lines.data[ui->page_first + (size_t)i];
		if (l->spark)
			draw_spark(ui, i + 1, l);
		else
			top_put(c, i + 1, l->style, l->text);
	}
}
