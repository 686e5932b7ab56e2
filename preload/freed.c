/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * freed.c - memory that is given back, and the locks in it. The hooks that see it are in hook_memory.c.
 *
 * The filter is a bit for each 256-byte granule of addresses, modulo the number of bits: set while a lock that matters lies in
 * one of them. filter_near is, for each bit, that or the next. They are set when a lock is born and cleared when memory is
 * given back and no lock is left, both by any thread. Each side writes, then (a full fence between) looks at what the other
 * writes:
 *
 *   born:    the lock is in its chain, alive;  fence;  bit not set: set it
 *   cleared: no lock in the chain;  clear the bit;  fence;  a lock in the chain: set the bit
 *
 * So at the end the bit is set if a lock is there; likewise filter_near after filter. In between it may be clear for a lock
 * that was just born: if that lock's memory is given back in that very moment, its death is not seen.
 */
#include "preload/shim.h"

static void bit_set(uint64_t *bits, uint64_t bit)
{
	if (!tt_filter_has(bits, bit))
		tt_or_relaxed(&bits[bit / 64], UINT64_C(1) << bit % 64);
}

static uint64_t bit_after(uint64_t bit)
{
	return (bit + 1) & (TT_FILTER_BITS - 1);
}
static uint64_t bit_before(uint64_t bit)
{
	return (bit - 1) & (TT_FILTER_BITS - 1);
}

/* A lock lives at this address now. */
void tt_filter_set(uint64_t address)
{
	uint64_t bit = tt_filter_bit(address);
	tt_fence();
	bit_set(tt_g.p->filter, bit);
	tt_fence();
	bit_set(tt_g.p->filter_near, bit);
	bit_set(tt_g.p->filter_near, bit_before(bit));
}

/* Does a lock lie there of which it matters when its memory is given back? A chain holds all granules of a bit. */
static bool bit_has_lock(uint64_t bit)
{
	uint32_t i = tt_load_acquire(&tt_g.p->lock_heads[tt_lock_bucket(bit << 8)]);
	while (i) {
		const struct ttrec_lock *l = tt_lock_by_index(i - 1);
		uint16_t flags = tt_load_relaxed(&l->flags);
		bool over = flags & TTREC_LOCK_DEAD && (!(flags & TTREC_LOCK_DESTROYED) || tt_lock_tells_death(l));
		over |= tt_lock_is_light(l);
		if (tt_filter_bit(l->address) == bit && !over)
			return true;
		i = l->chain;
	}
	return false;
}

static void near_clear(uint64_t bit)
{
	const uint64_t *filter = tt_g.p->filter;
	uint64_t *near = tt_g.p->filter_near;
	if (tt_filter_has(filter, bit) || tt_filter_has(filter, bit_after(bit)))
		return;
	tt_and_relaxed(&near[bit / 64], ~(UINT64_C(1) << bit % 64));
	tt_fence();
	if (tt_filter_has(filter, bit) || tt_filter_has(filter, bit_after(bit)))
		bit_set(near, bit);
}

static void filter_clear(uint64_t bit)
{
	if (bit_has_lock(bit))
		return;
	tt_and_relaxed(&tt_g.p->filter[bit / 64], ~(UINT64_C(1) << bit % 64));
	tt_fence();
	if (bit_has_lock(bit))
		bit_set(tt_g.p->filter, bit);
	near_clear(bit);
	near_clear(bit_before(bit));
}

#define SMALLEST 32 /* sem_t and pthread_barrier_t: of all that are no `small` ones (tt_private) */
#define LIGHT_OF 16
#define OWNER_AT 8 /* glibc, struct __pthread_mutex_s.__owner; checked in hook_mutex.c */

/* A mutex whose memory is given back while its owner, by its own word, is inside; the thread's held stack must agree. */
static void freed_locked(struct tt_self *s, struct ttrec_lock *l, uint64_t site, uint64_t own_word)
{
	uint32_t tid = tt_load_relaxed((const uint32_t *)(uintptr_t)(l->address + OWNER_AT));
	if (!tid)
		return;
	struct ttrec_thread *owner = tid == s->tid ? s->t : tt_thread_by_tid(tid);
	uint64_t taken = owner == s->t ? own_word : tt_holder_site(owner, l->address);
	if (taken)
		tt_misuse(s, TTREC_MISUSE_FREED_LOCKED, l, site, owner->serial, TTREC_SITE_WORD(taken), 0, NULL);
}

/* readable: the memory is still there. */
static void lock_freed(struct tt_self *s, struct ttrec_lock *l, uint64_t site, bool readable)
{
	if (tt_lock_is_light(l))
		return;
	if (tt_lock_is_dead(l)) {
		if (!tt_lock_tells_death(l))
			tt_and_relaxed(&l->flags, (uint16_t)~TTREC_LOCK_DESTROYED);
		return;
	}
	uint32_t at = s->t && s->t->held_depth ? tt_held_find(s, l->address) : 0;
	uint64_t word = at ? tt_held_remove(s, at) : 0;
	if (s->t && readable && l->kind == TTREC_KIND_MUTEX)
		freed_locked(s, l, site, word);
	tt_lock_death(s, l, site, false);
}

/* Memory is given back: locks inside are no more. The caller has asked the filter. readable: it can still be read. */
void tt_memory_death(struct tt_self *s, uint64_t start, uint64_t size, uint64_t site, bool readable)
{
	/*
	 * Most of CPython's: a block with room for nothing but the semaphore that was just destroyed, whose end is of no
	 * account, beside a lock that the bit is set for. Now and then it is looked whether that is still there.
	 */
	bool light = s->light_gone == start;
	s->light_gone = 0;
	if (light && size < SMALLEST + 16 && !tt_load_relaxed(&tt_g.p->small) && tt_random(s) % LIGHT_OF)
		return;
	uint64_t end = start + size;
	uint32_t locks = tt_load_relaxed(&tt_g.h->locks);
	if (size >> 8 >= TT_FILTER_BITS || size >> 17 > locks) {
		/* More granules than the filter has bits, or more lines of it than there are locks: look at those instead. */
		for (uint32_t i = 0; i < locks; i++) {
			struct ttrec_lock *l = tt_lock_by_index(i);
			if (l && l->kind && l->address >= start && l->address < end)
				lock_freed(s, l, site, readable);
		}
		return;
	}
	for (uint64_t g = start >> 8; g <= (end - 1) >> 8; g++) {
		uint64_t bit = tt_filter_bit(g << 8);
		uint64_t word = tt_load_relaxed(&tt_g.p->filter[bit / 64]);
		if (!(word >> bit % 64)) {
			g |= 63; /* the rest of this word is empty */
			continue;
		}
		if (!(word >> bit % 64 & 1))
			continue;
		bool found = false, many = false;
		uint32_t i = tt_load_acquire(&tt_g.p->lock_heads[tt_lock_bucket(g << 8)]);
		while (i) {
			struct ttrec_lock *l = tt_lock_by_index(i - 1);
			if (l->address >= start && l->address < end) {
				lock_freed(s, l, site, readable);
				found = true;
				many |= tt_load_relaxed(&l->gen) >= TT_MANY_LIVES && !tt_lock_is_light(l);
			}
			i = l->chain;
		}
		/* Where locks come again and again, the bit stays: to look in vain is less than to clear and set it each time.
		 */
		if (found && !many)
			filter_clear(bit);
	}
}
