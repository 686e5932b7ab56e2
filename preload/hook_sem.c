/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_sem.c - sem_*.
 *
 * A semaphore of one unit may be a lock (CPython's are): then whoever waited gives it back himself. It is treated as one - held
 * stack, holder, order - until a thread posts it that does not hold it (or it was made with another value):
 * TTREC_LOCK_SEM_FOREIGN. From then on its operations are only counted and its waits timed. The table entry of a wait remembers
 * that in the top bit of `gap`. A post that gives back what is held is a release, and as little counted as an unlock.
 *
 * CPython makes a semaphore for each wait for a condition, takes it, and waits for another thread's post. Where that was so
 * with all of the last 16 lives of a record, the next one is guessed to be no lock either (TTREC_LOCK_SEM_GUESSED): who took it
 * is noted, and if he gives it back himself it is a lock from then on. Meanwhile its operations get no entries in tables, but
 * for deadlines that pass.
 *
 * sem_post is async-signal-safe: no lock, no allocation that could wait; a handler that interrupts the recorder is a nested
 * event. sem_wait is a cancellation point, also when it need not wait.
 */
#include "preload/light.h"
#include "preload/mutex.h"

#include <limits.h>

#define GAP_FOREIGN 0x8000u
_Static_assert(2 * TT_HOLD_PERIOD_MAX - 1 < GAP_FOREIGN, "a gap must not look like the flag");

/* sem_t of glibc on 64-bit machines (sysdeps/nptl/internaltypes.h, struct new_sem): value, waiters above it, private. */
struct glibc_sem {
	uint64_t data;
	int private;
};

_Static_assert(sizeof(sem_t) == 32, "freed.c, SMALLEST");

TT_INLINE uint64_t sem_data(sem_t *sem)
{
	return tt_load_relaxed(&((struct glibc_sem *)(void *)sem)->data);
}

static const struct tt_birth sem_birth = {.kind = TTREC_KIND_SEM};

static bool sem_is_foreign(const struct ttrec_lock *l)
{
	return tt_load_relaxed(&l->flags) & (TTREC_LOCK_SEM_FOREIGN | TTREC_LOCK_SEM_GUESSED);
}

/* Guessed to be no lock, and not known to be none. */
static bool sem_is_guess(const struct ttrec_lock *l)
{
	return (tt_load_relaxed(&l->flags) & (TTREC_LOCK_SEM_FOREIGN | TTREC_LOCK_SEM_GUESSED)) == TTREC_LOCK_SEM_GUESSED;
}

/*
 * One that is guessed to be no lock is posted, and is not on the thread's held stack. If its taker gives it back himself, the
 * guess was wrong, and from the next time on it is a lock.
 */
static void guess_posted(struct tt_self *s, struct ttrec_lock *l, uint64_t site)
{
	if (tt_load_relaxed(&l->owner) != s->t->slot + 1) {
		tt_or_relaxed(&l->flags, TTREC_LOCK_SEM_FOREIGN);
		tt_count_total_of(s, l, site);
		return;
	}
	tt_store_relaxed(&l->owner, 0u);
	tt_store_relaxed(&l->signals, 0u);
	tt_and_relaxed(&l->flags, (uint16_t)~TTREC_LOCK_SEM_GUESSED);
	tt_lock_mark(l, TTREC_LOCK_SEM_LOCKED);
	tt_filter_set(l->address); /* from now on its memory's end is its own */
}

/* The record at this address, if it is such a one; else NULL, and *counted says whether the thread may have entries for it. */
static struct ttrec_lock *guess_find(const struct tt_self *s, uint64_t sem, bool *counted)
{
	struct ttrec_lock *l = tt_lock_find(sem);
	*counted = l && tt_lock_counted(s, l);
	return l && l->kind == TTREC_KIND_SEM && sem_is_guess(l) ? l : NULL;
}

/* After so many operations an entry in the line beside its lock's first may deserve that one: tt_count_at() looks. */
#define PROMOTE_BESIDE 256u
_Static_assert(PROMOTE_BESIDE % TT_PROMOTE == 0, "tt_count_at() looks then");

/*
 * Looked up before it is taken: *ready, and the record, if it is guessed to be no lock. That is asked only of one that is not
 * where entries are looked for first: such a one has none for what takes it.
 */
TT_INLINE struct ttrec_lock *sem_prepare(struct tt_self *s, uint64_t sem, uint64_t site, struct tt_ready *ready)
{
	*ready = tt_acquire_prepare(s, sem, site, false);
	if (likely(ready->e)) {
		if (unlikely(!(ready->e->n % PROMOTE_BESIDE)) && tt_entry_line(ready->e) != tt_near(s, sem))
			ready->e = NULL; /* tt_acquired() counts */
		return NULL;
	}
	bool counted;
	struct ttrec_lock *guess = guess_find(s, sem, &counted);
	if (!guess && counted)
		*ready = tt_acquire_prepare(s, sem, site, true);
	return guess;
}

/* It was taken. Between the caller's brackets. */
static void guess_taken(struct tt_self *s, struct ttrec_lock *l, uint64_t site)
{
	tt_store_relaxed(&l->owner, s->t->slot + 1);
	tt_count_total_of(s, l, site);
}

/* Likewise, or a try failed. */
static void guess_counted(struct tt_self *s, struct ttrec_lock *l, uint64_t site, bool taken)
{
	tt_busy_begin(s);
	if (taken)
		guess_taken(s, l, site);
	else
		tt_count_total_of(s, l, tt_site_as(site, TTREC_OP_TRY_FAILED));
	tt_busy_end(s);
}

/*
 * A wait succeeded. Returns the semaphore's record if it is held by that as a lock is: then it is not counted yet. NULL: it is
 * only counted.
 */
static struct ttrec_lock *sem_counted(struct tt_self *s, uint64_t sem, uint64_t site)
{
	struct ttrec_lock *l = NULL;
	struct ttrec_count *e = tt_count_seek(s, sem, site, &l);
	if (e)
		l = tt_entry_lock(e);
	if (l && l->kind == TTREC_KIND_SEM && !sem_is_foreign(l) && !(e && e->gap & GAP_FOREIGN))
		return l; /* tt_acquired counts */
	if (e || !l || l->kind != TTREC_KIND_SEM || !sem_is_foreign(l) || !tt_count_direct(s, l, site)) {
		e = tt_count_at(s, e, sem, site, &sem_birth);
		if (!e || e->gap & GAP_FOREIGN)
			return NULL;
		l = tt_entry_lock(e);
		if (l && !sem_is_foreign(l)) {
			e->n--; /* likewise */
			return l;
		}
	}
	/* What was pushed for it before it showed what it is will never be given back by this thread. */
	for (uint32_t at; (at = tt_held_find(s, sem));) {
		if (l)
			tt_order_void(s, l);
		tt_held_remove(s, at);
	}
	if (!e)
		return NULL;
	e->gap |= GAP_FOREIGN;
	e->next = (uint16_t)(e->n - 2);
	return NULL;
}

/* Got one unit, not on the fast path. */
static TT_NOINLINE void sem_got(struct tt_self *s, sem_t *sem, uint64_t site, uintptr_t cfa)
{
	struct tt_caller c = tt_caller_of(site, cfa);
	tt_busy_begin(s);
	if (sem_counted(s, (uintptr_t)sem, site)) {
		/* Held already and got again: a thread that takes two units without giving one back uses it as no lock. */
		uint32_t at = tt_held_find(s, (uintptr_t)sem);
		struct ttrec_lock *l = at ? tt_lock_find((uintptr_t)sem) : NULL;
		if (l) {
			tt_or_relaxed(&l->flags, TTREC_LOCK_SEM_FOREIGN);
			sem_counted(s, (uintptr_t)sem, site);
		} else {
			tt_acquired(s, (uintptr_t)sem, site, &sem_birth, true, &c);
		}
	}
	tt_used_destroyed(s, (uintptr_t)sem, site, &c);
	tt_busy_end(s);
}

/*
 * The fast half: counted, and held if it is a lock. The entry's `next` of a foreign semaphore is set so that it never comes due
 * before the 16 bits wrap; then sem_got() sets it again.
 */
TT_INLINE bool sem_got_fast(struct tt_self *s, const struct tt_ready *ready, uint64_t sem, uint64_t site)
{
	if (unlikely(!ready->e))
		return false;
	if (ready->e->gap & GAP_FOREIGN) {
		tt_own_add(&ready->e->n, 1);
		return true;
	}
	if (unlikely(ready->depth && ready->h[-1].lock == sem))
		return false;
	tt_acquire_commit(s, ready, sem, site);
	return true;
}

/* Got one unit of one that was guessed to be no lock, and may have shown meanwhile what it is. */
TT_INLINE void guess_got(struct tt_self *s, sem_t *sem, struct ttrec_lock *guess, uint64_t site, uintptr_t cfa)
{
	if (likely(tt_lock_is_light(guess) && tt_light_taken(s, guess, site, TTREC_SITE_OP(site))))
		return;
	if (sem_is_guess(guess))
		guess_counted(s, guess, site, true);
	else
		sem_got(s, sem, site, cfa);
}

struct sem_until {
	const struct timespec *until; /* NULL: for ever */
	clockid_t clock;
	bool has_clock;
};

static int sem_real_wait(sem_t *sem, const struct sem_until *u)
{
	if (!u->until)
		return REAL(sem_wait)(sem);
	if (u->has_clock)
		return REAL(sem_clockwait)(sem, u->clock, u->until);
	return REAL(sem_timedwait)(sem, u->until);
}

/* A wait for another thread's post has ended: what was held meanwhile? One for a lock is lock order's business. */
static void sem_held(struct tt_self *s, struct tt_wait_for *w, uint64_t now)
{
	if (!s->t->held_depth)
		return;
	tt_busy_begin(s);
	tt_held_while_blocked(s, w->object, w->site, now - w->b.t0, &w->caller);
	tt_busy_end(s);
}

/*
 * No unit was there. guess: the semaphore, if it is guessed to be no lock; then who waits for what he took himself, as for a
 * signal, need not look for another who has it.
 */
static TT_NOINLINE int sem_slow(
	struct tt_self *s, sem_t *sem, struct ttrec_lock *guess, uint64_t site, uintptr_t cfa, const struct sem_until *u)
{
	struct tt_wait_for w __attribute__((cleanup(tt_wait_cancelled)));
	w.s = NULL;
	bool lock_like = false;
	struct ttrec_thread *holder = NULL;
	struct ttrec_lock *known = guess;
	if (guess && sem_is_guess(guess)) {
		uint32_t taker = tt_load_relaxed(&guess->owner);
		holder = taker && taker != s->t->slot + 1 ? tt_thread_by_slot(taker - 1) : NULL;
		if (holder && tt_load_relaxed(&holder->state) != TTREC_THREAD_RUNNING)
			holder = NULL; /* he ended with it */
		lock_like = holder;
	} else {
		if (!guess)
			known = tt_lock_find((uintptr_t)sem);
		lock_like = known && !sem_is_foreign(known);
		if (lock_like && !tt_held_find(s, (uintptr_t)sem))
			holder = tt_holder_scan(s, (uintptr_t)sem);
	}
	tt_wait_begin_at(&w, s, known, (uintptr_t)sem, site, cfa, &sem_birth, lock_like ? TTREC_WAIT_LOCK : TTREC_WAIT_SEM,
		holder, 0, lock_like);
	int r = sem_real_wait(sem, u);
	if (r == 0) {
		tt_busy_begin(s);
		struct ttrec_lock *l = NULL;
		if (guess && tt_lock_is_light(guess) && tt_light_taken(s, guess, site, TTREC_SITE_OP(site)))
			l = NULL;
		else if (guess && sem_is_guess(guess))
			guess_taken(s, guess, site);
		else if (!guess || !sem_is_foreign(guess) || tt_lock_counted(s, guess) || !tt_count_direct(s, guess, site))
			l = sem_counted(s, (uintptr_t)sem, site);
		tt_busy_end(s);
		if (l && !tt_held_find(s, (uintptr_t)sem)) {
			tt_wait_got(&w, TTREC_OP_NONE);
		} else {
			if (l)
				sem_got(s, sem, site, cfa);
			s->t->contended++;
			uint64_t now = tt_wait_over(&w, false, TTREC_OP_NONE);
			if (!l)
				sem_held(s, &w, now);
		}
		return 0;
	}
	tt_wait_failed(&w, errno);
	return r;
}

/* As sem_trywait, but leaves errno alone. */
TT_INLINE bool sem_try(sem_t *sem)
{
	if (likely(tt_g.sem_inline)) {
		struct glibc_sem *g = (void *)sem;
		uint64_t d = tt_load_relaxed(&g->data);
		while ((uint32_t)d)
			if (__atomic_compare_exchange_n(&g->data, &d, d - 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				return true;
		return false;
	}
	int error = errno;
	bool got = REAL(sem_trywait)(sem) == 0;
	errno = error;
	return got;
}

/* A unit, if no other thread is at the semaphore; d: what it held just now, with a unit. */
TT_INLINE bool sem_unit(sem_t *sem, uint64_t d)
{
	struct glibc_sem *g = (void *)sem;
	return __atomic_compare_exchange_n(&g->data, &d, d - 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/*
 * sem_wait and sem_trywait when there is nothing special about them, without a call; else as sem_got_fast(). False: nothing was
 * done. After tt_entered_sem(). d: what the semaphore held just now, with a unit. op: of site. beside: the line is that beside
 * the semaphore's first.
 */
TT_INLINE bool sem_take(
	struct tt_self *s, sem_t *sem, uint64_t d, struct ttrec_line *line, uint64_t site, enum ttrec_op op, bool beside)
{
	struct ttrec_count *e = tt_near_entry(line, (uintptr_t)sem, site);
	if (unlikely(!e) || (beside && unlikely(!(e->n % PROMOTE_BESIDE))))
		return false;
	if (e->gap & GAP_FOREIGN) {
		if (unlikely(!sem_unit(sem, d)))
			return false;
		tt_own_add(&e->n, 1);
		return true;
	}
	/* It is not held already: no order is known of a semaphore within itself. */
	struct tt_ready ready;
	if (unlikely(!tt_near_held(s, line, e, site, op, &ready)) || unlikely(!sem_unit(sem, d)))
		return false;
	tt_acquire_commit(s, &ready, (uintptr_t)sem, site);
	return true;
}

static TT_NOINLINE bool sem_take_beside(struct tt_self *s, sem_t *sem, uint64_t site)
{
	uint64_t d = sem_data(sem);
	enum ttrec_op op = TTREC_SITE_OP(site);
	uint32_t ok = op == TTREC_OP_SEM_WAIT ? tt_load_relaxed(&tt_inline.sem_wait) : UINT32_MAX;
	return tt_entered_sem(s) && (uint32_t)d & ok &&
	       sem_take(s, sem, d, tt_beside(s, tt_near(s, (uintptr_t)sem)), site, op, true);
}

/* guess: tt_light(), or NULL. */
TT_INLINE int sem_wait_any(
	struct tt_self *s, sem_t *sem, struct ttrec_lock *guess, uint64_t site, uintptr_t cfa, const struct sem_until *u)
{
	struct tt_ready ready = {.e = NULL};
	if (!guess)
		guess = sem_prepare(s, (uintptr_t)sem, site, &ready);
	/* glibc's sem_clockwait is a cancellation point only when it waits. */
	if (unlikely(tt_load_relaxed(&tt_cancel_used)) && !u->has_clock)
		REAL(pthread_testcancel)();
	if (unlikely(!sem_try(sem)))
		return sem_slow(s, sem, guess, site, cfa, u);
	if (guess)
		guess_got(s, sem, guess, site, cfa);
	else if (unlikely(!sem_got_fast(s, &ready, (uintptr_t)sem, site)))
		sem_got(s, sem, site, cfa);
	return 0;
}

static TT_NOINLINE int sem_wait_out(sem_t *sem, uint64_t site, uintptr_t cfa)
{
	static const struct sem_until for_ever;
	struct tt_self *s = &tt_self;
	struct ttrec_lock *guess = tt_entered(s) ? tt_light_last(s, (uintptr_t)sem) : NULL;
	if (!guess) {
		if (sem_take_beside(s, sem, site))
			return 0;
		s = tt_enter();
		if (unlikely(!s))
			return REAL(sem_wait)(sem);
		guess = tt_light_near(s, (uintptr_t)sem);
	}
	return sem_wait_any(s, sem, guess, site, cfa, &for_ever);
}

TT_EXPORT TT_LINE_ALIGNED int sem_wait(sem_t *sem)
{
	struct tt_self *s = &tt_self;
	uint64_t site = HOOK_SITE_ONCE(OP_SEM_WAIT), d = sem_data(sem);
	if (tt_entered_sem(s) && likely((uint32_t)d & tt_load_relaxed(&tt_inline.sem_wait)) &&
		likely(sem_take(s, sem, d, tt_near(s, (uintptr_t)sem), site, TTREC_OP_SEM_WAIT, false)))
		return 0;
	return sem_wait_out(sem, site, HOOK_CFA());
}

/* What the library answers when there is no unit. */
static int sem_try_again(void)
{
	errno = EAGAIN;
	return -1;
}
/* The same without a call; only after tt_entered_sem(): then tt_inline says where errno is. */
TT_INLINE int sem_try_again_inline(void)
{
	*(int *)(void *)((char *)&tt_self + tt_inline.errno_at) = EAGAIN;
	return -1;
}

/* A try of it failed; site: as such. */
TT_INLINE void guess_failed(struct tt_self *s, struct ttrec_lock *guess, uint64_t site)
{
	if (unlikely(!tt_light_count(s, guess, site, TTREC_OP_TRY_FAILED)))
		guess_counted(s, guess, site, false);
}

TT_INLINE int guess_try(struct tt_self *s, sem_t *sem, struct ttrec_lock *guess, uint64_t site, uintptr_t cfa)
{
	if (unlikely(!sem_try(sem))) {
		guess_failed(s, guess, tt_site_as(site, TTREC_OP_TRY_FAILED));
		return sem_try_again();
	}
	guess_got(s, sem, guess, site, cfa);
	return 0;
}

/*
 * A try in vain that is not where sem_none() looks: counted, if it has an entry in either line or is of one that is guessed to
 * be no lock. site: of a failed try.
 */
TT_INLINE bool sem_none_near(struct tt_self *s, sem_t *sem, uint64_t site)
{
	struct ttrec_lock *guess = tt_light_last(s, (uintptr_t)sem);
	if (!guess && tt_counted_near(s, (uintptr_t)sem, site))
		return true;
	if (!guess && !(guess = tt_light_near(s, (uintptr_t)sem)))
		return false;
	guess_failed(s, guess, site);
	return true;
}

static TT_NOINLINE int sem_trywait_out(sem_t *sem, uint64_t site, uintptr_t cfa)
{
	struct tt_self *s = &tt_self;
	if (tt_entered_sem(s) && !(uint32_t)sem_data(sem) && sem_none_near(s, sem, tt_site_as(site, TTREC_OP_TRY_FAILED)))
		return sem_try_again();
	struct ttrec_lock *guess = tt_entered(s) ? tt_light_last(s, (uintptr_t)sem) : NULL;
	if (guess)
		return guess_try(s, sem, guess, site, cfa);
	if (sem_take_beside(s, sem, site))
		return 0;
	s = tt_enter();
	if (unlikely(!s))
		return REAL(sem_trywait)(sem);
	bool none = tt_g.sem_inline && !(uint32_t)sem_data(sem), counted;
	struct tt_ready ready = {.e = NULL};
	guess = none ? guess_find(s, (uintptr_t)sem, &counted) : sem_prepare(s, (uintptr_t)sem, site, &ready);
	if (guess)
		return guess_try(s, sem, guess, site, cfa);
	int r = !none && tt_g.sem_inline && sem_try(sem) ? 0 : REAL(sem_trywait)(sem);
	if (r)
		tt_counted_again(s, (uintptr_t)sem, tt_site_as(site, TTREC_OP_TRY_FAILED), &sem_birth);
	else if (!sem_got_fast(s, &ready, (uintptr_t)sem, site))
		sem_got(s, sem, site, cfa);
	return r;
}

/*
 * CPython asks in this way whether a lock is its own, as often as it takes one. True: there is no unit, and that is counted.
 * Looked for where the second site of a lock is: it was taken before. site: of a failed try.
 */
TT_INLINE bool sem_none(struct ttrec_line *line, uint64_t site)
{
	struct ttrec_count *e = &line->count[1];
	if (unlikely(e->site != site || e->n >= TT_COUNT_MAX))
		return false;
	tt_own_add(&e->n, 1);
	return true;
}

TT_EXPORT TT_LINE_ALIGNED int sem_trywait(sem_t *sem)
{
	struct tt_self *s = &tt_self;
	uint64_t site = HOOK_SITE_ONCE(OP_SEM_TRYWAIT);
	if (tt_entered_sem(s)) {
		struct ttrec_line *line = tt_near(s, (uintptr_t)sem);
		uint64_t d = sem_data(sem);
		if (unlikely(line->lock != (uintptr_t)sem))
			;
		else if (!(uint32_t)d) {
			if (likely(sem_none(line, site ^ TTREC_SITE(UINT64_C(0), TTREC_OP_SEM_TRYWAIT ^ TTREC_OP_TRY_FAILED))))
				return sem_try_again_inline();
		} else if (likely(sem_take(s, sem, d, line, site, TTREC_OP_SEM_TRYWAIT, false))) {
			return 0;
		}
	}
	return sem_trywait_out(sem, site, HOOK_CFA());
}

/* glibc checks the time's form first, and only then the semaphore. */
static bool until_is_odd(const struct timespec *t)
{
	return t->tv_nsec < 0 || t->tv_nsec >= 1000000000;
}

TT_EXPORT int sem_timedwait(sem_t *sem, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s) || until_is_odd(until))
		return REAL(sem_timedwait)(sem, until);
	struct sem_until u = {.until = until};
	return sem_wait_any(s, sem, tt_light(s, (uintptr_t)sem), HOOK_SITE(OP_SEM_TIMEDWAIT), HOOK_CFA(), &u);
}

TT_EXPORT int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s) || until_is_odd(until) || (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME))
		return REAL(sem_clockwait)(sem, clock, until);
	struct sem_until u = {.until = until, .clock = clock, .has_clock = true};
	return sem_wait_any(s, sem, tt_light(s, (uintptr_t)sem), HOOK_SITE(OP_SEM_TIMEDWAIT), HOOK_CFA(), &u);
}

/* After tt_entered_sem(): adds a unit when nobody waits; false: the library is to do it. Nothing of *sem is touched afterwards.
 */
TT_INLINE bool sem_post_fast(sem_t *sem)
{
	struct glibc_sem *g = (void *)sem;
	uint64_t d = tt_load_relaxed(&g->data);
	return likely(d < SEM_VALUE_MAX) &&
	       __atomic_compare_exchange_n(&g->data, &d, d + 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

TT_INLINE int sem_post_any(sem_t *sem)
{
	return likely(tt_g.sem_inline && sem_post_fast(sem)) ? 0 : REAL(sem_post)(sem);
}

/* Not held by this thread, or with something to be done at its release; or the first post from here. */
static TT_NOINLINE int sem_post_slow(struct tt_self *s, sem_t *sem, uint64_t site, uintptr_t cfa)
{
	tt_busy_begin(s);
	uint32_t at = tt_held_find(s, (uintptr_t)sem);
	uint64_t now = at && TTREC_HELD_FLAGS(s->held[at - 1].site) ? tt_now() : 0;
	struct ttrec_count *e = NULL;
	struct ttrec_lock *l = at ? tt_held_lock(s, at - 1) : tt_count_once(s, (uintptr_t)sem, site, &sem_birth, &e);
	uint16_t shown = at ? TTREC_LOCK_SEM_LOCKED : TTREC_LOCK_SEM_FOREIGN;
	if (l)
		tt_lock_mark(l, shown);
	if (e)
		e->gap |= GAP_FOREIGN;
	struct tt_caller c = tt_caller_of(site, cfa);
	tt_used_destroyed(s, (uintptr_t)sem, site, &c);
	tt_busy_end(s);
	int r = sem_post_any(sem);
	if (at && r == 0)
		tt_released(s, (uintptr_t)sem, at, now, site, cfa);
	return r;
}

/* One that was guessed to be no lock at its birth: counted, if no entry says where. */
static bool guess_post(struct tt_self *s, sem_t *sem, uint64_t site)
{
	struct ttrec_lock *l = tt_lock_find((uintptr_t)sem);
	if (!l || l->kind != TTREC_KIND_SEM || !(tt_load_relaxed(&l->flags) & TTREC_LOCK_SEM_GUESSED))
		return false;
	if (!sem_is_guess(l) && tt_lock_counted(s, l))
		return false;
	bool counted = true;
	tt_busy_begin(s);
	if (sem_is_guess(l))
		guess_posted(s, l, site);
	else
		counted = tt_count_direct(s, l, site);
	tt_busy_end(s);
	return counted;
}

static TT_NOINLINE int sem_post_out(sem_t *sem, uint64_t site, uintptr_t cfa)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return REAL(sem_post)(sem);
	struct ttrec_lock *light = tt_light(s, (uintptr_t)sem);
	if (light && likely(tt_light_posted(s, light, site)))
		return sem_post_any(sem);
	uint32_t depth = s->t->held_depth;
	bool held = tt_release_is_plain(s, (uintptr_t)sem);
	if (!held && guess_post(s, sem, site))
		return sem_post_any(sem);
	struct ttrec_count *e = held || tt_held_find(s, (uintptr_t)sem) ? NULL : tt_count_probe(s, (uintptr_t)sem, site);
	if (!held && (!e || !(e->gap & GAP_FOREIGN) || e->n >= TT_COUNT_MAX))
		return sem_post_slow(s, sem, site, cfa);
	if (e)
		tt_own_add(&e->n, 1);
	int r = sem_post_any(sem);
	if (held && likely(r == 0))
		tt_release_plain_from(s, depth);
	return r;
}

/* sem_post of one that is no lock and whose posts from here are known, without a call. False: nothing was done. */
TT_INLINE bool sem_give_foreign(struct tt_self *s, sem_t *sem, uint64_t site)
{
	struct ttrec_count *e = tt_of_line(tt_near(s, (uintptr_t)sem), (uintptr_t)sem, site);
	if (unlikely(!e || !(e->gap & GAP_FOREIGN) || e->n >= TT_COUNT_MAX || !sem_post_fast(sem)))
		return false;
	tt_own_add(&e->n, 1);
	return true;
}

TT_EXPORT TT_LINE_ALIGNED int sem_post(sem_t *sem)
{
	struct tt_self *s = &tt_self;
	if (tt_entered_sem(s)) {
		uint32_t depth = s->t->held_depth;
		if (likely(tt_release_is_plain(s, (uintptr_t)sem))) {
			if (likely(sem_post_fast(sem))) {
				tt_release_plain_from(s, depth);
				return 0;
			}
		} else if (likely(sem_give_foreign(s, sem, HOOK_SITE(OP_SEM_POST)))) {
			return 0;
		}
	}
	return sem_post_out(sem, HOOK_SITE(OP_SEM_POST), HOOK_CFA());
}

TT_EXPORT int sem_init(sem_t *sem, int pshared, unsigned value)
{
	struct tt_self *s = tt_enter();
	int r = REAL(sem_init)(sem, pshared, value);
	if (s && r == 0) {
		struct ttrec_lock *light = value == 1 && !pshared ? tt_light(s, (uintptr_t)sem) : NULL;
		if (light && likely(tt_light_born(s, light, HOOK_SITE(OP_NONE))))
			return 0;
		uint16_t flags = value == 1 ? TTREC_LOCK_SEM_BINARY : TTREC_LOCK_SEM_FOREIGN;
		if (pshared)
			flags |= TTREC_LOCK_PSHARED;
		tt_born(s, (uintptr_t)sem, HOOK_SITE(OP_NONE), HOOK_CFA(), &sem_birth, flags, value);
	}
	return r;
}

TT_EXPORT int sem_destroy(sem_t *sem)
{
	struct tt_self *s = tt_enter();
	uint64_t data = s && tt_g.sem_inline ? sem_data(sem) : 0;
	if (data >> 32 && !(uint32_t)data) { /* waiters, and no unit on its way to them */
		struct tt_caller c = tt_caller_of(HOOK_SITE(OP_NONE), HOOK_CFA());
		tt_busy_begin(s);
		tt_misuse(s, TTREC_MISUSE_DESTROY_WAITED, tt_lock_find((uintptr_t)sem), HOOK_SITE(OP_NONE), 0, 0, 0, &c);
		tt_busy_end(s);
	}
	int r = REAL(sem_destroy)(sem);
	if (s && r == 0) {
		if (tt_light(s, (uintptr_t)sem))
			s->light_gone = (uintptr_t)sem;
		else
			tt_died(s, (uintptr_t)sem, HOOK_SITE(OP_NONE));
	}
	return r;
}
