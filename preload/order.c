/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * order.c - lock-order facts: who asked for what while holding what.
 *
 * Each thread has a small cache of hashes of facts it knows to be recorded; a miss leads here. The cache is direct-mapped:
 * losing an entry costs a look-up in the recording's table, nothing else. A 64-bit hash decides equality in the cache; the
 * recording compares in full. The judgement - cycles, gates, segments - is the reader's.
 */
#include "preload/shim.h"
#include "preload/sys.h"

#define DEP_HELD_MAX 512u /* outermost locks beyond this are left out of a fact: the innermost matter for cycles */
#define BLOCK_BYTES  (64u << 10)
#define GROW_MISSES  512u

/* ------------------------------------------------------------------ memory for the caches */

/* Caches come from anonymous blocks, and go back to a free list when their thread is gone. Link: first word. */
static uint64_t *cache_alloc(uint32_t entries)
{
	unsigned k = entries > TT_DEPS_ENTRIES;
	uint64_t bytes = (uint64_t)entries * sizeof(uint64_t);
	uint64_t *head = &tt_g.p->dep_free[k];
	uint64_t w = tt_load_acquire(head);
	/* Tag in the top 16 bits: user addresses have 47. */
	while (w & 0xffffffffffffull) {
		uint64_t *c = (uint64_t *)(uintptr_t)(w & 0xffffffffffffull);
		uint64_t next = (w & ~0xffffffffffffull) | (tt_load_relaxed(c) & 0xffffffffffffull);
		if (tt_cas_acq_rel(head, &w, next)) {
			__builtin_memset(c, 0, bytes);
			return c;
		}
	}
	if (k)
		return tt_sys_mmap(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	/* Small ones are cut from a block; dep_block: address | slots used in the low 12 bits. */
	uint64_t b = tt_load_acquire(&tt_g.p->dep_block);
	for (;;) {
		uint64_t used = b & 0xfff, base = b & ~UINT64_C(0xfff);
		if (base && used < BLOCK_BYTES / bytes) {
			if (tt_cas_acq_rel(&tt_g.p->dep_block, &b, b + 1))
				return (uint64_t *)(uintptr_t)(base + used * bytes);
			continue;
		}
		void *m = tt_sys_mmap(BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		if (!m)
			return NULL;
		if (tt_cas_acq_rel(&tt_g.p->dep_block, &b, (uint64_t)(uintptr_t)m | 1))
			return m;
		TT_SYS(munmap, m, BLOCK_BYTES, 0, 0);
	}
}

static void cache_free(uint64_t *c, uint32_t entries)
{
	uint64_t *head = &tt_g.p->dep_free[entries > TT_DEPS_ENTRIES];
	uint64_t w = tt_load_relaxed(head), next;
	do {
		tt_store_relaxed(c, w & 0xffffffffffffull);
		next = ((w >> 48) + 1) << 48 | (uint64_t)(uintptr_t)c;
	} while (!tt_cas_acq_rel(head, &w, next));
}

void tt_order_free(struct tt_self *s)
{
	if (s->deps)
		cache_free(s->deps, s->deps_mask + 1);
	s->deps = NULL;
}

/* A new segment of the thread begins: whatever it does again is to be recorded with it. */
void tt_order_forget(struct tt_self *s)
{
	if (s->deps)
		__builtin_memset(s->deps, 0, (s->deps_mask + 1) * sizeof(*s->deps));
}

static void cache_add(struct tt_self *s, uint64_t key)
{
	if (!s->deps) {
		/* Its end would not be seen (adopted), or was seen already: nobody would give the memory back. */
		if (tt_g.sandboxed || tt_load_relaxed(&s->t->state) != TTREC_THREAD_RUNNING ||
			s->t->flags & TTREC_THREAD_ADOPTED)
			return;
		s->deps = cache_alloc(TT_DEPS_ENTRIES);
		s->deps_mask = TT_DEPS_ENTRIES - 1;
		if (!s->deps)
			return;
	}
	if (++s->deps_misses == GROW_MISSES && !tt_g.sandboxed && s->deps_mask == TT_DEPS_ENTRIES - 1) {
		uint64_t *large = cache_alloc(TT_DEPS_LARGE);
		if (large) {
			for (uint32_t i = 0; i < TT_DEPS_ENTRIES; i++)
				large[s->deps[i] & (TT_DEPS_LARGE - 1)] = s->deps[i];
			cache_free(s->deps, TT_DEPS_ENTRIES);
			s->deps = large;
			s->deps_mask = TT_DEPS_LARGE - 1;
		}
	}
	s->deps[key & s->deps_mask] = key;
}

/* ------------------------------------------------------------------ the facts */

static bool dep_equal(const struct ttrec_dep *d, uint64_t hash, uint32_t wanted, uint64_t site, const struct tt_self *s,
	uint32_t from, uint32_t depth)
{
	if (d->hash != hash || d->wanted != wanted || d->site != site || d->held_count != depth - from)
		return false;
	for (uint32_t i = from; i < depth; i++)
		if (TTREC_SITE_OP(d->held[i - from].site) != TTREC_SITE_OP(s->held[i].site))
			return false;
	return true; /* the hash covers the uids */
}

/*
 * The thread did it. An entry of threads[] is written by its own thread only: claimed by the count, valid by its serial. A
 * thread that is there already says until when; one that finds no room is counted.
 */
static void dep_add_thread(struct tt_self *s, struct ttrec_dep *d)
{
	struct ttrec_thread *t = s->t;
	uint16_t n = tt_load_acquire(&d->thread_count);
	for (uint16_t i = 0; i < n && i < TTREC_DEP_THREADS; i++) {
		if (tt_load_acquire(&d->threads[i].serial) == t->serial) {
			tt_store_relaxed(&d->threads[i].last_segment, t->segment);
			return;
		}
	}
	tt_add_relaxed(&d->seen, 1);
	do {
		if (n >= TTREC_DEP_THREADS)
			return;
	} while (!tt_cas_acq_rel(&d->thread_count, &n, (uint16_t)(n + 1)));
	d->threads[n].segment = d->threads[n].last_segment = t->segment;
	tt_store_release(&d->threads[n].serial, t->serial);
	tt_or_relaxed(&t->flags, TTREC_THREAD_HAS_DEPS);
}

static struct ttrec_dep *dep_create(
	struct tt_self *s, uint32_t from, uint32_t depth, uint32_t uid, uint64_t site, uint64_t hash, const struct tt_caller *c)
{
	uint32_t n = depth - from;
	struct ttrec_dep *d = tt_var_alloc((uint32_t)(sizeof(*d) + n * sizeof(d->held[0])));
	if (!d) {
		tt_drop(TTREC_DROP_DEP);
		return NULL;
	}
	d->wanted = uid;
	d->hash = hash;
	d->site = site;
	d->held_count = (uint16_t)n;
	d->first_ns = tt_now();
	d->stack = tt_stack_capture(s, c);
	for (uint32_t i = 0; i < n; i++) {
		const struct ttrec_held *h = &s->held[from + i];
		const struct ttrec_lock *l = tt_lock_find(h->lock);
		d->held[i].site = TTREC_SITE_WORD(h->site);
		d->held[i].uid = l ? tt_lock_uid(l) : 0xffffffffu;
	}
	return d;
}

static bool is_read(uint64_t site)
{
	unsigned op = TTREC_SITE_OP(site);
	return op == TTREC_OP_RDLOCK || op == TTREC_OP_TIMEDRDLOCK || op == TTREC_OP_TRYRDLOCK;
}

/* A reader that asks again waits behind a writer that waits for it, if the lock is of the kind that lets writers go first. */
static void read_again(struct tt_self *s, uint64_t lock, uint64_t held, uint64_t site, const struct tt_caller *c)
{
	if (TTREC_SITE_OP(site) != TTREC_OP_RDLOCK || !is_read(held))
		return;
	struct ttrec_lock *l = tt_lock_find(lock);
	if (l && l->type == TTREC_TYPE_PREFER_WRITER_NR)
		tt_misuse(s, TTREC_MISUSE_RECURSIVE_READ, l, site, s->t->serial, TTREC_SITE_WORD(held), 0, c);
}

/* The thread asks for `lock` (uid) with `depth` locks held, and its cache does not know this. Records it unless it is known. */
void tt_order_miss(
	struct tt_self *s, uint32_t depth, uint64_t lock, uint32_t uid, uint64_t site, uint64_t key, const struct tt_caller *c)
{
	cache_add(s, key);
	for (uint32_t i = 0; i < depth; i++)
		if (s->held[i].lock == lock) {
			/* Recursive, or an error that the real function reports: no order arises from it. */
			read_again(s, lock, s->held[i].site, site, c);
			return;
		}
	uint32_t from = depth > DEP_HELD_MAX ? depth - DEP_HELD_MAX : 0;
	uint64_t hash = tt_mix(s->held[depth - 1].hash ^ uid, site) | 1;
	uint32_t *head = &tt_g.p->dep_heads[(hash >> 20) & (TT_DEP_HEADS - 1)];
	uint32_t first = tt_load_acquire(head);
	struct ttrec_dep *mine = NULL;
	do {
		for (uint32_t r = first; r;) {
			struct ttrec_dep *d = tt_at(r);
			if (dep_equal(d, hash, uid, site, s, from, depth)) {
				dep_add_thread(s, d);
				return; /* `mine`, if any, stays unpublished */
			}
			r = d->chain;
		}
		if (!mine && !(mine = dep_create(s, from, depth, uid, site, hash, c)))
			return;
		mine->chain = first;
	} while (!tt_cas_acq_rel(head, &first, tt_ref(mine)));
	dep_add_thread(s, mine);
	tt_var_publish(mine, TTREC_VAR_DEP);
}

/* Before a thread blocks for `lock`: the same, on the slow path. */
void tt_order_attempt(struct tt_self *s, uint64_t lock, uint32_t uid, uint64_t site, const struct tt_caller *c)
{
	uint32_t depth = s->t->held_depth;
	if (!depth)
		return;
	uint64_t key = tt_order_key(s->held[depth - 1].hash, uid, site);
	if (!s->deps || s->deps[key & s->deps_mask] != key)
		tt_order_miss(s, depth, lock, uid, site, key, c);
}
