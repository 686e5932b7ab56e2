/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sample_proc.c - which processes there are, which of them are wanted, and what threads they have.
 *
 * A pid may be another process at the next look: the kept task directory of the old one is dead then (its listing fails), so it
 * is dropped and the new one is found in the same refresh. Processes that are not wanted are looked at again now and then.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proc/sample_internal.h"

#define ASK_AGAIN 8 /* refreshes until a process that was not wanted is looked at again */

/* ------------------------------------------------------------------ directories */

struct listing {
	struct dirent64 *at;
	ssize_t left;
	_Alignas(struct dirent64) char buf[32 * 1024];
};

/* The next number that names an entry of fd; 0 at the end, -errno. */
static int64_t next_number(struct listing *l, int fd)
{
	for (;;) {
		if (l->left <= 0) {
			l->left = getdents64(fd, l->buf, sizeof(l->buf));
			if (l->left <= 0)
				return l->left < 0 ? -errno : 0;
			l->at = (struct dirent64 *)l->buf;
		}
		const struct dirent64 *d = l->at;
		l->left -= d->d_reclen;
		l->at = (struct dirent64 *)((char *)l->at + d->d_reclen);
		uint64_t n = 0;
		const char *c = d->d_name;
		for (; *c >= '0' && *c <= '9' && n <= UINT32_MAX; c++)
			n = n * 10 + (uint64_t)(*c - '0');
		if (*c == 0 && n > 0 && n <= UINT32_MAX)
			return (int64_t)n;
	}
}

/* ------------------------------------------------------------------ what a process is */

static const char *user_name(struct tt_sampler *s, uint32_t uid)
{
	char number[16];
	const char *name = tt_hmap_ptr(&s->users, uid);
	if (name)
		return name;
	const struct passwd *pw = getpwuid(uid);
	snprintf(number, sizeof(number), "%u", uid);
	char *copy = strdup(pw ? pw->pw_name : number);
	if (copy && tt_hmap_put_ptr(&s->users, uid, copy) < 0) {
		free(copy);
		return NULL;
	}
	return copy;
}

static void read_command(struct tt_sampler *s, struct tt_live_proc *p)
{
	ssize_t n = tt_read_at(p->task_fd, "../cmdline", s->text, TT_PROC_TEXT);
	while (n > 0 && (s->text[n - 1] == 0 || s->text[n - 1] == ' '))
		n--;
	for (ssize_t i = 0; i < n; i++)
		if (s->text[i] == 0)
			s->text[i] = ' ';
	if (n >= 0)
		s->text[n] = 0;
	tt_text_set(&p->pub.command, n > 0 ? s->text : NULL);
}

void tt_sample_describe(struct tt_sampler *s, struct tt_live_proc *p)
{
	struct tt_status st;
	if (p->task_fd < 0)
		return;
	if (tt_read_at(p->task_fd, "../status", s->text, TT_PROC_TEXT) > 0 && tt_status_parse(s->text, &st) == 0) {
		p->pub.uid = st.uid;
		tt_text_set(&p->pub.user, user_name(s, st.uid));
	}
	read_command(s, p);
	p->cgroup_tick = 0;
	tt_sample_cgroup(s, p);
	free(p->maps);
	p->maps = NULL;
	p->maps_tick = 0;
}

/* Opens its task directory and learns who it is. -ESRCH when it is gone, -EACCES when it may not be looked at. */
static int open_proc(struct tt_sampler *s, struct tt_live_proc *p)
{
	char path[32];
	struct tt_stat st;
	snprintf(path, sizeof(path), "%u/task", p->pub.pid);
	if (p->task_fd < 0) {
		p->task_fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (p->task_fd < 0)
			return errno == EACCES || errno == EPERM ? -EACCES : -ESRCH;
		s->stats.open++;
	}
	if (tt_read_at(p->task_fd, "../stat", s->text, 1024) <= 0 || tt_stat_parse(s->text, &st) < 0)
		return -ESRCH;
	if (p->start_ticks && p->start_ticks != st.start_ticks)
		return -ESRCH;
	p->start_ticks = st.start_ticks;
	p->pub.start_ns = tt_ticks_ns(st.start_ticks);
	p->pub.ppid = st.ppid;
	p->pub.kernel = st.flags & TT_PF_KTHREAD;
	return tt_text_set(&p->pub.name, st.name);
}

static void close_proc(struct tt_sampler *s, struct tt_live_proc *p)
{
	if (p->task_fd >= 0) {
		close(p->task_fd);
		s->stats.open--;
	}
	p->task_fd = -1;
	struct tt_top_task **t;
	vec_for_each (t, &p->pub.tasks)
		tt_top_task_destroy(s, (struct tt_live_task *)*t);
	p->pub.tasks.len = 0;
}

void tt_sample_forget(struct tt_sampler *s, struct tt_live_proc *p)
{
	close_proc(s, p);
	if (tt_hmap_ptr(&s->by_pid, p->pub.pid) == p)
		tt_hmap_remove(&s->by_pid, p->pub.pid);
	tt_top_proc_deinit(&p->pub);
	free(p->maps);
	free(p);
}

/* ------------------------------------------------------------------ wanted or not */

static bool is_wanted(const struct tt_sampler *s, const struct tt_live_proc *p)
{
	if (p->pub.kernel && !s->opts.kernel)
		return false;
	return !s->opts.want || s->opts.want(s->opts.ctx, &p->pub);
}

/* Asks about a process: a new one, or one that may have changed. */
static int ask(struct tt_sampler *s, struct tt_live_proc *p)
{
	p->asked = s->tick;
	int rc = open_proc(s, p);
	if (rc == -EACCES)
		s->frame.machine.hidden++;
	if (rc < 0)
		return rc;
	tt_sample_describe(s, p);
	p->wanted = is_wanted(s, p);
	if (!p->wanted)
		close_proc(s, p);
	return 0;
}

static struct tt_live_proc *add_proc(struct tt_sampler *s, uint32_t pid)
{
	struct tt_live_proc *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->task_fd = -1;
	p->pub.pid = pid;
	p->pub.id = ++s->next_id;
	p->listed = s->tick;
	if (tt_vec_push(&s->all, p) < 0 || tt_hmap_put_ptr(&s->by_pid, pid, p) < 0) {
		if (s->all.len && s->all.data[s->all.len - 1] == p)
			s->all.len--;
		free(p);
		return NULL;
	}
	return p;
}

/* A pid that /proc names. */
static int meet(struct tt_sampler *s, uint32_t pid)
{
	struct tt_live_proc *p = tt_hmap_ptr(&s->by_pid, pid);
	if (!p)
		p = add_proc(s, pid);
	if (!p)
		return -ENOMEM;
	p->listed = s->tick;
	/* Their turns are spread over the refreshes by their pid. */
	bool due = p->asked == 0 || (!p->wanted && (s->tick + pid) % ASK_AGAIN == 0);
	if (p->pub.kernel && !s->opts.kernel && p->asked)
		due = false;
	if (due && ask(s, p) == -ESRCH)
		p->listed = 0; /* it is gone, or another by now: that one comes with the next refresh */
	return 0;
}

static int list_procs(struct tt_sampler *s)
{
	struct listing l = {0};
	int64_t pid;
	if (lseek(s->root_fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((pid = next_number(&l, s->root_fd)) > 0)
		if (meet(s, (uint32_t)pid) < 0)
			return -ENOMEM;
	return (int)pid;
}

/* Those that /proc did not name are gone. */
static void sweep_procs(struct tt_sampler *s)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->all.len; i++) {
		struct tt_live_proc *p = s->all.data[i];
		if (p->listed == s->tick) {
			s->all.data[kept++] = p;
			continue;
		}
		s->frame.machine.ended += (uint32_t)p->pub.tasks.len;
		tt_sample_forget(s, p);
	}
	s->all.len = kept;
}

static bool exists(struct tt_sampler *s, uint32_t pid)
{
	char path[16];
	struct stat st;
	snprintf(path, sizeof(path), "%u", pid);
	return fstatat(s->root_fd, path, &st, 0) == 0;
}

int tt_sample_procs(struct tt_sampler *s)
{
	int rc = 0;
	if (s->opts.pids) {
		for (size_t i = 0; i < s->opts.pid_count && rc == 0; i++)
			if (exists(s, s->opts.pids[i]))
				rc = meet(s, s->opts.pids[i]);
	} else {
		rc = list_procs(s);
	}
	sweep_procs(s);
	return rc;
}

/* ------------------------------------------------------------------ its threads */

static int add_task(struct tt_sampler *s, struct tt_live_proc *p, uint32_t tid)
{
	int error;
	struct tt_live_task *t = tt_top_task_create(s, p, tid, &error);
	if (!t)
		return error == -ENOMEM ? error : 0;
	if (tt_vec_push(&p->pub.tasks, &t->pub) < 0) {
		tt_top_task_destroy(s, t);
		return -ENOMEM;
	}
	if (s->tick > 1)
		s->frame.machine.started++;
	return 0;
}

int tt_sample_tasks(struct tt_sampler *s, struct tt_live_proc *p)
{
	struct listing l = {0};
	int64_t tid;
	size_t kept = 0;
	s->stats.listed++;
	if (lseek(p->task_fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((tid = next_number(&l, p->task_fd)) > 0) {
		struct tt_live_task *t = tt_hmap_ptr(&s->by_tid, (uint64_t)tid);
		if (t && t->pub.proc == &p->pub)
			t->listed = s->tick;
		else if (add_task(s, p, (uint32_t)tid) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < p->pub.tasks.len; i++) {
		struct tt_live_task *t = (struct tt_live_task *)p->pub.tasks.data[i];
		if (t->listed == s->tick) {
			p->pub.tasks.data[kept++] = &t->pub;
			continue;
		}
		tt_top_task_destroy(s, t);
		s->frame.machine.ended++;
	}
	p->pub.tasks.len = kept;
	return tid < 0 ? -ESRCH : 0;
}

/* Its directory is dead: the process is gone, and its pid may be another's by now. */
int tt_sample_renew(struct tt_sampler *s, struct tt_live_proc *p)
{
	s->frame.machine.ended += (uint32_t)p->pub.tasks.len;
	close_proc(s, p);
	p->pub.id = ++s->next_id;
	p->start_ticks = 0;
	p->wanted = false;
	p->before_ns = s->tick_ns;
	p->at_ns = tt_boot_ns();
	return ask(s, p) == 0 && p->wanted ? tt_sample_tasks(s, p) : 0;
}

/* ------------------------------------------------------------------ descriptors */

#define KEEP_FREE 128 /* descriptors for everything else in this process */

/* The soft limit to the hard one; root also the hard one, as far as the kernel lets it. */
void tt_sample_raise_limit(struct tt_sampler *s)
{
	struct rlimit r;
	uint64_t most = 0;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	if (s->opts.max_open) {
		s->max_open = s->opts.max_open;
		return;
	}
	if (tt_read_at(AT_FDCWD, "/proc/sys/fs/nr_open", s->text, 64) > 0)
		sscanf(s->text, "%" SCNu64, &most);
	struct rlimit raised = {most > 262144 ? 262144 : (rlim_t)most, most > 262144 ? 262144 : (rlim_t)most};
	if (raised.rlim_max <= r.rlim_max || setrlimit(RLIMIT_NOFILE, &raised) < 0) {
		raised = (struct rlimit){r.rlim_max, r.rlim_max};
		setrlimit(RLIMIT_NOFILE, &raised);
	}
	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	s->max_open = r.rlim_cur > KEEP_FREE ? (uint32_t)(r.rlim_cur > UINT32_MAX ? UINT32_MAX : r.rlim_cur - KEEP_FREE) : 0;
}
