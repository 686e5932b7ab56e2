/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind_rules.c - what libunwind would do at a program counter, learned by asking it, so that it need not be asked again.
 *
 * Most code finds its caller's frame at a fixed distance from the stack pointer or from the frame pointer, and has saved
 * registers at fixed places below that. To learn it, libunwind makes the step on a stack that does not exist, with only the
 * stack pointer known, then with another stack pointer: when its answers move along with it, the distances are the rule. If
 * it needs the frame pointer, that is moved instead. Everything else (expressions that read memory, other registers, ends of
 * stacks) is no such rule, and is left to libunwind each time.
 * A rule costs a few words read from the copied stack; a step of libunwind's fifty times that, with two system calls.
 * Called by unwind_tables.c.
 */
#include "lib/sym/unwind_private.h"

#include <string.h>

#define PROBE_STACK                                                                                              \
	UINT64_C(0x600000000000) /* where the made-up stack lies: no Linux process has a mapping there by chance \
	                          */
#define PROBE_REACH ((uint64_t)1 << 30)
#define PROBE_MOVE  ((uint64_t)4096 + 16)

static const enum tt_reg saved[UNWIND_SAVED] = {TT_REG_RBX, TT_REG_RBP, TT_REG_R12, TT_REG_R13, TT_REG_R14, TT_REG_R15};

/* ------------------------------------------------------------------ learning */

bool unwind_probe_word(struct tt_unwinder *u, uint64_t address, uint64_t *ret)
{
	if (!u->probing || address < PROBE_STACK - PROBE_REACH || address >= PROBE_STACK + PROBE_REACH)
		return false;
	u->probe_reads++;
	*ret = SNAP_PAGE; /* any return address that is not 0 */
	return true;
}

/* What one step of libunwind gives. */
struct probe {
	uint64_t cfa;
	struct unwind_rule rule; /* but for kind and base */
};

/* Where a saved register lies. False: that is nowhere fixed. */
static bool probe_register(unw_cursor_t *cursor, enum tt_reg reg, uint64_t cfa, int32_t *ret)
{
	unw_save_loc_t place;
	if (unw_get_save_loc(cursor, (int)reg, &place))
		return false;
	*ret = UNWIND_SAME;
	if (place.type == UNW_SLT_MEMORY)
		*ret = (int32_t)(place.u.addr - cfa);
	return place.type == UNW_SLT_REG ? place.u.regnum == (unw_regnum_t)reg
	                                 : place.type == UNW_SLT_MEMORY && place.u.addr - (cfa - PROBE_REACH) < PROBE_REACH;
}

/* The step with these registers; the return address must be the only word that it reads. */
static bool probe_step(
	struct tt_unwinder *u, const struct unwind_state *state, uint64_t rsp, const uint64_t *rbp, struct probe *ret)
{
	unw_cursor_t cursor;
	unw_word_t cfa = 0;
	u->made = (struct unwind_state){.is_call = state->is_call};
	reg_set(&u->made.regs, TT_REG_RIP, state_pc(state));
	reg_set(&u->made.regs, TT_REG_RSP, rsp);
	if (rbp)
		reg_set(&u->made.regs, TT_REG_RBP, *rbp);
	u->state = &u->made;
	u->lookup = state_lookup(state);
	u->probing = true;
	u->probe_reads = 0;
	u->missing_register = u->missing_memory = false;
	bool good = unw_init_remote(&cursor, u->space, u) == 0 && unw_step(&cursor) > 0 && u->probe_reads == 1 &&
	            unw_get_reg(&cursor, UNW_X86_64_RSP, &cfa) == 0;
	ret->cfa = good ? cfa : 0;
	for (size_t i = 0; good && i < UNWIND_SAVED; i++)
		good = probe_register(&cursor, saved[i], cfa, &ret->rule.saved_at[i]);
	u->probing = false;
	return good;
}

static bool same_places(const struct probe *a, const struct probe *b)
{
	return memcmp(a->rule.saved_at, b->rule.saved_at, sizeof(a->rule.saved_at)) == 0;
}

static bool learn_by_stack(struct tt_unwinder *u, const struct unwind_state *state, struct probe *probe)
{
	struct probe again;
	return probe_step(u, state, PROBE_STACK, NULL, probe) && probe_step(u, state, PROBE_STACK + PROBE_MOVE, NULL, &again) &&
	       again.cfa == probe->cfa + PROBE_MOVE && same_places(probe, &again);
}

static bool learn_by_frame(struct tt_unwinder *u, const struct unwind_state *state, struct probe *probe)
{
	struct probe again;
	const uint64_t frame = PROBE_STACK + 2 * PROBE_MOVE, moved = frame + PROBE_MOVE;
	return probe_step(u, state, PROBE_STACK, &frame, probe) && probe_step(u, state, PROBE_STACK + 64, &moved, &again) &&
	       again.cfa == probe->cfa + PROBE_MOVE && same_places(probe, &again);
}

void unwind_rule_learn(struct tt_unwinder *u, const struct unwind_state *state, struct unwind_rule *rule)
{
	struct probe probe;
	rule->kind = RULE_NONE;
	if (learn_by_stack(u, state, &probe)) {
		*rule = probe.rule;
		rule->kind = RULE_STACK;
		rule->cfa_at = (int64_t)(probe.cfa - PROBE_STACK);
	} else if (learn_by_frame(u, state, &probe)) {
		*rule = probe.rule;
		rule->kind = RULE_FRAME;
		rule->cfa_at = (int64_t)(probe.cfa - (PROBE_STACK + 2 * PROBE_MOVE));
	}
}

/* ------------------------------------------------------------------ the step */

enum unwind_step unwind_rule_step(struct tt_unwinder *u, const struct unwind_rule *rule, struct unwind_state *state)
{
	enum tt_reg base = rule->kind == RULE_STACK ? TT_REG_RSP : TT_REG_RBP;
	struct tt_regs next = {0};
	uint64_t cfa = state->regs.value[base] + (uint64_t)rule->cfa_at, value;
	if (!reg_known(&state->regs, base))
		return STEP_REGISTER;
	if (!snap_memory_word(u->snap, u->thread, cfa - 8, &value))
		return STEP_MEMORY;
	reg_set(&next, TT_REG_RIP, value);
	reg_set(&next, TT_REG_RSP, cfa);
	for (size_t i = 0; i < UNWIND_SAVED; i++) {
		if (rule->saved_at[i] == UNWIND_SAME) {
			next.value[saved[i]] = state->regs.value[saved[i]];
			next.known |= state->regs.known & UINT32_C(1) << saved[i];
		} else if (snap_memory_word(u->snap, u->thread, cfa + (uint64_t)(int64_t)rule->saved_at[i], &value)) {
			reg_set(&next, saved[i], value);
		}
	}
	state->regs = next;
	state->is_call = true;
	return STEP_OK;
}
