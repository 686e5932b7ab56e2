/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * light.h - semaphores that are guessed to be no locks (tt_lock_is_light), at their shortest.
 *
 * CPython makes one for each wait for a condition: an init call, a try, a try in vain, a wait, two posts, a destroy call and a
 * free, by threads that were just asleep and find the code of none of that in a cache. So each is a few instructions in its
 * hook, and calls nothing. Without brackets: each is one store or one addition, and a handler finds it done or not.
 *
 * All here is for tt_entered() only: in a child that has not noticed yet that it is one, the records are another's.
 */
#ifndef TT_PRELOAD_LIGHT_H
#define TT_PRELOAD_LIGHT_H

#include "preload/shim.h"

/* The record that the thread found last, if it is this semaphore's, and such a one; else NULL. */
TT_INLINE struct ttrec_lock *tt_light_last(const struct tt_self *s, uint64_t sem)
{
	struct ttrec_lock *l = s->found;
	return l && l->address == sem && tt_lock_is_light(l) ? l : NULL;
}

/* Likewise one that it found some time ago. */
TT_INLINE struct ttrec_lock *tt_light_near(struct tt_self *s, uint64_t sem)
{
	struct ttrec_lock *l = tt_lock_by_index(tt_load_relaxed(tt_lock_near(s->t, sem)) - 1);
	return l && l->address == sem && tt_lock_is_light(l) ? s->found = l : NULL;
}

TT_INLINE struct ttrec_lock *tt_light(struct tt_self *s, uint64_t sem)
{
	struct ttrec_lock *l = tt_light_last(s, sem);
	return likely(l) ? l : tt_light_near(s, sem);
}

/*
 * Counts one operation in the record's tally; op: of site, as a constant. False: not counted, since the tally's place is of
 * another site or full, or since it is time to look whether such a life has so many operations that it deserves an entry.
 */
#define TT_LIGHT_LOOK 64u
TT_INLINE bool tt_light_count(const struct tt_self *s, struct ttrec_lock *l, uint64_t site, enum ttrec_op op)
{
	struct ttrec_tally *t = &l->tally[ttrec_tally_slot(TTREC_KIND_SEM, TTREC_SITE(UINT64_C(0), op))];
	uint32_t n = tt_load_relaxed(&t->n);
	if (unlikely(tt_load_relaxed(&t->tag) != ttrec_tally_tag(site) || !(n % TT_LIGHT_LOOK) || n >= TT_TALLY_MAX))
		return false;
	tt_add_relaxed(&t->n, 1);
	tt_own_add(&s->t->evicted, 1);
	return true;
}

/* A unit was taken. */
TT_INLINE bool tt_light_taken(const struct tt_self *s, struct ttrec_lock *l, uint64_t site, enum ttrec_op op)
{
	if (!(tt_load_relaxed(&l->flags) & TTREC_LOCK_SEM_FOREIGN))
		tt_store_relaxed(&l->owner, s->t->slot + 1);
	return tt_light_count(s, l, site, op);
}

/* It is about to be posted. False also where its taker does that: then it is a lock. */
TT_INLINE bool tt_light_posted(const struct tt_self *s, struct ttrec_lock *l, uint64_t site)
{
	if (!(tt_load_relaxed(&l->flags) & TTREC_LOCK_SEM_FOREIGN)) {
		if (unlikely(tt_load_relaxed(&l->owner) == s->t->slot + 1))
			return false;
		tt_or_relaxed(&l->flags, TTREC_LOCK_SEM_FOREIGN);
	}
	return tt_light_count(s, l, site, TTREC_OP_SEM_POST);
}

/* An init call of one unit made it, at the place that made it before: its next life. False: not so, or a birth to be noted. */
TT_INLINE bool tt_light_born(struct tt_self *s, struct ttrec_lock *l, uint64_t site)
{
	if (unlikely(l->birth_site != site || tt_load_relaxed(&l->birth_thread) != s->t->serial))
		return false;
	tt_lock_light_again(l, TTREC_LOCK_SEM_BINARY | TTREC_LOCK_INIT_SEEN);
	s->light_gone = 0;
	return true;
}

#endif
