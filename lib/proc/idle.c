/* SPDX-License-Identifier: GPL-3.0-or-later */
/* idle.c - since when a thread has not run, by the kernel's own note of when it last did. */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proc/proc_private.h"
#include "lib/proc/tasks.h"

/* "se.exec_start : 697132.941071": ms of the processor's clock, six digits behind the point. 0 unknown. */
static uint64_t exec_start_ns(int dir, const char *path)
{
	char text[4096];
	uint64_t ms;
	unsigned ns;
	if (proc_read_at(dir, path, text, sizeof(text)) <= 0)
		return 0;
	const char *line = strstr(text, "se.exec_start");
	line = line ? strchr(line, ':') : NULL;
	return line && sscanf(line + 1, "%" SCNu64 ".%6u", &ms, &ns) == 2 ? ms * 1000000 + ns : 0;
}

/* What the clock of a processor says now: our own exec_start after running there. 0 when we may not run there. */
static uint64_t clock_of(int processor)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	if (processor < 0 || processor >= CPU_SETSIZE)
		return 0;
	CPU_SET(processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return 0;
	sched_yield(); /* makes the kernel account for what we ran so far */
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/task/%d/sched", (int)gettid());
	return exec_start_ns(AT_FDCWD, path);
}

void tt_tasks_idle(pid_t pid, struct tt_tasks *tasks)
{
	cpu_set_t own;
	struct tt_hmap clocks = TT_HMAP_INIT; /* processor -> its clock now */
	struct tt_task *t;
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || sched_getaffinity(0, sizeof(own), &own) < 0) {
		if (dir >= 0)
			close(dir);
		return;
	}
	vec_for_each (t, &tasks->list) {
		bool is_new;
		if (t->state == 'R')
			continue;
		snprintf(path, sizeof(path), "%d/sched", (int)t->tid);
		uint64_t last = exec_start_ns(dir, path);
		struct tt_hmap_entry *clock = last ? tt_hmap_insert(&clocks, (uint64_t)t->processor, &is_new) : NULL;
		if (clock && is_new)
			clock->value = clock_of(t->processor);
		if (clock && clock->value > last)
			t->idle_ns = clock->value - last;
	}
	close(dir);
	sched_setaffinity(0, sizeof(own), &own);
	tt_hmap_deinit(&clocks);
}
