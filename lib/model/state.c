/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * state.c - the last moment: what each thread holds and waits for, and how far event loops are away.
 */
#include "lib/model/model_private.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ held locks */

static void held_note(struct tt_model *m, struct tt_thread *t, struct tt_held *h, bool again)
{
	struct tt_lock *l = h->lock;
	struct model_lock_site *a = l && h->site ? model_lock_site(m, l, h->site) : NULL;
	if (a) {
		a->holding++;
		if (h->since_ns) {
			uint64_t ns = span(h->since_ns, t->process->end_ns);
			a->ongoing_hold_ns += ns;
			a->s.hold.max_ns = ns > a->s.hold.max_ns ? ns : a->s.hold.max_ns;
		}
	}
	if (!l || again)
		return;
	l->holders++;
	if (!h->shared)
		l->owner = t;
}

static void read_held(struct tt_model *m, struct model_process *mp, struct tt_thread *t, const struct ttrec_thread *r)
{
	uint32_t count;
	const struct ttrec_held *from = tt_rec_held(mp->rec, r, &count);
	struct tt_held *held = count ? model_alloc(m, count * sizeof(*held)) : NULL;
	if (!held)
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct tt_held *h = &held[i];
		h->address = from[i].lock;
		h->lock = tt_hmap_ptr(&mp->addresses, from[i].lock);
		h->site = model_site(m, mp, from[i].site);
		h->shared = tt_op_is_shared((enum ttrec_op)TTREC_SITE_OP(from[i].site));
		h->since_ns = TTREC_HELD_FLAGS(from[i].site) & TTREC_HELD_TIMED ? from[i].since_ns : 0;
		bool again = false; /* a recursive lock is held once; nesting is shallow where it is real */
		for (uint32_t k = i > 64 ? i - 64 : 0; k < i && !again; k++)
			again = held[k].address == h->address;
		held_note(m, t, h, again);
	}
	t->held = held;
	t->held_count = count;
}

/* ------------------------------------------------------------------ waiting */

static bool is_idle(const struct tt_waiting *w)
{
	switch (w->op) {
	case TTREC_OP_COND_WAIT:
	case TTREC_OP_COND_TIMEDWAIT:
	case TTREC_OP_LOOP_WAIT:
	case TTREC_OP_SLEEP:
	case TTREC_OP_IO:
	case TTREC_OP_FUTEX_WAIT:
		return true;
	case TTREC_OP_SEM_WAIT:
	case TTREC_OP_SEM_TIMEDWAIT:
		return !w->lock || !(w->lock->use == TT_USE_LOCK || w->lock->is_life);
	default:
		return false;
	}
}

static struct tt_lock *lock_waited_for(const struct model_process *mp, const struct ttrec_waiting *r)
{
	uint32_t index = TTREC_UID_INDEX(r->uid);
	struct tt_lock *l = index < mp->lock_limit ? mp->locks[index] : NULL;
	if (l && l->address == r->object)
		return l;
	return r->kind == TTREC_KIND_THREAD ? NULL : tt_hmap_ptr(&mp->addresses, r->object);
}

static void read_waiting(struct tt_model *m, struct model_process *mp, struct tt_thread *t, const struct ttrec_thread *r)
{
	const struct ttrec_waiting *from = tt_rec_waiting(mp->rec, r);
	if (!from || !t->alive)
		return;
	struct tt_waiting *w = &t->waiting;
	w->op = (enum ttrec_op)from->op;
	w->kind = (enum ttrec_kind)from->kind;
	w->object = from->object;
	w->lock = lock_waited_for(mp, from);
	w->site = model_site(m, mp, TTREC_SITE(TTREC_SITE_PC(from->site), from->op));
	w->stack = model_stack(m, mp, from->stack);
	w->since_ns = from->since_ns;
	w->dur_ns = span(from->since_ns, t->process->end_ns);
	w->idle = is_idle(w);
	if (w->kind == TTREC_KIND_COND)
		w->mutex = tt_hmap_ptr(&mp->addresses, from->other);
	else
		w->target = tt_hmap_ptr(&mp->threads, from->other);
	if (w->target == t && w->kind == TTREC_KIND_SEM)
		w->target = NULL; /* for another's post: life_locks.c */
	/* Who holds it now is better than who did when the wait began. */
	if (w->lock && !w->idle && w->lock->owner && (w->lock->use == TT_USE_LOCK || w->lock->is_life))
		w->target = w->lock->owner;
	if (w->lock)
		w->lock->waiters++;

	enum ttrec_wait_class class = model_wait_class(t);
	if (class < TTREC_WAIT_MAX) {
		t->waits[class].count++;
		t->waits[class].ns += w->dur_ns;
	}
}

enum ttrec_wait_class model_wait_class(const struct tt_thread *t)
{
	switch (t->waiting.op) {
	case TTREC_OP_RDLOCK:
	case TTREC_OP_TIMEDRDLOCK:
		return TTREC_WAIT_RDLOCK;
	case TTREC_OP_COND_WAIT:
	case TTREC_OP_COND_TIMEDWAIT:
		return TTREC_WAIT_COND;
	case TTREC_OP_SEM_WAIT:
	case TTREC_OP_SEM_TIMEDWAIT:
		if (t->waiting.lock && t->waiting.lock->is_life)
			return TTREC_WAIT_JOIN;
		return t->waiting.idle ? TTREC_WAIT_SEM : TTREC_WAIT_LOCK;
	case TTREC_OP_BARRIER_WAIT:
		return TTREC_WAIT_BARRIER;
	case TTREC_OP_JOIN:
		return TTREC_WAIT_JOIN;
	case TTREC_OP_ONCE:
		return TTREC_WAIT_ONCE;
	case TTREC_OP_FUTEX_WAIT:
		return TTREC_WAIT_FUTEX;
	case TTREC_OP_LOOP_WAIT:
		return TTREC_WAIT_LOOP;
	case TTREC_OP_LOCK:
	case TTREC_OP_TIMEDLOCK:
		return TTREC_WAIT_LOCK;
	default:
		return TTREC_WAIT_MAX;
	}
}

void model_read_states(struct tt_model *m, struct model_process *mp)
{
	for (size_t i = 0; i < mp->records.len && mp->first_thread + i < m->threads.len; i++)
		read_held(m, mp, &m->threads.data[mp->first_thread + i], mp->records.data[i]);
	for (size_t i = 0; i < mp->records.len && mp->first_thread + i < m->threads.len; i++) {
		struct tt_thread *t = &m->threads.data[mp->first_thread + i];
		read_waiting(m, mp, t, mp->records.data[i]);
		const struct tt_waiting *w = &t->waiting;
		t->lock_wait_ns = t->waits[TTREC_WAIT_LOCK].ns + t->waits[TTREC_WAIT_RDLOCK].ns;
		if (w->op && !w->idle && w->lock && w->lock->use == TT_USE_LOCK)
			t->lock_wait_max_ns = w->dur_ns;
	}
}

/* ------------------------------------------------------------------ event loops */

/* A program that ended of its own accord had left its loops for good. */
static bool was_leaving(const struct tt_process *p)
{
	return p->end == TT_END_EXITED || p->end == TT_END_FORCED || p->end == TT_END_EXEC;
}

static uint64_t time_away(const struct model_process *mp, const struct tt_thread *t)
{
	size_t i = t ? t->id - mp->first_thread : SIZE_MAX;
	if (!t || !t->alive || was_leaving(mp->p) || i >= mp->records.len || !mp->records.data[i]->loop_return_ns)
		return 0;
	return span(mp->records.data[i]->loop_return_ns, mp->p->end_ns);
}

void model_read_loops(struct tt_model *m, struct model_process *mp)
{
	struct tt_rec_iter it;
	const struct ttrec_loop *r;
	rec_for_each_loop(it, r, mp->rec)
	{
		struct tt_loop *l = tt_vec_add(&m->loops);
		if (!l) {
			model_fail(m);
			return;
		}
		l->process = mp->p;
		l->serial = r->thread;
		l->thread = tt_hmap_ptr(&mp->threads, r->thread);
		l->site = model_site(m, mp, TTREC_SITE(TTREC_SITE_PC(r->site), TTREC_OP_LOOP_WAIT));
		l->calls = r->calls;
		l->wait_ns = r->wait_ns;
		l->may_wait = r->may_wait;
		l->single = r->single;
		l->stalls = r->stalls;
		l->stall_limit_ns = mp->p->header->loop_stall_ns;
		struct tt_dist d = {.total_ns = r->busy_ns, .max_ns = r->max_ns, .max_at_ns = r->max_at_ns, .hist = r->hist};
		for (unsigned b = 0; b < TTREC_HIST_BUCKETS; b++)
			d.count += r->hist[b];
		model_dist_merge(m, &l->away, &d);
		l->away_ns = time_away(mp, l->thread);
		if (l->away_ns) {
			model_dist_add(m, &l->away, l->away_ns, mp->p->end_ns);
			l->stalls += l->stall_limit_ns && l->away_ns >= l->stall_limit_ns;
		}
		model_dist_settle(&l->away);
	}
}

static int by_longest(const void *a, const void *b)
{
	const struct tt_loop *x = a, *y = b;
	if (x->away.max_ns != y->away.max_ns)
		return x->away.max_ns > y->away.max_ns ? -1 : 1;
	if (x->process != y->process)
		return x->process->id < y->process->id ? -1 : 1;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

void model_sort_loops(struct tt_model *m)
{
	tt_vec_sort(&m->loops, by_longest);
	const struct tt_loop *l;
	vec_for_each (l, &m->loops)
		if (l->thread && !l->thread->loop)
			l->thread->loop = l;
}
