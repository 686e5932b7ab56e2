/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * locks.c - which lock is this? Identity by address, birth site and generation; totals by (lock, site).
 *
 * A record stands for (address, birth site). Records are never removed and never move, so that the chains need no
 * protection but the compare and swap that inserts at their head. When a lock dies (destroy call, its memory freed) its record
 * is flagged; a lock born later at the same address by the same code takes the record up again with the next generation,
 * another one gets a record of its own. Statistics go on over generations; lock order tells them apart by uid.
 *
 * Called on slow paths only: first use of a lock by a thread at a site, init, destroy, contention, timed holds.
 */
#include "preload/shim.h"

/* The living lock at this address, NULL if none is known. The thread finds what it found before without the chain. */
struct ttrec_lock *tt_lock_find(uint64_t address)
{
	struct ttrec_thread *t = tt_self.t;
	struct ttrec_lock *l = tt_self.found;
	if (l && l->address == address && !tt_lock_is_dead(l))
		return l;
	uint32_t *near = t ? tt_lock_near(t, address) : NULL;
	uint32_t hint = near ? tt_load_relaxed(near) : 0;
	l = hint ? tt_lock_by_index(hint - 1) : NULL;
	if (l && l->address == address && !tt_lock_is_dead(l))
		return tt_self.found = l;
	for (uint32_t i = tt_load_acquire(&tt_g.p->lock_heads[tt_lock_bucket(address)]); i; i = l->chain) {
		l = tt_lock_by_index(i - 1);
		if (l->address == address && !tt_lock_is_dead(l)) {
			if (near)
				tt_store_relaxed(near, i);
			return tt_self.found = l;
		}
	}
	return NULL;
}

/* The lock that a destroy call ended at this address, when no other lives there. */
struct ttrec_lock *tt_lock_find_destroyed(uint64_t address)
{
	uint32_t i = tt_load_acquire(&tt_g.p->lock_heads[tt_lock_bucket(address)]);
	while (i) {
		struct ttrec_lock *l = tt_lock_by_index(i - 1);
		if (l->address == address && (tt_load_relaxed(&l->flags) & TTREC_LOCK_DESTROYED))
			return l;
		i = l->chain;
	}
	return NULL;
}

/*
 * A dead one that the same code made at the same place; *destroyed: as tt_lock_find_destroyed(), *living: as tt_lock_find(),
 * which here mostly is none.
 */
static struct ttrec_lock *lock_find_dead(
	uint64_t address, const struct tt_birth *b, struct ttrec_lock **destroyed, struct ttrec_lock **living)
{
	struct ttrec_lock *l, *dead = *destroyed = *living = NULL;
	for (uint32_t i = tt_load_acquire(&tt_g.p->lock_heads[tt_lock_bucket(address)]); i; i = l->chain) {
		l = tt_lock_by_index(i - 1);
		uint16_t flags = l->address == address ? tt_load_relaxed(&l->flags) : 0;
		if (!*destroyed && flags & TTREC_LOCK_DESTROYED)
			*destroyed = l;
		if (!dead && flags & TTREC_LOCK_DEAD && l->birth_site == b->site && l->kind == b->kind)
			dead = l;
		if (!*living && l->address == address && !(flags & TTREC_LOCK_DEAD))
			*living = l;
	}
	return dead;
}

static void lock_revive(struct tt_self *s, struct ttrec_lock *l, const struct tt_birth *b)
{
	uint16_t was = tt_load_relaxed(&l->flags);
	if (!(was & TTREC_LOCK_DEAD))
		return;
	/* Two threads may come here for one lock; a generation number skipped does no harm. */
	tt_add_relaxed(&l->gen, 1);
	tt_store_relaxed(&l->sharers, UINT64_C(0));
	tt_store_relaxed(&l->other, b->other);
	tt_store_relaxed(&l->owner, 0u);
	tt_store_relaxed(&l->birth_ns, tt_now());
	tt_store_relaxed(&l->birth_thread, s->t ? s->t->serial : 0);
	uint16_t now = (was & (TTREC_LOCK_HOLD_BLOCKED | TTREC_LOCK_ON_STACK)) | b->flags;
	if (l->kind == TTREC_KIND_SEM) {
		/* What began with another value than 1 says nothing of those that begin with 1. */
		bool showed = was & TTREC_LOCK_SEM_BINARY && was & (TTREC_LOCK_SEM_FOREIGN | TTREC_LOCK_SEM_GUESSED);
		uint32_t signals = showed ? l->signals + 1 : 0;
		tt_store_relaxed(&l->signals, signals);
		now |= was & TTREC_LOCK_SEM_LOCKED;
		if (signals >= TT_MANY_LIVES && now & TTREC_LOCK_SEM_BINARY && tt_g.hold_period > 1)
			now |= TTREC_LOCK_SEM_GUESSED;
	} else {
		now |= was & (TTREC_LOCK_SIGNALLED | TTREC_LOCK_WAITED);
	}
	tt_store_release(&l->flags, now);
	tt_filter_set(l->address);
}

static struct ttrec_lock *lock_insert(struct tt_self *s, uint64_t address, const struct tt_birth *birth)
{
	struct tt_birth described = *birth, *b = &described;
	if (b->describe)
		b->describe(b, address);
	uint32_t index = 0;
	struct ttrec_lock *l = tt_slab_alloc(TTREC_CHUNK_LOCK, sizeof(*l), TTREC_SLAB_LOCKS, &index);
	if (!l) {
		tt_drop(TTREC_DROP_LOCK);
		return NULL;
	}
	l->index = index;
	l->address = address;
	l->type = (uint8_t)b->type;
	l->flags = b->flags;
	l->birth_site = b->site;
	l->birth_ns = tt_now();
	l->other = b->other;
	if (s->t) {
		l->birth_thread = s->t->serial;
		if (address >= s->t->stack_low && address < s->t->stack_high)
			l->flags |= TTREC_LOCK_ON_STACK;
	}
	tt_module_seen(TTREC_SITE_PC(b->site));
	if (b->caller)
		l->birth_stack = tt_stack_capture(s, b->caller);

	if (b->kind == TTREC_KIND_SPIN || b->kind == TTREC_KIND_ONCE || b->kind == TTREC_KIND_FUTEX)
		tt_store_relaxed(&tt_g.p->small, UINT64_C(1));

	/* Published for readers of the file before it is found by other threads, who look at the kind. */
	tt_store_release(&l->kind, (uint8_t)b->kind);
	uint32_t *head = &tt_g.p->lock_heads[tt_lock_bucket(address)];
	uint32_t first = tt_load_acquire(head);
	do {
		/* Somebody may have inserted the same lock meanwhile: his record stands, ours is taken back. */
		for (uint32_t i = first; i; i = tt_lock_by_index(i - 1)->chain) {
			struct ttrec_lock *o = tt_lock_by_index(i - 1);
			if (o->address == address && !tt_lock_is_dead(o)) {
				tt_store_relaxed(&l->kind, (uint8_t)TTREC_KIND_NONE);
				return o;
			}
		}
		l->chain = first;
	} while (!tt_cas_acq_rel(head, &first, l->index + 1));
	tt_filter_set(address);
	return l;
}

/*
 * A lock begins where a destroyed one was. Used without an init call it is that one still, unless its memory was given back
 * meanwhile, or is on a stack and so may have become another's.
 */
static void lock_reborn(struct tt_self *s, struct ttrec_lock *dead, const struct tt_birth *b)
{
	if (!dead || tt_lock_tells_death(dead))
		return;
	if (!b->caller && dead->kind == b->kind && !(tt_load_relaxed(&dead->flags) & TTREC_LOCK_ON_STACK))
		s->reborn = dead->index + 1;
	tt_and_relaxed(&dead->flags, (uint16_t)~TTREC_LOCK_DESTROYED);
}

/* One begins; what lives there is over. */
static struct ttrec_lock *lock_begin(struct tt_self *s, uint64_t address, const struct tt_birth *b)
{
	struct ttrec_lock *destroyed, *living, *l = lock_find_dead(address, b, &destroyed, &living);
	if (living) {
		tt_lock_death(s, living, b->site, false);
		l = lock_find_dead(address, b, &destroyed, &living);
	}
	lock_reborn(s, destroyed, b);
	if (!l)
		return lock_insert(s, address, b);
	lock_revive(s, l, b);
	return l;
}

/* The lock at this address, made known by its first use if need be. NULL: no space (counted). */
struct ttrec_lock *tt_lock_get(struct tt_self *s, uint64_t address, const struct tt_birth *b)
{
	struct ttrec_lock *l = tt_lock_find(address);
	if (l && l->kind == b->kind)
		return l;
	/* Another kind of object may live there now: the old one is gone, whether or not we were told. */
	return lock_begin(s, address, b);
}

/*
 * Its next life. Its beginning is noted if it is another thread's than the last one: there are thousands in a second, and as a
 * rule only one line of the record is to be written for each.
 */
static void light_again(const struct tt_self *s, struct ttrec_lock *l, const struct tt_birth *b)
{
	uint64_t serial = s->t ? s->t->serial : 0;
	if (tt_load_relaxed(&l->birth_thread) != serial) {
		tt_store_relaxed(&l->birth_ns, tt_now());
		tt_store_relaxed(&l->birth_thread, serial);
	}
	tt_lock_light_again(l, b->flags);
}

/* An init call: whatever lived there is over. */
void tt_lock_init_seen(struct tt_self *s, uint64_t address, const struct tt_birth *b)
{
	struct ttrec_lock *l = b->flags & TTREC_LOCK_SEM_BINARY ? tt_lock_find(address) : NULL;
	if (l && tt_lock_is_light(l) && l->birth_site == b->site)
		light_again(s, l, b);
	else
		lock_begin(s, address, b);
}

/*
 * The lock is no more. Threads that counted for it hold its address in their tables: if others than this one did, the
 * death goes into the ring and the epoch advances, which every thread sees at its next hook (tt_count_catch_up).
 */
void tt_lock_death(struct tt_self *s, struct ttrec_lock *l, uint64_t site, bool destroyed)
{
	uint16_t add = TTREC_LOCK_DEAD | (destroyed ? TTREC_LOCK_DESTROYED : 0);
	if (tt_or_relaxed(&l->flags, add) & TTREC_LOCK_DEAD)
		return;
	tt_store_relaxed(&l->death_site, site);
	tt_add_relaxed(&tt_g.h->lock_deaths, 1);

	uint64_t own = s->t ? tt_own_bit(s) : 0, sharers = tt_lock_users(l);
	if (s->t)
		tt_count_forget(s, l->address, tt_lock_counted(s, l));
	if (!(sharers & ~own) && !(sharers & own && tt_count_namesakes(s, l->address)))
		return;
	uint64_t number = tt_add_relaxed(&tt_g.p->death_claim, 1);
	struct tt_death *d = &tt_g.p->deaths[number % TT_DEATH_RING];
	tt_store_relaxed(&d->seq, UINT64_C(0));
	tt_store_release(&d->lock, l->address);
	tt_store_release(&d->sharers, sharers);
	tt_store_release(&d->seq, number + 1);
	/* Numbers 0, 1, 2 ... belong to epochs 1, 2, 3 ...; the 32-bit epoch skips its reserved values. */
	union tt_epoch_pair e = {.both = tt_load_relaxed(&tt_epochs)};
	uint32_t n;
	do {
		if (!e.epoch)
			return; /* the recorder went quiet meanwhile */
		n = e.epoch + 1 < TT_EPOCH_NEVER ? e.epoch + 1 : 1;
	} while (!tt_cas_acq_rel(&tt_epochs, &e.both, tt_epochs_of(n)));
}

/* ------------------------------------------------------------------ totals by (lock, site) */

static uint32_t *lsite_head(uint32_t lock, uint64_t site)
{
	return &tt_g.p->lsite_heads[(tt_mix(lock, site) >> 20) & (TT_LSITE_HEADS - 1)];
}

static struct ttrec_lsite *lsite_scan(uint32_t ref, uint32_t lock, uint64_t site)
{
	while (ref) {
		struct ttrec_lsite *l = tt_at(ref);
		if (l->site == site && l->lock == lock)
			return l;
		ref = l->chain;
	}
	return NULL;
}

struct ttrec_lsite *tt_lsite_find(const struct ttrec_lock *l, uint64_t site)
{
	return lsite_scan(tt_load_acquire(lsite_head(l->index, site)), l->index, site);
}

/* NULL: no space (counted). */
struct ttrec_lsite *tt_lsite_get(const struct ttrec_lock *l, uint64_t site)
{
	struct ttrec_lsite *ls = tt_lsite_find(l, site);
	if (ls)
		return ls;
	ls = tt_slab_alloc(TTREC_CHUNK_LSITE, sizeof(*ls), TTREC_SLAB_LSITES, NULL);
	if (!ls) {
		tt_drop(TTREC_DROP_LSITE);
		return NULL;
	}
	uint32_t *head = lsite_head(l->index, site), first = tt_load_acquire(head);
	ls->lock = l->index;
	ls->site = site;
	do {
		/* A second record for one key would only split the totals; readers add them up. Still, look again. */
		struct ttrec_lsite *o = lsite_scan(first, l->index, site);
		if (o) {
			tt_store_relaxed(&ls->site, UINT64_C(0));
			return o;
		}
		ls->chain = first;
	} while (!tt_cas_acq_rel(head, &first, tt_ref(ls)));
	return ls;
}

/* Adds one time to the histogram behind *ref, made at its first use. */
void tt_stat_add(uint32_t *ref, uint32_t lock, uint32_t mode, uint64_t ns, uint64_t now)
{
	uint32_t r = tt_load_acquire(ref);
	if (!r) {
		struct ttrec_stat *n = tt_slab_alloc(TTREC_CHUNK_STAT, sizeof(*n), TTREC_SLAB_STATS, NULL);
		if (!n) {
			tt_drop(TTREC_DROP_STAT);
			return;
		}
		n->mode = mode;
		n->lock = lock + 1;
		if (tt_cas_acq_rel(ref, &r, tt_ref(n)))
			r = tt_ref(n);
		else
			tt_store_relaxed(&n->lock, 0u);
	}
	struct ttrec_stat *st = tt_at(r);
	tt_add_relaxed(&st->hist[ttrec_hist_bucket(ns)], 1);
	tt_add_relaxed(&st->total_ns, ns);
	if (ns > tt_load_relaxed(&st->max_ns)) {
		tt_max_relaxed(&st->max_ns, ns);
		tt_store_relaxed(&st->max_at_ns, now);
	}
	tt_add_relaxed(&st->count, 1);
}
