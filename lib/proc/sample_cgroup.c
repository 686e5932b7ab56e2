/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sample_cgroup.c - which control group and container a process is in, and how the group's CPU quota does (limits.h).
 *
 * Limits are read once per group, not per process: at every refresh where there is a quota, now and then where there is none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proc/limits.h"
#include "lib/proc/sample_internal.h"

#define CGROUP_KEEP 16 /* refreshes that a process's cgroup is believed */
#define LIMITS_KEEP 32 /* refreshes that "no quota" is believed */

/* All processes with one text of /proc/PID/cgroup. */
struct tt_live_group {
	uint64_t read_tick; /* 0: never */
	bool has_totals;
	int64_t quota_milli;                       /* as in struct tt_top_proc */
	uint64_t periods, throttled, throttled_ns; /* totals */
	uint64_t d_periods, d_throttled, d_throttled_ns;
};

/* The path of the version 2 line, or when that is the root, of the first one that says more: controllers of version 1. */
static char *best_path(char *text)
{
	char *best = NULL, *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(line, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
		if (!second)
			continue;
		char *path = second + 1;
		bool unified = colon[1] == ':';
		if (!best || (strcmp(best, "/") == 0 && strcmp(path, "/") != 0) || (unified && strcmp(path, "/") != 0))
			best = path;
	}
	return best;
}

static struct tt_live_group *group_of(struct tt_sampler *s, const char *text, size_t len)
{
	struct tt_smap_entry *e = tt_smap_insert(&s->groups, text, len, NULL);
	if (e && !e->ptr)
		e->ptr = calloc(1, sizeof(struct tt_live_group));
	return e ? e->ptr : NULL;
}

void tt_sample_cgroup(struct tt_sampler *s, struct tt_live_proc *p)
{
	char id[13];
	if (p->cgroup_tick && s->tick - p->cgroup_tick < CGROUP_KEEP)
		return;
	p->cgroup_tick = s->tick;
	const char *path = NULL;
	ssize_t n = tt_read_at(p->task_fd, "../cgroup", s->text, TT_PROC_TEXT);
	p->group = n > 0 ? group_of(s, s->text, (size_t)n) : NULL;
	if (n > 0)
		path = best_path(s->text);
	tt_text_set(&p->pub.cgroup, path);
	tt_text_set(&p->pub.container, path ? tt_container_id(path, id) : NULL);
}

/* ------------------------------------------------------------------ quota and throttling */

static void take_throttling(struct tt_live_group *g, const struct tt_throttling *now)
{
	bool again = g->has_totals && now->periods >= g->periods;
	g->d_periods = again ? now->periods - g->periods : 0;
	g->d_throttled = again ? now->throttled - g->throttled : 0;
	g->d_throttled_ns = again ? now->throttled_ns - g->throttled_ns : 0;
	g->periods = now->periods;
	g->throttled = now->throttled;
	g->throttled_ns = now->throttled_ns;
	g->has_totals = true;
}

static void read_limits(struct tt_live_group *g, uint32_t pid)
{
	struct tt_limits limits;
	struct tt_limits_query query = {.pid = (pid_t)pid};
	if (tt_limits_read(&query, &limits, NULL) == 0) {
		g->quota_milli = limits.quota == TT_LIMIT_SET    ? (int64_t)(limits.quota_cpus * 1000 + 0.5)
		                 : limits.quota == TT_LIMIT_NONE ? -1
		                                                 : 0;
		if (limits.binding && limits.binding->throttling.known)
			take_throttling(g, &limits.binding->throttling);
	} else {
		g->quota_milli = 0;
	}
	tt_limits_deinit(&limits);
}

void tt_sample_limits(struct tt_sampler *s)
{
	struct tt_live_proc **pp;
	if (!s->is_proc)
		return;
	vec_for_each (pp, &s->all) {
		struct tt_live_proc *p = *pp;
		struct tt_live_group *g = p->group;
		if (!p->wanted || !g)
			continue;
		bool due = !g->read_tick || g->quota_milli > 0 || s->tick - g->read_tick >= LIMITS_KEEP;
		if (due && g->read_tick != s->tick) {
			g->read_tick = s->tick;
			read_limits(g, p->pub.pid);
		}
		p->pub.quota_milli = g->quota_milli;
		p->pub.periods = g->d_periods;
		p->pub.throttled = g->d_throttled;
		p->pub.throttled_ns = g->d_throttled_ns;
	}
}

void tt_sample_groups_deinit(struct tt_sampler *s)
{
	for (size_t i = 0; i < s->groups.len; i++)
		free(s->groups.entries[i].ptr);
	tt_smap_deinit(&s->groups);
}
