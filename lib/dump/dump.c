/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dump.c - takes a dump of a live process, step by step; its life, its texts. */
#include "lib/dump/dump_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/sym/core.h"

const char *dump_text(struct tt_dump *d, const char *text)
{
	return text ? tt_smap_intern(&d->texts, text) : NULL;
}

void dump_note(struct tt_dump *d, const char *fmt, ...)
{
	TT_BUF_AUTO(b);
	va_list ap;
	va_start(ap, fmt);
	tt_buf_vprintf(&b, fmt, ap);
	va_end(ap);
	const char *text = tt_buf_failed(&b) ? NULL : dump_text(d, tt_buf_str(&b));
	if (text)
		(void)tt_vec_push(&d->notes, text); /* without memory for a remark the dump goes on */
}

void tt_dump_destroy(struct tt_dump *d)
{
	if (!d)
		return;
	struct tt_dump_thread *t;
	vec_for_each (t, &d->threads) {
		tt_wait_deinit(&t->wait);
		tt_vec_deinit(&t->frames);
		free(t->held);
	}
	struct tt_dump_group *g;
	vec_for_each (g, &d->groups)
		tt_vec_deinit(&g->threads);
	struct tt_dump_pool *p;
	vec_for_each (p, &d->pools)
		tt_vec_deinit(&p->threads);
	struct tt_dump_jam *j;
	vec_for_each (j, &d->jams)
		tt_vec_deinit(&j->threads);
	struct tt_dump_deadlock *k;
	vec_for_each (k, &d->deadlocks)
		tt_vec_deinit(&k->threads);
	tt_vec_deinit(&d->threads);
	tt_vec_deinit(&d->groups);
	tt_vec_deinit(&d->pools);
	tt_vec_deinit(&d->jams);
	tt_vec_deinit(&d->deadlocks);
	tt_vec_deinit(&d->notes);
	tt_vec_deinit(&d->kept);
	tt_hmap_deinit(&d->by_tid);
	tt_hmap_deinit(&d->by_ns_tid);
	tt_fds_destroy(d->fds);
	tt_sym_destroy(d->sym);
	tt_snap_destroy(d->snap);
	tt_proc_deinit(&d->proc);
	tt_smap_deinit(&d->texts);
	free(d);
}

/* ------------------------------------------------------------------ steps */

static int open_names(struct tt_dump *d, struct tt_err *err)
{
	const struct tt_sym_options options = {
		.debug_dirs = d->options->debug_dirs, .sysroot = d->core ? d->options->sysroot : NULL};
	int rc = tt_sym_create(&options, &d->sym, err);
	return rc < 0 ? rc : tt_snap_add_modules(d->snap, d->sym, err);
}

static int check_kind(const struct tt_proc *p, struct tt_err *err)
{
	if (p->kernel)
		return tt_err_set(
			err, ENOTSUP, "process %d (%s) is a kernel thread: it has no stack of a program", (int)p->pid, p->name);
	if (p->state == 'Z' && p->threads <= 1)
		return tt_err_set(err, ECHILD,
			"process %d (%s) is a zombie: it has ended, and its parent, process %d, has not waited for it",
			(int)p->pid, p->name, (int)p->ppid);
	return 0;
}

static int add_thread(struct tt_dump *d, const struct tt_task *task)
{
	struct tt_dump_thread *t = tt_vec_add(&d->threads);
	if (!t)
		return -ENOMEM;
	t->task = *task;
	t->wait = (struct tt_wait)TT_WAIT_INIT;
	t->owner = t->deadlock = t->group = t->pool = TT_DUMP_NONE;
	t->cpu_pct = -1;
	t->snap = tt_snap_thread_by_tid(d->snap, task->tid);
	if (t->snap) {
		t->task.run_ns = t->snap->first.run_ns;
		t->task.slices = t->snap->first.slices;
	}
	int rc = tt_hmap_put(&d->by_tid, (uint64_t)task->tid, d->threads.len);
	return rc < 0 ? rc : tt_hmap_put(&d->by_ns_tid, (uint64_t)task->ns_tid, d->threads.len);
}

static int add_threads(struct tt_dump *d, const struct tt_tasks *tasks)
{
	const struct tt_task *task;
	int rc = 0;
	vec_for_each (task, &tasks->list) {
		if (rc == 0 && task->state != 'Z' && task->state != 'X') /* a main thread that ended before others is one */
			rc = add_thread(d, task);
	}
	return rc;
}

static void add_generated_names(struct tt_dump *d)
{
	struct tt_err why;
	int rc = tt_sym_add_perf_map(d->sym, d->proc.pid, &why);
	if (rc < 0 && rc != -ENOENT)
		dump_note(d, "names of generated code: %s", why.msg);
}

/* What is the same for live processes and cores, once threads, snapshot and names are there. */
static int complete(struct tt_dump *d)
{
	if (!d->core)
		dump_recording(d); /* before: it names holders that locks themselves do not */
	int rc = dump_deadlocks(d);
	if (rc == 0 && !d->core && d->options->managed)
		dump_java(d);
	rc = rc < 0 ? rc : dump_groups(d);
	rc = rc < 0 ? rc : dump_pools(d);
	return rc < 0 ? rc : dump_jams(d);
}

/* While all threads stand still, perhaps again: keeps what dump_waits() will want to see as it is now. */
static void keep_locks(struct tt_dump *d, struct tt_snap *snap)
{
	struct tt_hmap seen = TT_HMAP_INIT; /* many wait for one word: every microsecond counts here */
	d->kept.len = 0;
	for (size_t i = 0; i < tt_snap_thread_count(snap); i++) {
		const struct tt_snap_thread *s = tt_snap_thread(snap, i);
		const struct tt_syscall *call = s->in_syscall ? tt_syscall_find((long)s->syscall) : NULL;
		struct tt_dump_kept k = {.address = s->args[0] - TT_DUMP_KEPT / 2};
		bool is_new = true;
		if (!call || call->class != TT_SYSCALL_FUTEX || !tt_hmap_insert(&seen, k.address, &is_new) || !is_new)
			continue;
		if (tt_snap_read(snap, k.address, k.bytes, sizeof(k.bytes)) == sizeof(k.bytes))
			(void)tt_vec_push(&d->kept, k); /* without memory it is read later */
	}
	tt_hmap_deinit(&seen);
}

/* -1, 0, 1: by address. */
static int by_address(const void *a, const void *b)
{
	const struct tt_dump_kept *x = a, *y = b;
	return x->address < y->address ? -1 : x->address > y->address;
}

struct taking {
	struct tt_dump *d;
	struct dump_look *look;
};

static void stopping(void *arg)
{
	const struct taking *taking = arg;
	dump_look_end(taking->look);
}

static void standing(void *arg, struct tt_snap *snap)
{
	const struct taking *taking = arg;
	keep_locks(taking->d, snap);
}

/* Stacks, and what /proc says of the threads otherwise. */
static int take_threads(struct tt_dump *d, struct tt_err *err)
{
	struct dump_look look = {.pid = d->proc.pid};
	struct taking taking = {.d = d, .look = &look};
	const struct tt_snap_options options = {
		.mode = d->options->mode, .standing = standing, .stopping = stopping, .arg = &taking};
	dump_look_begin(&look);
	int rc = tt_snap_take(d->proc.pid, &options, &d->snap, err);
	dump_look_end(&look);
	tt_vec_sort(&d->kept, by_address);
	if (rc == 0 && look.rc < 0) {
		rc = look.rc;
		*err = look.err;
	}
	if (rc == 0 && (add_threads(d, &look.tasks) < 0 || tt_fds_create(d->proc.pid, &d->fds) < 0))
		rc = tt_err_set(err, ENOMEM, "out of memory");
	tt_tasks_deinit(&look.tasks);
	return rc;
}

static int take_live(struct tt_dump *d, pid_t pid, struct tt_err *err)
{
	int rc = tt_proc_read(pid, &d->proc, err);
	rc = rc < 0 ? rc : check_kind(&d->proc, err);
	rc = rc < 0 ? rc : take_threads(d, err);
	uint64_t taken_ns = dump_now_ns(CLOCK_MONOTONIC);
	rc = rc < 0 ? rc : open_names(d, err);
	if (rc == 0)
		add_generated_names(d);
	rc = rc < 0 ? rc : dump_stacks(d, err);
	if (rc < 0)
		return rc;
	dump_look_again(d, taken_ns);
	rc = complete(d);
	d->pause = tt_snap_pause(d->snap);
	if (d->pause.loose)
		dump_note(d,
			"%zu thread%s could not be made to stand with the others: not all that is shown was so at one moment",
			d->pause.loose, d->pause.loose == 1 ? "" : "s");
	return rc < 0 ? tt_err_set(err, -rc, "out of memory") : 0;
}

static struct tt_dump *create(const struct tt_dump_options *options, struct tt_err *err)
{
	struct tt_dump *d = calloc(1, sizeof(*d));
	if (!d) {
		tt_err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	d->options = options;
	d->core_thread = TT_DUMP_NONE;
	d->taken_real_ns = dump_now_ns(CLOCK_REALTIME);
	return d;
}

static int finish(struct tt_dump *d, int rc, struct tt_dump **ret)
{
	if (rc < 0)
		tt_dump_destroy(d);
	else
		*ret = d;
	return rc;
}

int tt_dump_take(pid_t pid, const struct tt_dump_options *options, struct tt_dump **ret, struct tt_err *err)
{
	struct tt_dump *d = create(options, err);
	return d ? finish(d, take_live(d, pid, err), ret) : -ENOMEM;
}

/* ------------------------------------------------------------------ cores */

/* A core knows neither names nor times of threads; who was inside a system call was blocked, or as good as that. */
static int add_core_threads(struct tt_dump *d, const struct tt_snap_core_info *info)
{
	int rc = 0;
	for (size_t i = 0; i < tt_snap_thread_count(d->snap) && rc == 0; i++) {
		const struct tt_snap_thread *s = tt_snap_thread(d->snap, i);
		struct tt_task task = {.tid = s->tid, .ns_tid = s->tid, .state = s->in_syscall ? 'S' : 'R'};
		snprintf(task.name, sizeof(task.name), "%s", info->name ? info->name : "");
		if (info->signal && s->tid == info->signal_tid)
			d->core_thread = (uint32_t)d->threads.len;
		rc = add_thread(d, &task);
	}
	return rc;
}

static int take_core(struct tt_dump *d, const char *path, struct tt_err *err)
{
	struct tt_snap_core_info info = {0};
	struct stat st;
	int rc = tt_snap_open_core(path, d->options->sysroot, &d->snap, err);
	if (rc < 0)
		return rc;
	tt_snap_core_info(d->snap, &info);
	d->core = dump_text(d, path);
	d->proc.pid = d->proc.tgid = d->proc.ns_pid = info.pid;
	snprintf(d->proc.name, sizeof(d->proc.name), "%s", info.name ? info.name : "");
	d->proc.command = info.command ? strdup(info.command) : NULL;
	d->core_signal = info.signal;
	d->core_address = info.address;
	if (stat(path, &st) == 0)
		d->taken_real_ns = (uint64_t)st.st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)st.st_mtim.tv_nsec;
	if (info.truncated)
		dump_note(d, "the core file is cut off: parts of the memory are missing");
	rc = add_core_threads(d, &info);
	rc = rc < 0 ? tt_err_set(err, ENOMEM, "out of memory") : open_names(d, err);
	rc = rc < 0 ? rc : dump_stacks(d, err);
	if (rc == 0 && complete(d) < 0)
		rc = tt_err_set(err, ENOMEM, "out of memory");
	return rc;
}

int tt_dump_core(const char *path, const struct tt_dump_options *options, struct tt_dump **ret, struct tt_err *err)
{
	struct tt_dump *d = create(options, err);
	return d ? finish(d, take_core(d, path, err), ret) : -ENOMEM;
}
