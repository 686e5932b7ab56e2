/* SPDX-License-Identifier: GPL-3.0-or-later */
/* waits_futex.c - futex calls: operation, deadline, and what the functions above them say. */
#include <linux/futex.h>
#include <string.h>
#include <time.h>

#include "lib/core/attrs.h"
#include "lib/proc/proc_private.h"
#include "lib/util/glob.h"

#define HINT_DEPTH 12u /* frames looked at for the meaning */
#define KIND_DEPTH 5u  /* ... and for the kind: deeper ones are the caller's own */

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static const struct row {
	const char *pattern, *meaning;
	enum tt_wait_kind kind;
} rows[] = {
#define TT_WAIT_NAME(glob, id, words) {.pattern = (glob), .kind = TT_WAIT_##id, .meaning = (words)},
#include "lib/proc/waits_names.def"
#undef TT_WAIT_NAME
};

/* "__GI___pthread_mutex_lock" and "__new_sem_wait" are glibc's own names for what others call without that. */
static const char *plain_name(const char *name)
{
	name += strspn(name, "_");
	if (strncmp(name, "GI_", 3) == 0)
		name += 3 + strspn(name + 3, "_");
	if (strncmp(name, "new_", 4) == 0)
		name += 4;
	return name;
}

static const struct row *find_row(const char *frame)
{
	const char *name = plain_name(frame);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (tt_glob_match(rows[i].pattern, name))
			return &rows[i];
	return NULL;
}

static struct wait_hint find_hint(const struct tt_wait_call *call)
{
	struct wait_hint hint = {
		.kind = TT_WAIT_NONE, .sp = call->sp, .named = call->frame_count && call->frames[0] && *call->frames[0]};
	for (size_t i = 0; i < call->frame_count && i < HINT_DEPTH; i++) {
		const struct row *row = call->frames[i] ? find_row(call->frames[i]) : NULL;
		if (!row)
			continue;
		if (row->kind > TT_WAIT_FUTEX)
			continue;
		bool open = hint.kind == TT_WAIT_NONE || (hint.kind == TT_WAIT_FUTEX && !hint.foreign);
		if (open && i < KIND_DEPTH && row->kind != TT_WAIT_NONE) {
			hint.kind = row->kind;
			hint.foreign = row->meaning != NULL;
		}
		if (!hint.meaning)
			hint.meaning = row->meaning;
	}
	return hint;
}

const char *wait_meaning(enum tt_wait_kind kind, const struct tt_wait_call *call)
{
	for (size_t i = 0; i < call->frame_count && i < KIND_DEPTH; i++) {
		const struct row *row = call->frames[i] ? find_row(call->frames[i]) : NULL;
		if (row && row->kind == kind)
			return row->meaning;
	}
	return NULL;
}

static void read_deadline(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env, uint64_t at,
	bool relative, int clock)
{
	uint64_t ns;
	if (!at)
		return;
	w->timed = true;
	if (!wait_timespec(env, at, &ns))
		return;
	if (relative)
		wait_relative(w, call, ns);
	else
		wait_absolute(w, env, clock, ns);
}

/* The classic call: (word, operation, value, timeout, ...). Only WAIT counts its timeout from now on: futex(2). */
static uint32_t decode_classic(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	unsigned op = (unsigned)call->args[1], base = op & FUTEX_CMD_MASK;
	bool realtime = (op & FUTEX_CLOCK_REALTIME) || base == FUTEX_LOCK_PI;
	w->word = call->args[0];
	w->shared = !(op & FUTEX_PRIVATE_FLAG);
	if (base != FUTEX_WAKE && base != FUTEX_REQUEUE && base != FUTEX_CMP_REQUEUE && base != FUTEX_WAKE_OP)
		read_deadline(w, call, env, call->args[3], base == FUTEX_WAIT, realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC);
	return (uint32_t)call->args[2];
}

/* futex_wait(word, value, mask, flags, deadline, clock), Linux 6.7; the deadline is absolute. */
static uint32_t decode_wait(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	w->word = call->args[0];
	w->shared = !(call->args[3] & FUTEX_PRIVATE_FLAG);
	read_deadline(w, call, env, call->args[4], false, (int)call->args[5]);
	return (uint32_t)call->args[1];
}

/* futex_waitv(waiters, count, flags, deadline, clock): the first word stands for all. struct futex_waitv: value, address,
 * flags. */
static uint32_t decode_waitv(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	uint64_t first[2] = {0};
	read_deadline(w, call, env, call->args[3], false, (int)call->args[4]);
	if (wait_read(env, call->args[0], first, sizeof(first)) == 0)
		w->word = first[1];
	tt_buf_printf(&w->note, "one of %u futexes", (unsigned)call->args[1]);
	return (uint32_t)first[0];
}

void wait_decode_futex(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	const struct tt_syscall *s = tt_syscall_find(call->nr);
	struct wait_hint hint = find_hint(call);
	uint32_t expected = s->class == TT_SYSCALL_FUTEX        ? decode_classic(w, call, env)
	                    : s->class == TT_SYSCALL_FUTEX_WAIT ? decode_wait(w, call, env)
	                                                        : decode_waitv(w, call, env);
	hint.plain_wait = s->class == TT_SYSCALL_FUTEX && (call->args[1] & FUTEX_CMD_MASK) == FUTEX_WAIT;
	w->address = w->word;
	w->meaning = hint.meaning;
	w->kind = TT_WAIT_FUTEX;
	if (w->word)
		wait_decode_lock(w, expected, &hint, env);
	bool rwlock = w->kind == TT_WAIT_RDLOCK || w->kind == TT_WAIT_WRLOCK;
	tt_buf_adds(&w->text, rwlock ? "rwlock" : tt_wait_kind_words(w->kind));
}
