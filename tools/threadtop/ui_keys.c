/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ui_keys.c - keys.def as a table, and what each action does. */
#include <stdlib.h>
#include <string.h>

#include "lib/core/attrs.h"
#include "tools/threadtop/ui.h"

static const struct {
	const char *group, *keys, *help;
	int key[3];
} table[TOP_ACTIONS] = {
#define TT_TOP_KEY(action, group, keys, a, b, c, help) [TOP_ACTION_##action] = {group, keys, help, {a, b, c}},
#include "tools/threadtop/keys.def"
#undef TT_TOP_KEY
};

const char *top_key_help(enum top_action action, const char **group, const char **keys)
{
	*group = table[action].group;
	*keys = table[action].keys;
	return table[action].help;
}

enum top_action top_key_action(int key)
{
	for (int i = 1; i < TOP_ACTIONS; i++)
		for (int k = 0; k < 3; k++)
			if (table[i].key[k] == key && key)
				return (enum top_action)i;
	return TOP_ACTION_NONE;
}

/* ------------------------------------------------------------------ moving */

static void move_to(struct top_ui *ui, size_t row)
{
	size_t count = ui->app->view.rows.len;
	ui->cursor = row < count ? row : count ? count - 1 : 0;
	if (count)
		ui->cursor_id = ui->app->view.rows.data[ui->cursor].id;
}

static void move_by(struct top_ui *ui, long by)
{
	long to = (long)ui->cursor + by;
	move_to(ui, to < 0 ? 0 : (size_t)to);
}

static void scroll_by(struct top_ui *ui, int by)
{
	unsigned count = top_view_columns(&ui->app->view)->count;
	if (by < 0)
		ui->scroll -= ui->scroll > 0;
	else if (ui->scroll + 1 < count)
		ui->scroll++;
}

static long page_of(const struct top_ui *ui)
{
	return ui->list_rows > 1 ? ui->list_rows - 1 : 1;
}

/* ------------------------------------------------------------------ order */

static void sort_by(struct top_ui *ui, enum top_column_id id)
{
	struct top_view *v = &ui->app->view;
	bool pools = v->kind == TOP_VIEW_POOLS;
	*(pools ? &v->pool_sort : &v->sort) = (int)id;
	*(pools ? &v->pool_descending : &v->descending) = !top_column_ascends(id);
	top_ui_rebuild(ui);
}

static void invert(struct top_ui *ui)
{
	struct top_view *v = &ui->app->view;
	bool *descending = v->kind == TOP_VIEW_POOLS ? &v->pool_descending : &v->descending;
	*descending = !*descending;
	top_ui_rebuild(ui);
}

/* ------------------------------------------------------------------ tags, tree */

static void tag(struct top_ui *ui)
{
	const struct top_row *r = top_ui_row(ui);
	if (r && r->kind == TOP_ROW_TASK && !tt_hmap_remove(&ui->tags, r->id))
		tt_hmap_put(&ui->tags, r->id, r->task->tid);
	move_by(ui, 1);
}

static void tag_process(struct top_ui *ui)
{
	const struct top_row *r = top_ui_row(ui);
	struct tt_top_task **t;
	if (!r)
		return;
	vec_for_each (t, &r->proc->tasks)
		tt_hmap_put(&ui->tags, (*t)->id, (*t)->tid);
}

static void fold(struct top_ui *ui, bool folded)
{
	const struct top_row *r = top_ui_row(ui);
	if (!r || ui->app->view.kind != TOP_VIEW_TREE)
		return;
	if (folded)
		tt_hmap_put(&ui->app->view.folded, r->proc->id, 1);
	else
		tt_hmap_remove(&ui->app->view.folded, r->proc->id);
	top_ui_rebuild(ui);
}

static void fold_all(struct top_ui *ui)
{
	struct top_view *v = &ui->app->view;
	struct tt_top_proc **p;
	bool unfold = v->folded.len > 0;
	tt_hmap_deinit(&v->folded);
	if (!unfold)
		vec_for_each (p, &top_source_frame(ui->app->source)->procs)
			tt_hmap_put(&v->folded, (*p)->id, 1);
	top_ui_rebuild(ui);
}

/* ------------------------------------------------------------------ views */

static void next_view(struct top_ui *ui)
{
	if (ui->heat)
		top_ui_set_view(ui, TOP_VIEW_THREADS, false);
	else if (ui->app->view.kind == TOP_VIEW_LOCKS)
		top_ui_set_view(ui, TOP_VIEW_THREADS, true);
	else
		top_ui_set_view(ui, ui->app->view.kind + 1, false);
}

/* A thread's page; of a pool or a process its threads. */
static void enter(struct top_ui *ui)
{
	const struct top_row *r = top_ui_row(ui);
	struct top_view *v = &ui->app->view;
	if (!r)
		return;
	if (r->kind == TOP_ROW_TASK) {
		top_page_open(ui, TOP_PAGE_DETAIL);
		return;
	}
	v->only_pid = r->proc->pid;
	free(v->only_pool);
	v->only_pool = r->kind == TOP_ROW_POOL ? strdup(r->pool->name) : NULL;
	top_ui_set_view(ui, TOP_VIEW_THREADS, false);
}

static void leave(struct top_ui *ui)
{
	struct top_view *v = &ui->app->view;
	tt_text_set(&v->filter, NULL);
	tt_text_set(&v->only_pool, NULL);
	v->only_pid = 0;
	if (ui->user_filter) {
		ui->user_filter = false;
		ui->app->select.has_user = false;
		top_source_ask_again(ui->app->source);
	}
	top_ui_rebuild(ui);
}

static void change_theme(struct top_ui *ui)
{
	ui->theme = top_theme_names[ui->theme + 1] ? ui->theme + 1 : 0;
	ui->theme_changed = true;
	top_ui_say(ui, TOP_STYLE_NOTE, "theme %s", top_theme_names[ui->theme]);
}

static void write_config(struct top_ui *ui)
{
	struct tt_err err;
	if (!ui->config)
		top_ui_say(ui, TOP_STYLE_WARNING, "there is no home directory to save in");
	else if (top_config_write(ui->config, ui, &err) < 0)
		top_ui_say(ui, TOP_STYLE_ERROR, "%s", err.msg);
	else
		top_ui_say(ui, TOP_STYLE_GOOD, "saved in %s", ui->config);
}

static void pause(struct top_ui *ui)
{
	ui->paused = !ui->paused;
}

static void travel(struct top_ui *ui, long frames)
{
	if (!top_source_is_replay(ui->app->source)) {
		top_ui_say(ui, TOP_STYLE_NOTE, "time travel is for --replay");
		return;
	}
	ui->paused = true;
	if (top_source_seek(ui->app->source, frames) > 0)
		top_ui_say(ui, TOP_STYLE_NOTE, frames < 0 ? "this is the first frame" : "this is the last frame");
	top_ui_rebuild(ui);
	if (ui->mode == TOP_MODE_PAGE && ui->page == TOP_PAGE_DETAIL)
		top_page_make(ui);
}

/* ------------------------------------------------------------------ all actions */

static void act(struct top_ui *ui, enum top_action action);

/* Those that only move. False: another one. */
static bool act_moving(struct top_ui *ui, enum top_action action)
{
	switch ((int)action) {
	case TOP_ACTION_UP:
		move_by(ui, -1);
		return true;
	case TOP_ACTION_DOWN:
		move_by(ui, 1);
		return true;
	case TOP_ACTION_PAGE_UP:
		move_by(ui, -page_of(ui));
		return true;
	case TOP_ACTION_PAGE_DOWN:
		move_by(ui, page_of(ui));
		return true;
	case TOP_ACTION_FIRST:
		move_to(ui, 0);
		return true;
	case TOP_ACTION_LAST:
		move_to(ui, SIZE_MAX);
		return true;
	case TOP_ACTION_LEFT:
		scroll_by(ui, -1);
		return true;
	case TOP_ACTION_RIGHT:
		scroll_by(ui, 1);
		return true;
	case TOP_ACTION_LINE_START:
		ui->scroll = 0;
		return true;
	case TOP_ACTION_LINE_END:
		ui->scroll = top_view_columns(&ui->app->view)->count - 1;
		return true;
	default:
		return false;
	}
}

static bool act_view(struct top_ui *ui, enum top_action action)
{
	switch ((int)action) {
	case TOP_ACTION_VIEW_THREADS:
		top_ui_set_view(ui, TOP_VIEW_THREADS, false);
		return true;
	case TOP_ACTION_VIEW_TREE:
		top_ui_set_view(ui, ui->app->view.kind == TOP_VIEW_TREE ? TOP_VIEW_THREADS : TOP_VIEW_TREE, false);
		return true;
	case TOP_ACTION_VIEW_POOLS:
		top_ui_set_view(ui, TOP_VIEW_POOLS, false);
		return true;
	case TOP_ACTION_VIEW_LOCKS:
		top_ui_set_view(ui, TOP_VIEW_LOCKS, false);
		return true;
	case TOP_ACTION_VIEW_HEAT:
		top_ui_set_view(ui, TOP_VIEW_THREADS, true);
		return true;
	case TOP_ACTION_VIEW_NEXT:
		next_view(ui);
		return true;
	case TOP_ACTION_HEAT_WHAT:
		ui->heat_wait = !ui->heat_wait;
		return true;
	case TOP_ACTION_DETAIL:
		enter(ui);
		return true;
	case TOP_ACTION_STACK:
		top_page_open(ui, TOP_PAGE_STACK);
		return true;
	case TOP_ACTION_WARNINGS:
		top_page_open(ui, TOP_PAGE_WARNINGS);
		return true;
	case TOP_ACTION_HELP:
		top_page_open(ui, TOP_PAGE_HELP);
		return true;
	default:
		return false;
	}
}

static bool act_sort(struct top_ui *ui, enum top_action action)
{
	switch ((int)action) {
	case TOP_ACTION_SORT_MENU:
		top_menu_open(ui, TOP_MENU_SORT);
		return true;
	case TOP_ACTION_SORT_INVERT:
		invert(ui);
		return true;
	case TOP_ACTION_SORT_CPU:
		sort_by(ui, TOP_COL_cpu_pct);
		return true;
	case TOP_ACTION_SORT_QUEUE:
		sort_by(ui, TOP_COL_run_queue_pct);
		return true;
	case TOP_ACTION_SORT_TIME:
		sort_by(ui, TOP_COL_cpu_time_ns);
		return true;
	case TOP_ACTION_SORT_PID:
		sort_by(ui, TOP_COL_pid);
		return true;
	case TOP_ACTION_SORT_WAIT:
		sort_by(ui, TOP_COL_wait_ns);
		return true;
	default:
		return false;
	}
}

static bool act_time(struct top_ui *ui, enum top_action action)
{
	switch ((int)action) {
	case TOP_ACTION_PAUSE:
		pause(ui);
		return true;
	case TOP_ACTION_DELAY:
		top_prompt_open(ui, TOP_PROMPT_DELAY);
		return true;
	case TOP_ACTION_BACK:
		travel(ui, -1);
		return true;
	case TOP_ACTION_FORWARD:
		travel(ui, 1);
		return true;
	case TOP_ACTION_BACK_FAR:
		travel(ui, -60);
		return true;
	case TOP_ACTION_FORWARD_FAR:
		travel(ui, 60);
		return true;
	case TOP_ACTION_GO:
		if (top_source_is_replay(ui->app->source))
			top_prompt_open(ui, TOP_PROMPT_GO);
		else
			travel(ui, 0);
		return true;
	default:
		return false;
	}
}

static bool act_rows(struct top_ui *ui, enum top_action action)
{
	switch ((int)action) {
	case TOP_ACTION_TAG:
		tag(ui);
		return true;
	case TOP_ACTION_TAG_ALL:
		tag_process(ui);
		return true;
	case TOP_ACTION_UNTAG:
		tt_hmap_deinit(&ui->tags);
		return true;
	case TOP_ACTION_KILL:
		top_menu_open(ui, TOP_MENU_SIGNAL);
		return true;
	case TOP_ACTION_NICE_LESS:
		top_act_nice(ui, -1);
		return true;
	case TOP_ACTION_NICE_MORE:
		top_act_nice(ui, 1);
		return true;
	case TOP_ACTION_UNFOLD:
		fold(ui, false);
		return true;
	case TOP_ACTION_FOLD:
		fold(ui, true);
		return true;
	case TOP_ACTION_FOLD_ALL:
		fold_all(ui);
		return true;
	case TOP_ACTION_FOLLOW:
		ui->follow = !ui->follow;
		top_ui_say(ui, TOP_STYLE_NOTE, ui->follow ? "the cursor follows this row" : "the cursor stays in its place");
		return true;
	default:
		return false;
	}
}

static void act(struct top_ui *ui, enum top_action action)
{
	if (act_moving(ui, action) || act_view(ui, action) || act_sort(ui, action) || act_time(ui, action) ||
		act_rows(ui, action))
		return;
	switch ((int)action) {
	case TOP_ACTION_SEARCH:
		top_prompt_open(ui, TOP_PROMPT_SEARCH);
		break;
	case TOP_ACTION_SEARCH_NEXT:
		if (!top_search_next(ui, ui->cursor + 1))
			top_ui_say(ui, TOP_STYLE_WARNING, "not found");
		break;
	case TOP_ACTION_FILTER:
		top_prompt_open(ui, TOP_PROMPT_FILTER);
		break;
	case TOP_ACTION_USER:
		top_prompt_open(ui, TOP_PROMPT_USER);
		break;
	case TOP_ACTION_KERNEL:
		ui->app->select.kernel = !ui->app->select.kernel;
		top_ui_say(ui, TOP_STYLE_NOTE, ui->app->select.kernel ? "with kernel threads" : "without kernel threads");
		break;
	case TOP_ACTION_COLUMNS_MENU:
		top_menu_open(ui, TOP_MENU_COLUMNS);
		break;
	case TOP_ACTION_THEME:
		change_theme(ui);
		break;
	case TOP_ACTION_WRITE:
		write_config(ui);
		break;
	case TOP_ACTION_REDRAW:
		ui->redraw = true;
		break;
	case TOP_ACTION_ESCAPE:
		leave(ui);
		break;
	case TOP_ACTION_QUIT:
		ui->quit = true;
		break;
	default:
		break;
	}
}

/* ------------------------------------------------------------------ pages */

static void page_key(struct top_ui *ui, int key)
{
	enum top_action action = top_key_action(key);
	size_t room = ui->rows > 3 ? (size_t)ui->rows - 3 : 1;
	size_t last = ui->lines.len > room ? ui->lines.len - room : 0;
	switch ((int)action) {
	case TOP_ACTION_UP:
		ui->page_first -= ui->page_first > 0;
		break;
	case TOP_ACTION_DOWN:
		ui->page_first++;
		break;
	case TOP_ACTION_PAGE_UP:
		ui->page_first -= ui->page_first < room ? ui->page_first : room;
		break;
	case TOP_ACTION_PAGE_DOWN:
	case TOP_ACTION_TAG:
		ui->page_first += room;
		break;
	case TOP_ACTION_FIRST:
		ui->page_first = 0;
		break;
	case TOP_ACTION_LAST:
		ui->page_first = last;
		break;
	case TOP_ACTION_STACK:
		if (ui->page == TOP_PAGE_DETAIL || ui->page == TOP_PAGE_STACK)
			top_page_open(ui, TOP_PAGE_STACK);
		break;
	case TOP_ACTION_BACK:
	case TOP_ACTION_FORWARD:
	case TOP_ACTION_BACK_FAR:
	case TOP_ACTION_FORWARD_FAR:
	case TOP_ACTION_PAUSE:
	case TOP_ACTION_THEME:
	case TOP_ACTION_REDRAW:
		act(ui, action);
		break;
	default:
		ui->mode = TOP_MODE_LIST;
		break;
	}
	if (ui->page_first > last)
		ui->page_first = last;
}

/* ------------------------------------------------------------------ mouse */

static void click_heading(struct top_ui *ui)
{
	const struct top_column_set *set = top_view_columns(&ui->app->view);
	int at = 0;
	for (unsigned i = ui->scroll; i < set->count; i++) {
		at += ui->column_width[i] + 1;
		if (ui->mouse_col >= at)
			continue;
		if (top_view_sort(&ui->app->view) == set->ids[i])
			invert(ui);
		else
			sort_by(ui, (enum top_column_id)set->ids[i]);
		return;
	}
}

static void click(struct top_ui *ui, bool twice)
{
	size_t row = (size_t)(ui->mouse_row - ui->list_top) + ui->first;
	if (ui->mouse_row == ui->rows - 1) {
		int width = ui->cols >= 100 ? 9 : ui->cols >= 80 ? 8 : 6;
		int n = ui->mouse_col / width + 1;
		if (n <= 10)
			act(ui, top_key_action(TOP_F(n)));
	} else if (ui->mouse_row == ui->list_top - 1) {
		if (!ui->heat && ui->app->view.kind != TOP_VIEW_LOCKS)
			click_heading(ui);
	} else if (ui->mouse_row >= ui->list_top && row < ui->app->view.rows.len) {
		move_to(ui, row);
		if (twice)
			enter(ui);
	}
}

static bool mouse_key(struct top_ui *ui, int key)
{
	bool list = ui->mode == TOP_MODE_LIST;
	switch (key) {
	case TOP_KEY_WHEEL_UP:
	case TOP_KEY_WHEEL_DOWN:
		if (list)
			move_by(ui, key == TOP_KEY_WHEEL_UP ? -3 : 3);
		else if (ui->mode == TOP_MODE_MENU)
			top_menu_key(ui, key == TOP_KEY_WHEEL_UP ? TOP_KEY_UP : TOP_KEY_DOWN);
		else
			page_key(ui, key == TOP_KEY_WHEEL_UP ? TOP_KEY_UP : TOP_KEY_DOWN);
		return true;
	case TOP_KEY_CLICK:
	case TOP_KEY_DOUBLE_CLICK:
		if (list)
			click(ui, key == TOP_KEY_DOUBLE_CLICK);
		return true;
	default:
		return false;
	}
}

void top_ui_key(struct top_ui *ui, int key)
{
	free(ui->message);
	ui->message = NULL;
	if (ui->prompt != TOP_PROMPT_NONE)
		top_prompt_key(ui, key);
	else if (mouse_key(ui, key))
		return;
	else if (ui->mode == TOP_MODE_MENU)
		top_menu_key(ui, key);
	else if (ui->mode == TOP_MODE_PAGE)
		page_key(ui, key);
	else
		act(ui, top_key_action(key));
}
