/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_last.c - the same stack as the last time, found without walking.
 *
 * Where a walk leads depends on three things: the registers it begins with, the rules of the addresses it comes by, and the
 * words that it reads from the stack. Rules stay the same until the walker's cache is flushed. So if a walk begins where the
 * last one from the same call began, and all words that that one read are what they were, it would read them again, one after
 * the other, and end alike. Programs wait at the same places in the same way again and again; then this is half a dozen lines
 * of the stack to read, and nothing else.
 *
 * What was read is found by walking once more by the rules, when a walk came out as the one before. Only ordinary frames are
 * noted: a stack with any other (signals, code without tables) is walked each time.
 */
#include "preload/stack_last.h"

#define TRIES_MAX 8u /* notes in a row that did not help: what is read there changes all the time */

bool tt_stack_last_same(const struct tt_stack_last *last, const struct tt_rule_view *v, const struct tt_stack_start *start)
{
	if (!last->count || last->pc != start->pc || last->cfa != start->cfa || last->sp != start->regs[TT_COL_SP] ||
		last->high != start->high || last->flushes != v->flushes)
		return false;
	if (last->needs_bp && last->bp != start->regs[TT_COL_BP])
		return false;
	for (unsigned i = 0; i < last->count; i++)
		if (tt_stack_load(last->sp + 8 * (uintptr_t)last->at[i]) != last->value[i])
			return false;
	return true;
}

/* The word at an address above last->sp. */
static bool add_read(struct tt_stack_last *last, unsigned *count, uintptr_t at, uint64_t value)
{
	uintptr_t words = (at - last->sp) / 8;
	if (*count == TT_STACK_READS || words > UINT16_MAX)
		return false;
	last->at[*count] = (uint16_t)words;
	last->value[(*count)++] = value;
	return true;
}

/* The frame pointer's value is known to come from here. */
struct bp_from {
	uintptr_t at; /* 0: it is that of the start */
	bool noted;
};

/* All words that lead from the start to pcs[n - 1], and what ends the walk there. 0: they cannot be noted. */
static unsigned note_reads(struct tt_stack_last *last, const struct tt_rule_view *v, const struct tt_stack_start *start,
	const uint64_t *pcs, unsigned n, unsigned max)
{
	uintptr_t pc = start->regs[TT_COL_PC], sp = start->regs[TT_COL_SP], bp = start->regs[TT_COL_BP];
	struct bp_from from = {0};
	unsigned count = 0, met = 0; /* met: of pcs[] */
	for (bool exact = true;; exact = false) {
		if (met || (pc == start->pc && sp == start->cfa)) {
			if (met == n || pcs[met] != pc)
				return 0;
			if (++met == max)
				return count;
		}
		if (sp < start->regs[TT_COL_SP] || sp > start->high - 16 || sp & 7)
			return 0;
		uint64_t word = tt_rule_find(v, pc - !exact), slot = tt_rule_bp(word), next;
		enum tt_rule_kind kind = tt_rule_kind(word);
		if (kind == TT_KIND_END)
			return met == n ? count : 0;
		if (kind != TT_KIND_SP && kind != TT_KIND_BP)
			return 0;
		if (kind == TT_KIND_BP && !from.noted) {
			if (!from.at)
				last->needs_bp = true;
			else if (!add_read(last, &count, from.at, bp))
				return 0;
			from.noted = true;
		}
		uintptr_t cfa = (kind == TT_KIND_BP ? bp : sp) + tt_rule_cfa(word), saved = cfa - 8 * (slot + 1);
		if (saved < start->regs[TT_COL_SP] || !tt_stack_read(sp, start->high, cfa - 8, &next) ||
			!add_read(last, &count, cfa - 8, next))
			return 0;
		if (slot) {
			bp = tt_stack_load(saved);
			from = (struct bp_from){.at = saved};
		}
		if (!next)
			return met == n ? count : 0;
		pc = next;
		sp = cfa;
	}
}

void tt_stack_last_note(struct tt_stack_last *last, const struct tt_rule_view *v, const struct tt_stack_start *start,
	const uint64_t *pcs, unsigned n, unsigned max)
{
	last->count = last->noted = 0;
	if (!last->again || last->tries == TRIES_MAX)
		return;
	last->tries++;
	last->pc = start->pc;
	last->cfa = start->cfa;
	last->sp = start->regs[TT_COL_SP];
	last->bp = start->regs[TT_COL_BP];
	last->high = start->high;
	last->flushes = v->flushes;
	last->needs_bp = false;
	last->noted = (uint8_t)note_reads(last, v, start, pcs, n, max);
}
