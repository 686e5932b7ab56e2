/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind.c - walks up a thread's stack, each step by the best way that works there (unwind.h).
 */
#include "lib/sym/unwind_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ life */

int tt_unwinder_create(struct tt_snap *snap, struct tt_sym *sym, struct tt_unwinder **ret, struct tt_err *err)
{
	struct tt_unwinder *u = calloc(1, sizeof(*u));
	if (!u || unwind_tables_init(u)) {
		free(u);
		return tt_err_set(err, ENOMEM, "cannot unwind stacks: out of memory");
	}
	u->snap = snap;
	u->sym = sym;
	u->generation = snap->maps.generation;
	*ret = u;
	return 0;
}

void tt_unwinder_destroy(struct tt_unwinder *u)
{
	if (!u)
		return;
	unwind_tables_deinit(u);
	free(u);
}

void tt_stack_deinit(struct tt_stack *stack)
{
	tt_vec_deinit(&stack->frames);
}

/* ------------------------------------------------------------------ one stack */

static bool frame_add(struct tt_stack *stack, const struct unwind_state *state, enum tt_frame_trust trust)
{
	struct tt_frame frame = {.pc = state_pc(state), .sp = state_sp(state), .trust = trust, .is_call = state->is_call};
	return tt_vec_push(&stack->frames, frame) == 0;
}

static enum tt_stack_end end_of(enum unwind_step step)
{
	switch (step) {
	case STEP_REGISTER:
		return TT_STACK_REGISTER;
	case STEP_MEMORY:
		return TT_STACK_MEMORY;
	case STEP_NO_TABLE:
		return TT_STACK_NO_TABLE;
	default:
		return TT_STACK_COMPLETE;
	}
}

/* To the caller. trust becomes what the new frame deserves. */
static enum unwind_step step_up(
	struct tt_unwinder *u, struct unwind_state *state, struct tt_frame *frame, enum tt_frame_trust *trust)
{
	const struct unwind_place *place = unwind_place_at(u, state_lookup(state), state_pc(state));
	if (!place)
		return STEP_MEMORY;
	if (place->trampoline) {
		frame->signal = true;
		return unwind_signal_step(u, state);
	}
	enum unwind_step step = place->has_table ? unwind_tables_step(u, state) : STEP_NO_TABLE;
	if (step != STEP_NO_TABLE)
		return step;
	*trust = TT_FRAME_POINTER;
	return unwind_pointer_step(u, state);
}

static int walk(struct tt_unwinder *u, size_t max_frames, struct tt_stack *stack)
{
	struct unwind_state state = {.regs = u->thread->regs};
	enum tt_frame_trust trust = TT_FRAME_EXACT;
	for (;;) {
		if (!frame_add(stack, &state, trust))
			return -ENOMEM;
		if (stack->frames.len >= max_frames) {
			stack->end = TT_STACK_LIMIT;
			return 0;
		}
		uint64_t pc = state_pc(&state), sp = state_sp(&state);
		enum unwind_step step = step_up(u, &state, &stack->frames.data[stack->frames.len - 1], &trust);
		if (step != STEP_OK || state_pc(&state) == 0) {
			stack->end = end_of(step);
			return 0;
		}
		if (pc == state_pc(&state) && sp == state_sp(&state)) {
			stack->end = TT_STACK_LOOP;
			return 0;
		}
	}
}

static bool all_exact(const struct tt_stack *stack)
{
	const struct tt_frame *frame;
	vec_for_each (frame, &stack->frames) {
		if (frame->trust != TT_FRAME_EXACT)
			return false;
	}
	return stack->end == TT_STACK_COMPLETE;
}

int tt_unwind(struct tt_unwinder *u, struct tt_snap_thread *thread, size_t max_frames, struct tt_stack *stack)
{
	stack->frames.len = 0;
	stack->exact = false;
	stack->end = TT_STACK_NOTHING;
	if (thread->how == TT_SNAP_NOT)
		return 0;
	if (u->generation != u->snap->maps.generation) {
		u->generation = u->snap->maps.generation;
		unwind_tables_flush(u);
	}
	u->thread = thread;
	thread->private->late_read = false;
	int rc = walk(u, max_frames ? max_frames : TT_UNWIND_FRAMES_MAX, stack);
	if (thread->private->late_read && !tt_snap_unmoved(u->snap, thread) && stack->end != TT_STACK_LIMIT)
		stack->end = TT_STACK_MOVED;
	if (stack->end == TT_STACK_MEMORY && thread->stack_cut)
		stack->end = TT_STACK_CUT;
	stack->exact = all_exact(stack);
	return rc;
}

/* ------------------------------------------------------------------ with a stop, if need be */

bool tt_stack_wants_stop(const struct tt_stack *stack)
{
	return stack->end == TT_STACK_REGISTER || stack->end == TT_STACK_MOVED || stack->end == TT_STACK_NO_TABLE ||
	       stack->end == TT_STACK_MEMORY;
}

int tt_unwind_settle(struct tt_unwinder *u, struct tt_snap_thread *thread, size_t max_frames, struct tt_stack *stack)
{
	int rc = tt_unwind(u, thread, max_frames, stack);
	if (rc || thread->how != TT_SNAP_QUIET || !tt_stack_wants_stop(stack) || tt_snap_stop_shows(thread))
		return rc;
	if (!tt_snap_retake(u->snap, thread, true))
		return 0;
	return tt_unwind(u, thread, max_frames, stack);
}

const char *tt_stack_end_text(enum tt_stack_end end)
{
	static const char *const texts[TT_STACK_END_MAX] = {
		[TT_STACK_COMPLETE] = "complete",
		[TT_STACK_LIMIT] = "more frames than asked for",
		[TT_STACK_CUT] = "deeper than the copied part of the stack",
		[TT_STACK_REGISTER] = "a register is needed that only a stop would tell",
		[TT_STACK_NO_TABLE] = "code without unwind tables and without frame pointers",
		[TT_STACK_MEMORY] = "the stack leads to memory that is not there",
		[TT_STACK_LOOP] = "the stack leads back to itself",
		[TT_STACK_MOVED] = "the thread ran on while its stack was read",
		[TT_STACK_NOTHING] = "the thread could not be captured",
	};
	return end < TT_STACK_END_MAX ? texts[end] : "unknown";
}
