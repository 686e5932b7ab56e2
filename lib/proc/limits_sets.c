/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limits_sets.c - which processors: affinity, cpuset, online; scheduling policy (limits.h). */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proc/limits_private.h"

/* Takes the list in text as the cap's set. False: odd, or empty. */
static bool take(struct tt_cpu_cap *cap, const char *text)
{
	if (tt_cpus_parse(text, &cap->set) < 0)
		return false;
	cap->count = tt_cpus_count(&cap->set);
	return cap->count != 0;
}

/* ------------------------------------------------------------------ cpuset */

/*
 * The set that is in force: version 2's effective one, of the nearest ancestor that has the controller; version 1's effective
 * one, or the set itself in older kernels, which lies within its parents' by rule.
 */
static bool cpuset_at(struct tt_limits_reading *r, const char *dir, bool v2)
{
	static const char *const names[] = {"cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"};
	struct tt_cpu_cap *cap = &r->out->cpuset;
	for (size_t i = v2 ? 0 : 1; i < (v2 ? 1 : 3); i++) {
		int rc = tt_limits_file(r, dir, names[i]);
		if (rc == -ENOENT)
			continue;
		if (rc < 0)
			cap->why = tt_limits_unreadable(r, dir, names[i], -rc);
		else if (take(cap, tt_buf_str(&r->text)))
			cap->state = TT_LIMIT_SET;
		else
			cap->why = tt_limits_odd(r, dir, names[i]);
		return true;
	}
	return false;
}

static void read_cpuset(struct tt_limits_reading *r)
{
	struct tt_cpu_cap *cap = &r->out->cpuset;
	struct tt_limits_walk w;
	tt_limits_walk_init(r, "cpuset", &w);
	if (!w.found) {
		cap->state = w.absent ? TT_LIMIT_NONE : TT_LIMIT_UNKNOWN;
		cap->why = w.why;
	} else {
		bool done;
		do
			done = cpuset_at(r, tt_buf_str(&w.dir), w.v2);
		while (!done && tt_limits_walk_up(&w));
		if (!done) {
			cap->state = TT_LIMIT_NONE;
			cap->why = "no level that can be seen has the cpuset controller";
		}
	}
	tt_limits_walk_deinit(&w);
}

/* ------------------------------------------------------------------ online, affinity */

/* "cpu0 ...", "cpu1 ..." lines of /proc/stat. */
static bool online_from_stat(struct tt_limits_reading *r)
{
	struct tt_cpu_cap *cap = &r->out->online;
	if (tt_limits_file(r, "/proc", "stat") < 0)
		return false;
	for (const char *p = tt_buf_str(&r->text); *p;) {
		if (strncmp(p, "cpu", 3) == 0 && p[3] >= '0' && p[3] <= '9') {
			unsigned long cpu = strtoul(p + 3, NULL, 10);
			if (cpu < TT_CPUS_MAX)
				cap->set.bits[cpu / 64] |= UINT64_C(1) << (cpu % 64);
		}
		p = strchrnul(p, '\n');
		p += *p == '\n';
	}
	cap->count = tt_cpus_count(&cap->set);
	return cap->count != 0;
}

static void read_online(struct tt_limits_reading *r)
{
	static const char dir[] = "/sys/devices/system/cpu";
	struct tt_cpu_cap *cap = &r->out->online;
	int rc = tt_limits_file(r, dir, "online");
	const char *why = NULL;
	if (rc < 0)
		why = tt_limits_unreadable(r, dir, "online", -rc);
	else if (!take(cap, tt_buf_str(&r->text)))
		why = tt_limits_odd(r, dir, "online");
	if (!why || online_from_stat(r))
		cap->state = TT_LIMIT_SET;
	else
		cap->why = why;
}

static void read_affinity(struct tt_limits_reading *r)
{
	static const char key[] = "\nCpus_allowed_list:";
	struct tt_cpu_cap *cap = &r->out->affinity;
	if (r->cgroup) {
		cap->state = TT_LIMIT_NONE;
		cap->why = "a control group has no affinity";
		return;
	}
	int rc = tt_limits_file(r, r->proc, "status");
	if (rc < 0) {
		cap->why = tt_limits_unreadable(r, r->proc, "status", -rc);
		return;
	}
	char *list = strstr(tt_buf_str(&r->text), key);
	if (!list) {
		cap->why = tt_limits_text(r, "'%s/status' has no Cpus_allowed_list", r->proc);
		return;
	}
	list += sizeof(key) - 1;
	*strchrnul(list, '\n') = '\0';
	if (take(cap, list))
		cap->state = TT_LIMIT_SET;
	else
		cap->why = tt_limits_text(r, "Cpus_allowed_list of '%s/status' is odd", r->proc);
}

/* ------------------------------------------------------------------ policy */

/* Field 41 of stat, counted behind the name, which may hold blanks and brackets. */
static void read_policy(struct tt_limits_reading *r)
{
	if (r->cgroup || tt_limits_file(r, r->proc, "stat") < 0)
		return;
	const char *p = strrchr(tt_buf_str(&r->text), ')');
	for (unsigned field = 2; p && field < 41; field++)
		p = strchr(p + 1, ' ');
	if (!p || p[1] < '0' || p[1] > '9')
		return;
	r->out->policy = (int)strtol(p + 1, NULL, 10);
	r->out->realtime = r->out->policy == SCHED_FIFO || r->out->policy == SCHED_RR || r->out->policy == 6; /* DEADLINE */
}

void tt_limits_read_cpusets(struct tt_limits_reading *r)
{
	read_online(r);
	read_cpuset(r);
	read_affinity(r);
	read_policy(r);
}
