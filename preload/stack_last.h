/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_last.h - whether a walk would end as the last one did (struct tt_stack_last). Inside stack.c's walk only: what it reads
 * begins in the frame of that.
 */
#ifndef TT_PRELOAD_STACK_LAST_H
#define TT_PRELOAD_STACK_LAST_H

#include "preload/stack.h"
#include "preload/stack_rule.h"

/* A walk in question: the registers it begins with, the hook's caller, the end of the stack. */
struct tt_stack_start {
	const uint64_t *regs; /* TT_COL_PC, TT_COL_SP, TT_COL_BP */
	uintptr_t pc, cfa, high;
};

bool tt_stack_last_same(const struct tt_stack_last *last, const struct tt_rule_view *v, const struct tt_stack_start *start);

/* The walk found pcs[0 .. n-1], of at most max: note what it read, if that is wanted. */
void tt_stack_last_note(struct tt_stack_last *last, const struct tt_rule_view *v, const struct tt_stack_start *start,
	const uint64_t *pcs, unsigned n, unsigned max);

#endif
