/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * threaddump.c - stacks of all threads of running programs, with what they wait for and who holds it. main(): options, which
 * processes are meant, series of dumps. What it is not: reading processes and layout, which are lib's.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/dump/dump.h"
#include "lib/out/dump.h"
#include "lib/sym/core.h"
#include "lib/util/cli.h"
#include "lib/util/parse.h"

static const char *const switch_names[] = {"off", "on", NULL};

static struct {
	struct tt_dump_options dump;
	struct tt_dump_view view;
	struct tt_cli_list threads, functions, states, cgroups;
	uint64_t repeat, interval_ns, frames;
	enum tt_color color;
	int args;
	bool consistent, never_stop, no_managed, json, folded, tree;
} opt = {.repeat = 1, .interval_ns = UINT64_C(1000000000), .args = 1};

static const struct tt_opt options[] = {
	TT_OPT_GROUP("Which processes and threads"),
	TT_OPT_FLAG(0, "tree", &opt.tree, "also all descendants of the processes"),
	TT_OPT_LIST(0, "cgroup", "PATH", &opt.cgroups, "all processes of a control group and those below it"),
	TT_OPT_LIST(0, "thread", "PATTERN", &opt.threads, "only threads with this name or id"),
	TT_OPT_LIST(0, "state", "STATE", &opt.states,
		"only threads that are: running, lock, disk, io, waiting, events, sleeping, stopped, other"),
	TT_OPT_LIST(0, "function", "PATTERN", &opt.functions, "only threads with this function on their stack"),
	TT_OPT_GROUP("How the process is read"),
	TT_OPT_FLAG(0, "consistent", &opt.consistent, "all threads at one moment: those that run are stopped together"),
	TT_OPT_FLAG(0, "never-stop", &opt.never_stop, "stop no thread, not even a running one; ask no JVM"),
	TT_OPT_FLAG(0, "no-managed", &opt.no_managed, "do not ask a JVM for its own dump"),
	TT_OPT_U64('r', "repeat", "N", &opt.repeat, 1, 100000, "dump N times, and show which threads did not run (1)"),
	TT_OPT_DURATION(
		'i', "interval", "TIME", &opt.interval_ns, 1000000, UINT64_C(86400000000000), "time between dumps (1s)"),
	TT_OPT_GROUP("Output"),
	TT_OPT_FLAG(0, "json", &opt.json, "write JSON, one document for each dump"),
	TT_OPT_FLAG(0, "folded", &opt.folded, "write folded stacks, for flame graphs"),
	TT_OPT_FLAG('s', "summary", &opt.view.no_stacks, "only what is wrong, and who waits for what: no stacks"),
	TT_OPT_FLAG(0, "no-group", &opt.view.no_group, "each thread for itself, also where stacks are identical"),
	TT_OPT_FLAG(0, "native", &opt.view.native, "native stacks below those of a JVM"),
	TT_OPT_U64(0, "frames", "N", &opt.frames, 0, 65536, "at most N frames of each stack; 0: all (0)"),
	TT_OPT_COLOR(&opt.color),
	TT_OPT_GROUP("Names"),
	TT_OPT_FLAG('l', "lines", &opt.dump.lines, "source files and lines"),
	TT_OPT_FLAG(0, "inlines", &opt.dump.inlines, "also functions that were inlined"),
	TT_OPT_CHOICE(
		0, "args", "WHEN", &opt.args, switch_names, "parameters in the names of C++ functions: on (default) or off"),
	TT_OPT_STR(0, "sysroot", "DIR", &opt.dump.sysroot, "where the files are that belong to a core file made elsewhere"),
	TT_OPT_STR(0, "debug-dir", "DIR", &opt.dump.debug_dirs, "where separate debug files are (/usr/lib/debug)"),
	TT_OPT_END,
};

static const struct tt_cli cli = {
	.tool = "threaddump",
	.usage = {"[OPTION]... PID|NAME|CORE...", "[OPTION]... --cgroup PATH"},
	.summary =
		"Show what every thread of a running program, or of a core file, does, what it waits for and who holds that.",
	.options = options,
	.footer = "The program is not changed, and its blocked threads are not stopped.\n"
		  "Status: 0 nothing found, 1 a deadlock, 2 trouble.\n",
	.args = TT_ARGS_PIDS,
};

/* ------------------------------------------------------------------ which processes */

static bool is_number(const char *text)
{
	return text[0] && text[strspn(text, "0123456789")] == '\0';
}

static struct tt_hmap asked_for; /* processes that were given by their number: that one of them is gone is an error */

/* The number of a thread means its process, and this thread alone. */
static int add_pid(struct tt_pids *pids, const char *text)
{
	struct tt_err err;
	struct tt_proc p;
	uint64_t n;
	if (tt_parse_u64(text, 1, INT32_MAX, &n, &err) < 0 || tt_proc_read((pid_t)n, &p, &err) < 0)
		return tt_cli_error(&cli, "%s", err.msg);
	pid_t pid = p.tgid;
	tt_proc_deinit(&p);
	if (pid == getpid())
		return tt_cli_error(&cli, "process %d is threaddump itself", (int)pid);
	if (pid != (pid_t)n) {
		const char **items = realloc(opt.threads.items, (opt.threads.len + 1) * sizeof(*items));
		if (!items)
			return tt_cli_error(&cli, "out of memory");
		opt.threads.items = items;
		items[opt.threads.len++] = text;
	}
	bool failed = tt_hmap_put(&asked_for, (uint64_t)pid, 1) < 0 || tt_vec_push(&pids->list, pid) < 0;
	return failed ? tt_cli_error(&cli, "out of memory") : 0;
}

static TT_VEC(const char *) cores;

/* The name of processes; or of a core file, which a name with a slash always is. */
static int add_name(struct tt_pids *pids, const char *name)
{
	struct stat st;
	bool is_path = strchr(name, '/');
	if (tt_snap_is_core(name))
		return tt_vec_push(&cores, name) < 0 ? tt_cli_error(&cli, "out of memory") : 0;
	if (is_path && stat(name, &st) == 0)
		return tt_cli_error(&cli, "'%s' is not a core file of x86-64 Linux", name);
	if (is_path)
		return tt_cli_error(&cli, "cannot open '%s': %s", name, strerror(errno));
	size_t before = pids->list.len;
	if (tt_pids_by_name(pids, name) < 0)
		return tt_cli_error(&cli, "cannot list processes: %s", strerror(errno));
	if (pids->list.len > before)
		return 0;
	return tt_cli_error(&cli,
		stat(name, &st) == 0 ? "no process is named '%s', and that file is no core file" : "no process named '%s'",
		name);
}

/* Each process once, where it was named first. */
static int drop_doubles(struct tt_pids *pids)
{
	struct tt_hmap seen = TT_HMAP_INIT;
	size_t kept = 0;
	bool is_new = true;
	for (size_t i = 0; i < pids->list.len; i++) {
		if (!tt_hmap_insert(&seen, (uint64_t)pids->list.data[i], &is_new)) {
			tt_hmap_deinit(&seen);
			return tt_cli_error(&cli, "out of memory");
		}
		if (is_new)
			pids->list.data[kept++] = pids->list.data[i];
	}
	pids->list.len = kept;
	tt_hmap_deinit(&seen);
	return 0;
}

/* What can be found is dumped, also when something else cannot. 0, or TT_EXIT_FAILED with the words said. */
static int find_processes(struct tt_pids *pids, int count, char **operands)
{
	struct tt_err err;
	int status = 0;
	for (int i = 0; i < count; i++)
		if ((is_number(operands[i]) ? add_pid : add_name)(pids, operands[i]) != 0)
			status = TT_EXIT_FAILED;
	for (size_t i = 0; i < opt.cgroups.len; i++)
		if (tt_pids_by_cgroup(pids, opt.cgroups.items[i], &err) < 0)
			status = tt_cli_error(&cli, "%s", err.msg);
	if (opt.tree && tt_pids_add_tree(pids) < 0)
		status = tt_cli_error(&cli, "cannot list processes");
	if (drop_doubles(pids) != 0)
		status = TT_EXIT_FAILED;
	return status;
}

/* ------------------------------------------------------------------ one dump */

static int take_states(uint32_t *doings)
{
	for (size_t i = 0; i < opt.states.len; i++) {
		enum tt_doing doing = tt_doing_find(opt.states.items[i]);
		if (doing == TT_DOING_MAX)
			return tt_cli_misuse(&cli,
				"'%s' is no state: running, lock, disk, io, waiting, events, sleeping, stopped, other",
				opt.states.items[i]);
		*doings |= 1u << doing;
	}
	return 0;
}

static uint32_t doings;

static int write_dump(struct tt_dump *d, struct tt_buf *text)
{
	struct tt_term term = tt_term_get(STDOUT_FILENO, opt.color);
	if (opt.json) {
		int rc = tt_dump_write_json(d, stdout);
		return rc < 0 ? tt_cli_error(&cli, "cannot write: %s", strerror(-rc)) : 0;
	}
	int rc = opt.folded ? tt_dump_write_folded(d, text) : tt_dump_write_text(d, &opt.view, &term, text);
	return rc < 0 ? tt_cli_error(&cli, "out of memory") : 0;
}

/* One that is dumped again and again. */
struct subject {
	pid_t pid;        /* 0: a core */
	const char *core; /* NULL: a process */
	struct tt_dump *dump;
};

/* Dumps it. The dump replaces the one before, which it is compared with. */
static int take(struct subject *s, bool *ret_gone)
{
	const struct tt_dump_filter filter = {.names = opt.threads.items,
		.name_count = opt.threads.len,
		.functions = opt.functions.items,
		.function_count = opt.functions.len,
		.doings = doings};
	struct tt_err err;
	struct tt_dump *d = NULL;
	int rc = s->core ? tt_dump_core(s->core, &opt.dump, &d, &err) : tt_dump_take(s->pid, &opt.dump, &d, &err);
	*ret_gone = rc == -ESRCH || rc == -ECHILD;
	if (d) {
		tt_dump_filter(d, &filter);
		if (s->dump)
			tt_dump_compare(d, s->dump);
	}
	tt_dump_destroy(s->dump);
	s->dump = d;
	/* Of those that were not asked for one by one, some end meanwhile. */
	if (rc < 0 && !(*ret_gone && s->pid && !tt_hmap_find(&asked_for, (uint64_t)s->pid)))
		return tt_cli_error(&cli, "%s", err.msg);
	return d && tt_dump_found(d) ? TT_EXIT_FOUND : TT_EXIT_OK;
}

static int show(struct tt_dump *d, bool first)
{
	bool is_text = !opt.json && !opt.folded;
	TT_BUF_AUTO(text);
	if (!first && is_text)
		tt_buf_addc(&text, '\n');
	int status = write_dump(d, &text);
	if (status == 0 && is_text && opt.view.of && opt.view.number == opt.view.of) {
		struct tt_term term = tt_term_get(STDOUT_FILENO, opt.color);
		if (tt_dump_write_still(d, (unsigned)opt.repeat, &term, &text) < 0)
			status = tt_cli_error(&cli, "out of memory");
	}
	fputs(tt_buf_str(&text), stdout);
	fflush(stdout);
	return status;
}

/* ------------------------------------------------------------------ all of them */

static void pause_until(struct timespec *next)
{
	next->tv_sec += (time_t)(opt.interval_ns / UINT64_C(1000000000));
	next->tv_nsec += (long)(opt.interval_ns % UINT64_C(1000000000));
	if (next->tv_nsec >= 1000000000L) {
		next->tv_nsec -= 1000000000L;
		next->tv_sec++;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL) == EINTR) {
	}
}

/* What is there of several, at a glance. */
static int show_overview(const struct subject *subjects, size_t count, bool first)
{
	struct tt_term term = tt_term_get(STDOUT_FILENO, opt.color);
	struct tt_dump **dumps = calloc(count, sizeof(struct tt_dump *));
	size_t n = 0;
	TT_BUF_AUTO(text);
	for (size_t i = 0; dumps && i < count; i++)
		if (subjects[i].dump)
			dumps[n++] = subjects[i].dump;
	if (!first)
		tt_buf_addc(&text, '\n');
	int rc = dumps && (n < 2 || tt_dump_write_overview(dumps, n, &term, &text) == 0) ? 0
	                                                                                 : tt_cli_error(&cli, "out of memory");
	if (n >= 2)
		fputs(tt_buf_str(&text), stdout);
	free(dumps);
	return rc;
}

static int worse(int a, int b)
{
	return a > b ? a : b;
}

/* One round. Text of several begins with all of them; else each is written as soon as it is there. */
static int dump_all(struct subject *subjects, size_t count, bool first, size_t *ret_dumped)
{
	bool overview = count > 1 && !opt.json && !opt.folded, gone;
	int worst = TT_EXIT_OK;
	for (size_t i = 0; i < count; i++) {
		worst = worse(worst, take(&subjects[i], &gone));
		*ret_dumped += subjects[i].dump || !gone;
		if (!overview && subjects[i].dump) {
			worst = worse(worst, show(subjects[i].dump, first));
			first = false;
		}
	}
	if (overview)
		worst = worse(worst, show_overview(subjects, count, first));
	for (size_t i = 0; overview && i < count; i++)
		if (subjects[i].dump)
			worst = worse(worst, show(subjects[i].dump, false));
	return worst;
}

static int run(const struct tt_pids *pids)
{
	size_t count = pids->list.len, dumped = 0;
	struct subject *subjects = calloc(count, sizeof(*subjects));
	struct timespec next;
	int worst = subjects ? TT_EXIT_OK : tt_cli_error(&cli, "out of memory");
	for (size_t i = 0; subjects && i < count; i++)
		subjects[i].pid = pids->list.data[i];
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (uint64_t n = 1; subjects && n <= opt.repeat; n++) {
		if (n > 1)
			pause_until(&next);
		opt.view.number = (unsigned)n;
		opt.view.of = opt.repeat > 1 ? (unsigned)opt.repeat : 0;
		worst = worse(worst, dump_all(subjects, count, n == 1, &dumped));
		if (n == 1 && !dumped && worst == TT_EXIT_OK)
			worst = tt_cli_error(&cli, "all processes have ended meanwhile");
	}
	for (size_t i = 0; subjects && i < count; i++)
		tt_dump_destroy(subjects[i].dump);
	free(subjects);
	return worst;
}

static int run_cores(bool first)
{
	struct subject *subjects = calloc(cores.len + 1, sizeof(*subjects));
	size_t dumped = 0;
	int worst = subjects ? TT_EXIT_OK : tt_cli_error(&cli, "out of memory");
	opt.view.of = 0;
	for (size_t i = 0; subjects && i < cores.len; i++)
		subjects[i].core = cores.data[i];
	if (subjects && cores.len)
		worst = dump_all(subjects, cores.len, first, &dumped);
	for (size_t i = 0; subjects && i < cores.len; i++)
		tt_dump_destroy(subjects[i].dump);
	free(subjects);
	return worst;
}

int main(int argc, char **argv)
{
	struct tt_pids pids = {0};
	int first = tt_cli_start(&cli, argc, argv), status = take_states(&doings);
	if (status)
		return status;
	if (first == argc && opt.cgroups.len == 0)
		return tt_cli_misuse(&cli, "which process? Give a PID, a NAME or a CORE file");
	if (opt.consistent && opt.never_stop)
		return tt_cli_misuse(&cli, "--consistent and --never-stop exclude each other");
	if (opt.json && opt.folded)
		return tt_cli_misuse(&cli, "--json and --folded exclude each other");
	opt.dump.mode = opt.consistent ? TT_SNAP_CONSISTENT : opt.never_stop ? TT_SNAP_NEVER_STOP : TT_SNAP_AUTO;
	opt.dump.managed = !opt.no_managed && !opt.never_stop;
	opt.dump.native = opt.view.native;
	opt.dump.short_names = !opt.args;
	opt.dump.max_frames = opt.frames;
	status = find_processes(&pids, argc - first, argv + first);
	int done = pids.list.len ? run(&pids) : TT_EXIT_OK;
	done = worse(done, run_cores(pids.list.len == 0));
	tt_vec_deinit(&pids.list);
	tt_vec_deinit(&cores);
	tt_hmap_deinit(&asked_for);
	tt_cli_list_deinit(&opt.threads);
	tt_cli_list_deinit(&opt.functions);
	tt_cli_list_deinit(&opt.states);
	tt_cli_list_deinit(&opt.cgroups);
	return tt_cli_finish(&cli, worse(status, done));
}
