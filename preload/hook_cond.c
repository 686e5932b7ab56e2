/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_cond.c - pthread_cond_*.
 *
 * A wait gives the mutex back and takes it again inside the C library, past our hooks: the held stack is changed here. The
 * mutex comes back under the site that first acquired it; the re-acquisition is not counted, it is no call of the program.
 * Cancellation: the library re-locks before cleanup handlers run, and ours puts "held" back.
 */
#include "preload/cond.h"

const struct tt_birth tt_cond_birth = {.kind = TTREC_KIND_COND};

/*
 * glibc since 2.25, nptl/pthread_cond_wait.c: __wrefs counts the threads that wait, or were woken and have not left yet, from
 * bit 3 on; bit 2 says that it was destroyed; init and the initialiser clear it.
 */
#define COND_DESTROYED   4u
#define COND_WAITER_BITS 3

static bool cond_is_destroyed(const pthread_cond_t *c)
{
	return unlikely(tt_load_relaxed(&c->__data.__wrefs) & COND_DESTROYED);
}

static bool cond_has_waiters(const pthread_cond_t *c)
{
	return tt_load_relaxed(&c->__data.__wrefs) >> COND_WAITER_BITS;
}

/* Between the caller's brackets. */
static TT_NOINLINE void cond_used_after(struct tt_self *s, pthread_cond_t *c, uint64_t site, const struct tt_caller *caller)
{
	struct ttrec_lock *dead = tt_lock_find((uintptr_t)c) ? NULL : tt_lock_find_destroyed((uintptr_t)c);
	if (dead)
		tt_misuse(s, TTREC_MISUSE_USE_AFTER_DESTROY, dead, site, 0, dead->death_site, 0, caller);
}

/*
 * Whoever wants the mutex waits for what is done here and in tt_cond_end(): a thread that signals may well come just then. So
 * the usual case is short. Nothing but the mutex is held, or else what always is; and nothing is to be done at its release but
 * to charge the log, which can wait: the end of this wait asks for it anew.
 */
static bool cond_begin_again(struct tt_cond_wait *k, struct tt_self *s)
{
	uint64_t m = (uintptr_t)k->m;
	uint32_t d = s->t->held_depth;
	const struct ttrec_held *h = s->held + d - 1;
	if (!d || d > 2 || h->lock != m || TTREC_HELD_FLAGS(tt_load_relaxed(&h->site)) & ~(unsigned)TTREC_HELD_WAITED)
		return false;
	uint32_t uid = tt_held_uid(s, d - 1);
	if (d == 2 && (!tt_held_usual(s) || !tt_order_is_last(s, h[-1].hash, uid, k->w.site)))
		return false;
	/* Before it is said that the thread waits: it would be seen to wait with its mutex held. */
	k->uid = uid;
	k->acquired = TTREC_SITE_WORD(tt_held_remove(s, d));
	return tt_block_again(s, &k->w.b, k->w.object, k->w.site, m);
}

void tt_cond_begin(
	struct tt_cond_wait *k, struct tt_self *s, pthread_cond_t *c, pthread_mutex_t *m, uint64_t site, uintptr_t cfa)
{
	k->m = m;
	k->acquired = 0;
	k->w.object = (uintptr_t)c;
	k->w.site = site;
	k->w.birth = &tt_cond_birth;
	k->w.caller = tt_caller_of(site, cfa);
	const struct tt_caller *caller = &k->w.caller;
	tt_busy_begin(s);
	if (likely(!cond_is_destroyed(c) && cond_begin_again(k, s))) {
		tt_busy_end(s);
		k->w.s = s;
		return;
	}
	uint32_t at = k->acquired ? 0 : tt_held_find(s, (uintptr_t)m);
	struct tt_birth b = tt_cond_birth;
	b.site = site;
	if (cond_is_destroyed(c))
		cond_used_after(s, c, site, caller);
	struct ttrec_lock *l = tt_lock_get(s, (uintptr_t)c, &b);
	if (l) {
		tt_block_ask(s, l, site);
		uint64_t before = tt_load_relaxed(&l->other);
		if (before != (uintptr_t)m) {
			/* While some wait, all must use one mutex. */
			if (before && cond_has_waiters(c))
				tt_misuse(s, TTREC_MISUSE_WAIT_MIXED, l, site, before, 0, 0, caller);
			tt_store_relaxed(&l->other, (uint64_t)(uintptr_t)m);
		}
		tt_lock_mark(l, TTREC_LOCK_WAITED);
		tt_count(s, (uintptr_t)c, site, &tt_cond_birth);
	}
	if (at) {
		uint64_t since = s->held[at - 1].since_ns;
		k->uid = tt_held_uid(s, at - 1);
		uint64_t word = tt_held_remove(s, at);
		k->acquired = TTREC_SITE_WORD(word);
		if (TTREC_HELD_FLAGS(word))
			tt_hold_charge(s, (uintptr_t)m, word, since, tt_now(), caller);
		/* Taking the mutex again below locks that are still held is an order like any other. */
		if (k->uid != TTREC_NO_LOCK)
			tt_order_attempt(s, (uintptr_t)m, k->uid, site, caller);
	} else if (!k->acquired && (uint32_t)tt_load_relaxed(&m->__data.__owner) != s->tid &&
		   !(s->t->flags & TTREC_THREAD_FORKED)) {
		tt_misuse(s, TTREC_MISUSE_WAIT_WITHOUT_LOCK, l, site, (uintptr_t)m, 0, 0, caller);
	}
	tt_wait_begin_for(&k->w, s, l, TTREC_WAIT_COND, NULL, (uintptr_t)m, false);
	tt_busy_end(s);
	k->w.s = s;
}

/*
 * The mutex is held again, whatever r says: that is said first, so that who waits for it by now knows for whom; but not of a
 * thread that seems to wait.
 */
void tt_cond_end(struct tt_cond_wait *k, int r)
{
	struct tt_self *s = k->w.s;
	k->w.s = NULL;
	tt_busy_begin(s);
	tt_waiting_over(s->t);
	struct ttrec_held *h = k->acquired ? tt_held_push(s, (uintptr_t)k->m, k->acquired, k->uid) : NULL;
	uint64_t now = tt_block_woken(s, &k->w.b, r == ETIMEDOUT);
	if (r == ETIMEDOUT)
		tt_count(s, k->w.object, tt_site_as(k->w.site, TTREC_OP_TIMED_OUT), &tt_cond_birth);
	tt_held_while_blocked(s, (uintptr_t)k->m, k->w.site, now - k->w.b.t0, &k->w.caller);
	if (h && tt_log_is_due(s))
		tt_or_relaxed(&h->site, TTREC_HELD_FLAG(TTREC_HELD_WAITED));
	tt_busy_end(s);
}

void tt_cond_cancelled(struct tt_cond_wait *k)
{
	if (k->w.s)
		tt_cond_end(k, 0);
}

TT_EXPORT int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return REAL(pthread_cond_wait)(c, m);
	struct tt_cond_wait k __attribute__((cleanup(tt_cond_cancelled)));
	k.w.s = NULL;
	tt_cond_begin(&k, s, c, m, HOOK_SITE(OP_COND_WAIT), HOOK_CFA());
	int r = REAL(pthread_cond_wait)(c, m);
	tt_cond_end(&k, r);
	return r;
}

TT_EXPORT int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return REAL(pthread_cond_timedwait)(c, m, until);
	struct tt_cond_wait k __attribute__((cleanup(tt_cond_cancelled)));
	k.w.s = NULL;
	tt_cond_begin(&k, s, c, m, HOOK_SITE(OP_COND_TIMEDWAIT), HOOK_CFA());
	int r = REAL(pthread_cond_timedwait)(c, m, until);
	tt_cond_end(&k, r);
	return r;
}

TT_EXPORT int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return REAL(pthread_cond_clockwait)(c, m, clock, until);
	struct tt_cond_wait k __attribute__((cleanup(tt_cond_cancelled)));
	k.w.s = NULL;
	tt_cond_begin(&k, s, c, m, HOOK_SITE(OP_COND_TIMEDWAIT), HOOK_CFA());
	int r = REAL(pthread_cond_clockwait)(c, m, clock, until);
	tt_cond_end(&k, r);
	return r;
}

/* Before the real call: the condition may be gone after it. */
void tt_cond_notify(struct tt_self *s, pthread_cond_t *c, uint64_t site, uintptr_t cfa)
{
	/* Often with the mutex held: as short as can be. The first time it is to be said of the condition. */
	struct ttrec_count *known = cond_is_destroyed(c) ? NULL : tt_count_probe(s, (uintptr_t)c, site);
	if (likely(known && known->n % TT_PROMOTE)) {
		tt_own_add(&known->n, 1);
		return;
	}
	tt_busy_begin(s);
	if (cond_is_destroyed(c)) {
		struct tt_caller caller = tt_caller_of(site, cfa);
		cond_used_after(s, c, site, &caller);
	}
	struct ttrec_count *e = tt_count(s, (uintptr_t)c, site, &tt_cond_birth);
	if (e && e->n == 1) {
		struct ttrec_lock *l = tt_entry_lock(e);
		if (l)
			tt_or_relaxed(&l->flags, TTREC_LOCK_SIGNALLED);
	}
	tt_busy_end(s);
}

TT_EXPORT int pthread_cond_signal(pthread_cond_t *c)
{
	struct tt_self *s = tt_enter();
	if (likely(s))
		tt_cond_notify(s, c, HOOK_SITE(OP_COND_SIGNAL), HOOK_CFA());
	return REAL(pthread_cond_signal)(c);
}

TT_EXPORT int pthread_cond_broadcast(pthread_cond_t *c)
{
	struct tt_self *s = tt_enter();
	if (likely(s))
		tt_cond_notify(s, c, HOOK_SITE(OP_COND_BROADCAST), HOOK_CFA());
	return REAL(pthread_cond_broadcast)(c);
}

TT_EXPORT int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
	struct tt_self *s = tt_enter();
	int r = REAL(pthread_cond_init)(c, attr);
	if (s && r == 0)
		tt_born(s, (uintptr_t)c, HOOK_SITE(OP_NONE), HOOK_CFA(), &tt_cond_birth, 0, 0);
	return r;
}

/*
 * Threads are still in their waits. If they were all woken that is allowed, and they leave at once; else the call hangs until
 * somebody wakes them. So it is noted before, and taken back when it was short.
 */
#define DESTROY_SHORT_NS 10000000u
uint64_t tt_cond_destroy_begin(struct tt_self *s, pthread_cond_t *c, uint64_t site, uintptr_t cfa)
{
	struct ttrec_lock *l = cond_has_waiters(c) ? tt_lock_find((uintptr_t)c) : NULL;
	if (!l)
		return 0;
	struct tt_caller caller = tt_caller_of(site, cfa);
	tt_busy_begin(s);
	tt_misuse(s, TTREC_MISUSE_DESTROY_WAITED, l, site, 0, 0, 0, &caller);
	uint64_t now = tt_now();
	tt_busy_end(s);
	return now;
}

void tt_cond_destroy_end(struct tt_self *s, pthread_cond_t *c, uint64_t site, uint64_t since)
{
	if (!since)
		return;
	tt_busy_begin(s);
	if (tt_now() - since < DESTROY_SHORT_NS)
		tt_misuse_undo(TTREC_MISUSE_DESTROY_WAITED, tt_lock_find((uintptr_t)c), site);
	tt_busy_end(s);
}

TT_EXPORT int pthread_cond_destroy(pthread_cond_t *c)
{
	struct tt_self *s = tt_enter();
	if (!s)
		return REAL(pthread_cond_destroy)(c);
	uint64_t waited = tt_cond_destroy_begin(s, c, HOOK_SITE(OP_NONE), HOOK_CFA());
	int r = REAL(pthread_cond_destroy)(c);
	tt_cond_destroy_end(s, c, HOOK_SITE(OP_NONE), waited);
	if (r == 0)
		tt_died(s, (uintptr_t)c, HOOK_SITE(OP_NONE));
	return r;
}
