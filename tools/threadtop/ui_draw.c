/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ui_draw.c - the list with its head and foot on the canvas: what an on-call engineer sees first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/util/text.h"
#include "tools/threadtop/ui.h"

/* ------------------------------------------------------------------ head */

static const char *const tab_words[] = {"Threads", "Tree", "Pools", "Locks", "Heat"};

static int current_tab(const struct top_ui *ui)
{
	return ui->heat ? 4 : (int)ui->app->view.kind;
}

static void draw_title(struct top_ui *ui)
{
	struct top_canvas *c = &ui->canvas;
	const struct tt_top_frame *f = top_source_frame(ui->app->source);
	char clock[16] = "";
	time_t seconds = (time_t)(f->time_ns / 1000000000u);
	struct tm tm;
	if (localtime_r(&seconds, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	top_put(c, 0, TOP_STYLE_TITLE, c->cols >= 72 ? "threadtop " : "");
	for (int i = 0; i < 5; i++) {
		top_putf(c, 0, i == current_tab(ui) ? TOP_STYLE_TAB : TOP_STYLE_NORMAL, c->cols >= 50 ? " %d %s " : " %d ",
			i + 1, tab_words[i]);
	}
	top_putf(c, 0, TOP_STYLE_DIM, "  %s", clock);
	if (c->cols >= 80 && !top_source_is_replay(ui->app->source))
		top_putf(c, 0, TOP_STYLE_DIM, " every %s", tt_ns(ui->app->delay_ns).s);
	if (top_source_is_replay(ui->app->source)) {
		size_t at, count;
		top_source_position(ui->app->source, &at, &count);
		top_putf(c, 0, TOP_STYLE_NOTE, "  REPLAY %zu/%zu", at + 1, count);
	}
	if (ui->paused)
		top_put(c, 0, TOP_STYLE_WARNING, "  PAUSED");
	if (ui->app->select.has_user || ui->app->view.only_pid || (ui->app->view.filter && *ui->app->view.filter))
		top_put(c, 0, TOP_STYLE_NOTE, "  FILTERED");
}

/* Fortieths of a CPU: see struct tt_machine. A recording may say anything. */
static unsigned cpu_steps(char c)
{
	return c < '0' ? 0 : c > 'X' ? 40 : (unsigned)(c - '0');
}

/* One bar per CPU while there is room, else one column per CPU. */
static void draw_cpus(struct top_ui *ui, int row)
{
	struct top_canvas *c = &ui->canvas;
	const struct tt_machine *m = &top_source_frame(ui->app->source)->machine;
	int count = m->cpu_busy ? (int)strlen(m->cpu_busy) : 0, width;
	char words[32];
	if (count == 0) {
		top_put(c, row, TOP_STYLE_DIM, "CPUs not known");
		return;
	}
	snprintf(words, sizeof(words), "%.0f%%", m->busy_ppm / 1e4);
	width = (c->cols - 4) / count - 5;
	if (width >= 10) {
		for (int i = 0; i < count; i++) {
			unsigned busy = cpu_steps(m->cpu_busy[i]);
			snprintf(words, sizeof(words), "%.1f%%", busy * 2.5);
			top_putf(c, row, TOP_STYLE_TITLE, "CPU%d", i);
			top_put_bar(c, row, busy / 40.0, width > 40 ? 40 : width, words);
			top_put(c, row, TOP_STYLE_NORMAL, " ");
		}
		return;
	}
	top_putf(c, row, TOP_STYLE_TITLE, "%d CPUs ", count);
	for (int i = 0; i < count; i++)
		top_put_spark(c, row, TOP_STYLE_BUSY, cpu_steps(m->cpu_busy[i]) * 5);
	top_putf(c, row, TOP_STYLE_BOLD, " %s", words);
}

static enum top_style level_style(enum top_level level)
{
	return level == TOP_ERROR ? TOP_STYLE_ERROR : level == TOP_WARNING ? TOP_STYLE_WARNING : TOP_STYLE_NOTE;
}

static int draw_warnings(struct top_ui *ui, int row, int most)
{
	struct top_canvas *c = &ui->canvas;
	const struct top_facts *facts = &ui->app->facts;
	if (facts->warnings.len == 0) {
		top_put(c, row, TOP_STYLE_GOOD, c->utf8 ? "✓ nothing stands out" : "nothing stands out");
		return row + 1;
	}
	for (size_t i = 0; i < facts->warnings.len && (int)i < most; i++) {
		const struct top_warning *w = &facts->warnings.data[i];
		top_putf(c, row, level_style(w->level), "%s %s",
			w->level == TOP_NOTE ? (c->utf8 ? "·" : "-") : (c->utf8 ? "▲" : "!"), w->text);
		size_t left = facts->warnings.len - i - 1;
		if (left && (int)i == most - 1)
			top_putf(c, row, TOP_STYLE_DIM, "  (w: %zu more)", left);
		row++;
	}
	return row;
}

/* Lines of the head by what the height allows; the first row of the table. */
static int draw_head(struct top_ui *ui)
{
	struct top_canvas *c = &ui->canvas;
	const struct tt_top_frame *f = top_source_frame(ui->app->source);
	const struct top_facts *facts = &ui->app->facts;
	TT_BUF_AUTO(line);
	int row = 1;
	draw_title(ui);
	if (c->rows >= 14)
		draw_cpus(ui, row++);
	if (c->rows >= 10) {
		top_head_line(&line, f, facts, 0);
		/* Its clock is in the title. */
		const char *text = strstr(tt_buf_str(&line), "  ");
		top_put(c, row++, TOP_STYLE_NORMAL, text ? text + 2 : tt_buf_str(&line));
	}
	for (unsigned i = 1; i < TOP_HEAD_LINES && c->rows >= 16; i++) {
		if (i == 2 && facts->quotas.len == 0)
			break;
		tt_buf_clear(&line);
		top_head_line(&line, f, facts, i);
		top_put(c, row++, i == 2 && facts->quotas.data[0].throttled ? TOP_STYLE_WARNING : TOP_STYLE_NORMAL,
			tt_buf_str(&line));
	}
	if (c->rows >= 5)
		row = draw_warnings(ui, row, c->rows >= 30 ? 4 : c->rows >= 20 ? 3 : 1);
	return row;
}

/* ------------------------------------------------------------------ table */

/* Width on this screen: the widest column of text takes what is left. */
static void widths(const struct top_ui *ui, const struct top_column_set *set, int *width)
{
	int used = 0, wide = -1;
	for (unsigned i = ui->scroll; i < set->count; i++) {
		const struct top_column *col = &top_columns[set->ids[i]];
		int head = (int)strlen(col->header);
		width[i] = (int)col->width > head ? (int)col->width : head;
		used += width[i] + 1;
		if (col->kind == TOP_TEXT && col->width >= 13 && (wide < 0 || col->width >= top_columns[set->ids[wide]].width))
			wide = (int)i;
	}
	if (wide >= 0 && used <= ui->cols)
		width[wide] += ui->cols - used;
}

static void draw_heading(struct top_ui *ui, int row, const struct top_column_set *set, const int *width)
{
	struct top_canvas *c = &ui->canvas;
	for (unsigned i = ui->scroll; i < set->count; i++) {
		const struct top_column *col = &top_columns[set->ids[i]];
		bool sorted = set->ids[i] == top_view_sort(&ui->app->view) && ui->app->view.kind != TOP_VIEW_LOCKS;
		enum top_style style = sorted ? TOP_STYLE_SORTED : TOP_STYLE_HEADING;
		top_put_cell(c, row, style, col->header, width[i], col->align);
		top_put(c, row, TOP_STYLE_HEADING, " ");
	}
	top_put_to(c, row, TOP_STYLE_HEADING, c->cols);
}

/* Colour where the figure means something. */
static enum top_style cell_style(const struct top_row *r, enum top_column_id id, struct top_value v)
{
	if (r->deadlock)
		return TOP_STYLE_ERROR;
	switch ((int)id) {
	case TOP_COL_cpu_pct:
		return v.number >= 50 ? TOP_STYLE_BUSY : TOP_STYLE_NORMAL;
	case TOP_COL_quota_pct:
	case TOP_COL_run_queue_pct:
		return v.number >= 20 ? TOP_STYLE_QUEUE : TOP_STYLE_NORMAL;
	case TOP_COL_throttled_pct:
		return v.number >= 5 ? TOP_STYLE_WARNING : TOP_STYLE_NORMAL;
	case TOP_COL_state:
		return v.text && *v.text == 'R'   ? TOP_STYLE_GOOD
		       : v.text && *v.text == 'D' ? TOP_STYLE_WARNING
		                                  : TOP_STYLE_NORMAL;
	case TOP_COL_wait:
	case TOP_COL_wait_target:
	case TOP_COL_owner:
		return r->task->wait_class == TOP_WAIT_LOCK || r->task->wait_class == TOP_WAIT_JOIN ? TOP_STYLE_LOCK
		                                                                                    : TOP_STYLE_NORMAL;
	case TOP_COL_busy_for_ns:
		return v.number > 0 ? TOP_STYLE_WARNING : TOP_STYLE_NORMAL;
	case TOP_COL_name:
	case TOP_COL_pool:
		return TOP_STYLE_BOLD;
	default:
		return TOP_STYLE_NORMAL;
	}
}

/* The lines of a tree before the name. */
static void add_branch(const struct top_ui *ui, const struct top_row *r, struct tt_buf *cell)
{
	bool utf8 = ui->canvas.utf8;
	if (r->kind == TOP_ROW_PROC || r->whole)
		tt_buf_fill(cell, ' ', (size_t)r->depth * 2);
	else if (r->depth) {
		tt_buf_fill(cell, ' ', (size_t)(r->depth - 1) * 2);
		tt_buf_adds(cell, r->last ? (utf8 ? "└ " : "` ") : (utf8 ? "├ " : "| "));
	}
	if (r->folded)
		tt_buf_adds(cell, "+");
}

/* Between and behind the cells. */
static enum top_style gap_style(const struct top_row *r, enum top_style over)
{
	return over == TOP_STYLE_CURSOR ? over : r->deadlock ? TOP_STYLE_ERROR : TOP_STYLE_NORMAL;
}

static void draw_cell(
	struct top_ui *ui, int row, const struct top_row *r, enum top_column_id id, int width, enum top_style over)
{
	const struct tt_top_frame *f = top_source_frame(ui->app->source);
	const struct top_column *col = &top_columns[id];
	TT_BUF_AUTO(cell);
	bool tree = ui->app->view.kind == TOP_VIEW_TREE || ui->app->view.kind == TOP_VIEW_LOCKS;
	if (tree && id == TOP_COL_name)
		add_branch(ui, r, &cell);
	top_cell(f, r, id, &cell);
	enum top_style style = over != TOP_STYLE_NORMAL ? over : cell_style(r, id, top_value(f, r, id));
	if (over == TOP_STYLE_NORMAL && style == TOP_STYLE_NORMAL &&
		(strcmp(tt_buf_str(&cell), "0.0") == 0 || strcmp(tt_buf_str(&cell), "-") == 0))
		style = TOP_STYLE_DIM;
	top_put_cell(&ui->canvas, row, style, tt_buf_str(&cell), width, col->align);
	top_put(&ui->canvas, row, gap_style(r, over), " ");
}

static enum top_style row_style(const struct top_ui *ui, size_t at, const struct top_row *r)
{
	if (at == ui->cursor)
		return TOP_STYLE_CURSOR;
	return tt_hmap_find(&ui->tags, r->id) ? TOP_STYLE_TAGGED : TOP_STYLE_NORMAL;
}

static void keep_in_sight(struct top_ui *ui)
{
	size_t count = ui->app->view.rows.len, room = ui->list_rows > 0 ? (size_t)ui->list_rows : 1;
	if (ui->cursor >= count)
		ui->cursor = count ? count - 1 : 0;
	if (ui->cursor < ui->first)
		ui->first = ui->cursor;
	if (ui->cursor >= ui->first + room)
		ui->first = ui->cursor - room + 1;
	if (ui->first + room > count)
		ui->first = count > room ? count - room : 0;
}

static void draw_table(struct top_ui *ui, int row)
{
	const struct top_column_set *set = top_view_columns(&ui->app->view);
	int *width = ui->column_width;
	widths(ui, set, width);
	draw_heading(ui, row, set, width);
	ui->list_top = row + 1;
	ui->list_rows = ui->canvas.rows - ui->list_top - 1;
	keep_in_sight(ui);
	top_app_fill(ui->app, ui->first, ui->list_rows > 0 ? (size_t)ui->list_rows : 0);
	for (int i = 0; i < ui->list_rows; i++) {
		size_t at = ui->first + (size_t)i;
		if (at >= ui->app->view.rows.len)
			break;
		const struct top_row *r = &ui->app->view.rows.data[at];
		enum top_style over = row_style(ui, at, r);
		for (unsigned k = ui->scroll; k < set->count; k++)
			draw_cell(ui, ui->list_top + i, r, set->ids[k], width[k], over);
		if (gap_style(r, over) != TOP_STYLE_NORMAL)
			top_put_to(&ui->canvas, ui->list_top + i, gap_style(r, over), ui->canvas.cols);
	}
	if (ui->app->view.rows.len == 0)
		top_put(&ui->canvas, ui->list_top, TOP_STYLE_DIM,
			ui->app->view.kind == TOP_VIEW_LOCKS ? "no thread waits for another, as far as could be seen"
							     : "no thread is selected");
}

/* ------------------------------------------------------------------ heat map */

#define HEAT_LEFT 33 /* columns before the map */

static void draw_heat(struct top_ui *ui, int row)
{
	struct top_canvas *c = &ui->canvas;
	const struct tt_top_frame *f = top_source_frame(ui->app->source);
	uint8_t history[TT_TASK_HISTORY];
	int room = c->cols - HEAT_LEFT;
	unsigned count = room > TT_TASK_HISTORY ? TT_TASK_HISTORY : room > 0 ? (unsigned)room : 0;
	top_put_cell(c, row, TOP_STYLE_HEADING, "TID", 7, TT_ALIGN_RIGHT);
	top_put_cell(c, row, TOP_STYLE_HEADING, " THREAD", 17, TT_ALIGN_LEFT);
	top_put_cell(c, row, TOP_STYLE_SORTED, ui->heat_wait ? "RUNQ%" : "CPU%", 7, TT_ALIGN_RIGHT);
	top_putf(c, row, TOP_STYLE_HEADING, "  the last %u refreshes, now at the right (H: %s)", count,
		ui->heat_wait ? "CPU time" : "waiting for a CPU");
	top_put_to(c, row, TOP_STYLE_HEADING, c->cols);
	ui->list_top = row + 1;
	ui->list_rows = c->rows - ui->list_top - 1;
	keep_in_sight(ui);
	for (int i = 0; i < ui->list_rows && ui->first + (size_t)i < ui->app->view.rows.len; i++) {
		const struct top_row *r = &ui->app->view.rows.data[ui->first + (size_t)i];
		const struct tt_top_task *t = r->task;
		int at = ui->list_top + i;
		char words[16];
		enum top_style style = row_style(ui, ui->first + (size_t)i, r);
		double share = ui->heat_wait ? top_wait_share(f, t) : top_share(t->d_run_ns, t->span_ns);
		snprintf(words, sizeof(words), "%u", t->tid);
		top_put_cell(c, at, style, words, 7, TT_ALIGN_RIGHT);
		top_put(c, at, style, " ");
		top_put_cell(c, at, style, t->name ? t->name : "", 16, TT_ALIGN_LEFT);
		snprintf(words, sizeof(words), isnan(share) ? "-" : "%.1f", share);
		top_put_cell(c, at, style, words, 7, TT_ALIGN_RIGHT);
		top_put(c, at, TOP_STYLE_NORMAL, "  ");
		tt_top_task_history(t, f->number, ui->heat_wait, history, count);
		for (unsigned k = 0; k < count; k++)
			top_put_heat(c, at, history[k]);
	}
}

/* ------------------------------------------------------------------ foot */

static void draw_foot(struct top_ui *ui)
{
	static const char *const words[] = {
		"Help", "Columns", "Search", "Filter", "Tree", "Sort", "Nice-", "Nice+", "Kill", "Quit"};
	struct top_canvas *c = &ui->canvas;
	int row = c->rows - 1;
	if (ui->prompt != TOP_PROMPT_NONE) {
		top_prompt_draw(ui);
		return;
	}
	if (ui->message) {
		top_put(c, row, ui->message_style, ui->message);
		return;
	}
	for (int i = 0; i < 10; i++) {
		top_putf(c, row, TOP_STYLE_KEY, "F%d", i + 1);
		top_put_cell(c, row, TOP_STYLE_KEY_TEXT, words[i], c->cols >= 100 ? 7 : c->cols >= 80 ? 6 : 4, TT_ALIGN_LEFT);
	}
	if (c->cols >= 126)
		top_put(c, row, TOP_STYLE_DIM, "  Enter detail  s stack  Tab view");
}

void top_ui_draw(struct top_ui *ui)
{
	if (top_canvas_begin(&ui->canvas, ui->cols, ui->rows) < 0)
		return;
	if (ui->mode == TOP_MODE_PAGE)
		top_page_draw(ui);
	else if (ui->mode == TOP_MODE_MENU)
		top_menu_draw(ui);
	else if (ui->heat)
		draw_heat(ui, draw_head(ui));
	else
		draw_table(ui, draw_head(ui));
	draw_foot(ui);
}
