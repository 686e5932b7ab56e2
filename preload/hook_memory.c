/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_memory.c - free, realloc, munmap: a lock in memory that was given back is dead, and the next one at its address another
 * lock.
 *
 * std::mutex never calls init or destroy, so this is the only sign. The filter is a bitmap of 256-byte granules in which locks
 * lie (freed.c). A second one says it of each granule and the next: most frees ask it once and are done. The block's size is
 * what glibc keeps before it; with another allocator only the block's first two granules are asked, and the allocator itself
 * once one of them is known.
 */
#include "preload/acquire.h"
#include "preload/module.h"

/*
 * The two filters, once this process records and frees with glibc's allocator. In a forked child the pointers stay and the bits
 * read 0. NULL: nothing is asked (allocator == OTHER: see freed_elsewhere), and nothing read from before a block, which another
 * allocator may have put at the beginning of its memory.
 */
static const uint64_t *filter;
const uint64_t *tt_filter_near __attribute__((used, visibility("hidden"))); /* for real.c */
static enum { UNKNOWN, GLIBC, OTHER } allocator;

/* First free or realloc of a recording: whose allocator is it? Taken from where `free` lies. */
static TT_NOINLINE void allocator_ask(void)
{
	bool same = tt_object_is_libc((uint64_t)(uintptr_t)tt_real.free);
	if (same) {
		tt_store_relaxed(&filter, tt_g.p->filter);
		tt_store_relaxed(&tt_filter_near, tt_g.p->filter_near);
	}
	tt_store_relaxed(&allocator, same ? GLIBC : OTHER);
}

/* readable: not yet given back, so that it can be looked at. */
static TT_NOINLINE void memory_given_back(uint64_t start, uint64_t size, uint64_t pc, bool readable)
{
	struct tt_self *s = tt_enter_if_known();
	if (!s)
		return;
	tt_busy_begin(s);
	tt_memory_death(s, start, size, TTREC_SITE(pc, TTREC_OP_NONE), readable);
	tt_busy_end(s);
}

/*
 * glibc, malloc/malloc.c: the word before a block is its size with three flag bits; 8 bytes of it, 16 of a block mapped by
 * itself, are no use to the program.
 */
TT_INLINE uint64_t glibc_size(const void *p)
{
	uint64_t word = ((const uint64_t *)p)[-1];
	return (word & ~UINT64_C(7)) - (word & 2 ? 16 : 8);
}

/* Whether a lock may lie in granules first to last: 64 of them, 16 KiB, at a time. */
static TT_NOINLINE bool many_may_hold_lock(const uint64_t *bits, uint64_t first, uint64_t last)
{
	if (last - first >= TT_FILTER_BITS)
		return true;
	while (first / 64 != last / 64) {
		if (tt_load_relaxed(&bits[first % TT_FILTER_BITS / 64]) >> first % 64)
			return true;
		first = (first | 63) + 1;
	}
	return tt_load_relaxed(&bits[first % TT_FILTER_BITS / 64]) >> first % 64 << first % 64 << (63 - last % 64);
}

/* In [start, start + size). */
TT_INLINE bool may_hold_lock(const uint64_t *bits, uint64_t start, uint64_t size)
{
	uint64_t first = start >> 8, last = (start + size - 1) >> 8;
	if (last - first > 1)
		return many_may_hold_lock(bits, first, last);
	return tt_filter_has(bits, tt_filter_bit(start)) || tt_filter_has(bits, tt_filter_bit(start + size - 1));
}

/* Not glibc's allocator, or not known yet. */
static void freed_elsewhere(void *p, uint64_t pc)
{
	if (tt_load_relaxed(&allocator) == UNKNOWN)
		allocator_ask();
	uint64_t at = (uintptr_t)p;
	const uint64_t *bits = tt_g.p->filter;
	if (tt_load_relaxed(&allocator) == GLIBC) { /* the very first one, and those that raced with it */
		if (may_hold_lock(bits, (uintptr_t)p, glibc_size(p)))
			memory_given_back((uintptr_t)p, glibc_size(p), pc, true);
		return;
	}
	if (tt_load_relaxed(&allocator) == OTHER && tt_real.malloc_usable_size &&
		(tt_filter_has(bits, tt_filter_bit(at)) || tt_filter_has(bits, tt_filter_bit(at + 256))))
		memory_given_back((uintptr_t)p, REAL(malloc_usable_size)(p), pc, true);
}

/*
 * free is in real.c and ends in a jump, not in a call, either way: the pair of malloc and free is the most frequent thing that
 * programs do. A block of up to 257 bytes, whose size word is at most 257 + 8 + 6, lies in two granules at most, wherever it
 * begins: for it one bit of filter_near is asked. NULL returns at once. This is for all else. pc: of the caller.
 */
__attribute__((used, visibility("hidden"))) void tt_free_out(void *p, uint64_t pc);
void tt_free_out(void *p, uint64_t pc)
{
	const uint64_t *bits = tt_load_relaxed(&filter);
	if (bits) {
		if (may_hold_lock(bits, (uintptr_t)p, glibc_size(p)))
			memory_given_back((uintptr_t)p, glibc_size(p), pc, true);
	} else if (tt_load_relaxed(&tt_epoch)) {
		freed_elsewhere(p, pc);
	}
	REAL(free)(p);
}

TT_EXPORT void *realloc(void *p, size_t size)
{
	if (unlikely(tt_load_relaxed(&allocator) == UNKNOWN) && p && tt_load_relaxed(&tt_epoch))
		allocator_ask();
	const uint64_t *bits = tt_load_relaxed(&filter);
	uint64_t old = (uintptr_t)p, old_size = p && bits ? glibc_size(p) : 0;
	if (unlikely(!size) && old_size) { /* glibc's gives the block back, and is asked for none */
		if (may_hold_lock(bits, old, old_size))
			memory_given_back(old, old_size, (uintptr_t)__builtin_return_address(0), true);
		return REAL(realloc)(p, size);
	}
	/*
	 * Where the block goes is known afterwards, and then its old memory may belong to somebody else. A mutex must not be
	 * moved, so that any lock inside is over either way, unless the block stays.
	 */
	void *q = REAL(realloc)(p, size);
	if (old_size && q && (uintptr_t)q != old && may_hold_lock(bits, old, old_size))
		memory_given_back(old, old_size, (uintptr_t)__builtin_return_address(0), false);
	return q;
}

TT_EXPORT int munmap(void *p, size_t size)
{
	if (size && tt_load_relaxed(&tt_epoch))
		memory_given_back((uintptr_t)p, size, (uintptr_t)__builtin_return_address(0), false);
	return REAL(munmap)(p, size);
}
