/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snapshot.c - takes a snapshot of a live process: which threads, in which way (snapshot.h).
 */
#include "lib/sym/snap_private.h"
#include "lib/sym/unwind.h"

#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIST_ROUNDS 3 /* for threads that come while others are read */
#define PF_KTHREAD  0x00200000u

uint64_t snap_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ------------------------------------------------------------------ life */

static void thread_free(struct tt_snap_thread *thread)
{
	snap_memory_forget_late(thread);
	free(thread->private->stack.bytes);
	free(thread->private);
	free(thread);
}

struct tt_snap *snap_create(pid_t pid)
{
	struct tt_snap *snap = calloc(1, sizeof(*snap));
	if (snap) {
		snap->pid = snap->via = pid;
		snap->task_fd = snap->mem_fd = -1;
	}
	return snap;
}

void tt_snap_destroy(struct tt_snap *snap)
{
	if (!snap)
		return;
	tt_unwinder_destroy(snap->unwinder);
	tt_sym_destroy(snap->sym);
	snap_core_close(snap->core);
	for (size_t i = 0; i < snap->threads.len; i++)
		thread_free(snap->threads.data[i]);
	tt_vec_deinit(&snap->threads);
	tt_hmap_deinit(&snap->by_tid);
	snap_memory_forget_pages(snap);
	snap_maps_deinit(&snap->maps);
	if (snap->task_fd >= 0)
		close(snap->task_fd);
	if (snap->mem_fd >= 0)
		close(snap->mem_fd);
	free(snap);
}

struct tt_snap_thread *snap_thread_add(struct tt_snap *snap, pid_t tid)
{
	struct tt_hmap_entry *entry = tt_hmap_insert(&snap->by_tid, (uint64_t)tid, NULL);
	if (!entry || entry->ptr)
		return entry ? entry->ptr : NULL;
	struct tt_snap_thread *thread = calloc(1, sizeof(*thread));
	struct snap_thread_private *private = calloc(1, sizeof(*private));
	if (!thread || !private || tt_vec_push(&snap->threads, thread)) {
		free(thread);
		free(private);
		tt_hmap_remove(&snap->by_tid, (uint64_t)tid);
		return NULL;
	}
	*thread = (struct tt_snap_thread){.tid = tid, .fail = TT_SNAP_RUNNING, .private = private};
	entry->ptr = thread;
	return thread;
}

static int by_tid(const void *a, const void *b)
{
	struct tt_snap_thread *const *x = a, *const *y = b;
	return (*x)->tid < (*y)->tid ? -1 : (*x)->tid > (*y)->tid;
}

void snap_sort_threads(struct tt_snap *snap)
{
	tt_vec_sort(&snap->threads, by_tid);
}

/* ------------------------------------------------------------------ which process */

/* State letter and flags of a thread, from its stat. False: it is gone. */
static bool read_stat(pid_t tid, char *state, unsigned *flags)
{
	char path[64], text[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	const char *name_end = strrchr(text, ')'); /* names hold anything */
	return name_end && sscanf(name_end + 1, " %c %*d %*d %*d %*d %*d %u", state, flags) == 2;
}

int snap_list_tids(const struct tt_snap *snap, snap_tids *ret)
{
	int fd = openat(snap->task_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int rc = dir ? 0 : -errno;
	if (!dir && fd >= 0)
		close(fd);
	struct dirent *entry;
	while (dir && rc == 0 && (entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]) && ret->len < SNAP_THREADS_MAX)
			rc = tt_vec_push(ret, (pid_t)strtol(entry->d_name, NULL, 10));
	}
	if (dir)
		closedir(dir);
	return rc;
}

/* The kernel gives the folder of a process's threads a link for each of them. */
bool snap_list_is(const struct tt_snap *snap, size_t count)
{
	struct stat st;
	return fstat(snap->task_fd, &st) == 0 && st.st_nlink >= 2 && st.st_nlink - 2 == count;
}

/* A leader that has ended shows neither memory nor files, while other threads run on: those are asked then. */
static int choose_via(struct tt_snap *snap, struct tt_err *err)
{
	char state = 0;
	unsigned flags = 0;
	if (!read_stat(snap->pid, &state, &flags))
		return tt_err_set(err, ESRCH, "no process %d", (int)snap->pid);
	if (flags & PF_KTHREAD)
		return tt_err_set(
			err, ENOTSUP, "process %d is a kernel thread: it has no stack of its own program", (int)snap->pid);
	if (state != 'Z' && state != 'X')
		return 0;
	snap_tids tids = TT_VEC_INIT;
	int rc = snap_list_tids(snap, &tids);
	const pid_t *tid, *lives = NULL;
	vec_for_each (tid, &tids) {
		if (!lives && read_stat(*tid, &state, &flags) && state != 'Z' && state != 'X')
			lives = tid;
	}
	if (lives)
		snap->via = *lives;
	else if (rc == 0)
		rc = -ECHILD;
	tt_vec_deinit(&tids);
	if (rc == -ECHILD)
		return tt_err_set(
			err, ECHILD, "process %d has ended; only its parent has not taken note (a zombie)", (int)snap->pid);
	if (rc == -ESRCH || rc == -ENOENT)
		return tt_err_set(err, ESRCH, "no process %d: it has ended", (int)snap->pid);
	return rc ? tt_err_set(err, -rc, "cannot list the threads of %d: %s", (int)snap->pid, strerror(-rc)) : 0;
}

static int check_class(const struct tt_snap *snap, struct tt_err *err)
{
	char path[64];
	unsigned char ident[EI_NIDENT] = {0};
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)snap->via);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0; /* what cannot be opened is told later */
	ssize_t got = read(fd, ident, sizeof(ident));
	close(fd);
	if (got == sizeof(ident) && memcmp(ident, ELFMAG, SELFMAG) == 0 && ident[EI_CLASS] == ELFCLASS32)
		return tt_err_set(
			err, ENOTSUP, "process %d runs a 32-bit program: only 64-bit ones can be read", (int)snap->pid);
	return 0;
}

static int refused(const struct tt_snap *snap, int error, struct tt_err *err)
{
	TT_BUF_AUTO(why);
	if (error == ESRCH || error == ENOENT)
		return tt_err_set(err, ESRCH, "no process %d: it has ended", (int)snap->pid);
	if (tt_snap_permission(snap->pid, &why))
		return tt_err_set(err, error, "not permitted to look into process %d: %s", (int)snap->pid, tt_buf_str(&why));
	return tt_err_set(err, error, "cannot look into process %d: %s", (int)snap->pid, strerror(error));
}

/* `syscall` asks the kernel for what all else here needs too. */
static int check_access(const struct tt_snap *snap)
{
	char path[64], text[256];
	snprintf(path, sizeof(path), "%d/syscall", (int)snap->via);
	int fd = openat(snap->task_fd, path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 || read(fd, text, sizeof(text)) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int open_process(struct tt_snap *snap, struct tt_err *err)
{
	char path[64];
	if (snap->pid == getpid())
		return tt_err_set(err, EINVAL, "process %d is this one", (int)snap->pid);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)snap->pid);
	snap->task_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (snap->task_fd < 0)
		return errno == ENOENT ? tt_err_set(err, ESRCH, "no process %d", (int)snap->pid) : refused(snap, errno, err);
	int rc = choose_via(snap, err);
	rc = rc ? rc : check_class(snap, err);
	if (rc)
		return rc;
	rc = check_access(snap);
	rc = rc ? rc : snap_maps_read(snap);
	return rc ? refused(snap, -rc, err) : 0;
}

/* ------------------------------------------------------------------ which threads */

/* Adds the threads that were asked for, or all. Returns how many are new, or -errno. */
static int add_threads(struct tt_snap *snap)
{
	size_t before = snap->threads.len;
	if (snap->options.tids) {
		for (size_t i = 0; i < snap->options.tid_count; i++) {
			if (!snap_thread_add(snap, snap->options.tids[i]))
				return -ENOMEM;
		}
		return (int)(snap->threads.len - before);
	}
	snap_tids tids = TT_VEC_INIT;
	int rc = snap_list_tids(snap, &tids);
	const pid_t *tid;
	vec_for_each (tid, &tids) {
		if (rc == 0 && !snap_thread_add(snap, *tid))
			rc = -ENOMEM;
	}
	tt_vec_deinit(&tids);
	return rc ? rc : (int)(snap->threads.len - before);
}

/* Once. */
static void tell_stopping(struct tt_snap *snap)
{
	if (snap->options.stopping)
		snap->options.stopping(snap->options.arg);
	snap->options.stopping = NULL;
}

/* Reads the threads from `first` on without stops; what is left is stopped, if that is allowed. */
static int read_from(struct tt_snap *snap, size_t first)
{
	TT_VEC(struct tt_snap_thread *) left = TT_VEC_INIT;
	int rc = 0;
	snap_quiet_read_all(snap, snap->threads.data + first, snap->threads.len - first);
	for (size_t i = first; i < snap->threads.len; i++) {
		if (snap->threads.data[i]->fail == TT_SNAP_RUNNING && tt_vec_push(&left, snap->threads.data[i]))
			rc = -ENOMEM;
	}
	if (rc == 0 && left.len && snap->options.mode != TT_SNAP_NEVER_STOP) {
		tell_stopping(snap);
		snap_stop_each(snap, left.data, left.len);
	}
	tt_vec_deinit(&left);
	return rc;
}

static int read_all_threads(struct tt_snap *snap)
{
	int rc = 0;
	for (unsigned round = 0; round < LIST_ROUNDS && !(round && snap_list_is(snap, snap->threads.len)); round++) {
		size_t first = snap->threads.len;
		int fresh = add_threads(snap);
		if (fresh <= 0)
			return fresh;
		rc = read_from(snap, first);
		if (rc || snap->options.tids)
			return rc;
	}
	return rc;
}

static int read_all_together(struct tt_snap *snap)
{
	int fresh = add_threads(snap);
	if (fresh < 0)
		return fresh;
	snap_quiet_read_all(snap, snap->threads.data, snap->threads.len);
	tell_stopping(snap);
	return snap_together(snap);
}

/* Threads that ended meanwhile are none of the process's any more; those that were asked for by number stay, with the reason.
 */
static void drop_gone(struct tt_snap *snap)
{
	size_t kept = 0;
	for (size_t i = 0; i < snap->threads.len; i++) {
		struct tt_snap_thread *thread = snap->threads.data[i];
		if (thread->how == TT_SNAP_NOT && thread->fail == TT_SNAP_GONE && !snap->options.tids) {
			tt_hmap_remove(&snap->by_tid, (uint64_t)thread->tid);
			thread_free(thread);
		} else {
			snap->threads.data[kept++] = thread;
		}
	}
	snap->threads.len = kept;
}

int tt_snap_take(pid_t pid, const struct tt_snap_options *options, struct tt_snap **ret, struct tt_err *err)
{
	if (pid <= 0)
		return tt_err_set(err, ESRCH, "no process %d", (int)pid);
	struct tt_snap *snap = snap_create(pid);
	if (!snap)
		return tt_err_set(err, ENOMEM, "cannot look into process %d: out of memory", (int)pid);
	if (options)
		snap->options = *options;
	int rc = open_process(snap, err);
	if (rc == 0) {
		rc = snap->options.mode == TT_SNAP_CONSISTENT ? read_all_together(snap) : read_all_threads(snap);
		if (rc == -ESRCH || rc == -ENOENT)
			rc = tt_err_set(err, ESRCH, "process %d ended while it was read", (int)pid);
		else if (rc)
			tt_err_set(err, -rc, "cannot read the threads of %d: %s", (int)pid, strerror(-rc));
	}
	if (rc) {
		tt_snap_destroy(snap);
		return rc;
	}
	drop_gone(snap);
	snap->options.tids = NULL; /* the caller's */
	snap->options.stopping = NULL;
	snap_sort_threads(snap);
	*ret = snap;
	return 0;
}

bool tt_snap_retake(struct tt_snap *snap, struct tt_snap_thread *thread, bool stop)
{
	if (!snap_is_live(snap))
		return false;
	if (!stop)
		return snap_quiet_read(snap, thread);
	if (snap->options.mode == TT_SNAP_NEVER_STOP)
		return false;
	snap_stop_each(snap, &thread, 1);
	return thread->fail == TT_SNAP_OK;
}

bool tt_snap_unmoved(struct tt_snap *snap, const struct tt_snap_thread *thread)
{
	if (!snap_is_live(snap))
		return true;
	const struct snap_watch watch = {.thread = (struct tt_snap_thread *)thread, .fd = -1};
	return thread->how == TT_SNAP_QUIET && snap_watch_still(snap, &watch);
}

/* ------------------------------------------------------------------ what is in it */

pid_t tt_snap_pid(const struct tt_snap *snap)
{
	return snap->pid;
}

size_t tt_snap_thread_count(const struct tt_snap *snap)
{
	return snap->threads.len;
}

struct tt_snap_thread *tt_snap_thread(struct tt_snap *snap, size_t index)
{
	return index < snap->threads.len ? snap->threads.data[index] : NULL;
}

struct tt_snap_thread *tt_snap_thread_by_tid(struct tt_snap *snap, pid_t tid)
{
	return tt_hmap_ptr(&snap->by_tid, (uint64_t)tid);
}

struct tt_snap_pause tt_snap_pause(const struct tt_snap *snap)
{
	return snap->pause;
}
