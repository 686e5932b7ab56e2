/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mutex.h - the plain mutex of glibc, locked and unlocked without a call; and what other hooks share with hook_mutex.c.
 *
 * A mutex of kind 0 or 512 (normal, private, neither robust nor PI nor PP) is three words since glibc 2.4,
 * nptl/pthread_mutex_lock.c and sysdeps/nptl/lowlevellock.h: __lock is 0 free, 1 taken, 2 taken with waiters; __owner and
 * __nusers belong to the holder. Doing the same here saves two calls per pair, which on machines without branch prediction for
 * indirect calls is all the difference. Anything but the plain case (other kinds, taken, waiters) is left to the C library.
 * tt_mutex_check() proves on a mutex of ours, at start, that library and shim mean the same; if not, every call goes to the
 * library.
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

/* What is done without a call: nothing until the checks passed at the start. One cache line, which every fast path reads. */
extern struct tt_inline {
	int mutex_kind; /* the kind that is locked inline: 0, else one that no mutex has */
	bool rwlock;
	/* sem_wait: bits of the value of which one must be set. 0 until the check, and once somebody called pthread_cancel. */
	uint32_t sem_wait;
	/* Of errno from the thread's own words: both lie in the thread's static block. */
	int64_t errno_at;
} tt_inline __attribute__((visibility("hidden"), aligned(64)));
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

#define TT_MUTEX_NO_ELISION 512 /* PTHREAD_MUTEX_NO_ELISION_NP, nptl/pthreadP.h */

/* Locked inline? What pthread_mutexattr_settype(NORMAL) and mtx_init leave is just as plain. */
TT_INLINE bool tt_mutex_is_plain(const pthread_mutex_t *m)
{
	return likely((tt_load_relaxed(&m->__data.__kind) & ~TT_MUTEX_NO_ELISION) == tt_inline.mutex_kind);
}

/* A plain mutex that is free, as the library would take it. */
TT_INLINE bool tt_mutex_take(const struct tt_self *s, pthread_mutex_t *m)
{
	int taken = 0;
	if (unlikely(!__atomic_compare_exchange_n(&m->__data.__lock, &taken, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		return false;
	tt_store_relaxed(&m->__data.__owner, (int)s->tid);
	m->__data.__nusers++;
	return true;
}

/* As pthread_mutex_trylock, or TT_TRY_NOT. */
TT_INLINE int tt_mutex_trylock(struct tt_self *s, pthread_mutex_t *m)
{
	if (!tt_mutex_is_plain(m))
		return tt_mutex_try_other(m);
	return tt_mutex_take(s, m) ? 0 : EBUSY;
}

/* A plain mutex for which nobody waits, as the library would release it. Nothing of *m is touched once it is free. */
TT_INLINE bool tt_mutex_give(pthread_mutex_t *m)
{
	int taken = 1;
	if (!tt_mutex_is_plain(m) || unlikely(tt_load_relaxed(&m->__data.__lock) != 1))
		return false;
	int owner = tt_load_relaxed(&m->__data.__owner);
	tt_store_relaxed(&m->__data.__owner, 0);
	m->__data.__nusers--;
	if (likely(__atomic_compare_exchange_n(&m->__data.__lock, &taken, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)))
		return true;
	/* A waiter came: the mutex is still ours, as it was; the library is to wake him. */
	m->__data.__nusers++;
	tt_store_relaxed(&m->__data.__owner, owner);
	return false;
}

/*
 * pthread_mutex_lock (or _trylock) and _unlock, recorded, when there is nothing special about it: all that most calls need, and
 * no call in it. op: of site.
 */
enum tt_mutex_fast {
	TT_MUTEX_DONE,
	TT_MUTEX_TAKEN, /* tt_mutex_taken() is to do the books */
	TT_MUTEX_OUT,   /* nothing was done: tt_mutex_lock_out() is to do all */
};
TT_INLINE enum tt_mutex_fast tt_mutex_lock_fast(struct tt_self *s, pthread_mutex_t *m, uint64_t site, enum ttrec_op op)
{
	if (!tt_entered(s) || !tt_mutex_is_plain(m))
		return TT_MUTEX_OUT;
	struct ttrec_line *line = tt_near_ask(s, (uintptr_t)m);
	if (unlikely(!tt_mutex_take(s, m)))
		return TT_MUTEX_OUT;
	struct tt_ready ready;
	struct ttrec_count *e = tt_near_either(s, &line, (uintptr_t)m, site);
	if (unlikely(!e))
		return TT_MUTEX_TAKEN;
	if (line->nests)
		__builtin_prefetch(tt_dep_near(s, (uintptr_t)m));
	if (unlikely(!tt_near_held(s, line, e, site, op, &ready)))
		return TT_MUTEX_TAKEN;
	tt_acquire_commit(s, &ready, (uintptr_t)m, site);
	return TT_MUTEX_DONE;
}
TT_INLINE bool tt_mutex_unlock_fast(struct tt_self *s, pthread_mutex_t *m)
{
	if (unlikely(!tt_entered(s) || !tt_release_is_plain(s, (uintptr_t)m) || !tt_mutex_give(m)))
		return false;
	tt_release_plain(s);
	return true;
}

/* pthread_mutex_lock and _unlock in full, also when nothing is recorded. C11's hooks do not come here then. */
int tt_mutex_lock_out(pthread_mutex_t *m, uint64_t site, uintptr_t cfa);
int tt_mutex_taken(pthread_mutex_t *m, uint64_t site, uintptr_t cfa); /* returns 0 */
int tt_mutex_unlock_out(pthread_mutex_t *m, uint64_t site, uintptr_t cfa);

#endif
