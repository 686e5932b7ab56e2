/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_rule.h - the walker's cache: what the unwind tables say about one code address, packed into one word.
 *
 * A word holds key and rule, so that it cannot be torn: whoever loads it finds a rule that belongs to its key, or another key.
 * Written by any thread that missed (relaxed store, over an empty or a random word of the set); read by all (relaxed load): a
 * word means the same whenever it is seen, so nothing has to be ordered. Two threads that miss at once may both insert, which
 * does no harm. A forked child may find it all zero: empty. tt_stack_flush advances the epoch, which is part of the key, before
 * it clears the words: a rule that was looked up before the flush and is stored after it matches nobody. (The epoch has 3 bits.
 * A thread would have to sleep through 8 flushes between look-up and store, about an address that it is not executing, as it
 * would keep the object loaded.)
 *
 * word: kind 3 | cfa 13 | bp 4 | epoch 3 | tag 41, from bit 0. Set number and tag give back the address, which has 47 bits.
 */
#ifndef TT_PRELOAD_STACK_RULE_H
#define TT_PRELOAD_STACK_RULE_H

#include "lib/core/atomics.h"
#include "preload/stack_cfi.h"

enum tt_rule_kind {
	TT_KIND_NONE,   /* no such word */
	TT_KIND_SP,     /* CFA = sp + 8 cfa; return address at CFA - 8 */
	TT_KIND_BP,     /* CFA = bp + 8 cfa; likewise */
	TT_KIND_DRAP,   /* CFA = word at bp - 8 cfa; likewise; caller's bp at bp: a function that realigned its stack */
	TT_KIND_SIGNAL, /* signal trampoline: all in the ucontext at sp */
	TT_KIND_END,    /* outermost frame */
	TT_KIND_FP,     /* code without tables: follow the frame pointer */
};

/* bp, for SP and BP: 0: the caller's bp is what it is here; else it is saved at CFA - 8 (bp + 1) */
#define TT_RULE_CFA_BITS 13
#define TT_RULE_BP_BITS  4
#define TT_EPOCH_BITS    3
#define TT_RULE_BITS     (3 + TT_RULE_CFA_BITS + TT_RULE_BP_BITS)
#define TT_WAYS          4u
#define TT_SET_BITS_MIN  6u
_Static_assert(TT_RULE_BITS + TT_EPOCH_BITS + TT_CODE_BITS - TT_SET_BITS_MIN == 64, "one word");

TT_INLINE enum tt_rule_kind tt_rule_kind(uint64_t word)
{
	return (enum tt_rule_kind)(word & 7);
}
TT_INLINE uint64_t tt_rule_cfa(uint64_t word) /* bytes */
{
	return (word >> 3 & ((1u << TT_RULE_CFA_BITS) - 1u)) << 3;
}
TT_INLINE uint64_t tt_rule_bp(uint64_t word)
{
	return word >> (3 + TT_RULE_CFA_BITS) & ((1u << TT_RULE_BP_BITS) - 1u);
}

/* The cache as one walk sees it. */
struct tt_rule_view {
	uint64_t *words;  /* NULL: no cache */
	uint32_t bits;    /* log2 of the number of sets */
	uint64_t epoch;   /* as it is in keys */
	uint64_t flushes; /* all of it */
};
struct tt_rule_view tt_rule_view(void);

TT_INLINE uint64_t *tt_rule_set(const struct tt_rule_view *v, uintptr_t pc)
{
	return v->words + ((pc ^ pc >> v->bits) & ((UINT64_C(1) << v->bits) - 1)) * TT_WAYS;
}
TT_INLINE uint64_t tt_rule_key(const struct tt_rule_view *v, uintptr_t pc)
{
	return (pc >> v->bits) << TT_EPOCH_BITS | v->epoch;
}

/* The word of a code address; its kind is NONE when the cache does not know it. */
TT_INLINE uint64_t tt_rule_find(const struct tt_rule_view *v, uintptr_t pc)
{
	if (unlikely(!v->words))
		return 0;
	const uint64_t *set = tt_rule_set(v, pc);
	uint64_t key = tt_rule_key(v, pc);
	for (unsigned i = 0; i < TT_WAYS; i++) {
		uint64_t word = tt_load_relaxed(&set[i]);
		if (word >> TT_RULE_BITS == key)
			return word;
	}
	return 0;
}

/* Puts a rule (low bits of a word) in, unless it is TT_KIND_NONE. */
void tt_rule_insert(const struct tt_rule_view *v, uintptr_t pc, uint64_t rule);

/* Packs a row; TT_KIND_NONE: it does not fit, and must be looked up each time. */
uint64_t tt_rule_pack(const struct tt_cfi_fde *fde, const struct tt_cfi_row *row);

#endif
