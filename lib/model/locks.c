/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * locks.c - locks: identity, use, exact counts by site, hold times.
 *
 * The acquisitions of a (lock, site) are the sum over all threads' tables and the ttrec_lsite that tables evict to. A table's
 * counts belong to the process, whichever threads used its slot.
 */
#include "lib/model/model_private.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ identity */

/* See struct tt_lock in model.h. */
static enum tt_use use_of(const struct ttrec_lock *r)
{
	switch ((enum ttrec_kind)r->kind) {
	case TTREC_KIND_MUTEX:
	case TTREC_KIND_RWLOCK:
	case TTREC_KIND_SPIN:
		return TT_USE_LOCK;
	case TTREC_KIND_SEM:
		if ((r->flags & (TTREC_LOCK_SEM_FOREIGN | TTREC_LOCK_SEM_GUESSED)) || !(r->flags & TTREC_LOCK_SEM_BINARY))
			return TT_USE_SIGNAL;
		return r->flags & TTREC_LOCK_SEM_LOCKED ? TT_USE_LOCK : TT_USE_UNKNOWN;
	default:
		return TT_USE_SIGNAL;
	}
}

static void lock_fill(struct tt_model *m, struct model_process *mp, struct tt_lock *l, const struct ttrec_lock *r)
{
	l->process = mp->p;
	l->index = r->index;
	l->address = r->address;
	l->kind = (enum ttrec_kind)r->kind;
	l->type = (enum ttrec_type)r->type;
	l->flags = r->flags;
	l->use = use_of(r);
	l->gen = r->gen;
	l->name = tt_rec_string(mp->rec, r->name);
	model_static(mp->p, r->address, &l->home, &l->home_offset);
	l->birth_site = model_site(m, mp, r->birth_site);
	l->birth_stack = model_stack(m, mp, r->birth_stack);
	l->birth_thread = tt_hmap_ptr(&mp->threads, r->birth_thread);
	l->birth_ns = r->birth_ns;
	l->death_site = model_site(m, mp, r->death_site);
	l->other = l->kind == TTREC_KIND_COND ? 0 : r->other;
}

/* Several locks may have lived at one address: the living one counts, else the youngest. */
static bool replaces(const struct tt_lock *now, const struct tt_lock *old)
{
	bool dead = now->flags & TTREC_LOCK_DEAD, old_dead = old->flags & TTREC_LOCK_DEAD;
	return dead != old_dead ? old_dead : now->birth_ns >= old->birth_ns;
}

static void address_note(struct tt_model *m, struct model_process *mp, struct tt_lock *l)
{
	bool is_new;
	struct tt_hmap_entry *e = tt_hmap_insert(&mp->addresses, l->address, &is_new);
	if (!e)
		model_fail(m);
	else if (is_new || replaces(l, e->ptr))
		e->ptr = l;
}

void model_read_locks(struct tt_model *m, struct model_process *mp)
{
	mp->lock_limit = tt_rec_lock_limit(mp->rec);
	mp->locks = calloc((size_t)mp->lock_limit + 1, sizeof(mp->locks[0]));
	if (!mp->locks) {
		mp->lock_limit = 0;
		model_fail(m);
		return;
	}
	size_t first = m->locks.len;
	for (uint32_t i = 0; i < mp->lock_limit; i++) {
		const struct ttrec_lock *r = tt_rec_lock(mp->rec, i);
		struct tt_lock *l = r ? tt_vec_add(&m->locks) : NULL; /* room was reserved: they do not move */
		if (!l)
			continue;
		l->id = (unsigned)m->locks.len - 1;
		lock_fill(m, mp, l, r);
		mp->locks[i] = l;
		address_note(m, mp, l);
	}
	for (size_t i = first; i < m->locks.len; i++) {
		struct tt_lock *l = &m->locks.data[i];
		const struct ttrec_lock *r = tt_rec_lock(mp->rec, l->index);
		if (l->kind == TTREC_KIND_COND && r)
			l->mutex = tt_hmap_ptr(&mp->addresses, r->other);
	}
}

/* ------------------------------------------------------------------ operations */

void model_add_ops(struct tt_ops *to, enum ttrec_op op, uint64_t n)
{
	if (tt_op_is_acquire(op)) {
		to->acquisitions += n;
		*(tt_op_is_shared(op) ? &to->shared : &to->exclusive) += n;
		to->try_ok += tt_op_is_try(op) ? n : 0;
		to->timed_ok += tt_op_is_timed(op) ? n : 0;
		return;
	}
	switch (op) {
	case TTREC_OP_TRY_FAILED:
		to->try_failed += n;
		break;
	case TTREC_OP_TIMED_OUT:
		to->timeouts += n;
		break;
	case TTREC_OP_OWNER_DIED:
		to->owner_died += n;
		break;
	case TTREC_OP_SEM_POST:
		to->posts += n;
		break;
	case TTREC_OP_COND_WAIT:
	case TTREC_OP_COND_TIMEDWAIT:
	case TTREC_OP_BARRIER_WAIT:
	case TTREC_OP_ONCE:
	case TTREC_OP_FUTEX_WAIT:
		to->waits += n;
		break;
	case TTREC_OP_COND_SIGNAL:
	case TTREC_OP_FUTEX_WAKE:
		to->signals += n;
		break;
	case TTREC_OP_COND_BROADCAST:
		to->broadcasts += n;
		break;
	default:
		break;
	}
}

void model_merge_ops(struct tt_ops *to, const struct tt_ops *from)
{
	to->acquisitions += from->acquisitions;
	to->exclusive += from->exclusive;
	to->shared += from->shared;
	to->try_ok += from->try_ok;
	to->timed_ok += from->timed_ok;
	to->try_failed += from->try_failed;
	to->timeouts += from->timeouts;
	to->owner_died += from->owner_died;
	to->posts += from->posts;
	to->waits += from->waits;
	to->signals += from->signals;
	to->broadcasts += from->broadcasts;
}

/* ------------------------------------------------------------------ counts */

struct model_lock_site *model_lock_site(struct tt_model *m, struct tt_lock *l, const struct tt_site *site)
{
	struct tt_model_private *v = m->private;
	bool is_new;
	struct tt_hmap_entry *e = tt_hmap_insert(&v->lock_sites, (uint64_t)l->id << 32 | site->id, &is_new);
	if (!e)
		return model_fail(m), NULL;
	if (!is_new)
		return &v->acc.data[e->value];
	e->value = v->acc.len;
	struct model_lock_site *a = tt_vec_add(&v->acc);
	if (!a)
		return model_fail(m), NULL;
	a->lock = l;
	a->s.site = site;
	return a;
}

static void read_line(struct tt_model *m, struct model_process *mp, const struct ttrec_line *line)
{
	uint32_t index = TTREC_UID_INDEX(line->uid);
	struct tt_lock *l = index < mp->lock_limit ? mp->locks[index] : NULL;
	if (!l)
		return; /* the reader said so */
	for (const struct ttrec_count *e = line->count; e < line->count + TTREC_LINE_COUNTS; e++) {
		struct tt_site *site = e->site && e->n ? model_site(m, mp, e->site) : NULL;
		if (!site)
			continue;
		model_add_ops(&l->ops, site->op, e->n);
		struct model_lock_site *a = model_lock_site(m, l, site);
		if (a)
			a->s.count += e->n;
	}
}

static void read_table(struct tt_model *m, struct model_process *mp, const struct ttrec_thread *t)
{
	struct tt_rec_counts c = tt_rec_counts(mp->rec, t);
	for (uint32_t i = 0; i < c.len; i++)
		if (c.table[i].lock)
			read_line(m, mp, &c.table[i]);
}

static void read_lsite(struct tt_model *m, struct model_process *mp, const struct ttrec_lsite *r)
{
	struct tt_lock *l = r->lock < mp->lock_limit ? mp->locks[r->lock] : NULL;
	struct tt_site *site = model_site(m, mp, r->site);
	if (!l || !site)
		return;
	uint64_t n = tt_rec_lsite_count(r);
	model_add_ops(&l->ops, site->op, n);
	struct model_lock_site *a = model_lock_site(m, l, site);
	if (!a)
		return;
	a->s.count += n;
	struct tt_hold *h = &a->s.hold;
	h->total_ns += r->hold_ns;
	h->timed_ns += r->hold_timed_ns;
	h->samples += r->hold_samples;
	h->weight += r->hold_weight;
	h->max_ns = r->hold_max_ns > h->max_ns ? r->hold_max_ns : h->max_ns;
	if (!a->s.stack)
		a->s.stack = model_stack(m, mp, r->first_stack);
	if (!a->s.release_stack)
		a->s.release_stack = model_stack(m, mp, r->release_stack);
}

void model_read_counts(struct tt_model *m, struct model_process *mp)
{
	struct tt_rec_iter it;
	const struct ttrec_thread *t;
	rec_for_each_thread(it, t, mp->rec) read_table(m, mp, t);
	const struct ttrec_lsite *r;
	rec_for_each_lsite(it, r, mp->rec) read_lsite(m, mp, r);
}

/* ------------------------------------------------------------------ holds */

/*
 * The timed holds stand for `weight` acquisitions, which differs from the completed ones by chance and because a contended
 * acquisition is timed besides its turn: the ratio of the two corrects the sum.
 */
static void hold_estimate(struct model_lock_site *a)
{
	struct tt_hold *h = &a->s.hold;
	uint64_t done = span(a->holding, a->s.count);
	h->exact = h->samples >= done && h->samples == h->weight;
	if (h->samples && h->weight && h->weight != done && !h->exact) {
		double total = (double)h->total_ns * ((double)done / (double)h->weight);
		h->total_ns = total < 0x1p64 ? (uint64_t)total : UINT64_MAX;
	}
	h->total_ns += a->ongoing_hold_ns;
}

void model_merge_hold(struct tt_hold *to, const struct tt_hold *from)
{
	to->total_ns += from->total_ns;
	to->timed_ns += from->timed_ns;
	to->samples += from->samples;
	to->weight += from->weight;
	to->max_ns = from->max_ns > to->max_ns ? from->max_ns : to->max_ns;
}

/* ------------------------------------------------------------------ sites of each lock */

int model_by_weight(const void *x, const void *y)
{
	const struct tt_lock_site *a = x, *b = y;
	uint64_t wa = a->waited.total_ns + a->blocked.total_ns, wb = b->waited.total_ns + b->blocked.total_ns;
	if (wa != wb)
		return wa > wb ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return (a->site->id > b->site->id) - (a->site->id < b->site->id);
}

static void lock_settle(struct tt_lock *l)
{
	bool exact = true;
	for (unsigned i = 0; i < l->site_count; i++) {
		const struct tt_lock_site *s = &l->sites[i];
		if (!tt_op_is_acquire(s->site->op))
			continue;
		exact &= s->hold.exact;
		model_merge_hold(&l->hold, &s->hold);
	}
	l->hold.exact = exact && l->hold.samples;
	if (l->hold.hist) {
		l->hold.p50_ns = model_hist_rank(l->hold.hist, l->hold.max_ns, 0.50);
		l->hold.p99_ns = model_hist_rank(l->hold.hist, l->hold.max_ns, 0.99);
	}
	if (l->site_count > 1)
		qsort(l->sites, l->site_count, sizeof(l->sites[0]), model_by_weight);
}

/*
 * Posts that give back what is held are not counted. A semaphore that was a lock in any of its lives, or before it showed what
 * it is, gave out about as many units as were posted: what was acquired and is over, unless more posts than that were counted.
 */
static void settle_posts(struct tt_lock *l)
{
	if (l->flags & TTREC_LOCK_SEM_LOCKED && l->over > l->ops.posts)
		l->ops.posts = l->over;
}

/* All that was gathered goes to its lock: one array for all, cut by lock. */
void model_settle_sites(struct tt_model *m)
{
	struct tt_model_private *v = m->private;
	struct tt_lock_site *all = model_alloc(m, (v->acc.len + 1) * sizeof(*all));
	if (!all)
		return;
	struct model_lock_site *a;
	vec_for_each (a, &v->acc)
		a->lock->site_count++;
	struct tt_lock *l;
	vec_for_each (l, &m->locks) {
		l->sites = all;
		all += l->site_count;
		l->site_count = 0;
	}
	vec_for_each (a, &v->acc) {
		if (tt_op_is_acquire(a->s.site->op)) {
			hold_estimate(a);
			a->lock->over += span(a->holding, a->s.count);
		}
		a->lock->sites[a->lock->site_count++] = a->s;
	}
	vec_for_each (l, &m->locks) {
		settle_posts(l);
		lock_settle(l);
	}
	tt_vec_deinit(&v->acc);
	tt_hmap_deinit(&v->lock_sites);
}

/* ------------------------------------------------------------------ callers of a site */

/* Both have a caller of frame 0, and not the same. */
static bool other_caller(const struct tt_stack *a, const struct tt_stack *b)
{
	return a && b && a->count > 1 && b->count > 1 &&
	       (a->frames[1].module != b->frames[1].module || a->frames[1].offset != b->frames[1].offset);
}

bool tt_site_has_other_callers(const struct tt_model *m, const struct tt_site *site, const struct tt_stack *stack)
{
	const struct tt_lock *l;
	vec_for_each (l, &m->locks)
		for (unsigned i = 0; i < l->site_count; i++)
			if (l->sites[i].site == site && other_caller(l->sites[i].stack, stack))
				return true;
	const struct tt_dep *dep;
	vec_for_each (dep, &m->deps)
		if (dep->site == site && other_caller(dep->stack, stack))
			return true;
	return false;
}
