/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind_search.c - goes on where a register is unknown or no table exists: looks on the stack for the return address of the
 * function at hand.
 *
 * A word of the stack is a candidate when a call instruction lies in front of where it points to. Candidates are tried from
 * the innermost on, each by walking on from it; only a walk that reaches the thread's start counts. What tells the right one
 * from what earlier calls left behind: a direct call says whom it calls (unwind_calls.c). So there are three passes: first
 * the call must call the function at hand, and all further direct calls must fit too; then it may be one of which that is not
 * known; at last calls may disagree.
 * Before all that the candidate is tried that the function's first instructions point to (unwind_prologue.c).
 * Where the table says that the frame pointer is needed (code built without optimisation), candidates are values of that
 * register, and the table says the rest.
 * The candidates of a stack are collected once, and where a walk from one has failed it is not tried again, so that searches
 * within searches cost no more than one.
 * Called by unwind.c.
 */
#include "lib/sym/unwind_private.h"

#include <string.h>

#define REACH     ((uint64_t)64 << 10) /* of the stack is looked at */
#define DEPTH_MAX 64u                  /* searches within a search: one for each frame without a table */

/* ------------------------------------------------------------------ candidates */

void unwind_search_reset(struct tt_unwinder *u)
{
	u->words.list.len = 0;
	u->words.from = u->words.to = 0;
	tt_hmap_deinit(&u->failed);
}

void unwind_search_deinit(struct tt_unwinder *u)
{
	tt_vec_deinit(&u->words.list);
	tt_hmap_deinit(&u->failed);
}

/* Whether a word may be a return address at all. */
static bool is_candidate(struct tt_unwinder *u, uint64_t word, uint64_t at)
{
	if (word < SNAP_PAGE || word >> 47 || !unwind_is_code(u, word - 1))
		return false;
	return unwind_is_return_address(u, word) || unwind_is_made(u, word, at + 8);
}

/* Has the candidates in [from, to) listed. */
static void collect(struct tt_unwinder *u, uint64_t from, uint64_t to)
{
	struct unwind_words *words = &u->words;
	if (from < words->from || from > words->to) { /* another stack */
		words->list.len = 0;
		words->from = words->to = from;
	}
	for (; words->to < to; words->to += 8) {
		struct unwind_word word = {.at = words->to};
		if (!snap_memory_word(u->snap, u->thread, word.at, &word.value))
			return;
		if (is_candidate(u, word.value, word.at) && tt_vec_push(&words->list, word))
			return;
	}
}

/* Index of the first candidate at or above an address. */
static size_t first_candidate(const struct unwind_words *words, uint64_t at)
{
	size_t low = 0, high = words->list.len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (words->list.data[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ------------------------------------------------------------------ the search */

struct search {
	struct tt_unwinder *u;
	const struct unwind_state *from;
	struct tt_unwind_stack *stack;
	size_t mark;    /* frames before the search */
	uint64_t limit; /* end of what is searched */
	size_t max_frames;
	unsigned pass;
};

/* A walk depends on where it begins and on how strict it is; the frame pointer is the one register that it may know. */
static uint64_t walk_key(const struct search *s, const struct unwind_state *candidate)
{
	uint64_t rbp = reg_known(&candidate->regs, TT_REG_RBP) ? candidate->regs.value[TT_REG_RBP] : 1;
	uint64_t key = (state_sp(candidate) << 1 | (s->pass < 2)) * UINT64_C(0x9e3779b97f4a7c15);
	return (key ^ rbp) * UINT64_C(0xc2b2ae3d27d4eb4f) ^ state_pc(candidate);
}

/* Walks on from a candidate. True: it led to the thread's start. */
static bool try_from(struct search *s, const struct unwind_state *candidate)
{
	struct tt_unwinder *u = s->u;
	bool strict = u->strict, is_new = true;
	tt_hmap_insert(&u->failed, walk_key(s, candidate), &is_new);
	if (!is_new)
		return false;
	s->stack->frames.len = s->mark;
	u->strict = s->pass < 2;
	u->depth++;
	int rc = unwind_walk(u, candidate, TT_FRAME_SEARCHED, s->max_frames, s->stack);
	u->depth--;
	u->strict = strict;
	return rc == 0 &&
	       (s->stack->end == TT_STACK_COMPLETE || (s->stack->end == TT_STACK_LIMIT && s->stack->frames.len > s->mark + 8));
}

static bool fits_pass(struct search *s, uint64_t return_address, uint64_t sp)
{
	if (!unwind_is_return_address(s->u, return_address))
		return s->pass > 0 && unwind_is_made(s->u, return_address, sp);
	enum unwind_fit fit = unwind_call_fits(s->u, s->from, return_address);
	return s->pass == 2 || fit == (s->pass == 0 ? FIT_YES : FIT_UNKNOWN);
}

/* The table needs the frame pointer: may it have had the value `rbp`? */
static bool try_frame_pointer(struct search *s, uint64_t rbp)
{
	struct unwind_state next = *s->from;
	reg_set(&next.regs, TT_REG_RBP, rbp);
	struct unwind_place place = unwind_place_at(s->u, state_lookup(&next), state_pc(&next));
	enum unwind_step step = place.has_table ? unwind_tables_step(s->u, &next) : unwind_cfi_step(s->u, &next);
	if (step != STEP_OK || state_sp(&next) <= rbp || !fits_pass(s, state_pc(&next), state_sp(&next)))
		return false;
	return try_from(s, &next);
}

/* The word at `at` may be the return address. A saved frame pointer may lie below it. */
static bool try_return_address(struct search *s, uint64_t at, uint64_t word)
{
	struct unwind_state next = {.is_call = true};
	uint64_t below, chain;
	if (!fits_pass(s, word, at + 8))
		return false;
	reg_set(&next.regs, TT_REG_RIP, word);
	reg_set(&next.regs, TT_REG_RSP, at + 8);
	bool saved = at >= state_sp(s->from) + 8 && snap_memory_word(s->u->snap, s->u->thread, at - 8, &below) && below > at &&
	             below < s->limit && below % 8 == 0 && snap_memory_word(s->u->snap, s->u->thread, below + 8, &chain) &&
	             unwind_is_return_address(s->u, chain);
	if (saved)
		reg_set(&next.regs, TT_REG_RBP, below);
	else if (reg_known(&s->from->regs, TT_REG_RBP) && s->from->regs.value[TT_REG_RBP] > at)
		reg_set(&next.regs, TT_REG_RBP, s->from->regs.value[TT_REG_RBP]);
	return try_from(s, &next);
}

/* The one candidate that the function's own code names. */
static bool try_prologue(struct search *s, bool by_table)
{
	struct tt_unwinder *u = s->u;
	uint64_t at, word;
	if (!unwind_prologue(u, s->from, &at) || at >= s->limit || !snap_memory_word(u->snap, u->thread, at, &word) ||
		!unwind_is_return_address(u, word))
		return false;
	enum unwind_fit fit = unwind_call_fits(u, s->from, word);
	s->pass = fit == FIT_YES ? 0 : 1;
	if (fit == FIT_NO)
		return false;
	return by_table ? try_frame_pointer(s, at - 8) : try_return_address(s, at, word);
}

static bool search_pass(struct search *s, bool by_table)
{
	struct tt_unwinder *u = s->u;
	uint64_t first = state_sp(s->from) + (by_table ? 8 : 0);
	for (size_t i = first_candidate(&u->words, first); i < u->words.list.len && u->budget; i++, u->budget--) {
		struct unwind_word word = u->words.list.data[i];
		if (word.at >= s->limit)
			break;
		if (by_table ? try_frame_pointer(s, word.at - 8) : try_return_address(s, word.at, word.value))
			return true;
	}
	return false;
}

/* Has the part of another stack copied that is to be searched when its thread runs again: its own is there already. */
static void fetch(struct tt_unwinder *u, uint64_t from, uint64_t to)
{
	uint64_t word;
	for (uint64_t at = from & ~(uint64_t)(SNAP_PAGE - 1); at < to; at += SNAP_PAGE)
		(void)snap_memory_word(u->snap, u->thread, at < from ? from : at, &word);
}

bool unwind_search(
	struct tt_unwinder *u, const struct unwind_state *from, bool by_table, size_t max_frames, struct tt_unwind_stack *stack)
{
	struct search s = {.u = u, .from = from, .stack = stack, .mark = stack->frames.len, .max_frames = max_frames};
	enum tt_stack_end end = stack->end;
	const struct tt_snap_map *map = snap_maps_find(&u->snap->maps, state_sp(from));
	if (u->depth >= DEPTH_MAX || state_sp(from) % 8 || !map)
		return false;
	s.limit = map->end - state_sp(from) < REACH ? map->end : state_sp(from) + REACH;
	if (u->standing) { /* that takes milliseconds */
		fetch(u, state_sp(from), s.limit);
		return false;
	}
	if (try_prologue(&s, by_table))
		return true;
	for (s.pass = 0; s.pass < (u->strict ? 2 : 3); s.pass++) {
		collect(u, state_sp(from), s.limit);
		if (search_pass(&s, by_table))
			return true;
	}
	stack->frames.len = s.mark;
	stack->end = end;
	return false;
}
