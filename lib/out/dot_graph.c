/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dot_graph.c - lock order and waits as graphs. See dot_graph.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/out/dot_graph.h"
#include "lib/out/select.h"

/* ------------------------------------------------------------------ building */

/* The node of key, made when new. Keys: pointers to classes, locks and threads, which differ. */
static unsigned node_of(struct tt_graph *g, uint64_t key, enum tt_node_kind kind, const char *label, const char *detail)
{
	bool is_new = false;
	struct tt_hmap_entry *e = tt_hmap_insert(&g->by_key, key, &is_new);
	if (!e) {
		g->failed = true;
		return 0;
	}
	if (!is_new)
		return (unsigned)e->value;
	struct tt_graph_node *n = tt_vec_add(&g->nodes);
	if (!n) {
		g->failed = true;
		return 0;
	}
	*n = (struct tt_graph_node){.kind = kind, .label = label, .detail = detail, .key = key};
	e->value = g->nodes.len - 1;
	return (unsigned)e->value;
}

/* The edge between two nodes, made when new; NULL when out of memory. Valid until the next one is made. */
static struct tt_graph_edge *edge_of(struct tt_graph *g, unsigned from, unsigned to, enum tt_edge_kind kind, bool *is_new)
{
	if (g->failed)
		return NULL;
	struct tt_hmap_entry *e = tt_hmap_insert(&g->by_pair, (uint64_t)from << 32 | to, is_new);
	struct tt_graph_edge *edge = e && *is_new ? tt_vec_add(&g->edges) : NULL;
	if (!e || (*is_new && !edge)) {
		g->failed = true;
		return NULL;
	}
	if (!*is_new)
		return &g->edges.data[e->value];
	e->value = g->edges.len - 1;
	*edge = (struct tt_graph_edge){.from = from, .to = to, .kind = kind};
	return edge;
}

const char *tt_graph_place(struct tt_report *r, const struct tt_site *site, const struct tt_stack *stack)
{
	if (!site && !stack)
		return NULL;
	struct tt_place p = tt_names_headline(r->names, site, stack);
	const char *name = tt_names_text(r->names, &p);
	const char *slash = p.file ? strrchr(p.file, '/') : NULL;
	return p.file ? tt_names_format(r->names, "%s %s:%u", name, slash ? slash + 1 : p.file, p.line) : name;
}

/* ------------------------------------------------------------------ the cut */

static int by_weight(const void *a, const void *b)
{
	const struct tt_graph_edge *x = a, *y = b;
	if (x->mark != y->mark)
		return x->mark > y->mark ? -1 : 1;
	if (x->total_ns != y->total_ns)
		return x->total_ns > y->total_ns ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

/* Orders the edges, keeps the first max, and the nodes that they need, in the order of their first use. */
static int settle(struct tt_graph *g, size_t max_edges)
{
	g->all_edges = g->edges.len;
	g->all_nodes = g->nodes.len;
	if (g->edges.data)
		tt_vec_sort(&g->edges, by_weight);
	if (max_edges && g->edges.len > max_edges)
		g->edges.len = max_edges;
	unsigned *moved = calloc(g->nodes.len + 1, sizeof(*moved));
	struct tt_graph_node *kept = calloc(g->nodes.len + 1, sizeof(*kept));
	unsigned count = 0;
	struct tt_graph_edge *e = NULL;
	if (!moved || !kept)
		g->failed = true;
	else
		vec_for_each (e, &g->edges) {
			unsigned *ends[2] = {&e->from, &e->to};
			for (unsigned i = 0; i < 2; i++) {
				unsigned old = *ends[i];
				if (!moved[old]) {
					kept[count] = g->nodes.data[old];
					moved[old] = ++count;
				}
				*ends[i] = moved[old] - 1;
				if (e->mark > kept[*ends[i]].mark)
					kept[*ends[i]].mark = e->mark;
			}
		}
	if (!g->failed) {
		if (count && g->nodes.data)
			memcpy(g->nodes.data, kept, count * sizeof(*kept));
		g->nodes.len = count;
	}
	free(moved);
	free(kept);
	return g->failed ? -ENOMEM : 0;
}

void tt_graph_deinit(struct tt_graph *g)
{
	tt_vec_deinit(&g->nodes);
	tt_vec_deinit(&g->edges);
	tt_hmap_deinit(&g->by_key);
	tt_hmap_deinit(&g->by_pair);
	tt_hmap_deinit(&g->split);
}

/* ------------------------------------------------------------------ lock order */

static bool lock_selected(const struct tt_report *r, const char *a, const char *b)
{
	return tt_patterns_match(&r->opts.locks, a) || tt_patterns_match(&r->opts.locks, b);
}

#define SPLIT_LOCKS 64 /* a class of more locks stays one node */

/* Finds the classes whose locks are ordered among themselves: a graph of classes would show a loop only. */
static void find_split(const struct tt_report *r, struct tt_graph *g)
{
	const struct tt_dep *d;
	vec_for_each (d, &r->model->deps) {
		for (unsigned i = 0; d->wanted && i < d->held_count; i++) {
			const struct tt_lock *held = d->held[i].lock;
			bool is_own = held && held != d->wanted && held->class == d->wanted->class;
			if (is_own && held->class->locks.len <= SPLIT_LOCKS &&
				tt_hmap_put(&g->split, (uint64_t)(uintptr_t)held->class, 1) < 0)
				g->failed = true;
		}
	}
}

static uint64_t order_key(const struct tt_graph *g, const struct tt_lock *l)
{
	uint64_t class = (uint64_t)(uintptr_t)l->class;
	return tt_hmap_find(&g->split, class) ? (uint64_t)(uintptr_t)l : class;
}

/* One of several locks of its class is told apart by its address. */
static unsigned lock_node(struct tt_report *r, struct tt_graph *g, const struct tt_lock *l)
{
	const char *detail = l->class->locks.len > 1 ? tt_names_format(r->names, "0x%" PRIx64, l->address) : NULL;
	return node_of(g, (uint64_t)(uintptr_t)l, TT_NODE_LOCK, tt_names_lock(r->names, l), detail);
}

static unsigned order_node(struct tt_report *r, struct tt_graph *g, const struct tt_lock *l)
{
	const struct tt_lock_class *c = l->class;
	uint64_t key = order_key(g, l);
	if (key != (uint64_t)(uintptr_t)c)
		return lock_node(r, g, l);
	const char *detail = tt_graph_place(r, c->birth_site, c->birth_stack);
	if (c->locks.len > 1)
		detail = tt_names_format(r->names, "%zu locks%s%s", c->locks.len, detail ? ", " : "", detail ? detail : "");
	return node_of(g, key, TT_NODE_LOCK, tt_names_class(r->names, c), detail);
}

static void add_order(struct tt_report *r, struct tt_graph *g, const struct tt_dep *d, const struct tt_dep_held *h)
{
	if (!h->lock || h->lock == d->wanted) /* taken again by its owner: no order */
		return;
	if (!lock_selected(r, tt_names_class(r->names, h->lock->class), tt_names_class(r->names, d->wanted->class)))
		return;
	bool is_new = false;
	unsigned from = order_node(r, g, h->lock), to = order_node(r, g, d->wanted);
	struct tt_graph_edge *e = edge_of(g, from, to, TT_EDGE_ORDER, &is_new);
	if (!e)
		return;
	e->count += d->seen;
	if (is_new) {
		e->hold = tt_graph_place(r, h->site, NULL);
		e->want = tt_graph_place(r, d->site, d->stack);
	}
}

static enum tt_edge_mark mark_of(const struct tt_finding *f)
{
	const char *id = tt_rules[f->rule].id;
	if (strcmp(id, "lock-order-cycle") == 0 || strcmp(id, "deadlock") == 0)
		return TT_MARK_CYCLE;
	return strncmp(id, "lock-order-", 11) == 0 ? TT_MARK_EXCUSED : TT_MARK_NONE;
}

/* Gives the edges between the locks of a finding's steps its mark. */
static void mark_order(const struct tt_report *r, struct tt_graph *g)
{
	const struct tt_finding *f;
	const struct tt_finding_edge *step;
	vec_for_each (f, &r->findings.list) {
		enum tt_edge_mark mark = mark_of(f);
		vec_for_each (step, &f->edges) {
			uint64_t from, to, edge;
			if (mark == TT_MARK_NONE || !step->held || !step->wanted ||
				!tt_hmap_get(&g->by_key, order_key(g, step->held), &from) ||
				!tt_hmap_get(&g->by_key, order_key(g, step->wanted), &to) ||
				!tt_hmap_get(&g->by_pair, from << 32 | to, &edge))
				continue;
			if (mark > g->edges.data[edge].mark)
				g->edges.data[edge].mark = mark;
		}
	}
}

int tt_graph_order(struct tt_report *r, size_t max_edges, struct tt_graph *g)
{
	*g = (struct tt_graph){0};
	const struct tt_dep *d;
	find_split(r, g);
	vec_for_each (d, &r->model->deps) {
		for (unsigned i = 0; d->wanted && i < d->held_count; i++)
			add_order(r, g, d, &d->held[i]);
	}
	mark_order(r, g);
	return settle(g, max_edges);
}

/* ------------------------------------------------------------------ waits */

/* Serials are below 2^40 in practice. Bit 63 tells these keys from addresses. */
static uint64_t thread_key(const struct tt_process *p, uint64_t serial)
{
	return UINT64_C(1) << 63 | (uint64_t)p->id << 40 | (serial & ((UINT64_C(1) << 40) - 1));
}

static unsigned thread_node(
	struct tt_report *r, struct tt_graph *g, const struct tt_process *p, const struct tt_thread *t, uint64_t serial)
{
	const char *detail = NULL;
	if (t && t->start_routine) {
		struct tt_place place = tt_names_headline(r->names, t->start_routine, NULL);
		detail = tt_names_text(r->names, &place);
	}
	return node_of(g, thread_key(p, serial), TT_NODE_THREAD, tt_names_thread(r->names, p, t, serial), detail);
}

/* Edges from what somebody waits for to everybody who holds it: all readers, too. */
static void add_holders(struct tt_report *r, struct tt_graph *g, const struct tt_thread *t)
{
	for (unsigned i = 0; i < t->held_count; i++) {
		const struct tt_held *h = &t->held[i];
		bool is_new = false;
		uint64_t lock;
		if (!h->lock || !tt_hmap_get(&g->by_key, (uint64_t)(uintptr_t)h->lock, &lock))
			continue;
		unsigned holder = thread_node(r, g, t->process, t, t->serial);
		struct tt_graph_edge *e = edge_of(g, (unsigned)lock, holder, TT_EDGE_HELD, &is_new);
		if (!e || !is_new)
			continue;
		e->count = 1;
		e->label = h->shared ? "held for reading by" : "held by";
		e->hold = tt_graph_place(r, h->site, NULL);
	}
}

static void add_wait_now(struct tt_report *r, struct tt_graph *g, const struct tt_thread *t)
{
	const struct tt_waiting *w = &t->waiting;
	bool is_new = false;
	bool is_known = w->lock || w->target;
	if (w->op == TTREC_OP_NONE || w->idle || !is_known)
		return;
	unsigned from = thread_node(r, g, t->process, t, t->serial), to;
	if (w->lock)
		to = lock_node(r, g, w->lock);
	else
		to = thread_node(r, g, t->process, w->target, w->target->serial);
	struct tt_graph_edge *e = edge_of(g, from, to, TT_EDGE_WAITS, &is_new);
	if (!e)
		return;
	e->count = 1;
	e->total_ns = e->max_ns = w->dur_ns;
	e->label = tt_op_name(w->op);
	e->want = tt_graph_place(r, w->site, w->stack);
}

static bool is_wanted(const struct tt_finding *f, uint64_t lock)
{
	const struct tt_finding_edge *step;
	vec_for_each (step, &f->edges)
		if (step->wanted && (uint64_t)(uintptr_t)step->wanted == lock)
			return true;
	return false;
}

/* The steps of a deadlock: its threads' waits, and what they hold of what is waited for in it. */
static void mark_waits(const struct tt_report *r, struct tt_graph *g)
{
	const struct tt_finding *f;
	const struct tt_finding_edge *step;
	struct tt_graph_edge *e;
	vec_for_each (f, &r->findings.list) {
		if (strcmp(tt_rules[f->rule].id, "deadlock") != 0)
			continue;
		vec_for_each (step, &f->edges) {
			uint64_t thread = step->thread ? thread_key(step->thread->process, step->thread->serial) : 0;
			vec_for_each (e, &g->edges) {
				uint64_t from = g->nodes.data[e->from].key, to = g->nodes.data[e->to].key;
				bool is_step = e->kind == TT_EDGE_WAITS ? from == thread : to == thread && is_wanted(f, from);
				e->mark = is_step ? TT_MARK_CYCLE : e->mark;
			}
		}
	}
}

int tt_graph_waits_now(struct tt_report *r, size_t max_edges, struct tt_graph *g)
{
	*g = (struct tt_graph){0};
	const struct tt_thread *t;
	vec_for_each (t, &r->model->threads)
		if (t->alive)
			add_wait_now(r, g, t);
	vec_for_each (t, &r->model->threads)
		add_holders(r, g, t);
	mark_waits(r, g);
	return settle(g, max_edges);
}

int tt_graph_waits_all(struct tt_report *r, size_t max_edges, struct tt_graph *g)
{
	*g = (struct tt_graph){0};
	const struct tt_blocking *b;
	vec_for_each (b, &r->model->blockings) {
		bool is_new = false, is_lock = b->lock && b->lock->use == TT_USE_LOCK;
		if (!b->holder_serial || !is_lock || b->holder_serial == b->waiter_serial ||
			!tt_patterns_match(&r->opts.locks, tt_names_class(r->names, b->lock->class)))
			continue;
		unsigned from = thread_node(r, g, b->process, b->waiter, b->waiter_serial);
		unsigned to = thread_node(r, g, b->process, b->holder, b->holder_serial);
		struct tt_graph_edge *e = edge_of(g, from, to, TT_EDGE_BLOCKED, &is_new);
		if (!e)
			break;
		e->count += b->waits.count;
		e->total_ns += b->waits.total_ns;
		e->max_ns = b->waits.max_ns > e->max_ns ? b->waits.max_ns : e->max_ns;
		if (is_new) /* the costliest comes first */
			e->label = tt_names_lock(r->names, b->lock);
	}
	return settle(g, max_edges);
}
