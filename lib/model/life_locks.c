/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * life_locks.c - semaphores that look like locks and are something else: a thread takes one when it begins and gives it back
 * when it ends, so that waiting for it is joining the thread. CPython's Thread.join() works so.
 *
 * Told by: every wait for it that the events know ended together with its holder; the holder of the present generation is the
 * thread that made it; and it is taken hardly more often than once by its thread and once by who joins.
 */
#include "lib/model/model_private.h"

#include <stdlib.h>

#define TOGETHER_NS      UINT64_C(5000000) /* the joiner may see the end this much sooner or later than the thread does */
#define FIRST_HOLD_NS    UINT64_C(1000000) /* taken that soon after its birth */
#define TAKEN_PER_THREAD 3

enum { UNSEEN, LIKELY, REFUTED };

struct search {
	struct tt_model *m;
	struct model_process *mp;
	struct tt_hmap ends; /* serial -> time of the thread's end */
	uint8_t *state;      /* by lock index */
};

static bool is_candidate(const struct tt_lock *l)
{
	return l && l->kind == TTREC_KIND_SEM && l->use == TT_USE_LOCK &&
	       l->ops.acquisitions <= TAKEN_PER_THREAD * (UINT64_C(1) + l->gen);
}

static struct tt_lock *candidate(const struct search *s, uint32_t uid)
{
	uint32_t index = TTREC_UID_INDEX(uid);
	struct tt_lock *l = index < s->mp->lock_limit ? s->mp->locks[index] : NULL;
	return is_candidate(l) ? l : NULL;
}

static uint64_t birth_thread(const struct search *s, const struct tt_lock *l)
{
	const struct ttrec_lock *r = tt_rec_lock(s->mp->rec, l->index);
	return r ? r->birth_thread : 0;
}

static void find_ends(struct search *s)
{
	size_t n = tt_rec_event_count(s->mp->rec);
	for (size_t i = 0; i < n; i++) {
		const struct ttrec_event *e = tt_rec_event(s->mp->rec, i);
		if (e->type == TTREC_EVENT_END && tt_hmap_put(&s->ends, e->thread, e->end_ns) < 0)
			model_fail(s->m);
	}
}

static bool ended_together(const struct search *s, const struct tt_lock *l, const struct ttrec_event *e)
{
	uint64_t end, slack = e->dur_ns / 20 > TOGETHER_NS ? e->dur_ns / 20 : TOGETHER_NS;
	if (!e->a || !tt_hmap_get(&s->ends, e->a, &end))
		return false;
	if (TTREC_UID_GEN(e->uid) == (l->gen & 0xfff) && birth_thread(s, l) != e->a)
		return false;
	return end < e->end_ns + slack && e->end_ns < end + slack;
}

static void judge_waits(struct search *s)
{
	size_t n = tt_rec_event_count(s->mp->rec);
	for (size_t i = 0; i < n; i++) {
		const struct ttrec_event *e = tt_rec_event(s->mp->rec, i);
		struct tt_lock *l = e->type == TTREC_EVENT_WAIT ? candidate(s, e->uid) : NULL;
		if (l && s->state[l->index] != REFUTED)
			s->state[l->index] = ended_together(s, l, e) ? LIKELY : REFUTED;
	}
}

/* Held since its birth by the thread that made it, which has not ended. */
static bool is_held_for_life(
	const struct search *s, const struct tt_lock *l, const struct ttrec_thread *t, const struct ttrec_held *h)
{
	return is_candidate(l) && s->state[l->index] == UNSEEN && birth_thread(s, l) == t->serial &&
	       (TTREC_HELD_FLAGS(h->site) & TTREC_HELD_TIMED) && span(l->birth_ns, h->since_ns) < FIRST_HOLD_NS;
}

static void judge_holds(struct search *s, const struct ttrec_thread *t)
{
	const struct ttrec_waiting *w = tt_rec_waiting(s->mp->rec, t);
	uint32_t count;
	const struct ttrec_held *h = tt_rec_held(s->mp->rec, t, &count);
	for (uint32_t k = 0; k < count; k++) {
		struct tt_lock *l = tt_hmap_ptr(&s->mp->addresses, h[k].lock);
		if (!l || l->kind != TTREC_KIND_SEM || l->use != TT_USE_LOCK)
			continue;
		if (w && w->kind == TTREC_KIND_SEM && w->object == h[k].lock)
			l->use = TT_USE_SIGNAL;
		else if (is_held_for_life(s, l, t, &h[k]))
			s->state[l->index] = LIKELY;
	}
}

/* The shim counted the waits as waits for a lock; they are joins. Threads that are gone have theirs in sums that stay. */
static void recount(struct search *s)
{
	size_t n = tt_rec_event_count(s->mp->rec);
	for (size_t i = 0; i < n; i++) {
		const struct ttrec_event *e = tt_rec_event(s->mp->rec, i);
		uint32_t index = TTREC_UID_INDEX(e->uid);
		const struct tt_lock *l = e->type == TTREC_EVENT_WAIT && index < s->mp->lock_limit ? s->mp->locks[index] : NULL;
		struct tt_thread *t = l && l->is_life ? tt_hmap_ptr(&s->mp->threads, e->thread) : NULL;
		if (!t || !t->waits[TTREC_WAIT_LOCK].count || t->waits[TTREC_WAIT_LOCK].ns < e->dur_ns)
			continue;
		t->waits[TTREC_WAIT_LOCK].count--;
		t->waits[TTREC_WAIT_LOCK].ns -= e->dur_ns;
		t->waits[TTREC_WAIT_JOIN].count++;
		t->waits[TTREC_WAIT_JOIN].ns += e->dur_ns;
	}
}

void model_find_life_locks(struct tt_model *m, struct model_process *mp)
{
	struct search s = {.m = m, .mp = mp, .state = calloc(mp->lock_limit + 1, 1)};
	bool any = false;
	if (!s.state) {
		model_fail(m);
		return;
	}
	find_ends(&s);
	judge_waits(&s);
	for (size_t i = 0; i < mp->records.len; i++)
		judge_holds(&s, mp->records.data[i]);
	for (uint32_t i = 0; i < mp->lock_limit; i++)
		if (s.state[i] == LIKELY && mp->locks[i]->use == TT_USE_LOCK) {
			mp->locks[i]->is_life = any = true;
			mp->locks[i]->use = TT_USE_SIGNAL;
		}
	if (any)
		recount(&s);
	tt_hmap_deinit(&s.ends);
	free(s.state);
}
