/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snap_quiet.c - reads a blocked thread without stopping it, and proves that it did not run meanwhile.
 *
 * The proof: the kernel counts each time that a thread is given a processor (the third number of its schedstat). A thread
 * that is blocked when its `syscall` file is read, with the same count before and after the copy, cannot have run in
 * between. Where the kernel does not keep that count, the context switches in `status` serve: together with a second look at
 * `syscall` they tell the same. Threads are read in batches, so that one system call copies many stacks.
 * Called by snapshot.c.
 */
#include "lib/sym/snap_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTEMPTS 3
#define TOGETHER 128u /* threads: each keeps two files open */

/* A file of one thread, read again and again. */
static int thread_file(const struct tt_snap *snap, pid_t tid, const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "%d/%s", (int)tid, name);
	return openat(snap->task_fd, path, O_RDONLY | O_CLOEXEC);
}

/* Reads from its beginning into text, NUL-terminated. False with errno. */
static bool reread(int fd, char *text, size_t size)
{
	ssize_t got = pread(fd, text, size - 1, 0);
	text[got > 0 ? got : 0] = '\0';
	if (got == 0)
		errno = ESRCH;
	return got > 0;
}

/* ------------------------------------------------------------------ time slices */

/* "RUN DELAY SLICES" */
static struct tt_snap_counts schedstat_parse(const char *text)
{
	char *at;
	uint64_t run_ns = strtoull(text, &at, 10);
	strtoull(at, &at, 10);
	return (struct tt_snap_counts){.run_ns = run_ns, .slices = strtoull(at, NULL, 10)};
}

static uint64_t switches_of(const char *status)
{
	uint64_t sum = 0;
	for (const char *at = status; (at = strstr(at, "voluntary_ctxt_switches:")); at++)
		sum += strtoull(at + strlen("voluntary_ctxt_switches:"), NULL, 10); /* matches nonvoluntary_... too */
	return sum;
}

/* What counts a thread's turns on a processor. */
struct counter {
	int fd;
	bool status; /* fd is `status`, not `schedstat` */
};

static struct tt_snap_counts counter_read(const struct counter *counter)
{
	char text[4096];
	if (counter->fd < 0 || !reread(counter->fd, text, sizeof(text)))
		return (struct tt_snap_counts){0};
	if (counter->status)
		return (struct tt_snap_counts){.slices = switches_of(text)};
	return schedstat_parse(text);
}

/* *ret gets its first reading. */
static struct counter counter_open(const struct tt_snap *snap, pid_t tid, struct tt_snap_counts *ret)
{
	struct counter counter = {.fd = thread_file(snap, tid, "schedstat")};
	*ret = counter_read(&counter);
	if (ret->slices == 0) {
		if (counter.fd >= 0)
			close(counter.fd);
		counter = (struct counter){.fd = thread_file(snap, tid, "status"), .status = true};
		*ret = counter_read(&counter);
	}
	return counter;
}

static void counter_close(const struct counter *counter)
{
	if (counter->fd >= 0)
		close(counter->fd);
}

/* ------------------------------------------------------------------ registers */

static bool take_words(const char *text, uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *end;
		words[i] = strtoull(text, &end, 16);
		if (end == text)
			return false;
		text = end;
	}
	return true;
}

static void set_reg(struct tt_regs *regs, enum tt_reg reg, uint64_t value)
{
	regs->value[reg] = value;
	regs->known |= UINT32_C(1) << reg;
}

/*
 * "running", or "NUMBER arg0 … arg5 SP PC", or "-1 SP PC" when the thread is blocked outside a system call (a page fault, a
 * stop). The kernel keeps the arguments in their registers until the call returns.
 */
static enum tt_snap_fail parse_syscall(struct tt_snap_thread *thread, const char *text)
{
	static const enum tt_reg args[] = {TT_REG_RDI, TT_REG_RSI, TT_REG_RDX, TT_REG_R10, TT_REG_R8, TT_REG_R9};
	uint64_t words[8];
	char *rest;
	if (strncmp(text, "running", 7) == 0)
		return TT_SNAP_RUNNING;
	long long number = strtoll(text, &rest, 10);
	size_t count = number < 0 ? 0 : 6;
	if (rest == text || !take_words(rest, words, count + 2))
		return TT_SNAP_IO;
	if (words[count] == 0 && words[count + 1] == 0)
		return TT_SNAP_KERNEL;
	thread->regs = (struct tt_regs){0};
	thread->in_syscall = number >= 0;
	thread->syscall = number;
	for (size_t i = 0; i < count; i++) {
		thread->args[i] = words[i];
		set_reg(&thread->regs, args[i], words[i]);
	}
	set_reg(&thread->regs, TT_REG_RSP, words[count]);
	set_reg(&thread->regs, TT_REG_RIP, words[count + 1]);
	return TT_SNAP_OK;
}

/* ------------------------------------------------------------------ one thread */

static enum tt_snap_fail fail_of(struct tt_snap_thread *thread, int error)
{
	thread->error = error;
	switch (error) {
	case ENOENT:
	case ESRCH:
		return TT_SNAP_GONE;
	case EPERM:
	case EACCES:
		return TT_SNAP_DENIED;
	default:
		return TT_SNAP_IO;
	}
}

/* One thread that is being read. */
struct quiet {
	struct tt_snap_thread *thread;
	struct tt_snap_thread next; /* becomes *thread */
	int syscall_fd;
	struct counter counter;
};

static void quiet_open(struct tt_snap *snap, struct quiet *q, struct tt_snap_thread *thread)
{
	struct tt_snap_counts counts;
	*q = (struct quiet){.thread = thread,
		.next = {.tid = thread->tid,
			.first = thread->first,
			.stopped_ns = thread->stopped_ns,
			.private = thread->private}};
	q->syscall_fd = thread_file(snap, thread->tid, "syscall");
	q->next.fail = q->syscall_fd < 0 ? fail_of(&q->next, errno) : TT_SNAP_RUNNING;
	q->counter = counter_open(snap, thread->tid, &counts);
	q->next.slices = counts.slices;
	if (!q->next.first.slices) {
		q->next.first = counts;
		q->next.first.at_ns = snap_now_ns();
	}
	snap_memory_forget_late(thread);
}

static void quiet_close(struct quiet *q)
{
	if (q->syscall_fd >= 0)
		close(q->syscall_fd);
	counter_close(&q->counter);
	q->next.how = q->next.fail == TT_SNAP_OK ? TT_SNAP_QUIET : TT_SNAP_NOT;
	*q->thread = q->next;
}

/* True: it blocks, and its stack is to be copied. */
static bool quiet_look(struct quiet *q)
{
	char text[512];
	if (q->syscall_fd < 0)
		return false;
	if (!reread(q->syscall_fd, text, sizeof(text)))
		q->next.fail = fail_of(&q->next, errno);
	else
		q->next.fail = parse_syscall(&q->next, text);
	q->next.captured_ns = snap_now_ns();
	return q->next.fail == TT_SNAP_OK;
}

/* Where time slices are not counted, the thread could be running again without any trace: a second look tells. */
static bool still_blocked(const struct quiet *q)
{
	char text[512];
	return !q->counter.status || (reread(q->syscall_fd, text, sizeof(text)) && strncmp(text, "running", 7) != 0);
}

static void quiet_verify(struct quiet *q, int rc)
{
	uint64_t slices = q->next.slices;
	bool blocked = still_blocked(q);
	q->next.slices = counter_read(&q->counter).slices;
	if (!blocked || slices == 0 || slices != q->next.slices)
		q->next.fail = TT_SNAP_RUNNING;
	else if (rc == -EFAULT)
		q->next.fail = TT_SNAP_NO_STACK;
	else if (rc)
		q->next.fail = fail_of(&q->next, -rc);
}

/* The counts were read when the files were opened: look, copy all, read the counts again. */
static void quiet_read(struct tt_snap *snap, struct quiet *quiets, size_t count)
{
	struct snap_copy copies[TOGETHER];
	for (size_t i = 0; i < count; i++)
		copies[i] = (struct snap_copy){.thread = quiet_look(&quiets[i]) ? &quiets[i].next : NULL};
	snap_memory_copy_stacks(snap, copies, count);
	for (size_t i = 0; i < count; i++) {
		if (copies[i].thread)
			quiet_verify(&quiets[i], copies[i].rc);
	}
}

/* A batch is read over some milliseconds, in which some threads move on: those are tried again, each for itself. */
static void quiet_again(struct tt_snap *snap, struct quiet *q)
{
	for (int i = 0; i < ATTEMPTS && q->next.fail == TT_SNAP_RUNNING && q->syscall_fd >= 0; i++) {
		q->next.slices = counter_read(&q->counter).slices;
		quiet_read(snap, q, 1);
	}
}

void snap_quiet_read_all(struct tt_snap *snap, struct tt_snap_thread *const *threads, size_t count)
{
	struct quiet quiets[TOGETHER];
	for (size_t done = 0; done < count;) {
		size_t part = count - done < TOGETHER ? count - done : TOGETHER;
		for (size_t i = 0; i < part; i++)
			quiet_open(snap, &quiets[i], threads[done + i]);
		quiet_read(snap, quiets, part);
		for (size_t i = 0; i < part; i++) {
			quiet_again(snap, &quiets[i]);
			quiet_close(&quiets[i]);
		}
		done += part;
	}
}

bool snap_quiet_read(struct tt_snap *snap, struct tt_snap_thread *thread)
{
	snap_quiet_read_all(snap, &thread, 1);
	return thread->fail == TT_SNAP_OK;
}

/* ------------------------------------------------------------------ whether it has run since */

void snap_watch_open(const struct tt_snap *snap, struct snap_watch *watch, struct tt_snap_thread *thread)
{
	struct tt_snap_counts counts;
	struct counter counter = counter_open(snap, thread->tid, &counts);
	*watch = (struct snap_watch){.thread = thread, .fd = counter.fd, .status = counter.status};
}

void snap_watch_close(struct snap_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
}

bool snap_watch_still(const struct tt_snap *snap, const struct snap_watch *watch)
{
	struct counter counter = {.fd = watch->fd, .status = watch->status};
	pid_t tid = watch->thread->tid;
	struct tt_snap_counts counts = counter_read(&counter);
	if (watch->fd < 0) { /* there were no descriptors left */
		counter = counter_open(snap, tid, &counts);
		counter_close(&counter);
	}
	if (counts.slices == 0 || counts.slices != watch->thread->slices)
		return false;
	if (!counter.status)
		return true;
	struct quiet look = {.counter = counter, .syscall_fd = thread_file(snap, tid, "syscall")};
	bool blocked = look.syscall_fd >= 0 && still_blocked(&look);
	if (look.syscall_fd >= 0)
		close(look.syscall_fd);
	return blocked;
}
