/* SPDX-License-Identifier: GPL-3.0-or-later */
/* order_private.h - what the files of the lock-order search share: the graph, happens-before, chains. Not for others. */
#ifndef TT_MODEL_ORDER_PRIVATE_H
#define TT_MODEL_ORDER_PRIVATE_H

#include "lib/model/order.h"
#include "lib/util/hmap.h"

#define ORDER_NONE UINT32_MAX

/* ------------------------------------------------------------------ order_before.c */

/* A thread in one of its segments. */
struct order_point {
	const struct tt_thread *thread; /* NULL: its record is gone */
	uint32_t who;                   /* number of the thread within the graph */
	uint32_t segment, until; /* until: the same, or the end of a range of which it is only known that some are meant */
	const struct tt_dep_thread *by;
};

/* Who was joined by whom, by position in model->threads. */
struct order_lives {
	const struct tt_model *model;
	uint32_t *joined_first; /* threads + 1 positions in joined */
	uint32_t *joined;
	uint32_t *reach, *stamp; /* of the search in progress: last segment known to come before, + 1 */
	uint32_t turn;
	uint64_t visits; /* threads looked at in all searches */
	TT_VEC(uint32_t) queue;
};
int order_lives_init(struct order_lives *l, const struct tt_model *m);
void order_lives_deinit(struct order_lives *l);

/* x before y, by the line of x's joiners and the line of y's creators: how, and by which thread (may be NULL). */
enum tt_order_link order_before(const struct order_point *x, const struct order_point *y, const struct tt_thread **at);
/* The same by all paths. True when it is so; false also when the search grows too large. */
bool order_before_all(struct order_lives *l, const struct order_point *x, const struct order_point *y);
/* Its line of creators or joiners ends at a thread whose record is gone. */
bool order_lineage_gone(const struct order_point *x);

/* ------------------------------------------------------------------ order_graph.c */

struct order_held {
	uint32_t node;
	uint32_t at; /* position in dep->held */
	bool shared;
};
/* One struct tt_dep between locks. */
struct order_fact {
	const struct tt_dep *dep;
	uint64_t bloom;      /* of the nodes held */
	uint32_t wanted;     /* node */
	uint32_t held_first; /* in graph->held, by node */
	uint32_t held_count;
	uint32_t point_first; /* in graph->points */
	uint32_t point_count;
	uint32_t life; /* of its only thread, see struct order_life; 0: none */
	bool unnamed;  /* more threads did it than are named */
	bool timed;
};
struct order_edge {
	uint32_t from, to; /* nodes: held, wanted */
	uint32_t fact;
	uint32_t held; /* in graph->held */
	uint32_t key;  /* number of the step's key */
};
struct order_graph {
	const struct tt_process *process;
	TT_VEC(const struct tt_lock *) locks; /* by node */
	TT_VEC(struct order_fact) facts;
	TT_VEC(struct order_held) held;
	TT_VEC(struct order_point) points;
	TT_VEC(struct order_edge) edges; /* within components of several nodes; by `from` */
	uint32_t *out;                   /* nodes + 1 positions in edges */
	uint32_t *in, *in_edges;         /* the same by `to`: positions in in_edges, which holds positions in edges */
	uint32_t *component;             /* by node */
	uint32_t people;                 /* threads: struct order_point.who is below */
	uint32_t lives;                  /* struct order_fact.life is below */
	uint32_t keys;                   /* struct order_edge.key is below */
};
/* The facts deps[0 .. count-1], all of one process. 0 or -ENOMEM; deinit either way. */
int order_graph_init(struct order_graph *g, const struct tt_dep *deps, size_t count, const struct tt_order_opts *opts);
void order_graph_deinit(struct order_graph *g);

/* ------------------------------------------------------------------ order_chain.c */

struct order_link {
	uint32_t edge;
	uint32_t next;            /* search: the edge to try next from the node where this link begins */
	uint32_t who;             /* the thread that the matching gave it; ORDER_NONE: one that is not named */
	uint32_t point;           /* of the thread chosen, among those of the fact; ORDER_NONE: not named */
	uint32_t tried;           /* which try that was */
	uint32_t soonest, latest; /* of its life, before it came */
	unsigned why;             /* of the chain up to here */
};
/*
 * Threads that created and joined nobody, and have one creator and one joiner. They differ in when they were created and
 * joined: what meets the one that was joined soonest, and the one that was created last, meets all of them.
 */
struct order_life {
	uint32_t links;           /* of the chain, that were done by such a thread and no other */
	uint32_t soonest, latest; /* two of these links */
};
/* The chain being built. */
struct order_chain {
	const struct order_graph *g;
	struct order_lives *lives;
	bool relaxed; /* take links that violate a rule, and say so */
	TT_VEC(struct order_link) links;
	TT_VEC(uint32_t) apart;        /* links without a life */
	TT_VEC(uint32_t) active;       /* lives with links */
	struct order_life *lives_in;   /* by life */
	uint32_t *excluding, *sharing; /* by node: links that hold it */
	bool *taken;                   /* by who: chosen for a link */
	uint32_t *owner;               /* by who: link + 1 that has it */
	uint32_t *from, *seen;         /* scratch of the matching, by who */
	uint32_t turn;
	TT_VEC(uint32_t) queue;
	uint64_t work; /* steps done */
};
int order_chain_init(struct order_chain *c, const struct order_graph *g, struct order_lives *lives);
void order_chain_deinit(struct order_chain *c);

/* Appends the edge, which begins where the chain ends. 1: done; 0: the rules forbid it; -ENOMEM. */
int order_chain_push(struct order_chain *c, uint32_t edge);
void order_chain_pop(struct order_chain *c);

/* The chain has come round: fills *ret but for steps and count. False: its last and first link do not fit together. */
bool order_chain_close(struct order_chain *c, struct tt_order_cycle *ret);

/* ------------------------------------------------------------------ order_search.c */

/* Appends the cycles of one graph. 0, 1 when bounded, or -ENOMEM. */
int order_search(
	const struct order_graph *g, struct order_lives *lives, const struct tt_order_opts *opts, struct tt_order *ret);

#endif
