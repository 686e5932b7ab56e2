/* SPDX-License-Identifier: GPL-3.0-or-later */
/* source.c - frames for the views: live, with what only the tool adds to them (source.h). */
#include "tools/threadtop/source.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "lib/proc/record.h"

struct top_source {
	struct tt_sampler *sampler; /* NULL: a recording is played */
	struct tt_replay *replay;
	bool begun; /* its first frame was shown */
	struct top_waiting *waiting;
	struct top_shim *shim;
	struct top_holders *holders;
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
	s->shim = top_shim_create();
	s->holders = top_holders_create();
	int rc = s->waiting && s->shim && s->holders ? tt_sampler_create(&opts, &s->sampler, err)
	                                             : tt_err_set(err, ENOMEM, "out of memory");
	if (rc < 0) {
		top_source_destroy(s);
		return rc;
	}
	*ret = s;
	return 0;
}

int top_source_replay(const char *path, const struct top_select *select, struct top_source **ret, struct tt_err *err)
{
	struct top_source *s = calloc(1, sizeof(*s));
	if (!s)
		return tt_err_set(err, ENOMEM, "out of memory");
	s->select = select;
	int rc = tt_replay_open(path, &s->replay, err);
	if (rc < 0) {
		free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

bool top_source_is_replay(const struct top_source *s)
{
	return s->replay != NULL;
}

const char *top_source_problem(const struct top_source *s)
{
	return s->replay ? tt_replay_problem(s->replay) : NULL;
}

int top_source_seek(struct top_source *s, long by)
{
	long at = (long)tt_replay_at(s->replay) + by, last = (long)tt_replay_count(s->replay) - 1;
	long to = at < 0 ? 0 : at > last ? last : at;
	struct tt_err err;
	s->begun = true;
	int rc = tt_replay_seek(s->replay, (size_t)to, &err);
	return rc < 0 ? rc : to != at;
}

int top_source_go(struct top_source *s, unsigned second)
{
	size_t best = 0, count = tt_replay_count(s->replay);
	long least = 86400;
	for (size_t i = 0; i < count; i++) {
		time_t when = (time_t)(tt_replay_time_ns(s->replay, i) / 1000000000u);
		struct tm tm;
		if (!localtime_r(&when, &tm))
			continue;
		long away = labs(tm.tm_hour * 3600L + tm.tm_min * 60L + tm.tm_sec - (long)second);
		if (away < least) {
			least = away;
			best = i;
		}
	}
	s->begun = true;
	struct tt_err err;
	int rc = tt_replay_seek(s->replay, best, &err);
	return rc < 0 ? rc : least > 60;
}

void top_source_position(const struct top_source *s, size_t *at, size_t *count)
{
	*at = tt_replay_at(s->replay);
	*count = tt_replay_count(s->replay);
}

/* The next frame of a recording; its processes are selected here, as nobody asked when it was made. */
static int next_replayed(struct top_source *s, struct tt_err *err)
{
	size_t next = s->begun ? tt_replay_at(s->replay) + 1 : 0;
	s->begun = true;
	if (next >= tt_replay_count(s->replay))
		return 1;
	return tt_replay_seek(s->replay, next, err);
}

void top_source_destroy(struct top_source *s)
{
	if (!s)
		return;
	top_waiting_destroy(s->waiting);
	top_shim_destroy(s->shim);
	top_holders_destroy(s->holders);
	tt_sampler_destroy(s->sampler);
	tt_replay_close(s->replay);
	tt_hmap_deinit(&s->looked);
	free(s);
}

struct tt_top_frame *top_source_frame(struct top_source *s)
{
	return s->replay ? tt_replay_frame(s->replay) : tt_sampler_frame(s->sampler);
}

void top_source_ask_again(struct top_source *s)
{
	if (s->sampler)
		tt_sampler_ask_again(s->sampler);
}

const struct tt_top_task *top_source_find(struct top_source *s, uint32_t tid)
{
	struct tt_top_task **t;
	vec_for_each (t, &top_source_frame(s)->tasks)
		if ((*t)->tid == tid)
			return *t;
	return NULL;
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
	if (s->replay)
		return next_replayed(s, err);
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
	if (s->replay)
		return;
	tt_sampler_read(s->sampler, t, needs);
	if ((needs & TT_NEED_WAIT) && wait_is_due(s, t))
		read_wait(s, t);
}

void top_source_shim(struct top_source *s)
{
	if (!s->replay)
		top_shim_read(s->shim, tt_sampler_frame(s->sampler));
}

void top_source_waits(struct top_source *s, unsigned budget)
{
	struct tt_top_task **t;
	if (s->replay)
		return;
	vec_for_each (t, &tt_sampler_frame(s->sampler)->tasks) {
		bool lock = (*t)->wait_class == TOP_WAIT_LOCK || (*t)->wait_class == TOP_WAIT_JOIN;
		if (!wait_is_due(s, *t) || (!lock && (budget == 0 || !tt_sampler_idle(*t))))
			continue;
		budget -= !lock;
		read_wait(s, *t);
	}
	top_holders_read(s->holders, tt_sampler_frame(s->sampler));
}
