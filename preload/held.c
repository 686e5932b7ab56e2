/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * held.c - the stack of held locks, beyond the plain push and pop of shim.h: growth, release out of order, timed holds.
 *
 * Written by its thread only. Live readers take held_seq, depth and entries, and look again when held_seq changed or is odd.
 */
#include "preload/shim.h"

#define HELD_MAX 4096u

/* A stack four times as large; at most HELD_MAX entries, beyond which acquisitions are counted but not held (and that is
 * counted). */
void tt_held_grow(struct tt_self *s)
{
	struct ttrec_thread *t = s->t;
	uint32_t cap = t->held_cap * 4;
	struct ttrec_chunk *c =
		cap <= HELD_MAX ? tt_block_alloc(TTREC_CHUNK_HELD, (uint64_t)cap * sizeof(struct ttrec_held)) : NULL;
	if (!c) {
		tt_drop(TTREC_DROP_HELD);
		return;
	}
	struct ttrec_held *held = (void *)((uint8_t *)(c + 1) + 32);
	__builtin_memcpy(held, s->held, t->held_depth * sizeof(*held));
	uint32_t old_ref = t->held_ref;
	tt_store_release(&t->held_seq, t->held_seq + 1);
	tt_store_release(&t->held_ref, tt_ref(held));
	t->held_cap = cap;
	tt_store_release(&t->held_seq, t->held_seq + 1);
	if (old_ref)
		tt_block_free((struct ttrec_chunk *)(void *)((uint8_t *)s->held - 32) - 1);
	s->held = held;
}

uint32_t tt_held_find(const struct tt_self *s, uint64_t lock)
{
	for (uint32_t i = s->t->held_depth; i; i--)
		if (s->held[i - 1].lock == lock)
			return i;
	return 0;
}

/* Takes entry at - 1 out. Entries above it move down, and their hashes are made anew. */
uint64_t tt_held_remove(struct tt_self *s, uint32_t at)
{
	struct ttrec_thread *t = s->t;
	struct ttrec_held *h = &s->held[at - 1];
	/* Exchange: a waiter may set TTREC_HELD_WANT at any moment until here. */
	uint64_t special = tt_exchange_acq_rel(&h->special, UINT64_C(0));
	if (at == t->held_depth) {
		tt_store_release(&t->held_depth, at - 1);
		return special;
	}
	tt_store_release(&t->held_seq, t->held_seq + 1);
	for (uint32_t i = at; i < t->held_depth; i++) {
		struct ttrec_held *to = &s->held[i - 1], *from = &s->held[i];
		uint64_t before = i > 1 ? to[-1].hash : 0;
		to->lock = from->lock;
		to->site = from->site;
		to->special = from->special;
		const struct ttrec_lock *l = tt_lock_find(to->lock);
		to->hash = tt_mix(before + (to->site >> 56), l ? tt_lock_uid(l) : 0xffffffffu);
	}
	tt_store_release(&t->held_depth, t->held_depth - 1);
	tt_store_release(&t->held_seq, t->held_seq + 1);
	return special;
}

/*
 * After the real unlock: a timed hold ended at `now`. Also keeps the stack of the release when a waiter asked for it.
 * The lock's own memory is not touched: it may be gone.
 */
void tt_hold_charge(struct tt_self *s, uint64_t lock, uint64_t site, uint64_t special, uint64_t now, const struct tt_caller *c)
{
	if (special & TTREC_HELD_PENDING)
		tt_pending_charge(s, site);
	if (!(special & (TTREC_HELD_TIMED | TTREC_HELD_WANT)))
		return;
	struct ttrec_count *e = tt_count_find(s, lock, site);
	uint32_t index;
	if (e) {
		index = TTREC_UID_INDEX(e->uid);
	} else {
		const struct ttrec_lock *l = tt_lock_find(lock);
		if (!l)
			return;
		index = l->index;
	}
	struct ttrec_lsite *ls = tt_lsite_get(index, site);
	if (!ls)
		return;
	if (special & TTREC_HELD_WANT && !tt_load_relaxed(&ls->release_stack))
		tt_store_release(&ls->release_stack, tt_stack_capture(s, c));
	if (!(special & TTREC_HELD_TIMED))
		return;

	uint64_t since = special >> 8, ns = now > since ? now - since : 0;
	/* A contended acquire is timed whether or not it was its turn: it stands for itself only. */
	uint64_t weight = e && !(special & TTREC_HELD_PENDING) && (uint16_t)e->n == e->next ? e->gap : 1;
	tt_add_relaxed(&ls->hold_ns, ns * weight);
	tt_add_relaxed(&ls->hold_timed_ns, ns);
	tt_max_relaxed(&ls->hold_max_ns, ns);
	tt_add_relaxed(&ls->hold_weight, weight);
	uint64_t samples = tt_add_relaxed(&ls->hold_samples, 1) + 1;
	struct ttrec_lock *l = tt_lock_by_index(index);
	/* A histogram is 560 bytes: only for locks with some history. Its buckets count timed holds, unweighted. */
	if (l && (samples >= 8 || ns >= 100000 || tt_load_relaxed(&l->stat_hold)))
		tt_stat_add(&l->stat_hold, index, 2, ns, now);
	if (e && (uint16_t)e->n == e->next)
		tt_count_next(s, e, samples, ns);
	if (ns >= 1000000)
		tt_event(s, TTREC_EVENT_HOLD,
			&(struct ttrec_event){.end_ns = now,
				.dur_ns = ns,
				.site = TTREC_SITE_PC(site),
				.uid = e ? e->uid : 0,
				.op = TTREC_SITE_OP(site)});
}
