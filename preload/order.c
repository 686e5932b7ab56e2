/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * order.c - lock-order facts: who asked for what while holding what.
 *
 * Each thread has a small cache of the facts that it knows to be recorded (tt_dep_known); a miss leads here. The cache is
 * set-associative and holds hashes only: losing an entry costs a look-up in the recording's table, which compares in full.
 * Before the cache lie the memos of the most frequent ones. The judgement - cycles, gates, segments - is the reader's.
 */
#include "preload/shim.h"
#include "preload/sys.h"

#define DEP_HELD_MAX 512u /* outermost locks beyond this are left out of a fact: the innermost matter for cycles */
#define BLOCK_BYTES  (64u << 10)
#define LARGEST_MAX  64u /* caches of the largest size, 130 KiB each, in the whole process */
#define MEMO_BYTES   (TT_MEMOS * sizeof(struct tt_memo))

/* Sets of a cache of each size, and misses after which the next is taken: programs with few facts stay with 3 KiB a thread,
 * memos included. */
static const struct {
	uint32_t sets, misses;
} sizes[TT_DEP_SIZES] = {{64, 256}, {512, 1024}, {8192, UINT32_MAX}};

const struct tt_memo tt_no_memos[TT_MEMOS + TT_DEP_NEAR / 2];

/* ------------------------------------------------------------------ memory for the caches */

static unsigned cache_size(const struct tt_self *s)
{
	unsigned k = 0;
	while (s->deps_mask + 1 > sizes[k].sets)
		k++;
	return k;
}

/* Small ones are cut from a block. dep_block: address | how many are cut, in the low 12 bits. */
static void *cache_cut(uint64_t bytes)
{
	uint64_t b = tt_load_acquire(&tt_g.p->dep_block);
	for (;;) {
		uint64_t used = b & 0xfff, base = b & ~UINT64_C(0xfff);
		if (base && used < BLOCK_BYTES / bytes) {
			if (tt_cas_acq_rel(&tt_g.p->dep_block, &b, b + 1))
				return (void *)(uintptr_t)(base + used * bytes);
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

/* Caches come from anonymous memory, and go back to a free list when their thread is gone. Link: first word. */
static void *cache_alloc(unsigned k)
{
	uint64_t bytes = MEMO_BYTES + sizes[k].sets * sizeof(tt_dep_set);
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
	if (!k)
		return cache_cut(bytes);
	if (k == TT_DEP_SIZES - 1 && tt_add_relaxed(&tt_g.p->dep_largest, 1) >= LARGEST_MAX)
		return NULL;
	return tt_sys_mmap(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static bool has_cache(const struct tt_self *s)
{
	return s->deps && s->deps != tt_no_deps;
}

void tt_order_free(struct tt_self *s)
{
	if (has_cache(s)) {
		uint64_t *c = (uint64_t *)(uintptr_t)tt_memos(s);
		uint64_t *head = &tt_g.p->dep_free[cache_size(s)];
		uint64_t w = tt_load_relaxed(head), next;
		do {
			tt_store_relaxed(c, w & 0xffffffffffffull);
			next = ((w >> 48) + 1) << 48 | (uint64_t)(uintptr_t)c;
		} while (!tt_cas_acq_rel(head, &w, next));
	}
	s->deps = tt_no_deps;
	s->deps_mask = 0;
}

/* A new segment of the thread begins: whatever it does again is to be recorded with it. */
void tt_order_forget(struct tt_self *s)
{
	s->deps_salt += TT_HASH_MULTIPLIER;
	if (has_cache(s))
		__builtin_memset((void *)(uintptr_t)tt_memos(s), 0, MEMO_BYTES);
}

/* The dependency of an acquisition at the table's entry e is known, and its hash. Between the caller's brackets. */
void tt_order_memo(struct tt_self *s, const struct ttrec_count *e, uint64_t below, uint64_t hash)
{
	if (!has_cache(s))
		return;
	struct tt_memo *m = (struct tt_memo *)(uintptr_t)tt_memo_of(s, e);
	*m = (struct tt_memo){.below = below, .site = e->site, .hash = hash, .uid = tt_entry_line(e)->uid};
}

/* A cache of the first size, or of the next. Its entries are hashes, which do not tell their places in a larger one: it is
 * empty. */
static bool cache_grow(struct tt_self *s, unsigned k)
{
	uint8_t *c = cache_alloc(k);
	if (!c)
		return false;
	tt_order_free(s);
	s->deps = (tt_dep_set *)(void *)(c + MEMO_BYTES);
	s->deps_mask = sizes[k].sets - 1;
	s->deps_misses = 0;
	return true;
}

/* Two more sets, for locks between which there are very many orders: anywhere, so that they use the whole cache. */
static const tt_dep_set *far_place(const struct tt_self *s, uint64_t below, uint64_t lock)
{
	return &s->deps[((below << 24 | below >> 40) + lock) * TT_HASH_MULTIPLIER >> 40 & s->deps_mask];
}
static const tt_dep_set *second_place(const struct tt_self *s, const tt_dep_set *first, uint32_t tag)
{
	return &s->deps[((uint32_t)(first - s->deps) ^ tag >> 1) & s->deps_mask];
}
bool tt_dep_far(const struct tt_self *s, uint64_t below, uint64_t lock, uint32_t tag)
{
	const tt_dep_set *set = far_place(s, below, lock);
	return tt_dep_in(set, 1, tag) || tt_dep_in(second_place(s, set, tag), 1, tag);
}

/* A free way, NULL none. */
static uint32_t *way_free(const tt_dep_set *sets, unsigned n)
{
	uint32_t *way = (uint32_t *)(uintptr_t)sets;
	for (unsigned i = 0; i < n * 4; i++)
		if (!way[i])
			return &way[i];
	return NULL;
}

/* grow: it is a fact that the thread may ask for again. */
static void cache_add(struct tt_self *s, const struct ttrec_held *top, uint64_t lock, uint32_t tag, bool grow)
{
	if (!has_cache(s)) {
		/* Its end would not be seen (adopted), or was seen already: nobody would give the memory back. */
		if (tt_g.sandboxed || tt_load_relaxed(&s->t->state) != TTREC_THREAD_RUNNING ||
			s->t->flags & TTREC_THREAD_ADOPTED)
			return;
		if (!cache_grow(s, 0))
			return;
	} else if (grow && ++s->deps_misses == sizes[cache_size(s)].misses && !tt_g.sandboxed) {
		cache_grow(s, cache_size(s) + 1);
	}
	const tt_dep_set *far = far_place(s, top->hash, lock);
	const struct {
		const tt_dep_set *set;
		unsigned sets;
	} places[] = {{tt_dep_near(s, top->lock), TT_DEP_NEAR}, {tt_dep_near(s, lock), TT_DEP_NEAR}, {far, 1},
		{second_place(s, far, tag), 1}};
	const unsigned count = sizeof(places) / sizeof(places[0]);
	uint32_t *way = NULL;
	for (unsigned i = 0; i < count && !way; i++)
		way = way_free(places[i].set, places[i].sets);
	if (!way) {
		unsigned any = tt_random(s) % count;
		way = (uint32_t *)(uintptr_t)places[any].set + tt_random(s) % (places[any].sets * 4);
	}
	*way = tag;
}

/* ------------------------------------------------------------------ the facts */

/*
 * A fact that is about to be: `uid` is wanted at `site`, with entries from .. depth - 1 held. hash: its key.
 */
struct fact {
	uint32_t from, depth, uid;
	uint64_t site, hash;
};

static bool dep_equal(const struct ttrec_dep *d, const struct fact *f, const struct tt_self *s)
{
	if (d->hash != f->hash || d->wanted != f->uid || d->site != f->site || d->held_count != f->depth - f->from)
		return false;
	for (uint32_t i = f->from; i < f->depth; i++)
		if (TTREC_SITE_OP(d->held[i - f->from].site) != TTREC_SITE_OP(s->held[i].site))
			return false;
	return true; /* the hash covers the uids */
}

static uint32_t *dep_head(uint64_t hash)
{
	return &tt_g.p->dep_heads[(hash >> 20) & (TT_DEP_HEADS - 1)];
}

static struct ttrec_dep *dep_scan(uint32_t first, const struct fact *f, const struct tt_self *s)
{
	for (uint32_t r = first; r;) {
		struct ttrec_dep *d = tt_at(r);
		if (dep_equal(d, f, s))
			return d;
		r = d->chain;
	}
	return NULL;
}

/* The thread that has entry i did it again. */
static void dep_again(struct ttrec_dep *d, unsigned i, uint32_t segment)
{
	uint32_t last = tt_load_relaxed(&d->threads[i].last_segment), after = last - d->threads[i].segment;
	if (last == segment)
		return;
	if (after)
		tt_or_relaxed(&d->between[i], (uint16_t)(1u << (after < 16 ? after - 1 : 15)));
	tt_store_relaxed(&d->threads[i].last_segment, segment);
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
			dep_again(d, i, t->segment);
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

static struct ttrec_dep *dep_alloc(const struct fact *f)
{
	struct ttrec_dep *d = tt_var_alloc((uint32_t)(sizeof(*d) + (f->depth - f->from) * sizeof(d->held[0])));
	if (!d)
		tt_drop(TTREC_DROP_DEP);
	return d;
}

/*
 * Release stores, hash first and held_count last: a record that speaks of something else now may be read meanwhile. Whoever
 * finds another hash afterwards, or nothing held, read a mixture.
 */
static void dep_fill(struct tt_self *s, struct ttrec_dep *d, const struct fact *f, const struct tt_caller *c)
{
	tt_store_release(&d->held_count, (uint16_t)0);
	tt_store_release(&d->hash, f->hash);
	tt_store_release(&d->thread_count, (uint16_t)0);
	tt_store_release(&d->seen, UINT64_C(0));
	__builtin_memset(d->between, 0, sizeof(d->between));
	tt_store_release(&d->wanted, f->uid);
	tt_store_release(&d->site, f->site);
	tt_store_release(&d->first_ns, tt_now());
	tt_store_release(&d->stack, tt_stack_capture(s, c));
	for (uint32_t i = f->from; i < f->depth; i++) {
		const struct ttrec_lock *l = tt_held_lock(s, i);
		tt_store_release(&d->held[i - f->from].site, TTREC_SITE_WORD(s->held[i].site));
		tt_store_release(&d->held[i - f->from].uid, l ? tt_lock_uid(l) : 0xffffffffu);
	}
	tt_store_release(&d->held_count, (uint16_t)(f->depth - f->from));
}

static struct ttrec_dep *dep_create(struct tt_self *s, const struct fact *f, const struct tt_caller *c)
{
	struct ttrec_dep *d = dep_alloc(f);
	if (d)
		dep_fill(s, d, f, c);
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

/* ------------------------------------------------------------------ passing facts */

/*
 * CPython makes a semaphore for each wait for a condition, takes it, and waits until another thread gives it back; meanwhile
 * it takes its interpreter's mutex. As long as nobody but who took it has given it back, it may be a lock, and that is an order
 * like any other. Then it turns out to be none, and the fact says what it would say without it. So the fact of a semaphore that
 * has had many lives and is held innermost is recorded, but it is not in the table of facts yet; and when the semaphore has
 * shown that it is no lock, the fact becomes that without it, or, if that is known, its record is used for the next of its
 * kind.
 */
static bool is_passing(const struct tt_self *s, uint32_t depth)
{
	return tt_site_is_sem(s->held[depth - 1].site) && TTREC_UID_GEN(tt_held_uid(s, depth - 1)) >= TT_MANY_LIVES;
}

/* It may be overwritten no longer: it becomes one like all others. */
static void spare_keep(struct tt_spare_dep *k)
{
	struct ttrec_dep *d = tt_at(k->dep);
	uint32_t *head = dep_head(d->hash), first = tt_load_acquire(head);
	do {
		d->chain = first;
	} while (!tt_cas_acq_rel(head, &first, k->dep));
	k->dep = 0;
}

/* The thread's record of this fact, NULL none; *ret: a place for one, with a record that may be overwritten, or empty. */
static struct ttrec_dep *spare_find(struct tt_self *s, const struct fact *f, struct tt_spare_dep **ret)
{
	struct tt_spare_dep *fits = NULL, *empty = NULL, *other = &s->spare[tt_random(s) % TT_SPARE_DEPS];
	for (struct tt_spare_dep *k = s->spare; k < s->spare + TT_SPARE_DEPS; k++) {
		struct ttrec_dep *d = k->dep ? tt_at(k->dep) : NULL;
		if (!d)
			empty = k;
		else if (k->uid != TT_SPARE_VOID && dep_equal(d, f, s))
			return d;
		else if (k->uid == TT_SPARE_VOID && d->held_count == f->depth - f->from)
			fits = k;
	}
	*ret = fits ? fits : empty ? empty : other;
	if (fits || empty)
		return NULL;
	if (other->uid != TT_SPARE_VOID) {
		spare_keep(other);
		s->spare_kept = true;
	}
	other->dep = 0;
	return NULL;
}

/* Returns whether it was known. */
static bool passing(struct tt_self *s, const struct fact *f, const struct tt_caller *c)
{
	struct tt_spare_dep *k = NULL;
	struct ttrec_dep *d = spare_find(s, f, &k);
	uint32_t uid = tt_held_uid(s, f->depth - 1);
	const struct ttrec_lock *sem = tt_lock_by_index(TTREC_UID_INDEX(uid));
	/* What others know of that semaphore, or this thread from before. */
	bool may_be_known = s->spare_kept || !sem || tt_lock_users(sem) & ~tt_own_bit(s);
	if (!d && may_be_known)
		d = dep_scan(tt_load_acquire(dep_head(f->hash)), f, s);
	if (d) {
		dep_add_thread(s, d);
		return true;
	}
	bool fits = k->dep;
	d = fits ? tt_at(k->dep) : dep_alloc(f);
	if (!d)
		return false;
	dep_fill(s, d, f, c);
	dep_add_thread(s, d);
	if (!fits)
		tt_var_publish(d, TTREC_VAR_DEP);
	uint64_t below = f->depth > 1 ? s->held[f->depth - 2].hash : 0;
	*k = (struct tt_spare_dep){.dep = tt_ref(d), .uid = uid, .without = tt_order_key(below, f->uid, f->site) | 1};
	return false;
}

/* The fact that says the same as d without what was held innermost. */
static struct ttrec_dep *find_without(const struct ttrec_dep *d, uint64_t hash)
{
	for (uint32_t r = tt_load_acquire(dep_head(hash)); r;) {
		struct ttrec_dep *o = tt_at(r);
		bool same =
			o->hash == hash && o->wanted == d->wanted && o->site == d->site && o->held_count + 1u == d->held_count;
		for (unsigned i = 0; same && i < o->held_count; i++)
			same = o->held[i].uid == d->held[i].uid &&
			       TTREC_SITE_OP(o->held[i].site) == TTREC_SITE_OP(d->held[i].site);
		if (same)
			return o;
		r = o->chain;
	}
	return NULL;
}

static void spare_void(struct tt_self *s, struct tt_spare_dep *k, struct ttrec_dep *d)
{
	k->uid = TT_SPARE_VOID;
	uint16_t n = d->held_count;
	if (n < 2)
		return; /* nothing else was held: it says nothing any more */
	struct ttrec_dep *o = find_without(d, k->without);
	if (o) {
		dep_add_thread(s, o);
		return;
	}
	tt_store_release(&d->held_count, (uint16_t)0);
	tt_store_release(&d->hash, k->without);
	tt_store_release(&d->held_count, (uint16_t)(n - 1));
	spare_keep(k);
}

/* The thread held a semaphore, which turned out to be no lock: in this life, not in one whose number came again. */
void tt_order_void(struct tt_self *s, const struct ttrec_lock *l)
{
	for (struct tt_spare_dep *k = s->spare; k < s->spare + TT_SPARE_DEPS; k++) {
		struct ttrec_dep *d = k->dep ? tt_at(k->dep) : NULL;
		/* What was done before the thread made or joined another is not what it does now: then it is left as it is. */
		if (d && k->uid == tt_lock_uid(l) && d->first_ns >= tt_load_relaxed(&l->birth_ns) &&
			d->threads[0].segment == s->t->segment)
			spare_void(s, k, d);
	}
}

/* The thread asks for `lock` (uid) with the outermost `depth` locks held. Recorded unless that is known. */
void tt_order(struct tt_self *s, uint32_t depth, uint64_t lock, uint32_t uid, uint64_t site, const struct tt_caller *c)
{
	const struct ttrec_held *top = &s->held[depth - 1];
	uint64_t below = top->hash;
	if (top->lock == lock && tt_site_is_sem(site))
		return; /* as below; nor does a hook ask whether that is known */
	bool late = tt_order_is_late_try(uid, site), usual = depth == 1 && tt_held_usual(s);
	bool passes = !late && is_passing(s, depth);
	if (passes && usual) {
		/* One that the thread always holds: a fact of it is one like all others, and may be known as such. */
		passes = false;
		s->spare_kept = true;
	}
	uint32_t tag = tt_dep_tag(s, below, uid, site);
	if (!passes) {
		if (tt_dep_known(s, top, tt_dep_near(s, lock), lock, tag))
			return;
		cache_add(s, top, lock, tag, !late);
	}
	if (late)
		return;
	for (uint32_t i = 0; i < depth; i++)
		if (s->held[i].lock == lock) {
			/* Recursive, or an error that the real function reports: no order arises from it. */
			read_again(s, lock, s->held[i].site, site, c);
			return;
		}
	struct fact f = {.from = depth > DEP_HELD_MAX ? depth - DEP_HELD_MAX : 0,
		.depth = depth,
		.uid = uid,
		.site = site,
		.hash = tt_order_key(below, uid, site) | 1};
	if (passes) {
		/* Most are asked for once, and would only take the place of others in the cache. */
		if (passing(s, &f, c) && !tt_dep_known(s, top, tt_dep_near(s, lock), lock, tag))
			cache_add(s, top, lock, tag, false);
		return;
	}
	uint32_t *head = dep_head(f.hash), first = tt_load_acquire(head);
	struct ttrec_dep *mine = NULL, *known;
	do {
		if ((known = dep_scan(first, &f, s))) {
			dep_add_thread(s, known);
			return; /* `mine`, if any, stays unpublished */
		}
		if (!mine && !(mine = dep_create(s, &f, c)))
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
	const struct ttrec_held *top = &s->held[depth - 1];
	if (tt_order_is_last(s, top->hash, uid, site))
		return;
	tt_order(s, depth, lock, uid, site, c);
	bool known = tt_dep_known(s, top, tt_dep_near(s, lock), lock, tt_dep_tag(s, top->hash, uid, site));
	*tt_order_last(s, site) = known ? tt_order_key(top->hash ^ s->deps_salt, uid, site) : 0;
}
