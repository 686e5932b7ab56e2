/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sample_task.c - one thread of the sampler: its kept schedstat file, what is read when it has run, and the differences.
 *
 * Run-queue wait: the kernel adds a wait to schedstat when the thread gets its CPU. A thread that is runnable and had none in
 * the whole refresh is shown as waiting for all of it; that share (pending_ns) is taken off what the kernel adds later.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/proc/sample_internal.h"

uint64_t tt_boot_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t tt_ticks_ns(uint64_t ticks)
{
	static long hertz;
	if (!hertz)
		hertz = sysconf(_SC_CLK_TCK);
	return ticks * (1000000000u / (uint64_t)hertz);
}

static ssize_t read_fd(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);
	if (n < 0)
		return -errno;
	buf[n] = 0;
	return n;
}

ssize_t tt_read_at(int dir, const char *path, char *buf, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = 0, total = 0;
	while ((size_t)total < size - 1 && (n = read(fd, buf + total, size - 1 - (size_t)total)) > 0)
		total += n;
	if (n < 0)
		total = -errno;
	else
		buf[total] = 0;
	close(fd);
	return total;
}

/* A file that was kept open is read there; else it is opened by name, and kept when *fd may be (keep). */
static ssize_t read_file(struct tt_sampler *s, struct tt_live_task *t, const char *name, int *fd, bool keep, size_t size)
{
	char path[48];
	if (fd && *fd >= 0)
		return read_fd(*fd, s->text, size);
	snprintf(path, sizeof(path), "%u/%s", t->pub.tid, name);
	int dir = tt_live_proc_of(t)->task_fd;
	if (!fd || !keep || s->stats.open >= s->max_open)
		return tt_read_at(dir, path, s->text, size);
	*fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0 && errno == EMFILE) {
		/* Somebody else has taken descriptors of ours: keep no more of them. */
		s->max_open = s->stats.open;
		return tt_read_at(dir, path, s->text, size);
	}
	if (*fd < 0)
		return -errno;
	s->stats.open++;
	return read_fd(*fd, s->text, size);
}

static bool is_gone(ssize_t n)
{
	return n == 0 || n == -ESRCH || n == -ENOENT;
}

/* The time that a difference covers: since the last reading, or, as the thread had not run in between, the last refresh. */
static uint64_t covered(const struct tt_live_task *t, const struct tt_reading *last)
{
	const struct tt_live_proc *p = tt_live_proc_of(t);
	uint64_t since = last->tick >= t->ran_before ? p->before_ns : last->at_ns;
	return p->at_ns > since ? p->at_ns - since : 0;
}

/* The same for a thread that began after the last refresh: since its start, from counters of 0. */
static uint64_t covered_new(const struct tt_live_task *t)
{
	const struct tt_live_proc *p = tt_live_proc_of(t);
	uint64_t age = p->at_ns > t->pub.start_ns ? p->at_ns - t->pub.start_ns : 1;
	uint64_t span = p->at_ns - p->before_ns;
	return age < span ? age : span;
}

static bool is_new(const struct tt_sampler *s, const struct tt_live_task *t)
{
	const struct tt_live_proc *p = tt_live_proc_of(t);
	/* Start times are cut to a tick, so that one tick more belongs to the span. */
	return s->tick > 1 && p->before_ns && t->pub.start_ns + tt_ticks_ns(1) > p->before_ns;
}

static void stat_fallback(struct tt_live_task *t, const struct tt_stat *st)
{
	t->pub.run_ns = tt_ticks_ns(st->user_ticks + st->system_ticks);
}

static void store_stat(struct tt_sampler *s, struct tt_live_task *t, const struct tt_stat *st)
{
	struct tt_top_task *pub = &t->pub;
	bool again = t->stat_read.tick != 0, fresh = !again && is_new(s, t);
	pub->stat_span_ns = again ? covered(t, &t->stat_read) : fresh ? covered_new(t) : 0;
	if (again || fresh) {
		pub->d_user_ns = tt_ticks_ns(st->user_ticks - t->user_ticks);
		pub->d_system_ns = tt_ticks_ns(st->system_ticks - t->system_ticks);
		pub->d_minor_faults = st->minor_faults - t->minor_faults;
		pub->d_major_faults = st->major_faults - t->major_faults;
		pub->known |= TT_NEED_RATE_STAT;
	}
	t->user_ticks = st->user_ticks;
	t->system_ticks = st->system_ticks;
	t->minor_faults = st->minor_faults;
	t->major_faults = st->major_faults;
	pub->state = (unsigned char)st->state;
	pub->cpu = st->cpu;
	pub->priority = st->priority;
	pub->nice = st->nice;
	pub->policy = st->policy;
	pub->rt_priority = st->rt_priority;
	pub->known |= TT_NEED_STAT;
	t->stat_read = (struct tt_reading){s->tick, tt_live_proc_of(t)->at_ns};
}

/* What the leader's stat says of its process. */
static void store_leader(struct tt_sampler *s, struct tt_live_task *t, const struct tt_stat *st)
{
	struct tt_live_proc *p = tt_live_proc_of(t);
	p->pub.ppid = st->ppid;
	if (!p->pub.name || strcmp(p->pub.name, st->name) != 0) {
		tt_text_set(&p->pub.name, st->name);
		tt_sample_describe(s, p);
		p->asked = 0; /* an exec: it may be wanted no more */
	}
}

int tt_top_task_read_stat(struct tt_sampler *s, struct tt_live_task *t)
{
	struct tt_stat st;
	/* Worth a descriptor when it ran twice. */
	ssize_t n = read_file(s, t, "stat", &t->stat_fd, t->ran_before != 0 || s->no_schedstat, 1024);
	if (n < 0)
		return is_gone(n) ? -ESRCH : 0;
	if (tt_stat_parse(s->text, &st) < 0)
		return n == 0 ? -ESRCH : 0;
	if (!t->start_ticks) {
		t->start_ticks = st.start_ticks;
		t->pub.start_ns = tt_ticks_ns(st.start_ticks);
	} else if (st.start_ticks != t->start_ticks) {
		return -ESRCH; /* its tid belongs to another thread now */
	}
	if (tt_text_set(&t->pub.name, st.name) < 0)
		return 0;
	if (s->no_schedstat)
		stat_fallback(t, &st);
	store_stat(s, t, &st);
	if (t->pub.tid == t->pub.proc->pid)
		store_leader(s, t, &st);
	return 0;
}

/* ------------------------------------------------------------------ refresh */

/* Without schedstat the ticks in stat tell whether it ran; 1 changed, 0 not, -errno. */
static int read_ticks(struct tt_sampler *s, struct tt_live_task *t, struct tt_schedstat *ret)
{
	uint64_t before = t->pub.run_ns;
	unsigned char state = t->pub.state;
	int rc = tt_top_task_read_stat(s, t);
	ret->run_ns = t->pub.run_ns;
	t->pub.run_ns = before;
	return rc < 0 ? rc : ret->run_ns != before || state != t->pub.state;
}

static int read_sched(struct tt_sampler *s, struct tt_live_task *t, struct tt_schedstat *ret)
{
	*ret = (struct tt_schedstat){0};
	if (s->no_schedstat)
		return read_ticks(s, t, ret);
	ssize_t n = read_file(s, t, "schedstat", &t->sched_fd, true, 96);
	if (t->sched_fd < 0)
		s->stats.by_name++;
	if (n <= 0)
		return is_gone(n) ? -ESRCH : (int)n;
	if (tt_schedstat_parse(s->text, ret) < 0)
		return -EINVAL;
	const struct tt_top_task *pub = &t->pub;
	/* By name, an equal count of 0 could be that of another thread. */
	return ret->slices != pub->slices || ret->run_ns != pub->run_ns || ret->wait_ns != pub->wait_ns ||
	       (t->sched_fd < 0 && ret->slices == 0);
}

/* Takes the new counters over; from: those that the differences are counted from. */
static void advance(struct tt_live_task *t, const struct tt_schedstat *now, const struct tt_schedstat *from)
{
	struct tt_top_task *pub = &t->pub;
	uint64_t waited = now->wait_ns > from->wait_ns ? now->wait_ns - from->wait_ns : 0;
	pub->d_run_ns = now->run_ns > from->run_ns ? now->run_ns - from->run_ns : 0;
	pub->d_slices = now->slices > from->slices ? now->slices - from->slices : 0;
	pub->d_wait_ns = waited > t->pending_ns ? waited - t->pending_ns : 0;
	if (pub->d_run_ns + pub->d_wait_ns > pub->span_ns)
		pub->d_wait_ns = pub->span_ns > pub->d_run_ns ? pub->span_ns - pub->d_run_ns : 0;
	t->pending_ns = 0;
	tt_live_proc_of(t)->sum_ns += now->run_ns - pub->run_ns;
	pub->run_ns = now->run_ns;
	pub->wait_ns = now->wait_ns;
	pub->slices = now->slices;
}

static void mark_ran(struct tt_sampler *s, struct tt_live_task *t)
{
	t->ran_before = t->ran_tick;
	t->ran_tick = s->tick;
	t->ran_at_ns = tt_live_proc_of(t)->at_ns;
	t->pub.blocked_ns = 0;
	t->pub.known &= ~(uint32_t)TT_NEED_WAIT;
	t->pub.wait_class = t->pub.owner_tid = 0;
	s->stats.ran++;
}

/* Everything that was read of it still holds. */
void tt_top_task_stay(struct tt_sampler *s, struct tt_live_task *t)
{
	struct tt_top_task *pub = &t->pub;
	const struct tt_live_proc *p = tt_live_proc_of(t);
	pub->span_ns = p->at_ns - p->before_ns;
	bool runnable = pub->state == 'R' && !s->no_schedstat;
	pub->blocked_ns = p->at_ns - t->ran_at_ns;
	if (runnable) {
		pub->d_wait_ns = pub->span_ns;
		t->pending_ns += pub->span_ns;
	}
	if (t->ran_tick + 1 == s->tick) {
		pub->d_run_ns = pub->d_slices = 0;
		pub->d_user_ns = pub->d_system_ns = pub->d_minor_faults = pub->d_major_faults = 0;
		pub->d_voluntary = pub->d_involuntary = pub->d_read_bytes = pub->d_write_bytes = 0;
		if (!runnable)
			pub->d_wait_ns = 0;
	}
	if (runnable)
		tt_top_task_remember(pub, s->tick);
}

int tt_top_task_refresh(struct tt_sampler *s, struct tt_live_task *t)
{
	struct tt_schedstat now;
	struct tt_top_task *pub = &t->pub;
	const struct tt_live_proc *p = tt_live_proc_of(t);
	pub->span_ns = p->at_ns - p->before_ns;
	int changed = read_sched(s, t, &now);
	if (changed <= 0) {
		if (changed == 0)
			tt_top_task_stay(s, t);
		return changed == -ESRCH ? changed : 0;
	}
	struct tt_schedstat from = {pub->run_ns, pub->wait_ns, pub->slices};
	mark_ran(s, t);
	if (!s->no_schedstat && tt_top_task_read_stat(s, t) < 0)
		return -ESRCH;
	advance(t, &now, &from);
	if (s->opts.needs & ~(TT_NEED_SCHED | TT_NEED_STAT))
		tt_top_task_read_more(s, t, s->opts.needs);
	tt_top_task_remember(pub, s->tick);
	return 0;
}

/* ------------------------------------------------------------------ coming and going */

/* A thread that blocked before we came: since when. Without the kernel's word it is as if it had run just now. */
static void look_back(struct tt_sampler *s, struct tt_live_task *t)
{
	const struct tt_live_proc *p = tt_live_proc_of(t);
	if (!s->is_proc || s->no_schedstat || t->pub.state == 'R')
		return;
	uint64_t idle_ns = tt_idle_of(&s->idle, p->task_fd, (pid_t)t->pub.tid, t->pub.cpu);
	uint64_t most_ns = p->at_ns > t->pub.start_ns ? p->at_ns - t->pub.start_ns : 0;
	t->ran_at_ns = p->at_ns - (idle_ns < most_ns ? idle_ns : most_ns);
}

/* The first reading of a thread. What it did before we came is no difference, unless it came after the last refresh. */
static int first_reading(struct tt_sampler *s, struct tt_live_task *t)
{
	struct tt_schedstat now;
	int rc = read_sched(s, t, &now);
	if (rc >= 0 && !s->no_schedstat)
		rc = tt_top_task_read_stat(s, t);
	if (rc < 0)
		return rc;
	if (!t->start_ticks || !t->pub.name)
		return -ESRCH;
	mark_ran(s, t);
	bool fresh = is_new(s, t);
	if (!fresh)
		look_back(s, t);
	t->pub.span_ns = fresh ? covered_new(t) : 0;
	struct tt_schedstat from = {0};
	if (!fresh)
		from = now;
	advance(t, &now, &from);
	t->pub.known |= TT_NEED_SCHED;
	if (s->opts.needs & ~(TT_NEED_SCHED | TT_NEED_STAT))
		tt_top_task_read_more(s, t, s->opts.needs);
	tt_top_task_remember(&t->pub, s->tick);
	return 0;
}

struct tt_live_task *tt_top_task_create(struct tt_sampler *s, struct tt_live_proc *p, uint32_t tid, int *error)
{
	struct tt_live_task *t = calloc(1, sizeof(*t));
	*error = -ENOMEM;
	if (!t)
		return NULL;
	t->sched_fd = t->stat_fd = -1;
	t->pub.id = ++s->next_id;
	t->pub.proc = &p->pub;
	t->pub.tid = tid;
	t->listed = s->tick;
	*error = first_reading(s, t);
	if (*error == 0)
		*error = tt_hmap_put_ptr(&s->by_tid, tid, t);
	if (*error == 0)
		return t;
	tt_top_task_destroy(s, t);
	return NULL;
}

static void drop_fd(struct tt_sampler *s, int fd)
{
	if (fd >= 0) {
		close(fd);
		s->stats.open--;
	}
}

void tt_top_task_destroy(struct tt_sampler *s, struct tt_live_task *t)
{
	tt_live_proc_of(t)->sum_ns -= t->pub.run_ns;
	tt_live_proc_of(t)->base_known = false;
	drop_fd(s, t->sched_fd);
	drop_fd(s, t->stat_fd);
	if (tt_hmap_ptr(&s->by_tid, t->pub.tid) == t)
		tt_hmap_remove(&s->by_tid, t->pub.tid);
	tt_top_task_deinit(&t->pub);
	free(t);
}

bool tt_sampler_idle(const struct tt_top_task *task)
{
	return task->blocked_ns != 0;
}

uint64_t tt_sampler_ran(const struct tt_top_task *task)
{
	return ((const struct tt_live_task *)task)->ran_tick;
}
