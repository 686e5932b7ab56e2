/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_rwlock.c - pthread_rwlock_*, readers and writers apart.
 *
 * A writer that waits is charged to the writer that glibc names (__cur_writer), else to one of the readers that hold it, found
 * in the held stacks: the lock itself keeps only their number.
 */
#include "preload/mutex.h"

static void rwlock_describe(struct tt_birth *b, uint64_t object)
{
	const pthread_rwlock_t *rw = (const void *)(uintptr_t)object;
	static const uint8_t types[3] = {TTREC_TYPE_PREFER_READER, TTREC_TYPE_PREFER_WRITER, TTREC_TYPE_PREFER_WRITER_NR};
	unsigned flags = rw->__data.__flags;
	b->type = flags < 3 ? types[flags] : TTREC_TYPE_UNKNOWN;
	if (rw->__data.__shared)
		b->flags |= TTREC_LOCK_PSHARED;
}

static const struct tt_birth rwlock_birth = {.kind = TTREC_KIND_RWLOCK, .describe = rwlock_describe};

/* ------------------------------------------------------------------ the plain read pair, without a call */

/*
 * glibc since 2.25, nptl/pthread_rwlock_common.c: __readers holds the number of readers from bit 3 on; bit 0 says that it is
 * the writers' phase, bit 1 that a writer has it or waits, bit 2 that readers wait. With none of them a reader comes and goes
 * by a compare and swap of 8, which is what the library does then. Everything else is left to it.
 */
#define RW_FLAGS  7u
#define RW_READER 8u
#define RW_MANY   (1u << 30) /* far below glibc's limit on readers */

/* A reader comes or goes; false: that is not all there is to it, or another thread was faster. */
TT_INLINE bool rwlock_come(pthread_rwlock_t *rw)
{
	unsigned r = tt_load_relaxed(&rw->__data.__readers);
	return likely(!(r & RW_FLAGS) && r < RW_MANY) &&
	       __atomic_compare_exchange_n(&rw->__data.__readers, &r, r + RW_READER, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
TT_INLINE bool rwlock_go(pthread_rwlock_t *rw)
{
	unsigned r = tt_load_relaxed(&rw->__data.__readers);
	return likely(!(r & RW_FLAGS) && r >= RW_READER) &&
	       __atomic_compare_exchange_n(&rw->__data.__readers, &r, r - RW_READER, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/* Proves on a lock of ours that library and shim mean the same. */
void tt_rwlock_check(void)
{
	pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER, rest;
	bool same = REAL(pthread_rwlock_rdlock)(&rw) == 0 && REAL(pthread_rwlock_rdlock)(&rw) == 0 &&
	            rw.__data.__readers == 2 * RW_READER;
	same = same && REAL(pthread_rwlock_unlock)(&rw) == 0 && rw.__data.__readers == RW_READER;
	rw.__data.__readers += RW_READER;
	same = same && REAL(pthread_rwlock_trywrlock)(&rw) == EBUSY && REAL(pthread_rwlock_unlock)(&rw) == 0;
	rest = rw;
	rest.__data.__readers = 0;
	pthread_rwlock_t fresh = PTHREAD_RWLOCK_INITIALIZER;
	same = same && rw.__data.__readers == RW_READER && __builtin_memcmp(&rest, &fresh, sizeof(rest)) == 0;
	if (same)
		tt_store_relaxed(&tt_inline.rwlock, true);
}

/* ------------------------------------------------------------------ locking */

struct rwlock_until {
	const struct timespec *until; /* NULL: for ever */
	clockid_t clock;
	bool has_clock, write;
};

static int rwlock_real_wait(pthread_rwlock_t *rw, const struct rwlock_until *u)
{
	if (!u->until)
		return u->write ? REAL(pthread_rwlock_wrlock)(rw) : REAL(pthread_rwlock_rdlock)(rw);
	if (u->has_clock)
		return u->write ? REAL(pthread_rwlock_clockwrlock)(rw, u->clock, u->until)
		                : REAL(pthread_rwlock_clockrdlock)(rw, u->clock, u->until);
	return u->write ? REAL(pthread_rwlock_timedwrlock)(rw, u->until) : REAL(pthread_rwlock_timedrdlock)(rw, u->until);
}

/* try said r, not 0. */
static TT_NOINLINE int rwlock_slow(
	struct tt_self *s, pthread_rwlock_t *rw, uint64_t site, uintptr_t cfa, int r, const struct rwlock_until *u)
{
	struct tt_wait_for w;
	w.s = NULL;
	if (r == EBUSY) {
		uint32_t tid = (uint32_t)tt_load_relaxed(&rw->__data.__cur_writer);
		struct ttrec_thread *holder = tid == s->tid ? s->t : tt_thread_by_tid(tid);
		if (!holder)
			holder = tt_holder_scan(s, (uintptr_t)rw);
		tt_wait_begin(&w, s, (uintptr_t)rw, site, cfa, &rwlock_birth, u->write ? TTREC_WAIT_LOCK : TTREC_WAIT_RDLOCK,
			holder, 0, true);
	}
	r = rwlock_real_wait(rw, u);
	if (r == 0) {
		if (w.s)
			tt_wait_got(&w, TTREC_OP_NONE);
		else
			tt_got(s, (uintptr_t)rw, site, cfa, &rwlock_birth, TTREC_OP_NONE);
		return r;
	}
	if (w.s)
		tt_wait_failed(&w, r);
	if (r != ETIMEDOUT)
		tt_call_failed(s, (uintptr_t)rw, site, cfa, r);
	return r;
}

static const struct rwlock_until read_for_ever = {.write = false}, write_for_ever = {.write = true};

TT_INLINE int rwlock_lock(struct tt_self *s, pthread_rwlock_t *rw, uint64_t site, uintptr_t cfa, const struct rwlock_until *u)
{
	struct tt_ready ready = tt_acquire_prepare(s, (uintptr_t)rw, site, true);
	int r = 0;
	if (u->write)
		r = REAL(pthread_rwlock_trywrlock)(rw);
	else if (unlikely(!tt_inline.rwlock || !rwlock_come(rw)))
		r = REAL(pthread_rwlock_tryrdlock)(rw);
	if (unlikely(r))
		return rwlock_slow(s, rw, site, cfa, r, u);
	if (likely(ready.e))
		tt_acquire_commit(s, &ready, (uintptr_t)rw, site);
	else
		tt_got(s, (uintptr_t)rw, site, cfa, &rwlock_birth, TTREC_OP_NONE);
	return 0;
}

static int rwlock_try(struct tt_self *s, pthread_rwlock_t *rw, uint64_t site, uintptr_t cfa, bool write)
{
	int r = write ? REAL(pthread_rwlock_trywrlock)(rw) : REAL(pthread_rwlock_tryrdlock)(rw);
	if (r == 0)
		tt_got(s, (uintptr_t)rw, site, cfa, &rwlock_birth, TTREC_OP_NONE);
	else if (r == EBUSY)
		tt_counted_again(s, (uintptr_t)rw, tt_site_as(site, TTREC_OP_TRY_FAILED), &rwlock_birth);
	else
		tt_call_failed(s, (uintptr_t)rw, site, cfa, r);
	return r;
}

/* pthread_rwlock_rdlock when there is nothing special about it, without a call. False: nothing was done. */
TT_INLINE bool rwlock_read(struct tt_self *s, pthread_rwlock_t *rw, uint64_t site)
{
	if (!tt_entered(s) || unlikely(!tt_inline.rwlock))
		return false;
	struct tt_ready ready;
	struct ttrec_line *line = tt_near(s, (uintptr_t)rw);
	struct ttrec_count *e = tt_near_either(s, &line, (uintptr_t)rw, site);
	if (unlikely(!e || !tt_near_held(s, line, e, site, TTREC_OP_RDLOCK, &ready)) || unlikely(!rwlock_come(rw)))
		return false;
	tt_acquire_commit(s, &ready, (uintptr_t)rw, site);
	return true;
}

static TT_NOINLINE int rwlock_rdlock_out(pthread_rwlock_t *rw, uint64_t site, uintptr_t cfa)
{
	struct tt_self *s = tt_enter();
	return likely(s) ? rwlock_lock(s, rw, site, cfa, &read_for_ever) : REAL(pthread_rwlock_rdlock)(rw);
}

TT_EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t *rw)
{
	uint64_t site = HOOK_SITE_ONCE(OP_RDLOCK);
	return likely(rwlock_read(&tt_self, rw, site)) ? 0 : rwlock_rdlock_out(rw, site, HOOK_CFA());
}

TT_EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t *rw)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return REAL(pthread_rwlock_wrlock)(rw);
	return rwlock_lock(s, rw, HOOK_SITE(OP_LOCK), HOOK_CFA(), &write_for_ever);
}

TT_EXPORT int pthread_rwlock_tryrdlock(pthread_rwlock_t *rw)
{
	struct tt_self *s = tt_enter();
	return s ? rwlock_try(s, rw, HOOK_SITE(OP_TRYRDLOCK), HOOK_CFA(), false) : REAL(pthread_rwlock_tryrdlock)(rw);
}

TT_EXPORT int pthread_rwlock_trywrlock(pthread_rwlock_t *rw)
{
	struct tt_self *s = tt_enter();
	return s ? rwlock_try(s, rw, HOOK_SITE(OP_TRYLOCK), HOOK_CFA(), true) : REAL(pthread_rwlock_trywrlock)(rw);
}

/* glibc checks the time's form before it looks at the lock: an odd one goes straight to the real function. */
static bool until_is_odd(const struct timespec *t)
{
	return t->tv_nsec < 0 || t->tv_nsec >= 1000000000;
}

TT_EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t *rw, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s) || until_is_odd(until))
		return REAL(pthread_rwlock_timedrdlock)(rw, until);
	struct rwlock_until u = {.until = until};
	return rwlock_lock(s, rw, HOOK_SITE(OP_TIMEDRDLOCK), HOOK_CFA(), &u);
}

TT_EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t *rw, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s) || until_is_odd(until))
		return REAL(pthread_rwlock_timedwrlock)(rw, until);
	struct rwlock_until u = {.until = until, .write = true};
	return rwlock_lock(s, rw, HOOK_SITE(OP_TIMEDLOCK), HOOK_CFA(), &u);
}

static bool clock_is_odd(clockid_t clock)
{
	return clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME;
}

TT_EXPORT int pthread_rwlock_clockrdlock(pthread_rwlock_t *rw, clockid_t clock, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s) || clock_is_odd(clock) || until_is_odd(until))
		return REAL(pthread_rwlock_clockrdlock)(rw, clock, until);
	struct rwlock_until u = {.until = until, .clock = clock, .has_clock = true};
	return rwlock_lock(s, rw, HOOK_SITE(OP_TIMEDRDLOCK), HOOK_CFA(), &u);
}

TT_EXPORT int pthread_rwlock_clockwrlock(pthread_rwlock_t *rw, clockid_t clock, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s) || clock_is_odd(clock) || until_is_odd(until))
		return REAL(pthread_rwlock_clockwrlock)(rw, clock, until);
	struct rwlock_until u = {.until = until, .clock = clock, .has_clock = true, .write = true};
	return rwlock_lock(s, rw, HOOK_SITE(OP_TIMEDLOCK), HOOK_CFA(), &u);
}

static TT_NOINLINE int rwlock_unlock_slow(struct tt_self *s, pthread_rwlock_t *rw, uint64_t site, uintptr_t cfa)
{
	uint32_t at = tt_held_find(s, (uintptr_t)rw);
	uint64_t now = at && TTREC_HELD_FLAGS(s->held[at - 1].site) ? tt_now() : 0;
	uint32_t writer = (uint32_t)tt_load_relaxed(&rw->__data.__cur_writer);
	unsigned readers = tt_load_relaxed(&rw->__data.__readers) >> 3;
	int r = REAL(pthread_rwlock_unlock)(rw);
	if (at) {
		if (r == 0)
			tt_released(s, (uintptr_t)rw, at, now, site, cfa);
		return r;
	}
	/* Of readers the lock knows no names: only a writer's lock, or a free one, tells that this was wrong. */
	bool unlocked = !writer && !readers;
	if ((unlocked || (writer && writer != s->tid)) && !(s->t->flags & TTREC_THREAD_FORKED)) {
		struct tt_caller c = tt_caller_of(site, cfa);
		tt_busy_begin(s);
		const struct ttrec_thread *o = tt_thread_by_tid(writer);
		struct ttrec_lock *l = tt_lock_find((uintptr_t)rw), *dead = l ? NULL : tt_lock_find_destroyed((uintptr_t)rw);
		if (dead)
			tt_misuse(s, TTREC_MISUSE_USE_AFTER_DESTROY, dead, site, 0, dead->death_site, 0, &c);
		else
			tt_misuse(s, unlocked ? TTREC_MISUSE_UNLOCK_UNLOCKED : TTREC_MISUSE_UNLOCK_NOT_OWNER, l, site,
				o ? o->serial : 0, 0, 0, &c);
		tt_busy_end(s);
	}
	return r;
}

static TT_NOINLINE int rwlock_unlock_out(pthread_rwlock_t *rw, uint64_t site, uintptr_t cfa)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return REAL(pthread_rwlock_unlock)(rw);
	if (unlikely(!tt_release_is_plain(s, (uintptr_t)rw))) {
		uint32_t at = tt_inline.rwlock ? tt_held_find(s, (uintptr_t)rw) : 0;
		uint64_t word = at ? tt_load_relaxed(&s->held[at - 1].site) : 0;
		/* A reader that took others after it, and nothing else to be done. */
		if (!at || TTREC_HELD_FLAGS(word) || TTREC_SITE_OP(word) != TTREC_OP_RDLOCK || !rwlock_go(rw))
			return rwlock_unlock_slow(s, rw, site, cfa);
		tt_release_under(s, (uintptr_t)rw);
		return 0;
	}
	int r = REAL(pthread_rwlock_unlock)(rw);
	if (likely(r == 0))
		tt_release_plain(s);
	return r;
}

TT_EXPORT int pthread_rwlock_unlock(pthread_rwlock_t *rw)
{
	struct tt_self *s = &tt_self;
	if (tt_entered(s) && likely(tt_inline.rwlock && tt_release_is_plain(s, (uintptr_t)rw)) &&
		TTREC_SITE_OP(s->held[s->t->held_depth - 1].site) == TTREC_OP_RDLOCK && likely(rwlock_go(rw))) {
		tt_release_plain(s);
		return 0;
	}
	return rwlock_unlock_out(rw, HOOK_SITE(OP_RDLOCK), HOOK_CFA());
}

TT_EXPORT int pthread_rwlock_init(pthread_rwlock_t *rw, const pthread_rwlockattr_t *attr)
{
	struct tt_self *s = tt_enter();
	int r = REAL(pthread_rwlock_init)(rw, attr);
	if (s && r == 0)
		tt_born(s, (uintptr_t)rw, HOOK_SITE(OP_NONE), HOOK_CFA(), &rwlock_birth, 0, 0);
	return r;
}

TT_EXPORT int pthread_rwlock_destroy(pthread_rwlock_t *rw)
{
	struct tt_self *s = tt_enter();
	uint32_t writer = s ? (uint32_t)tt_load_relaxed(&rw->__data.__cur_writer) : 0;
	unsigned readers = s ? tt_load_relaxed(&rw->__data.__readers) >> 3 : 0;
	int r = REAL(pthread_rwlock_destroy)(rw);
	if (!s || r)
		return r;
	if (writer || readers) {
		struct tt_caller c = tt_caller_of(HOOK_SITE(OP_NONE), HOOK_CFA());
		tt_busy_begin(s);
		const struct ttrec_thread *o = tt_thread_by_tid(writer);
		tt_misuse(s, TTREC_MISUSE_DESTROY_LOCKED, tt_lock_find((uintptr_t)rw), HOOK_SITE(OP_NONE), o ? o->serial : 0, 0,
			0, &c);
		tt_busy_end(s);
	}
	tt_died(s, (uintptr_t)rw, HOOK_SITE(OP_NONE));
	return r;
}

extern __typeof__(pthread_rwlock_init) __pthread_rwlock_init ALIAS_OF(pthread_rwlock_init);
extern __typeof__(pthread_rwlock_destroy) __pthread_rwlock_destroy ALIAS_OF(pthread_rwlock_destroy);
extern __typeof__(pthread_rwlock_rdlock) __pthread_rwlock_rdlock ALIAS_OF(pthread_rwlock_rdlock);
extern __typeof__(pthread_rwlock_tryrdlock) __pthread_rwlock_tryrdlock ALIAS_OF(pthread_rwlock_tryrdlock);
extern __typeof__(pthread_rwlock_wrlock) __pthread_rwlock_wrlock ALIAS_OF(pthread_rwlock_wrlock);
extern __typeof__(pthread_rwlock_trywrlock) __pthread_rwlock_trywrlock ALIAS_OF(pthread_rwlock_trywrlock);
extern __typeof__(pthread_rwlock_unlock) __pthread_rwlock_unlock ALIAS_OF(pthread_rwlock_unlock);
