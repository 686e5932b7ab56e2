/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * order_graph.c - from lock-order facts to a graph of locks: only what can lie on a cycle. Part of order.c.
 */
#include <stdlib.h>

#include "lib/model/order_private.h"

/* ------------------------------------------------------------------ nodes and facts */

struct build {
	struct order_graph *g;
	const struct tt_order_opts *opts;
	struct tt_hmap nodes;  /* uid -> node */
	struct tt_hmap people; /* serial -> who */
	struct tt_hmap keys;   /* step key -> number */
	struct tt_hmap lives;  /* creator and joiner -> number */
	TT_VEC(struct order_edge) edges;
};

static int node_of(struct build *b, const struct tt_lock *lock, uint32_t uid, uint32_t *ret)
{
	bool is_new;
	struct tt_hmap_entry *e = tt_hmap_insert(&b->nodes, uid, &is_new);
	if (!e)
		return -ENOMEM;
	if (is_new) {
		e->value = b->g->locks.len;
		if (tt_vec_push(&b->g->locks, lock))
			return -ENOMEM;
	}
	*ret = (uint32_t)e->value;
	return 0;
}

static bool is_lock(const struct tt_lock *l)
{
	return l && l->use == TT_USE_LOCK;
}

static int by_node(const void *a, const void *b)
{
	const struct order_held *x = a, *y = b;
	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* A lock that is held twice is held once, in its strongest mode. */
static void settle_held(struct order_graph *g, struct order_fact *f)
{
	struct order_held *h = g->held.data + f->held_first;
	size_t n = g->held.len - f->held_first, kept = 0;
	qsort(h, n, sizeof(*h), by_node);
	for (size_t i = 0; i < n; i++) {
		if (kept && h[kept - 1].node == h[i].node) {
			h[kept - 1].shared &= h[i].shared;
			continue;
		}
		f->bloom |= UINT64_C(1) << (h[i].node * UINT32_C(2654435769) >> 26);
		h[kept++] = h[i];
	}
	g->held.len = f->held_first + kept;
	f->held_count = (uint32_t)kept;
}

static int add_point(struct order_graph *g, struct order_point p, uint32_t segment, uint32_t until)
{
	p.segment = segment;
	p.until = until;
	return tt_vec_push(&g->points, p) ? -ENOMEM : 0;
}

/* The segments in which the thread did it, one by one; what is only known roughly comes last. */
static int add_segments(struct order_graph *g, struct order_point p, const struct tt_dep_thread *t)
{
	uint32_t first = t->segment, last = t->last_segment;
	int rc = add_point(g, p, first, first);
	for (unsigned k = 0; k < 15 && rc == 0; k++)
		if (t->between & 1u << k && first + 1 + k < last)
			rc = add_point(g, p, first + 1 + k, first + 1 + k);
	if (last > first && rc == 0)
		rc = add_point(g, p, last, last);
	if (t->between & 1u << 15 && last > first && last - first > 16 && rc == 0)
		rc = add_point(g, p, first + 16, last - 1);
	return rc;
}

/* See struct order_life. 0: the thread has none. */
static int life_of(struct build *b, const struct order_point *p, uint32_t *ret)
{
	const struct tt_thread *t = p->thread;
	*ret = 0;
	if (!t || t->segment != 0 || !t->creator)
		return 0;
	uint64_t part[] = {t->creator->id, t->joiner ? t->joiner->id : UINT64_MAX};
	bool is_new;
	struct tt_hmap_entry *e = tt_hmap_insert(&b->lives, tt_hash_stable(TT_HASH_STABLE_INIT, part, sizeof(part)), &is_new);
	if (!e)
		return -ENOMEM;
	if (is_new)
		e->value = b->g->lives++;
	*ret = (uint32_t)e->value;
	return 0;
}

static int add_points(struct build *b, struct order_fact *f)
{
	const struct tt_dep *d = f->dep;
	f->point_first = (uint32_t)b->g->points.len;
	for (unsigned i = 0; i < d->thread_count; i++) {
		bool is_new;
		struct tt_hmap_entry *e = tt_hmap_insert(&b->people, d->threads[i].serial, &is_new);
		if (!e)
			return -ENOMEM;
		if (is_new)
			e->value = b->g->people++;
		struct order_point p = {.thread = d->threads[i].thread, .who = (uint32_t)e->value, .by = &d->threads[i]};
		if (add_segments(b->g, p, &d->threads[i]))
			return -ENOMEM;
	}
	f->point_count = (uint32_t)b->g->points.len - f->point_first;
	f->unnamed = d->thread_count == 0 || (d->thread_count == TTREC_DEP_THREADS && d->seen > TTREC_DEP_THREADS);
	bool alone = f->point_count == 1 && !f->unnamed;
	return alone ? life_of(b, &b->g->points.data[f->point_first], &f->life) : 0;
}

/* The wait of a condition variable has a deadline; taking its mutex again has none. */
static bool is_timed(const struct tt_dep *d)
{
	return d->is_timed && d->site && d->site->op != TTREC_OP_COND_TIMEDWAIT;
}

static int add_fact(struct build *b, const struct tt_dep *d)
{
	struct order_graph *g = b->g;
	if (!is_lock(d->wanted) || (d->is_try && !b->opts->left_out))
		return 0;
	for (unsigned i = 0; i < d->held_count; i++)
		if (d->held[i].uid == d->wanted_uid)
			return 0;
	struct order_fact f = {.dep = d, .held_first = (uint32_t)g->held.len, .timed = is_timed(d)};
	for (unsigned i = 0; i < d->held_count; i++) {
		const struct tt_dep_held *h = &d->held[i];
		struct order_held held = {.at = i, .shared = h->shared};
		if (!is_lock(h->lock))
			continue;
		if (node_of(b, h->lock, h->uid, &held.node) || tt_vec_push(&g->held, held))
			return -ENOMEM;
	}
	if (g->held.len == f.held_first)
		return 0;
	settle_held(g, &f);
	if (node_of(b, d->wanted, d->wanted_uid, &f.wanted) || add_points(b, &f) || tt_vec_push(&g->facts, f))
		return -ENOMEM;
	return 0;
}

/* ------------------------------------------------------------------ components */

/*
 * Where each node's edges lead, one for each lock held by each fact: nodes + 2 positions in first, *ret owned by the caller.
 * Facts with hundreds of locks held make millions of edges, of which few are kept: these take four bytes each.
 */
static int find_targets(const struct order_graph *g, uint32_t *first, uint32_t **ret)
{
	size_t n = g->locks.len;
	uint32_t *to = calloc(g->held.len + 1, sizeof(*to));
	if (!to)
		return -ENOMEM;
	memset(first, 0, (n + 2) * sizeof(*first));
	const struct order_held *h;
	vec_for_each (h, &g->held)
		first[h->node + 2]++;
	for (size_t i = 2; i < n + 2; i++)
		first[i] += first[i - 1];
	const struct order_fact *f;
	vec_for_each (f, &g->facts)
		for (uint32_t k = f->held_first; k < f->held_first + f->held_count; k++)
			to[first[g->held.data[k].node + 1]++] = f->wanted;
	*ret = to;
	return 0;
}

/* Positions of the edges by one end: first[n .. n + 1]; order[] holds them. */
static void sort_by_end(const struct order_edge *e, size_t edges, size_t nodes, bool by_to, uint32_t *first, uint32_t *order)
{
	memset(first, 0, (nodes + 2) * sizeof(*first));
	for (size_t i = 0; i < edges; i++)
		first[(by_to ? e[i].to : e[i].from) + 2]++;
	for (size_t i = 2; i < nodes + 2; i++)
		first[i] += first[i - 1];
	for (uint32_t i = 0; i < edges; i++)
		order[first[(by_to ? e[i].to : e[i].from) + 1]++] = i;
}

/*
 * Strongly connected components (Tarjan), with a stack of its own instead of recursion. low[] is 0 until a node is met, and
 * ORDER_NONE once its component is known. component[] gets the number of the component's root.
 */
struct tarjan {
	const uint32_t *first, *to;
	uint32_t *component, *low, *cursor, *path, *pending;
	uint32_t met, paths, pendings;
};

static void tarjan_enter(struct tarjan *t, uint32_t v)
{
	t->low[v] = t->component[v] = ++t->met; /* component: its index until it is known */
	t->cursor[v] = t->first[v];
	t->path[t->paths++] = v;
	t->pending[t->pendings++] = v;
}

static void tarjan_leave(struct tarjan *t, uint32_t v)
{
	t->paths--;
	if (t->low[v] == t->component[v]) {
		uint32_t w;
		do {
			w = t->pending[--t->pendings];
			t->component[w] = v;
			t->low[w] = ORDER_NONE;
		} while (w != v);
	} else if (t->paths) {
		uint32_t u = t->path[t->paths - 1];
		t->low[u] = t->low[v] < t->low[u] ? t->low[v] : t->low[u];
	}
}

static void tarjan_from(struct tarjan *t, uint32_t root)
{
	tarjan_enter(t, root);
	while (t->paths) {
		uint32_t v = t->path[t->paths - 1];
		if (t->cursor[v] == t->first[v + 1]) {
			tarjan_leave(t, v);
			continue;
		}
		uint32_t w = t->to[t->cursor[v]++];
		if (t->low[w] == 0)
			tarjan_enter(t, w);
		else if (t->low[w] != ORDER_NONE && t->component[w] < t->low[v])
			t->low[v] = t->component[w];
	}
}

static int find_components(struct order_graph *g, const uint32_t *first, const uint32_t *to)
{
	size_t n = g->locks.len;
	uint32_t *space = calloc(4 * n + 1, sizeof(*space));
	if (!space)
		return -ENOMEM;
	struct tarjan t = {.first = first,
		.to = to,
		.component = g->component,
		.low = space,
		.cursor = space + n,
		.path = space + 2 * n,
		.pending = space + 3 * n};
	for (uint32_t v = 0; v < n; v++)
		if (t.low[v] == 0)
			tarjan_from(&t, v);
	free(space);
	return 0;
}

/* ------------------------------------------------------------------ what remains */

static uint64_t default_key(const struct tt_dep *d, const struct tt_dep_held *h)
{
	uint64_t part[] = {h->site ? h->site->id : UINT32_MAX, d->site ? d->site->id : UINT32_MAX, h->lock->class->id,
		d->wanted->class->id};
	return tt_hash_stable(TT_HASH_STABLE_INIT, part, sizeof(part));
}

static int number_key(struct build *b, struct order_edge *e)
{
	const struct order_graph *g = b->g;
	const struct tt_dep *d = g->facts.data[e->fact].dep;
	const struct tt_dep_held *h = &d->held[g->held.data[e->held].at];
	uint64_t key = b->opts->key ? b->opts->key(b->opts->ctx, d, h) : default_key(d, h);
	bool is_new;
	struct tt_hmap_entry *k = tt_hmap_insert(&b->keys, key, &is_new);
	if (!k)
		return -ENOMEM;
	if (is_new)
		k->value = b->g->keys++;
	e->key = (uint32_t)k->value;
	return 0;
}

/* The edges within a component, by `from`. */
static int keep_edges(struct build *b)
{
	struct order_graph *g = b->g;
	for (uint32_t i = 0; i < g->facts.len; i++) {
		const struct order_fact *f = &g->facts.data[i];
		for (uint32_t k = f->held_first; k < f->held_first + f->held_count; k++) {
			struct order_edge e = {.from = g->held.data[k].node, .to = f->wanted, .fact = i, .held = k};
			if (g->component[e.from] == g->component[e.to] && tt_vec_push(&b->edges, e))
				return -ENOMEM;
		}
	}
	uint32_t *order = calloc(b->edges.len + 1, sizeof(*order));
	int rc = order ? tt_vec_reserve(&g->edges, b->edges.len) : -ENOMEM;
	if (rc == 0)
		sort_by_end(b->edges.data, b->edges.len, g->locks.len, false, g->out, order);
	for (size_t i = 0; i < b->edges.len && rc == 0; i++) {
		g->edges.data[g->edges.len] = b->edges.data[order[i]];
		rc = number_key(b, &g->edges.data[g->edges.len++]);
	}
	free(order);
	return rc;
}

static int finish(struct build *b)
{
	struct order_graph *g = b->g;
	size_t n = g->locks.len;
	uint32_t *to = NULL;
	g->component = calloc(n + 1, sizeof(*g->component));
	g->out = calloc(n + 2, sizeof(*g->out));
	g->in = calloc(n + 2, sizeof(*g->in));
	int rc = g->component && g->out && g->in ? find_targets(g, g->out, &to) : -ENOMEM;
	if (rc == 0)
		rc = find_components(g, g->out, to);
	free(to);
	if (rc == 0)
		rc = keep_edges(b);
	if (rc == 0) {
		g->in_edges = calloc(g->edges.len + 1, sizeof(*g->in_edges));
		rc = g->in_edges ? 0 : -ENOMEM;
	}
	if (rc == 0)
		sort_by_end(g->edges.data, g->edges.len, n, true, g->in, g->in_edges);
	return rc;
}

int order_graph_init(struct order_graph *g, const struct tt_dep *deps, size_t count, const struct tt_order_opts *opts)
{
	*g = (struct order_graph){.process = count ? deps->process : NULL, .lives = 1};
	struct build b = {.g = g, .opts = opts};
	int rc = 0;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = add_fact(&b, &deps[i]);
	if (rc == 0)
		rc = finish(&b);
	tt_hmap_deinit(&b.nodes);
	tt_hmap_deinit(&b.people);
	tt_hmap_deinit(&b.keys);
	tt_hmap_deinit(&b.lives);
	tt_vec_deinit(&b.edges);
	return rc;
}

void order_graph_deinit(struct order_graph *g)
{
	tt_vec_deinit(&g->locks);
	tt_vec_deinit(&g->facts);
	tt_vec_deinit(&g->held);
	tt_vec_deinit(&g->points);
	tt_vec_deinit(&g->edges);
	free(g->out);
	free(g->in);
	free(g->in_edges);
	free(g->component);
}
