/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pools_process.c - the processes of a measurement: those that were asked for and what descends from them, what they are, and
 * what their main threads wait for where that is another process's doing (pools.h).
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proc/footprint.h"
#include "lib/proc/pools_private.h"
#include "lib/proc/proc_private.h"
#include "lib/proc/title.h"
#include "lib/proc/tasktext.h"

#define MEMORIES 16 /* processes of a pool whose memory is read: smaps_rollup walks all of it */

/* ------------------------------------------------------------------ one process */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static const char *intern(struct tt_pools *p, const char *text)
{
	const char *word = tt_smap_intern(&p->private->words, text);
	p->private->failed |= !word;
	return word ? word : "";
}

/* Programs change by exec, and titles are written after the start: the latest that was seen counts. */
void tt_pools_refresh_process(struct tt_pools *p, struct tt_pools_process *q)
{
	char path[64], text[4096];
	TT_BUF_AUTO(stem);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)q->pid);
	ssize_t n = readlink(path, text, sizeof(text) - 1);
	if (n > 0) {
		text[n] = '\0';
		q->exe = intern(p, text);
	}
	int len = tt_title_read(q->pid, text, TT_TITLE_MAX);
	if (len <= 0 || tt_title_stem(&stem, text) < 0)
		return;
	q->title = intern(p, text);
	q->stem = intern(p, tt_buf_str(&stem));
	q->backend = strncmp(base_of(q->exe), "postgres", 8) == 0 && strncmp(text, "postgres: ", 10) == 0;
}

int tt_pools_add_process(struct tt_pools *p, pid_t pid, pid_t parent)
{
	struct tt_pools_private *v = p->private;
	char path[64];
	struct tt_pools_process *q;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	q = tt_vec_add(&v->processes);
	if (!q || tt_hmap_put(&v->by_pid, (uint64_t)pid, v->processes.len) < 0 || tt_fds_create(pid, &q->fds) < 0 ||
		(!v->sockets && tt_fds_create(pid, &v->sockets) < 0)) {
		if (q) {
			tt_fds_destroy(q->fds);
			v->processes.len--;
		}
		close(dir);
		return -ENOMEM;
	}
	tt_fds_share(q->fds, v->sockets);
	q->pid = pid;
	q->parent = parent;
	q->task_dir = dir;
	q->alive = true;
	q->root = parent == 0;
	q->started = v->begin_ns != 0;
	q->exe = q->title = q->stem = "";
	p->processes_started += q->started;
	tt_pools_refresh_process(p, q);
	return 0;
}

void tt_pools_close_process(struct tt_pools *p, struct tt_pools_process *q)
{
	p->processes_ended += q->alive;
	q->alive = false;
	if (q->task_dir >= 0)
		close(q->task_dir);
	q->task_dir = -1;
	tt_fds_destroy(q->fds);
	q->fds = NULL;
	tt_hmap_deinit(&q->files);
}

/* ------------------------------------------------------------------ who descends from whom */

struct born {
	pid_t pid, parent;
};
struct births {
	TT_VEC(struct born) list;
};

/* The parent of a process, and the CPU time of those of its children that have ended and were waited for. 0: it is gone. */
static pid_t read_parent(pid_t pid, uint64_t *ret_children_ns)
{
	char path[64], text[1024];
	struct tt_stat stat;
	long hz = sysconf(_SC_CLK_TCK);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (proc_read(path, text, sizeof(text)) <= 0 || tt_stat_parse(text, &stat) < 0)
		return 0;
	if (ret_children_ns)
		*ret_children_ns = stat.children_ticks * (UINT64_C(1000000000) / (uint64_t)(hz > 0 ? hz : 100));
	return (pid_t)stat.ppid;
}

/* Numbers that the latest listing had are not asked again: parents change only when they end. */
static int list_numbers(const struct tt_pools_private *v, struct tt_hmap *all, struct births *births)
{
	DIR *dir = opendir("/proc");
	int rc = dir ? 0 : -errno;
	for (struct dirent *d = dir ? readdir(dir) : NULL; d && rc == 0; d = readdir(dir)) {
		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
		rc = tt_hmap_put(all, (uint64_t)pid, 1);
		if (rc < 0 || tt_hmap_find(&v->numbers, (uint64_t)pid))
			continue;
		struct born born = {pid, read_parent(pid, NULL)};
		if (born.parent > 0 && pid != getpid())
			rc = tt_vec_push(&births->list, born);
	}
	if (dir)
		closedir(dir);
	return rc;
}

static struct tt_pools_process *living(const struct tt_pools_private *v, pid_t pid)
{
	uint64_t at;
	if (!tt_hmap_get(&v->by_pid, (uint64_t)pid, &at) || !v->processes.data[at - 1].alive)
		return NULL;
	return &v->processes.data[at - 1];
}

/* A child may stand before its parent in the list: until nothing more is found. */
static int add_descendants(struct tt_pools *p, const struct births *births)
{
	struct tt_pools_private *v = p->private;
	const struct born *born;
	for (bool more = true; more;) {
		more = false;
		vec_for_each (born, &births->list) {
			if (!living(v, born->parent) || living(v, born->pid))
				continue;
			int rc = v->processes.len < TT_POOLS_PROCESSES_MAX ? tt_pools_add_process(p, born->pid, born->parent)
			                                                   : 0;
			if (rc == -ENOMEM)
				return rc;
			more |= living(v, born->pid) != NULL;
		}
	}
	return 0;
}

int tt_pools_list_processes(struct tt_pools *p)
{
	struct tt_pools_private *v = p->private;
	struct tt_hmap all = TT_HMAP_INIT;
	struct births births = {0};
	int rc = list_numbers(v, &all, &births);
	if (rc == 0)
		rc = add_descendants(p, &births);
	tt_vec_deinit(&births.list);
	tt_hmap_deinit(&v->numbers);
	v->numbers = all;
	return rc == -ENOMEM ? rc : 0;
}

uint64_t tt_pools_waited_ns(const struct tt_pools_process *q)
{
	uint64_t ns = 0;
	return q->alive && read_parent(q->pid, &ns) ? ns : 0;
}

/* ------------------------------------------------------------------ what comes from outside */

/* The pipes and sockets that a process has open, read once per listing. */
static bool has_open(struct tt_pools_process *q, uint64_t inode)
{
	char path[64], link[64];
	if (!q->files_read) {
		snprintf(path, sizeof(path), "/proc/%d/fd", (int)q->pid);
		DIR *dir = opendir(path);
		q->files_read = true;
		for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
			ssize_t n = readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1);
			const char *bracket = n > 0 ? memchr(link, '[', (size_t)n) : NULL;
			if (!bracket || (strncmp(link, "pipe:", 5) != 0 && strncmp(link, "socket:", 7) != 0))
				continue;
			link[n] = '\0';
			if (tt_hmap_put(&q->files, strtoull(bracket + 1, NULL, 10), 1) < 0)
				break;
		}
		if (dir)
			closedir(dir);
	}
	return inode && tt_hmap_find(&q->files, inode);
}

/* Its other end is its parent's: the parent gives it work through a pipe, or through a pair of sockets. */
static bool from_parent(struct tt_pools *p, const struct tt_pools_process *q, const struct tt_fd *fd)
{
	struct tt_pools_process *parent = living(p->private, q->parent);
	if (!parent)
		return false;
	if (fd->kind == TT_FD_PIPE)
		return has_open(parent, fd->inode);
	return fd->socket && has_open(parent, fd->socket->peer_inode);
}

static int of_backend(const struct tt_pools_process *q, enum tt_wait_kind kind, const char **words)
{
	char title[TT_TITLE_MAX];
	if (kind == TT_WAIT_SEM || kind == TT_WAIT_FUTEX || kind == TT_WAIT_COND) {
		*words = "a lightweight lock";
		return TT_POOL_LOCK;
	}
	if ((kind != TT_WAIT_EPOLL && kind != TT_WAIT_POLL && kind != TT_WAIT_SOCKET) ||
		tt_title_read(q->pid, title, sizeof(title)) <= 0)
		return -1;
	switch (tt_title_backend(title, NULL)) {
	case TT_BACKEND_IDLE:
		*words = "its client: idle";
		return TT_POOL_IDLE;
	case TT_BACKEND_IN_TRANSACTION:
		*words = "its client: idle in transaction";
		return TT_POOL_WORK;
	case TT_BACKEND_LOCK:
		*words = "a lock";
		return TT_POOL_LOCK;
	case TT_BACKEND_BUSY:
		return TT_POOL_WORK;
	default:
		return -1;
	}
}

int tt_pools_use(struct tt_pools *p, const struct tt_pools_thread *t, const struct tt_wait *w, const char **words)
{
	struct tt_pools_process *q = &p->private->processes.data[t->process];
	if (w->listens)
		return TT_POOL_IDLE;
	if (q->root || t->tid != q->pid)
		return -1;
	if (q->backend)
		return of_backend(q, w->kind, words);
	bool input = w->call && (strncmp(w->call, "re", 2) == 0 || w->kind == TT_WAIT_POLL); /* read, recvfrom ... */
	if (!input || !w->at)
		return -1;
	return tt_fds_accepted(q->fds, w->at) || from_parent(p, q, w->at) ? TT_POOL_IDLE : -1;
}

/* ------------------------------------------------------------------ memory */

void tt_pools_memory(struct tt_pools *p, uint32_t group, struct tt_pool *pool)
{
	struct tt_pools_process *q;
	struct tt_footprint m;
	uint64_t sum = 0, pss = 0, tables = 0;
	unsigned count = 0;
	vec_for_each (q, &p->private->processes) {
		if (count == MEMORIES || !q->alive || q->group != group || !tt_footprint_read(q->pid, &m))
			continue;
		sum += m.private_bytes;
		pss += m.pss_bytes;
		tables += m.page_table_bytes;
		pool->memory.rough |= m.rough;
		count++;
	}
	if (count) {
		pool->memory.private_bytes = sum / count;
		pool->memory.pss_bytes = pss / count;
		pool->memory.page_table_bytes = tables / count;
	}
}
