/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * screen.c - the terminal: canvases out, keys and mouse in, and the terminal as it was before in every case: at the end, after
 * Ctrl-C, SIGTERM and SIGHUP (a flag that the loop sees), and after a crash (a handler on a stack of its own writes what it
 * prepared, with nothing but write and tcsetattr). The only user of curses.
 */
#include <ncurses.h>

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/attrs.h"
#include "tools/threadtop/ui.h"

/* ------------------------------------------------------------------ themes */

/* Colours by the numbers of curses; -1: the terminal's own. */
struct look {
	short fg, bg;
	attr_t attrs;
};
#define B A_BOLD
#define R A_REVERSE
#define D A_DIM

const char *const top_theme_names[] = {"default", "light", "contrast", "mono", NULL};

#define HEAT_8                                                                                            \
	{-1, -1, D}, {COLOR_BLUE, -1, 0}, {COLOR_BLUE, -1, B}, {COLOR_CYAN, -1, 0}, {COLOR_GREEN, -1, 0}, \
		{COLOR_YELLOW, -1, 0}, {COLOR_YELLOW, -1, B}, {COLOR_RED, -1, 0},                         \
	{                                                                                                 \
		COLOR_RED, -1, B                                                                          \
	}

static const struct look themes[][TOP_STYLES] = {
	/* normal, bold, dim, title, tab, heading, sorted, cursor, tagged, good, note, warning, error, busy, queue, lock, key,
         * key text, prompt, heat */
	{{-1, -1, 0}, {-1, -1, B}, {-1, -1, D}, {COLOR_CYAN, -1, B}, {COLOR_BLACK, COLOR_CYAN, 0},
		{COLOR_BLACK, COLOR_GREEN, 0}, {COLOR_BLACK, COLOR_CYAN, 0}, {COLOR_BLACK, COLOR_CYAN, 0},
		{COLOR_YELLOW, -1, B}, {COLOR_GREEN, -1, 0}, {COLOR_CYAN, -1, 0}, {COLOR_YELLOW, -1, B},
		{COLOR_WHITE, COLOR_RED, B}, {COLOR_GREEN, -1, 0}, {COLOR_YELLOW, -1, 0}, {COLOR_MAGENTA, -1, B}, {-1, -1, 0},
		{COLOR_BLACK, COLOR_CYAN, 0}, {-1, -1, B}, HEAT_8},
	{{COLOR_BLACK, COLOR_WHITE, 0}, {COLOR_BLACK, COLOR_WHITE, B}, {COLOR_BLACK, COLOR_WHITE, D},
		{COLOR_BLUE, COLOR_WHITE, B}, {COLOR_WHITE, COLOR_BLUE, B}, {COLOR_WHITE, COLOR_BLUE, 0},
		{COLOR_WHITE, COLOR_MAGENTA, 0}, {COLOR_WHITE, COLOR_BLUE, 0}, {COLOR_MAGENTA, COLOR_WHITE, B},
		{COLOR_GREEN, COLOR_WHITE, 0}, {COLOR_BLUE, COLOR_WHITE, 0}, {COLOR_RED, COLOR_WHITE, 0},
		{COLOR_WHITE, COLOR_RED, B}, {COLOR_GREEN, COLOR_WHITE, 0}, {COLOR_RED, COLOR_WHITE, 0},
		{COLOR_MAGENTA, COLOR_WHITE, 0}, {COLOR_BLACK, COLOR_WHITE, 0}, {COLOR_WHITE, COLOR_BLUE, 0},
		{COLOR_BLACK, COLOR_WHITE, B}, {COLOR_BLACK, COLOR_WHITE, D}, {COLOR_BLUE, COLOR_WHITE, 0},
		{COLOR_BLUE, COLOR_WHITE, 0}, {COLOR_CYAN, COLOR_WHITE, 0}, {COLOR_GREEN, COLOR_WHITE, 0},
		{COLOR_MAGENTA, COLOR_WHITE, 0}, {COLOR_MAGENTA, COLOR_WHITE, 0}, {COLOR_RED, COLOR_WHITE, 0},
		{COLOR_RED, COLOR_WHITE, B}},
	{{COLOR_WHITE, COLOR_BLACK, 0}, {COLOR_WHITE, COLOR_BLACK, B}, {COLOR_WHITE, COLOR_BLACK, 0},
		{COLOR_YELLOW, COLOR_BLACK, B}, {COLOR_BLACK, COLOR_YELLOW, 0}, {COLOR_BLACK, COLOR_WHITE, 0},
		{COLOR_BLACK, COLOR_YELLOW, 0}, {COLOR_BLACK, COLOR_YELLOW, 0}, {COLOR_CYAN, COLOR_BLACK, B},
		{COLOR_GREEN, COLOR_BLACK, B}, {COLOR_CYAN, COLOR_BLACK, B}, {COLOR_YELLOW, COLOR_BLACK, B},
		{COLOR_WHITE, COLOR_RED, B}, {COLOR_GREEN, COLOR_BLACK, B}, {COLOR_YELLOW, COLOR_BLACK, B},
		{COLOR_MAGENTA, COLOR_BLACK, B}, {COLOR_WHITE, COLOR_BLACK, B}, {COLOR_BLACK, COLOR_WHITE, 0},
		{COLOR_WHITE, COLOR_BLACK, B}, {COLOR_WHITE, COLOR_BLACK, 0}, {COLOR_BLUE, COLOR_BLACK, B},
		{COLOR_CYAN, COLOR_BLACK, 0}, {COLOR_CYAN, COLOR_BLACK, B}, {COLOR_GREEN, COLOR_BLACK, B},
		{COLOR_YELLOW, COLOR_BLACK, 0}, {COLOR_YELLOW, COLOR_BLACK, B}, {COLOR_RED, COLOR_BLACK, 0},
		{COLOR_RED, COLOR_BLACK, B}},
	{{-1, -1, 0}, {-1, -1, B}, {-1, -1, D}, {-1, -1, B}, {-1, -1, R}, {-1, -1, R}, {-1, -1, R | B}, {-1, -1, R},
		{-1, -1, B}, {-1, -1, 0}, {-1, -1, 0}, {-1, -1, B}, {-1, -1, R | B}, {-1, -1, 0}, {-1, -1, 0}, {-1, -1, B},
		{-1, -1, B}, {-1, -1, R}, {-1, -1, B}, {-1, -1, D}, {-1, -1, 0}, {-1, -1, 0}, {-1, -1, 0}, {-1, -1, 0},
		{-1, -1, 0}, {-1, -1, B}, {-1, -1, B}, {-1, -1, B}},
};
#undef B
#undef R
#undef D
static_assert(ARRAY_SIZE(themes) + 1 == ARRAY_SIZE(top_theme_names), "a theme per name");

#define MONO ((int)ARRAY_SIZE(themes) - 1)

/* From cold to hot; 256 colours and 24-bit ones. */
static const short heat_256[TOP_HEATS] = {238, 25, 31, 37, 71, 107, 178, 208, 196};
static const int heat_rgb[TOP_HEATS] = {
	0x444444, 0x2a5fa8, 0x2a7fb8, 0x2aa198, 0x5fa84f, 0x9ab53a, 0xd9b310, 0xe8771c, 0xe02020};

static struct {
	SCREEN *screen;
	bool colors, mouse;
	attr_t attrs[TOP_STYLES];
	short pairs[TOP_STYLES];
	bool extended; /* pairs were made with colours beyond 256 */
} scr;

static void set_pair(int style, int fg, int bg)
{
	short pair = (short)(style + 1);
	if (fg >= COLORS)
		fg %= 8;
	if (bg >= COLORS)
		bg %= 8;
	init_extended_pair(pair, fg, bg);
	scr.pairs[style] = pair;
}

void top_screen_theme(int theme)
{
	const struct look *looks = themes[scr.colors && theme >= 0 && theme <= MONO ? theme : MONO];
	for (int i = 0; i < TOP_STYLES; i++) {
		scr.attrs[i] = looks[i].attrs;
		scr.pairs[i] = 0;
		if (!scr.colors || looks == themes[MONO])
			continue;
		int heat = i - TOP_STYLE_HEAT;
		if (heat >= 0 && COLORS >= 1 << 24) {
			set_pair(i, heat_rgb[heat], looks[i].bg);
			scr.attrs[i] = 0;
		} else if (heat >= 0 && COLORS >= 256) {
			set_pair(i, heat_256[heat], looks[i].bg);
			scr.attrs[i] = 0;
		} else {
			set_pair(i, looks[i].fg, looks[i].bg);
		}
	}
	bkgd((chtype)COLOR_PAIR(scr.pairs[TOP_STYLE_NORMAL]) | ' ');
}

/* ------------------------------------------------------------------ signals */

static volatile sig_atomic_t stop_asked;
static struct termios before;
static char last_words[256];
static size_t last_len;

static void ask_to_stop(int signal)
{
	(void)signal;
	stop_asked = 1;
}

/* Async-signal-safe: the text was prepared when the screen was opened. */
static void give_back(int signal)
{
	ssize_t ignored = write(STDOUT_FILENO, last_words, last_len);
	(void)ignored;
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	raise(signal); /* SA_RESETHAND: the default action now, core dump included */
}

static void add_words(const char *capability)
{
	const char *text = tigetstr(capability);
	size_t len = text && text != (const char *)-1 ? strlen(text) : 0;
	if (last_len + len < sizeof(last_words)) {
		memcpy(last_words + last_len, text ? text : "", len);
		last_len += len;
	}
}

static void prepare_last_words(void)
{
	static const char mouse_off[] = "\033[?1000l\033[?1002l\033[?1006l";
	last_len = 0;
	add_words("sgr0");
	add_words("cnorm");
	add_words("rmkx");
	if (scr.mouse) {
		memcpy(last_words + last_len, mouse_off, sizeof(mouse_off) - 1);
		last_len += sizeof(mouse_off) - 1;
	}
	add_words("rmcup");
}

static void catch_signals(void)
{
	static char stack[16384];
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};
	static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction crash = {.sa_handler = give_back, .sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER};
	struct sigaction stop = {.sa_handler = ask_to_stop};
	sigaltstack(&alternate, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
		sigaction(crashes[i], &crash, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++)
		sigaction(stops[i], &stop, NULL);
}

/* ------------------------------------------------------------------ open, close */

static bool can_draw(void)
{
	const char *move = tigetstr("cup"), *clear_screen = tigetstr("clear");
	return move && move != (const char *)-1 && clear_screen && clear_screen != (const char *)-1;
}

int top_screen_open(int theme, enum tt_color color, struct tt_err *err)
{
	const char *term = getenv("TERM");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return tt_err_set(err, ENOTTY, "the screen needs a terminal: use -b, --json or --csv");
	if (!term || !*term || strcmp(term, "dumb") == 0)
		return tt_err_set(err, ENOTSUP, "the terminal '%s' cannot be drawn on: use -b, --json or --csv, or set TERM",
			term ? term : "");
	tcgetattr(STDIN_FILENO, &before);
	scr.screen = newterm(NULL, stdout, stdin);
	if (!scr.screen)
		return tt_err_set(
			err, ENOTSUP, "the terminal '%s' is not known here: set TERM, or use -b, --json or --csv", term);
	if (!can_draw()) {
		top_screen_close();
		return tt_err_set(err, ENOTSUP, "the terminal '%s' cannot be drawn on: use -b, --json or --csv", term);
	}
	cbreak();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	mouseinterval(0);
	scr.mouse = mousemask(BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON1_DOUBLE_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED,
			    NULL) != 0;
	const char *no_color = getenv("NO_COLOR");
	bool off = color == TT_COLOR_NEVER || (color == TT_COLOR_AUTO && no_color && *no_color);
	scr.colors = !off && has_colors() && start_color() == OK;
	if (scr.colors)
		use_default_colors();
	prepare_last_words();
	catch_signals();
	top_screen_theme(theme);
	return 0;
}

void top_screen_close(void)
{
	if (!scr.screen)
		return;
	curs_set(1);
	endwin();
	delscreen(scr.screen);
	scr.screen = NULL;
}

void top_screen_size(int *cols, int *rows)
{
	*cols = COLS;
	*rows = LINES;
}

/* ------------------------------------------------------------------ out */

static void draw_line(const struct top_canvas *c, int row)
{
	const struct top_line *l = &c->lines[row];
	const char *text = tt_buf_str(&l->text);
	move(row, 0);
	for (size_t i = 0; i < l->spans.len; i++) {
		const struct top_span *s = &l->spans.data[i];
		size_t end = i + 1 < l->spans.len ? s[1].at : l->text.len;
		attr_set(scr.attrs[s->style], scr.pairs[s->style], NULL);
		addnstr(text + s->at, (int)(end - s->at));
	}
	attr_set(0, scr.pairs[TOP_STYLE_NORMAL], NULL);
	if (l->width < c->cols)
		clrtoeol();
}

void top_screen_draw(const struct top_canvas *c, bool anew)
{
	if (anew)
		clearok(stdscr, TRUE);
	for (int row = 0; row < c->rows && row < LINES; row++)
		draw_line(c, row);
	curs_set(c->cursor_row >= 0);
	if (c->cursor_row >= 0)
		move(c->cursor_row, c->cursor_col < COLS ? c->cursor_col : COLS - 1);
	refresh();
}

/* ------------------------------------------------------------------ in */

static int mouse_key(int *row, int *col)
{
	MEVENT e;
	static struct timespec last;
	struct timespec now;
	if (getmouse(&e) != OK)
		return TOP_KEY_NONE;
	bool same = e.y == *row && e.x == *col;
	*row = e.y;
	*col = e.x;
	if (e.bstate & BUTTON4_PRESSED)
		return TOP_KEY_WHEEL_UP;
	if (e.bstate & BUTTON5_PRESSED)
		return TOP_KEY_WHEEL_DOWN;
	if (!(e.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON1_DOUBLE_CLICKED)))
		return TOP_KEY_NONE;
	clock_gettime(CLOCK_MONOTONIC, &now);
	long ms = (now.tv_sec - last.tv_sec) * 1000 + (now.tv_nsec - last.tv_nsec) / 1000000;
	last = now;
	return same && ms < 400 ? TOP_KEY_DOUBLE_CLICK : TOP_KEY_CLICK;
}

static const struct {
	int curses, key;
} keys[] = {{KEY_UP, TOP_KEY_UP}, {KEY_DOWN, TOP_KEY_DOWN}, {KEY_LEFT, TOP_KEY_LEFT}, {KEY_RIGHT, TOP_KEY_RIGHT},
	{KEY_PPAGE, TOP_KEY_PAGE_UP}, {KEY_NPAGE, TOP_KEY_PAGE_DOWN}, {KEY_HOME, TOP_KEY_HOME}, {KEY_END, TOP_KEY_END},
	{KEY_BACKSPACE, TOP_KEY_BACKSPACE}, {127, TOP_KEY_BACKSPACE}, {8, TOP_KEY_BACKSPACE}, {KEY_DC, TOP_KEY_DELETE},
	{KEY_RESIZE, TOP_KEY_RESIZE}, {KEY_ENTER, '\n'}, {'\r', '\n'}};

int top_screen_key(int wait_ms, int *mouse_row, int *mouse_col, bool *stop)
{
	timeout(wait_ms);
	int ch = getch();
	*stop = stop_asked;
	if (ch == ERR)
		return TOP_KEY_NONE;
	if (ch == KEY_MOUSE)
		return mouse_key(mouse_row, mouse_col);
	if (ch >= KEY_F(1) && ch <= KEY_F(12))
		return TOP_F(ch - KEY_F(0));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].curses == ch)
			return keys[i].key;
	return ch < 256 ? ch : TOP_KEY_NONE;
}
