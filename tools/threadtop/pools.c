/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pools.c - which threads belong together by their names, and when one is busy. */
#include <stdio.h>
#include <string.h>

#include "tools/threadtop/top.h"

/* "worker-12" and "worker-3" are "worker-*"; a name without digits is its own pool. */
static const char *fold_digits(const char *name, char *out, size_t size)
{
	size_t len = 0;
	for (const char *p = name; *p && len + 2 < size; p++) {
		if (*p < '0' || *p > '9')
			out[len++] = *p;
		else if (len == 0 || out[len - 1] != '*')
			out[len++] = '*';
	}
	out[len] = 0;
	return out;
}

const char *top_pool_name(const struct tt_top_task *t)
{
	static char buf[4][80];
	static unsigned next;
	if (t->start_routine && *t->start_routine)
		return t->start_routine;
	return t->name ? fold_digits(t->name, buf[next++ % 4], sizeof(buf[0])) : NULL;
}

bool top_is_busy(const struct tt_top_task *t)
{
	if (t->state == 'D' || t->wait_class == TOP_WAIT_LOCK)
		return true;
	return t->span_ns && 2 * (t->d_run_ns + t->d_wait_ns) >= t->span_ns;
}
