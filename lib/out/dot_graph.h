/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dot_graph.h - graphs of a report: which lock is wanted while which is held, and which thread waits for which.
 *
 * What it is: nodes and edges with their texts and figures, the costliest first, cut at a limit. What it is not: a judgement
 * (edges that a finding names carry its mark) or a drawing. Called by dot.c and html_graphs.c.
 */
#ifndef TT_OUT_DOT_GRAPH_H
#define TT_OUT_DOT_GRAPH_H

#include "lib/out/report.h"

enum tt_node_kind { TT_NODE_LOCK, TT_NODE_THREAD };
enum tt_edge_kind {
	TT_EDGE_ORDER,  /* lock -> lock: the second was wanted while the first was held */
	TT_EDGE_WAITS,  /* thread -> lock, or -> thread that it joins */
	TT_EDGE_HELD,   /* lock -> thread that holds it */
	TT_EDGE_BLOCKED /* thread -> thread that held what it waited for, over the whole recording */
};

/* What the findings say of an edge; the greater one stands. */
enum tt_edge_mark {
	TT_MARK_NONE,
	TT_MARK_EXCUSED, /* on a cycle that a gate lock or the order of threads makes impossible */
	TT_MARK_CYCLE    /* on a cycle that can deadlock, or did */
};

struct tt_graph_node {
	enum tt_node_kind kind;
	enum tt_edge_mark mark;
	const char *label; /* raw text, valid as long as the report's names */
	const char *detail;
	uint64_t key;
};

struct tt_graph_edge {
	unsigned from, to; /* positions in nodes */
	enum tt_edge_kind kind;
	enum tt_edge_mark mark;
	uint64_t count;    /* order: threads that did it; blocked: waits; else 1 */
	uint64_t total_ns; /* time waited; 0 for order and held */
	uint64_t max_ns;
	const char *label;       /* what the count and the time belong to: the lock of a blocked edge; NULL none */
	const char *hold, *want; /* places: where it is held, where it is wanted; NULL unknown */
};

struct tt_graph {
	TT_VEC(struct tt_graph_node) nodes;
	TT_VEC(struct tt_graph_edge) edges;
	size_t all_nodes, all_edges; /* before the cut */
	struct tt_hmap by_key, by_pair;
	struct tt_hmap split; /* classes whose locks stand one by one: there is an order among them */
	bool failed;
};

/*
 * Held -> wanted, by lock class; by lock where locks of one class (of not too many) were held together. max_edges 0: all. 0 or
 * -ENOMEM; tt_graph_deinit() in either case.
 */
int tt_graph_order(struct tt_report *r, size_t max_edges, struct tt_graph *g);

/* What threads wait for at the end of the recording (or now), and who holds that. Without edges when none waits. */
int tt_graph_waits_now(struct tt_report *r, size_t max_edges, struct tt_graph *g);

/* Which thread waited for which over the whole recording. */
int tt_graph_waits_all(struct tt_report *r, size_t max_edges, struct tt_graph *g);

void tt_graph_deinit(struct tt_graph *g);

/* "worker_loop pool.c:123"; NULL when both are. Valid as long as the report's names. Raw text. */
const char *tt_graph_place(struct tt_report *r, const struct tt_site *site, const struct tt_stack *stack);

#endif
