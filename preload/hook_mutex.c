/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_mutex.c - pthread_mutex_*.
 *
 * The uncontended path is trylock, push, count. What trylock says decides: 0 and EOWNERDEAD are acquisitions; EBUSY means wait,
 * but for a mutex that is given back at once (mutex_soon); anything else goes to the real lock function, whose answer the
 * program gets. The mutex's memory is only read, but for the words of plain ones (mutex.h), and not after the unlock.
 */
#include "preload/mutex.h"

#include <limits.h>

_Static_assert(__builtin_offsetof(pthread_mutex_t, __data.__owner) == 8, "locks.c, OWNER_AT");

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

struct tt_inline tt_inline = {.mutex_kind = -2};
const struct tt_mutex_until tt_mutex_for_ever;

/* Does the library do to a mutex of that kind what mutex.h thinks it does, and does it accept what mutex.h does? */
static bool inline_agrees(int kind)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	m.__data.__kind = kind;
	int tid = (int)tt_self.tid;
	bool same = REAL(pthread_mutex_lock)(&m) == 0;
	same = same && m.__data.__kind == kind && m.__data.__lock == 1 && m.__data.__owner == tid && m.__data.__nusers == 1;
	same = same && REAL(pthread_mutex_unlock)(&m) == 0;
	same = same && m.__data.__lock == 0 && m.__data.__owner == 0 && m.__data.__nusers == 0;
	if (!same)
		return false;
	m.__data.__lock = 1;
	m.__data.__owner = tid;
	m.__data.__nusers = 1;
	same = REAL(pthread_mutex_trylock)(&m) == EBUSY && REAL(pthread_mutex_unlock)(&m) == 0;
	return same && m.__data.__lock == 0 && m.__data.__owner == 0 && m.__data.__nusers == 0 && m.__data.__kind == kind;
}

void tt_mutex_check(bool wanted)
{
	if (!wanted || !inline_agrees(0) || !inline_agrees(TT_MUTEX_NO_ELISION))
		return;
	tt_store_relaxed(&tt_inline.mutex_kind, 0);
	/* Likewise semaphores: struct new_sem, 64-bit: value in the low half of the first word, waiters in the high half. */
	sem_t sem;
	uint64_t data;
	bool same = REAL(sem_init)(&sem, 0, 1) == 0 && REAL(sem_post)(&sem) == 0;
	__builtin_memcpy(&data, &sem, sizeof(data));
	same = same && data == 2 && REAL(sem_trywait)(&sem) == 0;
	__builtin_memcpy(&data, &sem, sizeof(data));
	same = same && data == 1;
	if (same) {
		tt_inline.errno_at = (int64_t)((uintptr_t)&errno - (uintptr_t)&tt_self);
		tt_g.sem_inline = true;
		for (uint64_t e = tt_load_relaxed(&tt_epochs); e && !tt_cas_acq_rel(&tt_epochs, &e, tt_epochs_of((uint32_t)e));)
			;
		/* pthread_cancel stores in the other order: either it clears what is set here, or is seen here. */
		__atomic_store_n(&tt_inline.sem_wait, UINT32_MAX, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&tt_cancel_used, __ATOMIC_SEQ_CST))
			tt_store_relaxed(&tt_inline.sem_wait, 0u);
	}
	tt_rwlock_check();
}

const struct tt_birth tt_mutex_birth = {.kind = TTREC_KIND_MUTEX, .describe = mutex_describe};

static enum ttrec_op extra_of(int r)
{
	return r == EOWNERDEAD ? TTREC_OP_OWNER_DIED : TTREC_OP_NONE;
}

/* Got without waiting, but not plain: first use, timed hold, new order, owner died. Returns r. */
TT_NOINLINE int tt_mutex_got(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, int r)
{
	tt_got(s, (uintptr_t)m, site, cfa, &tt_mutex_birth, extra_of(r));
	return r;
}

static int mutex_real_wait(pthread_mutex_t *m, const struct tt_mutex_until *u)
{
	if (!u->until)
		return REAL(pthread_mutex_lock)(m);
	if (u->has_clock)
		return REAL(pthread_mutex_clocklock)(m, u->clock, u->until);
	return REAL(pthread_mutex_timedlock)(m, u->until);
}

/* Who had the mutex when it was last looked at: to look for a thread may take a walk over all. */
struct mutex_owner {
	uint32_t tid;
	struct ttrec_thread *thread; /* NULL: not known */
};

static void mutex_owner_look(struct mutex_owner *o, const struct tt_self *s, const pthread_mutex_t *m)
{
	uint32_t tid = (uint32_t)tt_load_relaxed(&m->__data.__owner);
	if (tid != o->tid)
		o->thread = tid == s->tid ? s->t : tt_thread_by_tid(tid);
	o->tid = tid;
}

static void mutex_wait_begin(
	struct tt_wait_for *w, struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, struct mutex_owner *o)
{
	mutex_owner_look(o, s, m);
	struct ttrec_thread *holder = o->thread;
	uint32_t at = holder == s->t ? tt_held_find(s, (uintptr_t)m) : 0;
	if (at) {
		struct tt_caller c = tt_caller_of(site, cfa);
		tt_busy_begin(s);
		tt_misuse(s, TTREC_MISUSE_RELOCK, tt_lock_find((uintptr_t)m), site, s->t->serial,
			TTREC_SITE_WORD(s->held[at - 1].site), 0, &c);
		tt_busy_end(s);
	}
	tt_wait_begin(w, s, (uintptr_t)m, site, cfa, &tt_mutex_birth, TTREC_WAIT_LOCK, holder, 0, true);
}

/*
 * Taken by a thread whose books do not say so: mostly it is on its way into a wait for a condition or out of one, or took the
 * mutex this moment. It has it longer than natively by what is recorded there, and whoever comes meanwhile and is put to sleep
 * loses a hundred times as much. So it is waited for here about as long as that takes: half a microsecond at 27 ns a turn (AMD
 * EPYC). What is got by that counts as not contended. Of who holds more than a few the books would take longer to read.
 */
#define SOON_TURNS 20u
#define SOON_HELD  8u
static bool mutex_soon(struct tt_self *s, pthread_mutex_t *m, struct mutex_owner *o)
{
	if (!tt_mutex_is_plain(m))
		return false;
	const struct ttrec_thread *first = NULL;
	for (unsigned i = 0; i < SOON_TURNS; i++) {
		if (tt_load_relaxed(&m->__data.__lock) == 0 && tt_mutex_take(s, m))
			return true;
		/* No owner: he is just written, or wiped. */
		mutex_owner_look(o, s, m);
		if (o->tid) {
			struct ttrec_thread *t = o->thread;
			bool other = t && t != s->t && (!first || t == first);
			if (!other || tt_load_relaxed(&t->held_depth) > SOON_HELD || tt_holder_site(t, (uintptr_t)m))
				return false;
			first = t;
		}
		tt_relax();
	}
	return false;
}

/* trylock said r, not 0. */
TT_NOINLINE int tt_mutex_lock_slow(
	struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, int r, const struct tt_mutex_until *u)
{
	struct mutex_owner owner = {0, NULL};
	if (r == EBUSY && mutex_soon(s, m, &owner))
		r = 0;
	if (r == 0 || r == EOWNERDEAD)
		return tt_mutex_got(s, m, site, cfa, r);
	struct tt_wait_for w;
	w.s = NULL;
	if (r == EBUSY)
		mutex_wait_begin(&w, s, m, site, cfa, &owner);
	r = mutex_real_wait(m, u);
	if (r == 0 || r == EOWNERDEAD) {
		if (!w.s)
			return tt_mutex_got(s, m, site, cfa, r);
		tt_wait_got(&w, extra_of(r));
		return r;
	}
	if (w.s)
		tt_wait_failed(&w, r);
	if (r != ETIMEDOUT)
		tt_call_failed(s, (uintptr_t)m, site, cfa, r);
	return r;
}

TT_NOINLINE int tt_mutex_lock_out(pthread_mutex_t *m, uint64_t site, uintptr_t cfa)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return REAL(pthread_mutex_lock)(m);
	struct tt_ready ready = tt_acquire_prepare(s, (uintptr_t)m, site, true);
	int r = tt_mutex_trylock(s, m);
	if (unlikely(r))
		return tt_mutex_lock_slow(s, m, site, cfa, r, &tt_mutex_for_ever);
	if (unlikely(!ready.e))
		return tt_mutex_got(s, m, site, cfa, 0);
	tt_acquire_commit(s, &ready, (uintptr_t)m, site);
	return 0;
}

/* The books of a plain mutex that was taken: a third site of it, or other locks held than the last time, are no call yet. */
TT_NOINLINE int tt_mutex_taken(pthread_mutex_t *m, uint64_t site, uintptr_t cfa)
{
	struct tt_self *s = &tt_self;
	struct tt_ready ready = tt_acquire_taken(s, (uintptr_t)m, site);
	if (unlikely(!ready.e))
		return tt_mutex_got(s, m, site, cfa, 0);
	tt_acquire_commit(s, &ready, (uintptr_t)m, site);
	return 0;
}

TT_EXPORT TT_LINE_ALIGNED int pthread_mutex_lock(pthread_mutex_t *m)
{
	uint64_t site = HOOK_SITE_ONCE(OP_LOCK);
	enum tt_mutex_fast done = tt_mutex_lock_fast(&tt_self, m, site, TTREC_OP_LOCK);
	if (likely(done == TT_MUTEX_DONE))
		return 0;
	return done == TT_MUTEX_TAKEN ? tt_mutex_taken(m, site, HOOK_CFA()) : tt_mutex_lock_out(m, site, HOOK_CFA());
}

int tt_mutex_trylock_hook(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa)
{
	struct tt_ready ready = tt_acquire_prepare(s, (uintptr_t)m, site, true);
	int r = m->__data.__kind & (16 | 64) ? REAL(pthread_mutex_trylock)(m) : tt_mutex_trylock(s, m);
	if (r == 0 && ready.e)
		tt_acquire_commit(s, &ready, (uintptr_t)m, site);
	else if (r == 0 || r == EOWNERDEAD)
		tt_mutex_got(s, m, site, cfa, r);
	else if (r == EBUSY)
		tt_counted_again(s, (uintptr_t)m, tt_site_as(site, TTREC_OP_TRY_FAILED), &tt_mutex_birth);
	else
		tt_call_failed(s, (uintptr_t)m, site, cfa, r);
	return r;
}

static TT_NOINLINE int mutex_trylock_out(pthread_mutex_t *m, uint64_t site, uintptr_t cfa)
{
	struct tt_self *s = tt_enter();
	return likely(s) ? tt_mutex_trylock_hook(s, m, site, cfa) : REAL(pthread_mutex_trylock)(m);
}

TT_EXPORT TT_LINE_ALIGNED int pthread_mutex_trylock(pthread_mutex_t *m)
{
	uint64_t site = HOOK_SITE_ONCE(OP_TRYLOCK);
	enum tt_mutex_fast done = tt_mutex_lock_fast(&tt_self, m, site, TTREC_OP_TRYLOCK);
	if (likely(done == TT_MUTEX_DONE))
		return 0;
	return done == TT_MUTEX_TAKEN ? tt_mutex_taken(m, site, HOOK_CFA()) : mutex_trylock_out(m, site, HOOK_CFA());
}

int tt_mutex_timed(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, const struct tt_mutex_until *u)
{
	int r = tt_mutex_trylock(s, m);
	return r ? tt_mutex_lock_slow(s, m, site, cfa, r, u) : tt_mutex_got(s, m, site, cfa, 0);
}

TT_EXPORT int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return REAL(pthread_mutex_timedlock)(m, until);
	return tt_mutex_timed(s, m, HOOK_SITE(OP_TIMEDLOCK), HOOK_CFA(), &(struct tt_mutex_until){.until = until});
}

TT_EXPORT int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	/* An unknown clock is an error whether or not the mutex is free: leave it to the real function. */
	if (unlikely(!s) || (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME))
		return REAL(pthread_mutex_clocklock)(m, clock, until);
	struct tt_mutex_until u = {.clock = clock, .until = until, .has_clock = true};
	return tt_mutex_timed(s, m, HOOK_SITE(OP_TIMEDLOCK), HOOK_CFA(), &u);
}

/* A mutex about to be unlocked by a thread that does not hold it: its record, made while its memory is still there; NULL none.
 */
static struct ttrec_lock *foreign_lock(struct tt_self *s, pthread_mutex_t *m, uint64_t site)
{
	struct tt_birth b = tt_mutex_birth;
	b.site = site;
	tt_busy_begin(s);
	struct ttrec_lock *l = tt_lock_find((uintptr_t)m);
	if (!l && !tt_lock_find_destroyed((uintptr_t)m))
		l = tt_lock_get(s, (uintptr_t)m, &b);
	tt_busy_end(s);
	return l;
}

/* owner, locked: before the call; r: its result. l NULL: destroyed. */
static void unlocked_foreign(struct tt_self *s, pthread_mutex_t *m, struct ttrec_lock *l, uint64_t site, uintptr_t cfa,
	uint32_t owner, int locked, int r)
{
	struct tt_caller c = tt_caller_of(site, cfa);
	if (!l) {
		tt_call_failed(s, (uintptr_t)m, site, cfa, r);
		return;
	}
	tt_busy_begin(s);
	struct ttrec_thread *o = tt_thread_by_tid(owner);
	tt_misuse(s, locked ? TTREC_MISUSE_UNLOCK_NOT_OWNER : TTREC_MISUSE_UNLOCK_UNLOCKED, l, site, o ? o->serial : 0,
		tt_holder_site(o, (uintptr_t)m), 0, &c);
	tt_busy_end(s);
}

/* Not the innermost lock, or a timed one, or one whose wait is to be charged, or not known to be held at all. */
TT_NOINLINE int tt_mutex_unlock_slow(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa)
{
	uint32_t at = tt_held_find(s, (uintptr_t)m);
	/* All that is read of the mutex is read before the unlock: afterwards it may be gone. */
	uint32_t owner = (uint32_t)tt_load_relaxed(&m->__data.__owner);
	int locked = tt_load_relaxed(&m->__data.__lock);
	uint64_t now = at && TTREC_HELD_FLAGS(s->held[at - 1].site) ? tt_now() : 0;
	bool foreign = !at && owner != s->tid && !(s->t->flags & TTREC_THREAD_FORKED);
	struct ttrec_lock *l = foreign ? foreign_lock(s, m, site) : NULL;
	int r = REAL(pthread_mutex_unlock)(m);
	if (at && r == 0)
		tt_released(s, (uintptr_t)m, at, now, site, cfa);
	else if (foreign)
		unlocked_foreign(s, m, l, site, cfa, owner, locked, r);
	return r;
}

TT_NOINLINE int tt_mutex_unlock_out(pthread_mutex_t *m, uint64_t site, uintptr_t cfa)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return REAL(pthread_mutex_unlock)(m);
	if (!tt_release_is_plain(s, (uintptr_t)m)) {
		if (!tt_release_is_under(s, (uintptr_t)m) || !tt_mutex_give(m))
			return tt_mutex_unlock_slow(s, m, site, cfa);
		tt_release_under(s, (uintptr_t)m);
		return 0;
	}
	int r = REAL(pthread_mutex_unlock)(m); /* another kind, or somebody waits */
	if (r == 0)
		tt_release_plain(s);
	return r;
}

TT_EXPORT TT_LINE_ALIGNED int pthread_mutex_unlock(pthread_mutex_t *m)
{
	return likely(tt_mutex_unlock_fast(&tt_self, m)) ? 0 : tt_mutex_unlock_out(m, HOOK_SITE(OP_LOCK), HOOK_CFA());
}

/* Before an init call: what was held there is over, and that is worth a note. */
void tt_mutex_reinit(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa)
{
	uint32_t at = tt_held_find(s, (uintptr_t)m);
	if (!at)
		return;
	struct tt_caller c = tt_caller_of(site, cfa);
	tt_busy_begin(s);
	tt_misuse(s, TTREC_MISUSE_REINIT_LOCKED, tt_lock_find((uintptr_t)m), site, s->t->serial,
		TTREC_SITE_WORD(s->held[at - 1].site), 0, &c);
	tt_held_remove(s, at);
	tt_busy_end(s);
}

TT_EXPORT int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
	struct tt_self *s = tt_enter();
	if (s)
		tt_mutex_reinit(s, m, HOOK_SITE(OP_NONE), HOOK_CFA());
	int r = REAL(pthread_mutex_init)(m, attr);
	if (s && r == 0)
		tt_born(s, (uintptr_t)m, HOOK_SITE(OP_NONE), HOOK_CFA(), &tt_mutex_birth, 0, 0);
	return r;
}

void tt_mutex_destroyed(struct tt_self *s, pthread_mutex_t *m, uint64_t site, uintptr_t cfa, uint32_t owner, int r)
{
	if (r == 0)
		tt_died(s, (uintptr_t)m, site);
	if (r != EBUSY)
		return;
	struct tt_caller c = tt_caller_of(site, cfa);
	tt_busy_begin(s);
	struct ttrec_thread *o = tt_thread_by_tid(owner);
	tt_misuse(s, TTREC_MISUSE_DESTROY_LOCKED, tt_lock_find((uintptr_t)m), site, o ? o->serial : 0,
		tt_holder_site(o, (uintptr_t)m), 0, &c);
	tt_busy_end(s);
}

TT_EXPORT int pthread_mutex_destroy(pthread_mutex_t *m)
{
	struct tt_self *s = tt_enter();
	uint32_t owner = s ? (uint32_t)tt_load_relaxed(&m->__data.__owner) : 0;
	int r = REAL(pthread_mutex_destroy)(m);
	if (s)
		tt_mutex_destroyed(s, m, HOOK_SITE(OP_NONE), HOOK_CFA(), owner, r);
	return r;
}

TT_EXPORT int pthread_mutex_consistent(pthread_mutex_t *m)
{
	tt_enter(); /* for the real function to be known; the owner's death was counted when the mutex was taken over */
	return REAL(pthread_mutex_consistent)(m);
}

extern __typeof__(pthread_mutex_lock) __pthread_mutex_lock ALIAS_OF(pthread_mutex_lock);
extern __typeof__(pthread_mutex_trylock) __pthread_mutex_trylock ALIAS_OF(pthread_mutex_trylock);
extern __typeof__(pthread_mutex_unlock) __pthread_mutex_unlock ALIAS_OF(pthread_mutex_unlock);
extern __typeof__(pthread_mutex_init) __pthread_mutex_init ALIAS_OF(pthread_mutex_init);
extern __typeof__(pthread_mutex_destroy) __pthread_mutex_destroy ALIAS_OF(pthread_mutex_destroy);
