/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limits_cpu.c - CPU bandwidth of a group and its ancestors, throttling, weight, pressure (limits.h). */
#include <errno.h>
#include <string.h>

#include "lib/proc/limits_private.h"
#include "lib/proc/rootfile.h"

/* ------------------------------------------------------------------ one level */

static void set_quota(struct tt_cpu_level *level, uint64_t quota_us, uint64_t period_us)
{
	level->period_us = period_us;
	if (quota_us == UINT64_MAX) {
		level->state = TT_LIMIT_NONE;
		return;
	}
	level->quota_us = quota_us;
	level->cpus = (double)quota_us / (double)period_us;
	level->state = TT_LIMIT_SET;
}

/* A file that is missing in a directory that is there: the kernel does not limit this level. */
static void missing(struct tt_limits_reading *r, struct tt_cpu_level *level, const char *name, int error, const char *absent)
{
	if (error == ENOENT) {
		level->state = TT_LIMIT_NONE;
		level->why = absent;
		return;
	}
	level->state = TT_LIMIT_UNKNOWN;
	level->why = tt_limits_unreadable(r, level->dir, name, error);
}

static void quota_v2(struct tt_limits_reading *r, struct tt_cpu_level *level)
{
	uint64_t quota, period, burst;
	int rc = tt_limits_file(r, level->dir, "cpu.max");
	if (rc < 0) {
		missing(r, level, "cpu.max", -rc, "the cpu controller is not enabled at this level");
		return;
	}
	if (tt_limits_parse_cpu_max(tt_buf_str(&r->text), &quota, &period) < 0) {
		level->why = tt_limits_odd(r, level->dir, "cpu.max");
		return;
	}
	set_quota(level, quota, period);
	if (tt_limits_file(r, level->dir, "cpu.max.burst") == 0 && tt_limits_parse_number(tt_buf_str(&r->text), &burst) == 0 &&
		burst != UINT64_MAX)
		level->burst_us = burst;
}

static void quota_v1(struct tt_limits_reading *r, struct tt_cpu_level *level)
{
	uint64_t quota, period, burst;
	int rc = tt_limits_file(r, level->dir, "cpu.cfs_quota_us");
	if (rc < 0) {
		missing(r, level, "cpu.cfs_quota_us", -rc, "the kernel does not limit bandwidth at this level");
		return;
	}
	if (tt_limits_parse_number(tt_buf_str(&r->text), &quota) < 0 || quota == 0 ||
		strncmp(tt_buf_str(&r->text), "max", 3) == 0) {
		level->why = tt_limits_odd(r, level->dir, "cpu.cfs_quota_us");
		return;
	}
	rc = tt_limits_file(r, level->dir, "cpu.cfs_period_us");
	if (rc < 0 && quota != UINT64_MAX) {
		level->why = tt_limits_unreadable(r, level->dir, "cpu.cfs_period_us", -rc);
		return;
	}
	if (tt_limits_parse_number(tt_buf_str(&r->text), &period) < 0 || period == 0 || period == UINT64_MAX) {
		if (quota != UINT64_MAX) {
			level->why = tt_limits_odd(r, level->dir, "cpu.cfs_period_us");
			return;
		}
		period = 0;
	}
	set_quota(level, quota, period);
	if (tt_limits_file(r, level->dir, "cpu.cfs_burst_us") == 0 &&
		tt_limits_parse_number(tt_buf_str(&r->text), &burst) == 0 && burst != UINT64_MAX)
		level->burst_us = burst;
}

/* throttled_time is ns (version 1), throttled_usec is µs (version 2): both are there only when a quota can be. */
static void throttling(struct tt_limits_reading *r, struct tt_cpu_level *level)
{
	struct tt_throttling *t = &level->throttling;
	uint64_t value;
	if (tt_limits_file(r, level->dir, "cpu.stat") < 0)
		return;
	const char *text = tt_buf_str(&r->text);
	if (!tt_limits_parse_key(text, "nr_periods", &t->periods) || !tt_limits_parse_key(text, "nr_throttled", &t->throttled))
		return;
	if (tt_limits_parse_key(text, "throttled_time", &value))
		t->throttled_ns = value;
	else if (tt_limits_parse_key(text, "throttled_usec", &value) && value < UINT64_MAX / 1000)
		t->throttled_ns = value * 1000;
	else
		return;
	t->known = true;
	tt_limits_parse_key(text, "nr_bursts", &t->bursts);
	if (tt_limits_parse_key(text, "burst_time", &value))
		t->burst_ns = value;
	else if (tt_limits_parse_key(text, "burst_usec", &value) && value < UINT64_MAX / 1000)
		t->burst_ns = value * 1000;
}

static void add_level(struct tt_limits_reading *r, const struct tt_limits_walk *w)
{
	struct tt_cpu_level *level = tt_vec_add(&r->out->levels);
	if (!level) {
		r->failed = true;
		return;
	}
	level->path = tt_limits_text(r, "%s", tt_buf_str(&w->path));
	level->dir = tt_limits_text(r, "%s", tt_buf_str(&w->dir));
	if (w->v2)
		quota_v2(r, level);
	else
		quota_v1(r, level);
	throttling(r, level);
}

/* ------------------------------------------------------------------ all levels */

/*
 * Is the topmost directory that we see the root of the hierarchy? Only there version 1 has release_agent, and only there
 * version 2 has no cgroup.events; a mount of a part says so itself.
 */
static void look_for_hidden(struct tt_limits_reading *r, const struct tt_limits_walk *w)
{
	struct tt_limits *l = r->out;
	TT_BUF_AUTO(name);
	const char *dir = tt_buf_str(&w->dir), *root = w->mount->root;
	if (strcmp(root, "/") != 0) {
		l->hidden = true;
		l->hidden_why = tt_limits_text(r, "only the part below '%s' is mounted", root);
		return;
	}
	tt_buf_printf(&name, "%s/%s", dir, w->v2 ? "cgroup.events" : "release_agent");
	bool marked = tt_rootfile_exists(r->root, tt_buf_str(&name));
	tt_buf_clear(&name);
	tt_buf_printf(&name, "%s/cgroup.procs", dir);
	if (w->v2 ? marked : !marked && tt_rootfile_exists(r->root, tt_buf_str(&name))) {
		l->hidden = true;
		l->hidden_why = "a cgroup namespace hides what lies above";
	}
	r->failed |= tt_buf_failed(&name);
}

/* The time that this group stood still because of itself or any ancestor; more than itself and those that we see: hidden ones.
 */
static void hidden_throttling(struct tt_limits_reading *r, const char *leaf)
{
	struct tt_limits *l = r->out;
	uint64_t local;
	const struct tt_cpu_level *level;
	vec_for_each (level, &l->levels)
		if (level->state != TT_LIMIT_NONE)
			return;
	if (!l->hidden || tt_limits_file(r, leaf, "cpu.stat.local") < 0)
		return;
	if (tt_limits_parse_key(tt_buf_str(&r->text), "throttled_time", &local))
		l->hidden_throttled_ns = local;
	else if (tt_limits_parse_key(tt_buf_str(&r->text), "throttled_usec", &local) && local < UINT64_MAX / 1000)
		l->hidden_throttled_ns = local * 1000;
	if (l->hidden_throttled_ns)
		tt_limits_note(
			r, "a hidden control group above throttled this one: its real limit is lower than what is seen here");
}

static void find_binding(struct tt_limits *l)
{
	const struct tt_cpu_level *level;
	l->quota = TT_LIMIT_NONE;
	vec_for_each (level, &l->levels) {
		if (level->state == TT_LIMIT_SET && (!l->binding || level->cpus < l->quota_cpus)) {
			l->binding = level;
			l->quota_cpus = level->cpus;
			l->quota = TT_LIMIT_SET;
		}
	}
	vec_for_each (level, &l->levels) {
		if (level->state == TT_LIMIT_UNKNOWN) {
			l->quota = TT_LIMIT_UNKNOWN;
			l->quota_why = level->why;
		}
	}
	if (l->quota == TT_LIMIT_NONE)
		l->quota_why = l->hidden ? "no level that can be seen sets one; levels above are hidden" : "no level sets one";
}

/* ------------------------------------------------------------------ weight, pressure */

static void read_weight(struct tt_limits_reading *r, const char *leaf, bool v2)
{
	struct tt_cap *weight = &r->out->weight;
	const char *name = v2 ? "cpu.weight" : "cpu.shares";
	int rc = tt_limits_file(r, leaf, name);
	if (rc < 0) {
		weight->state = rc == -ENOENT ? TT_LIMIT_NONE : TT_LIMIT_UNKNOWN;
		weight->why = rc == -ENOENT ? NULL : tt_limits_unreadable(r, leaf, name, -rc);
	} else if (tt_limits_parse_number(tt_buf_str(&r->text), &weight->limit) < 0 || weight->limit == UINT64_MAX) {
		weight->why = tt_limits_odd(r, leaf, name);
	} else {
		weight->state = TT_LIMIT_SET;
		weight->path = name;
	}
}

/* Version 2 has the group's pressure, in a hybrid system beside the quota of version 1. */
static void read_pressure(struct tt_limits_reading *r)
{
	struct tt_limits_walk w;
	if (tt_limits_file(r, "/proc/pressure", "cpu") == 0)
		tt_limits_parse_pressure(tt_buf_str(&r->text), &r->out->system_pressure);
	tt_limits_walk_init(r, "cpu.pressure", &w); /* no controller's name: version 2's hierarchy */
	if (w.found && w.v2 && tt_limits_file(r, tt_buf_str(&w.dir), "cpu.pressure") == 0)
		tt_limits_parse_pressure(tt_buf_str(&r->text), &r->out->pressure);
	tt_limits_walk_deinit(&w);
}

void tt_limits_read_quota(struct tt_limits_reading *r)
{
	struct tt_limits *l = r->out;
	struct tt_limits_walk w;
	tt_limits_walk_init(r, "cpu", &w);
	if (!w.found) {
		l->quota = w.absent ? TT_LIMIT_NONE : TT_LIMIT_UNKNOWN;
		l->quota_why = w.why;
	} else {
		const char *leaf = tt_limits_text(r, "%s", tt_buf_str(&w.dir));
		do
			add_level(r, &w);
		while (tt_limits_walk_up(&w) && !r->failed);
		l->cgroup_v2 = w.v2;
		l->cgroup = l->levels.len ? l->levels.data[0].path : NULL;
		look_for_hidden(r, &w);
		find_binding(l);
		hidden_throttling(r, leaf);
		read_weight(r, leaf, w.v2);
	}
	tt_limits_walk_deinit(&w);
	read_pressure(r);
}
