/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pids.c - which processes are meant: by name, by descent, by control group. */
#include "lib/proc/tasks.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proc/cgroup.h"
#include "lib/proc/proc_private.h"
#include "lib/proc/rootfile.h"

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
	return x < y ? -1 : x > y;
}

/* Calls each for every process, kernel threads too, but not for ourselves. */
static int walk(int (*each)(void *ctx, struct tt_proc *p), void *ctx)
{
	DIR *dir = opendir("/proc");
	int rc = dir ? 0 : -errno;
	for (struct dirent *d = dir ? readdir(dir) : NULL; d && rc == 0; d = readdir(dir)) {
		struct tt_proc p;
		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
		rc = pid == getpid() ? 0 : tt_proc_read(pid, &p, NULL);
		if (pid != getpid() && rc == 0)
			rc = each(ctx, &p);
		if (pid != getpid())
			tt_proc_deinit(&p);
		rc = rc == -ESRCH ? 0 : rc; /* it vanished */
	}
	if (dir)
		closedir(dir);
	return rc;
}

struct wanted {
	struct tt_pids *pids;
	const char *name;
};

/* The last part of a path that ends at a blank. */
static bool last_part_is(const char *path, const char *name)
{
	if (!path)
		return false;
	size_t len = strcspn(path, " "), n = strlen(name);
	return len >= n && memcmp(path + len - n, name, n) == 0 && (len == n || path[len - n - 1] == '/');
}

static int take_named(void *ctx, struct tt_proc *p)
{
	const struct wanted *w = ctx;
	bool hit = strcmp(p->name, w->name) == 0 ||
	           (!p->kernel && (last_part_is(p->exe, w->name) || last_part_is(p->command, w->name)));
	return hit && p->state != 'Z' ? tt_vec_push(&w->pids->list, p->pid) : 0;
}

int tt_pids_by_name(struct tt_pids *pids, const char *name)
{
	struct wanted w = {pids, name};
	int rc = walk(take_named, &w);
	tt_vec_sort(&pids->list, by_number);
	return rc;
}

struct link {
	pid_t pid, parent;
};
struct links {
	TT_VEC(struct link) list;
};

static int take_link(void *ctx, struct tt_proc *p)
{
	struct links *l = ctx;
	struct link link = {p->pid, p->ppid};
	return p->state == 'Z' ? 0 : tt_vec_push(&l->list, link);
}

/* Adds a process and its descendants to ret, each below its parent. */
static int add_family(const struct links *l, pid_t pid, struct tt_hmap *have, struct tt_pids *ret)
{
	bool is_new;
	const struct link *link;
	if (!tt_hmap_insert(have, (uint64_t)pid, &is_new))
		return -ENOMEM;
	int rc = is_new ? tt_vec_push(&ret->list, pid) : 0;
	vec_for_each (link, &l->list)
		if (is_new && rc == 0 && link->parent == pid)
			rc = add_family(l, link->pid, have, ret);
	return rc;
}

int tt_pids_add_tree(struct tt_pids *pids)
{
	struct links l = {0};
	struct tt_hmap have = TT_HMAP_INIT;
	struct tt_pids all = {0};
	int rc = walk(take_link, &l);
	for (size_t i = 0; i < pids->list.len && rc == 0; i++)
		rc = add_family(&l, pids->list.data[i], &have, &all);
	tt_hmap_deinit(&have);
	tt_vec_deinit(&l.list);
	tt_vec_deinit(&pids->list);
	*pids = all;
	return rc;
}

/* A whole path matches from its beginning; a last part wherever it is a component. */
static bool in_group(const char *path, const char *wanted)
{
	size_t n = strlen(wanted);
	for (const char *hit = strstr(path, wanted); hit; hit = wanted[0] == '/' ? NULL : strstr(hit + 1, wanted)) {
		bool begins = wanted[0] == '/' ? hit == path : hit > path && hit[-1] == '/';
		if (begins && (hit[n] == '\0' || hit[n] == '/' || n == 1))
			return true;
	}
	return false;
}

/* By its group in any hierarchy. */
static int take_cgroup(void *ctx, struct tt_proc *p)
{
	const struct wanted *w = ctx;
	struct tt_cgroups groups = {0};
	const struct tt_cgroup_line *line;
	char path[64];
	bool hit = false;
	TT_BUF_AUTO(text);
	if (p->kernel || p->state == 'Z')
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)p->pid);
	int rc = tt_rootfile_read(NULL, path, &text) < 0 ? 0 : tt_cgroups_parse_lines(&groups, tt_buf_str(&text));
	vec_for_each (line, &groups.lines)
		hit = hit || in_group(line->path, w->name);
	tt_cgroups_deinit(&groups);
	return rc == 0 && hit ? tt_vec_push(&w->pids->list, p->pid) : rc;
}

/* Without kernel threads, which the root groups hold, and without ourselves. */
static int add_dir(struct tt_pids *pids, const char *dir)
{
	struct tt_pids in = {0};
	const pid_t *pid;
	int rc = tt_pids_by_cgroup_dir(&in, dir);
	vec_for_each (pid, &in.list) {
		struct tt_proc p;
		if (rc != 0 || *pid == getpid() || tt_proc_read(*pid, &p, NULL) < 0)
			continue;
		if (!p.kernel && p.state != 'Z')
			rc = tt_vec_push(&pids->list, *pid);
		tt_proc_deinit(&p);
	}
	tt_vec_deinit(&in.list);
	return rc == -ESRCH ? 0 : rc;
}

int tt_pids_by_cgroup(struct tt_pids *pids, const char *path, struct tt_err *err)
{
	static const char mount[] = "/sys/fs/cgroup/";
	char wanted[4096];
	size_t before = pids->list.len;
	int rc = 0;
	snprintf(wanted, sizeof(wanted), "%s", path);
	for (size_t n = strlen(wanted); n > 1 && wanted[n - 1] == '/'; n--)
		wanted[n - 1] = '\0';
	struct wanted w = {pids, wanted};
	if (strncmp(wanted, mount, strlen(mount)) == 0)
		rc = add_dir(pids, wanted);
	else if (wanted[0])
		rc = walk(take_cgroup, &w);
	if (rc < 0)
		return tt_err_set(err, -rc, "cannot list processes: %s", strerror(-rc));
	tt_vec_sort(&pids->list, by_number);
	return pids->list.len > before ? 0 : tt_err_set(err, ESRCH, "no process in control group '%s'", path);
}

#define DEEPEST 32

static int add_of_dir(struct tt_pids *pids, int fd, int depth)
{
	int procs = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC), rc = 0;
	FILE *f = procs < 0 ? NULL : fdopen(procs, "r");
	char line[32];
	if (!f && procs >= 0)
		close(procs);
	while (f && rc == 0 && fgets(line, sizeof(line), f))
		rc = tt_vec_push(&pids->list, (pid_t)strtol(line, NULL, 10));
	if (f)
		fclose(f);
	DIR *dir = depth < DEEPEST ? fdopendir(dup(fd)) : NULL;
	for (struct dirent *d = dir ? readdir(dir) : NULL; d && rc == 0; d = readdir(dir)) {
		int below = d->d_type == DT_DIR && d->d_name[0] != '.'
		                    ? openat(fd, d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
		                    : -1;
		if (below < 0)
			continue;
		rc = add_of_dir(pids, below, depth + 1);
		close(below);
	}
	if (dir)
		closedir(dir);
	return rc;
}

int tt_pids_by_cgroup_dir(struct tt_pids *pids, const char *dir)
{
	size_t before = pids->list.len;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	int rc = add_of_dir(pids, fd, 0);
	close(fd);
	tt_vec_sort(&pids->list, by_number);
	return rc < 0 ? rc : pids->list.len > before ? 0 : -ESRCH;
}
