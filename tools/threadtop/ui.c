/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ui.c - the state of the interactive screen from frame to frame, and its loop (ui.h). */
#include "tools/threadtop/ui.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/util/cli.h"
#include "lib/util/text.h"

void top_ui_init(struct top_ui *ui, struct top_app *app, int cols, int rows)
{
	*ui = (struct top_ui){.app = app, .cols = cols, .rows = rows, .signal = 15};
}

void top_ui_deinit(struct top_ui *ui)
{
	top_canvas_deinit(&ui->canvas);
	top_page_clear(ui);
	tt_vec_deinit(&ui->lines);
	tt_hmap_deinit(&ui->tags);
	tt_buf_deinit(&ui->input);
	free(ui->search);
	free(ui->message);
}

void top_ui_say(struct top_ui *ui, enum top_style style, const char *fmt, ...)
{
	TT_BUF_AUTO(text);
	va_list ap;
	va_start(ap, fmt);
	tt_buf_vprintf(&text, fmt, ap);
	va_end(ap);
	free(ui->message);
	ui->message = tt_buf_steal(&text);
	ui->message_style = style;
}

const struct top_row *top_ui_row(const struct top_ui *ui)
{
	return ui->cursor < ui->app->view.rows.len ? &ui->app->view.rows.data[ui->cursor] : NULL;
}

/* After the rows changed: the cursor stays on its row when it is to follow it, else in its place. */
static void settle_cursor(struct top_ui *ui)
{
	const struct top_view *v = &ui->app->view;
	for (size_t i = 0; ui->follow && i < v->rows.len; i++)
		if (v->rows.data[i].id == ui->cursor_id)
			ui->cursor = i;
	if (ui->cursor >= v->rows.len)
		ui->cursor = v->rows.len ? v->rows.len - 1 : 0;
	if (!ui->follow && ui->cursor < v->rows.len)
		ui->cursor_id = v->rows.data[ui->cursor].id;
}

void top_ui_rebuild(struct top_ui *ui)
{
	if (top_app_view(ui->app) < 0)
		top_ui_say(ui, TOP_STYLE_ERROR, "out of memory");
	settle_cursor(ui);
}

void top_ui_set_view(struct top_ui *ui, enum top_view_kind kind, bool heat)
{
	ui->app->view.kind = kind;
	ui->heat = heat;
	ui->scroll = 0;
	ui->cursor = ui->first = 0;
	ui->follow = false;
	ui->mode = TOP_MODE_LIST;
	if (kind == TOP_VIEW_LOCKS)
		top_source_waits(ui->app->source, UINT32_MAX);
	top_ui_rebuild(ui);
}

int top_ui_next(struct top_ui *ui, struct tt_err *err)
{
	int rc = top_app_next(ui->app, ui->first, ui->list_rows > 0 ? (size_t)ui->list_rows : 0, err);
	if (rc != 0)
		return rc;
	settle_cursor(ui);
	if (ui->mode == TOP_MODE_PAGE && ui->page != TOP_PAGE_STACK && ui->page != TOP_PAGE_HELP)
		top_page_make(ui);
	return rc;
}

/* ------------------------------------------------------------------ the loop */

static uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int wait_ms(const struct top_ui *ui, uint64_t due)
{
	uint64_t now = now_ns();
	if (ui->paused)
		return 60000;
	uint64_t ms = due > now ? (due - now + 999999) / 1000000 : 0;
	return ms > 60000 ? 60000 : (int)ms;
}

/* The first rates soon: nobody wants to look at dashes for a second. */
#define FIRST_DELAY_NS 300000000u

static int loop(struct top_ui *ui, struct tt_err *err)
{
	uint64_t due = now_ns() + (ui->app->delay_ns < FIRST_DELAY_NS ? ui->app->delay_ns : FIRST_DELAY_NS);
	bool stop = false;
	int rc = top_ui_next(ui, err);
	if (rc >= 0 && ui->type_first) {
		top_screen_size(&ui->cols, &ui->rows);
		top_ui_draw(ui);
		ui->type_first();
	}
	while (rc >= 0 && !ui->quit && !stop && !ui->app->alarmed) {
		top_screen_size(&ui->cols, &ui->rows);
		if (ui->theme_changed)
			top_screen_theme(ui->theme);
		ui->theme_changed = false;
		top_ui_draw(ui);
		top_screen_draw(&ui->canvas, ui->redraw);
		ui->redraw = false;
		uint64_t delay = ui->app->delay_ns;
		int key = top_screen_key(wait_ms(ui, due), &ui->mouse_row, &ui->mouse_col, &stop);
		if (key == TOP_KEY_RESIZE)
			ui->redraw = true;
		else if (key != TOP_KEY_NONE)
			top_ui_key(ui, key);
		if (ui->app->delay_ns != delay)
			due = now_ns() + ui->app->delay_ns;
		if (ui->paused || ui->quit || now_ns() < due)
			continue;
		rc = top_ui_next(ui, err);
		if (rc > 0) {
			ui->paused = true;
			top_ui_say(ui, TOP_STYLE_NOTE, "this is the last frame of the recording");
		}
		due += ui->app->delay_ns;
		if (due < now_ns())
			due = now_ns() + ui->app->delay_ns;
	}
	return rc < 0 ? rc : 0;
}

int top_ui_run(struct top_ui *ui, enum tt_color color, struct tt_err *err)
{
	if (top_screen_open(ui->theme, color, err) < 0)
		return TT_EXIT_FAILED;
	int rc = loop(ui, err);
	top_screen_close();
	return rc < 0 ? TT_EXIT_FAILED : TT_EXIT_OK;
}
