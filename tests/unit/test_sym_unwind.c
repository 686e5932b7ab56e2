/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_sym_unwind.c - stacks of a live process's threads are complete, with the right functions. */
#include "lib/sym/unwind.h"
#include "tests/unit/snap_subject.h"
#include "tests/unit/tap.h"

#include <stdlib.h>

/* The names of a stack, innermost first: "pause subject_stay subject_thread start_thread clone3". */
static void names(struct tt_sym *sym, const struct tt_unwind_stack *stack, char *text, size_t size)
{
	size_t len = 0;
	const struct tt_unwind_frame *frame;
	text[0] = '\0';
	vec_for_each (frame, &stack->frames) {
		const struct tt_sym_frames *found = tt_sym_resolve(sym, frame->pc, frame->is_call ? TT_SYM_RETADDR : 0);
		const char *name = found->frames[found->count - 1].function;
		len += (size_t)snprintf(text + len, size - len, " %s", name ? name : "?");
		if (len >= size)
			return;
	}
}

static void test_kind(enum subject_kind kind, const char *word)
{
	struct subject subject = subject_start(kind, 4);
	struct tt_snap *snap = NULL;
	struct tt_sym *sym = NULL;
	struct tt_unwinder *u = NULL;
	struct tt_err err;
	struct tt_unwind_stack stack = TT_STACK_INIT;
	bool ready = tt_snap_take(subject.pid, NULL, &snap, &err) == 0 && tt_sym_create(NULL, &sym, &err) == 0 &&
	             tt_snap_add_modules(snap, sym, &err) == 0 && tt_unwinder_create(snap, sym, &u, &err) == 0;
	ok(ready, "a process with %s threads is read", word);
	for (size_t i = 0; ready && i < tt_snap_thread_count(snap); i++) {
		char text[1024];
		struct tt_snap_thread *thread = tt_snap_thread(snap, i);
		is_int(tt_unwind_settle(u, thread, 0, &stack), 0, "a thread is unwound");
		is_str(tt_stack_end_text(stack.end), "complete", "its stack is complete");
		names(sym, &stack, text, sizeof(text));
		if (thread->tid == subject.pid)
			has_str(text, " main ", "the main thread passes main");
		else
			has_str(text, " subject_thread", "the others their start routine");
		is_int(tt_unwind(u, thread, 2, &stack), 0, "again, with a limit");
		ok(stack.frames.len == 2 && stack.end == TT_STACK_LIMIT, "it ends at the limit, and says so");
	}
	tt_stack_deinit(&stack);
	tt_unwinder_destroy(u);
	tt_sym_destroy(sym);
	tt_snap_destroy(snap);
	subject_end(&subject);
}

int main(void)
{
	test_kind(SUBJECT_BLOCKED, "blocked");
	test_kind(SUBJECT_SPINNING, "spinning");
	return done();
}
