/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pools_waits.c - what the waits of a pool mean: work, a lock, idleness (pools.h). */
#include <errno.h>
#include <string.h>

#include "lib/proc/pools_private.h"

#define KINDS_MOST 64

bool tt_pools_is_futex(enum tt_wait_kind kind)
{
	return kind == TT_WAIT_COND || kind == TT_WAIT_SEM || kind == TT_WAIT_FUTEX;
}

/* It says nothing of itself but its address. */
static bool is_unknown(const struct tt_pools_key *k)
{
	return k->kind == TT_WAIT_FUTEX && !k->gil && k->use < 0;
}

uint64_t tt_pools_parked_at(const struct tt_pools_thread *t)
{
	uint64_t best = 0, address = 0;
	bool best_known = false;
	for (unsigned i = 0; i < t->key_count; i++) {
		const struct tt_pools_key *k = &t->keys[i];
		bool known = k->kind != TT_WAIT_FUTEX;
		if (!tt_pools_is_futex(k->kind) || k->gil || k->use >= 0 || !k->address)
			continue;
		if (known > best_known || (known == best_known && k->seen_ns > best)) {
			best = k->seen_ns;
			address = k->address;
			best_known = known;
		}
	}
	return address;
}

uint64_t tt_pools_parked_ns(const struct tt_pools_thread *t)
{
	uint64_t ns = 0, at = tt_pools_parked_at(t);
	for (unsigned i = 0; at && i < t->key_count; i++)
		ns += t->keys[i].address == at ? t->keys[i].seen_ns : 0;
	return ns;
}

/* Of an address in a process. */
static uint64_t address_key(const struct tt_pools_thread *t, uint64_t address)
{
	return address * UINT64_C(0x9e3779b97f4a7c15) ^ t->process;
}

static int note_locks(const struct tt_pools_thread *t, struct tt_hmap *locks)
{
	for (unsigned i = 0; i < t->key_count; i++) {
		const struct tt_pools_key *k = &t->keys[i];
		if (!k->address || k->use >= 0 || !tt_wait_is_lock(k->kind))
			continue;
		struct tt_hmap_entry *e = tt_hmap_insert(locks, address_key(t, k->address), NULL);
		if (!e)
			return -ENOMEM;
		e->value = k->kind;
	}
	return 0;
}

int tt_pools_settle_locks(struct tt_pools *p)
{
	struct tt_hmap locks = TT_HMAP_INIT; /* process and address -> kind */
	struct tt_pools_thread *t;
	int rc = 0;
	vec_for_each (t, &p->private->threads)
		rc = rc ? rc : note_locks(t, &locks);
	vec_for_each (t, &p->private->threads) {
		uint64_t kind;
		for (unsigned i = 0; i < t->key_count; i++)
			if (is_unknown(&t->keys[i]) && tt_hmap_get(&locks, address_key(t, t->keys[i].address), &kind))
				t->keys[i].kind = (enum tt_wait_kind)kind;
	}
	tt_hmap_deinit(&locks);
	return rc;
}

/* Futexes are told apart by their addresses, all else by its kind; and by what is known of it. */
struct tt_pool_wait *tt_pools_wait_of(const struct tt_pool *pool, const struct tt_pools_key *k)
{
	struct tt_pool_wait *w;
	bool apart = tt_pools_is_futex(k->kind) || tt_wait_is_lock(k->kind), told = k->gil || k->use >= 0;
	vec_for_each (w, &pool->waits)
		if (w->kind == (int)k->kind && (!apart || w->address == k->address) && w->told == told &&
			(!told || (int)w->use == (k->gil ? TT_POOL_LOCK : k->use)))
			return w;
	return pool->waits.len >= KINDS_MOST ? &pool->waits.data[KINDS_MOST - 1] : NULL; /* many private futexes: one thing */
}

static struct tt_pool_wait *make_wait(struct tt_pool *pool, const struct tt_pools_key *k)
{
	bool apart = tt_pools_is_futex(k->kind) || tt_wait_is_lock(k->kind);
	struct tt_pool_wait *w = tt_pools_wait_of(pool, k);
	if (w)
		return w;
	w = tt_vec_add(&pool->waits);
	if (w)
		*w = (struct tt_pool_wait){.kind = (int)k->kind,
			.called = tt_wait_kind_name(k->kind),
			.words = k->words,
			.address = apart ? k->address : 0,
			.told = k->gil || k->use >= 0,
			.use = k->gil        ? TT_POOL_LOCK
		               : k->use >= 0 ? (enum tt_pool_use)k->use
		                             : TT_POOL_UNKNOWN};
	return w;
}

int tt_pools_add_waits(struct tt_pool *pool, const struct tt_pools_thread *t, uint64_t blocked)
{
	uint64_t seen = 0;
	for (unsigned i = 0; i < t->key_count; i++)
		seen += t->keys[i].seen_ns;
	if (seen == 0)
		pool->unknown_ns += blocked;
	for (unsigned i = 0; i < t->key_count; i++) {
		struct tt_pool_wait *w = make_wait(pool, &t->keys[i]);
		if (!w)
			return -ENOMEM;
		uint64_t part = (uint64_t)((double)blocked * ((double)t->keys[i].seen_ns / (double)seen));
		w->threads++;
		w->blocked_ns += part;
		pool->interpreter_ns += t->keys[i].gil ? part : 0;
		pool->accepts |= t->keys[i].listens || t->keys[i].kind == TT_WAIT_EPOLL;
	}
	return 0;
}

/* A mutex that changes hands just then looks like a bare futex. */
static bool is_lock_word(const struct tt_pool *pool, uint64_t address)
{
	const struct tt_pool_wait *w;
	vec_for_each (w, &pool->waits)
		if (address && w->address == address && tt_wait_is_lock((enum tt_wait_kind)w->kind))
			return true;
	return false;
}

/* Servers let one of their processes at a time wait for new clients: the others queue at a lock for that. */
static bool is_turn(const struct tt_pool *pool, const struct tt_pool_wait *w)
{
	bool lock = tt_wait_is_lock((enum tt_wait_kind)w->kind) || w->kind == TT_WAIT_FILE_LOCK || w->kind == TT_WAIT_IPC;
	return lock && pool->members == TT_POOL_OF_PROCESSES && pool->accepts && w->threads * 2 >= pool->threads;
}

/*
 * A mutex or a read-write lock is a lock, and so is an interpreter's. Of a condition, semaphore or bare futex: what half of the
 * pool shares, and what a thread has for itself alone (parked), is waiting for work; what some share is a lock. Event sets are
 * where loops idle. All else is what the work waits for.
 */
static enum tt_pool_use use_of(const struct tt_pool *pool, const struct tt_pool_wait *w)
{
	if (w->told)
		return w->use;
	if (is_turn(pool, w))
		return TT_POOL_IDLE;
	if (is_lock_word(pool, w->address) || tt_wait_is_lock((enum tt_wait_kind)w->kind))
		return TT_POOL_LOCK;
	switch (w->kind) {
	case TT_WAIT_COND:
	case TT_WAIT_SEM:
	case TT_WAIT_FUTEX:
		return w->threads * 2 >= pool->threads || w->threads <= 1 ? TT_POOL_IDLE : TT_POOL_LOCK;
	case TT_WAIT_EPOLL:
	case TT_WAIT_JOIN:
	case TT_WAIT_BARRIER:
	case TT_WAIT_ONCE:
	case TT_WAIT_CHILD:
	case TT_WAIT_SIGNAL:
		return TT_POOL_IDLE;
	case TT_WAIT_NONE:
		return TT_POOL_UNKNOWN;
	default:
		return TT_POOL_WORK;
	}
}

static int by_blocked(const void *a, const void *b)
{
	const struct tt_pool_wait *x = a, *y = b;
	return (x->blocked_ns < y->blocked_ns) - (x->blocked_ns > y->blocked_ns);
}

void tt_pools_decide(struct tt_pool *pool)
{
	struct tt_pool_wait *w;
	uint64_t loops = 0;
	vec_for_each (w, &pool->waits) {
		w->use = use_of(pool, w);
		uint64_t *const sums[] = {&pool->work_ns, &pool->lock_ns, &pool->idle_ns, &pool->unknown_ns};
		*sums[w->use] += w->blocked_ns;
		loops += w->kind == TT_WAIT_EPOLL && !w->told ? w->blocked_ns : 0;
	}
	tt_vec_sort(&pool->waits, by_blocked);
	if (loops * 2 > pool->blocked_ns && loops)
		pool->kind = TT_POOL_LOOP;
	else if (pool->kind == TT_POOL_WORKERS && pool->run_ns == 0)
		pool->kind = TT_POOL_QUIET;
}
