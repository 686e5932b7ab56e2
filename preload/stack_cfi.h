/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_cfi.h - reading unwind tables (.eh_frame): between the walker (stack.c) and what it asks when its cache does not
 * know a code address. Slow (a microsecond), exact, and suspicious: the tables may be wrong or hostile, so that every read is
 * bounded by the segment that holds them, and every read of the stack by the walk's bounds.
 *
 * stack_find.c finds the tables and the entry (FDE) of an address, stack_cfi.c runs its program up to the address, stack_expr.c
 * evaluates DWARF expressions and applies the row to a frame's registers.
 */
#ifndef TT_PRELOAD_STACK_CFI_H
#define TT_PRELOAD_STACK_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/attrs.h"
#include "preload/stack_arch.h"

/* ------------------------------------------------------------------ bounded reading of tables */

/* Reads forward, never beyond end: then `bad` is set and zeros come out. */
struct tt_cur {
	const uint8_t *p, *end;
	bool bad;
};
uint64_t tt_cur_uint(struct tt_cur *c, unsigned bytes); /* little-endian, unaligned; bytes <= 8 */
uint64_t tt_cur_uleb(struct tt_cur *c);
int64_t tt_cur_sleb(struct tt_cur *c);
void tt_cur_skip(struct tt_cur *c, uint64_t bytes);

/* ------------------------------------------------------------------ stack_find.c */

enum tt_cfi_where {
	TT_CFI_FOUND,   /* *fde is filled in */
	TT_CFI_CODE,    /* code of a loaded object, without a table entry that can be used */
	TT_CFI_DATA,    /* in a loaded object, but not executable */
	TT_CFI_NOWHERE, /* not in any loaded object: code made at run time, or not code at all */
};

struct tt_cfi_fde {
	uintptr_t start, end;     /* code that it describes */
	struct tt_cur init, body; /* programs of the CIE and of the FDE */
	const uint8_t *base;      /* lowest address of the segment that holds both */
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding;
	uint8_t ra_column; /* enum tt_col, or TT_COL_NONE */
	bool augmented;    /* the FDE has augmentation data, to be skipped */
	bool signal;       /* frame of a signal trampoline: what it interrupted was not calling */
};

/* Once, before walks: asks what cannot be asked later. */
void tt_cfi_init(void);

/* Everything about the code address pc (of the instruction, not the one behind a call). */
enum tt_cfi_where tt_cfi_find(uintptr_t pc, struct tt_cfi_fde *fde);

/* ------------------------------------------------------------------ stack_cfi.c */

/* How a register of the caller is found. */
enum tt_cfi_rule {
	TT_RULE_UNSET, /* as it is; for SP: the CFA */
	TT_RULE_SAME,
	TT_RULE_UNDEFINED,
	TT_RULE_OFFSET,     /* saved at CFA + value */
	TT_RULE_VAL_OFFSET, /* is CFA + value */
	TT_RULE_REGISTER,   /* in register value (enum tt_col or TT_COL_NONE) */
	TT_RULE_EXPR,       /* saved at the address that the expression gives */
	TT_RULE_VAL_EXPR,   /* is what the expression gives */
};

/* What the tables say at one code address. Expressions: offset of their length from tt_cfi_fde.base. */
struct tt_cfi_row {
	int32_t value[TT_COL_MAX];
	int32_t cfa_value; /* offset, or expression */
	uint8_t rule[TT_COL_MAX];
	uint8_t cfa_col;  /* enum tt_col, or TT_COL_NONE */
	uint8_t cfa_rule; /* TT_RULE_VAL_OFFSET: cfa_col + cfa_value; TT_RULE_VAL_EXPR; TT_RULE_UNSET: none */
};

/* Runs the program of *fde up to pc. False: the program is wrong, or needs more than the walker has. */
bool tt_cfi_row(const struct tt_cfi_fde *fde, uintptr_t pc, struct tt_cfi_row *row);

/* ------------------------------------------------------------------ stack_expr.c */

enum tt_cfi_step {
	TT_STEP_OK,   /* *regs are the caller's */
	TT_STEP_END,  /* there is no caller */
	TT_STEP_LOST, /* a value was needed that is not known, or not on the stack */
};

/* The operations of the expression at offset `at` of the table; bad when it is cut off. */
struct tt_cur tt_cfi_expr(const struct tt_cfi_fde *fde, int32_t at);

/*
 * Replaces *regs by the registers of the caller. The stack is readable in [low, high); low may be below the frame's stack
 * pointer, for registers that were just restored from there, or are kept in the red zone.
 */
enum tt_cfi_step tt_cfi_apply(
	const struct tt_cfi_fde *fde, const struct tt_cfi_row *row, uintptr_t low, uintptr_t high, struct tt_stack_regs *regs);

/* A word of the stack. It may lie in a red zone of a sanitizer: the unit tests run under one. */
__attribute__((no_sanitize("address"))) static inline uint64_t tt_stack_load(uintptr_t at)
{
	return *(const uint64_t *)at; // NOLINT(clang-analyzer-core.NullDereference): within the bounds of a stack
}

/* Reads a word of the stack [low, high), high >= 8. */
TT_INLINE bool tt_stack_read(uintptr_t low, uintptr_t high, uintptr_t at, uint64_t *value)
{
	if (at < low || at > high - 8 || at & 7)
		return false;
	*value = tt_stack_load(at);
	return true;
}

#endif
