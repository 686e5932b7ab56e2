/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tasks.c - one process and its threads, from stat, status, schedstat, wchan, cmdline. */
#include "lib/proc/tasks.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/attrs.h"
#include "lib/proc/proc_private.h"
#include "lib/proc/rootfile.h"

#define NS         UINT64_C(1000000000)
#define PF_KTHREAD 0x00200000u

const char *tt_task_policy(int policy)
{
	static const char *const names[] = {"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE",
		"SCHED_DEADLINE", "SCHED_EXT"};
	return policy >= 0 && (size_t)policy < ARRAY_SIZE(names) ? names[policy] : "?";
}

const char *tt_task_state(char state)
{
	static const struct {
		char state;
		const char *words;
	} table[] = {{'R', "running"}, {'S', "sleeping"}, {'D', "uninterruptible"}, {'T', "stopped"}, {'t', "traced"},
		{'Z', "zombie"}, {'X', "dead"}, {'I', "idle"}, {'P', "parked"}};
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].state == state)
			return table[i].words;
	return "?";
}

static uint64_t tick_ns(void)
{
	long hz = sysconf(_SC_CLK_TCK);
	return NS / (uint64_t)(hz > 0 ? hz : 100);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

/* ------------------------------------------------------------------ stat */

struct stat_fields {
	char name[TT_TASK_NAME], state;
	pid_t ppid;
	unsigned flags, threads;
	uint64_t user_ns, system_ns, start_ns; /* start: since boot */
	int nice, processor, priority, policy;
};

/* "123 (name) S 1 ...": the name may hold blanks and parentheses, so the last ")" ends it. Numbers of fields as in proc(5). */
static bool stat_parse(char *text, struct stat_fields *f)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	uint64_t field[42] = {0};
	if (!open || !close || close < open || close[1] != ' ')
		return false;
	*close = '\0';
	snprintf(f->name, sizeof(f->name), "%s", open + 1);
	f->state = close[2];
	char *at = close + 3;
	for (unsigned i = 4; i < ARRAY_SIZE(field) && *at; i++)
		field[i] = strtoull(at, &at, 10);
	f->ppid = (pid_t)field[4];
	f->flags = (unsigned)field[9];
	f->user_ns = field[14] * tick_ns();
	f->system_ns = field[15] * tick_ns();
	f->nice = (int)field[19];
	f->threads = (unsigned)field[20];
	f->start_ns = field[22] * tick_ns();
	f->processor = (int)field[39];
	f->priority = (int)field[40];
	f->policy = (int)field[41];
	return true;
}

static int stat_read(int dir, const char *path, struct stat_fields *f)
{
	char text[1024];
	int n = proc_read_at(dir, path, text, sizeof(text));
	return n < 0 ? n : stat_parse(text, f) ? 0 : -ESRCH;
}

/* The last number behind "NSpid:" and how many there are: 1 in our own namespace. 0 before Linux 4.1. */
static pid_t status_ns_pid(const char *text, unsigned *levels)
{
	const char *line = strstr(text, "\nNSpid:");
	char *at = line ? (char *)line + strlen("\nNSpid:") : NULL;
	pid_t last = 0;
	*levels = 0;
	while (at && (*at == '\t' || *at == ' ')) {
		last = (pid_t)strtol(at, &at, 10);
		(*levels)++;
	}
	return last;
}

static uint64_t status_hex(const char *text, const char *key)
{
	const char *line = strstr(text, key);
	return line ? strtoull(line + strlen(key), NULL, 16) : 0;
}

/* ------------------------------------------------------------------ a process */

/* Arguments are ended by NUL each; a program may have written what it likes over them. */
static char *read_command(pid_t pid, const char *name)
{
	char path[64];
	struct tt_buf b = TT_BUF_INIT;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (tt_rootfile_read(NULL, path, &b) < 0)
		tt_buf_clear(&b);
	while (b.len && (b.data[b.len - 1] == '\0' || b.data[b.len - 1] == ' '))
		tt_buf_truncate(&b, b.len - 1);
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i] == '\0')
			b.data[i] = ' ';
	if (b.len == 0)
		tt_buf_printf(&b, "[%s]", name);
	return tt_buf_steal(&b);
}

static char *read_cgroup(pid_t pid)
{
	char path[64], text[8192];
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (proc_read(path, text, sizeof(text)) <= 0)
		return NULL;
	char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return NULL;
	line = strchr(line, '/');
	return line ? strndup(line, strcspn(line, "\n")) : NULL;
}

static void read_status(struct tt_proc *p)
{
	char path[64], text[8192];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)p->pid);
	p->ns_pid = p->tgid = p->pid;
	if (proc_read(path, text, sizeof(text)) <= 0)
		return;
	unsigned levels;
	pid_t ns = status_ns_pid(text, &levels);
	p->ns_pid = ns ? ns : p->pid;
	p->caught = status_hex(text, "\nSigCgt:");
	const char *uid = strstr(text, "\nUid:");
	unsigned effective;
	int tgid;
	const char *group = strstr(text, "\nTgid:");
	if (group && sscanf(group + 6, "%d", &tgid) == 1)
		p->tgid = tgid;
	if (uid && sscanf(uid + 5, "%*u %u", &effective) == 1)
		p->uid = effective;
}

int tt_proc_read(pid_t pid, struct tt_proc *ret, struct tt_err *err)
{
	char path[64], link[64], exe[4097];
	struct stat_fields f = {0};
	*ret = (struct tt_proc){.pid = pid};
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (pid <= 0 || stat_read(AT_FDCWD, path, &f) < 0)
		return tt_err_set(err, ESRCH, "no process %d", (int)pid);
	ret->ppid = f.ppid;
	ret->state = f.state;
	ret->threads = f.threads;
	ret->kernel = f.flags & PF_KTHREAD;
	memcpy(ret->name, f.name, sizeof(ret->name));
	uint64_t up = now_ns(CLOCK_BOOTTIME);
	ret->age_ns = up > f.start_ns ? up - f.start_ns : 0;
	ret->started_ns = now_ns(CLOCK_REALTIME) - ret->age_ns;
	read_status(ret);
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	ssize_t n = readlink(link, exe, sizeof(exe) - 1);
	if (n > 0)
		ret->exe = strndup(exe, (size_t)n);
	ret->command = read_command(pid, ret->name);
	ret->cgroup = read_cgroup(pid);
	return ret->command ? 0 : tt_err_set(err, ENOMEM, "out of memory");
}

void tt_proc_deinit(struct tt_proc *p)
{
	free(p->exe);
	free(p->command);
	free(p->cgroup);
	*p = (struct tt_proc){0};
}

/* ------------------------------------------------------------------ threads */

static pid_t read_ns_tid(int dir, const char *path, pid_t tid, unsigned *levels)
{
	char text[4096];
	*levels = 0;
	pid_t ns = proc_read_at(dir, path, text, sizeof(text)) > 0 ? status_ns_pid(text, levels) : 0;
	return ns ? ns : tid;
}

bool tt_task_count(pid_t pid, struct tt_task *task)
{
	char path[64], text[128], *at = text;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)pid, (int)task->tid);
	if (proc_read_at(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return false;
	task->run_ns = strtoull(at, &at, 10);
	task->delay_ns = strtoull(at, &at, 10);
	task->slices = strtoull(at, &at, 10);
	return task->slices != 0;
}

/* dir: /proc/PID/task */
static bool read_task(int dir, pid_t tid, bool same_ns, uint64_t up_ns, struct tt_task *t)
{
	char path[64];
	struct stat_fields f = {0};
	unsigned levels;
	snprintf(path, sizeof(path), "%d/stat", (int)tid);
	if (stat_read(dir, path, &f) < 0)
		return false;
	*t = (struct tt_task){.tid = tid,
		.ns_tid = tid,
		.state = f.state,
		.user_ns = f.user_ns,
		.system_ns = f.system_ns,
		.age_ns = up_ns > f.start_ns ? up_ns - f.start_ns : 0,
		.policy = f.policy,
		.priority = f.priority,
		.nice = f.nice,
		.processor = f.processor};
	memcpy(t->name, f.name, sizeof(t->name));
	if (!same_ns) {
		snprintf(path, sizeof(path), "%d/status", (int)tid);
		t->ns_tid = read_ns_tid(dir, path, tid, &levels);
	}
	if (f.state == 'D') {
		snprintf(path, sizeof(path), "%d/wchan", (int)tid);
		if (proc_read_at(dir, path, t->wchan, sizeof(t->wchan)) <= 0 || strcmp(t->wchan, "0") == 0)
			t->wchan[0] = '\0';
	}
	return true;
}

static int by_tid(const void *a, const void *b)
{
	const struct tt_task *x = a, *y = b;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

int tt_tasks_read(pid_t pid, struct tt_tasks *tasks, struct tt_err *err)
{
	char path[64];
	struct tt_task t;
	int rc = 0;
	tasks->list.len = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	unsigned levels;
	read_ns_tid(AT_FDCWD, path, pid, &levels);
	bool same_ns = levels <= 1;
	uint64_t up_ns = now_ns(CLOCK_BOOTTIME);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	if (!dir)
		return tt_err_set(err, ESRCH, "no process %d", (int)pid);
	for (struct dirent *d = readdir(dir); d && rc == 0; d = readdir(dir))
		if (isdigit((unsigned char)d->d_name[0]) &&
			read_task(dirfd(dir), (pid_t)strtol(d->d_name, NULL, 10), same_ns, up_ns, &t))
			rc = tt_vec_push(&tasks->list, t);
	closedir(dir);
	if (rc == 0 && tasks->list.len == 0)
		return tt_err_set(err, ESRCH, "no process %d", (int)pid);
	tt_vec_sort(&tasks->list, by_tid);
	return rc < 0 ? tt_err_set(err, ENOMEM, "out of memory") : 0;
}

void tt_tasks_deinit(struct tt_tasks *tasks)
{
	tt_vec_deinit(&tasks->list);
}

struct tt_task *tt_tasks_find(const struct tt_tasks *tasks, pid_t tid)
{
	struct tt_task key = {.tid = tid};
	return tasks->list.len ? bsearch(&key, tasks->list.data, tasks->list.len, sizeof(key), by_tid) : NULL;
}
