/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ui_menu.c - lists to choose from: the column that orders, the columns that are shown, the signal that is sent. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tools/threadtop/ui.h"

static struct top_column_set *columns_of(struct top_ui *ui)
{
	return (struct top_column_set *)top_view_columns(&ui->app->view);
}

/* Where a column stands in the set; -1. */
static int place_of(const struct top_column_set *set, int id)
{
	for (unsigned i = 0; i < set->count; i++)
		if (set->ids[i] == id)
			return (int)i;
	return -1;
}

/* The menu of columns shows those that are chosen first, in their order, then the others. */
static int column_at(struct top_ui *ui, size_t at)
{
	const struct top_column_set *set = columns_of(ui);
	if (at < set->count)
		return set->ids[at];
	at -= set->count;
	for (int id = 0; id < TOP_COLUMNS; id++)
		if (place_of(set, id) < 0 && at-- == 0)
			return id;
	return -1;
}

static size_t length(struct top_ui *ui)
{
	return ui->menu == TOP_MENU_SIGNAL ? (size_t)SIGSYS : TOP_COLUMNS;
}

void top_menu_open(struct top_ui *ui, enum top_menu menu)
{
	ui->mode = TOP_MODE_MENU;
	ui->menu = menu;
	ui->menu_at = 0;
	if (menu == TOP_MENU_SORT && top_view_sort(&ui->app->view) >= 0)
		for (size_t i = 0; i < TOP_COLUMNS; i++)
			if (column_at(ui, i) == top_view_sort(&ui->app->view))
				ui->menu_at = i;
	if (menu == TOP_MENU_SIGNAL)
		ui->menu_at = (size_t)ui->signal - 1;
	if (menu == TOP_MENU_SIGNAL && top_source_is_replay(ui->app->source)) {
		ui->mode = TOP_MODE_LIST;
		top_ui_say(ui, TOP_STYLE_WARNING, "a recording's processes cannot be signalled");
	}
}

static void draw_item(struct top_ui *ui, int row, size_t at)
{
	struct top_canvas *c = &ui->canvas;
	enum top_style style = at == ui->menu_at ? TOP_STYLE_CURSOR : TOP_STYLE_NORMAL;
	if (ui->menu == TOP_MENU_SIGNAL) {
		int signal = (int)at + 1;
		const char *name = sigabbrev_np(signal), *words = sigdescr_np(signal);
		top_putf(c, row, style, " %2d SIG%-8s %s", signal, name ? name : "?", words ? words : "");
	} else {
		int id = column_at(ui, at);
		if (id < 0)
			return;
		const struct top_column *col = &top_columns[id];
		bool shown = place_of(columns_of(ui), id) >= 0;
		const char *mark = ui->menu == TOP_MENU_COLUMNS          ? (shown ? "[x]" : "[ ]")
		                   : id == top_view_sort(&ui->app->view) ? " * "
		                                                         : "   ";
		top_putf(c, row, style, " %s %-21s %-12s %s", mark, col->id, col->header, col->help);
	}
	top_put_to(c, row, style, c->cols);
}

void top_menu_draw(struct top_ui *ui)
{
	static const char *const titles[] = {" Order by: Enter chooses, Esc leaves",
		" Columns: Space shows or hides, < and > move, Esc leaves, W there saves",
		" Signal to send: Enter chooses and asks, Esc leaves"};
	struct top_canvas *c = &ui->canvas;
	size_t room = c->rows > 2 ? (size_t)c->rows - 2 : 1;
	size_t first = ui->menu_at >= room ? ui->menu_at - room + 1 : 0;
	top_put(c, 0, TOP_STYLE_HEADING, titles[ui->menu]);
	top_put_to(c, 0, TOP_STYLE_HEADING, c->cols);
	for (size_t i = 0; i < room && first + i < length(ui); i++)
		draw_item(ui, (int)i + 1, first + i);
}

static void toggle(struct top_ui *ui)
{
	struct top_column_set *set = columns_of(ui);
	int id = column_at(ui, ui->menu_at), at = id < 0 ? -1 : place_of(set, id);
	if (id < 0)
		return;
	if (at < 0) {
		set->ids[set->count++] = (uint8_t)id;
		ui->menu_at = set->count - 1;
	} else if (set->count > 1) {
		memmove(set->ids + at, set->ids + at + 1, set->count - (size_t)at - 1);
		set->count--;
	}
}

static void shift(struct top_ui *ui, int by)
{
	struct top_column_set *set = columns_of(ui);
	size_t at = ui->menu_at, to = at + (size_t)(long)by;
	if (at >= set->count || to >= set->count)
		return;
	uint8_t id = set->ids[at];
	set->ids[at] = set->ids[to];
	set->ids[to] = id;
	ui->menu_at = to;
}

static void choose(struct top_ui *ui)
{
	struct top_view *v = &ui->app->view;
	int id;
	if (ui->menu == TOP_MENU_COLUMNS) {
		toggle(ui);
		return;
	}
	ui->mode = TOP_MODE_LIST;
	if (ui->menu == TOP_MENU_SIGNAL) {
		ui->signal = (int)ui->menu_at + 1;
		top_prompt_open(ui, TOP_PROMPT_KILL);
		return;
	}
	id = column_at(ui, ui->menu_at);
	if (id < 0)
		return;
	bool pools = v->kind == TOP_VIEW_POOLS;
	*(pools ? &v->pool_sort : &v->sort) = id;
	*(pools ? &v->pool_descending : &v->descending) = !top_column_ascends((enum top_column_id)id);
	top_ui_rebuild(ui);
}

bool top_menu_key(struct top_ui *ui, int key)
{
	size_t last = length(ui) - 1, page = ui->rows > 4 ? (size_t)ui->rows - 4 : 1;
	switch (key) {
	case TOP_KEY_UP:
		ui->menu_at -= ui->menu_at > 0;
		break;
	case TOP_KEY_DOWN:
		ui->menu_at += ui->menu_at < last;
		break;
	case TOP_KEY_PAGE_UP:
		ui->menu_at -= ui->menu_at < page ? ui->menu_at : page;
		break;
	case TOP_KEY_PAGE_DOWN:
		ui->menu_at = ui->menu_at + page > last ? last : ui->menu_at + page;
		break;
	case TOP_KEY_HOME:
		ui->menu_at = 0;
		break;
	case TOP_KEY_END:
		ui->menu_at = last;
		break;
	case '<':
	case '>':
		if (ui->menu == TOP_MENU_COLUMNS)
			shift(ui, key == '<' ? -1 : 1);
		break;
	case ' ':
	case '\n':
	case '\r':
		choose(ui);
		break;
	case 27:
	case 'q':
	case TOP_F(10):
	case TOP_F(2):
	case TOP_F(6):
		ui->mode = TOP_MODE_LIST;
		top_ui_rebuild(ui);
		break;
	default:
		return false;
	}
	return true;
}
