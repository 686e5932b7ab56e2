/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_expr.c - from one frame's registers to its caller's: applies a row of the unwind tables, which may hold DWARF
 * expressions (signal trampolines, PLT entries, functions that realign their stack).
 *
 * Expressions come from tables that may be wrong: the stack of values is checked, loops are bounded, and memory is read on the
 * walked stack only. Called by stack.c on cache misses.
 */
#include "preload/stack_cfi.h"

#define VALUES    8
#define STEPS_MAX 64

enum {
	OP_DEREF = 0x06,
	OP_CONST1U = 0x08,
	OP_CONST8S = 0x0f,
	OP_CONSTU = 0x10,
	OP_CONSTS = 0x11,
	OP_DUP = 0x12,
	OP_DROP = 0x13,
	OP_OVER = 0x14,
	OP_SWAP = 0x16,
	OP_AND = 0x1a,
	OP_MINUS = 0x1c,
	OP_MUL = 0x1e,
	OP_NEG = 0x1f,
	OP_NOT = 0x20,
	OP_OR = 0x21,
	OP_PLUS = 0x22,
	OP_PLUS_UCONST = 0x23,
	OP_SHL = 0x24,
	OP_SHR = 0x25,
	OP_XOR = 0x27,
	OP_BRA = 0x28,
	OP_EQ = 0x29,
	OP_GE = 0x2a,
	OP_GT = 0x2b,
	OP_LE = 0x2c,
	OP_LT = 0x2d,
	OP_NE = 0x2e,
	OP_SKIP = 0x2f,
	OP_LIT0 = 0x30,
	OP_LIT31 = 0x4f,
	OP_BREG0 = 0x70,
	OP_BREG31 = 0x8f,
	OP_NOP = 0x96,
};

struct eval {
	struct tt_cur c;
	const uint8_t *start;
	const struct tt_stack_regs *regs;
	uintptr_t low, high;
	unsigned depth;
	uint64_t v[VALUES];
};

static void push(struct eval *e, uint64_t v)
{
	if (e->depth == VALUES) {
		e->c.bad = true;
		return;
	}
	e->v[e->depth++] = v;
}

static uint64_t pop(struct eval *e)
{
	if (e->depth == 0) {
		e->c.bad = true;
		return 0;
	}
	return e->v[--e->depth];
}

/* const1u, 1s, 2u, 2s, 4u, 4s, 8u, 8s */
static uint64_t constant(struct eval *e, unsigned op)
{
	unsigned bytes = 1u << (op - OP_CONST1U) / 2, unused = 64 - 8 * bytes;
	uint64_t v = tt_cur_uint(&e->c, bytes) << unused;
	return op & 1 ? (uint64_t)((int64_t)v >> unused) : v >> unused;
}

static uint64_t binary(struct eval *e, unsigned op)
{
	uint64_t b = pop(e), a = pop(e);
	switch (op) {
	case OP_AND:
		return a & b;
	case OP_MINUS:
		return a - b;
	case OP_MUL:
		return a * b;
	case OP_OR:
		return a | b;
	case OP_PLUS:
		return a + b;
	case OP_SHL:
		return b < 64 ? a << b : 0;
	case OP_SHR:
		return b < 64 ? a >> b : 0;
	case OP_XOR:
		return a ^ b;
	case OP_EQ:
		return a == b;
	case OP_GE:
		return (int64_t)a >= (int64_t)b;
	case OP_GT:
		return (int64_t)a > (int64_t)b;
	case OP_LE:
		return (int64_t)a <= (int64_t)b;
	case OP_LT:
		return (int64_t)a < (int64_t)b;
	case OP_NE:
		return a != b;
	default:
		e->c.bad = true;
		return 0;
	}
}

static void jump(struct eval *e, bool taken)
{
	int16_t by = (int16_t)tt_cur_uint(&e->c, 2);
	if (!taken || e->c.bad)
		return;
	if (by < e->start - e->c.p || by > e->c.end - e->c.p)
		e->c.bad = true;
	else
		e->c.p += by;
}

static void deref(struct eval *e)
{
	uint64_t v = 0;
	if (!tt_stack_read(e->low, e->high, pop(e), &v))
		e->c.bad = true;
	push(e, v);
}

static void base_register(struct eval *e, unsigned dwarf)
{
	unsigned col = tt_arch_col(dwarf);
	int64_t offset = tt_cur_sleb(&e->c);
	if (col == TT_COL_NONE || !(e->regs->known & TT_KNOWN(col)))
		e->c.bad = true;
	else
		push(e, e->regs->v[col] + (uint64_t)offset);
}

/* Operations that move values around. */
static void shuffle(struct eval *e, unsigned op)
{
	uint64_t a = pop(e), b;
	switch (op) {
	case OP_DUP:
		push(e, a);
		push(e, a);
		break;
	case OP_DROP:
		break;
	case OP_OVER:
		b = pop(e);
		push(e, b);
		push(e, a);
		push(e, b);
		break;
	case OP_SWAP:
		b = pop(e);
		push(e, a);
		push(e, b);
		break;
	}
}

static void operation(struct eval *e, unsigned op)
{
	switch (op) {
	case OP_LIT0 ... OP_LIT31:
		push(e, op - OP_LIT0);
		break;
	case OP_BREG0 ... OP_BREG31:
		base_register(e, op - OP_BREG0);
		break;
	case OP_CONST1U ... OP_CONST8S:
		push(e, constant(e, op));
		break;
	case OP_CONSTU:
		push(e, tt_cur_uleb(&e->c));
		break;
	case OP_CONSTS:
		push(e, (uint64_t)tt_cur_sleb(&e->c));
		break;
	case OP_DEREF:
		deref(e);
		break;
	case OP_DUP ... OP_OVER:
	case OP_SWAP:
		shuffle(e, op);
		break;
	case OP_PLUS_UCONST:
		push(e, pop(e) + tt_cur_uleb(&e->c));
		break;
	case OP_NEG:
		push(e, -pop(e));
		break;
	case OP_NOT:
		push(e, ~pop(e));
		break;
	case OP_BRA:
		jump(e, pop(e) != 0);
		break;
	case OP_SKIP:
		jump(e, true);
		break;
	case OP_NOP:
		break;
	default:
		push(e, binary(e, op));
	}
}

struct tt_cur tt_cfi_expr(const struct tt_cfi_fde *fde, int32_t at)
{
	const uint8_t *end = fde->body.end > fde->init.end ? fde->body.end : fde->init.end;
	struct tt_cur c = {fde->base + at, end, false};
	uint64_t length = tt_cur_uleb(&c);
	struct tt_cur ops = c;
	tt_cur_skip(&c, length);
	ops.end = c.p;
	ops.bad = c.bad;
	return ops;
}

/* Evaluates an expression; initial: the value that it finds on its stack, if any. */
static bool evaluate(struct eval *e, const struct tt_cfi_fde *fde, int32_t at, const uint64_t *initial, uint64_t *value)
{
	e->c = tt_cfi_expr(fde, at);
	e->start = e->c.p;
	e->depth = 0;
	if (initial)
		push(e, *initial);
	for (unsigned i = 0; e->c.p < e->c.end && !e->c.bad; i++) {
		if (i == STEPS_MAX)
			return false;
		operation(e, (unsigned)tt_cur_uint(&e->c, 1));
	}
	*value = pop(e);
	return !e->c.bad;
}

static bool find_cfa(struct eval *e, const struct tt_cfi_fde *fde, const struct tt_cfi_row *row, uint64_t *cfa)
{
	if (row->cfa_rule == TT_RULE_VAL_EXPR)
		return evaluate(e, fde, row->cfa_value, NULL, cfa);
	if (row->cfa_col == TT_COL_NONE || !(e->regs->known & TT_KNOWN(row->cfa_col)))
		return false;
	*cfa = e->regs->v[row->cfa_col] + (uint64_t)(int64_t)row->cfa_value;
	return true;
}

/* The caller's value of one register. */
static bool find_register(
	struct eval *e, const struct tt_cfi_fde *fde, const struct tt_cfi_row *row, unsigned col, uint64_t cfa, uint64_t *value)
{
	int32_t arg = row->value[col];
	uint64_t at;
	switch (row->rule[col]) {
	case TT_RULE_OFFSET:
		return tt_stack_read(e->low, e->high, cfa + (uint64_t)(int64_t)arg, value);
	case TT_RULE_VAL_OFFSET:
		*value = cfa + (uint64_t)(int64_t)arg;
		return true;
	case TT_RULE_REGISTER:
		if (arg >= TT_COL_MAX || !(e->regs->known & TT_KNOWN(arg)))
			return false;
		*value = e->regs->v[arg];
		return true;
	case TT_RULE_EXPR:
		return evaluate(e, fde, arg, &cfa, &at) && tt_stack_read(e->low, e->high, at, value);
	case TT_RULE_VAL_EXPR:
		return evaluate(e, fde, arg, &cfa, value);
	default:
		if (col == TT_COL_SP) {
			*value = cfa;
			return true;
		}
		*value = e->regs->v[col]; /* unless the function could do with it as it liked */
		return col < TT_COL_SAVED && e->regs->known & TT_KNOWN(col);
	}
}

enum tt_cfi_step tt_cfi_apply(
	const struct tt_cfi_fde *fde, const struct tt_cfi_row *row, uintptr_t low, uintptr_t high, struct tt_stack_regs *regs)
{
	struct eval e = {.regs = regs, .low = low, .high = high};
	struct tt_stack_regs caller = {.known = 0};
	uint64_t cfa;
	if (row->rule[TT_COL_PC] == TT_RULE_UNDEFINED)
		return TT_STEP_END;
	if (row->rule[TT_COL_PC] == TT_RULE_UNSET || row->rule[TT_COL_PC] == TT_RULE_SAME || !find_cfa(&e, fde, row, &cfa))
		return TT_STEP_LOST;
	for (unsigned col = 0; col < TT_COL_MAX; col++) {
		if (find_register(&e, fde, row, col, cfa, &caller.v[col]))
			caller.known |= TT_KNOWN(col);
		else
			caller.v[col] = 0;
	}
	if (!(caller.known & TT_KNOWN(TT_COL_PC)) || !(caller.known & TT_KNOWN(TT_COL_SP)))
		return TT_STEP_LOST;
	*regs = caller;
	return TT_STEP_OK;
}
