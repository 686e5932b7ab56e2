/* SPDX-License-Identifier: GPL-3.0-or-later */
/* select.c - which processes and threads the user wants to see: the options of the group "Selection". */
#include <stdlib.h>
#include <string.h>

#include "tools/threadtop/top.h"

void top_select_deinit(struct top_select *s)
{
	tt_vec_deinit(&s->pids);
	free(s->user_text);
	free(s->container);
	free(s->states);
	if (s->has_name)
		regfree(&s->name);
	if (s->has_thread)
		regfree(&s->thread);
	if (s->has_cgroup)
		regfree(&s->cgroup);
	top_expr_deinit(&s->where);
}

static bool matches(const regex_t *regex, const char *text)
{
	return text && regexec(regex, text, 0, NULL, 0) == 0;
}

static bool is_named(const struct top_select *s, uint32_t pid)
{
	const uint32_t *p;
	vec_for_each (p, &s->pids)
		if (*p == pid)
			return true;
	return false;
}

#define MOST_GENERATIONS 64 /* a cycle of parents cannot be, but /proc is read while it changes */

static bool descends(const struct top_select *s, const struct tt_top_proc *p, uint32_t (*parent)(void *, uint32_t), void *ctx)
{
	uint32_t pid = p->ppid;
	for (int i = 0; s->children && i < MOST_GENERATIONS && pid > 1; i++) {
		if (is_named(s, pid))
			return true;
		pid = parent(ctx, pid);
	}
	return false;
}

bool top_select_proc(const struct top_select *s, const struct tt_top_proc *p, uint32_t (*parent)(void *, uint32_t), void *ctx)
{
	if (s->pids.len && !is_named(s, p->pid) && !descends(s, p, parent, ctx))
		return false;
	if (s->has_user && p->uid != s->uid)
		return false;
	if (s->has_name && !matches(&s->name, p->name) && !matches(&s->name, p->command))
		return false;
	if (s->has_cgroup && !matches(&s->cgroup, p->cgroup))
		return false;
	/* Either may be the longer one: people paste 12 digits or 64. */
	if (s->container && (!p->cgroup || !strstr(p->cgroup, s->container)))
		return false;
	return true;
}

bool top_select_task(const struct top_select *s, const struct tt_top_frame *f, const struct tt_top_task *t)
{
	if (s->has_user && t->proc->uid != s->uid)
		return false;
	if (s->states && (!t->state || !strchr(s->states, t->state)))
		return false;
	if (s->has_thread && !matches(&s->thread, t->name))
		return false;
	if (s->where.terms.len == 0)
		return true;
	struct top_row row = {.kind = TOP_ROW_TASK, .task = t, .proc = t->proc, .id = t->id, .count = 1};
	return top_expr_holds(&s->where, f, &row);
}

uint32_t top_select_needs(const struct top_select *s)
{
	return top_expr_needs(&s->where) | (s->states ? TT_NEED_STAT : 0);
}
