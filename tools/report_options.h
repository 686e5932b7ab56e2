/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * report_options.h - the options of a report, for every tool that writes one: rows for its option table, and what they fill.
 *
 *   static struct tt_report_cli report;
 *   static const struct tt_opt options[] = {TT_REPORT_ROWS_OUTPUT(&report), ..., TT_OPT_END};
 *   tt_report_cli_init(&report, "threadcheck");
 *   int first = tt_cli_start(&cli, argc, argv);
 *   tt_report_cli_settle(&report);
 *   if (tt_report_cli_load(&report, &err) == 0)       // report.opts is ready for tt_report_create()
 *
 * Code that only a main() may have: it prints and exits for --threshold help. Included by the tools.
 */
#ifndef TT_TOOLS_REPORT_OPTIONS_H
#define TT_TOOLS_REPORT_OPTIONS_H

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/out/report.h"
#include "lib/util/cli.h"
#include "lib/util/parse.h"

struct tt_report_cli {
	struct tt_report_opts opts;
	struct tt_cli_list reports; /* FORMAT[=FILE], checked */
	struct tt_cli_list locks, threads, sites, wrappers, suppression_files;
	const char *baseline_file, *write_baseline;
	struct tt_budgets budgets;
	struct tt_suppressions suppressions;
	struct tt_baseline baseline;
	char root[PATH_MAX];
	enum tt_color color;
	int sort, fail_on; /* fail_on: enum tt_level, or TT_FAIL_NEVER */
	bool no_inlines, no_lines;
};

#define TT_FAIL_NEVER ((int)TT_LEVEL_MAX)
static const char *const tt_fail_names[] = {"note", "warning", "error", "never", NULL};

static inline int tt_report_take_top(void *value, const char *arg, struct tt_err *err)
{
	struct tt_report_opts *o = value;
	int rc = tt_parse_u64(arg, 0, UINT32_MAX, &o->top, err);
	if (rc == 0) {
		o->top_all = o->top;
		o->details = o->top ? o->top : UINT64_MAX;
	}
	return rc;
}

static inline int tt_report_take_sections(void *value, const char *arg, struct tt_err *err)
{
	return tt_report_parse_sections(arg, value, err);
}

static inline int tt_report_take_spec(void *value, const char *arg, struct tt_err *err)
{
	struct tt_cli_list *list = value;
	int rc = tt_report_check_spec(arg, err);
	if (rc < 0)
		return rc;
	const char **items = realloc(list->items, (list->len + 1) * sizeof(*items));
	if (!items)
		return tt_err_set(err, ENOMEM, "out of memory");
	list->items = items;
	items[list->len++] = arg;
	return 0;
}

static inline int tt_report_take_json(void *value, const char *arg, struct tt_err *err)
{
	(void)arg;
	return tt_report_take_spec(value, "json", err);
}

static inline int tt_report_take_list_formats(void *value, const char *arg, struct tt_err *err)
{
	(void)value;
	(void)arg;
	for (unsigned i = 0; i < TT_FORMAT_MAX; i++)
		printf("%-14s %s\n", tt_format_names[i], tt_format_helps[i]);
	exit(tt_out_finish(err) < 0 ? TT_EXIT_FAILED : TT_EXIT_OK);
}

/* Prints what a table says of itself, and exits: NAME help. */
static inline int tt_report_print_help(int (*help)(struct tt_buf *out), struct tt_err *err)
{
	TT_BUF_AUTO(text);
	help(&text);
	fputs(tt_buf_str(&text), stdout);
	exit(tt_out_finish(err) < 0 ? TT_EXIT_FAILED : TT_EXIT_OK);
}

static inline int tt_report_take_budget(void *value, const char *arg, struct tt_err *err)
{
	return strcmp(arg, "help") == 0 ? tt_report_print_help(tt_budgets_help, err) : tt_budgets_add(value, arg, err);
}

static inline int tt_report_take_threshold(void *value, const char *arg, struct tt_err *err)
{
	if (strcmp(arg, "help") == 0)
		return tt_report_print_help(tt_thresholds_help, err);
	return tt_thresholds_set(value, arg, err);
}

/* clang-format off */
/* r: struct tt_report_cli *, static. where: "standard output" or "standard error". */
#define TT_REPORT_ROWS_OUTPUT(r, where) \
	TT_OPT_CALL(0, "report", "FORMAT[=FILE]", tt_report_take_spec, &(r)->reports, \
		"write a report to FILE, or to " where "; repeatable"), \
	TT_OPT_CALL(0, "list-formats", NULL, tt_report_take_list_formats, NULL, "list the formats of reports"), \
	TT_OPT_CALL(0, "json", NULL, tt_report_take_json, &(r)->reports, "the same as --report json"), \
	TT_OPT_CALL(0, "section", "LIST", tt_report_take_sections, &(r)->opts.sections, \
		"sections of the text: summary, findings, locks, contention, threads, leaks, loops, gaps"), \
	TT_OPT_CALL('n', "top", "N", tt_report_take_top, &(r)->opts, "rows per list, 0 = all (text 10, JSON all)"), \
	TT_OPT_CHOICE(0, "sort", "KEY", &(r)->sort, tt_sort_names, \
		"order of locks: wait, longest, contended, acquisitions, hold"), \
	TT_OPT_FLAG(0, "each", &(r)->opts.each, "list every lock, not all born at one place in one row"), \
	TT_OPT_U64(0, "frames", "N", &(r)->opts.frames, 0, 1000, "frames per stack, 0 = all with those of the C library"), \
	TT_OPT_COLOR(&(r)->color)
#define TT_REPORT_ROWS_SELECTION(r) \
	TT_OPT_LIST(0, "lock", "PATTERN", &(r)->locks, "only locks with this name, place of birth or address"), \
	TT_OPT_LIST(0, "thread", "PATTERN", &(r)->threads, "only threads with this name, id or start routine"), \
	TT_OPT_LIST(0, "site", "PATTERN", &(r)->sites, "only what has a place in this function, file or module")
#define TT_REPORT_ROWS_FINDINGS(r, fail_help) \
	TT_OPT_CALL(0, "threshold", "NAME=VALUE", tt_report_take_threshold, &(r)->opts.thresholds, \
		"from where on to report; 'help' lists the names"), \
	TT_OPT_FLAG(0, "explain", &(r)->opts.explain, "also the lock orders that look wrong but cannot deadlock, and why"), \
	TT_OPT_CHOICE(0, "fail-on", "LEVEL", &(r)->fail_on, tt_fail_names, fail_help), \
	TT_OPT_CALL(0, "budget", "NAME<LIMIT", tt_report_take_budget, &(r)->budgets, \
		"a limit to keep, such as wait_p99<2ms; repeatable; 'help' lists the names"), \
	TT_OPT_LIST(0, "suppressions", "FILE", &(r)->suppression_files, \
		"lines that say which findings are as they should be; repeatable"), \
	TT_OPT_STR(0, "baseline", "FILE", &(r)->baseline_file, "findings that are known: they are shown, and fail nothing"), \
	TT_OPT_STR(0, "write-baseline", "FILE", &(r)->write_baseline, "write the findings of this run to FILE, for --baseline")
#define TT_REPORT_ROWS_NAMES(r) \
	TT_OPT_STR(0, "source-root", "DIR", &(r)->opts.names.source_root, "cut DIR from the paths of source files"), \
	TT_OPT_STR(0, "debug-dir", "DIR", &(r)->opts.names.debug_dir, "where separate debug files are (/usr/lib/debug)"), \
	TT_OPT_LIST(0, "wrapper", "PATTERN", &(r)->wrappers, "functions that are no headline: show their caller"), \
	TT_OPT_FLAG(0, "no-inlines", &(r)->no_inlines, "do not look for inlined functions"), \
	TT_OPT_FLAG(0, "no-lines", &(r)->no_lines, "do not read line tables: functions only")
/* clang-format on */

/* Before the options are parsed. */
static inline void tt_report_cli_init(struct tt_report_cli *r, const char *tool)
{
	memset(r, 0, sizeof(*r));
	tt_report_opts_init(&r->opts);
	r->opts.tool = tool;
	r->fail_on = TT_LEVEL_ERROR;
}

/* Files are named from --source-root in SARIF and annotations, without it from the current directory. */
static inline void tt_report_settle_root(struct tt_report_cli *r)
{
	const char **source = &r->opts.names.source_root;
	if (!*source)
		r->opts.root = getcwd(r->root, sizeof(r->root));
	else if (**source == '/')
		r->opts.root = *source;
	else if (realpath(*source, r->root))
		r->opts.root = *source = r->root;
}

/* After that. */
static inline void tt_report_cli_settle(struct tt_report_cli *r)
{
	r->opts.sort = (enum tt_sort)r->sort;
	r->opts.locks = (struct tt_patterns){r->locks.items, r->locks.len};
	r->opts.threads = (struct tt_patterns){r->threads.items, r->threads.len};
	r->opts.sites = (struct tt_patterns){r->sites.items, r->sites.len};
	r->opts.names.no_inlines = r->no_inlines;
	r->opts.names.no_lines = r->no_lines;
	r->opts.names.wrappers = r->wrappers.items;
	r->opts.names.wrapper_count = r->wrappers.len;
	r->opts.fail_on = (enum tt_level)r->fail_on;
	tt_report_settle_root(r);
}

/* Reads the files that the options name, before the work begins. 0 or -errno with words. */
static inline int tt_report_cli_load(struct tt_report_cli *r, struct tt_err *err)
{
	int rc = 0;
	for (size_t i = 0; i < r->suppression_files.len && rc == 0; i++)
		rc = tt_suppressions_load(&r->suppressions, r->suppression_files.items[i], err);
	if (rc == 0 && r->baseline_file)
		rc = tt_baseline_load(&r->baseline, r->baseline_file, err);
	r->opts.suppressions = r->suppression_files.len ? &r->suppressions : NULL;
	r->opts.baseline = r->baseline_file ? &r->baseline : NULL;
	r->opts.budgets = r->budgets.list.len ? &r->budgets : NULL;
	return rc;
}

/* True when the report has what --fail-on asks for. */
static inline bool tt_report_cli_failed(const struct tt_report_cli *r, const struct tt_report *report)
{
	return r->fail_on != TT_FAIL_NEVER && tt_report_found(report, (enum tt_level)r->fail_on);
}

static inline void tt_report_cli_deinit(struct tt_report_cli *r)
{
	tt_cli_list_deinit(&r->reports);
	tt_cli_list_deinit(&r->locks);
	tt_cli_list_deinit(&r->threads);
	tt_cli_list_deinit(&r->sites);
	tt_cli_list_deinit(&r->wrappers);
	tt_cli_list_deinit(&r->suppression_files);
	tt_suppressions_deinit(&r->suppressions);
	tt_baseline_deinit(&r->baseline);
	tt_budgets_deinit(&r->budgets);
}

#endif
