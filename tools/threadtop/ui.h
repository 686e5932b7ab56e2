/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ui.h - the interactive threadtop without its terminal: what keys change, and what is drawn on the canvas. screen.c brings
 * keys in and canvases out; --screen and the tests bring keys from a text and print the canvas.
 */
#ifndef TT_TOP_UI_H
#define TT_TOP_UI_H

#include "tools/threadtop/app.h"
#include "tools/threadtop/canvas.h"

/* Keys beyond characters. */
enum top_key {
	TOP_KEY_NONE = 0,
	TOP_KEY_UP = 0x10000,
	TOP_KEY_DOWN,
	TOP_KEY_LEFT,
	TOP_KEY_RIGHT,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_BACKSPACE,
	TOP_KEY_DELETE,
	TOP_KEY_RESIZE,
	TOP_KEY_CLICK, /* at mouse_row, mouse_col */
	TOP_KEY_DOUBLE_CLICK,
	TOP_KEY_WHEEL_UP,
	TOP_KEY_WHEEL_DOWN,
	TOP_KEY_F = 0x20000 /* + number */
};
#define TOP_F(n) (TOP_KEY_F + (n))

#define TOP_DELAY_MIN_NS 10000000u
#define TOP_DELAY_MAX_NS 3600000000000u

enum top_action {
	TOP_ACTION_NONE,
#define TT_TOP_KEY(action, ...) TOP_ACTION_##action,
#include "tools/threadtop/keys.def"
#undef TT_TOP_KEY
	TOP_ACTIONS
};

/* What fills the screen. */
enum top_mode {
	TOP_MODE_LIST,
	TOP_MODE_PAGE, /* lines to read: help, detail, stack, warnings */
	TOP_MODE_MENU, /* lines to choose from: sort, columns, signals */
};
enum top_page { TOP_PAGE_HELP, TOP_PAGE_DETAIL, TOP_PAGE_STACK, TOP_PAGE_WARNINGS };
enum top_menu { TOP_MENU_SORT, TOP_MENU_COLUMNS, TOP_MENU_SIGNAL };
/* What the last line asks for. */
enum top_prompt {
	TOP_PROMPT_NONE,
	TOP_PROMPT_SEARCH,
	TOP_PROMPT_FILTER,
	TOP_PROMPT_USER,
	TOP_PROMPT_DELAY,
	TOP_PROMPT_GO,
	TOP_PROMPT_KILL /* y or n */
};

struct top_page_line {
	char *text; /* raw; NULL: sparklines of the detail's thread */
	enum top_style style;
	bool wait; /* a sparkline of waiting for a CPU instead of CPU time */
	bool spark;
};

struct top_ui {
	struct top_app *app;
	struct top_canvas canvas;
	int cols, rows;
	enum top_mode mode;
	/* the list */
	size_t cursor, first; /* rows of the view */
	uint64_t cursor_id;   /* of the row that the cursor follows */
	bool follow;
	unsigned scroll;         /* columns hidden at the left */
	int list_top, list_rows; /* where it was drawn */
	bool heat, heat_wait;
	bool paused, quit, redraw;
	bool user_filter;              /* a user was chosen with the key */
	int column_width[TOP_COLUMNS]; /* as drawn, by place in the set of columns */
	struct tt_hmap tags;           /* ids of tasks */
	char *search;
	/* a page or a menu */
	enum top_page page;
	enum top_menu menu;
	uint64_t page_id; /* the thread it is about */
	size_t page_first, menu_at;
	TT_VEC(struct top_page_line) lines;
	/* the last line */
	enum top_prompt prompt;
	struct tt_buf input;
	char *message;
	enum top_style message_style;
	int signal;
	int theme; /* of top_theme_names */
	bool theme_changed;
	int mouse_row, mouse_col;
	void (*type_first)(void); /* --keys, typed after the first frame; NULL none */
	const char *config;       /* path of the configuration file; NULL: none is written */
};

extern const char *const top_theme_names[]; /* NULL-terminated; "default" first */

void top_ui_init(struct top_ui *ui, struct top_app *app, int cols, int rows);
void top_ui_deinit(struct top_ui *ui);

/* The next frame, with the cursor kept on its row. 0; 1: a replay is at its end; -errno with words. */
int top_ui_next(struct top_ui *ui, struct tt_err *err);

/* Draws all of it on ui->canvas, at ui->cols and rows. */
void top_ui_draw(struct top_ui *ui);

/* One key. */
void top_ui_key(struct top_ui *ui, int key);

/* What remains to be said in the last line; style; words as for printf. */
__attribute__((format(printf, 3, 4))) void top_ui_say(struct top_ui *ui, enum top_style style, const char *fmt, ...);

/* ------------------------------------------------------------------ between the files of the interface */

const struct top_row *top_ui_row(const struct top_ui *ui); /* under the cursor; NULL: none */
const char *top_key_help(enum top_action action, const char **group, const char **keys);
enum top_action top_key_action(int key);
void top_ui_rebuild(struct top_ui *ui); /* after a change of the view */
void top_ui_set_view(struct top_ui *ui, enum top_view_kind kind, bool heat);

/* ui_page.c */
void top_page_open(struct top_ui *ui, enum top_page page);
void top_page_make(struct top_ui *ui); /* of the current frame */
void top_page_clear(struct top_ui *ui);
void top_page_draw(struct top_ui *ui);
__attribute__((format(printf, 3, 4))) void top_page_add(struct top_ui *ui, enum top_style style, const char *fmt, ...);

/* ui_menu.c */
void top_menu_open(struct top_ui *ui, enum top_menu menu);
void top_menu_draw(struct top_ui *ui);
bool top_menu_key(struct top_ui *ui, int key); /* false: not a key of menus */

/* ui_prompt.c */
void top_prompt_open(struct top_ui *ui, enum top_prompt prompt);
void top_prompt_key(struct top_ui *ui, int key);
void top_prompt_draw(struct top_ui *ui);
bool top_search_next(struct top_ui *ui, size_t from);

/* ui_act.c: what touches other processes. Each makes sure that the process is still the one that was shown. */
size_t top_act_targets(const struct top_ui *ui, struct tt_buf *words); /* tagged threads' processes, or the cursor's */
void top_act_kill(struct top_ui *ui);
void top_act_nice(struct top_ui *ui, int by);

/* stack.c: lines of a thread's stack, or the reason why there is none. */
void top_stack_lines(struct top_ui *ui, uint32_t pid, uint32_t tid);

/* config.c: "key = value" lines. Unknown keys and bad values: -EINVAL with file and line in words. */
struct top_config {
	char *columns, *pool_columns, *lock_columns, *sort, *pool_sort, *view, *theme;
	uint64_t delay_ns; /* 0: not said */
	int kernel;        /* -1: not said */
};
int top_config_parse(const char *name, const char *text, struct top_config *ret, struct tt_err *err);
int top_config_read(const char *path, struct top_config *ret, struct tt_err *err); /* a missing file is empty */
int top_config_apply(const struct top_config *c, struct top_app *app, int *theme, struct tt_err *err);
int top_config_write(const char *path, const struct top_ui *ui, struct tt_err *err);
void top_config_deinit(struct top_config *c);
char *top_config_path(void); /* of the user's file; NULL: no home */

/* ------------------------------------------------------------------ screen.c: curses */

/* Takes the terminal over. -ENOTTY, -ENOTSUP with words: not a terminal, or one that cannot be drawn on. */
int top_screen_open(int theme, enum tt_color color, struct tt_err *err);
void top_screen_close(void);
void top_screen_theme(int theme);
void top_screen_size(int *cols, int *rows);
void top_screen_draw(const struct top_canvas *c, bool anew);
/* A key, or TOP_KEY_NONE after so many ms. *stop: a signal asks to end. */
int top_screen_key(int wait_ms, int *mouse_row, int *mouse_col, bool *stop);

/* The interactive program. TT_EXIT_ status, with err's words for TT_EXIT_FAILED. */
int top_ui_run(struct top_ui *ui, enum tt_color color, struct tt_err *err);

#endif
