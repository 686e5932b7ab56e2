/* SPDX-License-Identifier: GPL-3.0-or-later */
/* threads.c - what each thread of a dump waits for, is at, is called. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/core/attrs.h"
#include "lib/dump/dump_private.h"
#include "lib/proc/rootfile.h"
#include "lib/util/glob.h"

#define NAMES 12 /* frames that the decoder of waits is told */

/* What was kept begins where its neighbours end or overlap: the last piece that begins at or before address reaches farthest.
 */
static const struct tt_dump_kept *kept_at(const struct tt_dump *d, uint64_t address)
{
	size_t low = 0, high = d->kept.len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (d->kept.data[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &d->kept.data[low - 1] : NULL;
}

static int read_memory(void *ctx, uint64_t address, void *buf, size_t len)
{
	struct tt_dump *d = ctx;
	const struct tt_dump_kept *k = kept_at(d, address);
	uint64_t at = k ? address - k->address : 0;
	if (k && at < sizeof(k->bytes) && len <= sizeof(k->bytes) - at) {
		memcpy(buf, k->bytes + at, len);
		return 0;
	}
	return tt_snap_read(d->snap, address, buf, len) == len ? 0 : -EFAULT;
}

static pid_t thread_of(void *ctx, uint32_t tid)
{
	const struct tt_dump *d = ctx;
	uint64_t position;
	return tt_hmap_get(&d->by_ns_tid, tid, &position) ? d->threads.data[position - 1].task.tid : 0;
}

uint32_t dump_by_tid(const struct tt_dump *d, pid_t tid)
{
	uint64_t position;
	return tid && tt_hmap_get(&d->by_tid, (uint64_t)tid, &position) ? (uint32_t)position - 1 : TT_DUMP_NONE;
}

int dump_wait(struct tt_dump *d, struct tt_dump_thread *t, struct tt_wait *ret)
{
	const char *names[NAMES] = {0};
	size_t count = 0;
	const struct tt_dump_frame *f;
	struct tt_wait_env env = {.read = read_memory, .ctx = d, .thread = thread_of, .fds = d->fds, .thorough = true};
	if (!d->core) {
		env.pid = d->proc.pid;
		env.realtime_ns = dump_now_ns(CLOCK_REALTIME);
		env.monotonic_ns = dump_now_ns(CLOCK_MONOTONIC);
	}
	vec_for_each (f, &t->frames)
		if (count < NAMES)
			names[count++] = f->function ? f->function : f->raw;
	struct tt_wait_call call = {.nr = -1, .frames = names, .frame_count = count, .waited_ns = t->since_ns};
	if (t->snap && t->snap->in_syscall && t->task.state != 'R') {
		call.nr = (long)t->snap->syscall;
		memcpy(call.args, t->snap->args, sizeof(call.args));
		call.sp = t->snap->regs.value[TT_REG_RSP];
	}
	int rc = tt_wait_decode(ret, &call, &env);
	if (rc == 0 && ret->kind == TT_WAIT_FUTEX && count && !names[0] && t->called) {
		names[0] = t->called;
		rc = tt_wait_decode(ret, &call, &env);
	}
	return rc;
}

/* ------------------------------------------------------------------ what it is at */

static enum tt_doing doing_of_wait(const struct tt_wait *w)
{
	switch (w->kind) {
	case TT_WAIT_MUTEX:
	case TT_WAIT_RDLOCK:
	case TT_WAIT_WRLOCK:
	case TT_WAIT_STDIO:
	case TT_WAIT_FILE_LOCK:
		return TT_DOING_LOCK;
	case TT_WAIT_JOIN:
	case TT_WAIT_COND:
	case TT_WAIT_SEM:
	case TT_WAIT_BARRIER:
	case TT_WAIT_ONCE:
	case TT_WAIT_FUTEX:
		return w->meaning && strstr(w->meaning, "the interpreter lock") ? TT_DOING_LOCK : TT_DOING_WAITING;
	case TT_WAIT_SOCKET:
		return w->at && w->at->socket && w->at->socket->listening ? TT_DOING_EVENTS : TT_DOING_IO;
	case TT_WAIT_PIPE:
	case TT_WAIT_FILE:
	case TT_WAIT_TERMINAL:
	case TT_WAIT_DEVICE:
	case TT_WAIT_IPC:
	case TT_WAIT_AIO:
		return TT_DOING_IO;
	case TT_WAIT_EPOLL:
		return w->meaning ? TT_DOING_LOCK : TT_DOING_EVENTS;
	case TT_WAIT_EVENT:
	case TT_WAIT_POLL:
	case TT_WAIT_SIGNAL:
		return TT_DOING_EVENTS;
	case TT_WAIT_SLEEP:
		return TT_DOING_SLEEPING;
	default:
		return TT_DOING_OTHER;
	}
}

static enum tt_doing doing_of(const struct tt_dump_thread *t)
{
	switch (t->task.state) {
	case 'R':
		return TT_DOING_RUNNING;
	case 'D':
		/* vfork() waits like that for its child to go on, which is no reason to worry. */
		return t->wait.kind == TT_WAIT_CHILD ? TT_DOING_OTHER : TT_DOING_DISK;
	case 'T':
	case 't':
		return TT_DOING_STOPPED;
	default:
		return doing_of_wait(&t->wait);
	}
}

/* "[<0>] io_schedule+0x46/0x70" by lines: without the address, which is always hidden. */
static void read_kernel_stack(struct tt_dump *d, struct tt_dump_thread *t)
{
	char path[64];
	TT_BUF_AUTO(raw);
	TT_BUF_AUTO(text);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stack", (int)d->proc.pid, (int)t->task.tid);
	if (d->core || t->doing != TT_DOING_DISK || tt_rootfile_read(NULL, path, &raw) < 0)
		return;
	for (const char *at = tt_buf_str(&raw); *at; at += strcspn(at, "\n"), at += *at == '\n') {
		const char *name = strncmp(at, "[<0>] ", 6) == 0 ? at + 6 : at;
		tt_buf_add(&text, name, strcspn(name, "\n"));
		tt_buf_addc(&text, '\n');
	}
	t->kernel_stack = text.len ? dump_text(d, tt_buf_str(&text)) : NULL;
}

/* The list of threads was made a little before the stacks: what the capture saw is what counts. */
static void settle_state(struct tt_dump_thread *t)
{
	const struct tt_snap_thread *s = t->snap;
	if (!s)
		return;
	if (s->how == TT_SNAP_QUIET && s->in_syscall && t->task.state == 'R')
		t->task.state = 'S';
	else if ((s->how == TT_SNAP_STOPPED || s->how == TT_SNAP_TOGETHER) && !s->in_syscall && t->task.state == 'S')
		t->task.state = 'R';
	if (t->task.state == 'R')
		t->task.idle_ns = 0;
}

int dump_waits(struct tt_dump *d)
{
	struct tt_dump_thread *t;
	int rc = 0;
	vec_for_each (t, &d->threads) {
		settle_state(t);
		t->since_ns = t->task.idle_ns;
		rc = rc < 0 ? rc : dump_wait(d, t, &t->wait);
		t->owner = dump_by_tid(d, t->wait.owner);
		if (t->wait.word && t->wait.kind != TT_WAIT_JOIN)
			t->lock_name = dump_variable(d, t->wait.address);
		t->doing = doing_of(t);
		d->doing[t->doing]++;
		read_kernel_stack(d, t);
	}
	return rc;
}

/* ------------------------------------------------------------------ names and words */

const char *tt_dump_name(const struct tt_dump_thread *t)
{
	return t->managed_name ? t->managed_name : t->task.name;
}

bool dump_is_library(const struct tt_dump_frame *f)
{
	static const char *const patterns[] = {"libc.so*", "libc-*", "libpthread*", "ld-linux*", "ld-musl*", "libstdc++*",
		"libc++*", "libgcc_s*", "libthreadcheck*", "[vdso]", "linux-vdso*"};
	for (size_t i = 0; f->module && i < ARRAY_SIZE(patterns); i++)
		if (tt_glob_match(patterns[i], f->module))
			return true;
	return false;
}

/* Templates of C++ and Rust's runtime that stand in the program itself: they say no more. */
static bool is_plumbing(const char *function)
{
	static const char *const patterns[] = {"std::*", "void std::*", "core::*", "<core::*", "alloc::*", "<alloc::*",
		"__gthread*", "__rust_*", "pthread_*", "__pthread_*", "___pthread_*", "__lll_*", "__futex_*", "futex_*",
		"syscall", "runtime.*", "start_thread", "clone*", "__clone*"};
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		if (tt_glob_match(patterns[i], function))
			return true;
	return false;
}

bool dump_is_own(const struct tt_dump_frame *f)
{
	return f->function && !dump_is_library(f) && !is_plumbing(f->function);
}

const struct tt_dump_frame *tt_dump_place(const struct tt_dump_thread *t)
{
	const struct tt_dump_frame *f;
	vec_for_each (f, &t->frames)
		if (dump_is_own(f))
			return f;
	return NULL;
}

/* "\tat Many.locked(Many.java:5)": the first method that begins with none of the prefixes; NULL: none. */
static const char *first_method(const char *stack, const char *const *prefixes, size_t count)
{
	for (const char *at = strstr(stack, "\tat "); at; at = strstr(at + 1, "\tat ")) {
		const char *method = at + strlen("\tat ");
		size_t i = 0;
		while (i < count && strncmp(method, prefixes[i], strlen(prefixes[i])) != 0)
			i++;
		if (i == count)
			return method;
	}
	return NULL;
}

/* The first method that is not the JDK's own; in the JDK's own threads the first that does not just make it wait. */
static bool where_managed(const char *stack, struct tt_buf *buf)
{
	static const char *const own[] = {"java.", "jdk.", "sun.", "javax.", "com.sun."},
				 *const waits[] = {"java.lang.Object.wait", "java.lang.Thread.", "jdk.internal.misc.Unsafe.",
					 "java.util.concurrent.locks."};
	const char *method = first_method(stack, own, ARRAY_SIZE(own));
	method = method ? method : first_method(stack, waits, ARRAY_SIZE(waits));
	return method && tt_buf_add(buf, method, strcspn(method, "\n")) == 0;
}

int tt_dump_where(const struct tt_dump_thread *t, struct tt_buf *buf)
{
	const struct tt_dump_frame *place = tt_dump_place(t);
	if (t->managed && where_managed(t->managed, buf))
		return 0;
	if (place)
		return tt_sym_short_name(buf, place->function);
	for (size_t i = 0; i < t->frames.len; i++) {
		const struct tt_dump_frame *f = &t->frames.data[i];
		if (!f->function && f->module && !dump_is_library(f))
			return tt_buf_printf(buf, "%s+0x%" PRIx64, f->module, f->offset);
	}
	return 0;
}

int tt_dump_say(const struct tt_dump *d, const struct tt_dump_thread *t, struct tt_buf *buf)
{
	if (t->wait.kind == TT_WAIT_NONE)
		return tt_buf_adds(buf, t->task.state == 'R' ? "runs" : tt_task_state(t->task.state));
	const char *owner = t->owner == TT_DUMP_NONE ? NULL : tt_dump_name(&d->threads.data[t->owner]);
	if (t->managed_wait) {
		tt_buf_adds(buf, t->managed_wait);
		return owner ? tt_buf_printf(buf, ", held by thread %d %s", (int)t->wait.owner, owner) : 0;
	}
	return tt_wait_say(buf, &t->wait, t->lock_name, owner);
}
