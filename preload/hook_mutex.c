/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_mutex.c - pthread_mutex_*.
 *
 * The uncontended path is trylock, push, count. What trylock says decides: 0 and EOWNERDEAD are acquisitions; EBUSY means wait;
 * anything else goes to the real lock function, whose answer the program gets. The mutex's memory is only read, and not after
 * the unlock.
 */
#include "preload/mutex.h"

static void mutex_describe(struct tt_birth *b, uint64_t object)
{
	const pthread_mutex_t *m = (const void *)(uintptr_t)object;
	/* glibc 2.36, nptl/pthreadP.h: type in bits 0-1, robust 16, PI 32, PP 64, process-shared 128. */
	int kind = tt_load_relaxed(&m->__data.__kind);
	static const uint8_t types[4] = {TTREC_TYPE_NORMAL, TTREC_TYPE_RECURSIVE, TTREC_TYPE_ERRORCHECK, TTREC_TYPE_ADAPTIVE};
	b->type = types[kind & 3];
	if (kind & 16)
		b->flags |= TTREC_LOCK_ROBUST;
	if (kind & 32)
		b->flags |= TTREC_LOCK_PI;
	if (kind & 64)
		b->flags |= TTREC_LOCK_PP;
	if (kind & 128)
		b->flags |= TTREC_LOCK_PSHARED;
}

const struct tt_birth tt_mutex_birth = {.kind = TTREC_KIND_MUTEX, .describe = mutex_describe};

/* The mutex was got without waiting, on a path that is not the hottest. */
static void mutex_got(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, int r)
{
	tt_busy_begin(s);
	tt_acquired(s, (uintptr_t)m, site, &tt_mutex_birth, true, cfa);
	if (r == EOWNERDEAD)
		tt_count(s, (uintptr_t)m, tt_site_as(site, TTREC_OP_OWNER_DIED), &tt_mutex_birth);
	tt_busy_end(s);
}

/* Facts about a call that failed; whether it is misuse or used as designed is the reader's judgement. */
static void mutex_failed(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, int r)
{
	struct tt_caller c = tt_caller_of(site, cfa);
	tt_busy_begin(s);
	struct ttrec_lock *l = tt_lock_find((uintptr_t)m);
	struct ttrec_lock *dead = l ? NULL : tt_lock_find_destroyed((uintptr_t)m);
	if (dead)
		tt_misuse(s, TTREC_MISUSE_USE_AFTER_DESTROY, dead, site, (uint64_t)r, dead->death_site, 0, &c);
	else
		tt_misuse(s, TTREC_MISUSE_ERROR, l, site, (uint64_t)r, 0, 0, &c);
	tt_busy_end(s);
}

/* Everything that is known before the thread blocks: order, holder, relock; then waiting-on is published. */
static void mutex_block(struct tt_self *s, struct tt_block *b, pthread_mutex_t *m, uint64_t site, const struct tt_caller *c)
{
	struct tt_birth birth = tt_mutex_birth;
	birth.site = site;
	struct ttrec_lock *l = tt_lock_get(s, (uintptr_t)m, &birth);
	uint32_t tid = (uint32_t)tt_load_relaxed(&m->__data.__owner);
	struct ttrec_thread *holder = tid == s->t->tid ? s->t : tt_thread_by_tid(tid);
	if (l)
		tt_order_attempt(s, (uintptr_t)m, tt_lock_uid(l), site, c);
	uint32_t at = holder == s->t ? tt_held_find(s, (uintptr_t)m) : 0;
	if (at)
		tt_misuse(s, TTREC_MISUSE_RELOCK, l, site, s->t->serial, s->held[at - 1].site, 0, c);
	tt_block_begin(s, b, l, TTREC_KIND_MUTEX, (uintptr_t)m, site, TTREC_WAIT_LOCK, holder, holder ? holder->serial : 0, c);
}

/* How to wait: the three functions that do, behind one shape. */
struct mutex_wait {
	clockid_t clock;
	const struct timespec *until; /* NULL: for ever */
	bool has_clock;
};

static int mutex_real_wait(pthread_mutex_t *m, const struct mutex_wait *w)
{
	if (!w->until)
		return tt_real.pthread_mutex_lock(m);
	if (w->has_clock)
		return tt_real.pthread_mutex_clocklock(m, w->clock, w->until);
	return tt_real.pthread_mutex_timedlock(m, w->until);
}

/* trylock said r, not 0. */
static TT_NOINLINE int mutex_lock_slow(
	struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, int r, const struct mutex_wait *w)
{
	if (r == EOWNERDEAD) {
		mutex_got(s, m, site, cfa, r);
		return r;
	}
	struct tt_caller c = tt_caller_of(site, cfa);
	struct tt_block b;
	bool busy = r == EBUSY;
	if (busy) {
		tt_busy_begin(s);
		mutex_block(s, &b, m, site, &c);
		tt_busy_end(s);
	}
	r = mutex_real_wait(m, w);
	if (!busy) {
		if (r == 0 || r == EOWNERDEAD)
			mutex_got(s, m, site, cfa, r);
		else
			mutex_failed(s, m, site, cfa, r);
		return r;
	}
	tt_busy_begin(s);
	uint64_t now = tt_block_end(s, &b);
	if (r == 0 || r == EOWNERDEAD) {
		struct ttrec_held *h = tt_acquired(s, (uintptr_t)m, site, &tt_mutex_birth, false, cfa);
		if (r == EOWNERDEAD)
			tt_count(s, (uintptr_t)m, tt_site_as(site, TTREC_OP_OWNER_DIED), &tt_mutex_birth);
		tt_block_defer(s, &b, now, h);
	} else {
		tt_block_charge(s, &b, now, r == ETIMEDOUT);
		if (r == ETIMEDOUT)
			tt_count(s, (uintptr_t)m, tt_site_as(site, TTREC_OP_TIMED_OUT), &tt_mutex_birth);
	}
	tt_busy_end(s);
	if (r && r != EOWNERDEAD && r != ETIMEDOUT)
		mutex_failed(s, m, site, cfa, r);
	return r;
}

TT_EXPORT int pthread_mutex_lock(pthread_mutex_t *m)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return tt_real.pthread_mutex_lock(m);
	int r = tt_real.pthread_mutex_trylock(m);
	if (unlikely(r))
		return mutex_lock_slow(s, m, HOOK_SITE(OP_LOCK), HOOK_CFA(), r, &(struct mutex_wait){0});
	tt_busy_begin(s);
	tt_acquired(s, (uintptr_t)m, HOOK_SITE(OP_LOCK), &tt_mutex_birth, true, HOOK_CFA());
	tt_busy_end(s);
	return 0;
}

TT_EXPORT int pthread_mutex_trylock(pthread_mutex_t *m)
{
	struct tt_self *s = tt_enter();
	int r = tt_real.pthread_mutex_trylock(m);
	if (unlikely(!s))
		return r;
	uint64_t site = HOOK_SITE(OP_TRYLOCK);
	if (r == EBUSY) {
		tt_busy_begin(s);
		tt_count(s, (uintptr_t)m, tt_site_as(site, TTREC_OP_TRY_FAILED), &tt_mutex_birth);
		tt_busy_end(s);
	} else if (r == 0 || r == EOWNERDEAD) {
		mutex_got(s, m, site, HOOK_CFA(), r);
	} else {
		mutex_failed(s, m, site, HOOK_CFA(), r);
	}
	return r;
}

static int mutex_timed(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, const struct mutex_wait *w)
{
	int r = tt_real.pthread_mutex_trylock(m);
	if (r)
		return mutex_lock_slow(s, m, site, cfa, r, w);
	mutex_got(s, m, site, cfa, 0);
	return 0;
}

TT_EXPORT int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return tt_real.pthread_mutex_timedlock(m, until);
	return mutex_timed(s, m, HOOK_SITE(OP_TIMEDLOCK), HOOK_CFA(), &(struct mutex_wait){.until = until});
}

TT_EXPORT int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	/* An unknown clock is an error whether or not the mutex is free: leave it to the real function. */
	if (unlikely(!s) || (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME))
		return tt_real.pthread_mutex_clocklock(m, clock, until);
	struct mutex_wait w = {.clock = clock, .until = until, .has_clock = true};
	return mutex_timed(s, m, HOOK_SITE(OP_TIMEDLOCK), HOOK_CFA(), &w);
}

/* Not the innermost lock, or a timed one, or one whose wait is to be charged, or not known to be held at all. */
static TT_NOINLINE int mutex_unlock_slow(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa)
{
	struct tt_caller c = tt_caller_of(site, cfa);
	uint32_t at = tt_held_find(s, (uintptr_t)m);
	/* All that is read of the mutex is read before the unlock: afterwards it may be gone. */
	uint32_t owner = (uint32_t)tt_load_relaxed(&m->__data.__owner);
	int word = tt_load_relaxed(&m->__data.__lock);
	uint64_t now = at && s->held[at - 1].special ? tt_now() : 0;
	int r = tt_real.pthread_mutex_unlock(m);
	tt_busy_begin(s);
	if (r == 0 && at) {
		uint64_t acquired = s->held[at - 1].site;
		uint64_t special = tt_held_remove(s, at);
		if (special)
			tt_hold_charge(s, (uintptr_t)m, acquired, special, now ? now : tt_now(), &c);
	} else if (owner != s->t->tid && !(s->t->flags & TTREC_THREAD_FORKED)) {
		const struct ttrec_thread *o = tt_thread_by_tid(owner);
		tt_misuse(s, word ? TTREC_MISUSE_UNLOCK_NOT_OWNER : TTREC_MISUSE_UNLOCK_UNLOCKED, tt_lock_find((uintptr_t)m),
			site, o ? o->serial : 0, 0, 0, &c);
	}
	tt_busy_end(s);
	return r;
}

TT_EXPORT int pthread_mutex_unlock(pthread_mutex_t *m)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return tt_real.pthread_mutex_unlock(m);
	if (unlikely(!tt_release_is_plain(s, (uintptr_t)m)))
		return mutex_unlock_slow(s, m, HOOK_SITE(OP_LOCK), HOOK_CFA());
	int r = tt_real.pthread_mutex_unlock(m);
	if (likely(r == 0))
		s->t->held_depth--;
	return r;
}

TT_EXPORT int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
	struct tt_self *s = tt_enter();
	uint64_t site = HOOK_SITE(OP_NONE);
	struct tt_caller c = tt_caller_of(site, HOOK_CFA());
	if (s) {
		tt_busy_begin(s);
		uint32_t at = tt_held_find(s, (uintptr_t)m);
		if (at) {
			tt_misuse(s, TTREC_MISUSE_REINIT_LOCKED, tt_lock_find((uintptr_t)m), site, s->t->serial,
				s->held[at - 1].site, 0, &c);
			tt_held_remove(s, at);
		}
		tt_busy_end(s);
	}
	int r = tt_real.pthread_mutex_init(m, attr);
	if (s && r == 0) {
		struct tt_birth b = tt_mutex_birth;
		b.site = site;
		b.flags = TTREC_LOCK_INIT_SEEN;
		b.caller = &c;
		tt_busy_begin(s);
		tt_lock_init_seen(s, (uintptr_t)m, &b);
		tt_busy_end(s);
	}
	return r;
}

TT_EXPORT int pthread_mutex_destroy(pthread_mutex_t *m)
{
	struct tt_self *s = tt_enter();
	uint32_t owner = s ? (uint32_t)tt_load_relaxed(&m->__data.__owner) : 0;
	int r = tt_real.pthread_mutex_destroy(m);
	if (!s)
		return r;
	uint64_t site = HOOK_SITE(OP_NONE);
	struct tt_caller c = tt_caller_of(site, HOOK_CFA());
	tt_busy_begin(s);
	struct ttrec_lock *l = tt_lock_find((uintptr_t)m);
	if (r == EBUSY) {
		const struct ttrec_thread *o = tt_thread_by_tid(owner);
		uint32_t at = o == s->t ? tt_held_find(s, (uintptr_t)m) : 0;
		tt_misuse(s, TTREC_MISUSE_DESTROY_LOCKED, l, site, o ? o->serial : 0, at ? s->held[at - 1].site : 0, 0, &c);
	} else if (r == 0 && l) {
		tt_lock_death(s, l, site, true);
	}
	tt_busy_end(s);
	return r;
}

TT_EXPORT int pthread_mutex_consistent(pthread_mutex_t *m)
{
	tt_enter(); /* resolves; nothing is recorded: the owner's death was counted when the mutex was taken over */
	return tt_real.pthread_mutex_consistent(m);
}

extern __typeof__(pthread_mutex_lock) __pthread_mutex_lock ALIAS_OF(pthread_mutex_lock);
extern __typeof__(pthread_mutex_trylock) __pthread_mutex_trylock ALIAS_OF(pthread_mutex_trylock);
extern __typeof__(pthread_mutex_unlock) __pthread_mutex_unlock ALIAS_OF(pthread_mutex_unlock);
extern __typeof__(pthread_mutex_init) __pthread_mutex_init ALIAS_OF(pthread_mutex_init);
extern __typeof__(pthread_mutex_destroy) __pthread_mutex_destroy ALIAS_OF(pthread_mutex_destroy);
