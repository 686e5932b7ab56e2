/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limits.c - the CPU and other limits of a process (limits.h): the order of reading, what binds, words. */
#include "lib/proc/limits.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/attrs.h"
#include "lib/proc/limits_private.h"
#include "lib/proc/rootfile.h"

const char *tt_limit_state_name(enum tt_limit_state state)
{
	static const char *const names[] = {"unknown", "none", "set"};
	return state < ARRAY_SIZE(names) ? names[state] : "?";
}

const char *tt_bound_name(enum tt_bound bound)
{
	static const char *const names[] = {"unknown", "quota", "affinity", "cpuset", "online"};
	return bound < ARRAY_SIZE(names) ? names[bound] : "?";
}

const char *tt_layout_name(enum tt_cgroup_layout layout)
{
	static const char *const names[] = {"unknown", "none", "v1", "v2", "hybrid"};
	return layout < ARRAY_SIZE(names) ? names[layout] : "?";
}

/* ------------------------------------------------------------------ shared by the parts */

const char *tt_limits_text(struct tt_limits_reading *r, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n >= 0 && tt_vec_push(&r->out->texts, text) == 0)
		return text;
	if (n >= 0)
		free(text);
	r->failed = true;
	return "";
}

void tt_limits_note(struct tt_limits_reading *r, const char *text)
{
	r->failed |= tt_vec_push(&r->out->notes, text) < 0;
}

int tt_limits_file(struct tt_limits_reading *r, const char *dir, const char *name)
{
	TT_BUF_AUTO(path);
	if (tt_buf_printf(&path, "%s%s%s", dir, *dir && *name ? "/" : "", name) < 0) {
		r->failed = true;
		return -ENOMEM;
	}
	int rc = tt_rootfile_read(r->root, tt_buf_str(&path), &r->text);
	r->failed |= rc == -ENOMEM;
	return rc;
}

const char *tt_limits_unreadable(struct tt_limits_reading *r, const char *dir, const char *name, int error)
{
	return tt_limits_text(r, "cannot read '%s%s%s': %s", dir, *dir && *name ? "/" : "", name, strerror(error));
}

const char *tt_limits_odd(struct tt_limits_reading *r, const char *dir, const char *name)
{
	const char *text = tt_buf_str(&r->text);
	return tt_limits_text(
		r, "'%s%s%s' holds '%.*s', which is odd", dir, *dir ? "/" : "", name, (int)strcspn(text, "\n") % 60, text);
}

/* ------------------------------------------------------------------ the process */

/* That there is one, and whose it is: a process that is gone is an error, a file that is not readable a remark. */
static int find_process(struct tt_limits_reading *r, const struct tt_limits_query *query, struct tt_err *err)
{
	int error;
	if (query->pid > 0)
		snprintf(r->proc, sizeof(r->proc), "/proc/%d", (int)query->pid);
	else
		snprintf(r->proc, sizeof(r->proc), "/proc/self");
	r->out->pid = query->pid;
	if (query->cgroup)
		return 0;
	if (tt_rootfile_is_dir(r->root, r->proc, &error))
		return 0;
	if (query->pid > 0 && error == ENOENT)
		return tt_err_set(err, ESRCH, "there is no process %d%s%s", (int)query->pid, r->root ? " below " : "",
			r->root ? r->root : "");
	return tt_err_set(err, error ? error : ENOTDIR, "cannot read '%s%s': %s", r->root ? r->root : "", r->proc,
		strerror(error ? error : ENOTDIR));
}

/* mountinfo of the one who reads decides where its paths lead; in a foreign tree there may be only the process's own. */
static void read_mounts(struct tt_limits_reading *r)
{
	int rc = tt_limits_file(r, "/proc/self", "mountinfo");
	if (rc < 0 && r->root)
		rc = tt_limits_file(r, r->proc, "mountinfo");
	if (rc < 0)
		r->mounts_why = tt_limits_unreadable(r, "/proc/self", "mountinfo", -rc);
	else
		r->failed |= tt_cgroups_parse_mounts(&r->groups, tt_buf_str(&r->text)) < 0;
}

static void read_groups(struct tt_limits_reading *r)
{
	read_mounts(r);
	if (r->cgroup)
		return;
	int rc = tt_limits_file(r, r->proc, "cgroup");
	if (rc == -ENOENT && tt_rootfile_exists(r->root, "/proc/self/status"))
		r->no_cgroups = true; /* a kernel without control groups has no such file */
	else if (rc < 0)
		r->lines_why = tt_limits_unreadable(r, r->proc, "cgroup", -rc);
	else
		r->failed |= tt_cgroups_parse_lines(&r->groups, tt_buf_str(&r->text)) < 0;
	if (r->groups.odd_lines)
		tt_limits_note(
			r, tt_limits_text(r, "%u line(s) of '%s/cgroup' are not understood", r->groups.odd_lines, r->proc));
}

static enum tt_cgroup_layout layout_of(const struct tt_limits_reading *r)
{
	bool v1 = false, v2 = false;
	const struct tt_cgroup_mount *mount;
	vec_for_each (mount, &r->groups.mounts) {
		v1 |= !mount->v2 && strstr(mount->options, "name=") == NULL;
		v2 |= mount->v2;
	}
	if (r->no_cgroups)
		return TT_LAYOUT_NONE;
	if (v1)
		return v2 ? TT_LAYOUT_HYBRID : TT_LAYOUT_V1;
	return v2 ? TT_LAYOUT_V2 : r->mounts_why ? TT_LAYOUT_UNKNOWN : TT_LAYOUT_NONE;
}

/* ------------------------------------------------------------------ what binds */

struct bounds {
	struct tt_cpus both; /* processors that all known sets have */
	bool any;
};

static void narrow(struct bounds *b, const struct tt_cpu_cap *cap)
{
	if (cap->state != TT_LIMIT_SET)
		return;
	if (b->any)
		tt_cpus_and(&b->both, &cap->set);
	else
		b->both = cap->set;
	b->any = true;
}

/* Which of the sets is why: the widest one that already is as small as what all have; the machine before the rest. */
static enum tt_bound set_that_binds(const struct tt_limits *l)
{
	if (l->online.state == TT_LIMIT_SET && l->online.count == l->usable_cpus)
		return TT_BOUND_ONLINE;
	if (l->cpuset.state == TT_LIMIT_SET && l->cpuset.count == l->usable_cpus)
		return TT_BOUND_CPUSET;
	return TT_BOUND_AFFINITY;
}

static void say_bound(struct tt_limits_reading *r)
{
	struct tt_limits *l = r->out;
	switch (l->bound) {
	case TT_BOUND_QUOTA:
		l->bound_by = tt_limits_text(r, "quota of %s", l->binding ? l->binding->path : "a control group");
		break;
	case TT_BOUND_ONLINE:
		l->bound_by = "processors online";
		break;
	case TT_BOUND_UNKNOWN:
	case TT_BOUND_MAX:
		l->bound_by = "unknown";
		break;
	default:
		l->bound_by = tt_bound_name(l->bound);
	}
}

static void decide(struct tt_limits_reading *r)
{
	struct tt_limits *l = r->out;
	struct bounds b = {.any = false};
	narrow(&b, &l->affinity);
	narrow(&b, &l->cpuset);
	narrow(&b, &l->online);
	l->usable_cpus = b.any ? tt_cpus_count(&b.both) : 0;
	if (b.any && l->usable_cpus == 0)
		tt_limits_note(r, "affinity, cpuset and online processors have none in common");
	bool quota_counts = l->binding && !l->realtime;
	if (l->usable_cpus) {
		l->effective_cpus = l->usable_cpus;
		l->bound = set_that_binds(l);
	}
	if (quota_counts && (l->usable_cpus == 0 || l->quota_cpus < l->effective_cpus)) {
		l->effective_cpus = l->quota_cpus;
		l->bound = TT_BOUND_QUOTA;
	}
	/* Affinity of a process is kept within its cpuset and the active processors by the kernel: one of them known is enough.
	 */
	l->effective_known = l->usable_cpus && (l->affinity.state == TT_LIMIT_SET || l->online.state == TT_LIMIT_SET) &&
	                     (l->quota != TT_LIMIT_UNKNOWN || l->realtime);
	if (l->realtime)
		tt_limits_note(r, "the main thread has a real-time policy: the quota does not bind it");
	say_bound(r);
}

void tt_throttle_stall(const struct tt_cpu_level *level, unsigned cpus, uint64_t *low_ns, uint64_t *high_ns)
{
	const struct tt_throttling *t = &level->throttling;
	*low_ns = *high_ns = 0;
	if (!t->known || !t->throttled)
		return;
	uint64_t each = t->throttled_ns / t->throttled, period_ns = level->period_us * 1000;
	*low_ns = each / (cpus ? cpus : 1);
	*high_ns = period_ns && each > period_ns ? period_ns : each;
	if (*low_ns > *high_ns)
		*low_ns = *high_ns;
}

int tt_limits_read(const struct tt_limits_query *query, struct tt_limits *ret, struct tt_err *err)
{
	struct tt_limits_reading r = {
		.root = query->root && *query->root ? query->root : NULL, .out = ret, .cgroup = query->cgroup};
	memset(ret, 0, sizeof(*ret));
	ret->policy = -1;
	ret->bound_by = "unknown";
	int rc = find_process(&r, query, err);
	if (rc == 0) {
		read_groups(&r);
		ret->layout = layout_of(&r);
		tt_limits_read_quota(&r);
		tt_limits_read_cpusets(&r);
		tt_limits_read_memory(&r);
		tt_limits_read_system(&r);
		decide(&r);
		if (r.failed)
			rc = tt_err_set(err, ENOMEM, "out of memory");
		else if (query->cgroup && !ret->levels.len)
			rc = tt_err_set(err, ENOENT, "no control group '%s': %s", query->cgroup, ret->quota_why);
		else if (!query->cgroup && !tt_rootfile_is_dir(r.root, r.proc, NULL))
			rc = tt_err_set(err, ESRCH, "process %d ended while it was looked at", (int)query->pid);
	}
	tt_cgroups_deinit(&r.groups);
	tt_buf_deinit(&r.text);
	return rc;
}

void tt_limits_deinit(struct tt_limits *limits)
{
	char **text;
	vec_for_each (text, &limits->texts)
		free(*text);
	tt_vec_deinit(&limits->texts);
	tt_vec_deinit(&limits->notes);
	tt_vec_deinit(&limits->levels);
}
