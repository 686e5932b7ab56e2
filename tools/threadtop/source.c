/* SPDX-License-Identifier: GPL-3.0-or-later */
/* source.c - frames for the views: live, with what only the tool adds to them (source.h). */
#include "tools/threadtop/source.h"

#include <errno.h>
#include <stdlib.h>

struct top_source {
	struct tt_sampler *sampler;
	struct top_waiting *waiting;
	struct tt_hmap looked; /* thread id -> frame in which its wait was read */
	uint32_t needs;
	bool waits_begun;
	const struct top_select *select;
};

static uint32_t parent_of(void *ctx, uint32_t pid)
{
	const struct top_source *s = ctx;
	return tt_sampler_parent(s->sampler, pid);
}

static bool want(void *ctx, const struct tt_top_proc *p)
{
	struct top_source *s = ctx;
	return top_select_proc(s->select, p, parent_of, s);
}

int top_source_live(const struct top_select *select, struct top_source **ret, struct tt_err *err)
{
	struct top_source *s = calloc(1, sizeof(*s));
	if (!s)
		return tt_err_set(err, ENOMEM, "out of memory");
	bool only = select->pids.len && !select->children;
	struct tt_sampler_opts opts = {.want = want,
		.ctx = s,
		.kernel = select->kernel,
		.pids = only ? select->pids.data : NULL,
		.pid_count = select->pids.len};
	s->select = select;
	s->waiting = top_waiting_create();
	int rc = s->waiting ? tt_sampler_create(&opts, &s->sampler, err) : tt_err_set(err, ENOMEM, "out of memory");
	if (rc < 0) {
		top_source_destroy(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void top_source_destroy(struct top_source *s)
{
	if (!s)
		return;
	top_waiting_destroy(s->waiting);
	tt_sampler_destroy(s->sampler);
	tt_hmap_deinit(&s->looked);
	free(s);
}

struct tt_top_frame *top_source_frame(struct top_source *s)
{
	return tt_sampler_frame(s->sampler);
}

/* Threads that are no more are forgotten when they could be many. */
static void forget_gone(struct top_source *s)
{
	size_t live = tt_sampler_frame(s->sampler)->tasks.len;
	if (s->looked.len > 2 * live + 1000)
		tt_hmap_deinit(&s->looked);
}

static void begin_waits(struct top_source *s)
{
	if (!s->waits_begun)
		top_waiting_begin(s->waiting, s->sampler);
	s->waits_begun = true;
}

/* True when its wait must be read: never read in this wait of it, or a lock's owner may have changed. */
static bool wait_is_due(struct top_source *s, const struct tt_top_task *t)
{
	uint64_t seen = 0, now = tt_sampler_frame(s->sampler)->number;
	bool known = tt_hmap_get(&s->looked, t->id, &seen);
	if (known && seen == now)
		return false;
	bool same = known && seen >= tt_sampler_ran(t);
	return !same || t->wait_class == TOP_WAIT_LOCK || t->wait_class == TOP_WAIT_JOIN;
}

static void read_wait(struct top_source *s, struct tt_top_task *t)
{
	begin_waits(s);
	top_waiting_read(s->waiting, t);
	tt_hmap_put(&s->looked, t->id, tt_sampler_frame(s->sampler)->number);
}

int top_source_next(struct top_source *s, uint32_t needs, struct tt_err *err)
{
	struct tt_top_task **t;
	tt_sampler_set(s->sampler, needs, s->select->kernel);
	s->needs = needs;
	s->waits_begun = false;
	int rc = tt_sampler_refresh(s->sampler, err);
	if (rc < 0)
		return rc;
	forget_gone(s);
	if (needs & TT_NEED_WAIT)
		vec_for_each (t, &tt_sampler_frame(s->sampler)->tasks)
			if (wait_is_due(s, *t))
				read_wait(s, *t);
	return 0;
}

void top_source_fill(struct top_source *s, struct tt_top_task *t, uint32_t needs)
{
	tt_sampler_read(s->sampler, t, needs);
	if ((needs & TT_NEED_WAIT) && wait_is_due(s, t))
		read_wait(s, t);
}

void top_source_waits(struct top_source *s, unsigned budget)
{
	struct tt_top_task **t;
	vec_for_each (t, &tt_sampler_frame(s->sampler)->tasks) {
		bool lock = (*t)->wait_class == TOP_WAIT_LOCK || (*t)->wait_class == TOP_WAIT_JOIN;
		if (!wait_is_due(s, *t) || (!lock && (budget == 0 || !tt_sampler_idle(*t))))
			continue;
		budget -= !lock;
		read_wait(s, *t);
	}
}
