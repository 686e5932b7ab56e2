/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sample.c - the refresh of the sampler (sample.h): processes, then the hot loop over their threads. */
#include "lib/proc/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "lib/proc/sample_internal.h"

#define PROC_MAGIC 0x9fa0 /* PROC_SUPER_MAGIC of linux/magic.h */

/* True when the kernel does not count: no file, or all zero although we run (nodelayacct, no CONFIG_SCHED_INFO). */
static bool schedstat_is_off(struct tt_sampler *s)
{
	struct tt_schedstat now;
	if (!s->is_proc)
		return false;
	return tt_read_at(s->root_fd, "self/schedstat", s->text, 96) <= 0 || tt_schedstat_parse(s->text, &now) < 0 ||
	       now.slices == 0;
}

/* Clocks are asked for by pid: /proc must count as we do. */
static bool is_our_namespace(const struct tt_sampler *s)
{
	char link[16], own[16];
	ssize_t n = readlinkat(s->root_fd, "self", link, sizeof(link) - 1);
	snprintf(own, sizeof(own), "%d", getpid());
	return n > 0 && (link[n] = 0, strcmp(link, own) == 0);
}

int tt_sampler_create(const struct tt_sampler_opts *opts, struct tt_sampler **ret, struct tt_err *err)
{
	const char *root = opts->root ? opts->root : "/proc";
	struct statfs fs;
	struct tt_sampler *s = calloc(1, sizeof(*s));
	if (!s)
		return tt_err_set(err, ENOMEM, "out of memory");
	s->opts = *opts;
	s->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root_fd < 0) {
		int code = errno;
		free(s);
		return tt_err_set(err, code, "cannot open '%s': %s", root, strerror(code));
	}
	s->text = malloc(TT_PROC_TEXT);
	s->machine = tt_machine_create();
	if (!s->text || !s->machine) {
		tt_sampler_destroy(s);
		return tt_err_set(err, ENOMEM, "out of memory");
	}
	s->is_proc = fstatfs(s->root_fd, &fs) == 0 && fs.f_type == PROC_MAGIC;
	s->has_clocks = s->is_proc && is_our_namespace(s);
	s->no_schedstat = opts->no_schedstat || schedstat_is_off(s);
	tt_sample_raise_limit(s);
	*ret = s;
	return 0;
}

void tt_sampler_destroy(struct tt_sampler *s)
{
	if (!s)
		return;
	struct tt_live_proc **p;
	vec_for_each (p, &s->all)
		tt_sample_forget(s, *p);
	struct tt_hmap_entry *user;
	hmap_for_each (user, &s->users)
		free(user->ptr);
	tt_sample_groups_deinit(s);
	tt_hmap_deinit(&s->by_pid);
	tt_hmap_deinit(&s->by_tid);
	tt_hmap_deinit(&s->users);
	tt_vec_deinit(&s->all);
	tt_vec_deinit(&s->frame.procs);
	tt_vec_deinit(&s->frame.tasks);
	tt_machine_deinit(&s->frame.machine);
	tt_machine_destroy(s->machine);
	close(s->root_fd);
	free(s->text);
	free(s);
}

void tt_sampler_set(struct tt_sampler *s, uint32_t needs, bool kernel)
{
	struct tt_live_proc **p;
	s->opts.needs = needs;
	if (s->opts.kernel == kernel)
		return;
	s->opts.kernel = kernel;
	/* All are asked about again. */
	vec_for_each (p, &s->all)
		if ((*p)->pub.kernel)
			(*p)->asked = 0;
}

void tt_sampler_ask_again(struct tt_sampler *s)
{
	struct tt_live_proc **p;
	vec_for_each (p, &s->all)
		(*p)->asked = 0;
}

struct tt_top_frame *tt_sampler_frame(struct tt_sampler *s)
{
	return &s->frame;
}

uint32_t tt_sampler_parent(const struct tt_sampler *s, uint32_t pid)
{
	const struct tt_live_proc *p = tt_hmap_ptr(&s->by_pid, pid);
	return p ? p->pub.ppid : 0;
}

struct tt_top_task *tt_sampler_find(const struct tt_sampler *s, uint32_t tid)
{
	struct tt_live_task *t = tt_hmap_ptr(&s->by_tid, tid);
	return t ? &t->pub : NULL;
}

struct tt_sampler_stats tt_sampler_stats(const struct tt_sampler *s)
{
	return s->stats;
}

/* ------------------------------------------------------------------ the threads of one process */

/*
 * How many threads it has, by the link count of its task directory (fs/proc/base.c: proc_task_getattr). When as many as we know
 * are alive afterwards, they are the same ones, and the directory need not be read. 0: not known.
 */
static size_t count_threads(const struct tt_live_proc *p)
{
	struct stat st;
	return fstat(p->task_fd, &st) == 0 && st.st_nlink > 2 ? st.st_nlink - 2 : 0;
}

/*
 * The CPU time of the whole process in ns, of living and ended threads (kernel/time/posix-cpu-timers.c adds up the very
 * numbers that schedstat shows): one system call that tells whether any of its threads has run. 0: not to be had.
 */
static uint64_t process_clock(const struct tt_sampler *s, const struct tt_live_proc *p)
{
	struct timespec ts;
	clockid_t clock =
		(clockid_t)(~p->pub.pid << 3) | 2; /* CPUCLOCK_SCHED of a process, as clock_getcpuclockid() makes it */
	if (!s->has_clocks || clock_gettime(clock, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* True when the threads' run times, as we know them, are all that the process has used. */
static bool accounted(const struct tt_live_proc *p, uint64_t clock)
{
	return p->base_known && clock && clock == p->base_ns + p->sum_ns;
}

#define LATELY 4 /* refreshes after which a thread that did not run is no longer looked at first */

/* Reads those that ran lately, or the others. False when one of them is gone. */
static bool refresh_some(struct tt_sampler *s, struct tt_live_proc *p, bool lately)
{
	bool all = true;
	struct tt_top_task **t;
	vec_for_each (t, &p->pub.tasks) {
		struct tt_live_task *live = (struct tt_live_task *)*t;
		/* ran_tick changes while they are read: the order is of the last refresh. */
		bool is_late = (live->ran_tick == s->tick ? live->ran_before : live->ran_tick) + LATELY >= s->tick;
		if (is_late != lately)
			continue;
		live->gone = tt_top_task_refresh(s, live) < 0;
		all &= !live->gone;
	}
	return all;
}

static void stay_some(struct tt_sampler *s, struct tt_live_proc *p, bool lately)
{
	struct tt_top_task **t;
	vec_for_each (t, &p->pub.tasks) {
		struct tt_live_task *live = (struct tt_live_task *)*t;
		if (lately || (live->ran_tick != s->tick && live->ran_tick + LATELY < s->tick))
			tt_top_task_stay(s, live);
	}
}

static void drop_gone(struct tt_sampler *s, struct tt_live_proc *p)
{
	size_t kept = 0;
	for (size_t i = 0; i < p->pub.tasks.len; i++) {
		struct tt_live_task *t = (struct tt_live_task *)p->pub.tasks.data[i];
		if (!t->gone) {
			p->pub.tasks.data[kept++] = &t->pub;
			continue;
		}
		tt_top_task_destroy(s, t);
		s->frame.machine.ended++;
	}
	p->pub.tasks.len = kept;
}

/*
 * Reads of the threads that we know those that may have run; false when one is gone. base_ns is what its ended threads used:
 * the difference between the process's clock and the sum of its threads, taken when the clock stood
 * still during a whole reading. While clock = base + sum, no other thread has run, and none need be read.
 */
static bool refresh_known(struct tt_sampler *s, struct tt_live_proc *p)
{
	uint64_t before = process_clock(s, p);
	if (accounted(p, before)) {
		stay_some(s, p, true);
		return true;
	}
	bool all = refresh_some(s, p, true);
	if (all && accounted(p, process_clock(s, p))) {
		stay_some(s, p, false);
		return true;
	}
	all &= refresh_some(s, p, false);
	if (!all) {
		p->base_known = false;
		drop_gone(s, p);
		return false;
	}
	uint64_t after = process_clock(s, p);
	p->base_known = after && after == before && after >= p->sum_ns;
	p->base_ns = after - p->sum_ns;
	return true;
}

static int refresh_proc(struct tt_sampler *s, struct tt_live_proc *p)
{
	p->before_ns = p->at_ns;
	p->at_ns = tt_boot_ns();
	if (!p->before_ns)
		p->before_ns = s->tick_ns; /* its first refresh: its threads may be as old as the last one of all */
	p->pub.at_ns = p->at_ns;
	p->pub.span_ns = p->at_ns - p->before_ns;
	size_t count = count_threads(p), known = p->pub.tasks.len;
	bool same = refresh_known(s, p);
	if (same && known && known == count)
		return 0;
	int rc = tt_sample_tasks(s, p);
	if (rc == -ESRCH)
		rc = tt_sample_renew(s, p);
	return rc == -ENOMEM ? rc : 0;
}

/* ------------------------------------------------------------------ threads that were woken and got no CPU since */

#define SWEEP_SHARE 8
#define SWEEP_MOST  250
#define SWEEP_SOME  32 /* when only some processes are watched: the kernel's count is of all */

/*
 * Such a thread's schedstat is unchanged, and it would be taken for blocked. While the kernel counts more runnable threads than
 * were found (this one aside), a share of the idle ones is looked at in each refresh.
 */
static void sweep_idle(struct tt_sampler *s)
{
	struct tt_top_frame *f = &s->frame;
	size_t found = 0, looked = 0, most = f->tasks.len / SWEEP_SHARE + 1;
	size_t bound = s->opts.pids ? SWEEP_SOME : SWEEP_MOST;
	struct tt_top_task **t;
	vec_for_each (t, &f->tasks)
		found += (*t)->state == 'R';
	if (s->no_schedstat || (s->is_proc && f->machine.runnable <= found + 1))
		return;
	for (size_t i = 0; i < f->tasks.len && looked < most && looked < bound; i++) {
		struct tt_live_task *live = (struct tt_live_task *)f->tasks.data[s->sweep++ % f->tasks.len];
		if (live->ran_tick == s->tick || live->pub.state == 'R')
			continue;
		looked++;
		/* One that is gone by now is dropped by the next refresh. */
		(void)tt_top_task_read_stat(s, live);
	}
}

static int gather(struct tt_sampler *s)
{
	struct tt_top_frame *f = &s->frame;
	struct tt_live_proc **p;
	f->procs.len = 0;
	vec_for_each (p, &s->all)
		if ((*p)->wanted && (*p)->pub.tasks.len && tt_vec_push(&f->procs, &(*p)->pub) < 0)
			return -ENOMEM;
	return tt_top_frame_gather(f);
}

int tt_sampler_refresh(struct tt_sampler *s, struct tt_err *err)
{
	struct tt_top_frame *f = &s->frame;
	struct timespec ts;
	uint64_t now = tt_boot_ns();
	clock_gettime(CLOCK_REALTIME, &ts);
	f->time_ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	f->span_ns = s->tick ? now - f->boot_ns : 0;
	s->tick_ns = f->boot_ns;
	f->boot_ns = now;
	f->number = ++s->tick;
	f->machine.started = f->machine.ended = 0;
	s->stats.ran = s->stats.listed = s->stats.by_name = 0;
	tt_machine_read(s->machine, s->is_proc ? NULL : s->opts.root, &f->machine);
	f->machine.no_schedstat = s->no_schedstat;
	int rc = tt_sample_procs(s);
	for (size_t i = 0; i < s->all.len && rc == 0; i++)
		if (s->all.data[i]->wanted)
			rc = refresh_proc(s, s->all.data[i]);
	tt_idle_end(&s->idle);
	if (rc == 0 && (s->opts.needs & TT_NEED_CGROUP))
		tt_sample_limits(s);
	if (rc == 0)
		rc = gather(s);
	if (rc < 0)
		return tt_err_set(err, -rc, "cannot watch the threads: %s", strerror(-rc));
	sweep_idle(s);
	return 0;
}

static bool started_at(const char *path, uint64_t start_ticks)
{
	char text[1024];
	struct tt_stat st;
	return tt_read_at(AT_FDCWD, path, text, sizeof(text)) > 0 && tt_stat_parse(text, &st) == 0 &&
	       st.start_ticks == start_ticks;
}

bool tt_sampler_same_process(const struct tt_top_proc *proc)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%u/stat", proc->pid);
	return started_at(path, ((const struct tt_live_proc *)proc)->start_ticks);
}

bool tt_sampler_same_thread(const struct tt_top_task *task)
{
	char path[48];
	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", task->proc->pid, task->tid);
	return started_at(path, ((const struct tt_live_task *)task)->start_ticks);
}
