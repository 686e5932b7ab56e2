/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_rule.c - the walker's cache: its memory, and which rows of unwind tables can be packed into a word.
 *
 * Nearly all can: compilers find the CFA from the stack or the frame pointer, and save the frame pointer next to the return
 * address. stack_rule.h says who writes what. Called by stack.c.
 */
#include "preload/stack.h"
#include "preload/stack_rule.h"

/* words is stored last and never changed back, but in tests; epoch counts flushes. */
static struct {
	uint64_t *words;
	uint32_t bits;
	uint64_t epoch;
} cache;

void tt_stack_init(void *memory, size_t bytes)
{
	uint32_t bits = 0;
	tt_cfi_init();
	tt_store_release(&cache.words, NULL);
	if (!memory || bytes < TT_STACK_CACHE_MIN)
		return;
	while (bytes >> (bits + 1) >= TT_WAYS * sizeof(uint64_t))
		bits++;
	cache.bits = bits;
	tt_store_release(&cache.words, memory);
}
_Static_assert(TT_STACK_CACHE_MIN == (TT_WAYS * sizeof(uint64_t)) << TT_SET_BITS_MIN, "smallest cache");

void tt_stack_flush(void)
{
	uint64_t *words = tt_load_acquire(&cache.words);
	__atomic_fetch_add(&cache.epoch, 1, __ATOMIC_SEQ_CST); /* before any word is cleared */
	if (!words)
		return;
	for (size_t i = 0; i < (size_t)TT_WAYS << cache.bits; i++) {
		if (tt_load_relaxed(&words[i])) /* memory that was never used stays unused */
			tt_store_relaxed(&words[i], 0);
	}
}

struct tt_rule_view tt_rule_view(void)
{
	struct tt_rule_view v = {.words = tt_load_acquire(&cache.words)};
	if (v.words)
		v.bits = cache.bits;
	v.flushes = tt_load_relaxed(&cache.epoch);
	v.epoch = v.flushes & ((1u << TT_EPOCH_BITS) - 1u);
	return v;
}

/* The word to overwrite in a full set: any, but not the same each time, or two addresses could drive each other out for ever.
 */
static unsigned victim(const uint64_t *words, uint64_t word)
{
	for (unsigned i = 0; i < TT_WAYS; i++)
		word += words[i];
	return (unsigned)(word * UINT64_C(0x9e3779b97f4a7c15) >> 62);
}
_Static_assert(TT_WAYS == 4, "victim() yields two bits");

void tt_rule_insert(const struct tt_rule_view *v, uintptr_t pc, uint64_t rule)
{
	if (!v->words || tt_rule_kind(rule) == TT_KIND_NONE || pc >> TT_CODE_BITS)
		return;
	uint64_t *set = tt_rule_set(v, pc), seen[TT_WAYS];
	uint64_t word = tt_rule_key(v, pc) << TT_RULE_BITS | rule;
	unsigned way = TT_WAYS;
	for (unsigned i = 0; i < TT_WAYS; i++) {
		seen[i] = tt_load_relaxed(&set[i]);
		if (!seen[i] && way == TT_WAYS)
			way = i;
	}
	tt_store_relaxed(&set[way < TT_WAYS ? way : victim(seen, word)], word);
}

/* ------------------------------------------------------------------ packing */

#define OP_DEREF   0x06
#define OP_BREG_BP 0x76
#define OP_BREG_SP 0x77

/* Is the expression `register + offset`, followed by `deref` if wanted? */
static bool expr_is_offset(const struct tt_cfi_fde *fde, int32_t at, uint8_t op, bool deref, int64_t *offset)
{
	struct tt_cur c = tt_cfi_expr(fde, at);
	if (tt_cur_uint(&c, 1) != op)
		return false;
	*offset = tt_cur_sleb(&c);
	if (deref && tt_cur_uint(&c, 1) != OP_DEREF)
		return false;
	return !c.bad && c.p == c.end;
}

static bool rule_is_expr(const struct tt_cfi_fde *fde, const struct tt_cfi_row *row, unsigned col, uint8_t op, int64_t offset)
{
	int64_t found;
	return row->rule[col] == TT_RULE_EXPR && expr_is_offset(fde, row->value[col], op, false, &found) && found == offset;
}

static uint64_t pack(enum tt_rule_kind kind, int64_t cfa, uint64_t bp)
{
	if (cfa < 0 || cfa & 7 || cfa >> 3 >= 1 << TT_RULE_CFA_BITS)
		return TT_KIND_NONE;
	return kind | (uint64_t)cfa | bp << (3 + TT_RULE_CFA_BITS);
}

static uint64_t pack_expr(const struct tt_cfi_fde *fde, const struct tt_cfi_row *row)
{
	int64_t offset;
	if (fde->signal && expr_is_offset(fde, row->cfa_value, OP_BREG_SP, true, &offset) && offset == TT_SIGNAL_SP &&
		rule_is_expr(fde, row, TT_COL_SP, OP_BREG_SP, TT_SIGNAL_SP) &&
		rule_is_expr(fde, row, TT_COL_PC, OP_BREG_SP, TT_SIGNAL_PC) &&
		rule_is_expr(fde, row, TT_COL_BP, OP_BREG_SP, TT_SIGNAL_BP))
		return TT_KIND_SIGNAL;
	if (fde->signal || !expr_is_offset(fde, row->cfa_value, OP_BREG_BP, true, &offset))
		return TT_KIND_NONE;
	if (row->rule[TT_COL_PC] != TT_RULE_OFFSET || row->value[TT_COL_PC] != -8 || row->rule[TT_COL_SP] != TT_RULE_UNSET)
		return TT_KIND_NONE;
	return rule_is_expr(fde, row, TT_COL_BP, OP_BREG_BP, 0) ? pack(TT_KIND_DRAP, -offset, 0) : TT_KIND_NONE;
}

uint64_t tt_rule_pack(const struct tt_cfi_fde *fde, const struct tt_cfi_row *row)
{
	uint64_t bp = 0;
	if (row->rule[TT_COL_PC] == TT_RULE_UNDEFINED)
		return TT_KIND_END;
	if (row->cfa_rule == TT_RULE_VAL_EXPR)
		return pack_expr(fde, row);
	if (fde->signal || row->rule[TT_COL_PC] != TT_RULE_OFFSET || row->value[TT_COL_PC] != -8 ||
		row->rule[TT_COL_SP] != TT_RULE_UNSET || row->cfa_value <= 0)
		return TT_KIND_NONE;
	if (row->rule[TT_COL_BP] == TT_RULE_OFFSET) {
		bp = (uint64_t)-row->value[TT_COL_BP] / 8 - 1;
		if (row->value[TT_COL_BP] > -16 || row->value[TT_COL_BP] & 7 || bp >> TT_RULE_BP_BITS)
			return TT_KIND_NONE;
	} else if (row->rule[TT_COL_BP] > TT_RULE_UNDEFINED) {
		return TT_KIND_NONE;
	}
	if (row->cfa_col == TT_COL_SP)
		return pack(TT_KIND_SP, row->cfa_value, bp);
	return row->cfa_col == TT_COL_BP ? pack(TT_KIND_BP, row->cfa_value, bp) : TT_KIND_NONE;
}
