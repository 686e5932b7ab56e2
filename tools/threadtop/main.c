/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * threadtop - shows live what the threads of this machine do and what they wait for. main(): options, and which mode runs.
 */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/util/cli.h"
#include "lib/util/parse.h"
#include "lib/util/regex.h"
#include "lib/util/text.h"
#include "tools/threadtop/ui.h"

static struct top_app app = {.delay_ns = 1000000000u};

static struct {
	struct tt_cli_list pids;
	const char *name, *thread, *cgroup, *container, *user, *states, *where;
	const char *columns, *sort, *until;
	const char *record, *replay, *screen, *keys, *config;
	uint64_t iterations, top, pools, record_max;
	int view, theme;
	bool batch, csv, json, no_config;
	enum tt_color color;
} opt = {.pools = 50, .view = -1, .theme = -1, .record_max = 256u << 20};

static struct top_ui ui;

static int list_columns(void *value, const char *arg, struct tt_err *err)
{
	static const char *const kinds[] = {"percent", "per second", "number", "ns", "bytes", "text"};
	(void)value;
	(void)arg;
	for (unsigned i = 0; i < TOP_COLUMNS; i++) {
		const struct top_column *c = &top_columns[i];
		printf("%-21s %-12s %-10s %s\n", c->id, c->header, kinds[c->kind], c->help);
	}
	exit(tt_out_finish(err) < 0 ? TT_EXIT_FAILED : TT_EXIT_OK);
}

static const struct tt_opt options[] = {
	TT_OPT_GROUP("Selection"),
	TT_OPT_LIST('p', "pid", "PID[,PID]...", &opt.pids, "only these processes"),
	TT_OPT_FLAG(0, "children", &app.select.children, "and all that descend from them"),
	TT_OPT_STR(0, "name", "REGEX", &opt.name, "processes whose name or command line matches"),
	TT_OPT_STR('u', "user", "USER", &opt.user, "processes of this user, a name or a number"),
	TT_OPT_STR(0, "cgroup", "REGEX", &opt.cgroup, "processes in a control group that matches"),
	TT_OPT_STR(0, "container", "ID", &opt.container, "processes of a container: its id or the beginning of it"),
	TT_OPT_STR('t', "thread", "REGEX", &opt.thread, "threads whose name matches"),
	TT_OPT_STR('s', "state", "LETTERS", &opt.states, "threads in one of these states: R S D T t Z I"),
	TT_OPT_STR('w', "where", "CONDITION", &opt.where, "threads that fulfil it: 'cpu_pct>5 and name~worker'"),
	TT_OPT_FLAG('k', "kernel", &app.select.kernel, "also kernel threads"),
	TT_OPT_GROUP("View"),
	TT_OPT_CHOICE('v', "view", "VIEW", &opt.view, top_view_names, "threads, tree, pools or locks"),
	TT_OPT_STR('o', "columns", "LIST", &opt.columns, "columns by id; with + or - in front: more, or fewer"),
	TT_OPT_CALL(0, "list-columns", NULL, list_columns, NULL, "list all columns"),
	TT_OPT_STR('S', "sort", "COLUMN", &opt.sort, "order by it; with - in front the other way round"),
	TT_OPT_DURATION('d', "delay", "TIME", &app.delay_ns, 10000000u, 3600000000000u, "between refreshes: 1s, 500ms ..."),
	TT_OPT_GROUP("Output without a screen"),
	TT_OPT_FLAG('b', "batch", &opt.batch, "print each refresh as text"),
	TT_OPT_FLAG(0, "json", &opt.json, "print each refresh as a line of JSON"),
	TT_OPT_FLAG(0, "csv", &opt.csv, "print each refresh as lines of CSV"),
	TT_OPT_U64('n', "iterations", "N", &opt.iterations, 1, UINT64_MAX, "end after N refreshes"),
	TT_OPT_U64(0, "top", "N", &opt.top, 1, UINT64_MAX, "print the first N rows only"),
	TT_OPT_STR(0, "until", "CONDITION", &opt.until, "end with status 1 when it becomes true: 'run_queue_pct>50 for 10s'"),
	TT_OPT_STR(0, "openmetrics", "FILE", &app.metrics, "write pools for Prometheus's node exporter into FILE"),
	TT_OPT_U64(0, "metrics-pools", "N", &opt.pools, 1, 10000, "at most N pools there, the rest as one (50)"),
	TT_OPT_GROUP("Recordings"),
	TT_OPT_STR(0, "record", "FILE", &opt.record, "keep all refreshes in FILE"),
	TT_OPT_SIZE(0, "record-max", "SIZE", &opt.record_max, 65536, UINT64_MAX, "the newest SIZE of them (256M)"),
	TT_OPT_STR(0, "replay", "FILE", &opt.replay, "show a recording instead of this machine"),
	TT_OPT_GROUP("Screen"),
	TT_OPT_CHOICE(0, "theme", "THEME", &opt.theme, top_theme_names, "colours: default, light, contrast or mono"),
	TT_OPT_STR(0, "config", "FILE", &opt.config, "the configuration file, instead of the user's"),
	TT_OPT_FLAG(0, "no-config", &opt.no_config, "read and write no configuration file"),
	TT_OPT_STR(0, "screen", "COLSxROWS", &opt.screen, "print the screen of this size as text, with -n"),
	TT_OPT_STR(0, "keys", "KEYS", &opt.keys, "act as if these had been typed first: '3', 'P', '<F1>'"),
	TT_OPT_COLOR(&opt.color),
	TT_OPT_END,
};

static const struct tt_cli cli = {
	.tool = "threadtop",
	.usage = {"[OPTION]...", "-b|--json|--csv [-n N] [-d TIME] [OPTION]...", "--replay FILE [OPTION]..."},
	.summary = "Show live what threads do: CPU, waiting for a CPU, what blocks them, who holds it.",
	.options = options,
	.footer = "Status: 0, 1 when --until became true, 2 trouble.\n",
	.args = TT_ARGS_NONE,
};

/* ------------------------------------------------------------------ options */

static int take_regex(const char *text, regex_t *regex, bool *has, const char *option)
{
	struct tt_err err;
	if (!text)
		return 0;
	if (tt_regex_compile(regex, text, &err) < 0)
		return tt_cli_misuse(&cli, "--%s: %s", option, err.msg);
	*has = true;
	return 0;
}

static int take_pids(void)
{
	for (size_t i = 0; i < opt.pids.len; i++) {
		char *copy = strdup(opt.pids.items[i]), *save = NULL;
		for (char *one = copy ? strtok_r(copy, ",", &save) : NULL; one; one = strtok_r(NULL, ",", &save)) {
			struct tt_err err;
			uint64_t pid;
			char path[32];
			if (tt_parse_u64(one, 1, INT32_MAX, &pid, &err) < 0) {
				free(copy);
				return tt_cli_misuse(&cli, "--pid: %s", err.msg);
			}
			snprintf(path, sizeof(path), "/proc/%u/task", (unsigned)pid);
			if (!opt.replay && access(path, F_OK) < 0) {
				free(copy);
				return tt_cli_error(&cli, "there is no process %u", (unsigned)pid);
			}
			tt_vec_push(&app.select.pids, (uint32_t)pid);
		}
		free(copy);
	}
	return 0;
}

static int take_user(void)
{
	uint64_t uid;
	struct tt_err err;
	if (!opt.user)
		return 0;
	const struct passwd *pw = getpwnam(opt.user);
	if (!pw && tt_parse_u64(opt.user, 0, UINT32_MAX, &uid, &err) < 0)
		return tt_cli_error(&cli, "there is no user '%s'", opt.user);
	app.select.uid = pw ? pw->pw_uid : (uint32_t)uid;
	app.select.has_user = true;
	return 0;
}

static int take_conditions(void)
{
	struct tt_err err;
	if (opt.where && top_expr_parse(opt.where, &app.select.where, &err) < 0)
		return tt_cli_misuse(&cli, "--where: %s", err.msg);
	if (opt.where && app.select.where.for_ns)
		return tt_cli_misuse(&cli, "--where takes no 'for': that is for --until");
	if (opt.until && top_expr_parse(opt.until, &app.alarm.expr, &err) < 0)
		return tt_cli_misuse(&cli, "--until: %s", err.msg);
	return 0;
}

static int take_selection(void)
{
	struct top_select *s = &app.select;
	int rc = take_pids();
	if (rc == 0)
		rc = take_user();
	if (rc == 0)
		rc = take_regex(opt.name, &s->name, &s->has_name, "name");
	if (rc == 0)
		rc = take_regex(opt.thread, &s->thread, &s->has_thread, "thread");
	if (rc == 0)
		rc = take_regex(opt.cgroup, &s->cgroup, &s->has_cgroup, "cgroup");
	if (rc == 0)
		rc = take_conditions();
	if (rc)
		return rc;
	if (s->children && s->pids.len == 0)
		return tt_cli_misuse(&cli, "--children needs --pid");
	if (opt.states && strspn(opt.states, "RSDTtZXIP") != strlen(opt.states))
		return tt_cli_misuse(&cli, "--state: '%s' has a letter that is none of R S D T t Z X I P", opt.states);
	s->states = opt.states ? strdup(opt.states) : NULL;
	s->container = opt.container ? strdup(opt.container) : NULL;
	return 0;
}

static int take_view(void)
{
	struct tt_err err;
	struct top_view *v = &app.view;
	if (opt.view >= 0)
		v->kind = (enum top_view_kind)opt.view;
	bool pools = v->kind == TOP_VIEW_POOLS;
	struct top_column_set *set = pools ? &v->pool_columns : v->kind == TOP_VIEW_LOCKS ? &v->lock_columns : &v->columns;
	if (opt.columns && top_columns_parse(opt.columns, set, &err) < 0)
		return tt_cli_misuse(&cli, "--columns: %s", err.msg);
	if (!opt.sort)
		return 0;
	bool reverse = *opt.sort == '-';
	const char *id = opt.sort + reverse;
	int column = top_column_find(id, strlen(id));
	if (column < 0)
		return tt_cli_misuse(&cli, "--sort: '%s' is no column: see --list-columns", id);
	bool descending = !top_column_ascends((enum top_column_id)column) != reverse;
	*(pools ? &v->pool_sort : &v->sort) = column;
	*(pools ? &v->pool_descending : &v->descending) = descending;
	return 0;
}

/* What only writes files or waits needs no screen. */
static bool is_batch(void)
{
	bool files = app.metrics || opt.record;
	return opt.batch || opt.json || opt.csv || opt.until ||
	       (files && !opt.screen && (opt.iterations || !isatty(STDOUT_FILENO)));
}

static int check_modes(void)
{
	if (opt.json + opt.csv > 1)
		return tt_cli_misuse(&cli, "--json and --csv exclude each other");
	if (opt.screen && is_batch())
		return tt_cli_misuse(&cli, "--screen and -b, --json, --csv exclude each other");
	if (opt.record && opt.replay)
		return tt_cli_misuse(&cli, "--record and --replay exclude each other");
	if (opt.config && opt.no_config)
		return tt_cli_misuse(&cli, "--config and --no-config exclude each other");
	return 0;
}

/* The user's settings, before what the command line says. Without a screen only a file that is named counts: scripts get
 * the same columns everywhere. */
static int take_config(void)
{
	struct top_config config;
	struct tt_err err;
	static char *path;
	if (opt.no_config || (!opt.config && (is_batch() || opt.screen)))
		return 0;
	path = opt.config ? strdup(opt.config) : top_config_path();
	ui.config = path;
	int rc = path ? top_config_read(path, &config, &err) : 0;
	if (path && rc == 0) {
		rc = top_config_apply(&config, &app, &ui.theme, &err);
		if (rc < 0)
			tt_err_prefix(&err, "%s", path);
	}
	if (path)
		top_config_deinit(&config);
	return rc < 0 ? tt_cli_error(&cli, "%s", err.msg) : 0;
}

static int open_source(void)
{
	struct tt_err err;
	int rc = opt.replay ? top_source_replay(opt.replay, &app.select, &app.source, &err)
	                    : top_source_live(&app.select, &app.source, &err);
	if (rc == 0 && opt.record)
		rc = tt_recorder_create(opt.record, opt.record_max, &app.recorder, &err);
	if (rc < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	app.view.check_procs = opt.replay != NULL;
	if (top_source_problem(app.source))
		fprintf(stderr, "threadtop: %s\n", top_source_problem(app.source));
	return 0;
}

/* ------------------------------------------------------------------ batch */

static void add_ns(struct timespec *ts, uint64_t ns)
{
	uint64_t sum = (uint64_t)ts->tv_nsec + ns;
	ts->tv_sec += (time_t)(sum / 1000000000u);
	ts->tv_nsec = (long)(sum % 1000000000u);
}

/* Sleeps until the next refresh is due; refreshes that were missed are left out. */
static void sleep_until_due(struct timespec *due)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	add_ns(due, app.delay_ns);
	if (due->tv_sec < now.tv_sec || (due->tv_sec == now.tv_sec && due->tv_nsec < now.tv_nsec)) {
		*due = now;
		return;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, due, NULL) == EINTR)
		;
}

static int print_frame(const struct tt_term *term, bool first)
{
	const struct tt_top_frame *f = top_source_frame(app.source);
	int rc = opt.json  ? top_batch_json(stdout, &app.view, f, &app.facts, opt.top)
	         : opt.csv ? top_batch_csv(stdout, &app.view, f, opt.top, first)
	                   : top_batch_text(stdout, &app.view, f, &app.facts, opt.top, term);
	fflush(stdout);
	if (ferror(stdout))
		return TT_EXIT_FAILED; /* tt_cli_finish() says why */
	return rc < 0 ? tt_cli_error(&cli, "%s", strerror(-rc)) : 0;
}

static int tell_alarm(void)
{
	const struct top_row *r = &app.alarm_row;
	fprintf(stderr, "threadtop: ");
	TT_BUF_AUTO(who);
	TT_BUF_AUTO(clean);
	if (r->kind == TOP_ROW_TASK)
		tt_buf_printf(
			&who, "thread %u '%s' of process %u '%s'", r->task->tid, r->task->name, r->proc->pid, r->proc->name);
	else
		tt_buf_printf(&who, "pool '%s' of process %u '%s'", r->pool->name, r->proc->pid, r->proc->name);
	tt_text_escape(&clean, tt_buf_str(&who), who.len);
	fprintf(stderr, "%s: %s\n", tt_buf_str(&clean), opt.until);
	return TT_EXIT_FOUND;
}

/* True when processes were asked for by number, and none of them is there any more. */
static bool all_ended(void)
{
	return app.select.pids.len && top_source_frame(app.source)->procs.len == 0;
}

/* The first frame has nothing to compare with, and is not printed; of a recording only when it has no span either. */
static int run_batch(void)
{
	struct tt_err err;
	struct tt_term term = tt_term_get(STDOUT_FILENO, opt.color);
	struct timespec due;
	bool quiet = !opt.batch && !opt.json && !opt.csv, printed = false;
	size_t rows = quiet ? 0 : opt.top ? opt.top : SIZE_MAX;
	clock_gettime(CLOCK_MONOTONIC, &due);
	for (uint64_t shown = 0; !opt.iterations || shown < opt.iterations;) {
		int rc = top_app_next(&app, 0, rows, &err);
		if (rc < 0)
			return tt_cli_error(&cli, "%s", err.msg);
		if (rc > 0 || (!opt.replay && all_ended()))
			return TT_EXIT_OK;
		bool first = top_source_frame(app.source)->span_ns == 0;
		int status = first || quiet ? 0 : print_frame(&term, !printed);
		shown += !first;
		printed |= !first;
		if (status)
			return status;
		if (app.alarmed)
			return tell_alarm();
		if (!opt.replay && (!opt.iterations || shown < opt.iterations))
			sleep_until_due(&due);
	}
	return TT_EXIT_OK;
}

/* ------------------------------------------------------------------ screen */

/* "abc<F1><Enter><Down>": one key per character, names in angle brackets. 0 at the end, -1 for a name that is none. */
static int next_key(const char **p)
{
	static const struct {
		const char *name;
		int key;
	} names[] = {{"<Enter>", '\n'}, {"<Esc>", 27}, {"<Tab>", '\t'}, {"<Space>", ' '}, {"<Up>", TOP_KEY_UP},
		{"<Down>", TOP_KEY_DOWN}, {"<Left>", TOP_KEY_LEFT}, {"<Right>", TOP_KEY_RIGHT}, {"<PgUp>", TOP_KEY_PAGE_UP},
		{"<PgDn>", TOP_KEY_PAGE_DOWN}, {"<Home>", TOP_KEY_HOME}, {"<End>", TOP_KEY_END},
		{"<Backspace>", TOP_KEY_BACKSPACE}, {"<lt>", '<'}};
	const char *text = *p;
	unsigned f;
	int len = 0;
	if (!*text)
		return 0;
	if (*text != '<') {
		*p = text + 1;
		return (unsigned char)*text;
	}
	if (sscanf(text, "<F%2u>%n", &f, &len) == 1 && len && f >= 1 && f <= 12) {
		*p = text + len;
		return TOP_F((int)f);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(text, names[i].name, strlen(names[i].name)) == 0) {
			*p = text + strlen(names[i].name);
			return names[i].key;
		}
	return -1;
}

/* Bad names are known before the screen is opened. */
static int check_keys(void)
{
	int key;
	for (const char *p = opt.keys ? opt.keys : ""; (key = next_key(&p)) != 0;)
		if (key < 0)
			return tt_cli_misuse(&cli, "--keys: '%s' begins with no key's name", p);
	return 0;
}

static void type_keys(void)
{
	int key;
	for (const char *p = opt.keys ? opt.keys : ""; (key = next_key(&p)) > 0;)
		top_ui_key(&ui, key);
}

/* Screens as text: after the first frame, the keys, and n - 1 frames more. */
static int run_text_screen(void)
{
	struct tt_err err;
	struct timespec due;
	unsigned cols, rows;
	char end;
	if (sscanf(opt.screen, "%3ux%3u%c", &cols, &rows, &end) != 2 || cols < 1 || rows < 1)
		return tt_cli_misuse(&cli, "--screen: '%s' is no size: 80x24", opt.screen);
	ui.cols = (int)cols;
	ui.rows = (int)rows;
	clock_gettime(CLOCK_MONOTONIC, &due);
	for (uint64_t i = 0; i <= (opt.iterations ? opt.iterations : 1); i++) {
		int rc = top_ui_next(&ui, &err);
		if (rc < 0)
			return tt_cli_error(&cli, "%s", err.msg);
		if (rc > 0)
			break;
		if (!opt.replay && i < (opt.iterations ? opt.iterations : 1))
			sleep_until_due(&due);
	}
	/* The first drawing tells how many rows there are. */
	top_ui_draw(&ui);
	type_keys();
	top_ui_draw(&ui);
	top_canvas_print(&ui.canvas, stdout);
	return TT_EXIT_OK;
}

static int run_screen(void)
{
	struct tt_err err;
	ui.type_first = type_keys;
	int status = top_ui_run(&ui, opt.color, &err);
	if (status == TT_EXIT_FAILED)
		return tt_cli_error(&cli, "%s", err.msg);
	return app.alarmed ? tell_alarm() : status;
}

int main(int argc, char **argv)
{
	top_view_init(&app.view, &app.select);
	top_ui_init(&ui, &app, 80, 24);
	int first = tt_cli_start(&cli, argc, argv);
	if (first < argc)
		return tt_cli_misuse(&cli, "unexpected operand '%s': processes are named by --pid or --name", argv[first]);
	app.metrics_pools = (unsigned)opt.pools;
	int status = check_modes();
	if (status == 0)
		status = take_config();
	if (status == 0)
		status = take_selection();
	if (status == 0)
		status = take_view();
	if (opt.theme >= 0)
		ui.theme = opt.theme;
	if (status == 0)
		status = check_keys();
	if (status == 0)
		status = open_source();
	if (status == 0)
		status = is_batch() ? run_batch() : opt.screen ? run_text_screen() : run_screen();
	top_ui_deinit(&ui);
	top_app_deinit(&app);
	free((char *)ui.config);
	tt_cli_list_deinit(&opt.pids);
	return tt_cli_finish(&cli, status);
}
