/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * threadreport.c - renders recordings as reports. main(): options, finding recordings, calls of lib/out.
 * What it is not: analysis or layout, which are lib's, so that threadcheck prints the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/out/report.h"
#include "lib/rec/find.h"
#include "lib/util/cli.h"
#include "lib/util/parse.h"
#include "lib/util/table.h"
#include "lib/util/text.h"

static struct {
	struct tt_report_opts report;
	struct tt_cli_list reports, locks, threads, sites, wrappers;
	const char *folder;
	enum tt_color color;
	int sort, fail_on;
	bool json, list, clean, no_inlines, no_lines;
} opt;

static const char *const fail_names[] = {"note", "warning", "error", "never", NULL};
#define FAIL_NEVER 3

static int take_top(void *value, const char *arg, struct tt_err *err)
{
	struct tt_report_opts *o = value;
	int rc = tt_parse_u64(arg, 0, UINT32_MAX, &o->top, err);
	if (rc == 0) {
		o->top_all = o->top;
		o->details = o->top ? o->top : UINT64_MAX;
	}
	return rc;
}

static int take_sections(void *value, const char *arg, struct tt_err *err)
{
	return tt_report_parse_sections(arg, value, err);
}

static int take_report(void *value, const char *arg, struct tt_err *err)
{
	(void)value;
	int rc = tt_report_check_spec(arg, err);
	if (rc < 0)
		return rc;
	const char **items = realloc(opt.reports.items, (opt.reports.len + 1) * sizeof(*items));
	if (!items)
		return tt_err_set(err, ENOMEM, "out of memory");
	opt.reports.items = items;
	items[opt.reports.len++] = arg;
	return 0;
}

static int take_threshold(void *value, const char *arg, struct tt_err *err)
{
	if (strcmp(arg, "help") == 0) {
		TT_BUF_AUTO(text);
		tt_thresholds_help(&text);
		fputs(tt_buf_str(&text), stdout);
		exit(tt_out_finish(err) < 0 ? TT_EXIT_FAILED : TT_EXIT_OK);
	}
	return tt_thresholds_set(value, arg, err);
}

static const struct tt_opt options[] = {
	TT_OPT_GROUP("Output"),
	TT_OPT_FLAG(0, "json", &opt.json, "print the report as JSON, the same as --report json"),
	TT_OPT_CALL(0, "report", "FORMAT[=FILE]", take_report, NULL, "write a report (text, json); repeatable"),
	TT_OPT_CALL(0, "section", "LIST", take_sections, &opt.report.sections,
		"sections of the text: summary, findings, locks, contention, threads, leaks, loops, gaps"),
	TT_OPT_CALL('n', "top", "N", take_top, &opt.report, "rows per list, 0 = all (text 10, JSON all)"),
	TT_OPT_CHOICE(
		0, "sort", "KEY", &opt.sort, tt_sort_names, "order of locks: wait, longest, contended, acquisitions, hold"),
	TT_OPT_FLAG(0, "each", &opt.report.each, "list every lock, not all born at one place in one row"),
	TT_OPT_U64(0, "frames", "N", &opt.report.frames, 0, 1000, "frames per stack, 0 = all with those of the C library"),
	TT_OPT_COLOR(&opt.color),
	TT_OPT_GROUP("Selection"),
	TT_OPT_LIST(0, "lock", "PATTERN", &opt.locks, "only locks with this name, place of birth or address"),
	TT_OPT_LIST(0, "thread", "PATTERN", &opt.threads, "only threads with this name, id or start routine"),
	TT_OPT_LIST(0, "site", "PATTERN", &opt.sites, "only what has a place in this function, file or module"),
	TT_OPT_GROUP("Findings"),
	TT_OPT_CALL(0, "threshold", "NAME=VALUE", take_threshold, &opt.report.thresholds,
		"from where on to report; 'help' lists the names"),
	TT_OPT_CHOICE(0, "fail-on", "LEVEL", &opt.fail_on, fail_names,
		"status 1 for findings of this level: note, warning, error (default), never"),
	TT_OPT_GROUP("Names"),
	TT_OPT_STR(0, "source-root", "DIR", &opt.report.names.source_root, "cut DIR from the paths of source files"),
	TT_OPT_STR(0, "debug-dir", "DIR", &opt.report.names.debug_dir, "where separate debug files are (/usr/lib/debug)"),
	TT_OPT_LIST(0, "wrapper", "PATTERN", &opt.wrappers, "functions that are no headline: show their caller"),
	TT_OPT_FLAG(0, "no-inlines", &opt.no_inlines, "do not look for inlined functions"),
	TT_OPT_FLAG(0, "no-lines", &opt.no_lines, "do not read line tables: functions only"),
	TT_OPT_GROUP("Recordings"),
	TT_OPT_FLAG('l', "list", &opt.list, "list the recordings instead of reporting"),
	TT_OPT_FLAG(0, "clean", &opt.clean, "remove recordings of processes that have ended"),
	TT_OPT_STR(0, "folder", "DIR", &opt.folder, "the folder of recordings, instead of the default ones"),
	TT_OPT_END,
};

static const struct tt_cli cli = {
	.tool = "threadreport",
	.usage = {"[OPTION]... [RECORDING|DIR|PID]...", "[--folder DIR] --list", "[--folder DIR] --clean"},
	.summary = "Report which locks cost a program time, who held them, and what its threads did.",
	.options = options,
	.footer = "Without an operand: the newest recording. A number is the id of a process that has\n"
		  "the recorder loaded. Status: 0 nothing found, 1 findings of the --fail-on level,\n"
		  "2 trouble.\n",
	.args = TT_ARGS_FILES,
};

/* ------------------------------------------------------------------ finding recordings */

/* Trouble with one recording: said, and the others are read all the same. */
struct gather {
	struct tt_model *model;
	unsigned opened, failed;
};

static int take_recording(struct gather *g, struct tt_rec *rec)
{
	struct tt_err err = {0};
	if (tt_model_add(g->model, rec, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	g->opened++;
	return 0;
}

static int add_file(struct gather *g, const char *path)
{
	struct tt_err err = {0};
	struct tt_rec *rec;
	if (tt_rec_open(path, NULL, &rec, &err) < 0) {
		g->failed++;
		tt_cli_error(&cli, "%s", err.msg);
		return 0;
	}
	return take_recording(g, rec);
}

static int add_pid(struct gather *g, const char *text)
{
	struct tt_err err = {0};
	struct tt_rec *rec;
	uint64_t pid;
	if (tt_parse_u64(text, 1, INT32_MAX, &pid, &err) < 0 || tt_find_open_pid((pid_t)pid, NULL, &rec, &err) < 0) {
		g->failed++;
		tt_cli_error(&cli, "%s", err.msg);
		return 0;
	}
	return take_recording(g, rec);
}

static int add_folder(struct gather *g, const char *dir)
{
	struct tt_err err = {0};
	struct tt_found_list list = {0};
	int rc = 0;
	if (tt_find_list(dir, &list, &err) < 0) {
		g->failed++;
		tt_cli_error(&cli, "%s", err.msg);
		return 0;
	}
	if (list.items.len == 0) {
		g->failed++;
		tt_cli_error(&cli, "no recording in '%s'", dir);
	}
	for (size_t i = 0; i < list.items.len && rc == 0; i++)
		rc = add_file(g, list.items.data[i].path);
	tt_found_list_deinit(&list);
	return rc;
}

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == 0;
}

static int add_operand(struct gather *g, const char *operand)
{
	struct stat st;
	if (stat(operand, &st) == 0 && S_ISDIR(st.st_mode))
		return add_folder(g, operand);
	return is_number(operand) ? add_pid(g, operand) : add_file(g, operand);
}

static int add_newest(struct gather *g)
{
	struct tt_err err = {0};
	char *path;
	if (tt_find_newest(opt.folder, &path, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	int rc = add_file(g, path);
	free(path);
	return rc;
}

/* ------------------------------------------------------------------ reports */

static int write_reports(struct tt_report *report)
{
	struct tt_err err = {0};
	if (opt.json || opt.reports.len == 0) {
		if (tt_report_write_spec(report, opt.json ? "json" : "text", stdout, opt.color, &err) < 0)
			return tt_cli_error(&cli, "%s", err.msg);
	}
	for (size_t i = 0; i < opt.reports.len; i++)
		if (tt_report_write_spec(report, opt.reports.items[i], stdout, opt.color, &err) < 0)
			return tt_cli_error(&cli, "%s", err.msg);
	return 0;
}

static int report_model(struct tt_model *model)
{
	struct tt_err err = {0};
	struct tt_report *report;
	opt.report.sort = (enum tt_sort)opt.sort;
	opt.report.locks = (struct tt_patterns){opt.locks.items, opt.locks.len};
	opt.report.threads = (struct tt_patterns){opt.threads.items, opt.threads.len};
	opt.report.sites = (struct tt_patterns){opt.sites.items, opt.sites.len};
	opt.report.names.no_inlines = opt.no_inlines;
	opt.report.names.no_lines = opt.no_lines;
	opt.report.names.wrappers = opt.wrappers.items;
	opt.report.names.wrapper_count = opt.wrappers.len;
	if (tt_report_create(model, &opt.report, &report, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	int status = write_reports(report);
	if (status == 0 && opt.fail_on != FAIL_NEVER && tt_report_found(report, (enum tt_level)opt.fail_on))
		status = TT_EXIT_FOUND;
	tt_report_destroy(report);
	return status;
}

static int run_report(int count, char **operands)
{
	struct gather g = {0};
	struct tt_err err = {0};
	if (tt_model_create(&g.model, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	int status = count ? 0 : add_newest(&g);
	for (int i = 0; i < count && status == 0; i++)
		status = add_operand(&g, operands[i]);
	if (status == 0 && g.opened == 0)
		status = TT_EXIT_FAILED;
	if (status == 0 && tt_model_finish(g.model, &err) < 0)
		status = tt_cli_error(&cli, "%s", err.msg);
	if (status != 0) {
		tt_model_destroy(g.model);
		return status;
	}
	status = report_model(g.model);
	return g.failed ? TT_EXIT_FAILED : status;
}

/* ------------------------------------------------------------------ --list, --clean */

static const char *life_text(const struct tt_found *f)
{
	if (f->error)
		return f->reason ? f->reason : "not readable";
	switch (f->life) {
	case TT_REC_RUNNING:
		return "running";
	case TT_REC_KILLED:
		return "killed";
	case TT_REC_UNKNOWN:
		return "not known";
	case TT_REC_ENDED:
		break;
	}
	static const char *const states[TTREC_STATE_MAX] = {[TTREC_STATE_EXITED] = "exited",
		[TTREC_STATE_FORCED] = "forced",
		[TTREC_STATE_EXEC] = "exec",
		[TTREC_STATE_ABORTED] = "aborted"};
	return f->state < TTREC_STATE_MAX && states[f->state] ? states[f->state] : "ended";
}

static void list_row(struct tt_table *table, const struct tt_found *f)
{
	char when[32] = "-";
	time_t seconds = (time_t)((f->error ? f->changed_ns : f->start_real_ns) / 1000000000u);
	struct tm tm;
	if (localtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	tt_table_cell(table, TT_STYLE_NONE, "%s", when);
	if (f->error)
		tt_table_cell(table, TT_STYLE_NONE, "-");
	else
		tt_table_cell(table, TT_STYLE_NONE, "%" PRIu32, f->pid);
	tt_table_cell(table, f->error ? TT_STYLE_ERROR : TT_STYLE_NONE, "%s", life_text(f));
	bool timed = !f->error && f->life == TT_REC_ENDED && f->end_ns;
	tt_table_cell(table, TT_STYLE_NONE, "%s", timed ? tt_ns(f->end_ns - 1).s : "-");
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_bytes(f->disk_bytes).s);
	tt_table_cell(table, TT_STYLE_BOLD, "%s", f->error || !f->command ? "-" : f->command);
	tt_table_cell(table, TT_STYLE_DIM, "%s", f->path);
}

static int run_list(void)
{
	static const struct tt_column columns[] = {
		{.header = "STARTED"},
		{.header = "PID", .align = TT_ALIGN_RIGHT},
		{.header = "STATE", .max = 40},
		{.header = "WALL", .align = TT_ALIGN_RIGHT},
		{.header = "SIZE", .align = TT_ALIGN_RIGHT},
		{.header = "COMMAND", .flexible = true, .min = 12, .max = 60},
		{.header = "RECORDING", .cut = TT_CUT_START},
	};
	struct tt_err err = {0};
	struct tt_found_list list = {0};
	TT_BUF_AUTO(out);
	struct tt_term term = tt_term_get(STDOUT_FILENO, opt.color);
	if (tt_find_list(opt.folder, &list, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	struct tt_table *table = tt_table_create(columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; table && i < list.items.len; i++)
		list_row(table, &list.items.data[i]);
	int rc = !table ? -ENOMEM : list.items.len ? tt_table_print(table, &out, &term) : 0;
	tt_table_destroy(table);
	tt_found_list_deinit(&list);
	if (rc < 0)
		return tt_cli_error(&cli, "out of memory");
	fputs(tt_buf_str(&out), stdout);
	return TT_EXIT_OK;
}

static int run_clean(void)
{
	struct tt_err err = {0};
	unsigned removed;
	uint64_t bytes;
	if (tt_find_clean(opt.folder, &removed, &bytes, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	printf("%u recording%s removed, %s\n", removed, removed == 1 ? "" : "s", tt_bytes(bytes).s);
	return TT_EXIT_OK;
}

int main(int argc, char **argv)
{
	tt_report_opts_init(&opt.report);
	opt.fail_on = TT_LEVEL_ERROR;
	int first = tt_cli_start(&cli, argc, argv);
	int count = argc - first;
	if ((opt.list || opt.clean) && count)
		return tt_cli_misuse(&cli, "--list and --clean take no recording: use --folder DIR");
	if (opt.list && opt.clean)
		return tt_cli_misuse(&cli, "--list and --clean exclude each other");
	if (opt.folder && count)
		return tt_cli_misuse(&cli, "--folder and recordings exclude each other");
	int status = opt.list ? run_list() : opt.clean ? run_clean() : run_report(count, argv + first);
	tt_cli_list_deinit(&opt.reports);
	tt_cli_list_deinit(&opt.locks);
	tt_cli_list_deinit(&opt.threads);
	tt_cli_list_deinit(&opt.sites);
	tt_cli_list_deinit(&opt.wrappers);
	return tt_cli_finish(&cli, status);
}
