/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * waits.c - a blocked system call -> what the thread waits for: which decoder, time left, children, signals, and the words.
 */
#include "lib/proc/waits.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/core/attrs.h"
#include "lib/proc/proc_private.h"
#include "lib/util/text.h"

#define NS UINT64_C(1000000000)

static const struct {
	const char *name, *words;
} kinds[TT_WAIT_KIND_MAX] = {
#define X(id, json, text) {json, text},
	TT_WAIT_KINDS(X)
#undef X
};

const char *tt_wait_kind_name(enum tt_wait_kind kind)
{
	return kind < TT_WAIT_KIND_MAX ? kinds[kind].name : "?";
}

const char *tt_wait_kind_words(enum tt_wait_kind kind)
{
	return kind < TT_WAIT_KIND_MAX ? kinds[kind].words : "?";
}

bool tt_wait_is_lock(enum tt_wait_kind kind)
{
	return kind == TT_WAIT_MUTEX || kind == TT_WAIT_RDLOCK || kind == TT_WAIT_WRLOCK || kind == TT_WAIT_STDIO;
}

void tt_wait_deinit(struct tt_wait *w)
{
	tt_buf_deinit(&w->text);
	tt_buf_deinit(&w->note);
}

/* ------------------------------------------------------------------ time */

void wait_relative(struct tt_wait *w, const struct tt_wait_call *call, uint64_t timeout_ns)
{
	w->timed = true;
	if (!call->waited_ns)
		return;
	w->left_known = true;
	w->left_ns = timeout_ns > call->waited_ns ? timeout_ns - call->waited_ns : 0;
}

void wait_absolute(struct tt_wait *w, const struct tt_wait_env *env, int clock, uint64_t at_ns)
{
	uint64_t now = clock == CLOCK_REALTIME ? env->realtime_ns : clock == CLOCK_MONOTONIC ? env->monotonic_ns : 0;
	w->timed = true;
	w->left_known = now != 0;
	w->left_ns = now && at_ns > now ? at_ns - now : 0;
}

bool wait_timespec(const struct tt_wait_env *env, uint64_t address, uint64_t *ret_ns)
{
	int64_t t[2];
	if (wait_read(env, address, t, sizeof(t)) < 0 || t[0] < 0 || t[1] < 0 || t[1] >= (int64_t)NS)
		return false;
	*ret_ns = (uint64_t)t[0] > UINT64_MAX / NS - 1 ? UINT64_MAX : (uint64_t)t[0] * NS + (uint64_t)t[1];
	return true;
}

/* nanosleep(time, left); clock_nanosleep(clock, flags, time, left), absolute with flag 1. */
static void decode_sleep(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	bool by_clock = call->args[2] && strcmp(w->call, "clock_nanosleep") == 0;
	uint64_t ns = 0;
	w->kind = TT_WAIT_SLEEP;
	w->timed = true;
	bool known = wait_timespec(env, by_clock ? call->args[2] : call->args[0], &ns);
	if (known && by_clock && (call->args[1] & TIMER_ABSTIME)) {
		wait_absolute(w, env, (int)call->args[0], ns);
		tt_buf_adds(&w->text, "sleep");
		return;
	}
	tt_buf_adds(&w->text, "sleep");
	if (known) {
		tt_buf_printf(&w->text, " of %s", tt_ns(ns).s);
		wait_relative(w, call, ns);
	}
}

/* ------------------------------------------------------------------ children and signals */

/* Appends " 123 name" when the process can be seen. */
static void add_process(struct tt_buf *buf, long pid)
{
	char path[64], name[20];
	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	int n = proc_read(path, name, sizeof(name));
	tt_buf_printf(buf, " %ld", pid);
	if (n > 0)
		tt_buf_printf(buf, " %.*s", name[n - 1] == '\n' ? n - 1 : n, name);
}

/* The children of the process, when any will do: those of its main thread, at most three by name. */
static void note_children(struct tt_wait *w, const struct tt_wait_env *env)
{
	char path[64], list[4096];
	unsigned count = 0;
	if (!env->pid || !env->thorough)
		return;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)env->pid, (int)env->pid);
	if (proc_read(path, list, sizeof(list)) <= 0)
		return;
	char *end = list;
	for (long pid = strtol(list, &end, 10); pid > 0; pid = strtol(end, &end, 10), count++) {
		if (count == 3)
			tt_buf_adds(&w->note, " ...");
		if (count >= 3)
			continue;
		tt_buf_adds(&w->note, count ? "," : "of");
		add_process(&w->note, pid);
	}
}

static void decode_child(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	bool by_id = strcmp(w->call, "waitid") == 0;
	int id = (int)call->args[by_id ? 1 : 0];
	bool one = by_id ? call->args[0] == P_PID : id > 0;
	bool group = by_id ? call->args[0] == P_PGID : id < -1 || id == 0;
	w->kind = TT_WAIT_CHILD;
	if (by_id && call->args[0] == P_PIDFD) {
		w->fd = id;
		tt_buf_printf(&w->text, "%s: the process of pidfd %d", w->call, id);
	} else if (one) {
		w->child = id;
		tt_buf_printf(&w->text, "%s: child process", w->call);
		add_process(&w->text, id);
	} else {
		tt_buf_printf(&w->text, "%s: any child process%s", w->call, group ? " of a process group" : "");
		note_children(w, env);
	}
}

static void decode_signal(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	uint64_t set, ns, listed = 0;
	w->kind = TT_WAIT_SIGNAL;
	if (strcmp(w->call, "rt_sigtimedwait") != 0 || wait_read(env, call->args[0], &set, sizeof(set)) < 0) {
		tt_buf_printf(&w->text, "%s: a signal", w->call);
		return;
	}
	tt_buf_printf(&w->text, "%s: signal", w->call);
	for (int sig = 1; sig <= 64 && listed < 6; sig++) {
		const char *name = set & UINT64_C(1) << (sig - 1) ? sigabbrev_np(sig) : NULL;
		if (name)
			tt_buf_printf(&w->text, "%s%s", listed++ ? ", " : " ", name);
	}
	if (call->args[2] && wait_timespec(env, call->args[2], &ns))
		wait_relative(w, call, ns);
}

/* ------------------------------------------------------------------ the rest */

static void decode_ipc(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env, const char *what)
{
	uint64_t ns;
	w->kind = TT_WAIT_IPC;
	tt_buf_printf(&w->text, "%s: %s %d", w->call, what, (int)call->args[0]);
	if (strcmp(w->call, "semtimedop") == 0 && call->args[3] && wait_timespec(env, call->args[3], &ns))
		wait_relative(w, call, ns);
}

static void decode_aio(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	uint64_t ns;
	w->kind = TT_WAIT_AIO;
	tt_buf_printf(&w->text, "%s: at least %d events", w->call, (int)call->args[1]);
	if (call->args[4] && wait_timespec(env, call->args[4], &ns))
		wait_relative(w, call, ns);
}

/* After a stop or a signal the kernel goes on by restart_syscall(), which has no arguments: the function called tells more. */
static void decode_restart(struct tt_wait *w, const struct tt_wait_call *call)
{
	const char *name = NULL;
	for (size_t i = 0; i < call->frame_count && i < 3 && !name; i++)
		name = call->frames[i];
	w->kind = name && strstr(name, "nanosleep") ? TT_WAIT_SLEEP
	          : name && strstr(name, "poll")    ? TT_WAIT_POLL
	                                            : TT_WAIT_CALL;
	tt_buf_printf(&w->text, "%s%sresumed after a stop or a signal", name ? name : "", name ? ", " : "");
}

static void decode_path(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	const struct tt_syscall *s = tt_syscall_find(w->nr);
	char path[4096];
	size_t i = strcspn(s->args, "s");
	w->kind = TT_WAIT_FILE;
	tt_buf_adds(&w->text, s->name);
	if (s->args[i] && proc_read_text(env->read, env->ctx, call->args[i], path, sizeof(path)) > 0)
		tt_buf_printf(&w->text, " of %s", path);
}

static void decode_other(struct tt_wait *w, enum tt_wait_kind kind, const char *words)
{
	w->kind = kind;
	tt_buf_printf(&w->text, "%s%s%s", w->call, words[0] ? ": " : "", words);
}

static void decode_class(
	struct tt_wait *w, enum tt_syscall_class class, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	switch (class) {
	case TT_SYSCALL_FUTEX:
	case TT_SYSCALL_FUTEX_WAIT:
	case TT_SYSCALL_FUTEX_WAITV:
		wait_decode_futex(w, call, env);
		return;
	case TT_SYSCALL_POLL:
	case TT_SYSCALL_SELECT:
	case TT_SYSCALL_EPOLL:
		wait_decode_poll(w, class, call, env);
		return;
	case TT_SYSCALL_SLEEP:
		decode_sleep(w, call, env);
		return;
	case TT_SYSCALL_CHILD:
		decode_child(w, call, env);
		return;
	case TT_SYSCALL_FORK:
		decode_other(w, TT_WAIT_CHILD, "until the child has started its program");
		return;
	case TT_SYSCALL_SIGNAL:
		decode_signal(w, call, env);
		return;
	case TT_SYSCALL_SEMOP:
		decode_ipc(w, call, env, "System V semaphores");
		return;
	case TT_SYSCALL_MSGSND:
	case TT_SYSCALL_MSGRCV:
		decode_ipc(w, call, env, "message queue");
		return;
	case TT_SYSCALL_AIO:
		decode_aio(w, call, env);
		return;
	case TT_SYSCALL_RESTART:
		decode_restart(w, call);
		return;
	case TT_SYSCALL_PATH:
		decode_path(w, call, env);
		return;
	case TT_SYSCALL_OTHER:
		decode_other(w, TT_WAIT_CALL, "");
		return;
	default:
		wait_decode_fd(w, class, call, env);
	}
}

int tt_wait_decode(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	struct tt_buf text = w->text, note = w->note;
	tt_buf_clear(&text);
	tt_buf_clear(&note);
	*w = (struct tt_wait){.fd = -1, .nr = call->nr, .text = text, .note = note};
	if (call->nr < 0)
		return 0;
	const struct tt_syscall *s = tt_syscall_find(call->nr);
	w->call = s ? s->name : NULL;
	if (s) {
		decode_class(w, s->class, call, env);
		if (!w->word)
			w->meaning = wait_meaning(w->kind, call);
	} else {
		w->kind = TT_WAIT_CALL;
		tt_buf_printf(&w->text, "system call %ld", call->nr);
	}
	return tt_buf_failed(&w->text) || tt_buf_failed(&w->note) ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------ words */

static void say_mutex_type(struct tt_buf *buf, unsigned type)
{
	static const char *const types[] = {"", "recursive ", "error-checking ", "adaptive "};
	/* glibc marks every robust mutex as shared. */
	tt_buf_printf(buf, "%s%s%s%s%s", (type & 128) && !(type & 16) ? "process-shared " : "", types[type & 3],
		type & 16 ? "robust " : "", type & 32 ? "priority-inheriting " : "", type & 64 ? "priority-protected " : "");
}

static void say_owner(struct tt_buf *buf, const struct tt_wait *w, const char *owner)
{
	if (w->owner)
		tt_buf_printf(buf, w->kind == TT_WAIT_JOIN ? " %d%s%s" : ", held by thread %d%s%s", (int)w->owner,
			owner ? " " : "", owner ? owner : "");
	else if (w->owner_word && w->kind == TT_WAIT_JOIN)
		tt_buf_printf(buf, " %" PRIu32, w->owner_word);
	else if (w->owner_word)
		tt_buf_printf(buf, ", held by %" PRIu32 ", which is no thread of this process", w->owner_word);
	else if (w->readers)
		tt_buf_printf(buf, ", held by %" PRIu32 " reader%s", w->readers, w->readers == 1 ? "" : "s");
}

bool tt_wait_is_object(const struct tt_wait *w)
{
	return w->word != 0;
}

int tt_wait_say(struct tt_buf *buf, const struct tt_wait *w, const char *lock, const char *owner)
{
	if (w->kind == TT_WAIT_MUTEX)
		say_mutex_type(buf, w->lock_type);
	tt_buf_adds(buf, tt_buf_str(&w->text));
	if (w->word && w->kind != TT_WAIT_JOIN) {
		if (lock)
			tt_buf_printf(buf, " %s", lock);
		else
			tt_buf_printf(buf, " 0x%" PRIx64, w->address);
	}
	if (w->kind == TT_WAIT_RDLOCK || w->kind == TT_WAIT_WRLOCK)
		tt_buf_adds(buf, w->kind == TT_WAIT_RDLOCK ? ", to read" : ", to write");
	say_owner(buf, w, owner);
	if (w->meaning)
		tt_buf_printf(buf, " (%s)", w->meaning);
	if (w->note.len)
		tt_buf_printf(buf, ", %s", tt_buf_str(&w->note));
	if (w->peer.pid)
		tt_buf_printf(buf, ", %s process %d %.16s",
			w->kind == TT_WAIT_FILE_LOCK ? "held by" : "other end:", (int)w->peer.pid, w->peer.name);
	if (w->timed && w->left_known)
		tt_buf_printf(buf, ", %s left", tt_ns(w->left_ns).s);
	else if (w->timed && w->kind != TT_WAIT_SLEEP)
		tt_buf_adds(buf, ", with a timeout");
	return tt_buf_failed(buf) ? -ENOMEM : 0;
}
