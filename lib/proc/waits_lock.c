/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * waits_lock.c - futex words -> locks and owners, by the layouts of glibc 2.25 and later on x86-64.
 *
 * Sources: sysdeps/nptl/bits/struct_mutex.h, struct_rwlock.h, thread-shared-types.h,
 * nptl/{pthread_mutex_lock,pthread_rwlock_common, pthread_cond_wait,sem_waitcommon,pthread_barrier_wait}.c of glibc 2.36,
 * verified by tests/threaddump.bats on live programs. Each check demands what cannot be so by chance in other memory: a type
 * that exists, counters that fit, an owner that is a living thread.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/core/attrs.h"
#include "lib/proc/proc_private.h"

#define TID_MASK     UINT32_C(0x3fffffff) /* FUTEX_TID_MASK */
#define WAITERS      UINT32_C(0x80000000) /* FUTEX_WAITERS */
#define MUTEX_ROBUST 16
#define MUTEX_PI     32
#define MUTEX_PP     64
#define MUTEX_SHARED 128
#define MUTEX_KINDS  (3 | MUTEX_ROBUST | MUTEX_PI | MUTEX_PP | MUTEX_SHARED | 256 | 512) /* the last two: lock elision */
#define PTHREAD_TID  0x2d0                                                               /* offset of tid in struct pthread */
#define PTHREAD_SELF 0x10                                                                /* ... of the pointer to itself */
#define MANY         1000000u                                                            /* more waiters than ever exist */

static pid_t thread_of(const struct tt_wait_env *env, uint32_t tid)
{
	return tid && env->thread ? env->thread(env->ctx, tid) : 0;
}

static void found(struct tt_wait *w, enum tt_wait_kind kind, uint64_t address, const struct wait_hint *hint)
{
	w->kind = kind;
	w->address = address;
	/* A condition's wait ends by locking its mutex again, in a function without a name of its own. */
	bool named = hint->kind == kind || (hint->kind == TT_WAIT_COND && kind == TT_WAIT_MUTEX);
	w->sure = named ? TT_WAIT_NAMED : TT_WAIT_LAYOUT;
}

static void owned(struct tt_wait *w, const struct tt_wait_env *env, uint32_t tid)
{
	w->owner_word = tid;
	w->owner = thread_of(env, tid);
}

/*
 * Memory of another kind may look by chance like an object that keeps no owner. glibc has waited for all of them with
 * WAIT_BITSET since 2.33, and a program that waits for a futex of its own mostly does so with plain WAIT.
 */
static void guess_by_counters(struct tt_wait *w, const struct wait_hint *hint)
{
	if (hint->plain_wait && w->sure != TT_WAIT_NAMED)
		w->sure = TT_WAIT_GUESSED;
}

/* ------------------------------------------------------------------ mutexes */

struct glibc_mutex {
	uint32_t lock, count, owner, users;
	uint32_t kind;
};

static bool mutex_kind_exists(uint32_t kind)
{
	return !(kind & ~(uint32_t)MUTEX_KINDS);
}

/* A robust or PI mutex has its owner in the word itself; one of another kind behind it. */
static bool try_mutex(struct tt_wait *w, uint32_t expected, const struct wait_hint *hint, const struct tt_wait_env *env)
{
	struct glibc_mutex m;
	if (wait_read(env, w->word, &m, sizeof(m)) < 0 || !mutex_kind_exists(m.kind))
		return false;
	bool in_word = m.kind & (MUTEX_ROBUST | MUTEX_PI);
	uint32_t owner = in_word ? m.lock & TID_MASK : m.owner;
	bool waits = in_word ? (expected & WAITERS) || (m.kind & MUTEX_PI) : (m.kind & MUTEX_PP ? expected & 2 : expected == 2);
	bool named = hint->kind == TT_WAIT_MUTEX;
	bool lives = thread_of(env, owner) != 0;
	bool elsewhere = (m.kind & MUTEX_SHARED) || in_word; /* its owner may be in another process, or have died */
	if (!waits || (!lives && !named && !(elsewhere && owner && owner == m.owner)) || (!named && !in_word && !m.users) ||
		m.users > MANY)
		return false;
	found(w, TT_WAIT_MUTEX, w->word, hint);
	owned(w, env, owner);
	w->lock_type = m.kind & (3 | MUTEX_ROBUST | MUTEX_PI | MUTEX_PP | MUTEX_SHARED);
	w->shared = m.kind & MUTEX_SHARED;
	return true;
}

/* musl: type, lock, waiters; the word is the second. Its plain kind keeps no owner. */
static bool try_musl_mutex(struct tt_wait *w, uint32_t expected, const struct wait_hint *hint, const struct tt_wait_env *env)
{
	uint32_t m[3];
	if (!(expected & WAITERS) || wait_read(env, w->word - 4, m, sizeof(m)) < 0 || m[2] == 0 || m[2] > MANY)
		return false;
	unsigned type = m[0] & 15;
	uint32_t owner = expected & TID_MASK;
	if (type > 2 || (m[0] & ~(15u | 128u)) || (type == 0 && (owner != EBUSY || hint->kind != TT_WAIT_MUTEX)) ||
		(type != 0 && !thread_of(env, owner)))
		return false;
	found(w, TT_WAIT_MUTEX, w->word - 4, hint);
	w->lock_type = type;
	if (type != 0)
		owned(w, env, owner);
	else
		w->meaning = "of musl's plain kind, which keeps no owner";
	return true;
}

/*
 * The kernel sees that locking a priority-inheriting mutex would close a ring, and refuses. glibc then lets the thread wait for
 * ever, on a word of its own stack that never changes. The mutex it wanted is still among what the function keeps on the stack.
 */
static bool try_refused_pi(struct tt_wait *w, uint32_t expected, const struct wait_hint *hint, const struct tt_wait_env *env)
{
	uint64_t stack[64];
	struct glibc_mutex m;
	bool may_be = hint->kind == TT_WAIT_MUTEX || (hint->kind == TT_WAIT_NONE && !hint->named);
	if (!may_be || expected != 0 || !hint->sp || w->word - hint->sp >= sizeof(stack) ||
		wait_read(env, hint->sp, stack, sizeof(stack)) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(stack); i++) {
		if (stack[i] % 8 || wait_read(env, stack[i], &m, sizeof(m)) < 0 || !(m.kind & MUTEX_PI) ||
			!mutex_kind_exists(m.kind) || !m.users || m.users > MANY || !thread_of(env, m.lock & TID_MASK))
			continue;
		found(w, TT_WAIT_MUTEX, stack[i], hint);
		owned(w, env, m.lock & TID_MASK);
		w->lock_type = m.kind & (3 | MUTEX_ROBUST | MUTEX_PI | MUTEX_PP | MUTEX_SHARED);
		w->shared = m.kind & MUTEX_SHARED;
		return true;
	}
	return false;
}

/* FILE's lock: word, depth, pointer to the owner's struct pthread. */
static bool try_stdio(struct tt_wait *w, uint32_t expected, const struct wait_hint *hint, const struct tt_wait_env *env)
{
	struct {
		uint32_t lock, depth;
		uint64_t owner;
	} l;
	uint64_t self;
	uint32_t tid;
	if (expected != 2 || wait_read(env, w->word, &l, sizeof(l)) < 0 || !l.depth || l.depth > MANY || !l.owner ||
		l.owner % 16)
		return false;
	if (wait_read(env, l.owner + PTHREAD_SELF, &self, sizeof(self)) < 0 || self != l.owner ||
		wait_read(env, l.owner + PTHREAD_TID, &tid, sizeof(tid)) < 0 || !thread_of(env, tid))
		return false;
	found(w, TT_WAIT_STDIO, w->word, hint);
	w->sure = TT_WAIT_NAMED; /* three pointers that fit say as much as a name */
	owned(w, env, tid);
	return true;
}

/* ------------------------------------------------------------------ join */

static bool try_join(struct tt_wait *w, uint32_t expected, const struct wait_hint *hint, const struct tt_wait_env *env)
{
	uint64_t self = 0, thread = w->word - PTHREAD_TID;
	bool fits = wait_read(env, thread + PTHREAD_SELF, &self, sizeof(self)) == 0 && self == thread;
	if (!w->shared || !expected || expected > TID_MASK || (!fits && hint->kind != TT_WAIT_JOIN))
		return false;
	if (!fits && !thread_of(env, expected))
		return false;
	found(w, TT_WAIT_JOIN, thread, hint);
	w->shared = false;
	owned(w, env, expected);
	return true;
}

/* ------------------------------------------------------------------ reader-writer locks */

struct glibc_rwlock {
	uint32_t readers, writers, wrphase, writers_futex, pad[2], writer, shared;
	uint64_t pad2[2];
	uint32_t flags;
};

static bool read_rwlock(struct glibc_rwlock *rw, uint64_t address, const struct tt_wait_env *env)
{
	return wait_read(env, address, rw, sizeof(*rw)) == 0 && !rw->pad[0] && !rw->pad[1] && rw->shared <= 1 &&
	       rw->flags <= 2 && rw->wrphase <= 3 && rw->writers_futex <= 3 && (rw->readers || rw->writer || rw->writers) &&
	       rw->readers >> 3 <= MANY && (rw->writers & ~WAITERS) <= MANY;
}

static bool rwlock_found(struct tt_wait *w, const struct glibc_rwlock *rw, uint64_t address, enum tt_wait_kind kind,
	const struct wait_hint *hint, const struct tt_wait_env *env)
{
	bool behind_writer = rw->writer != 0;
	if (behind_writer && !thread_of(env, rw->writer) && hint->kind != kind && !rw->shared)
		return false;
	found(w, kind, address, hint);
	w->shared = rw->shared;
	w->writers = rw->writers & ~WAITERS;
	if (behind_writer) {
		owned(w, env, rw->writer);
	} else {
		w->readers = rw->readers >> 3;
		guess_by_counters(w, hint);
	}
	return true;
}

/*
 * Three words are waited on: wrphase (8) by readers while it is 1 and by the first writer while it is 0, writers_futex (12) by
 * further writers, readers (0) by readers that let writers pass. 2 is added to the expected value: "somebody waits".
 */
static bool try_rwlock(struct tt_wait *w, uint32_t expected, const struct wait_hint *hint, const struct tt_wait_env *env)
{
	struct glibc_rwlock rw;
	bool reads = hint->kind == TT_WAIT_RDLOCK, writes = hint->kind == TT_WAIT_WRLOCK;
	if (expected == 3 && !writes && read_rwlock(&rw, w->word - 8, env) && rw.writer && (rw.readers >> 3) > 0)
		return rwlock_found(w, &rw, w->word - 8, TT_WAIT_RDLOCK, hint, env);
	if (expected == 3 && !reads && read_rwlock(&rw, w->word - 12, env))
		return rwlock_found(w, &rw, w->word - 12, TT_WAIT_WRLOCK, hint, env);
	if (expected == 2 && !reads && read_rwlock(&rw, w->word - 8, env) && (rw.readers >> 3) > 0)
		return rwlock_found(w, &rw, w->word - 8, TT_WAIT_WRLOCK, hint, env);
	if (reads && read_rwlock(&rw, w->word - 8, env) && expected == 3)
		return rwlock_found(w, &rw, w->word - 8, TT_WAIT_RDLOCK, hint, env);
	if (reads && read_rwlock(&rw, w->word, env))
		return rwlock_found(w, &rw, w->word, TT_WAIT_RDLOCK, hint, env);
	return false;
}

/* ------------------------------------------------------------------ conditions, semaphores, barriers */

/* Two words are waited on, one for each group of waiters, at the end of pthread_cond_t; glibc 2.41 dropped a field before them.
 */
static bool try_cond(struct tt_wait *w, const struct wait_hint *hint, const struct tt_wait_env *env)
{
	struct {
		uint64_t wseq, g1_start;
		uint32_t g_refs[2], g_size[2], g1_orig_size, wrefs, g_signals[2];
	} c;
	unsigned group = w->word % 8 / 4;
	uint64_t address = w->word - 40 - 4 * group;
	if (wait_read(env, address, &c, sizeof(c)) < 0)
		return false;
	uint32_t waiters = c.wrefs >> 3, refs = c.g_refs[group] >> 1, others = c.g_refs[!group] >> 1;
	uint64_t begun = c.wseq >> 1, g1_end = (c.g1_start >> 1) + (c.g1_orig_size >> 2);
	/* Who waits refers to its group; both groups lie within the waits that were begun; both positions name one group. */
	if (!waiters || waiters > MANY || !refs || refs > waiters || others > waiters - refs || waiters > begun ||
		g1_end > begun || ((c.wseq ^ c.g1_start) & 1) || (c.wrefs & 1) != w->shared)
		return false;
	found(w, TT_WAIT_COND, address, hint);
	guess_by_counters(w, hint);
	return true;
}

/* sem_t: value and count of waiters in one word of 64 bits, then whether it is shared. */
static bool try_sem(struct tt_wait *w, uint32_t expected, const struct wait_hint *hint, const struct tt_wait_env *env)
{
	uint32_t s[3];
	if (expected != 0 || w->word % 8 || wait_read(env, w->word, s, sizeof(s)) < 0 || !s[1] || s[1] > MANY ||
		s[2] != (w->shared ? 128 : 0))
		return false;
	found(w, TT_WAIT_SEM, w->word, hint);
	guess_by_counters(w, hint);
	return true;
}

static void note_barrier(struct tt_wait *w, const struct tt_wait_env *env)
{
	uint32_t b[3]; /* arrivals of all rounds, arrivals of the rounds before, parties */
	if (wait_read(env, w->word - 4, b, sizeof(b)) < 0 || !b[2] || b[2] > MANY || b[0] - b[1] > b[2])
		return;
	w->address = w->word - 4;
	tt_buf_printf(&w->note, "%u of %u threads have come", b[0] - b[1], b[2]);
}

/* ------------------------------------------------------------------ which one */

/* No function says what it is. Counters alone are too little where the innermost function has a name, and it is none that
 * locks. */
static bool try_all(struct tt_wait *w, uint32_t expected, const struct wait_hint *hint, const struct tt_wait_env *env)
{
	if (try_join(w, expected, hint, env) || try_mutex(w, expected, hint, env) || try_stdio(w, expected, hint, env))
		return true;
	if (hint->named)
		return false;
	return try_refused_pi(w, expected, hint, env) || try_rwlock(w, expected, hint, env) ||
	       try_musl_mutex(w, expected, hint, env) || try_cond(w, hint, env) || try_sem(w, expected, hint, env);
}

/* A function of the C library on the stack says what it is: its memory tells the rest. */
static void try_named(struct tt_wait *w, uint32_t expected, const struct wait_hint *hint, const struct tt_wait_env *env)
{
	w->kind = hint->kind;
	w->sure = TT_WAIT_NAMED;
	switch (hint->kind) {
	case TT_WAIT_MUTEX:
		if (!try_mutex(w, expected, hint, env) && !try_musl_mutex(w, expected, hint, env))
			try_refused_pi(w, expected, hint, env);
		break;
	case TT_WAIT_RDLOCK:
	case TT_WAIT_WRLOCK:
		try_rwlock(w, expected, hint, env);
		break;
	case TT_WAIT_JOIN:
		try_join(w, expected, hint, env);
		break;
	case TT_WAIT_COND:
		/* It may wait for its mutex again, after it was woken. */
		if (!try_cond(w, hint, env))
			try_mutex(w, expected, hint, env);
		break;
	case TT_WAIT_BARRIER:
		note_barrier(w, env);
		break;
	default:
		break;
	}
}

void wait_decode_lock(struct tt_wait *w, uint32_t expected, const struct wait_hint *hint, const struct tt_wait_env *env)
{
	if (hint->foreign) {
		w->kind = hint->kind;
		w->sure = TT_WAIT_NAMED;
	} else if (hint->kind != TT_WAIT_NONE) {
		try_named(w, expected, hint, env);
	} else {
		try_all(w, expected, hint, env);
	}
}
