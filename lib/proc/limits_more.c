/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limits_more.c - what bounds the number of threads apart from CPU: memory, pids, resource limits, the system (limits.h). */
#include <errno.h>
#include <string.h>

#include "lib/proc/limits_private.h"

#define V1_NO_LIMIT (UINT64_C(1) << 62) /* version 1 shows "none" as the largest multiple of a page in 63 bits */

struct files {
	const char *controller;
	const char *limit[2], *used[2]; /* of version 1, 2; NULL: it has none */
};

static void cap_at(
	struct tt_limits_reading *r, const struct files *f, const struct tt_limits_walk *w, struct tt_cap *cap, bool by_room)
{
	struct tt_cap here = {.state = TT_LIMIT_UNKNOWN};
	const char *dir = tt_buf_str(&w->dir), *name = f->limit[w->v2];
	int rc = name ? tt_limits_file(r, dir, name) : -ENOENT;
	if (rc == -ENOENT)
		return;
	if (rc < 0)
		here.why = tt_limits_unreadable(r, dir, name, -rc);
	else if (tt_limits_parse_number(tt_buf_str(&r->text), &here.limit) < 0)
		here.why = tt_limits_odd(r, dir, name);
	else if (here.limit >= V1_NO_LIMIT)
		return;
	else
		here.state = TT_LIMIT_SET;
	if (here.state == TT_LIMIT_UNKNOWN) {
		cap->why = cap->why ? cap->why : here.why;
		return;
	}
	here.used_known = tt_limits_file(r, dir, f->used[w->v2]) == 0 &&
	                  tt_limits_parse_number(tt_buf_str(&r->text), &here.used) == 0 && here.used != UINT64_MAX;
	uint64_t room = here.limit > here.used ? here.limit - here.used : 0,
		 least = cap->limit > cap->used ? cap->limit - cap->used : 0;
	if (cap->state == TT_LIMIT_SET && (by_room ? room >= least : here.limit >= cap->limit))
		return;
	here.path = tt_limits_text(r, "%s", tt_buf_str(&w->path));
	here.why = cap->why;
	*cap = here;
}

/* The tightest of all visible levels: the smallest limit, or the one with the least room. An unreadable one makes it unknown.
 */
static void tightest(struct tt_limits_reading *r, const struct files *f, struct tt_cap *cap, bool by_room)
{
	struct tt_limits_walk w;
	tt_limits_walk_init(r, f->controller, &w);
	*cap = (struct tt_cap){.state = TT_LIMIT_NONE};
	if (w.found) {
		do
			cap_at(r, f, &w, cap, by_room);
		while (tt_limits_walk_up(&w));
		if (cap->why)
			cap->state = TT_LIMIT_UNKNOWN;
	} else {
		cap->state = w.absent ? TT_LIMIT_NONE : TT_LIMIT_UNKNOWN;
		cap->why = w.why;
	}
	tt_limits_walk_deinit(&w);
}

void tt_limits_read_memory(struct tt_limits_reading *r)
{
	static const struct files memory = {
		"memory", {"memory.limit_in_bytes", "memory.max"}, {"memory.usage_in_bytes", "memory.current"}};
	static const struct files high = {"memory", {NULL, "memory.high"}, {"memory.usage_in_bytes", "memory.current"}};
	static const struct files pids = {"pids", {"pids.max", "pids.max"}, {"pids.current", "pids.current"}};
	tightest(r, &memory, &r->out->memory, false);
	tightest(r, &high, &r->out->memory_high, false);
	tightest(r, &pids, &r->out->pids, true);
}

/* ------------------------------------------------------------------ resource limits, the system's own */

static void rlimit(struct tt_limits_reading *r, int rc, const char *name, struct tt_cap *cap)
{
	if (rc < 0)
		cap->why = tt_limits_unreadable(r, r->proc, "limits", -rc);
	else if (!tt_limits_parse_rlimit(tt_buf_str(&r->text), name, &cap->limit))
		cap->why = tt_limits_text(r, "'%s/limits' has no '%s'", r->proc, name);
	else
		cap->state = cap->limit == UINT64_MAX ? TT_LIMIT_NONE : TT_LIMIT_SET;
}

static void system_number(struct tt_limits_reading *r, const char *dir, const char *name, struct tt_cap *cap)
{
	int rc = tt_limits_file(r, dir, name);
	if (rc < 0)
		cap->why = tt_limits_unreadable(r, dir, name, -rc);
	else if (tt_limits_parse_number(tt_buf_str(&r->text), &cap->limit) < 0)
		cap->why = tt_limits_odd(r, dir, name);
	else
		cap->state = cap->limit == UINT64_MAX ? TT_LIMIT_NONE : TT_LIMIT_SET;
}

void tt_limits_read_system(struct tt_limits_reading *r)
{
	struct tt_limits *l = r->out;
	if (!r->cgroup) {
		int rc = tt_limits_file(r, r->proc, "limits");
		rlimit(r, rc, "Max processes", &l->nproc);
		rlimit(r, rc, "Max open files", &l->nofile);
		rlimit(r, rc, "Max stack size", &l->stack);
	}
	system_number(r, "/proc/sys/kernel", "threads-max", &l->threads_max);
	system_number(r, "/proc/sys/kernel", "pid_max", &l->pid_max);
	system_number(r, "/proc/sys/vm", "max_map_count", &l->map_count);
	system_number(r, "/proc/sys/kernel", "sched_rt_runtime_us", &l->rt_runtime_us);
}
