/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * view_locks.c - who waits for whom: each blocked thread with the thread that holds its lock (or that it joins) is an edge; the
 * edges make trees whose roots hold what others want, and rings, which are deadlocks.
 *
 * A ring is called a deadlock only when none of its threads has run since the frame before: their waits were all true at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proc/sample.h"
#include "tools/threadtop/top.h"

#define NONE SIZE_MAX

struct node {
	struct tt_top_task *task;
	size_t owner; /* NONE */
	size_t first_waiter, next_waiter;
	uint32_t waiters; /* in the whole tree above it */
	unsigned mark;    /* walk that met it; 0 none */
	bool ring, placed;
};

struct graph {
	struct node *nodes;
	size_t count;
	struct tt_hmap by_tid;
};

static size_t node_of(struct graph *g, struct tt_top_task *t)
{
	uint64_t at;
	if (tt_hmap_get(&g->by_tid, t->tid, &at))
		return at;
	at = g->count++;
	g->nodes[at] = (struct node){.task = t, .owner = NONE, .first_waiter = NONE, .next_waiter = NONE};
	tt_hmap_put(&g->by_tid, t->tid, at);
	return at;
}

/* Only threads that wait for another, and those: few among thousands. */
static int make_graph(struct graph *g, const struct tt_top_frame *f, size_t edges)
{
	struct tt_hmap wanted = TT_HMAP_INIT;
	struct tt_top_task **t;
	g->nodes = calloc(2 * edges, sizeof(*g->nodes));
	if (!g->nodes)
		return -ENOMEM;
	vec_for_each (t, &f->tasks)
		if ((*t)->owner_tid)
			tt_hmap_put_ptr(&wanted, (*t)->owner_tid, NULL);
	vec_for_each (t, &f->tasks)
		if (tt_hmap_find(&wanted, (*t)->tid))
			tt_hmap_put_ptr(&wanted, (*t)->tid, *t);
	vec_for_each (t, &f->tasks) {
		struct tt_top_task *owner = (*t)->owner_tid ? tt_hmap_ptr(&wanted, (*t)->owner_tid) : NULL;
		if (!owner)
			continue;
		size_t waiter = node_of(g, *t), holder = node_of(g, owner);
		if (g->nodes[waiter].owner != NONE)
			continue; /* a damaged recording has the thread twice: it is in one list of waiters */
		g->nodes[waiter].owner = holder;
		g->nodes[waiter].next_waiter = g->nodes[holder].first_waiter;
		g->nodes[holder].first_waiter = waiter;
	}
	tt_hmap_deinit(&wanted);
	return 0;
}

static bool stands_still(const struct graph *g, size_t in_ring)
{
	size_t i = in_ring;
	do {
		if (!g->nodes[i].task->blocked_ns)
			return false;
		i = g->nodes[i].owner;
	} while (i != in_ring);
	return true;
}

/* Each node has one owner at most, so that a walk either ends or comes into a ring, or into an earlier walk. */
static unsigned find_rings(struct graph *g)
{
	unsigned rings = 0;
	for (size_t start = 0; start < g->count; start++) {
		size_t i = start;
		while (i != NONE && !g->nodes[i].mark) {
			g->nodes[i].mark = (unsigned)start + 1;
			i = g->nodes[i].owner;
		}
		if (i == NONE || g->nodes[i].mark != start + 1 || !stands_still(g, i))
			continue;
		rings++;
		for (size_t k = i; !g->nodes[k].ring; k = g->nodes[k].owner)
			g->nodes[k].ring = true;
	}
	return rings;
}

/* Each thread is behind all that its walk comes by, once: in a ring everybody waits for everybody else. */
static void count_waiters(struct graph *g)
{
	for (size_t i = 0; i < g->count; i++)
		g->nodes[i].mark = 0;
	for (size_t start = 0; start < g->count; start++) {
		g->nodes[start].mark = (unsigned)start + 1;
		for (size_t i = g->nodes[start].owner; i != NONE && g->nodes[i].mark != start + 1; i = g->nodes[i].owner) {
			g->nodes[i].mark = (unsigned)start + 1;
			g->nodes[i].waiters++;
		}
	}
}

static struct top_row row_of(const struct node *n, unsigned depth)
{
	return (struct top_row){.kind = TOP_ROW_TASK,
		.task = n->task,
		.proc = n->task->proc,
		.id = n->task->id,
		.count = 1,
		.busy = top_is_busy(n->task),
		.waiters = n->waiters,
		.deadlock = n->ring,
		.depth = depth};
}

/* A node, then its waiters that are not placed, one deeper. Iterative in the ring, recursive in trees of bounded depth. */
#define MOST_DEPTH 500

static int place(struct top_view *v, struct graph *g, size_t i, unsigned depth)
{
	struct node *n = &g->nodes[i];
	if (n->placed)
		return 0;
	n->placed = true;
	int rc = tt_vec_push(&v->chains, row_of(n, depth));
	for (size_t w = n->first_waiter; w != NONE && rc == 0; w = g->nodes[w].next_waiter)
		if (!g->nodes[w].ring && depth < MOST_DEPTH)
			rc = place(v, g, w, depth + 1);
	return rc;
}

struct root {
	size_t node;
	uint32_t waiters;
	bool ring;
	uint32_t tid;
};

static int compare_roots(const void *a, const void *b)
{
	const struct root *x = a, *y = b;
	if (x->ring != y->ring)
		return y->ring - x->ring;
	if (x->waiters != y->waiters)
		return x->waiters < y->waiters ? 1 : -1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int place_all(struct top_view *v, struct graph *g)
{
	struct root *roots = calloc(g->count, sizeof(*roots));
	size_t count = 0;
	int rc = 0;
	if (!roots)
		return -ENOMEM;
	for (size_t i = 0; i < g->count; i++)
		if (g->nodes[i].ring || g->nodes[i].owner == NONE)
			roots[count++] = (struct root){i, g->nodes[i].waiters, g->nodes[i].ring, g->nodes[i].task->tid};
	qsort(roots, count, sizeof(*roots), compare_roots);
	for (size_t i = 0; i < count && rc == 0; i++) {
		size_t at = roots[i].node;
		rc = place(v, g, at, 0);
		/* The rest of its ring behind it, in the order in which they wait. */
		for (size_t k = g->nodes[at].owner; rc == 0 && g->nodes[at].ring && k != at; k = g->nodes[k].owner)
			rc = place(v, g, k, 0);
	}
	/* Rings that move: they were met in passing. */
	for (size_t i = 0; i < g->count && rc == 0; i++)
		rc = place(v, g, i, 0);
	free(roots);
	return rc;
}

/* A ring goes on with whom its last thread waits for; a tree has one thread at depth 0. */
size_t top_view_chain_end(const struct top_view *v, size_t at)
{
	const struct top_row *rows = v->chains.data, *top = &rows[at];
	size_t end = at + 1;
	for (; end < v->chains.len; end++) {
		if (rows[end].depth)
			continue;
		if (!top->deadlock || !rows[end].deadlock || top->task->owner_tid != rows[end].task->tid)
			break;
		top = &rows[end];
	}
	return end;
}

/* Takes out what touches no selected thread. */
static int keep_selected(struct top_view *v, size_t all)
{
	struct tt_hmap selected = TT_HMAP_INIT;
	const struct top_row *r;
	size_t kept = 0;
	int rc = 0;
	if (v->tasks.len == all)
		return 0;
	vec_for_each (r, &v->tasks)
		if (rc == 0)
			rc = tt_hmap_put(&selected, r->id, 1);
	for (size_t i = 0, end; i < v->chains.len && rc == 0; i = end) {
		bool touched = false;
		end = top_view_chain_end(v, i);
		for (size_t k = i; k < end && !touched; k++)
			touched = tt_hmap_find(&selected, v->chains.data[k].id) != NULL;
		if (touched) {
			memmove(v->chains.data + kept, v->chains.data + i, (end - i) * sizeof(*v->chains.data));
			kept += end - i;
		} else {
			v->deadlocks -= v->chains.data[i].deadlock;
		}
	}
	v->chains.len = kept;
	tt_hmap_deinit(&selected);
	return rc;
}

/* By process and lock. */
static int compare_lone(const void *a, const void *b)
{
	const struct tt_top_task *x = ((const struct top_row *)a)->task, *y = ((const struct top_row *)b)->task;
	if (x->proc->pid != y->proc->pid)
		return x->proc->pid < y->proc->pid ? -1 : 1;
	if (x->wait_object != y->wait_object)
		return x->wait_object < y->wait_object ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* Behind all others those that wait for a lock of which nobody knows who holds it. */
static int place_lone(struct top_view *v, const struct graph *g, const struct tt_top_frame *f)
{
	size_t first = v->chains.len;
	struct tt_top_task **t;
	uint64_t at;
	vec_for_each (t, &f->tasks) {
		struct node n = {.task = *t};
		if ((*t)->wait_class != TOP_WAIT_LOCK || tt_hmap_get(&g->by_tid, (*t)->tid, &at))
			continue;
		if (tt_vec_push(&v->chains, row_of(&n, 0)) < 0)
			return -ENOMEM;
	}
	if (v->chains.len > first)
		qsort(v->chains.data + first, v->chains.len - first, sizeof(*v->chains.data), compare_lone);
	return 0;
}

int top_view_chains(struct top_view *v, const struct tt_top_frame *f)
{
	struct graph g = {0};
	struct tt_top_task **t;
	size_t edges = 0;
	int rc = 0;
	v->chains.len = 0;
	v->deadlocks = 0;
	vec_for_each (t, &f->tasks)
		edges += (*t)->owner_tid != 0;
	if (edges)
		rc = make_graph(&g, f, edges);
	if (rc == 0 && g.count) {
		v->deadlocks = find_rings(&g);
		count_waiters(&g);
		rc = place_all(v, &g);
	}
	if (rc == 0)
		rc = place_lone(v, &g, f);
	if (rc == 0)
		rc = keep_selected(v, f->tasks.len);
	free(g.nodes);
	tt_hmap_deinit(&g.by_tid);
	return rc;
}
