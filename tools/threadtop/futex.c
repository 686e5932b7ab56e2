/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * futex.c - what a futex is of which its memory says nothing (a one-time initialisation, a lock of Rust's): by the functions on
 * the stack of a thread that waits for it, read without a stop. That takes milliseconds, so it is done for few.
 */
#include <stdlib.h>

#include "lib/sym/snapshot.h"
#include "lib/sym/unwind.h"
#include "lib/util/hmap.h"
#include "tools/threadtop/futex.h"

#define FRAMES       8
#define LOOKS        64 /* in all, of one process */
#define LOOKS_AT_ONE 2  /* ... in one refresh */

struct answer {
	enum tt_wait_kind kind;
	const char *meaning;
};

struct top_futexes {
	struct tt_hmap known; /* word -> struct answer */
	uint64_t round;
	unsigned looks, in_round;
};

void top_futexes_destroy(struct top_futexes *f)
{
	struct tt_hmap_entry *e;
	if (!f)
		return;
	hmap_for_each (e, &f->known)
		free(e->ptr);
	tt_hmap_deinit(&f->known);
	free(f);
}

static const char *name_at(struct tt_sym *sym, uint64_t pc, bool is_call)
{
	const struct tt_sym_frame *f = &tt_sym_resolve(sym, pc, is_call ? TT_SYM_RETADDR : 0)->frames[0];
	return f->function ? f->function : f->raw;
}

/* Decodes anew into w, with names. The innermost may have none: then the function that was called for it counts. */
static void decode(struct tt_wait *w, struct tt_wait_call call, const struct tt_wait_env *env, struct tt_sym *sym,
	struct tt_unwinder *u, const struct tt_unwind_stack *stack)
{
	const char *names[FRAMES] = {0};
	size_t count = 0;
	for (size_t i = 0; i < stack->frames.len && count < FRAMES; i++)
		names[count++] = name_at(sym, stack->frames.data[i].pc, stack->frames.data[i].is_call);
	uint64_t called = count > 1 && !names[0] ? tt_unwind_called(u, &stack->frames.data[1]) : 0;
	if (called)
		names[0] = name_at(sym, called, false);
	call.frames = names;
	call.frame_count = count;
	tt_wait_decode(w, &call, env);
}

static void look(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env, pid_t tid)
{
	struct tt_snap *snap = NULL;
	struct tt_sym *sym = NULL;
	struct tt_unwinder *u = NULL;
	struct tt_unwind_stack stack = TT_STACK_INIT;
	struct tt_err err;
	const struct tt_snap_options options = {.mode = TT_SNAP_NEVER_STOP, .tids = &tid, .tid_count = 1};
	struct tt_snap_thread *thread;
	if (tt_snap_take(env->pid, &options, &snap, &err) == 0 && tt_sym_create(NULL, &sym, &err) == 0 &&
		tt_snap_add_modules(snap, sym, &err) == 0 && tt_unwinder_create(snap, sym, &u, &err) == 0 &&
		(thread = tt_snap_thread_by_tid(snap, tid)) && thread->in_syscall && thread->args[0] == call->args[0] &&
		tt_unwind(u, thread, FRAMES, &stack) == 0)
		decode(w, *call, env, sym, u, &stack);
	tt_stack_deinit(&stack);
	tt_unwinder_destroy(u);
	tt_sym_destroy(sym);
	tt_snap_destroy(snap);
}

static bool may_look(struct top_futexes *f, uint64_t round)
{
	if (f->round != round)
		f->in_round = 0;
	f->round = round;
	return f->looks < LOOKS && f->in_round < LOOKS_AT_ONE;
}

void top_futexes_name(struct top_futexes **futexes, uint64_t round, struct tt_wait *w, const struct tt_wait_call *call,
	const struct tt_wait_env *env, pid_t tid)
{
	struct top_futexes *f = *futexes ? *futexes : (*futexes = calloc(1, sizeof(*f)));
	if (!f)
		return;
	struct answer *a = tt_hmap_ptr(&f->known, w->word);
	if (a) {
		w->kind = a->kind;
		w->meaning = a->meaning;
		return;
	}
	if (!may_look(f, round) || !(a = malloc(sizeof(*a))))
		return;
	uint64_t word = w->word;
	f->looks++;
	f->in_round++;
	look(w, call, env, tid);
	*a = (struct answer){w->kind, w->meaning};
	if (tt_hmap_put_ptr(&f->known, word, a) < 0)
		free(a);
}
