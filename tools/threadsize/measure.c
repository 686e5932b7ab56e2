/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure.c - measuring a process, or a command under the recorder (measure.h). */
#include "tools/threadsize/measure.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/launch/child.h"
#include "lib/launch/command.h"
#include "lib/util/text.h"
#include "tools/threadsize/recorded.h"

#define LONGEST_LOOK_NS 20000000 /* of CPU time, that it may keep others waiting */

static uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void rest(uint64_t ns)
{
	struct timespec ts = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
	nanosleep(&ts, NULL);
}

/* Readable only by its owner and root. */
static void name_executable(struct measurement *m, pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	ssize_t n = readlink(path, m->executable, sizeof(m->executable) - 1);
	m->executable[n > 0 ? n : 0] = '\0';
}

/* ------------------------------------------------------------------ a process */

static void say_progress(uint64_t done, uint64_t window, bool last)
{
	if (last)
		fputs("\r\033[K", stderr);
	else
		fprintf(stderr, "\rmeasuring: %.1f of %.1f s", (double)done / 1e9, (double)window / 1e9);
	fflush(stderr);
}

/*
 * Where hundreds of threads want the processors, one that looks at them may get none for seconds: measured, 3 s beside 600
 * threads of a group on two. At the lowest real-time priority it gets one at once; needs root, or CAP_SYS_NICE.
 */
static bool look_at_once(void)
{
	const struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_RR)};
	return sched_getscheduler(0) == SCHED_OTHER && sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) == 0;
}

static bool look_in_turn(void)
{
	const struct sched_param none = {.sched_priority = 0};
	return sched_setscheduler(0, SCHED_OTHER, &none) == 0;
}

static int look_until(struct tt_pools *pools, uint64_t window_ns, bool progress)
{
	uint64_t start = now_ns(), shown = 0, done = 0;
	int64_t next = 0;
	bool at_once = look_at_once();
	while (next >= 0 && done < window_ns) {
		uint64_t cpu = tt_pools_own_ns();
		next = tt_pools_look(pools);
		if (at_once && tt_pools_own_ns() - cpu > LONGEST_LOOK_NS)
			at_once = !look_in_turn();
		done = now_ns() - start;
		if (progress && done - shown > 200000000) {
			say_progress(done, window_ns, false);
			shown = done;
		}
		if (next > 0 && done < window_ns)
			rest((uint64_t)next < window_ns - done ? (uint64_t)next : window_ns - done);
		done = now_ns() - start;
	}
	if (next >= 0)
		next = tt_pools_look(pools);
	if (at_once)
		look_in_turn();
	if (progress)
		say_progress(done, window_ns, true);
	return next < 0 ? (int)next : 0;
}

int measure_process(const struct tt_cli *cli, const struct tt_pools_subject *subject, const char *cgroup, uint64_t window_ns,
	bool progress, struct measurement *ret)
{
	struct tt_err err = {0};
	pid_t pid = subject->pids[0];
	const struct tt_limits_query query = {.pid = cgroup ? 0 : pid, .cgroup = cgroup};
	name_executable(ret, pid);
	if (tt_limits_read(&query, &ret->before, &err) < 0 || tt_pools_begin(subject, window_ns, &ret->pools, &err) < 0)
		return tt_cli_error(cli, "%s", err.msg);
	tt_usage_read(NULL, &ret->before, &ret->from);
	uint64_t own = tt_pools_own_ns();
	int rc = look_until(ret->pools, window_ns, progress);
	ret->own_ns = tt_pools_own_ns() - own;
	tt_usage_read(NULL, &ret->before, &ret->to);
	if (rc < 0)
		return tt_cli_error(cli, rc == -ESRCH ? "process %d ended while it was measured" : "out of memory", (int)pid);
	if (tt_limits_read(&query, &ret->after, &err) < 0 || tt_pools_finish(ret->pools, NULL, NULL, &err) < 0)
		return tt_cli_error(cli, "%s", err.msg);
	return 0;
}

/* ------------------------------------------------------------------ a command */

struct watch {
	struct measurement *m;
	struct tt_child_result child;
	uint64_t due_ns;
	bool children, began, gone;
	struct tt_err err;
};

/* Begins as soon as the command is there, and looks when it is time. Never asks for its end. */
static bool look_now(void *data)
{
	struct watch *w = data;
	uint64_t now = now_ns();
	if (w->gone || now < w->due_ns)
		return false;
	if (!w->began) {
		const struct tt_limits_query query = {.pid = w->child.pid};
		const struct tt_pools_subject subject = {&w->child.pid, 1, w->children};
		struct tt_limits limits;
		if (tt_limits_read(&query, &limits, &w->err) < 0 || tt_pools_begin(&subject, 0, &w->m->pools, &w->err) < 0) {
			tt_pools_destroy(w->m->pools); /* it may only just begin: again at the next look */
			w->m->pools = NULL;
			tt_limits_deinit(&limits);
			return false;
		}
		w->m->before = limits;
		tt_usage_read(NULL, &limits, &w->m->from);
		w->began = true;
	}
	int64_t next = tt_pools_look(w->m->pools);
	w->gone = next < 0;
	w->due_ns = now + (next > 0 ? (uint64_t)next : 0);
	if (!w->gone) { /* the latest is the one that counts: there is no looking back when it has ended */
		const struct tt_limits_query query = {.pid = w->child.pid};
		struct tt_limits limits;
		name_executable(w->m, w->child.pid);
		tt_usage_read(NULL, &w->m->before, &w->m->to);
		if (tt_limits_read(&query, &limits, NULL) == 0) {
			tt_limits_deinit(&w->m->after);
			w->m->after = limits;
		} else {
			tt_limits_deinit(&limits);
		}
	}
	return false;
}

int measure_command(const struct tt_cli *cli, char **argv, bool children, uint64_t window_ns, struct measurement *ret)
{
	struct tt_err err = {0};
	struct recorded recorded = {.session.dir = ""};
	struct watch watch = {.m = ret, .children = children};
	char path[PATH_MAX];
	if (tt_command_find(argv[0], getenv("PATH"), path, sizeof(path), &err) < 0)
		return tt_cli_error(cli, "cannot run %s", err.msg);
	if (recorded_prepare(&recorded, &err) < 0)
		return tt_cli_error(cli, "%s", err.msg);
	const struct tt_child_opts child = {.path = path,
		.argv = argv,
		.envp = recorded.env.vars.data,
		.timeout_ns = window_ns,
		.grace_ns = 2000000000,
		.watch = look_now,
		.watch_ns = 5000000,
		.data = &watch};
	int status = 0;
	if (tt_child_run(&child, &watch.child, &err) < 0)
		status = tt_cli_error(cli, "cannot run %s", err.msg);
	tt_child_leave();
	ret->status = tt_child_exit_status(watch.child.status);
	if (status == 0 && (!watch.began || !ret->after.levels.data))
		status = tt_cli_error(
			cli, "'%s' ended before it could be measured%s%s", argv[0], *watch.err.msg ? ": " : "", watch.err.msg);
	if (status == 0 && recorded_read(&recorded, &watch.child, &err) < 0)
		status = tt_cli_error(cli, "%s", err.msg);
	if (status == 0 && !recorded.seen)
		tt_cli_error(cli, "'%s' left no recording: idle and lock waits are as looked at from outside", argv[0]);
	if (status == 0 && tt_pools_finish(ret->pools, recorded_thread, &recorded, &err) < 0)
		status = tt_cli_error(cli, "%s", err.msg);
	ret->lock_share = status == 0 ? recorded_lock_share(&recorded, ret->pools) : 0;
	recorded_deinit(&recorded);
	return status;
}

void measurement_deinit(struct measurement *m)
{
	tt_pools_destroy(m->pools);
	tt_limits_deinit(&m->before);
	tt_limits_deinit(&m->after);
}
