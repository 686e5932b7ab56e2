/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sample_cgroup.c - which control group and container a process is in. */
#include <string.h>

#include "lib/proc/sample_internal.h"

#define CGROUP_KEEP 16 /* refreshes that a process's cgroup is believed */

/* The path of the version 2 line, or when that is the root, of the first one that says more: controllers of version 1. */
static char *best_path(char *text)
{
	char *best = NULL, *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(line, ':'), *path = colon ? strchr(colon + 1, ':') : NULL;
		if (!path++)
			continue;
		bool unified = colon[1] == ':';
		if (!best || (strcmp(best, "/") == 0 && strcmp(path, "/") != 0) || (unified && strcmp(path, "/") != 0))
			best = path;
	}
	return best;
}

void tt_sample_cgroup(struct tt_sampler *s, struct tt_live_proc *p)
{
	char id[13];
	if (p->cgroup_tick && s->tick - p->cgroup_tick < CGROUP_KEEP)
		return;
	p->cgroup_tick = s->tick;
	const char *path = NULL;
	if (tt_read_at(p->task_fd, "../cgroup", s->text, TT_PROC_TEXT) > 0)
		path = best_path(s->text);
	tt_text_set(&p->pub.cgroup, path);
	tt_text_set(&p->pub.container, path ? tt_container_id(path, id) : NULL);
}
