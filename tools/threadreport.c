/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * threadreport.c - renders recordings as reports. main(): options, finding recordings, calls of lib/out.
 * What it is not: analysis or layout, which are lib's, so that threadcheck prints the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/out/diff.h"
#include "lib/out/report.h"
#include "lib/rec/find.h"
#include "lib/rec/set.h"
#include "lib/util/cli.h"
#include "lib/util/table.h"
#include "lib/util/text.h"
#include "tools/report_options.h"

static struct {
	struct tt_report_cli report;
	const char *folder;
	bool list, clean, diff;
} opt;

static const struct tt_opt options[] = {
	TT_OPT_GROUP("Output"),
	TT_REPORT_ROWS_OUTPUT(&opt.report, "standard output"),
	TT_OPT_GROUP("Selection"),
	TT_REPORT_ROWS_SELECTION(&opt.report),
	TT_OPT_GROUP("Findings"),
	TT_REPORT_ROWS_FINDINGS(&opt.report, "status 1 for findings of this level: note, warning, error (default), never"),
	TT_OPT_FLAG(0, "diff", &opt.diff, "compare two recordings, directories or saved JSON reports: OLD NEW"),
	TT_OPT_GROUP("Names"),
	TT_REPORT_ROWS_NAMES(&opt.report),
	TT_OPT_GROUP("Recordings"),
	TT_OPT_FLAG('l', "list", &opt.list, "list the recordings instead of reporting"),
	TT_OPT_FLAG(0, "clean", &opt.clean, "remove recordings of processes that have ended"),
	TT_OPT_STR(0, "folder", "DIR", &opt.folder, "the folder of recordings, instead of the default ones"),
	TT_OPT_END,
};

static const struct tt_cli cli = {
	.tool = "threadreport",
	.usage = {"[OPTION]... [RECORDING|DIR|PID]...", "[OPTION]... --diff OLD NEW", "[--folder DIR] --list",
		"[--folder DIR] --clean"},
	.summary = "Report which locks cost a program time, who held them, and what its threads did.",
	.options = options,
	.footer = "Without an operand: the newest recording. A number is the id of a process that has\n"
		  "the recorder loaded. Status: 0 nothing found, 1 findings of the --fail-on level,\n"
		  "2 trouble.\n",
	.args = TT_ARGS_FILES,
};

/* ------------------------------------------------------------------ reports */

/* Opens what was asked for. Trouble with one recording is said, and the others are read all the same: *failed. */
static int gather(struct tt_rec_set *set, int count, char **operands, bool *failed)
{
	const struct tt_rec_opts opts = {.steady_ns = TT_REC_STEADY_NS};
	struct tt_err err = {0};
	char *newest = NULL;
	if (count == 0) {
		if (tt_find_newest(opt.folder, &newest, &err) < 0)
			return tt_cli_error(&cli, "%s", err.msg);
		operands = &newest;
		count = 1;
	}
	for (int i = 0; i < count; i++) {
		if (tt_rec_set_add(set, operands[i], &opts, &err) < 0) {
			tt_cli_error(&cli, "%s", err.msg);
			*failed = true;
		}
	}
	free(newest);
	char *const *words;
	vec_for_each (words, &set->failures) {
		tt_cli_error(&cli, "%s", *words);
		*failed = true;
	}
	tt_rec_set_settle(set);
	return set->recs.len ? 0 : TT_EXIT_FAILED;
}

static int make_model(struct tt_rec_set *set, struct tt_model **ret)
{
	struct tt_err err = {0};
	struct tt_model *model;
	if (tt_model_create(&model, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	int rc = 0;
	size_t taken = 0;
	while (taken < set->recs.len && rc == 0)
		rc = tt_model_add(model, set->recs.data[taken++], &err);
	/* The model owns what it was given, the set the rest. */
	for (size_t i = taken; i < set->recs.len; i++)
		tt_rec_close(set->recs.data[i]);
	set->recs.len = 0;
	if (rc == 0)
		rc = tt_model_finish(model, &err);
	if (rc < 0) {
		tt_model_destroy(model);
		return tt_cli_error(&cli, "%s", err.msg);
	}
	*ret = model;
	return 0;
}

static int write_reports(struct tt_report *report)
{
	struct tt_err err = {0};
	const struct tt_report_cli *o = &opt.report;
	if (o->reports.len == 0 && tt_report_write_spec(report, "text", stdout, o->color, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	for (size_t i = 0; i < o->reports.len; i++)
		if (tt_report_write_spec(report, o->reports.items[i], stdout, o->color, &err) < 0)
			return tt_cli_error(&cli, "%s", err.msg);
	return 0;
}

static int report_model(struct tt_model *model)
{
	struct tt_err err = {0};
	struct tt_report *report;
	const struct tt_report_cli *o = &opt.report;
	if (tt_report_create(model, &o->opts, &report, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	int status = write_reports(report);
	if (status == 0 && tt_report_cli_failed(o, report))
		status = TT_EXIT_FOUND;
	if (o->write_baseline && tt_baseline_write(&report->findings, o->write_baseline, &err) < 0)
		status = tt_cli_error(&cli, "%s", err.msg);
	tt_report_destroy(report);
	return status;
}

static int run_report(int count, char **operands)
{
	struct tt_rec_set set = {0};
	struct tt_model *model = NULL;
	bool failed = false;
	struct tt_err err = {0};
	if (tt_report_cli_load(&opt.report, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	int status = gather(&set, count, operands, &failed);
	if (status == 0)
		status = make_model(&set, &model);
	tt_rec_set_deinit(&set);
	if (status != 0)
		return status;
	status = report_model(model);
	return failed ? TT_EXIT_FAILED : status;
}

/* ------------------------------------------------------------------ --diff */

/* The run of one operand. 0, or TT_EXIT_FAILED with the words said; *failed: a part of it could not be read. */
static int run_of(char *operand, struct tt_run *ret, bool *failed)
{
	struct tt_rec_set set = {0};
	struct tt_model *model = NULL;
	struct tt_report *report = NULL;
	struct tt_err err = {0};
	if (tt_run_is_saved(operand))
		return tt_run_load(operand, ret, &err) < 0 ? tt_cli_error(&cli, "%s", err.msg) : 0;
	int status = gather(&set, 1, &operand, failed);
	if (status == 0)
		status = make_model(&set, &model);
	tt_rec_set_deinit(&set);
	if (status == 0 && tt_report_create(model, &opt.report.opts, &report, &err) < 0)
		status = tt_cli_error(&cli, "%s", err.msg);
	if (status == 0 && tt_run_of_report(report, ret) < 0)
		status = tt_cli_error(&cli, "out of memory");
	tt_report_destroy(report);
	return status;
}

static int write_diff(struct tt_diff *d)
{
	struct tt_err err = {0};
	const struct tt_report_cli *o = &opt.report;
	if (o->reports.len == 0 && tt_diff_write_spec(d, "text", stdout, o->color, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	for (size_t i = 0; i < o->reports.len; i++)
		if (tt_diff_write_spec(d, o->reports.items[i], stdout, o->color, &err) < 0)
			return tt_cli_error(&cli, "%s", err.msg);
	return 0;
}

static int compare(const struct tt_run *old, const struct tt_run *new)
{
	struct tt_diff d;
	int status = tt_diff_create(old, new, &opt.report.opts, &d) < 0 ? tt_cli_error(&cli, "out of memory") : write_diff(&d);
	int fail_on = opt.report.fail_on;
	if (status == 0 && fail_on != TT_FAIL_NEVER && tt_diff_found(&d, (enum tt_level)fail_on))
		status = TT_EXIT_FOUND;
	tt_diff_deinit(&d);
	return status;
}

/* These make the report, and a saved one was made. NULL: nothing is wrong. */
static const char *needs_recordings(const char *new)
{
	const struct tt_report_cli *o = &opt.report;
	if (!tt_run_is_saved(new))
		return NULL;
	return o->opts.suppressions ? "--suppressions"
	       : o->opts.baseline   ? "--baseline"
	       : o->opts.budgets    ? "--budget"
	       : o->locks.len       ? "--lock"
	       : o->threads.len     ? "--thread"
	       : o->sites.len       ? "--site"
	                            : NULL;
}

static int run_diff(char **operands)
{
	struct tt_run old = {.texts = TT_SMAP_INIT}, new = {.texts = TT_SMAP_INIT};
	struct tt_err err = {0};
	bool failed = false;
	if (tt_report_cli_load(&opt.report, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	const char *option = needs_recordings(operands[1]);
	if (option)
		return tt_cli_misuse(&cli, "%s applies when a report is made: '%s' is one already", option, operands[1]);
	int status = run_of(operands[0], &old, &failed);
	if (status == 0)
		status = run_of(operands[1], &new, &failed);
	if (status == 0)
		status = compare(&old, &new);
	tt_run_deinit(&old);
	tt_run_deinit(&new);
	return failed ? TT_EXIT_FAILED : status;
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
		{.header = "COMMAND", .flexible = true, .min = 12, .cut = TT_CUT_MIDDLE},
		{.header = "RECORDING", .cut = TT_CUT_START},
	};
	struct tt_err err = {0};
	struct tt_found_list list = {0};
	TT_BUF_AUTO(out);
	struct tt_term term = tt_term_get(STDOUT_FILENO, opt.report.color);
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
	tt_report_cli_init(&opt.report, "threadreport");
	int first = tt_cli_start(&cli, argc, argv);
	tt_report_cli_settle(&opt.report);
	int count = argc - first;
	if ((opt.list || opt.clean) && count)
		return tt_cli_misuse(&cli, "--list and --clean take no recording: use --folder DIR");
	if (opt.list && opt.clean)
		return tt_cli_misuse(&cli, "--list and --clean exclude each other");
	if (opt.folder && count)
		return tt_cli_misuse(&cli, "--folder and recordings exclude each other");
	if (opt.diff && (count != 2 || opt.list || opt.clean))
		return tt_cli_misuse(
			&cli, "--diff takes two recordings, directories or saved reports: the old one, and the new one");
	if (opt.diff && opt.report.write_baseline)
		return tt_cli_misuse(&cli, "--diff and --write-baseline exclude each other");
	int status = opt.diff    ? run_diff(argv + first)
	             : opt.list  ? run_list()
	             : opt.clean ? run_clean()
	                         : run_report(count, argv + first);
	tt_report_cli_deinit(&opt.report);
	return tt_cli_finish(&cli, status);
}
