/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_c11.c - mtx_*, cnd_*, thrd_*, call_once.
 *
 * glibc's C11 functions call their pthread counterparts internally, past our hooks. An mtx_t is a pthread_mutex_t there and a
 * cnd_t a pthread_cond_t, so the mutex code is used as it is and its answers are translated as nptl/thrd_priv.h does.
 */
#include "preload/cond.h"
#include "preload/thread.h"

static int c11_result(int r)
{
	switch (r) {
	case 0:
		return thrd_success;
	case ENOMEM:
		return thrd_nomem;
	case ETIMEDOUT:
		return thrd_timedout;
	case EBUSY:
		return thrd_busy;
	default:
		return thrd_error;
	}
}

static pthread_mutex_t *mutex_of(mtx_t *m)
{
	_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mtx_t is a mutex");
	return (pthread_mutex_t *)(void *)m;
}

static pthread_cond_t *cond_of(cnd_t *c)
{
	_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "cnd_t is a condition variable");
	return (pthread_cond_t *)(void *)c;
}

TT_EXPORT int mtx_init(mtx_t *m, int type)
{
	struct tt_self *s = tt_enter();
	if (s)
		tt_mutex_reinit(s, mutex_of(m), HOOK_SITE(OP_NONE), HOOK_CFA());
	int r = REAL(mtx_init)(m, type);
	if (s && r == thrd_success)
		tt_born(s, (uintptr_t)m, HOOK_SITE(OP_NONE), HOOK_CFA(), &tt_mutex_birth, TTREC_LOCK_C11, 0);
	return r;
}

TT_EXPORT void mtx_destroy(mtx_t *m)
{
	struct tt_self *s = tt_enter();
	/* It returns nothing: that of a mutex in use leaves it as it is (2.36, nptl/pthread_mutex_destroy.c). */
	const pthread_mutex_t *pm = mutex_of(m);
	uint32_t owner = s ? (uint32_t)tt_load_relaxed(&pm->__data.__owner) : 0;
	bool used = s && tt_load_relaxed(&pm->__data.__nusers);
	REAL(mtx_destroy)(m);
	if (s)
		tt_mutex_destroyed(s, mutex_of(m), HOOK_SITE(OP_NONE), HOOK_CFA(), owner, used ? EBUSY : 0);
}

TT_EXPORT int mtx_lock(mtx_t *m)
{
	uint64_t site = HOOK_SITE_ONCE(OP_LOCK);
	enum tt_mutex_fast done = tt_mutex_lock_fast(&tt_self, mutex_of(m), site, TTREC_OP_LOCK);
	if (likely(done == TT_MUTEX_DONE))
		return thrd_success;
	if (done == TT_MUTEX_TAKEN)
		return c11_result(tt_mutex_taken(mutex_of(m), site, HOOK_CFA()));
	return tt_enter() ? c11_result(tt_mutex_lock_out(mutex_of(m), site, HOOK_CFA())) : REAL(mtx_lock)(m);
}

TT_EXPORT int mtx_trylock(mtx_t *m)
{
	struct tt_self *s = tt_enter();
	return s ? c11_result(tt_mutex_trylock_hook(s, mutex_of(m), HOOK_SITE(OP_TRYLOCK), HOOK_CFA())) : REAL(mtx_trylock)(m);
}

TT_EXPORT int mtx_timedlock(mtx_t *restrict m, const struct timespec *restrict until)
{
	struct tt_self *s = tt_enter();
	if (!s)
		return REAL(mtx_timedlock)(m, until);
	struct tt_mutex_until u = {.until = until};
	return c11_result(tt_mutex_timed(s, mutex_of(m), HOOK_SITE(OP_TIMEDLOCK), HOOK_CFA(), &u));
}

TT_EXPORT int mtx_unlock(mtx_t *m)
{
	if (likely(tt_mutex_unlock_fast(&tt_self, mutex_of(m))))
		return thrd_success;
	return tt_enter() ? c11_result(tt_mutex_unlock_out(mutex_of(m), HOOK_SITE(OP_LOCK), HOOK_CFA())) : REAL(mtx_unlock)(m);
}

TT_EXPORT int cnd_init(cnd_t *c)
{
	struct tt_self *s = tt_enter();
	int r = REAL(cnd_init)(c);
	if (s && r == thrd_success)
		tt_born(s, (uintptr_t)c, HOOK_SITE(OP_NONE), HOOK_CFA(), &tt_cond_birth, TTREC_LOCK_C11, 0);
	return r;
}

TT_EXPORT void cnd_destroy(cnd_t *c)
{
	struct tt_self *s = tt_enter();
	if (!s) {
		REAL(cnd_destroy)(c);
		return;
	}
	uint64_t waited = tt_cond_destroy_begin(s, cond_of(c), HOOK_SITE(OP_NONE), HOOK_CFA());
	REAL(cnd_destroy)(c);
	tt_cond_destroy_end(s, cond_of(c), HOOK_SITE(OP_NONE), waited);
	tt_died(s, (uintptr_t)c, HOOK_SITE(OP_NONE));
}

TT_EXPORT int cnd_wait(cnd_t *c, mtx_t *m)
{
	struct tt_self *s = tt_enter();
	if (!s)
		return REAL(cnd_wait)(c, m);
	struct tt_cond_wait k __attribute__((cleanup(tt_cond_cancelled)));
	k.w.s = NULL;
	tt_cond_begin(&k, s, cond_of(c), mutex_of(m), HOOK_SITE(OP_COND_WAIT), HOOK_CFA());
	int r = REAL(cnd_wait)(c, m);
	tt_cond_end(&k, 0);
	return r;
}

TT_EXPORT int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict until)
{
	struct tt_self *s = tt_enter();
	if (!s)
		return REAL(cnd_timedwait)(c, m, until);
	struct tt_cond_wait k __attribute__((cleanup(tt_cond_cancelled)));
	k.w.s = NULL;
	tt_cond_begin(&k, s, cond_of(c), mutex_of(m), HOOK_SITE(OP_COND_TIMEDWAIT), HOOK_CFA());
	int r = REAL(cnd_timedwait)(c, m, until);
	tt_cond_end(&k, r == thrd_timedout ? ETIMEDOUT : 0);
	return r;
}

TT_EXPORT int cnd_signal(cnd_t *c)
{
	struct tt_self *s = tt_enter();
	if (s)
		tt_cond_notify(s, cond_of(c), HOOK_SITE(OP_COND_SIGNAL), HOOK_CFA());
	return REAL(cnd_signal)(c);
}

TT_EXPORT int cnd_broadcast(cnd_t *c)
{
	struct tt_self *s = tt_enter();
	if (s)
		tt_cond_notify(s, cond_of(c), HOOK_SITE(OP_COND_BROADCAST), HOOK_CFA());
	return REAL(cnd_broadcast)(c);
}

TT_EXPORT void call_once(once_flag *flag, void (*routine)(void))
{
	/* A once_flag is a pthread_once_t, and glibc's call_once its pthread_once. */
	_Static_assert(sizeof(once_flag) == sizeof(pthread_once_t), "once_flag");
	struct tt_self *s = tt_enter();
	pthread_once_t *once = (pthread_once_t *)(void *)flag;
	if (s && !(tt_load_acquire(once) & 2))
		tt_once(s, once, routine, HOOK_SITE(OP_ONCE), HOOK_CFA());
	else
		REAL(call_once)(flag, routine);
}

/* ------------------------------------------------------------------ threads */

static int thread_main_c11(void *arg)
{
	struct ttrec_thread *t = arg;
	thrd_start_t routine = (thrd_start_t)(uintptr_t)t->start_routine;
	void *routine_arg = (void *)(uintptr_t)tt_g.p->start_arg[t->slot];
	tt_thread_begins(t);
	int frame __attribute__((cleanup(tt_thread_leaves_frame), unused)) = 0;
	return routine(routine_arg);
}

TT_EXPORT int thrd_create(thrd_t *thread, thrd_start_t routine, void *arg)
{
	struct tt_self *s = tt_enter();
	if (!s)
		return REAL(thrd_create)(thread, routine, arg);
	uint64_t site = HOOK_SITE(OP_CREATE);
	struct tt_create k;
	tt_create_begin(s, &k, (uintptr_t)routine, (uintptr_t)arg, NULL, site, HOOK_CFA());
	if (!k.t)
		return REAL(thrd_create)(thread, routine, arg);
	k.t->flags |= TTREC_THREAD_C11;
	int r = REAL(thrd_create)(thread, thread_main_c11, k.t);
	tt_create_end(s, &k, r == thrd_success ? 0 : EAGAIN, (const pthread_t *)thread, site);
	return r;
}

TT_EXPORT int thrd_join(thrd_t thread, int *ret)
{
	struct tt_self *s = tt_enter();
	if (!s)
		return REAL(thrd_join)(thread, ret);
	struct tt_join j __attribute__((cleanup(tt_join_cleanup))) = {0};
	tt_join_begin(s, &j, (pthread_t)thread, HOOK_SITE(OP_JOIN), HOOK_CFA());
	int r = REAL(thrd_join)(thread, ret);
	tt_join_end(&j, r == thrd_success ? 0 : EINVAL, HOOK_CFA());
	return r;
}

TT_EXPORT int thrd_detach(thrd_t thread)
{
	struct tt_self *s = tt_enter();
	struct ttrec_thread *t = s ? tt_thread_by_pthread((uint64_t)thread) : NULL;
	int r = REAL(thrd_detach)(thread);
	if (s && r == thrd_success)
		tt_detached(s, t, HOOK_SITE(OP_NONE));
	return r;
}

TT_EXPORT void thrd_exit(int ret)
{
	struct tt_self *s = tt_enter();
	if (s && s->t->flags & (TTREC_THREAD_MAIN | TTREC_THREAD_ADOPTED))
		tt_thread_leaves(NULL);
	REAL(thrd_exit)(ret);
	__builtin_unreachable();
}
