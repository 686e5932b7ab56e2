/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind.c - walks up a thread's stack, each step by the best way that works there (unwind.h).
 */
#include "lib/sym/unwind_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SEARCH_BUDGET 20000u /* candidates and steps of the searches for one stack */

#define PREFETCH_FRAMES 256u

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
	unwind_cfi_flush(u);
	unwind_search_deinit(u);
	free(u);
}

void tt_stack_deinit(struct tt_unwind_stack *stack)
{
	tt_vec_deinit(&stack->frames);
}

/* ------------------------------------------------------------------ one stack */

static bool frame_add(struct tt_unwind_stack *stack, const struct unwind_state *state, enum tt_frame_trust trust)
{
	struct tt_unwind_frame frame = {
		.pc = state_pc(state), .sp = state_sp(state), .trust = trust, .is_call = state->is_call};
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

/*
 * A return address in front of which there is nothing, the beginning of a function: a library made it, for the first function
 * of a coroutine. Within a search that would be too easily found.
 */
static bool begins_here(struct tt_unwinder *u, const struct unwind_state *state)
{
	struct unwind_place place = unwind_place_at(u, state_pc(state), state_pc(state));
	bool begins = place.has_table && place.start == state_pc(state);
	return (begins && u->depth == 0) || unwind_is_made(u, state_pc(state), state_sp(state));
}

/* By tables. NO_TABLE: there is none for this code. */
static enum unwind_step step_by_table(struct tt_unwinder *u, struct unwind_state *state, struct tt_unwind_frame *frame)
{
	struct unwind_place place = unwind_place_at(u, state_lookup(state), state_pc(state));
	if (place.trampoline) {
		frame->signal = true;
		frame->is_call = false;
		return unwind_signal_step(u, state);
	}
	if (!place.has_table && state->is_call && begins_here(u, state)) {
		frame->is_call = false;
		return STEP_END;
	}
	if (!place.has_table && unwind_is_switch(u, state))
		return STEP_END;
	return place.has_table ? unwind_tables_step(u, state) : unwind_cfi_step(u, state);
}

/* Along the frame pointer; a leaf that has no frame of its own would be left out: the call tells whom it was for. */
static enum unwind_step step_by_pointer(struct tt_unwinder *u, struct unwind_state *state)
{
	struct unwind_state next = *state;
	enum unwind_step step = unwind_pointer_step(u, &next);
	if (step == STEP_OK && unwind_call_fits(u, state, state_pc(&next)) == FIT_NO)
		return STEP_NO_TABLE;
	if (step == STEP_OK)
		*state = next;
	return step;
}

/* Whether a step led somewhere: up the same stack, or to another one. */
static bool moved_on(struct tt_unwinder *u, const struct unwind_state *before, const struct unwind_state *after)
{
	uint64_t from = state_sp(before), to = state_sp(after);
	if (to > from || !after->is_call)
		return to != from || state_pc(before) != state_pc(after);
	const struct tt_snap_map *map = snap_maps_find(&u->snap->maps, from);
	return !map || to < map->start;
}

static bool fits(struct tt_unwinder *u, const struct unwind_state *callee, const struct unwind_state *caller)
{
	return !u->strict || !caller->is_call || unwind_call_fits(u, callee, state_pc(caller)) != FIT_NO;
}

/*
 * One frame further. OK: state is the caller's. END: the stack is complete, by itself or by a search, which added its frames.
 * Anything else: it goes no further.
 */
static enum unwind_step advance(struct tt_unwinder *u, struct unwind_state *state, enum tt_frame_trust *trust,
	size_t max_frames, struct tt_unwind_stack *stack)
{
	const struct unwind_state from = *state;
	enum unwind_step step = step_by_table(u, state, &stack->frames.data[stack->frames.len - 1]);
	if (step == STEP_OK || step == STEP_END)
		return step;
	if (step == STEP_REGISTER)
		return unwind_search(u, &from, true, max_frames, stack) ? STEP_END : step;
	if (step != STEP_NO_TABLE)
		return step;
	if (unwind_is_start(u, &from))
		return STEP_END;
	step = step_by_pointer(u, state);
	if (step == STEP_OK)
		*trust = *trust > TT_FRAME_POINTER ? *trust : TT_FRAME_POINTER;
	else if (unwind_search(u, &from, false, max_frames, stack))
		step = STEP_END;
	else if (reg_known(&from.regs, TT_REG_RBP) && from.regs.value[TT_REG_RBP] == 0 && stack->frames.len > 1)
		step = STEP_END; /* the ABI's mark of the outermost frame */
	return step;
}

int unwind_walk(struct tt_unwinder *u, const struct unwind_state *from, enum tt_frame_trust trust, size_t max_frames,
	struct tt_unwind_stack *stack)
{
	struct unwind_state state = *from, before;
	for (;;) {
		if (!frame_add(stack, &state, trust))
			return -ENOMEM;
		if (stack->frames.len >= max_frames || u->budget == 0) {
			stack->end = TT_STACK_LIMIT;
			return 0;
		}
		before = state;
		size_t count = stack->frames.len;
		enum unwind_step step = advance(u, &state, &trust, max_frames, stack);
		u->budget--;
		if (step == STEP_END && stack->frames.len > count) /* a search has done the rest */
			return 0;
		bool zero = step == STEP_OK && state_pc(&state) == 0 &&
		            state.is_call; /* a stack's mark of its end, or a guess gone wrong */
		if (step != STEP_OK || zero) {
			stack->end = zero && u->depth ? TT_STACK_MEMORY : end_of(step);
			return 0;
		}
		if (state.is_call && !unwind_is_code(u, state_pc(&state) - 1)) {
			stack->end = TT_STACK_MEMORY;
			return 0;
		}
		if (!moved_on(u, &before, &state) || !fits(u, &before, &state)) {
			stack->end = TT_STACK_LOOP;
			return 0;
		}
	}
}

static bool all_exact(const struct tt_unwind_stack *stack)
{
	const struct tt_unwind_frame *frame;
	vec_for_each (frame, &stack->frames) {
		if (frame->trust != TT_FRAME_EXACT)
			return false;
	}
	return stack->end == TT_STACK_COMPLETE;
}

int tt_unwind(struct tt_unwinder *u, struct tt_snap_thread *thread, size_t max_frames, struct tt_unwind_stack *stack)
{
	stack->frames.len = 0;
	stack->exact = false;
	stack->end = TT_STACK_NOTHING;
	if (thread->how == TT_SNAP_NOT)
		return 0;
	if (u->generation != u->snap->maps.generation) {
		u->generation = u->snap->maps.generation;
		unwind_tables_flush(u);
		unwind_cfi_flush(u);
	}
	u->thread = thread;
	thread->private->late_read = false;
	u->depth = 0;
	u->strict = false;
	unwind_search_reset(u);
	max_frames = max_frames ? max_frames : TT_UNWIND_FRAMES_MAX;
	u->budget = max_frames + SEARCH_BUDGET;
	const struct unwind_state top = {.regs = thread->regs};
	int rc = unwind_walk(u, &top, TT_FRAME_EXACT, max_frames, stack);
	if (thread->private->late_read && !u->standing && !tt_snap_unmoved(u->snap, thread)) {
		snap_memory_forget_late(thread);
		stack->end = TT_STACK_MOVED;
	}
	if (stack->end == TT_STACK_MEMORY && thread->stack_cut)
		stack->end = TT_STACK_CUT;
	stack->exact = all_exact(stack);
	return rc;
}

/* ------------------------------------------------------------------ while a thread stands */

void unwind_prepare(struct tt_snap *snap)
{
	if (!snap->unwinder && tt_sym_create(NULL, &snap->sym, NULL) == 0 && tt_snap_add_modules(snap, snap->sym, NULL) == 0)
		tt_unwinder_create(snap, snap->sym, &snap->unwinder, NULL);
}

void unwind_prefetch(struct tt_snap *snap, struct tt_snap_thread *thread)
{
	struct tt_unwind_stack stack = TT_STACK_INIT;
	const struct tt_snap_map *map = snap_maps_find(&snap->maps, thread->regs.value[TT_REG_RSP]);
	struct tt_unwinder *u = map && snap_memory_own_stack(thread, map) ? NULL : snap->unwinder;
	if (!u)
		return;
	u->standing = true;
	tt_unwind(u, thread, PREFETCH_FRAMES, &stack);
	tt_stack_deinit(&stack);
}

/* ------------------------------------------------------------------ with a stop, if need be */

bool tt_stack_wants_stop(const struct tt_unwind_stack *stack)
{
	return stack->end == TT_STACK_REGISTER || stack->end == TT_STACK_MOVED || stack->end == TT_STACK_NO_TABLE ||
	       stack->end == TT_STACK_MEMORY;
}

int tt_unwind_settle(struct tt_unwinder *u, struct tt_snap_thread *thread, size_t max_frames, struct tt_unwind_stack *stack)
{
	int rc = tt_unwind(u, thread, max_frames, stack);
	if (rc || thread->how != TT_SNAP_QUIET || !tt_stack_wants_stop(stack) || tt_snap_stop_shows(thread))
		return rc;
	if (u->snap->options.mode == TT_SNAP_CONSISTENT && !tt_snap_unmoved(u->snap, thread))
		return 0; /* it would show another moment than the rest */
	if (!tt_snap_retake(u->snap, thread, true))
		return 0;
	return tt_unwind(u, thread, max_frames, stack);
}

const char *tt_stack_end_text(enum tt_stack_end end)
{
	static const char *const texts[TT_STACK_END_MAX] = {
		[TT_STACK_COMPLETE] = "complete",
		[TT_STACK_LIMIT] = "this many frames are the limit",
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
