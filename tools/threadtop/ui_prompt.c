/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ui_prompt.c - the last line when it asks for something: search, filter, user, delay, time, and whether to kill. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util/parse.h"
#include "lib/util/text.h"
#include "tools/threadtop/ui.h"

static const char *const questions[] = {"", "Search: ", "Filter: ", "User: ", "Delay (1s, 500ms): ", "Go to (HH:MM:SS): ", ""};

void top_prompt_open(struct top_ui *ui, enum top_prompt prompt)
{
	ui->prompt = prompt;
	tt_buf_clear(&ui->input);
	if (prompt == TOP_PROMPT_FILTER && ui->app->view.filter)
		tt_buf_adds(&ui->input, ui->app->view.filter);
}

void top_prompt_draw(struct top_ui *ui)
{
	struct top_canvas *c = &ui->canvas;
	int row = c->rows - 1;
	if (ui->prompt == TOP_PROMPT_KILL) {
		TT_BUF_AUTO(who);
		size_t count = top_act_targets(ui, &who);
		top_putf(
			c, row, TOP_STYLE_WARNING, "Send SIG%s to ", sigabbrev_np(ui->signal) ? sigabbrev_np(ui->signal) : "?");
		top_putf(c, row, TOP_STYLE_BOLD, "%s", count ? tt_buf_str(&who) : "nobody");
		top_put(c, row, TOP_STYLE_WARNING, "? y or n ");
		return;
	}
	top_put(c, row, TOP_STYLE_PROMPT, questions[ui->prompt]);
	top_put(c, row, TOP_STYLE_NORMAL, tt_buf_str(&ui->input));
	c->cursor_row = row;
	c->cursor_col = c->lines[row].width;
}

/* ------------------------------------------------------------------ search */

static bool row_has(const struct top_row *r, const char *part)
{
	char ids[32];
	snprintf(ids, sizeof(ids), "%u %u", r->proc->pid, r->task->tid);
	return (r->task->name && strcasestr(r->task->name, part)) || (r->proc->name && strcasestr(r->proc->name, part)) ||
	       (r->proc->command && strcasestr(r->proc->command, part)) || strstr(ids, part);
}

bool top_search_next(struct top_ui *ui, size_t from)
{
	const struct top_view *v = &ui->app->view;
	if (!ui->search || !*ui->search)
		return false;
	for (size_t i = 0; i < v->rows.len; i++) {
		size_t at = (from + i) % v->rows.len;
		if (!row_has(&v->rows.data[at], ui->search))
			continue;
		ui->cursor = at;
		ui->cursor_id = v->rows.data[at].id;
		return true;
	}
	return false;
}

/* ------------------------------------------------------------------ answers */

static void set_user(struct top_ui *ui, const char *name)
{
	struct top_select *s = &ui->app->select;
	uint64_t uid = 0;
	const struct passwd *pw = *name ? getpwnam(name) : NULL;
	if (*name && !pw && tt_parse_u64(name, 0, UINT32_MAX, &uid, NULL) < 0) {
		top_ui_say(ui, TOP_STYLE_WARNING, "there is no user '%s'", name);
		return;
	}
	s->has_user = ui->user_filter = *name != 0;
	s->uid = pw ? pw->pw_uid : (uint32_t)uid;
	top_source_ask_again(ui->app->source);
	top_ui_rebuild(ui);
}

static void set_delay(struct top_ui *ui, const char *text)
{
	struct tt_err err;
	uint64_t ns;
	if (tt_parse_duration(text, &ns, &err) < 0)
		top_ui_say(ui, TOP_STYLE_WARNING, "%s", err.msg);
	else if (ns < TOP_DELAY_MIN_NS || ns > TOP_DELAY_MAX_NS)
		top_ui_say(ui, TOP_STYLE_WARNING, "between 10ms and 1h");
	else
		ui->app->delay_ns = ns;
}

static void go(struct top_ui *ui, const char *text)
{
	unsigned h, m, s = 0;
	if (sscanf(text, "%2u:%2u:%2u", &h, &m, &s) < 2 || h > 23 || m > 59 || s > 60) {
		top_ui_say(ui, TOP_STYLE_WARNING, "'%s' is no time of day: HH:MM:SS", text);
		return;
	}
	ui->paused = true;
	if (top_source_go(ui->app->source, h * 3600 + m * 60 + s) != 0)
		top_ui_say(ui, TOP_STYLE_NOTE, "the recording has no such time: the nearest frame");
	top_ui_rebuild(ui);
}

static void answer(struct top_ui *ui)
{
	enum top_prompt prompt = ui->prompt;
	const char *text = tt_buf_str(&ui->input);
	ui->prompt = TOP_PROMPT_NONE;
	switch (prompt) {
	case TOP_PROMPT_USER:
		set_user(ui, text);
		break;
	case TOP_PROMPT_DELAY:
		set_delay(ui, text);
		break;
	case TOP_PROMPT_GO:
		go(ui, text);
		break;
	case TOP_PROMPT_NONE:
	case TOP_PROMPT_SEARCH:
	case TOP_PROMPT_FILTER:
	case TOP_PROMPT_KILL:
	default:
		break;
	}
}

/* Search and filter act while they are typed. */
static void typed(struct top_ui *ui)
{
	if (ui->prompt == TOP_PROMPT_SEARCH) {
		tt_text_set(&ui->search, tt_buf_str(&ui->input));
		if (ui->input.len && !top_search_next(ui, ui->cursor))
			top_ui_say(ui, TOP_STYLE_WARNING, "not found");
	} else if (ui->prompt == TOP_PROMPT_FILTER) {
		tt_text_set(&ui->app->view.filter, tt_buf_str(&ui->input));
		top_ui_rebuild(ui);
	}
}

/* The last character, which may be of several bytes. */
static void rub_out(struct tt_buf *input)
{
	size_t len = input->len;
	while (len > 0 && ((unsigned char)input->data[len - 1] & 0xc0) == 0x80)
		len--;
	tt_buf_truncate(input, len > 0 ? len - 1 : 0);
}

static void confirm(struct top_ui *ui, int key)
{
	ui->prompt = TOP_PROMPT_NONE;
	if (key == 'y' || key == 'Y')
		top_act_kill(ui);
	else
		top_ui_say(ui, TOP_STYLE_NOTE, "nothing was sent");
}

void top_prompt_key(struct top_ui *ui, int key)
{
	if (ui->prompt == TOP_PROMPT_KILL) {
		confirm(ui, key);
		return;
	}
	if (key == 27) {
		tt_buf_clear(&ui->input);
		typed(ui);
		ui->prompt = TOP_PROMPT_NONE;
	} else if (key == '\n' || key == '\r') {
		answer(ui);
	} else if (key == TOP_F(3) && ui->prompt == TOP_PROMPT_SEARCH) {
		top_search_next(ui, ui->cursor + 1);
	} else if (key == TOP_KEY_BACKSPACE || key == 127) {
		rub_out(&ui->input);
		typed(ui);
	} else if (key >= ' ' && key < 256 && ui->input.len < 200) {
		tt_buf_addc(&ui->input, (char)key);
		typed(ui);
	}
}
