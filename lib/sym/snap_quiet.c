/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snap_quiet.c - reads a blocked thread without stopping it, and proves that it did not run meanwhile.
 *
 * The proof: the kernel counts each time that a thread is given a processor (the third number of its schedstat). A thread
 * that is blocked when its `syscall` file is read, with the same count before and after the copy, cannot have run in
 * between. Where the kernel does not keep that count, the context switches in `status` serve: together with a second look at
 * `syscall` they tell the same.
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

static uint64_t slices_of(const char *schedstat)
{
	unsigned long long slices = 0;
	return sscanf(schedstat, "%*u %*u %llu", &slices) == 1 ? slices : 0;
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

static uint64_t counter_read(const struct counter *counter)
{
	char text[4096];
	if (counter->fd < 0 || !reread(counter->fd, text, sizeof(text)))
		return 0;
	return counter->status ? switches_of(text) : slices_of(text);
}

static struct counter counter_open(const struct tt_snap *snap, pid_t tid)
{
	struct counter counter = {.fd = thread_file(snap, tid, "schedstat")};
	if (counter_read(&counter) == 0) {
		if (counter.fd >= 0)
			close(counter.fd);
		counter = (struct counter){.fd = thread_file(snap, tid, "status"), .status = true};
	}
	return counter;
}

static void counter_close(const struct counter *counter)
{
	if (counter->fd >= 0)
		close(counter->fd);
}

uint64_t snap_quiet_slices(const struct tt_snap *snap, pid_t tid)
{
	struct counter counter = counter_open(snap, tid);
	uint64_t slices = counter_read(&counter);
	counter_close(&counter);
	return slices;
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

static enum tt_snap_fail copy_stack(struct tt_snap *snap, struct tt_snap_thread *thread)
{
	int rc = snap_memory_copy_stack(snap, thread);
	if (rc == -EFAULT)
		return TT_SNAP_NO_STACK;
	return rc ? fail_of(thread, -rc) : TT_SNAP_OK;
}

static enum tt_snap_fail attempt(
	struct tt_snap *snap, struct tt_snap_thread *thread, int syscall_fd, const struct counter *counter)
{
	char before[512], after[512];
	uint64_t slices = counter_read(counter);
	if (!reread(syscall_fd, before, sizeof(before)))
		return fail_of(thread, errno);
	enum tt_snap_fail fail = parse_syscall(thread, before);
	if (fail)
		return fail;
	thread->captured_ns = snap_now_ns();
	fail = copy_stack(snap, thread);
	if (!reread(syscall_fd, after, sizeof(after)))
		return fail_of(thread, errno);
	thread->slices = counter_read(counter);
	if (strcmp(before, after) != 0 || slices == 0 || slices != thread->slices)
		return TT_SNAP_RUNNING;
	return fail;
}

/* The capture is made in a copy, so that an earlier one survives a failure. */
bool snap_quiet_read(struct tt_snap *snap, struct tt_snap_thread *thread)
{
	struct tt_snap_thread next = {.tid = thread->tid, .stopped_ns = thread->stopped_ns, .private = thread->private};
	int fd = thread_file(snap, thread->tid, "syscall");
	struct counter counter = counter_open(snap, thread->tid);
	enum tt_snap_fail fail = fd < 0 ? fail_of(&next, errno) : TT_SNAP_RUNNING;
	for (int i = 0; fd >= 0 && i < ATTEMPTS && fail == TT_SNAP_RUNNING; i++)
		fail = attempt(snap, &next, fd, &counter);
	if (fd >= 0)
		close(fd);
	counter_close(&counter);
	next.fail = fail;
	next.how = fail == TT_SNAP_OK ? TT_SNAP_QUIET : TT_SNAP_NOT;
	snap_memory_forget_late(thread);
	*thread = next;
	return fail == TT_SNAP_OK;
}
