/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_memory.c - free, realloc, munmap: a lock in memory that was given back is dead, and the next one at its address another
 * lock.
 *
 * std::mutex never calls init or destroy, so this is the only sign. The filter is a bitmap of 256-byte granules in which locks
 * were seen; most frees ask it about one or two granules and are done. The block's size is what glibc keeps before it; with
 * another allocator only the block's first two granules are asked, and the allocator itself once one of them is known.
 */
#include "preload/acquire.h"
#include "preload/module.h"

static int allocator; /* 0 not asked yet, 1 glibc's, 2 another */

static int allocator_ask(void)
{
	struct tt_object a, b;
	bool same = tt_object_find((uint64_t)(uintptr_t)tt_real.free, &a) &&
	            tt_object_find((uint64_t)(uintptr_t)tt_real.pthread_mutex_lock, &b) && a.start == b.start;
	int kind = same ? 1 : 2;
	tt_store_relaxed(&allocator, kind);
	return kind;
}

TT_INLINE bool granule_has_lock(uint64_t granule)
{
	uint64_t bit = granule & (TT_FILTER_BITS - 1);
	return tt_load_relaxed(&tt_g.p->filter[bit / 64]) >> bit % 64 & 1;
}

/* glibc, malloc/malloc.c: the word before a block is its size with three flag bits; a block mapped by itself has one word more
 * before it. */
TT_INLINE size_t glibc_size(const void *p)
{
	size_t word = ((const size_t *)p)[-1];
	return (word & ~(size_t)7) - (word & 2 ? 16 : 8);
}

static TT_NOINLINE void memory_given_back(uint64_t start, uint64_t size, uint64_t pc)
{
	struct tt_self *s = tt_enter();
	if (!s)
		return;
	tt_busy_begin(s);
	tt_memory_death(s, start, size, TTREC_SITE(pc, TTREC_OP_NONE));
	tt_busy_end(s);
}

static TT_NOINLINE void freed_elsewhere(void *p, uint64_t pc)
{
	uint64_t g = (uintptr_t)p >> 8;
	if (tt_real.malloc_usable_size && (granule_has_lock(g) || granule_has_lock(g + 1)))
		memory_given_back((uintptr_t)p, REAL(malloc_usable_size)(p), pc);
}

TT_INLINE void freed(void *p, uint64_t pc)
{
	int kind = tt_load_relaxed(&allocator);
	if (unlikely(kind != 1)) {
		if (kind == 2 || allocator_ask() == 2) {
			freed_elsewhere(p, pc);
			return;
		}
	}
	size_t size = glibc_size(p);
	uint64_t first = (uintptr_t)p >> 8, last = ((uintptr_t)p + size - 1) >> 8;
	if (likely(last - first < 2)) {
		if (likely(!granule_has_lock(first) && !granule_has_lock(last)))
			return;
	}
	memory_given_back((uintptr_t)p, size, pc);
}

/* A forked child reads 0: it forgets its locks anyway. */
TT_INLINE bool filter_is_live(void)
{
	return tt_load_relaxed(&tt_epoch) != 0;
}

TT_EXPORT void free(void *p)
{
	if (p && filter_is_live())
		freed(p, (uintptr_t)__builtin_return_address(0));
	if (unlikely(!tt_real.free))
		tt_real_resolve(false);
	REAL(free)(p);
}

TT_EXPORT void *realloc(void *p, size_t size)
{
	if (unlikely(!tt_real.realloc))
		tt_real_resolve(false);
	/*
	 * Where the block goes is known afterwards, and then its old memory may belong to somebody else. A mutex must not be
	 * moved, so that any lock inside is over either way, unless the block stays.
	 */
	uint64_t pc = (uintptr_t)__builtin_return_address(0);
	uint64_t old = (uintptr_t)p, old_size = 0;
	if (p && filter_is_live() && tt_load_relaxed(&allocator) == 1)
		old_size = glibc_size(p);
	void *q = REAL(realloc)(p, size);
	if (old_size && q && (uintptr_t)q != old) {
		uint64_t first = old >> 8, last = (old + old_size - 1) >> 8;
		if (last - first >= 2 || granule_has_lock(first) || granule_has_lock(last))
			memory_given_back(old, old_size, pc);
	}
	return q;
}

TT_EXPORT int munmap(void *p, size_t size)
{
	if (size && filter_is_live())
		memory_given_back((uintptr_t)p, size, (uintptr_t)__builtin_return_address(0));
	if (unlikely(!tt_real.munmap))
		tt_real_resolve(false);
	return REAL(munmap)(p, size);
}
