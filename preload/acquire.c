/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* acquire.c - the slow half of the lock-like hooks (acquire.h). Part of the state core: calls no real function. */
#include "preload/acquire.h"

#define SCAN_SLOTS 256u /* threads looked at for a holder: a contended wait must not cost more than it tells */

void tt_note_destroyed(struct tt_self *s, uint64_t object, uint64_t site, const struct tt_caller *c)
{
	struct ttrec_lock *l = tt_lock_by_index(s->reborn - 1);
	s->reborn = 0;
	if (l && l->address == object)
		tt_misuse(s, TTREC_MISUSE_USE_AFTER_DESTROY, l, site, 0, l->death_site, 0, c);
}

void tt_wait_begin_for(struct tt_wait_for *w, struct tt_self *s, struct ttrec_lock *l, enum ttrec_wait_class class,
	struct ttrec_thread *holder, uint64_t other, bool lock_like)
{
	tt_used_destroyed(s, w->object, w->site, &w->caller);
	if (l && lock_like)
		tt_order_attempt(s, w->object, tt_lock_uid(l), w->site, &w->caller);
	if (!other && holder)
		other = holder->serial;
	tt_block_begin(s, &w->b, l, w->birth->kind, w->object, w->site, class, holder, other, &w->caller);
}

void tt_wait_begin_at(struct tt_wait_for *w, struct tt_self *s, struct ttrec_lock *l, uint64_t object, uint64_t site,
	uintptr_t cfa, const struct tt_birth *birth, enum ttrec_wait_class class, struct ttrec_thread *holder, uint64_t other,
	bool lock_like)
{
	w->object = object;
	w->site = site;
	w->birth = birth;
	w->caller = tt_caller_of(site, cfa);
	struct tt_birth b = *birth;
	b.site = site;
	tt_busy_begin(s);
	if (!l || l->kind != birth->kind)
		l = tt_lock_get(s, object, &b);
	tt_wait_begin_for(w, s, l, class, holder, other, lock_like);
	tt_busy_end(s);
	w->s = s;
}

void tt_wait_got(struct tt_wait_for *w, enum ttrec_op extra)
{
	struct tt_self *s = w->s;
	w->s = NULL;
	tt_busy_begin(s);
	uint64_t now = tt_block_end(s, &w->b);
	struct ttrec_held *h = tt_acquired(s, w->object, w->site, w->birth, false, &w->caller);
	if (extra)
		tt_count(s, w->object, tt_site_as(w->site, extra), w->birth);
	tt_block_got(s, &w->b, now, h);
	tt_busy_end(s);
}

uint64_t tt_wait_over(struct tt_wait_for *w, bool timed_out, enum ttrec_op counted)
{
	struct tt_self *s = w->s;
	w->s = NULL;
	tt_busy_begin(s);
	uint64_t now = tt_block_end(s, &w->b);
	tt_block_over(s, &w->b, now, timed_out);
	if (counted)
		tt_count(s, w->object, tt_site_as(w->site, counted), w->birth);
	tt_busy_end(s);
	return now;
}

void tt_wait_failed(struct tt_wait_for *w, int error)
{
	struct tt_self *s = w->s;
	if (error == ETIMEDOUT) {
		tt_wait_over(w, true, TTREC_OP_TIMED_OUT);
		return;
	}
	w->s = NULL;
	tt_busy_begin(s);
	tt_block_end(s, &w->b);
	tt_busy_end(s);
}

void tt_wait_cancelled(struct tt_wait_for *w)
{
	if (w->s)
		tt_wait_over(w, false, TTREC_OP_NONE);
}

void tt_got(struct tt_self *s, uint64_t object, uint64_t site, uintptr_t cfa, const struct tt_birth *birth, enum ttrec_op extra)
{
	struct tt_caller c = tt_caller_of(site, cfa);
	tt_busy_begin(s);
	tt_acquired(s, object, site, birth, true, &c);
	tt_used_destroyed(s, object, site, &c);
	if (extra)
		tt_count(s, object, tt_site_as(site, extra), birth);
	tt_busy_end(s);
}

void tt_counted(struct tt_self *s, uint64_t object, uint64_t site, const struct tt_birth *birth)
{
	struct ttrec_count *e;
	tt_busy_begin(s);
	tt_count_once(s, object, site, birth, &e);
	tt_used_destroyed(s, object, site, NULL);
	tt_busy_end(s);
}

void tt_call_failed(struct tt_self *s, uint64_t object, uint64_t site, uintptr_t cfa, int r)
{
	struct tt_caller c = tt_caller_of(site, cfa);
	tt_busy_begin(s);
	struct ttrec_lock *l = tt_lock_find(object);
	struct ttrec_lock *dead = l ? NULL : tt_lock_find_destroyed(object);
	if (dead)
		tt_misuse(s, TTREC_MISUSE_USE_AFTER_DESTROY, dead, site, (uint64_t)r, dead->death_site, 0, &c);
	else
		tt_misuse(s, TTREC_MISUSE_ERROR, l, site, (uint64_t)r, 0, 0, &c);
	tt_busy_end(s);
}

void tt_released(struct tt_self *s, uint64_t object, uint32_t at, uint64_t now, uint64_t site, uintptr_t cfa)
{
	struct tt_caller c = tt_caller_of(site, cfa);
	tt_busy_begin(s);
	if (unlikely(at > s->t->held_depth || s->held[at - 1].lock != object)) {
		/* A handler that came after the real release gave it back, too: sem_post may be called there. */
		tt_busy_end(s);
		return;
	}
	uint64_t since = s->held[at - 1].since_ns;
	uint64_t word = tt_held_remove(s, at);
	if (TTREC_HELD_FLAGS(word) & TTREC_HELD_WAITED)
		tt_log_relieve(s);
	if (TTREC_HELD_FLAGS(word))
		tt_hold_charge(s, object, word, since, now ? now : tt_now(), &c);
	/* By a destructor of thread data, after the thread's routine had left: all is well. */
	if (unlikely(s->t->flags & TTREC_THREAD_EXIT_HOLDING))
		tt_misuse_undo(TTREC_MISUSE_EXIT_HOLDING, tt_lock_find(object), TTREC_SITE_WORD(word));
	tt_busy_end(s);
}

void tt_born(struct tt_self *s, uint64_t object, uint64_t site, uintptr_t cfa, const struct tt_birth *birth, uint16_t flags,
	uint64_t other)
{
	struct tt_caller c = tt_caller_of(site, cfa);
	struct tt_birth b = *birth;
	b.site = site;
	b.flags |= flags | TTREC_LOCK_INIT_SEEN;
	b.other = other;
	b.caller = &c;
	tt_busy_begin(s);
	s->light_gone = 0;
	tt_lock_init_seen(s, object, &b);
	tt_busy_end(s);
}

void tt_died(struct tt_self *s, uint64_t object, uint64_t site)
{
	tt_busy_begin(s);
	struct ttrec_lock *l = tt_lock_find(object);
	bool light = l && tt_lock_is_light(l);
	s->light_gone = light ? object : 0; /* until the thread makes another, or its memory is given back */
	if (l && !light)
		tt_lock_death(s, l, site, true);
	tt_busy_end(s);
}

void tt_held_fact(struct tt_self *s, uint64_t other, uint64_t site, uint64_t ns, const struct tt_caller *c)
{
	uint32_t d = tt_held_beside(s, other);
	for (uint32_t i = d; i && d - i < 8; i--) {
		const struct ttrec_held *h = &s->held[i - 1];
		unsigned times = 1;
		if (i == 1 && tt_blocked_as_usual(s, site, ns)) {
			if (d > 1 && tt_random(s) % TT_USUAL_OF)
				continue;
			times = TT_USUAL_OF;
		}
		struct ttrec_lock *l = h->lock == other ? NULL : tt_held_lock(s, i - 1);
		if (!l || (l->kind == TTREC_KIND_SEM && !(tt_load_relaxed(&l->flags) & TTREC_LOCK_SEM_LOCKED)))
			continue;
		tt_lock_mark(l, TTREC_LOCK_HOLD_BLOCKED);
		tt_misuse_times(s, TTREC_MISUSE_HELD_BLOCKING, l, site, other, TTREC_SITE_WORD(h->site), ns, times, c);
	}
}

struct ttrec_thread *tt_holder_scan(const struct tt_self *s, uint64_t object)
{
	uint32_t n = tt_load_relaxed(&tt_g.p->slots);
	for (uint32_t i = 0; i < n && i < SCAN_SLOTS; i++) {
		struct ttrec_thread *t = tt_thread_by_slot(i);
		if (!t || t == s->t)
			continue;
		uint32_t depth = tt_load_acquire(&t->held_depth), ref = tt_load_relaxed(&t->held_ref);
		const struct ttrec_held *held = ref ? tt_at(ref) : t->held;
		uint32_t cap = ref ? tt_load_relaxed(&t->held_cap) : TTREC_HELD_INLINE;
		for (uint32_t k = 0; k < depth && k < cap; k++)
			if (tt_load_relaxed(&held[k].lock) == object)
				return t;
	}
	return NULL;
}
