/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_cfi.c - runs the program of an unwind table entry (DWARF call frame instructions) up to one code address: the result is
 * a row, which tells how every register of the caller is found.
 *
 * Not here: finding the entry (stack_find.c), applying the row (stack_expr.c). Called by stack.c on cache misses.
 */
#include "preload/stack_cfi.h"

/* remember_state nests this deep; compilers use one level. Each costs 92 bytes of the application's stack. */
#define REMEMBER_MAX 2

struct run {
	const struct tt_cfi_fde *fde;
	struct tt_cur c;
	uintptr_t loc, pc;
	unsigned remembered;
	struct tt_cfi_row *row;   /* current */
	struct tt_cfi_row before; /* as the CIE leaves it: what restore goes back to */
	struct tt_cfi_row saved[REMEMBER_MAX];
};
_Static_assert(sizeof(struct tt_cfi_row) == 92 && sizeof(struct run) <= 400, "small enough for any stack");

/* Instructions: three with an operand in the low six bits, the others have those bits as their number. */
enum {
	CFA_ADVANCE_LOC = 0x40,
	CFA_OFFSET = 0x80,
	CFA_RESTORE = 0xc0,
	CFA_NOP = 0x00,
	CFA_SET_LOC = 0x01,
	CFA_ADVANCE_LOC1 = 0x02,
	CFA_ADVANCE_LOC2 = 0x03,
	CFA_ADVANCE_LOC4 = 0x04,
	CFA_OFFSET_EXTENDED = 0x05,
	CFA_RESTORE_EXTENDED = 0x06,
	CFA_UNDEFINED = 0x07,
	CFA_SAME_VALUE = 0x08,
	CFA_REGISTER = 0x09,
	CFA_REMEMBER_STATE = 0x0a,
	CFA_RESTORE_STATE = 0x0b,
	CFA_DEF_CFA = 0x0c,
	CFA_DEF_CFA_REGISTER = 0x0d,
	CFA_DEF_CFA_OFFSET = 0x0e,
	CFA_DEF_CFA_EXPRESSION = 0x0f,
	CFA_EXPRESSION = 0x10,
	CFA_OFFSET_EXTENDED_SF = 0x11,
	CFA_DEF_CFA_SF = 0x12,
	CFA_DEF_CFA_OFFSET_SF = 0x13,
	CFA_VAL_OFFSET = 0x14,
	CFA_VAL_OFFSET_SF = 0x15,
	CFA_VAL_EXPRESSION = 0x16,
	CFA_GNU_ARGS_SIZE = 0x2e,
};

/* Offsets beyond 2 GiB are not those of a frame. */
static int32_t narrow(struct run *r, int64_t v)
{
	if (v != (int32_t)v)
		r->c.bad = true;
	return (int32_t)v;
}

/* a * data alignment; both come from the table */
static int32_t factored(struct run *r, int64_t a)
{
	int64_t v;
	if (__builtin_mul_overflow(a, r->fde->data_align, &v))
		v = INT64_MAX;
	return narrow(r, v);
}

static int32_t plain(struct run *r, uint64_t a)
{
	return narrow(r, a > INT32_MAX ? INT64_MAX : (int64_t)a);
}

static void set(struct run *r, unsigned col, enum tt_cfi_rule rule, int32_t value)
{
	if (col == TT_COL_NONE)
		return;
	r->row->rule[col] = (uint8_t)rule;
	r->row->value[col] = value;
}

static void restore(struct run *r, unsigned col)
{
	if (col != TT_COL_NONE)
		set(r, col, r->before.rule[col], r->before.value[col]);
}

/* An expression is kept as the place of its length. */
static int32_t expression(struct run *r)
{
	int32_t at = narrow(r, r->c.p - r->fde->base);
	tt_cur_skip(&r->c, tt_cur_uleb(&r->c));
	return at;
}

static void def_cfa(struct run *r, unsigned col, int32_t offset)
{
	r->row->cfa_rule = TT_RULE_VAL_OFFSET;
	r->row->cfa_col = (uint8_t)col;
	r->row->cfa_value = offset;
}

/* The CFA so far must be a register and an offset: one of them changes. */
static void change_cfa(struct run *r, unsigned col, int32_t offset)
{
	if (r->row->cfa_rule != TT_RULE_VAL_OFFSET)
		r->c.bad = true;
	def_cfa(r, col, offset);
}

static void remember(struct run *r)
{
	if (r->remembered == REMEMBER_MAX) {
		r->c.bad = true;
		return;
	}
	r->saved[r->remembered++] = *r->row;
}

static void recall(struct run *r)
{
	if (r->remembered == 0) {
		r->c.bad = true;
		return;
	}
	*r->row = r->saved[--r->remembered];
}

static void advance(struct run *r, uint64_t delta)
{
	uint64_t bytes;
	if (__builtin_mul_overflow(delta, r->fde->code_align, &bytes) || __builtin_add_overflow(r->loc, bytes, &r->loc))
		r->loc = UINTPTR_MAX;
}

static unsigned column(struct run *r)
{
	return tt_arch_col(tt_cur_uleb(&r->c));
}

/* Instructions that say where the CFA is. False: op is none of them. */
static bool run_cfa(struct run *r, unsigned op)
{
	unsigned col;
	switch (op) {
	case CFA_DEF_CFA:
		col = column(r);
		def_cfa(r, col, plain(r, tt_cur_uleb(&r->c)));
		return true;
	case CFA_DEF_CFA_SF:
		col = column(r);
		def_cfa(r, col, factored(r, tt_cur_sleb(&r->c)));
		return true;
	case CFA_DEF_CFA_REGISTER:
		change_cfa(r, column(r), r->row->cfa_value);
		return true;
	case CFA_DEF_CFA_OFFSET:
		change_cfa(r, r->row->cfa_col, plain(r, tt_cur_uleb(&r->c)));
		return true;
	case CFA_DEF_CFA_OFFSET_SF:
		change_cfa(r, r->row->cfa_col, factored(r, tt_cur_sleb(&r->c)));
		return true;
	case CFA_DEF_CFA_EXPRESSION:
		r->row->cfa_rule = TT_RULE_VAL_EXPR;
		r->row->cfa_value = expression(r);
		return true;
	default:
		return false;
	}
}

/* Instructions that say where one register is; the rest is an error, as its length is unknown. */
static void run_register(struct run *r, unsigned op)
{
	unsigned col = column(r);
	switch (op) {
	case CFA_OFFSET_EXTENDED:
		set(r, col, TT_RULE_OFFSET, factored(r, (int64_t)tt_cur_uleb(&r->c)));
		break;
	case CFA_OFFSET_EXTENDED_SF:
		set(r, col, TT_RULE_OFFSET, factored(r, tt_cur_sleb(&r->c)));
		break;
	case CFA_VAL_OFFSET:
		set(r, col, TT_RULE_VAL_OFFSET, factored(r, (int64_t)tt_cur_uleb(&r->c)));
		break;
	case CFA_VAL_OFFSET_SF:
		set(r, col, TT_RULE_VAL_OFFSET, factored(r, tt_cur_sleb(&r->c)));
		break;
	case CFA_RESTORE_EXTENDED:
		restore(r, col);
		break;
	case CFA_UNDEFINED:
		set(r, col, TT_RULE_UNDEFINED, 0);
		break;
	case CFA_SAME_VALUE:
		set(r, col, TT_RULE_SAME, 0);
		break;
	case CFA_REGISTER:
		set(r, col, TT_RULE_REGISTER, (int32_t)column(r));
		break;
	case CFA_EXPRESSION:
		set(r, col, TT_RULE_EXPR, expression(r));
		break;
	case CFA_VAL_EXPRESSION:
		set(r, col, TT_RULE_VAL_EXPR, expression(r));
		break;
	default:
		r->c.bad = true;
	}
}

static void run_other(struct run *r, unsigned op)
{
	switch (op) {
	case CFA_NOP:
		break;
	case CFA_SET_LOC: /* no compiler for these processors emits it */
		r->c.bad = true;
		break;
	case CFA_ADVANCE_LOC1:
	case CFA_ADVANCE_LOC2:
	case CFA_ADVANCE_LOC4:
		advance(r, tt_cur_uint(&r->c, 1u << (op - CFA_ADVANCE_LOC1)));
		break;
	case CFA_REMEMBER_STATE:
		remember(r);
		break;
	case CFA_RESTORE_STATE:
		recall(r);
		break;
	case CFA_GNU_ARGS_SIZE:
		tt_cur_uleb(&r->c);
		break;
	default:
		if (!run_cfa(r, op))
			run_register(r, op);
	}
}

/* Runs r->c to its end, or up to the first instruction that is about code behind pc. */
static bool run(struct run *r)
{
	while (r->c.p < r->c.end && !r->c.bad) {
		unsigned op = (unsigned)tt_cur_uint(&r->c, 1);
		switch (op & 0xc0) {
		case CFA_ADVANCE_LOC:
			advance(r, op & 0x3f);
			break;
		case CFA_OFFSET:
			set(r, tt_arch_col(op & 0x3f), TT_RULE_OFFSET, factored(r, (int64_t)tt_cur_uleb(&r->c)));
			break;
		case CFA_RESTORE:
			restore(r, tt_arch_col(op & 0x3f));
			break;
		default:
			run_other(r, op);
		}
		if (r->loc > r->pc)
			break;
	}
	return !r->c.bad;
}

bool tt_cfi_row(const struct tt_cfi_fde *fde, uintptr_t pc, struct tt_cfi_row *row)
{
	struct run r;
	r.fde = fde;
	r.c = fde->init;
	r.loc = fde->start;
	r.pc = pc;
	r.remembered = 0;
	r.row = row;
	*row = (struct tt_cfi_row){.cfa_rule = TT_RULE_UNSET};
	if (!TT_ARCH_CFI || fde->ra_column != TT_COL_PC || !run(&r))
		return false;
	r.before = *row;
	r.c = fde->body;
	return run(&r) && row->cfa_rule != TT_RULE_UNSET;
}
