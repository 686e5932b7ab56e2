/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pools.c - measuring a process: the window, the looks, the list of threads (pools.h). */
#include "lib/proc/pools.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/attrs.h"
#include "lib/proc/pools_private.h"

#define LOOK_NS      10000000  /* between looks, at least */
#define DUTY         10        /* a look may cost one part in so many */
#define RELIST_NS    100000000 /* between listings of the threads */
#define REFRESHED    64        /* threads of which names and switches are read anew; of those that began meanwhile always */
#define REFRESH_NS   500000000 /* so often */
#define SPARE_FILES  64
#define INSTANTS_MAX (UINT64_C(1) << 23)

const char *tt_pool_kind_name(enum tt_pool_kind kind)
{
	static const char *const names[] = {"workers", "loop", "main", "quiet"};
	return kind < ARRAY_SIZE(names) ? names[kind] : "?";
}

uint64_t tt_pools_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ------------------------------------------------------------------ the threads */

static int add_thread(struct tt_pools *p, pid_t tid)
{
	struct tt_pools_private *v = p->private;
	if (v->threads.len >= TT_POOLS_THREADS_MAX)
		return 0;
	struct tt_pools_thread *t = tt_vec_add(&v->threads);
	if (!t || tt_hmap_put(&v->by_tid, (uint64_t)tid, v->threads.len) < 0)
		return -ENOMEM;
	*t = (struct tt_pools_thread){
		.tid = tid, .alive = true, .listed = true, .schedstat_fd = -1, .syscall_fd = -1, .key = TT_POOLS_READY, .policy = -1};
	t->started = v->begin_ns != 0;
	p->started += t->started;
	tt_pools_open_thread(p, t);
	return 0;
}

/* A number that was used again would be taken for the same thread: rare within seconds, and harmless to sums. */
static int list_threads(struct tt_pools *p)
{
	struct tt_pools_private *v = p->private;
	int fd = openat(v->task_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int rc = 0;
	if (!dir) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc == -EMFILE ? 0 : rc;
	}
	for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
		uint64_t at;
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);
		if (tid <= 0)
			continue;
		if (v->threads.data && tt_hmap_get(&v->by_tid, (uint64_t)tid, &at) && v->threads.data[at - 1].alive)
			continue;
		rc = add_thread(p, tid);
	}
	closedir(dir);
	return rc;
}

/* ------------------------------------------------------------------ begin */

/* Two descriptors per thread are kept open: a read then costs a quarter. */
static size_t raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		rlim_t before = limit.rlim_cur;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			limit.rlim_cur = before;
	}
	return limit.rlim_cur > SPARE_FILES ? (size_t)limit.rlim_cur - SPARE_FILES : 0;
}

static int open_process(struct tt_pools *p, struct tt_err *err)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)p->pid);
	p->private->task_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->private->task_dir < 0 && errno == ENOENT)
		return tt_err_set(err, ESRCH, "there is no process %d", (int)p->pid);
	if (p->private->task_dir < 0)
		return tt_err_set(err, errno, "cannot read '%s': %s", path, strerror(errno));
	return tt_fds_create(p->pid, &p->private->fds) < 0 ? tt_err_set(err, ENOMEM, "out of memory") : 0;
}

int tt_pools_begin(pid_t pid, uint64_t window_ns, struct tt_pools **ret, struct tt_err *err)
{
	struct tt_pools *p = calloc(1, sizeof(*p));
	*ret = p;
	if (p)
		p->private = calloc(1, sizeof(*p->private));
	if (!p || !p->private)
		return tt_err_set(err, ENOMEM, "out of memory");
	p->pid = pid;
	p->private->wait = (struct tt_wait)TT_WAIT_INIT;
	p->private->seed = UINT64_C(88172645463325252);
	p->private->task_dir = -1;
	p->private->descriptors = raise_descriptors();
	int rc = open_process(p, err);
	if (rc < 0)
		return rc;
	rc = list_threads(p);
	if (rc < 0)
		return tt_err_set(err, -rc, "cannot list the threads of process %d: %s", (int)pid, strerror(-rc));
	uint64_t now = tt_pools_now();
	struct tt_pools_thread *t;
	vec_for_each (t, &p->private->threads)
		t->alive = tt_pools_read_thread(p, t, now);
	p->private->begin_ns = p->private->relist_ns = p->private->refresh_ns = now;
	p->private->half_ns = window_ns ? now + window_ns / 2 : 0;
	if (!p->has_schedstat)
		return tt_err_set(err, ENOENT,
			"process %d has no schedstat with figures: the kernel lacks CONFIG_SCHED_INFO, or the process ended",
			(int)pid);
	return 0;
}

/* ------------------------------------------------------------------ looks */

static bool look_at(struct tt_pools *p, size_t i, uint64_t now)
{
	struct tt_pools_private *v = p->private;
	struct tt_pools_thread *t = &v->threads.data[i];
	if (!t->alive)
		return true;
	if (!tt_pools_read_thread(p, t, now)) {
		t->alive = false;
		p->ended++;
		return true;
	}
	if (v->instants.len < INSTANTS_MAX) {
		const struct tt_pools_instant here = {.thread = (unsigned)i, .key = (int8_t)t->key};
		return tt_vec_push(&v->instants, here) == 0;
	}
	return true;
}

/* Looks at irregular times, so that what is periodic is not always met in the same state. */
static int64_t until_next(struct tt_pools_private *v, uint64_t cost_ns)
{
	v->seed ^= v->seed << 13;
	v->seed ^= v->seed >> 7;
	v->seed ^= v->seed << 17;
	uint64_t base = cost_ns * DUTY > LOOK_NS ? cost_ns * DUTY : LOOK_NS;
	return (int64_t)(base / 2 + v->seed % base);
}

int64_t tt_pools_look(struct tt_pools *p)
{
	struct tt_pools_private *v = p->private;
	uint64_t now = tt_pools_now();
	if (now - v->relist_ns > RELIST_NS) {
		int rc = list_threads(p);
		v->relist_ns = now;
		if (rc < 0)
			return rc == -ENOMEM ? rc : -ESRCH;
		tt_fds_clear(v->fds);
	}
	if (now - v->refresh_ns > REFRESH_NS) {
		struct tt_pools_thread *t;
		v->refresh_ns = now;
		vec_for_each (t, &v->threads)
			if (t->alive && (t->started || v->threads.len <= REFRESHED))
				tt_pools_refresh_thread(p, t);
	}
	if (tt_vec_push(&v->looks, v->instants.len) < 0)
		return -ENOMEM;
	size_t alive = 0;
	for (size_t i = 0; i < v->threads.len; i++) {
		if (!look_at(p, i, now))
			return -ENOMEM;
		alive += v->threads.data[i].alive;
	}
	p->ticks++;
	v->end_ns = now;
	return alive == 0 ? -ESRCH : until_next(v, tt_pools_now() - now);
}

/* ------------------------------------------------------------------ end */

int tt_pools_finish(
	struct tt_pools *p, bool (*recorded)(void *ctx, pid_t tid, struct tt_pools_record *ret), void *ctx, struct tt_err *err)
{
	struct tt_pools_private *v = p->private;
	struct tt_pools_thread *t;
	v->ended = recorded != NULL;
	p->window_ns = v->end_ns > v->begin_ns ? v->end_ns - v->begin_ns : 0;
	vec_for_each (t, &v->threads) {
		p->run_ns += t->run - t->run0;
		p->threads += t->alive;
		t->is_recorded = recorded && recorded(ctx, t->tid, &t->record);
		if (t->alive)
			tt_pools_refresh_thread(p, t);
	}
	return v->failed || tt_pools_group(p) < 0 ? tt_err_set(err, ENOMEM, "out of memory") : 0;
}

void tt_pools_destroy(struct tt_pools *p)
{
	if (!p)
		return;
	struct tt_pools_private *v = p->private;
	if (v) {
		struct tt_pools_thread *t;
		vec_for_each (t, &v->threads) {
			if (t->schedstat_fd >= 0)
				close(t->schedstat_fd);
			if (t->syscall_fd >= 0)
				close(t->syscall_fd);
		}
		if (v->task_dir >= 0)
			close(v->task_dir);
		tt_vec_deinit(&v->threads);
		tt_vec_deinit(&v->instants);
		tt_vec_deinit(&v->looks);
		tt_hmap_deinit(&v->by_tid);
		tt_smap_deinit(&v->words);
		tt_wait_deinit(&v->wait);
		tt_fds_destroy(v->fds);
		free(v);
	}
	struct tt_pool *pool;
	vec_for_each (pool, &p->list)
		tt_vec_deinit(&pool->waits);
	tt_vec_deinit(&p->list);
	free(p);
}
