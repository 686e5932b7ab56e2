/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * facts.c - lock-order facts, misuse, events, and who blocked whom by thread.
 */
#include "lib/core/atomics.h"
#include "lib/model/model_private.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ lock order */

static struct tt_lock *lock_by_uid(const struct model_process *mp, uint32_t uid)
{
	uint32_t index = TTREC_UID_INDEX(uid);
	return uid != 0xffffffffu && index < mp->lock_limit ? mp->locks[index] : NULL;
}

static void dep_held(struct tt_model *m, struct model_process *mp, struct tt_dep *d, const struct ttrec_dep *r)
{
	unsigned count = tt_load_acquire(&r->held_count);
	struct tt_dep_held *held = model_alloc(m, (count + 1u) * sizeof(*held));
	if (!held)
		return;
	for (unsigned i = 0; i < count; i++) {
		held[i].uid = r->held[i].uid;
		held[i].lock = lock_by_uid(mp, r->held[i].uid);
		held[i].site = model_site(m, mp, r->held[i].site);
		held[i].shared = tt_op_is_shared((enum ttrec_op)TTREC_SITE_OP(r->held[i].site));
	}
	d->held = held;
	d->held_count = (uint16_t)count;
}

void model_read_deps(struct tt_model *m, struct model_process *mp)
{
	struct tt_rec_iter it;
	const struct ttrec_dep *r;
	rec_for_each_dep(it, r, mp->rec)
	{
		/* A live process may write another fact over it (order.c of the shim): then what was read is none. */
		uint64_t hash = tt_load_acquire(&r->hash);
		struct tt_dep *d = tt_vec_add(&m->deps);
		if (!d) {
			model_fail(m);
			return;
		}
		enum ttrec_op op = (enum ttrec_op)TTREC_SITE_OP(r->site);
		d->process = mp->p;
		d->wanted_uid = r->wanted;
		d->wanted = lock_by_uid(mp, r->wanted);
		d->site = model_site(m, mp, r->site);
		d->shared = tt_op_is_shared(op);
		d->is_try = tt_op_is_try(op);
		d->is_timed = tt_op_is_timed(op);
		d->stack = model_stack(m, mp, r->stack);
		d->seen = r->seen;
		d->first_ns = r->first_ns;
		dep_held(m, mp, d, r);
		for (unsigned i = 0; i < r->thread_count; i++) {
			if (!r->threads[i].serial) /* claimed, not filled */
				continue;
			struct tt_dep_thread *t = &d->threads[d->thread_count++];
			t->serial = r->threads[i].serial;
			t->segment = r->threads[i].segment;
			t->last_segment = r->threads[i].last_segment;
			t->between = r->between[i];
			t->thread = tt_hmap_ptr(&mp->threads, t->serial);
		}
		if (tt_load_acquire(&r->hash) != hash || d->held_count == 0)
			m->deps.len--;
	}
}

/* ------------------------------------------------------------------ misuse */

void model_read_misuses(struct tt_model *m, struct model_process *mp)
{
	struct tt_rec_iter it;
	const struct ttrec_misuse *r;
	rec_for_each_misuse(it, r, mp->rec)
	{
		struct tt_misuse *f = tt_vec_add(&m->misuses);
		if (!f) {
			model_fail(m);
			return;
		}
		*f = (struct tt_misuse){
			.process = mp->p,
			.what = (enum ttrec_misuse_type)r->what,
			.op = (enum ttrec_op)r->op,
			.lock = lock_by_uid(mp, r->uid),
			.site = model_site(m, mp, r->site),
			.stack = model_stack(m, mp, r->stack),
			.thread = tt_hmap_ptr(&mp->threads, r->thread),
			.thread_serial = r->thread,
			.other = r->other,
			.other_site = r->what == TTREC_MISUSE_EXIT_HOLDING ? model_entry(m, mp, r->other_site)
		                                                           : model_site(m, mp, r->other_site),
			.first_ns = r->first_ns,
			.count = r->count,
			.total_ns = r->total_ns,
			.max_ns = r->max_ns,
		};
	}
}

/* ------------------------------------------------------------------ events */

void tt_model_event(struct tt_model *m, const struct tt_process *p, uint64_t i, struct tt_event *ret)
{
	struct model_process *mp = model_of(m, p);
	const struct ttrec_event *r = tt_rec_event(mp->rec, i);
	*ret = (struct tt_event){0};
	if (!r)
		return;
	ret->type = (enum ttrec_event_type)r->type;
	ret->op = (enum ttrec_op)r->op;
	ret->end_ns = r->end_ns;
	ret->dur_ns = r->dur_ns;
	ret->thread_serial = r->thread;
	ret->thread = tt_hmap_ptr(&mp->threads, r->thread);
	bool of_lock = r->type == TTREC_EVENT_WAIT || r->type == TTREC_EVENT_HOLD || r->type == TTREC_EVENT_MISUSE;
	ret->lock = of_lock ? lock_by_uid(mp, r->uid) : NULL;
	ret->site = model_site(m, mp, TTREC_SITE(TTREC_SITE_PC(r->site), r->op & 31u));
	ret->a = r->a;
	ret->b = r->b;
}

/* ------------------------------------------------------------------ who blocked whom, by thread */

static int by_threads(const void *a, const void *b)
{
	const struct tt_blocking *x = a, *y = b;
	if (x->lock != y->lock)
		return x->lock->id < y->lock->id ? -1 : 1;
	if (x->waiter_serial != y->waiter_serial)
		return x->waiter_serial < y->waiter_serial ? -1 : 1;
	return (x->holder_serial > y->holder_serial) - (x->holder_serial < y->holder_serial);
}

static int by_total(const void *a, const void *b)
{
	const struct tt_blocking *x = a, *y = b;
	if (x->waits.total_ns != y->waits.total_ns)
		return x->waits.total_ns > y->waits.total_ns ? -1 : 1;
	return by_threads(a, b);
}

static void blocking_add(struct tt_model *m, struct tt_lock *l, uint64_t waiter, uint64_t holder, const struct tt_waits *w)
{
	if (!l || l->use != TT_USE_LOCK)
		return;
	struct tt_blocking *b = tt_vec_add(&m->blockings);
	if (!b) {
		model_fail(m);
		return;
	}
	const struct model_process *mp = model_of(m, l->process);
	b->process = l->process;
	b->lock = l;
	b->waiter_serial = waiter;
	b->holder_serial = holder;
	b->waiter = tt_hmap_ptr(&mp->threads, waiter);
	b->holder = tt_hmap_ptr(&mp->threads, holder);
	b->waits = *w;
	if (b->waiter && w->max_ns > b->waiter->lock_wait_max_ns)
		b->waiter->lock_wait_max_ns = w->max_ns;
}

static void read_events(struct tt_model *m, struct model_process *mp)
{
	size_t n = tt_rec_event_count(mp->rec);
	for (size_t i = 0; i < n; i++) {
		const struct ttrec_event *e = tt_rec_event(mp->rec, i);
		if (e->type == TTREC_EVENT_WAIT)
			blocking_add(m, lock_by_uid(mp, e->uid), e->thread, e->a,
				&(struct tt_waits){.count = 1, .total_ns = e->dur_ns, .max_ns = e->dur_ns});
	}
}

static void merge_equal(struct tt_model *m)
{
	tt_vec_sort(&m->blockings, by_threads);
	size_t n = 0;
	for (size_t i = 0; i < m->blockings.len; i++) {
		struct tt_blocking *b = &m->blockings.data[i], *last = n ? &m->blockings.data[n - 1] : NULL;
		if (last && by_threads(last, b) == 0) {
			model_merge_waits(&last->waits, &b->waits);
			continue;
		}
		/* Sorted by lock, then waiter: a new waiter of this lock. */
		if (!last || last->lock != b->lock || last->waiter_serial != b->waiter_serial)
			b->lock->threads++;
		m->blockings.data[n++] = *b;
	}
	m->blockings.len = n;
	tt_vec_sort(&m->blockings, by_total);
}

void model_read_blockings(struct tt_model *m)
{
	for (size_t i = 0; i < m->processes.len; i++)
		read_events(m, &m->private->procs[i]);
	struct tt_thread *t;
	vec_for_each (t, &m->threads) {
		const struct tt_waiting *w = &t->waiting;
		if (w->op && w->lock)
			blocking_add(m, w->lock, t->serial, w->target ? w->target->serial : 0,
				&(struct tt_waits){.count = 1,
					.total_ns = w->dur_ns,
					.max_ns = w->dur_ns,
					.ongoing = 1,
					.ongoing_ns = w->dur_ns});
	}
	merge_equal(m);
}
