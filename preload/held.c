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
	tt_store_release(&t->held_seq, t->held_seq | 1u);
	tt_store_release(&t->held_ref, tt_ref(held));
	tt_store_relaxed(&t->held_cap, cap);
	tt_store_release(&t->held_seq, t->held_seq + 1);
	if (old_ref)
		tt_block_free((struct ttrec_chunk *)(void *)((uint8_t *)s->held - 32) - 1);
	s->held = held;
}

struct ttrec_held *tt_held_push(struct tt_self *s, uint64_t lock, uint64_t site, uint32_t uid)
{
	struct ttrec_thread *t = s->t;
	uint32_t d = t->held_depth;
	if (d >= t->held_cap) {
		tt_held_grow(s);
		if (d >= t->held_cap)
			return NULL;
	}
	struct ttrec_held *h = s->held + d;
	tt_store_relaxed(&h->lock, lock);
	tt_store_relaxed(&h->site, site);
	h->hash = tt_held_hash(d ? h[-1].hash : 0, tt_held_own(uid, site));
	tt_store_release(&t->held_depth, d + 1);
	return h;
}

uint32_t tt_held_find(const struct tt_self *s, uint64_t lock)
{
	for (uint32_t i = s->t->held_depth; i; i--)
		if (s->held[i - 1].lock == lock)
			return i;
	return 0;
}

/* Its uid tells the record sooner than its address. */
struct ttrec_lock *tt_held_lock(const struct tt_self *s, uint32_t i)
{
	const struct ttrec_held *h = &s->held[i];
	uint32_t uid = tt_held_uid(s, i);
	struct ttrec_lock *l = tt_lock_by_index(TTREC_UID_INDEX(uid));
	bool is = l && l->address == h->lock && tt_lock_uid(l) == uid && !tt_lock_is_dead(l);
	return is ? l : tt_lock_find(h->lock);
}

/* See shim.h. */
struct ttrec_held *tt_acquired(
	struct tt_self *s, uint64_t lock, uint64_t site, const struct tt_birth *birth, bool order, const struct tt_caller *c)
{
	struct ttrec_thread *t = s->t;
	uint32_t d = t->held_depth;
	if (d >= t->held_cap)
		tt_held_grow(s);
	bool room = d < t->held_cap;
	struct ttrec_held *h = s->held + d;
	if (room) {
		/* Pushed first: whoever waits for the lock meanwhile finds who has it. */
		tt_store_relaxed(&h->lock, lock);
		tt_store_relaxed(&h->site, site);
		tt_store_release(&t->held_depth, d + 1);
	}
	uint32_t uid;
	struct ttrec_count *e = tt_count_taken(s, lock, site, birth, &uid);
	if (!room)
		return NULL;
	h->hash = tt_held_hash(d ? h[-1].hash : 0, tt_held_own(uid, site));
	/* The first time, a late try is not even remembered: most such locks are not used again. */
	bool once = (!e || e->n == 1) && tt_order_is_late_try(uid, site);
	if (d && order && !once) {
		tt_order(s, d, lock, uid, site, c);
		if (e)
			tt_order_memo(s, e, h[-1].hash, h->hash);
	}
	if (e && (uint16_t)(e->n - 1) == e->next)
		tt_count_timed(s, e, h);
	return h;
}

/* Entries above entry at - 1 move down, into its place, and their hashes are made anew. */
static void move_down(struct tt_self *s, uint32_t at)
{
	struct ttrec_thread *t = s->t;
	tt_store_release(&t->held_seq, t->held_seq | 1u);
	uint64_t below = s->held[at - 1].hash;
	for (uint32_t i = at; i < t->held_depth; i++) {
		struct ttrec_held *to = &s->held[i - 1], *from = &s->held[i];
		tt_store_relaxed(&to->lock, from->lock);
		tt_store_relaxed(&to->site, tt_load_relaxed(&from->site));
		to->since_ns = from->since_ns;
		uint64_t own = tt_held_hash_own(below, from->hash);
		below = from->hash;
		to->hash = tt_held_hash(i > 1 ? to[-1].hash : 0, own);
	}
	tt_store_release(&t->held_depth, t->held_depth - 1);
	tt_store_release(&t->held_seq, t->held_seq + 1);
}

/* Takes entry at - 1 out. */
uint64_t tt_held_remove(struct tt_self *s, uint32_t at)
{
	/* A waiter may set TTREC_HELD_WANT at any moment until here; lost in between, it costs one stack. */
	uint64_t word = tt_load_relaxed(&s->held[at - 1].site);
	tt_store_relaxed(&s->held[at - 1].site, UINT64_C(0));
	if (at == s->t->held_depth)
		tt_store_release(&s->t->held_depth, at - 1);
	else
		move_down(s, at);
	return word;
}

/* As tt_release_plain(), for a lock that others were taken after. */
void tt_release_under(struct tt_self *s, uint64_t lock)
{
	tt_busy_begin(s);
	uint32_t at = tt_held_find(s, lock);
	if (at)
		move_down(s, at);
	tt_busy_end(s);
}

void tt_held_forget_sem(struct tt_self *s, uint64_t sem)
{
	for (uint32_t i = s->t->held_depth; i; i--)
		if (s->held[i - 1].lock == sem && tt_site_is_sem(s->held[i - 1].site))
			tt_held_remove(s, i);
}

/* Estimates and the histogram of one timed hold. */
static void hold_account(
	struct tt_self *s, struct ttrec_count *e, struct ttrec_lsite *ls, uint64_t ns, uint64_t weight, uint64_t now)
{
	tt_add_relaxed(&ls->hold_ns, ns * weight);
	tt_add_relaxed(&ls->hold_timed_ns, ns);
	tt_max_relaxed(&ls->hold_max_ns, ns);
	tt_add_relaxed(&ls->hold_weight, weight);
	uint64_t samples = tt_add_relaxed(&ls->hold_samples, 1) + 1;
	struct ttrec_lock *l = tt_lock_by_index(ls->lock);
	/* A histogram is 560 bytes: for locks that are waited for, held long or used much. Its buckets count timed holds,
	 * unweighted. */
	if (l && (tt_load_relaxed(&l->stat_wait) || samples >= 64 || ns >= 100000 || tt_load_relaxed(&l->stat_hold)))
		tt_stat_add(&l->stat_hold, ls->lock, 2, ns, now);
	if (e && (uint16_t)(e->n - 1) == e->next)
		tt_count_next(s, e, samples, ns);
}

/*
 * After the real unlock of a lock whose held entry had flags; `word` is that entry's site with them. Also keeps the stack
 * of the release when a waiter asked for it. The lock's own memory is not touched: it may be gone.
 */
void tt_hold_charge(struct tt_self *s, uint64_t lock, uint64_t word, uint64_t since, uint64_t now, const struct tt_caller *c)
{
	uint64_t site = TTREC_SITE_WORD(word);
	unsigned flags = TTREC_HELD_FLAGS(word);
	if (!(flags & (TTREC_HELD_TIMED | TTREC_HELD_WANT)))
		return;
	struct ttrec_count *e = tt_count_find(s, lock, site);
	struct ttrec_lock *l = e ? tt_entry_lock(e) : tt_lock_find(lock);
	struct ttrec_lsite *ls = l ? tt_lsite_get(l, site) : NULL;
	if (!ls)
		return;
	if (flags & TTREC_HELD_WANT && !tt_load_relaxed(&ls->release_stack))
		tt_store_release(&ls->release_stack, tt_stack_capture(s, c));
	if (!(flags & TTREC_HELD_TIMED))
		return;
	uint64_t ns = now > since ? now - since : 0;
	/* A contended acquire is timed whether or not it was its turn: it stands for itself only. */
	uint64_t weight = e && !(flags & TTREC_HELD_WAITED) && (uint16_t)(e->n - 1) == e->next ? e->gap : 1;
	hold_account(s, e, ls, ns, weight, now);
	if (ns >= 1000000)
		tt_event(s, TTREC_EVENT_HOLD,
			&(struct ttrec_event){
				.end_ns = now,
				.dur_ns = ns,
				.site = TTREC_SITE_PC(site),
				.uid = e ? tt_entry_line(e)->uid : 0,
				.op = (uint16_t)TTREC_SITE_OP(site),
			});
}
