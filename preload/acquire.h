/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acquire.h - what all lock-like hooks do around the real call, once the fast path is left.
 *
 *   struct tt_wait_for w;
 *   tt_wait_begin(&w, ...);           publishes waiting-on, records order, finds the holder
 *   r = REAL(...)(...);               may block, may be cancelled (then the cleanup handler undoes)
 *   tt_wait_got(&w, ...) or tt_wait_failed(&w, ...)
 */
#ifndef TT_PRELOAD_ACQUIRE_H
#define TT_PRELOAD_ACQUIRE_H

#include "preload/hook.h"

struct tt_wait_for {
	struct tt_self *s; /* NULL: nothing to undo */
	uint64_t object, site;
	const struct tt_birth *birth;
	struct tt_caller caller;
	struct tt_block b;
};

/*
 * holder: slot of the thread that has it, NULL unknown or nobody. other: see struct ttrec_waiting, 0: the holder. lock_like: it
 * can be part of a lock order. l: what was found at `object`, NULL: not looked for.
 */
void tt_wait_begin_at(struct tt_wait_for *w, struct tt_self *s, struct ttrec_lock *l, uint64_t object, uint64_t site,
	uintptr_t cfa, const struct tt_birth *birth, enum ttrec_wait_class class, struct ttrec_thread *holder, uint64_t other,
	bool lock_like);
TT_INLINE void tt_wait_begin(struct tt_wait_for *w, struct tt_self *s, uint64_t object, uint64_t site, uintptr_t cfa,
	const struct tt_birth *birth, enum ttrec_wait_class class, struct ttrec_thread *holder, uint64_t other, bool lock_like)
{
	tt_wait_begin_at(w, s, NULL, object, site, cfa, birth, class, holder, other, lock_like);
}
/* The same between the caller's brackets, for a lock that was looked up; w is filled but for `s`, which says that it began. */
void tt_wait_begin_for(struct tt_wait_for *w, struct tt_self *s, struct ttrec_lock *l, enum ttrec_wait_class class,
	struct ttrec_thread *holder, uint64_t other, bool lock_like);
/* It was acquired: count, push, log the wait. extra: a second operation to count (owner died), 0 none. */
void tt_wait_got(struct tt_wait_for *w, enum ttrec_op extra);
/* It ended without an acquisition that could be held: logged. counted: the operation to count, 0 none. Returns when.
 */
uint64_t tt_wait_over(struct tt_wait_for *w, bool timed_out, enum ttrec_op counted);
/* The call failed: only a deadline is a wait that counts; EDEADLK never waited, and EINTR ends in another attempt. */
void tt_wait_failed(struct tt_wait_for *w, int error);
/* Cleanup handler: a wait that was cancelled. */
void tt_wait_cancelled(struct tt_wait_for *w);

/* Acquired without waiting, off the fast path. */
void tt_got(
	struct tt_self *s, uint64_t object, uint64_t site, uintptr_t cfa, const struct tt_birth *birth, enum ttrec_op extra);
/* An operation that acquires nothing. */
void tt_counted(struct tt_self *s, uint64_t object, uint64_t site, const struct tt_birth *birth);
/* The same where it has an entry that is looked for first; false: it has none, or a full one. */
TT_INLINE bool tt_counted_near(struct tt_self *s, uint64_t object, uint64_t site)
{
	struct ttrec_count *e = tt_count_probe(s, object, site);
	if (unlikely(!e || e->n >= TT_COUNT_MAX))
		return false;
	tt_own_add(&e->n, 1);
	return true;
}
/* The same for what mostly was counted before. */
TT_INLINE void tt_counted_again(struct tt_self *s, uint64_t object, uint64_t site, const struct tt_birth *birth)
{
	if (unlikely(!tt_counted_near(s, object, site)))
		tt_counted(s, object, site, birth);
}
/*
 * After an operation by which a lock may have become known: if that had been destroyed, and was not initialised again, it is a
 * fact. Within the brackets. c NULL: no stack.
 */
void tt_note_destroyed(struct tt_self *s, uint64_t object, uint64_t site, const struct tt_caller *c);
TT_INLINE void tt_used_destroyed(struct tt_self *s, uint64_t object, uint64_t site, const struct tt_caller *c)
{
	if (unlikely(s->reborn))
		tt_note_destroyed(s, object, site, c);
}
/* A call failed with error r; whether it is misuse or used as designed is the reader's judgement. */
void tt_call_failed(struct tt_self *s, uint64_t object, uint64_t site, uintptr_t cfa, int r);
/* After the real release of `object`, which is held but not plain. at: tt_held_find(); now: taken before the release, 0 if not
 * needed. */
void tt_released(struct tt_self *s, uint64_t object, uint32_t at, uint64_t now, uint64_t site, uintptr_t cfa);
/* Births and deaths. */
void tt_born(struct tt_self *s, uint64_t object, uint64_t site, uintptr_t cfa, const struct tt_birth *birth, uint16_t flags,
	uint64_t other);
void tt_died(struct tt_self *s, uint64_t object, uint64_t site);
/*
 * Facts: locks were held while the thread was blocked for ns at `site`. Shorter than TT_BLOCKED_NS is no blocking: a sleep and
 * its wake-up take longer than that; but waits of event loops are all counted, to be compared with the holds. other: the mutex
 * of a condition, which is not meant; enum ttrec_call; 0.
 */
#define TT_BLOCKED_NS 20000u
/*
 * Of what is short and often, with a lock held as always (tt_held_usual), one stands for so many. Not of forks, which are to be
 * known however short.
 */
#define TT_USUAL_OF 16u
#define TT_USUAL_NS 1000000u
TT_INLINE bool tt_blocked_as_usual(const struct tt_self *s, uint64_t site, uint64_t ns)
{
	return ns < TT_USUAL_NS && TTREC_SITE_OP(site) != TTREC_OP_FORK && tt_held_usual(s);
}
/* How many are held beside `other`, which may be the innermost. */
TT_INLINE uint32_t tt_held_beside(const struct tt_self *s, uint64_t other)
{
	uint32_t d = s->t->held_depth;
	return d && s->held[d - 1].lock == other ? d - 1 : d;
}
void tt_held_fact(struct tt_self *s, uint64_t other, uint64_t site, uint64_t ns, const struct tt_caller *c);
TT_INLINE void tt_held_while_blocked(struct tt_self *s, uint64_t other, uint64_t site, uint64_t ns, const struct tt_caller *c)
{
	uint32_t d = tt_held_beside(s, other);
	if (!d || (ns < TT_BLOCKED_NS && TTREC_SITE_OP(site) != TTREC_OP_LOOP_WAIT))
		return;
	if (d > 1 || !tt_blocked_as_usual(s, site, ns) || tt_random(s) % TT_USUAL_OF == 0)
		tt_held_fact(s, other, site, ns, c);
}
/* Some thread that holds `object`, found by looking at all held stacks; NULL none. For objects that keep no owner. */
struct ttrec_thread *tt_holder_scan(const struct tt_self *s, uint64_t object);

/* pthread_once and call_once; returns what pthread_once does. */
int tt_once(struct tt_self *s, pthread_once_t *once, void (*routine)(void), uint64_t site, uintptr_t cfa);

#endif
