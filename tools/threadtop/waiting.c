/* SPDX-License-Identifier: GPL-3.0-or-later */
/* waiting.c - what a blocked thread waits for and who holds it, by lib/proc/waits.h, as the columns of threadtop want it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lib/proc/waits.h"
#include "lib/util/text.h"
#include "tools/threadtop/futex.h"
#include "tools/threadtop/source.h"

struct process {
	uint64_t id; /* struct tt_top_proc.id */
	struct tt_fds *fds;
	struct top_futexes *futexes; /* NULL: none was looked at */
	uint64_t used;               /* the round in which it was needed last */
};

struct top_waiting {
	struct tt_sampler *sampler;
	struct tt_hmap processes; /* proc id -> struct process */
	struct tt_wait wait;
	struct tt_buf text;
	uint64_t round, realtime_ns, monotonic_ns;
};

struct top_waiting *top_waiting_create(void)
{
	struct top_waiting *w = calloc(1, sizeof(*w));
	if (w)
		w->wait = (struct tt_wait)TT_WAIT_INIT;
	return w;
}

static void process_destroy(struct process *p)
{
	tt_fds_destroy(p->fds);
	top_futexes_destroy(p->futexes);
	free(p);
}

void top_waiting_destroy(struct top_waiting *w)
{
	struct tt_hmap_entry *e;
	if (!w)
		return;
	hmap_for_each (e, &w->processes)
		process_destroy(e->ptr);
	tt_hmap_deinit(&w->processes);
	tt_wait_deinit(&w->wait);
	tt_buf_deinit(&w->text);
	free(w);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#define FORGET_AFTER 64 /* rounds */

void top_waiting_begin(struct top_waiting *w, struct tt_sampler *sampler)
{
	w->sampler = sampler;
	w->round++;
	w->realtime_ns = clock_ns(CLOCK_REALTIME);
	w->monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < w->processes.len;) {
		struct process *p = w->processes.entries[i].ptr;
		if (w->round - p->used < FORGET_AFTER) {
			i++;
			continue;
		}
		tt_hmap_remove(&w->processes, p->id);
		process_destroy(p);
	}
}

static struct process *process_of(struct top_waiting *w, const struct tt_top_proc *proc)
{
	struct process *p = tt_hmap_ptr(&w->processes, proc->id);
	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p || tt_hmap_put_ptr(&w->processes, proc->id, p) < 0) {
			free(p);
			return NULL;
		}
		p->id = proc->id;
		if (tt_fds_create((pid_t)proc->pid, &p->fds) < 0)
			p->fds = NULL;
	}
	if (p->used != w->round && p->fds)
		tt_fds_clear(p->fds);
	p->used = w->round;
	return p;
}

/* ------------------------------------------------------------------ the target, for the decoder */

struct target {
	struct top_waiting *w;
	struct tt_top_proc *proc;
};

static int read_memory(void *ctx, uint64_t address, void *bytes, size_t len)
{
	const struct target *t = ctx;
	struct iovec local = {bytes, len}, remote = {(void *)(uintptr_t)address, len};
	ssize_t n = process_vm_readv((pid_t)t->proc->pid, &local, 1, &remote, 1, 0);
	return n == (ssize_t)len ? 0 : -EFAULT;
}

/* The number that the thread has in its innermost pid namespace; 0 not known. */
static uint32_t inner_tid(struct target *t, struct tt_top_task *task)
{
	char text[4096];
	const char *line;
	if (tt_sampler_file(t->w->sampler, task, "status", text, sizeof(text)) <= 0 || !(line = strstr(text, "\nNSpid:")))
		return 0;
	char *end = strchr(line + 1, '\n');
	if (end)
		*end = 0;
	const char *last = strrchr(line + 1, '\t');
	return last ? (uint32_t)strtoul(last + 1, NULL, 10) : 0;
}

/* Where the process is in a pid namespace of its own, its threads call each other by other numbers. */
static pid_t thread_by_number(void *ctx, uint32_t tid)
{
	struct target *t = ctx;
	struct tt_top_task *task = tt_sampler_find(t->w->sampler, tid), **each;
	bool nested = t->proc->tasks.len && inner_tid(t, t->proc->tasks.data[0]) != t->proc->tasks.data[0]->tid;
	if (!nested)
		return task && task->proc == t->proc ? (pid_t)tid : 0;
	vec_for_each (each, &t->proc->tasks)
		if (inner_tid(t, *each) == tid)
			return (pid_t)(*each)->tid;
	return 0;
}

/* ------------------------------------------------------------------ the words */

static enum top_wait_class class_of(enum tt_wait_kind kind)
{
	switch (kind) {
	case TT_WAIT_MUTEX:
	case TT_WAIT_RDLOCK:
	case TT_WAIT_WRLOCK:
	case TT_WAIT_STDIO:
	case TT_WAIT_ONCE:
	case TT_WAIT_FILE_LOCK:
		return TOP_WAIT_LOCK;
	case TT_WAIT_JOIN:
		return TOP_WAIT_JOIN;
	case TT_WAIT_SOCKET:
	case TT_WAIT_PIPE:
	case TT_WAIT_FILE:
	case TT_WAIT_TERMINAL:
	case TT_WAIT_DEVICE:
	case TT_WAIT_AIO:
		return TOP_WAIT_IO;
	case TT_WAIT_COND:
	case TT_WAIT_SEM:
	case TT_WAIT_BARRIER:
	case TT_WAIT_FUTEX:
	case TT_WAIT_EVENT:
	case TT_WAIT_EPOLL:
	case TT_WAIT_POLL:
	case TT_WAIT_SLEEP:
	case TT_WAIT_CHILD:
	case TT_WAIT_SIGNAL:
	case TT_WAIT_IPC:
		return TOP_WAIT_IDLE;
	case TT_WAIT_NONE:
	case TT_WAIT_CALL:
	case TT_WAIT_KIND_MAX:
	default:
		return TOP_WAIT_OTHER;
	}
}

static const char *wait_words(const struct tt_wait *w)
{
	if (w->kind == TT_WAIT_RDLOCK)
		return "rwlock (read)";
	if (w->kind == TT_WAIT_WRLOCK)
		return "rwlock (write)";
	if (w->word && w->kind != TT_WAIT_FUTEX)
		return tt_wait_kind_name(w->kind);
	return w->call ? w->call : w->kind != TT_WAIT_NONE ? tt_wait_kind_name(w->kind) : NULL;
}

/* What it waits for: the address of a lock with what is more to say, a descriptor, the time that is left. */
static void target_words(const struct tt_wait *w, struct tt_buf *out)
{
	tt_buf_clear(out);
	if (w->at)
		tt_fd_describe(out, w->at);
	else if (w->meaning)
		tt_buf_adds(out, w->meaning);
	else if (w->kind == TT_WAIT_JOIN && w->owner_word)
		tt_buf_printf(out, "thread %u", w->owner ? (unsigned)w->owner : w->owner_word);
	else if (w->kind == TT_WAIT_CHILD && w->child > 0)
		tt_buf_printf(out, "process %d", w->child);
	else if (w->address)
		tt_buf_printf(out, "0x%" PRIx64, w->address);
	if (w->readers)
		tt_buf_printf(out, ", read by %u", w->readers);
	/* Of another process, or ended. */
	if (w->kind == TT_WAIT_MUTEX && w->owner_word && !w->owner)
		tt_buf_printf(out, ", held by %u", w->owner_word);
	if (w->note.len)
		tt_buf_printf(out, "%s%s", out->len ? ", " : "", tt_buf_str(&w->note));
	if (w->timed && w->left_known && !w->at)
		tt_buf_printf(out, "%s%s left", out->len ? ", " : "", tt_ns(w->left_ns).s);
}

/* Only counters say that it is one. */
static const char *guess_words(enum tt_wait_kind kind, const char *otherwise)
{
	switch (kind) {
	case TT_WAIT_COND:
		return "cond?";
	case TT_WAIT_SEM:
		return "sem?";
	case TT_WAIT_RDLOCK:
	case TT_WAIT_WRLOCK:
		return "rwlock?";
	default:
		return otherwise;
	}
}

static void store(struct top_waiting *w, struct tt_top_task *t)
{
	const struct tt_wait *wait = &w->wait;
	target_words(wait, &w->text);
	const char *words = wait_words(wait);
	tt_text_set(&t->wait, wait->sure == TT_WAIT_GUESSED ? guess_words(wait->kind, words) : words);
	tt_text_set(&t->target, w->text.len ? tt_buf_str(&w->text) : NULL);
	t->wait_object = wait->address;
	t->owner_tid = wait->owner > 0 ? (uint32_t)wait->owner : 0;
	t->wait_class = class_of(wait->kind);
	t->known |= TT_NEED_WAIT;
}

static void forget(struct tt_top_task *t)
{
	tt_text_set(&t->wait, NULL);
	tt_text_set(&t->target, NULL);
	t->wait_object = 0;
	t->owner_tid = 0;
	t->wait_class = TOP_WAIT_UNKNOWN;
}

/* "202 0x7f.. 0x0 ... 0xSP 0xPC", "running", "-1 0xSP 0xPC". */
static bool parse_call(const char *text, struct tt_wait_call *call)
{
	uint64_t *a = call->args;
	int n = sscanf(text, "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &call->nr, &a[0],
		&a[1], &a[2], &a[3], &a[4], &a[5]);
	if (n >= 1 && call->nr < 0)
		memset(a, 0, sizeof(call->args));
	return n == 7 || (n >= 1 && call->nr < 0);
}

void top_waiting_read(struct top_waiting *w, struct tt_top_task *t)
{
	char text[256];
	struct tt_wait_call call = {.waited_ns = t->blocked_ns};
	struct target target = {w, t->proc};
	if (t->proc->pid == (uint32_t)getpid()) {
		forget(t); /* what we are in is the reading of that very file */
		return;
	}
	ssize_t n = tt_sampler_file(w->sampler, t, "syscall", text, sizeof(text));
	if (n <= 0 || !parse_call(text, &call)) {
		/* It runs, or it is not ours to look at: the latter stays unknown. */
		forget(t);
		if (n > 0)
			t->known |= TT_NEED_WAIT;
		return;
	}
	struct process *p = process_of(w, t->proc);
	if (!p)
		return;
	struct tt_wait_env env = {.read = read_memory,
		.ctx = &target,
		.thread = thread_by_number,
		.fds = p->fds,
		.realtime_ns = w->realtime_ns,
		.monotonic_ns = w->monotonic_ns,
		.pid = (pid_t)t->proc->pid};
	if (tt_wait_decode(&w->wait, &call, &env) < 0)
		return;
	if (w->wait.kind == TT_WAIT_FUTEX && w->wait.word)
		top_futexes_name(&p->futexes, w->round, &w->wait, &call, &env, (pid_t)t->tid);
	store(w, t);
}
