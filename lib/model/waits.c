/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * waits.c - who blocked whom by code: the pairs of each lock, from wait records, from waits that are not charged yet
 * (ttrec_thread.logged), and from waits in progress.
 *
 * All pairs lie in one array, cut by lock: first the space is counted, then filled, then equal pairs are merged within each
 * lock.
 */
#include "lib/model/model_private.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ adding up */

void model_merge_waits(struct tt_waits *to, const struct tt_waits *from)
{
	to->count += from->count;
	to->total_ns += from->total_ns;
	to->max_ns = from->max_ns > to->max_ns ? from->max_ns : to->max_ns;
	to->timeouts += from->timeouts;
	to->ongoing += from->ongoing;
	to->ongoing_ns += from->ongoing_ns;
}

void model_merge_pair(struct tt_wait *to, const struct tt_wait *from)
{
	if (from->waits.max_ns > to->waits.max_ns) {
		to->process = from->process;
		to->max_at_ns = from->max_at_ns;
		to->max_waiter_serial = from->max_waiter_serial;
		to->max_holder_serial = from->max_holder_serial;
		to->max_waiter = from->max_waiter;
		to->max_holder = from->max_holder;
		if (from->waiter_stack)
			to->waiter_stack = from->waiter_stack;
	}
	if (!to->waiter_stack)
		to->waiter_stack = from->waiter_stack;
	if (!to->holder_stack)
		to->holder_stack = from->holder_stack;
	model_merge_waits(&to->waits, &from->waits);
}

static int by_sites(const void *a, const void *b)
{
	const struct tt_wait *x = a, *y = b;
	if (x->waiter != y->waiter)
		return x->waiter->id < y->waiter->id ? -1 : 1;
	uint64_t hx = x->holder ? x->holder->id + UINT64_C(1) : 0, hy = y->holder ? y->holder->id + UINT64_C(1) : 0;
	return (hx > hy) - (hx < hy);
}

static int by_total(const void *a, const void *b)
{
	const struct tt_wait *x = a, *y = b;
	if (x->waits.total_ns != y->waits.total_ns)
		return x->waits.total_ns > y->waits.total_ns ? -1 : 1;
	return by_sites(a, b);
}

void model_order_pairs(struct tt_wait *pairs, size_t count)
{
	if (count > 1)
		qsort(pairs, count, sizeof(pairs[0]), by_total);
}

/* Merges equal pairs in place; returns how many are left. */
static size_t merge_equal(struct tt_wait *pairs, size_t count)
{
	if (count > 1)
		qsort(pairs, count, sizeof(pairs[0]), by_sites);
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		if (n && by_sites(&pairs[n - 1], &pairs[i]) == 0)
			model_merge_pair(&pairs[n - 1], &pairs[i]);
		else
			pairs[n++] = pairs[i];
	}
	return n;
}

/* ------------------------------------------------------------------ the three sources */

/* The next free pair of a lock, or of the joins. */
static struct tt_wait *pair_new(struct tt_model *m, struct tt_process *p, struct tt_lock *l)
{
	struct tt_wait *w = l ? &l->pairs[l->pair_count++] : tt_vec_add(&m->joins);
	if (!w)
		return model_fail(m), NULL;
	w->lock = l;
	w->process = p;
	return w;
}

static void read_record(struct tt_model *m, struct model_process *mp, const struct ttrec_wait *r)
{
	struct tt_lock *l = r->lock < mp->lock_limit ? mp->locks[r->lock] : NULL;
	struct tt_site *waiter = model_site(m, mp, r->waiter_site);
	if (!l && (r->lock != TTREC_NO_LOCK || TTREC_SITE_OP(r->waiter_site) != TTREC_OP_JOIN))
		return;
	if (!waiter || !r->count)
		return;
	struct tt_wait *w = pair_new(m, mp->p, l);
	if (!w)
		return;
	w->waiter = waiter;
	w->holder = model_site(m, mp, r->holder_site);
	w->waits = (struct tt_waits){.count = r->count, .total_ns = r->total_ns, .max_ns = r->max_ns, .timeouts = r->timeouts};
	w->max_at_ns = r->max_at_ns;
	w->max_waiter_serial = r->max_waiter;
	w->max_holder_serial = r->max_holder;
	w->max_waiter = tt_hmap_ptr(&mp->threads, r->max_waiter);
	w->max_holder = tt_hmap_ptr(&mp->threads, r->max_holder);
	w->waiter_stack = model_stack(m, mp, r->waiter_stack);
}

static void dist_of_wait(struct tt_model *m, struct tt_lock *l, const struct tt_site *site, uint64_t ns, uint64_t at_ns)
{
	model_dist_add(m, tt_op_is_shared(site->op) ? &l->rdwait : &l->wait, ns, at_ns);
}

/* NULL: of no lock that is known. */
static struct tt_lock *logged_lock(const struct model_process *mp, const struct ttrec_event *e)
{
	uint32_t index = e->type && e->uid != 0xffffffffu ? TTREC_UID_INDEX(e->uid) : UINT32_MAX;
	return index < mp->lock_limit ? mp->locks[index] : NULL;
}

static void read_logged(struct tt_model *m, struct model_process *mp, const struct ttrec_event *e)
{
	struct tt_lock *l = logged_lock(mp, e);
	struct tt_site *waiter =
		l || e->op == TTREC_OP_JOIN ? model_site(m, mp, TTREC_SITE(TTREC_SITE_PC(e->site), e->op)) : NULL;
	struct tt_wait *w = waiter ? pair_new(m, mp->p, l) : NULL;
	if (!w)
		return;
	w->waiter = waiter;
	w->holder = model_site(m, mp, e->b);
	w->waits = (struct tt_waits){
		.count = 1, .total_ns = e->dur_ns, .max_ns = e->dur_ns, .timeouts = TTREC_LOGGED_TIMED_OUT(e->seq)};
	w->max_at_ns = e->end_ns;
	w->max_waiter_serial = e->thread;
	w->max_waiter = tt_hmap_ptr(&mp->threads, e->thread);
	w->max_holder_serial = e->a;
	w->max_holder = tt_hmap_ptr(&mp->threads, e->a);
	w->waiter_stack = model_stack(m, mp, TTREC_LOGGED_STACK(e->seq));
	if (l)
		dist_of_wait(m, l, waiter, e->dur_ns, e->end_ns);
}

/* Where the thread that is waited for got the lock. */
static const struct tt_site *held_since(const struct tt_thread *holder, const struct tt_lock *l)
{
	for (unsigned i = holder ? holder->held_count : 0; i; i--)
		if (holder->held[i - 1].lock == l)
			return holder->held[i - 1].site;
	return NULL;
}

static void read_ongoing(struct tt_model *m, struct tt_thread *t)
{
	const struct tt_waiting *now = &t->waiting;
	if (!now->op || !now->site || (!now->lock && now->op != TTREC_OP_JOIN))
		return;
	struct tt_wait *w = pair_new(m, t->process, now->lock);
	if (!w)
		return;
	w->waiter = now->site;
	w->holder = now->lock ? held_since(now->target, now->lock) : NULL;
	w->waits = (struct tt_waits){
		.count = 1, .total_ns = now->dur_ns, .max_ns = now->dur_ns, .ongoing = 1, .ongoing_ns = now->dur_ns};
	w->max_at_ns = t->process->end_ns;
	w->max_waiter_serial = t->serial;
	w->max_waiter = t;
	w->max_holder = now->target;
	w->max_holder_serial = now->target ? now->target->serial : 0;
	w->waiter_stack = now->stack;
	if (now->lock)
		dist_of_wait(m, now->lock, now->site, now->dur_ns, t->process->end_ns);
}

/* ------------------------------------------------------------------ space */

/* Upper bound of each lock's pairs, in pair_count; returns the sum. */
static uint64_t count_pairs(struct tt_model *m)
{
	uint64_t all = 0;
	for (size_t i = 0; i < m->processes.len; i++) {
		struct model_process *mp = &m->private->procs[i];
		struct tt_rec_iter it;
		const struct ttrec_wait *r;
		rec_for_each_wait(it, r, mp->rec) if (r->lock < mp->lock_limit && mp->locks[r->lock])
		{
			mp->locks[r->lock]->pair_count++;
			all++;
		}
		for (size_t k = 0; k < mp->records.len; k++) {
			const struct ttrec_event *e;
			for (uint32_t n = 0; (e = tt_rec_logged(mp->records.data[k], n)); n++) {
				struct tt_lock *of = logged_lock(mp, e);
				if (of) {
					of->pair_count++;
					all++;
				}
			}
		}
	}
	struct tt_lock *l;
	vec_for_each (l, &m->locks) {
		l->pair_count += l->waiters;
		all += l->waiters;
	}
	return all;
}

static bool cut_space(struct tt_model *m)
{
	struct tt_wait *all = model_alloc(m, (count_pairs(m) + 1) * sizeof(*all));
	struct tt_lock *l;
	vec_for_each (l, &m->locks) {
		l->pairs = all;
		if (all)
			all += l->pair_count;
		l->pair_count = 0;
	}
	return all;
}

static void fill_pairs(struct tt_model *m)
{
	for (size_t i = 0; i < m->processes.len; i++) {
		struct model_process *mp = &m->private->procs[i];
		struct tt_rec_iter it;
		const struct ttrec_wait *r;
		rec_for_each_wait(it, r, mp->rec) read_record(m, mp, r);
		for (size_t k = 0; k < mp->records.len && mp->first_thread + k < m->threads.len; k++) {
			struct tt_thread *t = &m->threads.data[mp->first_thread + k];
			const struct ttrec_event *e;
			for (uint32_t n = 0; (e = tt_rec_logged(mp->records.data[k], n)); n++)
				read_logged(m, mp, e);
			read_ongoing(m, t);
		}
	}
}

/* ------------------------------------------------------------------ sums of a lock */

static void charge_sites(struct tt_model *m, struct tt_lock *l, struct tt_wait *w)
{
	struct model_lock_site *a = model_lock_site(m, l, w->waiter);
	if (a) {
		model_merge_waits(&a->s.waited, &w->waits);
		if (!a->s.stack)
			a->s.stack = w->waiter_stack;
	}
	a = w->holder ? model_lock_site(m, l, w->holder) : NULL;
	if (a) {
		model_merge_waits(&a->s.blocked, &w->waits);
		w->holder_stack = a->s.release_stack;
	}
}

/* Pairs and histograms count the same waits. Where one of them lost some (no space), the other one's sums stand. */
static void reconcile(struct tt_lock *l, const struct tt_waits sums[2])
{
	struct tt_dist *dist[2] = {&l->wait, &l->rdwait};
	for (int mode = 0; mode < 2; mode++) {
		struct tt_dist *d = dist[mode];
		if (sums[mode].count > d->count)
			d->count = sums[mode].count;
		if (sums[mode].total_ns > d->total_ns)
			d->total_ns = sums[mode].total_ns;
		if (sums[mode].max_ns > d->max_ns)
			d->max_ns = sums[mode].max_ns;
		model_dist_settle(d);
	}
	uint64_t count = l->wait.count + l->rdwait.count, total = l->wait.total_ns + l->rdwait.total_ns;
	if (count > l->waits.count) {
		bool is_acquired = l->use == TT_USE_LOCK || l->kind == TTREC_KIND_SEM;
		l->contended += is_acquired ? count - l->waits.count : 0;
		l->waits.count = count;
	}
	if (total > l->waits.total_ns)
		l->waits.total_ns = total;
	uint64_t max = l->wait.max_ns > l->rdwait.max_ns ? l->wait.max_ns : l->rdwait.max_ns;
	if (max > l->waits.max_ns)
		l->waits.max_ns = max;
}

static void sum_lock(struct tt_model *m, struct tt_lock *l)
{
	struct tt_waits sums[2] = {0};
	l->pair_count = (unsigned)merge_equal(l->pairs, l->pair_count);
	for (unsigned i = 0; i < l->pair_count; i++) {
		struct tt_wait *w = &l->pairs[i];
		charge_sites(m, l, w);
		model_merge_waits(&l->waits, &w->waits);
		model_merge_waits(&sums[tt_op_is_shared(w->waiter->op)], &w->waits);
		if (tt_op_is_acquire(w->waiter->op)) /* one that still waits had to wait */
			l->contended += span(w->waits.timeouts, w->waits.count);
	}
	reconcile(l, sums);
	model_order_pairs(l->pairs, l->pair_count);
}

void model_read_waits(struct tt_model *m)
{
	if (!cut_space(m))
		return;
	fill_pairs(m);
	struct tt_lock *l;
	vec_for_each (l, &m->locks)
		sum_lock(m, l);
	m->joins.len = merge_equal(m->joins.data, m->joins.len);
	model_order_pairs(m->joins.data, m->joins.len);
}
