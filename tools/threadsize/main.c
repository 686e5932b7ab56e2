/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * threadsize - the CPU that is really a process's, and how many threads to run on it. main.c: options, the order of events.
 * What it is not: reading limits and measuring (lib/proc), deciding (lib/size), layout (lib/out).
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/findings/pools.h"
#include "lib/out/size.h"
#include "lib/proc/limits.h"
#include "lib/proc/rootfile.h"
#include "lib/size/settings.h"
#include "lib/util/cli.h"
#include "lib/util/parse.h"
#include "tools/threadsize/measure.h"
#include "tools/threadsize/select.h"

static struct {
	const char *pid, *cgroup, *root, *settings, *pool;
	uint64_t window_ns, connections, per_task;
	double share_pct, slow_pct;
	bool json, runtimes, limits, explain, plot, quiet, children;
	int objective;
	enum tt_color color;
} opt = {.window_ns = 0, .per_task = 1, .share_pct = 95, .plot = true, .children = true};

static const char *const objectives[] = {"throughput", "latency", NULL};

static const struct tt_opt options[] = {
	TT_OPT_GROUP("Subject"),
	TT_OPT_STR('p', "pid", "PID", &opt.pid,
		"measure this process, given by number or name, instead of showing threadsize's own place"),
	TT_OPT_BOOL(0, "children", &opt.children, "and all that descends from it (default)"),
	TT_OPT_STR(0, "cgroup", "PATH", &opt.cgroup,
		"the limits of this control group: its path, or its directory; with --window its processes are measured"),
	TT_OPT_STR(0, "root", "DIR", &opt.root, "read every file of /proc and /sys below DIR; limits only"),
	TT_OPT_GROUP("Measurement"),
	TT_OPT_FLAG(0, "limits", &opt.limits, "limits only, no measurement"),
	TT_OPT_DURATION('w', "window", "DURATION", &opt.window_ns, 100000000, UINT64_C(86400000000000),
		"measure for so long (5s); a command until it ends, or is ended"),
	TT_OPT_STR(0, "pool", "NAME", &opt.pool, "only pools whose name begins so"),
	TT_OPT_FLAG('q', "quiet", &opt.quiet, "do not show how far the measurement is"),
	TT_OPT_GROUP("Size"),
	TT_OPT_CHOICE(0, "objective", "WHAT", &opt.objective, objectives,
		"throughput (default): use the CPU; latency: do not queue for it"),
	TT_OPT_PERCENT(0, "share", "PERCENT", &opt.share_pct, "of the CPU that is to be used under full load (95)"),
	TT_OPT_U64(0, "connections", "N", &opt.connections, 1, 100000, "connections (to a database) behind the pool"),
	TT_OPT_U64(0, "per-task", "N", &opt.per_task, 1, 1000, "of which one piece of work holds so many at once (1)"),
	TT_OPT_PERCENT(0, "slow", "PERCENT", &opt.slow_pct,
		"libuv: share of the pool's work that is slow (name look-ups), which half of the threads may do"),
	TT_OPT_GROUP("Report"),
	TT_OPT_FLAG(0, "runtimes", &opt.runtimes, "show what runtimes and servers would choose here, and where that is wrong"),
	TT_OPT_STR_OPTIONAL(0, "settings", "PROGRAM", &opt.settings, "auto",
		"show what to set, in the words of the program, or of PROGRAM (node, java, ...)"),
	TT_OPT_FLAG(0, "explain", &opt.explain, "show the arithmetic, step by step"),
	TT_OPT_BOOL(0, "plot", &opt.plot, "draw use of the CPU and time over pool sizes (default)"),
	TT_OPT_FLAG(0, "json", &opt.json, "write a JSON document (threadtools.size/1) instead of text"),
	TT_OPT_COLOR(&opt.color),
	TT_OPT_END,
};

static const struct tt_cli cli = {
	.tool = "threadsize",
	.usage = {"[OPTION]... [--limits | --cgroup PATH]", "[OPTION]... -p PID|NAME",
		"[OPTION]... [--] COMMAND [ARGUMENT]..."},
	.summary = "Show the CPU that a process really has, and how many threads to run on it.",
	.options = options,
	.footer = "Status: 0 nothing found, 1 a finding of level warning, 2 trouble, or the CPU limit is\n"
		  "not known (the report says what is, and why not).\n",
	.stop_at_first = true,
	.args = TT_ARGS_COMMAND,
};

/* ------------------------------------------------------------------ words, output */

/* "process 4711 (java)"; the name is the process's own: the text escapes it. */
static void name_subject(struct tt_buf *out, pid_t pid)
{
	TT_BUF_AUTO(name);
	char path[64];
	if (opt.cgroup) {
		tt_buf_printf(out, "control group %s", opt.cgroup);
		return;
	}
	if (pid == 0) {
		tt_buf_printf(out, opt.root ? "the process that '%s/proc/self' is" : "this place", opt.root);
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	tt_buf_printf(out, "process %d", (int)pid);
	if (tt_rootfile_read(opt.root, path, &name) == 0 && name.len > 1)
		tt_buf_printf(out, " (%.*s)", (int)name.len - 1, name.data);
}

static int write_report(const struct tt_size_doc *doc)
{
	TT_BUF_AUTO(out);
	struct tt_term term = tt_term_get(STDOUT_FILENO, opt.color);
	if (opt.json)
		return tt_size_json(doc, stdout) < 0 ? tt_cli_error(&cli, "cannot write the report") : TT_EXIT_OK;
	if (tt_size_text(doc, &term, &out) < 0)
		return tt_cli_error(&cli, "out of memory");
	fputs(tt_buf_str(&out), stdout);
	return TT_EXIT_OK;
}

static int limits_known(const struct tt_limits *l)
{
	if (l->effective_known)
		return TT_EXIT_OK;
	return tt_cli_error(&cli, "the CPU limit is not known: %s", l->quota_why ? l->quota_why : "no processors can be read");
}

static const char *settings_program(const char *executable, const char *title)
{
	return opt.settings && strcmp(opt.settings, "auto") != 0 ? opt.settings : tt_settings_program(executable, title);
}

/* ------------------------------------------------------------------ limits alone */

static int run_limits(pid_t pid)
{
	struct tt_limits limits;
	struct tt_err err = {0};
	TT_BUF_AUTO(subject);
	const struct tt_limits_query query = {.root = opt.root, .cgroup = opt.cgroup, .pid = pid};
	int status = TT_EXIT_OK;
	name_subject(&subject, pid);
	if (tt_limits_read(&query, &limits, &err) < 0) {
		status = tt_cli_error(&cli, "%s", err.msg);
	} else {
		const struct tt_size_doc doc = {.limits = &limits,
			.subject = tt_buf_str(&subject),
			.runtimes = opt.runtimes,
			.program = settings_program("", NULL),
			.settings = opt.settings ? settings_program("", NULL) : NULL};
		status = write_report(&doc);
		if (status == TT_EXIT_OK)
			status = limits_known(&limits);
	}
	tt_limits_deinit(&limits);
	return status;
}

/* ------------------------------------------------------------------ a measurement */

/* What one run makes of what was measured. */
struct result {
	struct measurement *m;
	struct tt_size_room room;
	double used_cpus, others_cpus, steal;
	struct tt_size_entry *entries;
	size_t count;
	struct tt_findings findings;
};

static double share_of(uint64_t from, uint64_t to, uint64_t whole)
{
	return to > from && whole ? (double)(to - from) / (double)whole : 0;
}

static uint64_t left(const struct tt_cap *cap)
{
	if (cap->state != TT_LIMIT_SET || !cap->used_known)
		return UINT64_MAX;
	return cap->limit > cap->used ? cap->limit - cap->used : 0;
}

/*
 * Others that take from the same CPU: of the group whose quota binds, else everybody on the machine, when the process may use
 * all of it, but for this program, which will be gone.
 */
static void find_others(struct result *r)
{
	const struct measurement *m = r->m;
	const struct tt_limits *l = &m->after;
	uint64_t window = m->pools->window_ns;
	double used = 0;
	r->used_cpus = window ? (double)m->pools->run_ns / (double)window : 0;
	if (l->bound == TT_BOUND_QUOTA && m->from.group_known && m->to.group_known)
		used = share_of(m->from.group_ns, m->to.group_ns, window);
	else if (l->bound == TT_BOUND_ONLINE && m->from.machine_known && m->to.machine_known)
		used = share_of(m->from.busy_ns + m->own_ns, m->to.busy_ns, window);
	r->others_cpus = fmax(0, used - r->used_cpus);
	r->steal = m->to.total_ns > m->from.total_ns
	                   ? share_of(m->from.steal_ns, m->to.steal_ns, m->to.total_ns - m->from.total_ns)
	                   : 0;
}

static void find_room(struct result *r)
{
	const struct tt_limits *l = &r->m->after;
	bool quota = l->bound == TT_BOUND_QUOTA && l->binding;
	find_others(r);
	r->room = (struct tt_size_room){
		.cpu = {.cpus = l->effective_known ? l->effective_cpus : 0,
			.machine = l->usable_cpus,
			.quota_ns = quota ? l->binding->quota_us * 1000 : 0,
			.period_ns = quota ? l->binding->period_us * 1000 : 0},
		.steal = r->steal,
		.threads_left = left(&l->pids),
		.memory_left = left(&l->memory),
		.stack_bytes = l->stack.state == TT_LIMIT_SET ? l->stack.limit : 0,
	};
}

static void take_measured(const struct result *r, const struct tt_pool *p, struct tt_size_measured *ret)
{
	const struct tt_pools *pools = r->m->pools;
	*ret = (struct tt_size_measured){.threads = p->threads,
		.window_ns = pools->window_ns,
		.wall_ns = p->wall_ns,
		.run_ns = p->run_ns,
		.delay_ns = p->delay_ns,
		.blocked_ns = p->blocked_ns,
		.work_ns = p->work_ns,
		.lock_ns = p->lock_ns,
		.idle_ns = p->idle_ns,
		.unknown_ns = p->unknown_ns,
		.stopped_ns = p->stopped_ns,
		.visits = p->visits,
		.looks = p->looks,
		.longest_delay_ns = p->longest_delay_ns,
		.half_run_ns = {p->half_run_ns[0], p->half_run_ns[1]},
		.half_blocked_ns = {p->half_blocked_ns[0], p->half_blocked_ns[1]},
		.busy_mean = p->busy_mean,
		.busy_max = p->busy_max,
		.exact = p->recorded,
		.cannot_look = pools->syscall_error != 0,
		.one_interpreter = p->interpreter_ns * 20 > p->run_ns,
		.processes = p->processes,
		.of_processes = p->members == TT_POOL_OF_PROCESSES,
		.private_bytes = p->memory.private_bytes,
		.page_table_bytes = p->memory.page_table_bytes,
		.lock_share = p->lock_ns * 20 > p->run_ns ? r->m->lock_share : 0};
}

/* Processes that are event loops are sized, too: of threads a loop is what the program makes of it. */
static bool is_sized(const struct tt_pool *p)
{
	bool workers = p->kind == TT_POOL_WORKERS || (p->kind == TT_POOL_LOOP && p->members == TT_POOL_OF_PROCESSES);
	return workers && p->threads > 0 && (!opt.pool || strncmp(p->name, opt.pool, strlen(opt.pool)) == 0);
}

static int advise(struct result *r)
{
	const struct tt_pools *pools = r->m->pools;
	const struct tt_size_wishes wishes = {.objective = (enum tt_size_objective)opt.objective,
		.share = opt.share_pct / 100,
		.connections = (unsigned)opt.connections,
		.per_task = (unsigned)opt.per_task,
		.slow_share = opt.slow_pct / 100};
	r->entries = calloc(pools->list.len + 1, sizeof(*r->entries));
	if (!r->entries)
		return -ENOMEM;
	for (size_t i = 0; i < pools->list.len; i++) {
		struct tt_size_entry *e = &r->entries[r->count++];
		struct tt_size_measured m;
		e->pool = &pools->list.data[i];
		e->sized = is_sized(e->pool);
		e->exact = e->pool->recorded;
		e->program = settings_program(e->pool->exe, e->pool->title);
		take_measured(r, e->pool, &m);
		r->room.others_cpus = r->others_cpus + fmax(0, r->used_cpus - (double)m.run_ns / (double)pools->window_ns);
		if (e->sized)
			tt_size_recommend(&m, &r->room, &wishes, &e->advice);
	}
	return 0;
}

static void find_of_pool(struct result *r, const struct tt_size_entry *e, const char *name)
{
	const struct tt_pool *p = e->pool;
	if (!p)
		return;
	bool sized = e->sized && !e->advice.refused;
	const struct tt_pool_facts facts = {.name = p->name,
		.threads = p->threads,
		.first_threads = p->first_threads,
		.window_ns = r->m->pools->window_ns,
		.wall_ns = p->wall_ns,
		.run_ns = p->run_ns,
		.delay_ns = p->delay_ns,
		.work_ns = p->work_ns,
		.lock_ns = p->lock_ns,
		.idle_ns = p->idle_ns,
		.inversions = p->inversions,
		.busy_mean = p->busy_mean,
		.busy_max = p->busy_max,
		.all_busy_share = p->all_busy_share,
		.size = sized ? e->advice.size : 0,
		.high = sized ? e->advice.high : 0,
		.now_share = e->advice.now.share,
		.then_share = e->advice.then.share,
		.processes = p->members == TT_POOL_OF_PROCESSES,
		.workers = p->kind == TT_POOL_WORKERS};
	tt_findings_of_pool(&r->findings, name, &facts, r->m->after.effective_cpus);
}

static const struct tt_cpu_level *same_level(const struct tt_limits *l, const char *path)
{
	const struct tt_cpu_level *level;
	vec_for_each (level, &l->levels)
		if (strcmp(level->path, path) == 0)
			return level;
	return NULL;
}

static void find_of_place(struct result *r, const char *name)
{
	const struct tt_limits *l = &r->m->after;
	struct tt_place_facts facts = {.cpus = l->quota_cpus,
		.used_cpus = r->used_cpus + r->others_cpus,
		.steal = r->steal,
		.window_ns = r->m->pools->window_ns};
	const struct tt_cpu_level *before = l->binding ? same_level(&r->m->before, l->binding->path) : NULL;
	if (before && before->throttling.known && l->binding->throttling.known) {
		struct tt_cpu_level within = *l->binding;
		within.throttling.periods -= before->throttling.periods;
		within.throttling.throttled -= before->throttling.throttled;
		within.throttling.throttled_ns -= before->throttling.throttled_ns;
		tt_throttle_stall(&within, l->usable_cpus, &facts.stall_min_ns, &facts.stall_max_ns);
		facts.group = l->binding->path;
		facts.periods = within.throttling.periods;
		facts.throttled = within.throttling.throttled;
		facts.period_ns = within.period_us * 1000;
	}
	tt_findings_of_place(&r->findings, name, &facts);
}

static int judge(struct result *r)
{
	const char *slash = strrchr(r->m->executable, '/'), *name = slash ? slash + 1 : r->m->executable;
	find_room(r);
	if (advise(r) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < r->count; i++)
		find_of_pool(r, &r->entries[i], name);
	find_of_place(r, name);
	return tt_findings_finish(&r->findings);
}

static int report_measurement(struct measurement *m, const char *subject)
{
	struct result r = {.m = m, .findings = TT_FINDINGS_INIT};
	int status = TT_EXIT_OK;
	if (judge(&r) < 0) {
		status = tt_cli_error(&cli, "out of memory");
	} else {
		const struct tt_size_doc doc = {.limits = &m->after,
			.subject = subject,
			.runtimes = opt.runtimes,
			.pools = m->pools,
			.entries = r.entries,
			.count = r.count,
			.findings = &r.findings,
			.used_cpus = r.used_cpus,
			.others_cpus = r.others_cpus,
			.steal = r.steal,
			.objective = (enum tt_size_objective)opt.objective,
			.program = settings_program(m->executable, NULL),
			.settings = opt.settings ? settings_program(m->executable, NULL) : NULL,
			.explain = opt.explain,
			.plot = opt.plot};
		status = write_report(&doc);
		if (status == TT_EXIT_OK)
			status = limits_known(&m->after);
		if (status == TT_EXIT_OK && m->pools->syscall_error)
			status = tt_cli_error(&cli,
				"what the threads wait for cannot be read: %s; run as the same user or as root",
				strerror(m->pools->syscall_error));
		if (status == TT_EXIT_OK && tt_findings_count(&r.findings, TT_LEVEL_WARNING))
			status = TT_EXIT_FOUND;
	}
	tt_findings_deinit(&r.findings);
	free(r.entries);
	return status;
}

static int run_processes(const struct tt_pids *pids)
{
	struct measurement m = {.lock_share = 0};
	TT_BUF_AUTO(subject);
	const struct tt_pools_subject what = {pids->list.data, pids->list.len, opt.children};
	name_subject(&subject, pids->list.data[0]);
	bool progress = !opt.quiet && isatty(STDERR_FILENO);
	int status =
		measure_process(&cli, &what, opt.cgroup, opt.window_ns ? opt.window_ns : UINT64_C(5000000000), progress, &m);
	if (status == 0)
		status = report_measurement(&m, tt_buf_str(&subject));
	measurement_deinit(&m);
	return status;
}

static int run_command(char **argv)
{
	struct measurement m = {.lock_share = 0};
	TT_BUF_AUTO(subject);
	tt_buf_printf(&subject, "command '%s'", argv[0]);
	int status = measure_command(&cli, argv, opt.children, opt.window_ns, &m);
	if (status == 0 && m.status && !opt.quiet)
		tt_cli_error(&cli, "'%s' ended with status %d", argv[0], m.status);
	if (status == 0)
		status = report_measurement(&m, tt_buf_str(&subject));
	measurement_deinit(&m);
	return status;
}

/* ------------------------------------------------------------------ main */

static int check_options(bool command)
{
	int error;
	if ((opt.pid != NULL) + (opt.cgroup != NULL) + command > 1)
		return tt_cli_misuse(&cli, "--pid, --cgroup and a command exclude each other");
	if (command && (opt.root || opt.limits))
		return tt_cli_misuse(&cli, "--root and --limits take no command");
	if (opt.window_ns && opt.cgroup && (opt.root || opt.limits))
		return tt_cli_misuse(&cli, "--root and --limits measure nothing: without --window");
	if (opt.root && !tt_rootfile_is_dir(NULL, opt.root, &error))
		return tt_cli_error(&cli, "cannot read '%s': %s", opt.root, strerror(error ? error : ENOTDIR));
	if (opt.settings && strcmp(opt.settings, "auto") != 0 && !tt_settings_known(opt.settings))
		return tt_cli_misuse(&cli, "--settings: nothing is known of '%s'", opt.settings);
	if (opt.share_pct < 10 || opt.share_pct > 99)
		return tt_cli_misuse(&cli, "--share: 10 to 99 percent can be aimed at");
	return 0;
}

int main(int argc, char **argv)
{
	struct tt_pids pids = {0};
	int first = tt_cli_start(&cli, argc, argv);
	int status = check_options(first < argc);
	if (status == 0)
		status = select_processes(&cli, opt.pid, opt.root, opt.window_ns ? opt.cgroup : NULL, &pids);
	if (status == 0 && first < argc)
		status = run_command(argv + first);
	else if (status == 0 && pids.list.len && !opt.limits && !opt.root)
		status = run_processes(&pids);
	else if (status == 0)
		status = run_limits(pids.list.len ? pids.list.data[0] : 0);
	tt_vec_deinit(&pids.list);
	return tt_cli_finish(&cli, status);
}
