/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * life.c - see life.h.
 */
#include "lib/rec/life.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STAT_SIZE 1024

/* Reads a file of /proc named stat: its third field, the state, within text; NULL with errno set. */
static const char *read_stat(const char *path, char text[static STAT_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	ssize_t n = read(fd, text, STAT_SIZE - 1);
	int code = n < 0 ? errno : EINVAL;
	close(fd);
	errno = code;
	if (n <= 0)
		return NULL;
	text[n] = '\0';
	/* The name in parentheses may hold anything, also parentheses: fields count from the last one. */
	const char *at = strrchr(text, ')');
	return at && at[1] == ' ' ? at + 2 : NULL;
}

int tt_life_start_ticks(uint32_t pid, uint64_t *ret, bool *zombie)
{
	char path[64], text[STAT_SIZE];
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	const char *at = read_stat(path, text);
	if (!at)
		return -errno;
	if (zombie)
		*zombie = *at == 'Z' || *at == 'X';
	for (int field = 3; field < 22; field++) {
		at = strchr(at, ' ');
		if (!at)
			return -EINVAL;
		at++;
	}
	*ret = strtoull(at, NULL, 10);
	return 0;
}

uint64_t tt_life_now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* ------------------------------------------------------------------ tasks */

void tt_life_tasks_deinit(struct tt_life_tasks *tasks)
{
	tt_vec_deinit(&tasks->tids);
	tasks->known = tasks->asleep = false;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

bool tt_life_has_task(const struct tt_life_tasks *tasks, uint32_t tid)
{
	return tasks->tids.len && bsearch(&tid, tasks->tids.data, tasks->tids.len, sizeof(tid), by_number);
}

static bool sleeps(uint32_t pid, uint32_t tid)
{
	char path[64], text[STAT_SIZE];
	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", pid, tid);
	const char *at = read_stat(path, text);
	return at && (*at == 'S' || *at == 'D');
}

int tt_life_list_tasks(uint32_t pid, bool states, struct tt_life_tasks *ret)
{
	char path[64];
	uint64_t ticks;
	bool leader_ended = false;
	int rc = tt_life_start_ticks(pid, &ticks, &leader_ended);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	DIR *d = opendir(path);
	if (!d)
		return -errno;
	ret->asleep = states;
	for (const struct dirent *e; rc == 0 && (e = readdir(d));) {
		uint32_t tid = (uint32_t)strtoul(e->d_name, NULL, 10);
		/* Other threads are gone when they have ended; the leader stays while they live. */
		if (!tid || (leader_ended && tid == pid))
			continue;
		rc = tt_vec_push(&ret->tids, tid);
		ret->asleep = ret->asleep && sleeps(pid, tid);
	}
	closedir(d);
	tt_vec_sort(&ret->tids, by_number);
	ret->known = rc == 0;
	return rc;
}

/* A leader that has ended while other threads live looks like a zombie. */
static bool has_other_tasks(uint32_t pid)
{
	struct tt_life_tasks tasks = {0};
	bool others = tt_life_list_tasks(pid, false, &tasks) == 0 && tasks.tids.len > 0;
	tt_life_tasks_deinit(&tasks);
	return others;
}

/* ------------------------------------------------------------------ life */

enum tt_rec_life tt_life_of(uint32_t state, uint32_t pid, uint64_t start_ticks, uint64_t pid_ns)
{
	if (state != TTREC_STATE_RUNNING)
		return TT_REC_ENDED;
	struct stat st;
	if (pid_ns && stat("/proc/self/ns/pid", &st) == 0 && st.st_ino != pid_ns)
		return TT_REC_UNKNOWN;
	uint64_t ticks = 0;
	bool zombie = false;
	int rc = tt_life_start_ticks(pid, &ticks, &zombie);
	if (rc == -ENOENT || rc == -ESRCH)
		return TT_REC_KILLED;
	if (rc < 0)
		return TT_REC_UNKNOWN;
	bool over = (zombie && !has_other_tasks(pid)) || (start_ticks && ticks != start_ticks);
	return over ? TT_REC_KILLED : TT_REC_RUNNING;
}
