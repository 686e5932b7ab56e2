/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * order_before.c - happens-before by create and join. Part of order.c.
 *
 * A thread's segment number rises after each create and each join that it does. What it did in segments up to the one in which
 * it created a thread comes before all of that thread; all of a thread comes before what its joiner does from the segment on
 * that follows the join. Nothing else is counted as order: barriers, conditions and atomics may order by chance.
 */
#include <stdlib.h>

#include "lib/model/order_private.h"

#define LINE_MOST  32     /* a line of creators or joiners is looked at so far; order_before_all() goes further */
#define VISITS_MAX 200000 /* threads looked at in one search of all paths */

int order_lives_init(struct order_lives *l, const struct tt_model *m)
{
	*l = (struct order_lives){.model = m};
	size_t n = m->threads.len;
	l->joined_first = calloc(n + 2, sizeof(*l->joined_first));
	l->joined = calloc(n + 1, sizeof(*l->joined));
	l->reach = calloc(n + 1, sizeof(*l->reach));
	l->stamp = calloc(n + 1, sizeof(*l->stamp));
	if (!l->joined_first || !l->joined || !l->reach || !l->stamp)
		return -ENOMEM;
	const struct tt_thread *t;
	vec_for_each (t, &m->threads)
		if (t->joiner && t->joiner_segment)
			l->joined_first[t->joiner->id + 2]++;
	for (size_t i = 2; i < n + 2; i++)
		l->joined_first[i] += l->joined_first[i - 1];
	vec_for_each (t, &m->threads)
		if (t->joiner && t->joiner_segment)
			l->joined[l->joined_first[t->joiner->id + 1]++] = t->id;
	return 0;
}

void order_lives_deinit(struct order_lives *l)
{
	free(l->joined_first);
	free(l->joined);
	free(l->reach);
	free(l->stamp);
	tt_vec_deinit(&l->queue);
}

/* y or a creator of y, no earlier than p? */
static enum tt_order_link meets(const struct tt_thread *p, uint32_t segment, bool joined, const struct order_point *y)
{
	const struct tt_thread *q = y->thread;
	uint32_t at = y->segment;
	for (unsigned i = 0; q && i < LINE_MOST; i++) {
		if (p == q && segment <= at)
			return i == 0 ? TT_LINK_JOIN : joined ? TT_LINK_BETWEEN : TT_LINK_CREATE;
		at = q->creator_segment;
		q = q->creator;
	}
	return TT_LINK_NONE;
}

enum tt_order_link order_before(const struct order_point *x, const struct order_point *y, const struct tt_thread **at)
{
	const struct tt_thread *p = x->thread;
	uint32_t segment = x->until;
	for (unsigned i = 0; p && y->thread && i < LINE_MOST; i++) {
		enum tt_order_link link = meets(p, segment, i > 0, y);
		if (link) {
			if (at)
				*at = p;
			return link;
		}
		if (!p->joiner_segment)
			break;
		segment = p->joiner_segment;
		p = p->joiner;
	}
	return TT_LINK_NONE;
}

/* Everything that t did up to `segment` comes before the target. */
static void reached(struct order_lives *l, const struct tt_thread *t, uint32_t segment)
{
	uint32_t value = segment == UINT32_MAX ? segment : segment + 1;
	if (l->stamp[t->id] == l->turn && l->reach[t->id] >= value)
		return;
	l->stamp[t->id] = l->turn;
	l->reach[t->id] = value;
	if (tt_vec_push(&l->queue, t->id))
		l->queue.len = 0; /* no memory: the search ends, and nothing is claimed */
}

/* Nobody joined the thread, and it created nobody afterwards: nothing of others comes after this. */
static bool is_last_word(const struct order_point *x)
{
	return !x->thread->past && !x->thread->joiner_segment && x->thread->segment == x->until;
}

/*
 * Neither created or joined anybody, so that all that comes after x goes through its joiner, and all before y through its
 * creator: being one thread, that has them in the order of its segments, which order_before() looks at.
 */
static bool have_one_line(const struct tt_thread *x, const struct tt_thread *y)
{
	return x->segment == 0 && y->segment == 0 && x->joiner && x->joiner == y->creator;
}

bool order_before_all(struct order_lives *l, const struct order_point *x, const struct order_point *y)
{
	if (!x->thread || !y->thread || is_last_word(x))
		return false;
	if (have_one_line(x->thread, y->thread))
		return order_before(x, y, NULL) != TT_LINK_NONE;
	l->turn++;
	l->queue.len = 0;
	reached(l, y->thread, y->segment);
	uint64_t visits = 0;
	for (size_t i = 0; i < l->queue.len && visits < VISITS_MAX; i++) {
		const struct tt_thread *t = &l->model->threads.data[l->queue.data[i]];
		uint32_t until = l->reach[t->id];
		if (t == x->thread && x->until < until) {
			l->visits += visits;
			return true;
		}
		if (t->creator)
			reached(l, t->creator, t->creator_segment);
		for (uint32_t k = l->joined_first[t->id]; k < l->joined_first[t->id + 1]; k++, visits++) {
			const struct tt_thread *child = &l->model->threads.data[l->joined[k]];
			if (child->joiner_segment < until)
				reached(l, child, UINT32_MAX);
		}
		visits++;
	}
	l->visits += visits;
	return false;
}

bool order_lineage_gone(const struct order_point *x)
{
	const struct tt_thread *t = x->thread;
	for (unsigned i = 0; t && i < LINE_MOST; i++) {
		if (t->flags & TTREC_THREAD_ADOPTED)
			return true;
		if (!t->creator_serial)
			break;
		t = t->creator;
	}
	if (!t)
		return true;
	t = x->thread;
	for (unsigned i = 0; t && i < LINE_MOST && t->joiner_segment; i++)
		t = t->joiner;
	return !t;
}
