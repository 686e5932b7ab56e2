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

#define LOOK_NS        10000000 /* between looks, at least */
#define DUTY           10       /* a look may cost one part in so many */
#define COST_LOOKS     32       /* over which the cost is averaged, about */
#define LOAD_DUTY      20       /* the costliest look since descriptors were forgotten may recur after so many times its cost */
#define RELIST_SOON_NS 20000000 /* the same, after one that found processes that had come or gone */
#define RELIST_NS      100000000 /* between listings of the threads */
#define REFRESHED      64        /* threads of which names and switches are read anew; of those that began meanwhile always */
#define REFRESH_NS     500000000 /* so often */
#define CLEAR_NS       500000000 /* for so long what descriptors are is believed: tables of sockets can be long */
#define SPARE_FILES    64
#define UNSEEN_NS      50000000 /* of CPU time, from which on it is worth a word: it is counted in ticks of 10 ms */
#define INSTANTS_MAX   (UINT64_C(1) << 23)

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

uint64_t tt_pools_own_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ------------------------------------------------------------------ the threads */

static int add_thread(struct tt_pools *p, uint32_t process, pid_t tid)
{
	struct tt_pools_private *v = p->private;
	if (v->threads.len >= TT_POOLS_THREADS_MAX)
		return 0;
	struct tt_pools_thread *t = tt_vec_add(&v->threads);
	if (!t || tt_hmap_put(&v->by_tid, (uint64_t)tid, v->threads.len) < 0)
		return -ENOMEM;
	*t = (struct tt_pools_thread){.tid = tid,
		.process = process,
		.alive = true,
		.listed = true,
		.schedstat_fd = -1,
		.syscall_fd = -1,
		.key = TT_POOLS_READY,
		.policy = -1};
	t->started = v->begin_ns != 0;
	p->started += t->started;
	tt_pools_open_thread(p, t);
	return 0;
}

/* A number that was used again would be taken for the same thread: rare within seconds, and harmless to sums. */
static int list_threads(struct tt_pools *p, uint32_t process)
{
	struct tt_pools_private *v = p->private;
	int fd = openat(v->processes.data[process].task_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
		rc = add_thread(p, process, tid);
	}
	closedir(dir);
	return rc;
}

/* Of a process that has ended the threads are found to be gone by themselves. */
static int list_all(struct tt_pools *p)
{
	struct tt_pools_private *v = p->private;
	int rc = v->children ? tt_pools_list_processes(p) : 0;
	for (size_t i = 0; i < v->processes.len && rc == 0; i++) {
		struct tt_pools_process *q = &v->processes.data[i];
		if (!q->alive)
			continue;
		rc = list_threads(p, (uint32_t)i);
		if (rc < 0 && rc != -ENOMEM) {
			tt_pools_close_process(p, q);
			rc = 0;
		} else if (q->started) {
			tt_pools_refresh_process(p, q);
		}
	}
	return rc;
}

/* What was asked for is still there, or a part of it. */
static bool has_root(const struct tt_pools_private *v)
{
	const struct tt_pools_process *q;
	vec_for_each (q, &v->processes)
		if (q->root && q->alive)
			return true;
	return false;
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

static int open_processes(struct tt_pools *p, const struct tt_pools_subject *subject, struct tt_err *err)
{
	for (size_t i = 0; i < subject->count; i++) {
		int rc = tt_pools_add_process(p, subject->pids[i], 0);
		if (rc == -ENOMEM)
			return tt_err_set(err, ENOMEM, "out of memory");
		if (rc < 0 && subject->count == 1)
			return rc == -ENOENT
			               ? tt_err_set(err, ESRCH, "there is no process %d", (int)p->pid)
			               : tt_err_set(err, -rc, "cannot read '/proc/%d/task': %s", (int)p->pid, strerror(-rc));
	}
	return p->private->processes.len ? 0 : tt_err_set(err, ESRCH, "all of the processes have ended");
}

/* They are read only now, together: listing takes a while. */
static void begin_window(struct tt_pools *p, uint64_t window_ns)
{
	struct tt_pools_private *v = p->private;
	struct tt_pools_process *q;
	struct tt_pools_thread *t;
	uint64_t now = tt_pools_now();
	vec_for_each (t, &v->threads)
		t->alive = tt_pools_read_thread(p, t);
	now += (tt_pools_now() - now) / 2; /* a window is from the middle of the first look to that of the last */
	vec_for_each (q, &v->processes)
		q->waited0_ns = v->children ? tt_pools_waited_ns(q) : 0;
	v->begin_ns = v->relist_ns = v->refresh_ns = v->clear_ns = now;
	v->half_ns = window_ns ? now + window_ns / 2 : 0;
}

int tt_pools_begin(const struct tt_pools_subject *subject, uint64_t window_ns, struct tt_pools **ret, struct tt_err *err)
{
	struct tt_pools *p = calloc(1, sizeof(*p));
	*ret = p;
	if (p)
		p->private = calloc(1, sizeof(*p->private));
	if (!p || !p->private)
		return tt_err_set(err, ENOMEM, "out of memory");
	p->pid = subject->pids[0];
	p->private->children = subject->children;
	p->private->alone = subject->count == 1;
	p->private->wait = (struct tt_wait)TT_WAIT_INIT;
	p->private->seed = UINT64_C(88172645463325252);
	p->private->descriptors = raise_descriptors();
	int rc = open_processes(p, subject, err);
	if (rc < 0)
		return rc;
	rc = list_all(p);
	if (rc < 0)
		return tt_err_set(err, -rc, "cannot list the threads of process %d: %s", (int)p->pid, strerror(-rc));
	begin_window(p, window_ns);
	if (!p->has_schedstat)
		return tt_err_set(err, ENOENT,
			"process %d has no schedstat with figures: the kernel lacks CONFIG_SCHED_INFO, or the process ended",
			(int)p->pid);
	return 0;
}

/* ------------------------------------------------------------------ looks */

static bool look_at(struct tt_pools *p, size_t i)
{
	struct tt_pools_private *v = p->private;
	struct tt_pools_thread *t = &v->threads.data[i];
	if (!t->alive)
		return true;
	if (!tt_pools_read_thread(p, t)) {
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

/*
 * Looks at irregular times, so that what is periodic is not always met in the same state. Some looks cost more than others, as
 * they read a table: what they cost on average decides.
 */
static int64_t until_next(struct tt_pools_private *v, uint64_t cost_ns)
{
	v->seed ^= v->seed << 13;
	v->seed ^= v->seed >> 7;
	v->seed ^= v->seed << 17;
	v->cost_ns += ((double)cost_ns - v->cost_ns) / COST_LOOKS;
	v->load_ns = cost_ns > v->load_ns ? cost_ns : v->load_ns;
	uint64_t want = (uint64_t)(v->cost_ns * DUTY), base = want > LOOK_NS ? want : LOOK_NS;
	return (int64_t)(base / 2 + v->seed % base);
}

/* Names are written after the start; those of what began meanwhile are asked for always. */
static void refresh(struct tt_pools *p)
{
	struct tt_pools_private *v = p->private;
	struct tt_pools_thread *t;
	struct tt_pools_process *q;
	vec_for_each (t, &v->threads)
		if (t->alive && (t->started || v->threads.len <= REFRESHED))
			tt_pools_refresh_thread(p, t);
	vec_for_each (q, &v->processes) {
		if (q->alive && v->processes.len <= REFRESHED)
			tt_pools_refresh_process(p, q);
		tt_hmap_deinit(&q->files);
		q->files_read = false;
	}
}

/* Where tables of sockets are long (connections that have just ended are in them), they are not read more often than is cheap.
 */
static void forget_descriptors(struct tt_pools_private *v, uint64_t now)
{
	struct tt_pools_process *q;
	if (now - v->clear_ns < CLEAR_NS || now - v->clear_ns < v->load_ns * LOAD_DUTY)
		return;
	v->clear_ns = now;
	v->load_ns = 0;
	tt_fds_clear(v->sockets);
	vec_for_each (q, &v->processes)
		if (q->fds)
			tt_fds_clear(q->fds);
}

int64_t tt_pools_look(struct tt_pools *p)
{
	struct tt_pools_private *v = p->private;
	uint64_t now = tt_pools_now(), cpu = tt_pools_own_ns();
	if (now - v->relist_ns > (v->changing ? RELIST_SOON_NS : RELIST_NS)) {
		unsigned changes = p->processes_started + p->processes_ended;
		v->relist_ns = now;
		if (list_all(p) < 0)
			return -ENOMEM;
		v->changing = p->processes_started + p->processes_ended != changes;
		forget_descriptors(v, now);
	}
	if (now - v->refresh_ns > REFRESH_NS) {
		v->refresh_ns = now;
		refresh(p);
	}
	if (tt_vec_push(&v->looks, v->instants.len) < 0)
		return -ENOMEM;
	size_t alive = 0;
	now = tt_pools_now();
	for (size_t i = 0; i < v->threads.len; i++) {
		if (!look_at(p, i))
			return -ENOMEM;
		alive += v->threads.data[i].alive;
	}
	p->ticks++;
	v->end_ns = now + (tt_pools_now() - now) / 2;
	return alive == 0 || !has_root(v) ? -ESRCH : until_next(v, tt_pools_own_ns() - cpu);
}

/* ------------------------------------------------------------------ end */

/*
 * What children that have ended took, by the kernel's count for their parents, less what was seen of them: that of those which
 * came and went between two listings. The count is in ticks.
 */
static void sum_processes(struct tt_pools *p)
{
	struct tt_pools_private *v = p->private;
	const struct tt_pools_process *q;
	const struct tt_pools_thread *t;
	uint64_t waited = 0, seen = 0;
	vec_for_each (q, &v->processes) {
		p->processes += q->alive;
		uint64_t now = v->children ? tt_pools_waited_ns(q) : 0;
		waited += now > q->waited0_ns ? now - q->waited0_ns : 0;
	}
	vec_for_each (t, &v->threads)
		if (!v->processes.data[t->process].alive)
			seen += t->run;
	if (waited > seen + UNSEEN_NS)
		p->unseen_ns = waited - seen;
}

int tt_pools_finish(
	struct tt_pools *p, bool (*recorded)(void *ctx, pid_t tid, struct tt_pools_record *ret), void *ctx, struct tt_err *err)
{
	struct tt_pools_private *v = p->private;
	struct tt_pools_thread *t;
	v->ended = recorded != NULL;
	p->window_ns = v->end_ns > v->begin_ns ? v->end_ns - v->begin_ns : 0;
	sum_processes(p);
	vec_for_each (t, &v->threads) {
		p->run_ns += t->run - t->run0;
		p->threads += t->alive;
		t->is_recorded = recorded && recorded(ctx, t->tid, &t->record);
		if (t->alive)
			tt_pools_refresh_thread(p, t);
	}
	return v->failed || tt_pools_group(p) < 0 || tt_pools_sum(p) < 0 ? tt_err_set(err, ENOMEM, "out of memory") : 0;
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
		struct tt_pools_process *q;
		vec_for_each (q, &v->processes)
			tt_pools_close_process(p, q);
		tt_vec_deinit(&v->processes);
		tt_fds_destroy(v->sockets);
		tt_hmap_deinit(&v->by_pid);
		tt_hmap_deinit(&v->numbers);
		tt_vec_deinit(&v->threads);
		tt_vec_deinit(&v->instants);
		tt_vec_deinit(&v->looks);
		tt_hmap_deinit(&v->by_tid);
		tt_smap_deinit(&v->words);
		tt_wait_deinit(&v->wait);
		free(v);
	}
	struct tt_pool *pool;
	vec_for_each (pool, &p->list)
		tt_vec_deinit(&pool->waits);
	tt_vec_deinit(&p->list);
	free(p);
}
