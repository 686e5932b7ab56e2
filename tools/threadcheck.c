/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * threadcheck.c - runs a program with the shim, and reports when it ended. main(): options, the order of events, words, status.
 * What it is not: running (lib/launch), analysis and layout (lib/out), which threadreport shares.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/launch/child.h"
#include "lib/launch/command.h"
#include "lib/launch/deadlock.h"
#include "lib/launch/gather.h"
#include "lib/launch/session.h"
#include "lib/launch/unseen.h"
#include "lib/out/report.h"
#include "lib/rec/find.h"
#include "lib/util/cli.h"
#include "lib/util/text.h"
#include "tools/report_options.h"

#define STATUS_TIMEOUT    124 /* as timeout(1) */
#define STATUS_CANNOT_RUN 126 /* these two as env(1) */
#define STATUS_NOT_FOUND  127
#define NOT_GIVEN         UINT64_MAX
#define WATCH_NS          UINT64_C(250000000) /* between looks for a deadlock */

static struct {
	struct tt_report_cli report;
	const char *output;
	uint64_t error_exitcode, timeout_ns, grace_ns;
	uint64_t stack_depth, max_size, events, loop_stall_ns;
	int hold, on_deadlock;
	bool keep, quiet, wait_all, follow;
} opt = {
	.error_exitcode = 66,
	.grace_ns = 5000000000,
	.stack_depth = NOT_GIVEN,
	.max_size = NOT_GIVEN,
	.events = NOT_GIVEN,
	.loop_stall_ns = NOT_GIVEN,
	.hold = -1,
	.follow = true,
};

static const char *const hold_names[] = {"sampled", "exact", NULL};
static const char *const deadlock_names[] = {"kill", "report", NULL};
enum on_deadlock { KILL, REPORT };

static const struct tt_opt options[] = {
	TT_OPT_GROUP("Report"),
	TT_REPORT_ROWS_OUTPUT(&opt.report, "standard error"),
	TT_OPT_FLAG('q', "quiet", &opt.quiet, "no text report unless asked for, and no remarks"),
	TT_REPORT_ROWS_SELECTION(&opt.report),
	TT_OPT_GROUP("Status"),
	TT_REPORT_ROWS_FINDINGS(
		&opt.report, "findings that fail a program that succeeded: note, warning, error (default), never"),
	TT_OPT_U64(0, "error-exitcode", "N", &opt.error_exitcode, 0, 255, "the status then (66)"),
	TT_OPT_GROUP("Program"),
	TT_OPT_DURATION(0, "timeout", "DURATION", &opt.timeout_ns, 1, UINT64_MAX,
		"end the program after that (30s, 5m), and report what its threads waited for"),
	TT_OPT_DURATION(0, "kill-after", "DURATION", &opt.grace_ns, 0, UINT64_MAX,
		"kill it when it has not ended so long after the timeout (5s)"),
	TT_OPT_CHOICE(0, "on-deadlock", "WHAT", &opt.on_deadlock, deadlock_names,
		"of threads that can never go on: kill (end the program, default) or report"),
	TT_OPT_FLAG(0, "wait-all", &opt.wait_all, "wait for all its descendants, daemons too"),
	TT_OPT_BOOL(0, "follow-children", &opt.follow, "record its child processes too (default)"),
	TT_OPT_GROUP("Recording"),
	TT_OPT_STR('o', "output", "FILE|DIR/", &opt.output, "keep the recordings there"),
	TT_OPT_FLAG(0, "keep", &opt.keep, "keep the recordings where threadreport looks for them"),
	TT_OPT_CHOICE(0, "hold", "HOW", &opt.hold, hold_names, "time lock holds: sampled (default) or exact"),
	TT_OPT_U64(0, "stack-depth", "N", &opt.stack_depth, 1, 40, "frames kept per stack (32)"),
	TT_OPT_SIZE(
		0, "max-size", "SIZE", &opt.max_size, 1 << 20, UINT64_C(32) << 30, "most that one recording may grow to (64M)"),
	TT_OPT_SIZE(0, "events", "SIZE", &opt.events, 0, UINT64_C(32) << 20, "of it for the events of the timeline (4M)"),
	TT_OPT_DURATION(0, "loop-stall", "DURATION", &opt.loop_stall_ns, 0, UINT64_MAX,
		"absences from an event loop that are noted as events (20ms)"),
	TT_OPT_GROUP("Names"),
	TT_REPORT_ROWS_NAMES(&opt.report),
	TT_OPT_END,
};

static const struct tt_cli cli = {
	.tool = "threadcheck",
	.usage = {"[OPTION]... [--] COMMAND [ARGUMENT]...", "--list-formats"},
	.summary = "Run COMMAND, and report which locks cost it time, who held them, and what its threads did.",
	.options = options,
	.footer = "Status: that of COMMAND (128+N: killed by signal N), or 66 when it was ended because of\n"
		  "a deadlock. When it succeeded: 66 with findings of the --fail-on level, 124 when that\n"
		  "was after the timeout.\n"
		  "126 and 127 when COMMAND cannot be run or found; 2 trouble of threadcheck.\n",
	.stop_at_first = true,
	.args = TT_ARGS_COMMAND,
};

/* One run, from the session's making to the report. */
struct run {
	struct tt_session session;
	char path[PATH_MAX]; /* the file of the command */
	struct tt_child_result child;
	struct tt_gather gather;
	struct tt_deadlock_watch watch;
	bool deadlock;           /* one was seen while it ran ... */
	bool deadlock_is_open;   /* ... and no suppression or baseline says that it is known */
	struct tt_unseen unseen; /* why the command left no recording, when it did not */
};

/* A remark on standard error, escaped. */
#define remark(...)                                      \
	do {                                             \
		if (!opt.quiet)                          \
			tt_cli_error(&cli, __VA_ARGS__); \
	} while (0)

/* ------------------------------------------------------------------ before */

static void setting(struct tt_buf *out, const char *fmt, uint64_t value)
{
	if (value == NOT_GIVEN)
		return;
	tt_buf_adds(out, out->len ? ":" : "");
	tt_buf_printf(out, fmt, value);
}

/* What the command line says of the shim's settings, in its own words. */
static void make_settings(struct tt_buf *out)
{
	setting(out, "stack-depth=%" PRIu64, opt.stack_depth);
	setting(out, "max-size=%" PRIu64, opt.max_size);
	setting(out, "events=%" PRIu64, opt.events);
	setting(out, "loop-stall=%" PRIu64 "ns", opt.loop_stall_ns);
	if (opt.hold >= 0)
		tt_buf_printf(out, "%shold=%s", out->len ? ":" : "", hold_names[opt.hold]);
	if (!opt.follow)
		tt_buf_printf(out, "%sfollow=no", out->len ? ":" : "");
}

/* What would fail only after a long run is tried now. */
static int check_outputs(struct tt_err *err)
{
	for (size_t i = 0; i < opt.report.reports.len; i++) {
		const char *file = strchr(opt.report.reports.items[i], '=');
		if (file && strcmp(file + 1, "-") != 0 && tt_session_check_file(file + 1, err) < 0)
			return -err->code;
	}
	if (opt.report.write_baseline && tt_session_check_file(opt.report.write_baseline, err) < 0)
		return -err->code;
	return opt.output ? tt_session_check_output(opt.output, err) : 0;
}

static int prepare(struct run *run, struct tt_environment *env, struct tt_err *err)
{
	TT_BUF_AUTO(settings);
	make_settings(&settings);
	int rc = check_outputs(err);
	if (rc == 0)
		rc = tt_session_create(&run->session, err);
	if (rc == 0)
		rc = tt_session_library(&run->session, getenv("THREADCHECK_LIBRARY"), err);
	if (rc == 0 && tt_unseen_harmful(run->path))
		run->session.library[0] = '\0';
	if (rc == 0)
		rc = tt_session_environment(&run->session, environ, tt_buf_str(&settings), env, err);
	return rc;
}

/* ------------------------------------------------------------------ while it runs */

static void take_snapshot(void *data)
{
	struct run *run = data;
	tt_gather_snapshot(&run->gather, &run->session);
}

/* Says each deadlock once, when it is there. True: the program is to be ended. */
static bool look_for_deadlock(void *data)
{
	struct run *run = data;
	TT_BUF_AUTO(words);
	int found = tt_deadlock_look(&run->watch, run->session.dir, &words);
	run->deadlock = run->deadlock || found > 0;
	for (const char *at = tt_buf_str(&words); *at;) {
		size_t len = strcspn(at, "\n");
		tt_cli_error(&cli, "%.*s", (int)len, at);
		at += len + (at[len] == '\n');
	}
	return found > 0 && opt.on_deadlock == KILL;
}

static void say_why_ended(const struct run *run, const char *name)
{
	TT_BUF_AUTO(why);
	if (run->child.ended == TT_CHILD_TIMEOUT)
		tt_buf_printf(&why, "timed out after %s", tt_ns(opt.timeout_ns).s);
	else
		tt_buf_adds(&why, "was ended because of the deadlock");
	remark("%s: %s%s; this is what its threads did then", name, tt_buf_str(&why),
		run->child.survived ? ", and cannot be killed"
		: run->child.killed ? ", and had to be killed"
				    : "");
}

static int run_program(struct run *run, char **argv, const struct tt_environment *env)
{
	struct tt_err err = {0};
	const struct tt_child_opts child = {
		.path = run->path,
		.argv = argv,
		.envp = env->vars.data,
		.timeout_ns = opt.timeout_ns,
		.grace_ns = opt.grace_ns,
		.wait_all = opt.wait_all,
		.watch = look_for_deadlock,
		.watch_ns = WATCH_NS,
		.before_end = take_snapshot,
		.data = run,
	};
	if (tt_child_run(&child, &run->child, &err) < 0) {
		tt_cli_error(&cli, "cannot run %s", err.msg);
		return run->child.pid < 0 ? TT_EXIT_FAILED : err.code == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN;
	}
	if (run->child.ended != TT_CHILD_BY_ITSELF)
		say_why_ended(run, argv[0]);
	return 0;
}

/* ------------------------------------------------------------------ the recordings */

static int gather(struct run *run, struct tt_err *err)
{
	struct tt_gather *g = &run->gather;
	int rc = tt_gather_finish(g, &run->session, &run->child, err);
	if (rc == 0 && !g->seen && tt_unseen_explain(run->path, run->session.dir, &run->unseen) < 0)
		rc = tt_err_set(err, ENOMEM, "out of memory");
	if (g->running && !opt.wait_all)
		remark("%u process%s of it still run%s, and the report says what they did so far (--wait-all waits for them)",
			g->running, g->running == 1 ? "" : "es", g->running == 1 ? "s" : "");
	return rc;
}

static void forget_paths(struct tt_rec_set *set)
{
	struct tt_rec *const *rec;
	vec_for_each (rec, &set->recs)
		tt_rec_moved(*rec, NULL);
}

/* Copies out what shall stay, and removes the folder. What could not be copied stays where it is. */
static int put_away(struct run *run)
{
	struct tt_err err = {0};
	struct tt_kept kept;
	char folder[PATH_MAX];
	const char *output = opt.output;
	if (!output && opt.keep) {
		tt_find_folder(folder, sizeof(folder) - 1);
		size_t len = strlen(folder);
		folder[len] = '/'; /* to be made if need be */
		folder[len + 1] = '\0';
		output = folder;
	}
	if (!output) {
		forget_paths(&run->gather.recs);
		tt_session_remove(&run->session);
		return 0;
	}
	int rc = tt_session_keep(&run->session, output, &run->gather.recs, &kept, &err);
	if (rc < 0) {
		tt_cli_error(&cli, "%s (the recordings are left in '%s')", err.msg, run->session.dir);
		tt_session_leave(&run->session);
		return rc;
	}
	if (kept.kept == 1)
		remark("the recording is '%s'", kept.first);
	else if (kept.kept)
		remark("%u recordings are kept: '%s' and more", kept.kept, kept.first);
	if (kept.running) {
		remark("%u recordings are still written to: '%s'", kept.running, run->session.dir);
		tt_session_leave(&run->session);
	} else {
		tt_session_remove(&run->session);
	}
	return 0;
}

/* ------------------------------------------------------------------ the report */

/* The program may have closed or changed them, or we were started without. */
static void mend_streams(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	int fd = open("/dev/null", O_RDWR); /* takes the first number that is free */
	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = dup(fd);
	if (fd >= 0)
		close(fd);
	int flags = fcntl(STDERR_FILENO, F_GETFL);
	if (flags >= 0 && (flags & O_NONBLOCK))
		fcntl(STDERR_FILENO, F_SETFL, flags & ~O_NONBLOCK);
}

/* The run itself gives a finding: what ran was not what was recorded. */
static int add_unseen(const struct run *run, struct tt_report *report)
{
	struct tt_findings *set = &report->findings;
	if (run->gather.seen && !run->gather.lost_sight)
		return 0;
	struct tt_finding *f = tt_findings_add(set, TT_RULE_INVISIBLE_LOCKING, NULL);
	if (f && run->gather.lost_sight) {
		f->title = "The program replaced itself by another one, which left no recording";
		f->advice =
			"See whether that one is statically linked, privileged, or run without LD_PRELOAD in its environment.";
		tt_finding_evidence(
			set, f, "process %d ended by exec, and nothing of it was recorded after that", (int)run->child.pid);
	} else if (f) {
		f->title = tt_findings_text(set, "Nothing of the program was recorded: %s", tt_buf_str(&run->unseen.why));
		f->advice = run->unseen.advice;
		tt_finding_evidence(set, f, "process %d left no recording", (int)run->child.pid);
	}
	if (f) {
		f->reason = "no recording of that process was found";
		f->confidence = TT_PROVEN;
		tt_finding_identify(f, run->gather.lost_sight ? "exec" : "unseen");
	}
	return !f || tt_report_settle(report) < 0 ? -ENOMEM : 0;
}

/* Of a return from main a recording knows that it was, but not the status: we do. */
static void note_status(const struct run *run, struct tt_model *model)
{
	struct tt_process *last = NULL, **p;
	vec_for_each (p, &model->processes)
		if ((pid_t)(*p)->pid == run->child.pid)
			last = *p;
	if (last && last->end == TT_END_EXITED && WIFEXITED(run->child.status))
		last->exit_code = WEXITSTATUS(run->child.status);
}

static int make_report(struct run *run, struct tt_report **ret, struct tt_err *err)
{
	struct tt_model *model = NULL;
	int rc = tt_model_create(&model, err);
	for (size_t i = 0; rc == 0 && i < run->gather.recs.recs.len; i++) {
		struct tt_rec *rec = run->gather.recs.recs.data[i];
		run->gather.recs.recs.data[i] = NULL; /* the model's now, also on failure */
		rc = tt_model_add(model, rec, err);
	}
	if (rc == 0)
		rc = tt_model_finish(model, err);
	if (rc < 0) {
		tt_model_destroy(model);
		return rc;
	}
	note_status(run, model);
	rc = tt_report_create(model, &opt.report.opts, ret, err);
	if (rc == 0 && add_unseen(run, *ret) < 0) {
		tt_report_destroy(*ret);
		rc = tt_err_set(err, ENOMEM, "out of memory");
	}
	return rc;
}

/* All that can be written is; the first error counts. */
static int write_reports(struct tt_report *report)
{
	struct tt_err err = {0};
	int rc = 0;
	if (opt.report.reports.len == 0 && !opt.quiet &&
		tt_report_write_spec(report, "text", stderr, opt.report.color, &err) < 0)
		rc = tt_cli_error(&cli, "%s", err.msg);
	for (size_t i = 0; i < opt.report.reports.len; i++)
		if (tt_report_write_spec(report, opt.report.reports.items[i], stderr, opt.report.color, &err) < 0)
			rc = tt_cli_error(&cli, "%s", err.msg);
	return rc;
}

/* One that was seen counts as its finding does; also when the report has none, as its process may have been replaced since. */
static bool deadlock_is_open(const struct tt_findings *findings)
{
	unsigned reported = 0;
	const struct tt_finding *f;
	vec_for_each (f, &findings->list) {
		if (f->rule == TT_RULE_DEADLOCK && f->state == TT_FINDING_OPEN)
			return true;
		reported += f->rule == TT_RULE_DEADLOCK;
	}
	return reported == 0;
}

/* *found: whether findings reach the level asked for. 0, or TT_EXIT_FAILED with the words said. */
static int report_run(struct run *run, bool *found)
{
	struct tt_err err = {0};
	struct tt_report *report;
	char **words;
	vec_for_each (words, &run->gather.recs.failures)
		remark("%s", *words);
	if (make_report(run, &report, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	*found = tt_report_cli_failed(&opt.report, report);
	run->deadlock_is_open = deadlock_is_open(&report->findings);
	int rc = write_reports(report);
	if (opt.report.write_baseline && tt_baseline_write(&report->findings, opt.report.write_baseline, &err) < 0)
		rc = tt_cli_error(&cli, "%s", err.msg);
	tt_report_destroy(report);
	return rc;
}

/* ------------------------------------------------------------------ main */

static int final_status(const struct run *run, bool failed, bool found)
{
	int own = run->child.survived ? 128 + SIGKILL : tt_child_exit_status(run->child.status);
	bool deadlock = run->deadlock && opt.report.fail_on != TT_FAIL_NEVER;
	/* It was we who ended it: its status says nothing, and a program that cannot go on has not succeeded, known or not. */
	if (run->child.ended == TT_CHILD_WATCH && deadlock)
		return (int)opt.error_exitcode;
	if (own)
		return own;
	if (run->child.ended == TT_CHILD_TIMEOUT)
		return STATUS_TIMEOUT;
	if (failed)
		return TT_EXIT_FAILED;
	return found || (deadlock && run->deadlock_is_open) ? (int)opt.error_exitcode : TT_EXIT_OK;
}

static int after_program(struct run *run)
{
	struct tt_err err = {0};
	bool found = false;
	mend_streams();
	bool failed = gather(run, &err) < 0;
	if (failed)
		tt_cli_error(&cli, "%s", err.msg);
	failed = put_away(run) < 0 || failed;
	tt_child_leave();
	failed = report_run(run, &found) != 0 || failed;
	return final_status(run, failed, found);
}

static int run_command(char **argv)
{
	struct run run = {.session = {.lock = -1}};
	struct tt_environment env = {0};
	struct tt_err err = {0};
	int rc = tt_command_find(argv[0], getenv("PATH"), run.path, sizeof(run.path), &err);
	if (rc < 0) {
		tt_cli_error(&cli, "cannot run %s", err.msg);
		return rc == -ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN;
	}
	int status;
	if (prepare(&run, &env, &err) < 0)
		status = tt_cli_error(&cli, "%s", err.msg);
	else if ((status = run_program(&run, argv, &env)) == 0)
		status = after_program(&run);
	tt_session_remove(&run.session);
	tt_environment_deinit(&env);
	tt_gather_deinit(&run.gather);
	tt_deadlock_deinit(&run.watch);
	tt_unseen_deinit(&run.unseen);
	return status;
}

int main(int argc, char **argv)
{
	struct tt_err err = {0};
	tt_report_cli_init(&opt.report, "threadcheck");
	int first = tt_cli_start(&cli, argc, argv);
	tt_report_cli_settle(&opt.report);
	int status;
	if (first == argc)
		status = tt_cli_misuse(&cli, "no command is given");
	else if (tt_report_cli_load(&opt.report, &err) < 0)
		status = tt_cli_error(&cli, "%s", err.msg);
	else
		status = run_command(argv + first);
	tt_report_cli_deinit(&opt.report);
	return tt_cli_finish(&cli, status);
}
