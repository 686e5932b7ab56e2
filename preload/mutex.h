/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mutex.h - the plain mutex of glibc, locked and unlocked without a call; and what other hooks share with hook_mutex.c.
 *
 * A mutex of kind 0 (normal, private, neither robust nor PI nor PP) is three words since glibc 2.4, nptl/pthread_mutex_lock.c
 * and sysdeps/nptl/lowlevellock.h: __lock is 0 free, 1 taken, 2 taken with waiters; __owner and __nusers belong to the holder.
 * Doing the same here saves two calls per pair, which on machines without branch prediction for indirect calls is all
 * the difference. Anything but the plain case (other kinds, taken, waiters) is left to the C library. tt_mutex_check() proves
 * on a mutex of ours, at start, that library and shim mean the same; if not, every call goes to the library.
 */
#ifndef TT_PRELOAD_MUTEX_H
#define TT_PRELOAD_MUTEX_H

#include "preload/acquire.h"

extern const struct tt_birth tt_mutex_birth;

/* How long to wait: the three real functions behind one shape. until == NULL: for ever. */
struct tt_mutex_until {
	const struct timespec *until;
	clockid_t clock;
	bool has_clock;
};
extern const struct tt_mutex_until tt_mutex_for_ever __attribute__((visibility("hidden")));
int tt_mutex_got(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, int r); /* returns r */
int tt_mutex_lock_slow(
	struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, int r, const struct tt_mutex_until *u);
int tt_mutex_timed(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, const struct tt_mutex_until *u);
int tt_mutex_trylock_hook(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa);
int tt_mutex_unlock_slow(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa);
/* After the real destroy call, which gave r; owner: as the mutex said before it. */
void tt_mutex_destroyed(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, uint32_t owner, int r);
void tt_mutex_reinit(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa);

/* The kind that is locked inline: 0 when the check passed, else one that no mutex has. */
extern int tt_mutex_inline_kind __attribute__((visibility("hidden")));
extern bool tt_mutex_inline_ok __attribute__((visibility("hidden"))); /* semaphores likewise */
extern bool tt_rwlock_inline_ok __attribute__((visibility("hidden")));
void tt_rwlock_check(void);
void tt_mutex_check(bool wanted);

/* Somebody called pthread_cancel: from then on hooks of cancellation points that need not wait ask whether they are to act. */
extern bool tt_cancel_used __attribute__((visibility("hidden")));

/*
 * The try before a lock, for kinds that are not locked inline. A robust mutex that is not recoverable must not be tried:
 * glibc's trylock (2.36, nptl/pthread_mutex_trylock.c) then leaves it locked for ever, where lock goes on reporting the error.
 * For a priority-protected one, trylock and lock differ in the errors that they find.
 */
#define TT_TRY_NOT 1000 /* not tried: the real function is to decide */
static inline int tt_mutex_try_other(pthread_mutex_t *m)
{
	int not_recoverable = 0x7ffffffe; /* PTHREAD_MUTEX_NOTRECOVERABLE, nptl/pthreadP.h */
	if (m->__data.__kind & 16 && tt_load_relaxed(&m->__data.__owner) == not_recoverable)
		return TT_TRY_NOT;
	/* The low 19 bits of a PP mutex are its state, above them the ceiling. */
	if (m->__data.__kind & 64)
		return tt_load_relaxed(&m->__data.__lock) & 0x7ffff ? EBUSY : TT_TRY_NOT;
	return REAL(pthread_mutex_trylock)(m);
}

/* As pthread_mutex_trylock, or TT_TRY_NOT. */
TT_INLINE int tt_mutex_trylock(struct tt_self *s, pthread_mutex_t *m)
{
	if (unlikely(tt_load_relaxed(&m->__data.__kind) != tt_mutex_inline_kind))
		return tt_mutex_try_other(m);
	int taken = 0;
	if (unlikely(!__atomic_compare_exchange_n(&m->__data.__lock, &taken, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		return EBUSY;
	tt_store_relaxed(&m->__data.__owner, (int)s->tid);
	m->__data.__nusers++;
	return 0;
}

/* As pthread_mutex_unlock. Nothing of *m is touched once it is free. */
TT_INLINE int tt_mutex_unlock(pthread_mutex_t *m)
{
	int taken = 1;
	if (unlikely(tt_load_relaxed(&m->__data.__kind) != tt_mutex_inline_kind || tt_load_relaxed(&m->__data.__lock) != 1))
		return REAL(pthread_mutex_unlock)(m);
	int owner = tt_load_relaxed(&m->__data.__owner);
	tt_store_relaxed(&m->__data.__owner, 0);
	m->__data.__nusers--;
	if (likely(__atomic_compare_exchange_n(&m->__data.__lock, &taken, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)))
		return 0;
	/* A waiter came: the mutex is still ours, as it was; the library wakes him. */
	m->__data.__nusers++;
	tt_store_relaxed(&m->__data.__owner, owner);
	return REAL(pthread_mutex_unlock)(m);
}

/* As pthread_mutex_lock, recorded. */
TT_INLINE int tt_mutex_lock_hook(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa)
{
	struct tt_ready ready = tt_acquire_prepare(s, (uintptr_t)m, site);
	int r = tt_mutex_trylock(s, m);
	if (unlikely(r))
		return tt_mutex_lock_slow(s, m, site, cfa, r, &tt_mutex_for_ever);
	if (unlikely(!ready.e))
		return tt_mutex_got(s, m, site, cfa, 0);
	tt_acquire_commit(s, &ready, (uintptr_t)m, site);
	return 0;
}

/* As pthread_mutex_unlock, recorded. */
TT_INLINE int tt_mutex_unlock_hook(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa)
{
	if (unlikely(!tt_release_is_plain(s, (uintptr_t)m)))
		return tt_mutex_unlock_slow(s, m, site, cfa);
	int r = tt_mutex_unlock(m);
	if (likely(r == 0))
		tt_release_plain(s);
	return r;
}

#endif
