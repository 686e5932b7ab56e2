/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hook_sync.c - barriers, spinlocks, pthread_once. */
#include "preload/acquire.h"

/* ------------------------------------------------------------------ barriers */

_Static_assert(sizeof(pthread_barrier_t) == 32, "freed.c, SMALLEST");
static const struct tt_birth barrier_birth = {.kind = TTREC_KIND_BARRIER};

TT_EXPORT int pthread_barrier_init(pthread_barrier_t *b, const pthread_barrierattr_t *attr, unsigned count)
{
	struct tt_self *s = tt_enter();
	int r = REAL(pthread_barrier_init)(b, attr, count);
	if (s && r == 0)
		tt_born(s, (uintptr_t)b, HOOK_SITE(OP_NONE), HOOK_CFA(), &barrier_birth, 0, count);
	return r;
}

TT_EXPORT int pthread_barrier_destroy(pthread_barrier_t *b)
{
	struct tt_self *s = tt_enter();
	int r = REAL(pthread_barrier_destroy)(b);
	if (s && r == 0)
		tt_died(s, (uintptr_t)b, HOOK_SITE(OP_NONE));
	return r;
}

/* Every arrival is a wait, the last one a short one. The barrier may be destroyed by whoever leaves first. */
TT_EXPORT int pthread_barrier_wait(pthread_barrier_t *b)
{
	struct tt_self *s = tt_enter();
	if (!s)
		return REAL(pthread_barrier_wait)(b);
	struct tt_wait_for w;
	uint64_t site = HOOK_SITE(OP_BARRIER_WAIT);
	tt_counted(s, (uintptr_t)b, site, &barrier_birth);
	tt_wait_begin(&w, s, (uintptr_t)b, site, HOOK_CFA(), &barrier_birth, TTREC_WAIT_BARRIER, NULL, 0, false);
	int r = REAL(pthread_barrier_wait)(b);
	tt_wait_over(&w, false, TTREC_OP_NONE);
	if (s->t->held_depth) {
		tt_busy_begin(s);
		tt_held_while_blocked(s, 0, site, tt_now() - w.b.t0, &w.caller);
		tt_busy_end(s);
	}
	return r;
}

/* ------------------------------------------------------------------ spinlocks */

static const struct tt_birth spin_birth = {.kind = TTREC_KIND_SPIN};

TT_EXPORT int pthread_spin_init(pthread_spinlock_t *l, int pshared)
{
	struct tt_self *s = tt_enter();
	int r = REAL(pthread_spin_init)(l, pshared);
	if (s && r == 0)
		tt_born(s, (uintptr_t)l, HOOK_SITE(OP_NONE), HOOK_CFA(), &spin_birth, pshared ? TTREC_LOCK_PSHARED : 0, 0);
	return r;
}

TT_EXPORT int pthread_spin_destroy(pthread_spinlock_t *l)
{
	struct tt_self *s = tt_enter();
	int r = REAL(pthread_spin_destroy)(l);
	if (s && r == 0)
		tt_died(s, (uintptr_t)l, HOOK_SITE(OP_NONE));
	return r;
}

static TT_NOINLINE int spin_slow(struct tt_self *s, pthread_spinlock_t *l, uint64_t site, uintptr_t cfa)
{
	struct tt_wait_for w;
	tt_wait_begin(&w, s, (uintptr_t)l, site, cfa, &spin_birth, TTREC_WAIT_LOCK, tt_holder_scan(s, (uintptr_t)l), 0, true);
	int r = REAL(pthread_spin_lock)(l);
	if (r == 0)
		tt_wait_got(&w, TTREC_OP_NONE);
	else
		tt_wait_over(&w, false, TTREC_OP_NONE);
	return r;
}

TT_EXPORT int pthread_spin_lock(pthread_spinlock_t *l)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return REAL(pthread_spin_lock)(l);
	uint64_t site = HOOK_SITE(OP_LOCK);
	struct tt_ready ready = tt_acquire_prepare(s, (uintptr_t)l, site, true);
	if (unlikely(REAL(pthread_spin_trylock)(l)))
		return spin_slow(s, l, site, HOOK_CFA());
	if (likely(ready.e))
		tt_acquire_commit(s, &ready, (uintptr_t)l, site);
	else
		tt_got(s, (uintptr_t)l, site, HOOK_CFA(), &spin_birth, TTREC_OP_NONE);
	return 0;
}

TT_EXPORT int pthread_spin_trylock(pthread_spinlock_t *l)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return REAL(pthread_spin_trylock)(l);
	uint64_t site = HOOK_SITE(OP_TRYLOCK);
	struct tt_ready ready = tt_acquire_prepare(s, (uintptr_t)l, site, true);
	int r = REAL(pthread_spin_trylock)(l);
	if (r)
		tt_counted_again(s, (uintptr_t)l, tt_site_as(site, TTREC_OP_TRY_FAILED), &spin_birth);
	else if (likely(ready.e))
		tt_acquire_commit(s, &ready, (uintptr_t)l, site);
	else
		tt_got(s, (uintptr_t)l, site, HOOK_CFA(), &spin_birth, TTREC_OP_NONE);
	return r;
}

TT_EXPORT int pthread_spin_unlock(pthread_spinlock_t *l)
{
	struct tt_self *s = tt_enter();
	if (likely(s) && likely(tt_release_is_plain(s, (uintptr_t)l))) {
		int r = REAL(pthread_spin_unlock)(l);
		tt_release_plain(s);
		return r;
	}
	uint32_t at = s ? tt_held_find(s, (uintptr_t)l) : 0;
	uint64_t now = at ? tt_now() : 0;
	int r = REAL(pthread_spin_unlock)(l);
	if (at)
		tt_released(s, (uintptr_t)l, at, now, HOOK_SITE(OP_LOCK), HOOK_CFA());
	return r;
}

/* ------------------------------------------------------------------ once */

static const struct tt_birth once_birth = {.kind = TTREC_KIND_ONCE};

#define ONCE_DONE 2 /* glibc, nptl/pthreadP.h: __PTHREAD_ONCE_DONE */

/*
 * Nothing is recorded once it is done: that path is hot in C++ programs, and there is nothing to tell. Before, the call either
 * runs the routine, with all its hooks, or waits for another thread that does; which of both is known when it returns.
 */
int tt_once(struct tt_self *s, pthread_once_t *once, void (*routine)(void), uint64_t site, uintptr_t cfa)
{
	/* 1: in progress. Then this is a wait; else the routine runs here and its time is no wait. */
	if (!(tt_load_relaxed(once) & 1)) {
		tt_counted(s, (uintptr_t)once, site, &once_birth);
		return REAL(pthread_once)(once, routine);
	}
	struct tt_wait_for w __attribute__((cleanup(tt_wait_cancelled)));
	w.s = NULL;
	tt_counted(s, (uintptr_t)once, site, &once_birth);
	tt_wait_begin(&w, s, (uintptr_t)once, site, cfa, &once_birth, TTREC_WAIT_ONCE, NULL, 0, false);
	int r = REAL(pthread_once)(once, routine);
	tt_wait_over(&w, false, TTREC_OP_NONE);
	return r;
}

TT_EXPORT int pthread_once(pthread_once_t *once, void (*routine)(void))
{
	struct tt_self *s = tt_enter();
	if (!s || tt_load_acquire(once) & ONCE_DONE)
		return REAL(pthread_once)(once, routine);
	return tt_once(s, once, routine, HOOK_SITE(OP_ONCE), HOOK_CFA());
}

extern __typeof__(pthread_once) __pthread_once ALIAS_OF(pthread_once);
