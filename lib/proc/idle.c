/* SPDX-License-Identifier: GPL-3.0-or-later */
/* idle.c - since when a thread has not run, by the kernel's own note of when it last did. */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/proc/idle.h"
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

static uint64_t monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* What the clock of a processor says now, less CLOCK_MONOTONIC: our own exec_start after running there. 0 not known. */
static uint64_t clock_of(int processor)
{
	cpu_set_t set, own;
	char path[64];
	CPU_ZERO(&set);
	if (processor < 0 || processor >= CPU_SETSIZE || sched_getaffinity(0, sizeof(own), &own) < 0)
		return 0;
	CPU_SET(processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return 0;
	sched_yield(); /* makes the kernel account for what we ran so far */
	snprintf(path, sizeof(path), "/proc/self/task/%d/sched", (int)gettid());
	uint64_t at = exec_start_ns(AT_FDCWD, path);
	uint64_t clock = at ? at - monotonic_ns() : 0;
	sched_setaffinity(0, sizeof(own), &own); /* at once: it may be the busiest of all */
	return clock;
}

uint64_t tt_idle_of(struct tt_idle *idle, int dir, pid_t tid, int processor)
{
	char path[64];
	bool is_new;
	snprintf(path, sizeof(path), "%d/sched", (int)tid);
	uint64_t last = exec_start_ns(dir, path);
	struct tt_hmap_entry *clock = last ? tt_hmap_insert(&idle->clocks, (uint64_t)processor, &is_new) : NULL;
	if (clock && is_new)
		clock->value = clock_of(processor);
	uint64_t now = clock && clock->value ? clock->value + monotonic_ns() : 0;
	return now > last ? now - last : 0;
}

void tt_idle_end(struct tt_idle *idle)
{
	tt_hmap_deinit(&idle->clocks);
}

void tt_tasks_idle(pid_t pid, struct tt_tasks *tasks)
{
	struct tt_idle idle = {.clocks = TT_HMAP_INIT};
	struct tt_task *t;
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	vec_for_each (t, &tasks->list) {
		if (t->state != 'R')
			t->idle_ns = tt_idle_of(&idle, dir, t->tid, t->processor);
	}
	close(dir);
	tt_idle_end(&idle);
}
