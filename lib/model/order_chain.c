/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * order_chain.c - which chains of lock-order facts can close: modes, gates, trylocks, different threads, time. Part of order.c.
 *
 * Modes and gates are decided link by link; for gates the links that hold each lock are counted. So are threads, in a bipartite
 * matching of links and threads that grows by one augmenting path per link, and time, by comparing with the links before. Of
 * workers of one thread two stand for all (struct order_life), so that a ring of them takes no longer than its length. When the
 * chain closes, threads are chosen that suit all at once.
 */
#include <stdlib.h>

#include "lib/model/order_private.h"

#define CHOOSE_MAX 2000 /* threads tried until some suit all links of a closed chain */

int order_chain_init(struct order_chain *c, const struct order_graph *g, struct order_lives *lives)
{
	*c = (struct order_chain){.g = g, .lives = lives};
	c->owner = calloc(g->people + 1u, sizeof(*c->owner));
	c->from = calloc(g->people + 1u, sizeof(*c->from));
	c->seen = calloc(g->people + 1u, sizeof(*c->seen));
	c->taken = calloc(g->people + 1u, sizeof(*c->taken));
	c->lives_in = calloc(g->lives + 1u, sizeof(*c->lives_in));
	c->excluding = calloc(g->locks.len + 1, sizeof(*c->excluding));
	c->sharing = calloc(g->locks.len + 1, sizeof(*c->sharing));
	bool good = c->owner && c->from && c->seen && c->taken && c->lives_in && c->excluding && c->sharing;
	return good ? 0 : -ENOMEM;
}

void order_chain_deinit(struct order_chain *c)
{
	tt_vec_deinit(&c->links);
	tt_vec_deinit(&c->queue);
	free(c->owner);
	free(c->from);
	free(c->seen);
	free(c->taken);
	free(c->lives_in);
	free(c->excluding);
	free(c->sharing);
	tt_vec_deinit(&c->apart);
	tt_vec_deinit(&c->active);
}

static const struct order_edge *edge_at(const struct order_chain *c, size_t link)
{
	return &c->g->edges.data[c->links.data[link].edge];
}

static const struct order_fact *fact_at(const struct order_chain *c, size_t link)
{
	return &c->g->facts.data[edge_at(c, link)->fact];
}

static const struct order_point *point_at(const struct order_chain *c, size_t link, uint32_t i)
{
	return &c->g->points.data[fact_at(c, link)->point_first + i];
}

/* ------------------------------------------------------------------ modes and gates */

/*
 * Does somebody who asks for l wait while it is held so? Readers let readers in; only with the writers' non-recursive
 * preference does a reader wait behind a writer that waits for a reader (pthread_rwlockattr_setkind_np(3); glibc's
 * PREFER_WRITER still lets readers in).
 */
static bool waits_behind(const struct tt_lock *l, bool wants_shared, bool held_shared, bool *by_writer)
{
	if (!wants_shared || !held_shared)
		return true;
	*by_writer = true;
	return l->type == TTREC_TYPE_PREFER_WRITER_NR && l->ops.exclusive > 0;
}

/* The link `a` wants what the link `b` holds. */
static bool follows(const struct order_chain *c, size_t a, const struct order_edge *b, bool *by_writer)
{
	const struct order_fact *f = fact_at(c, a);
	return waits_behind(c->g->locks.data[b->from], f->dep->shared, c->g->held.data[b->held].shared, by_writer);
}

/* A lock that both hold, and not both for reading: by position in g->held. */
static bool find_gate(const struct order_graph *g, const struct order_fact *a, const struct order_fact *b, uint32_t at[2])
{
	if (!(a->bloom & b->bloom))
		return false;
	uint32_t i = a->held_first, k = b->held_first;
	while (i < a->held_first + a->held_count && k < b->held_first + b->held_count) {
		const struct order_held *x = &g->held.data[i], *y = &g->held.data[k];
		if (x->node == y->node && !(x->shared && y->shared)) {
			at[0] = i;
			at[1] = k;
			return true;
		}
		i += x->node <= y->node;
		k += y->node <= x->node;
	}
	return false;
}

/* ------------------------------------------------------------------ threads */

static bool unordered(const struct order_point *x, const struct order_point *y)
{
	return x->who != y->who && !order_before(x, y, NULL) && !order_before(y, x, NULL);
}

/*
 * Can the two facts happen at once, by some pair of threads? Threads that are not named may be other ones than those named,
 * but are taken to live like them: they help only where the names are too few.
 */
static bool can_meet(const struct order_chain *c, const struct order_fact *a, const struct order_fact *b)
{
	const struct order_point *x = c->g->points.data + a->point_first, *y = c->g->points.data + b->point_first;
	bool same = false;
	for (uint32_t i = 0; i < a->point_count; i++)
		for (uint32_t k = 0; k < b->point_count; k++) {
			if (unordered(&x[i], &y[k]))
				return true;
			same |= x[i].who == y[k].who;
		}
	bool named = a->point_count && b->point_count;
	return (a->unnamed || b->unnamed) && (same || !named);
}

/* `who` goes to the link that reached it, that link's thread to the one that reached that, and so on up to `last`. */
static void shift(struct order_chain *c, uint32_t who, uint32_t last)
{
	for (;;) {
		uint32_t link = c->from[who], had = c->links.data[link].who;
		c->links.data[link].who = who;
		c->owner[who] = link + 1;
		if (link == last)
			return;
		who = had;
	}
}

/*
 * Gives the link a thread of its own, moving those of others where that helps (an augmenting path, breadth first).
 * Names come first; if they do not suffice, a link that more threads did than are named does without. 1, 0 or -ENOMEM.
 */
static int match(struct order_chain *c, uint32_t last)
{
	uint32_t spare = ORDER_NONE;
	c->turn++;
	c->queue.len = 0;
	if (tt_vec_push(&c->queue, last))
		return -ENOMEM;
	for (size_t i = 0; i < c->queue.len; i++) {
		uint32_t link = c->queue.data[i];
		const struct order_fact *f = fact_at(c, link);
		if (f->unnamed && spare == ORDER_NONE)
			spare = link;
		c->work += f->point_count;
		for (uint32_t k = 0; k < f->point_count; k++) {
			uint32_t who = point_at(c, link, k)->who;
			if (c->seen[who] == c->turn)
				continue;
			c->seen[who] = c->turn;
			c->from[who] = link;
			if (!c->owner[who]) {
				shift(c, who, last);
				return 1;
			}
			if (tt_vec_push(&c->queue, c->owner[who] - 1))
				return -ENOMEM;
		}
	}
	if (spare == ORDER_NONE)
		return 0;
	uint32_t had = c->links.data[spare].who;
	c->links.data[spare].who = ORDER_NONE;
	if (spare != last)
		shift(c, had, last);
	return 1;
}

/* ------------------------------------------------------------------ link by link */

/* Is a lock that the fact holds held by a link, and not both for reading? */
static bool is_gated(struct order_chain *c, const struct order_fact *f)
{
	c->work += f->held_count / 8;
	for (uint32_t i = f->held_first; i < f->held_first + f->held_count; i++) {
		const struct order_held *h = &c->g->held.data[i];
		if (c->excluding[h->node] || (!h->shared && c->sharing[h->node]))
			return true;
	}
	return false;
}

static bool meets(struct order_chain *c, const struct order_fact *f, uint32_t link)
{
	const struct order_fact *other = fact_at(c, link);
	c->work += (uint64_t)other->point_count * f->point_count;
	return can_meet(c, other, f);
}

/* Can it meet all links of the chain? */
static bool meets_all(struct order_chain *c, const struct order_fact *f)
{
	const uint32_t *at;
	vec_for_each (at, &c->apart)
		if (!meets(c, f, *at))
			return false;
	vec_for_each (at, &c->active) {
		const struct order_life *life = &c->lives_in[*at];
		if (!meets(c, f, life->soonest) || (life->latest != life->soonest && !meets(c, f, life->latest)))
			return false;
	}
	return true;
}

static void count_locks(struct order_chain *c, const struct order_fact *f, uint32_t one)
{
	for (uint32_t i = f->held_first; i < f->held_first + f->held_count; i++) {
		const struct order_held *h = &c->g->held.data[i];
		*(h->shared ? &c->sharing[h->node] : &c->excluding[h->node]) += one;
	}
}

static uint32_t joined_at(const struct tt_thread *t)
{
	return t->joiner ? t->joiner_segment : UINT32_MAX;
}

/* The last link takes its part in what later ones are compared with. -ENOMEM. */
static int enter(struct order_chain *c)
{
	uint32_t n = (uint32_t)c->links.len - 1;
	const struct order_fact *f = fact_at(c, n);
	if (!f->life)
		return tt_vec_push(&c->apart, n) ? -ENOMEM : 0;
	struct order_life *life = &c->lives_in[f->life];
	if (life->links == 0) {
		if (tt_vec_push(&c->active, f->life))
			return -ENOMEM;
		life->soonest = life->latest = n;
	}
	struct order_link *l = &c->links.data[n];
	l->soonest = life->soonest;
	l->latest = life->latest;
	const struct tt_thread *t = point_at(c, n, 0)->thread;
	if (joined_at(t) < joined_at(point_at(c, life->soonest, 0)->thread))
		life->soonest = n;
	if (t->creator_segment > point_at(c, life->latest, 0)->thread->creator_segment)
		life->latest = n;
	life->links++;
	return 0;
}

static void leave(struct order_chain *c)
{
	const struct order_link *l = &c->links.data[c->links.len - 1];
	uint32_t number = fact_at(c, c->links.len - 1)->life;
	struct order_life *life = &c->lives_in[number];
	if (!number) {
		c->apart.len--;
		return;
	}
	life->soonest = l->soonest;
	life->latest = l->latest;
	if (--life->links == 0)
		c->active.len--;
}

int order_chain_push(struct order_chain *c, uint32_t edge)
{
	size_t n = c->links.len;
	bool by_writer = false;
	if (n && !follows(c, n - 1, &c->g->edges.data[edge], &by_writer))
		return 0;
	const struct order_fact *f = &c->g->facts.data[c->g->edges.data[edge].fact];
	c->work++;
	unsigned why = f->dep->is_try ? TT_ORDER_TRY : 0;
	why |= is_gated(c, f) ? TT_ORDER_GATE : 0;
	if (!c->relaxed && (why || !meets_all(c, f)))
		return 0;
	struct order_link link = {.edge = edge, .who = ORDER_NONE, .why = why | (n ? c->links.data[n - 1].why : 0)};
	if (tt_vec_push(&c->links, link))
		return -ENOMEM;
	int rc = c->relaxed ? 1 : match(c, (uint32_t)n);
	if (rc > 0 && enter(c) < 0)
		rc = -ENOMEM;
	if (rc > 0)
		count_locks(c, f, 1);
	else
		c->links.len = n;
	return rc;
}

void order_chain_pop(struct order_chain *c)
{
	count_locks(c, fact_at(c, c->links.len - 1), UINT32_MAX); /* -1 */
	leave(c);
	uint32_t who = c->links.data[--c->links.len].who;
	if (who != ORDER_NONE)
		c->owner[who] = 0;
}

/* ------------------------------------------------------------------ the closed chain */

/* Can the points be there at once, by all that is known? */
static bool meet_for_sure(struct order_chain *c, const struct order_point *p, const struct order_point *q)
{
	c->work++;
	return unordered(p, q) && !order_before_all(c->lives, p, q) && !order_before_all(c->lives, q, p);
}

/*
 * Can the thread of this point be there at once with those chosen for the links before, and with all of those that have but
 * one?
 */
static bool fits(struct order_chain *c, size_t link, const struct order_point *p)
{
	if (c->taken[p->who])
		return false;
	for (size_t i = 0; i < c->apart.len && c->apart.data[i] < link; i++) {
		uint32_t at = c->apart.data[i], point = c->links.data[at].point;
		if (point != ORDER_NONE && !meet_for_sure(c, p, point_at(c, at, point)))
			return false;
	}
	const uint32_t *number;
	vec_for_each (number, &c->active) {
		const struct order_life *life = &c->lives_in[*number];
		if ((life->soonest != link && !meet_for_sure(c, p, point_at(c, life->soonest, 0))) ||
			(life->latest != link && life->latest != life->soonest &&
				!meet_for_sure(c, p, point_at(c, life->latest, 0))))
			return false;
	}
	return true;
}

static void let_go(struct order_chain *c, size_t link)
{
	struct order_link *l = &c->links.data[link];
	if (l->point != ORDER_NONE)
		c->taken[point_at(c, link, l->point)->who] = false;
	l->point = ORDER_NONE;
}

/*
 * The next point of the link that fits, from try number `from` on, beginning with the thread that the matching gave it: mostly
 * that is the answer. Returns the number of the try, or ORDER_NONE.
 */
static uint32_t next_fit(struct order_chain *c, size_t link, uint32_t from)
{
	const struct order_fact *f = fact_at(c, link);
	struct order_link *l = &c->links.data[link];
	let_go(c, link);
	if (l->who == ORDER_NONE) /* some thread that is not named */
		return from == 0 ? 0 : ORDER_NONE;
	uint32_t n = f->point_count;
	for (uint32_t i = from; i < 2 * n; i++) {
		uint32_t k = i < n ? i : i - n;
		const struct order_point *p = point_at(c, link, k);
		c->work++;
		if ((p->who == l->who) == (i < n) && fits(c, link, p)) {
			l->point = k;
			c->taken[p->who] = true;
			return i;
		}
	}
	return ORDER_NONE;
}

/* Chooses a point for every link, so that all can be at once. Tries for a while. */
static bool choose_points(struct order_chain *c)
{
	size_t n = c->links.len, at = 0;
	uint32_t from = 0;
	for (size_t tries = 0; tries < CHOOSE_MAX + n; tries++) {
		uint32_t found = next_fit(c, at, from);
		if (found != ORDER_NONE) {
			c->links.data[at].tried = found;
			if (++at == n)
				return true;
			from = 0;
		} else {
			if (at == 0)
				return false;
			from = c->links.data[--at].tried + 1;
		}
	}
	return false;
}

static bool choose(struct order_chain *c)
{
	struct order_link *l;
	vec_for_each (l, &c->links)
		l->point = ORDER_NONE;
	bool good = choose_points(c);
	for (size_t i = 0; i < c->links.len; i++)
		if (c->links.data[i].point != ORDER_NONE)
			c->taken[point_at(c, i, c->links.data[i].point)->who] = false;
	return good;
}

/* Two links that cannot be at once because one comes before the other: says so in *ret. */
static bool tell_time(struct order_chain *c, size_t i, size_t k, struct tt_order_cycle *ret)
{
	const struct order_point *x = point_at(c, i, 0), *y = point_at(c, k, 0);
	ret->link_thread = NULL;
	ret->link = order_before(x, y, &ret->link_thread);
	if (!ret->link && order_before_all(c->lives, x, y))
		ret->link = TT_LINK_BETWEEN;
	ret->pair[0] = (unsigned)i;
	ret->pair[1] = (unsigned)k;
	return ret->link != TT_LINK_NONE;
}

static bool all_same(const struct order_chain *c, size_t i, size_t k)
{
	const struct order_fact *a = fact_at(c, i), *b = fact_at(c, k);
	for (uint32_t x = 0; x < a->point_count; x++)
		for (uint32_t y = 0; y < b->point_count; y++)
			if (point_at(c, i, x)->who != point_at(c, k, y)->who)
				return false;
	return a->point_count && b->point_count;
}

/* Which two links stand for what the chain breaks. */
static void tell_why(struct order_chain *c, struct tt_order_cycle *ret)
{
	size_t n = c->links.len;
	bool told = false;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			uint32_t at[2];
			if (i < k && ret->why & TT_ORDER_GATE && !ret->gate[0] &&
				find_gate(c->g, fact_at(c, i), fact_at(c, k), at)) {
				ret->gate[0] = &fact_at(c, i)->dep->held[c->g->held.data[at[0]].at];
				ret->gate[1] = &fact_at(c, k)->dep->held[c->g->held.data[at[1]].at];
				ret->pair[0] = (unsigned)i;
				ret->pair[1] = (unsigned)k;
				told = true;
			}
			if (i == k || told || !fact_at(c, i)->point_count || !fact_at(c, k)->point_count)
				continue;
			if (ret->why & TT_ORDER_THREAD && all_same(c, i, k)) {
				ret->pair[0] = (unsigned)i;
				ret->pair[1] = (unsigned)k;
				told = true;
			} else if (ret->why == TT_ORDER_TIME) {
				told = tell_time(c, i, k, ret);
			}
		}
}

/* Threads for all links. Returns what stands against it. */
static unsigned find_threads(struct order_chain *c)
{
	if (!c->relaxed)
		return choose(c) ? 0 : TT_ORDER_TIME;
	bool enough = true;
	for (uint32_t i = 0; i < c->links.len && enough; i++)
		enough = match(c, i) > 0;
	unsigned why = !enough ? TT_ORDER_THREAD : choose(c) ? 0 : TT_ORDER_TIME;
	struct order_link *l;
	vec_for_each (l, &c->links) {
		if (l->who != ORDER_NONE)
			c->owner[l->who] = 0;
		l->who = ORDER_NONE;
	}
	return why;
}

static unsigned doubts_of(const struct order_chain *c)
{
	unsigned doubts = 0;
	for (size_t i = 0; i < c->links.len; i++) {
		const struct order_link *l = &c->links.data[i];
		bool by_writer = false;
		follows(c, i, edge_at(c, (i + 1) % c->links.len), &by_writer);
		doubts |= by_writer ? TT_ORDER_WRITER : 0;
		doubts |= fact_at(c, i)->timed ? TT_ORDER_TIMED : 0;
		const struct tt_lock *held = c->g->locks.data[edge_at(c, i)->from];
		doubts |= held->kind == TTREC_KIND_SEM ? TT_ORDER_SEMAPHORE : 0;
		/* A std::mutex has neither birth nor death: the next call's may lie at the same place. */
		if (held->flags & TTREC_LOCK_ON_STACK && !(held->flags & TTREC_LOCK_INIT_SEEN))
			doubts |= TT_ORDER_STACK;
		const struct order_point *p = l->point == ORDER_NONE ? NULL : point_at(c, i, l->point);
		doubts |= !p ? TT_ORDER_UNNAMED : p->until != p->segment ? TT_ORDER_BETWEEN : 0;
		doubts |= p && order_lineage_gone(p) ? TT_ORDER_LINEAGE : 0;
	}
	return doubts;
}

/* See TT_ORDER_WAITS. A mutex has one holder, whatever else the steps hold. */
static bool only_condition_waits(const struct order_chain *c)
{
	for (size_t i = 0; i < c->links.len; i++) {
		const struct tt_dep *d = fact_at(c, i)->dep;
		bool again = d->site && (d->site->op == TTREC_OP_COND_WAIT || d->site->op == TTREC_OP_COND_TIMEDWAIT);
		if (!again || d->wanted->kind != TTREC_KIND_MUTEX)
			return false;
	}
	return true;
}

bool order_chain_close(struct order_chain *c, struct tt_order_cycle *ret)
{
	bool by_writer = false;
	size_t n = c->links.len;
	if (!follows(c, n - 1, edge_at(c, 0), &by_writer))
		return false;
	unsigned why = c->links.data[n - 1].why | find_threads(c);
	why |= only_condition_waits(c) ? TT_ORDER_WAITS : 0;
	*ret = (struct tt_order_cycle){.process = c->g->process, .length = (unsigned)n, .why = why};
	if (c->relaxed == (why == 0)) /* possible ones are found by the strict search, and only there */
		return false;
	if (why)
		tell_why(c, ret);
	else
		ret->doubts = doubts_of(c);
	return true;
}
