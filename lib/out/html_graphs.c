/* SPDX-License-Identifier: GPL-3.0-or-later */
/* html_graphs.c - graphs and flame graphs in the data of the HTML report; the page lays them out. See html.h. */
#include <errno.h>

#include "lib/out/dot_graph.h"
#include "lib/out/folded.h"
#include "lib/out/html.h"

static void put_node(struct tt_jsonw *j, const struct tt_graph_node *n)
{
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "label", n->label);
	if (n->detail)
		tt_jsonw_text(j, "detail", n->detail);
	tt_jsonw_bool(j, "lock", n->kind == TT_NODE_LOCK);
	tt_jsonw_end(j, '}');
}

static void put_edge(struct tt_jsonw *j, const struct tt_graph_edge *e)
{
	static const char *const kinds[] = {
		[TT_EDGE_ORDER] = "order", [TT_EDGE_WAITS] = "waits", [TT_EDGE_HELD] = "held", [TT_EDGE_BLOCKED] = "blocked"};
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_u64(j, "from", e->from);
	tt_jsonw_u64(j, "to", e->to);
	tt_jsonw_text(j, "kind", kinds[e->kind]);
	tt_jsonw_u64(j, "mark", e->mark);
	tt_jsonw_u64(j, "count", e->count);
	tt_jsonw_u64(j, "wait", e->total_ns);
	tt_jsonw_u64(j, "max", e->max_ns);
	if (e->label)
		tt_jsonw_text(j, "label", e->label);
	if (e->hold)
		tt_jsonw_text(j, "hold", e->hold);
	if (e->want)
		tt_jsonw_text(j, "want", e->want);
	tt_jsonw_end(j, '}');
}

static void put_graph(struct tt_html *h, const char *key, int (*make)(struct tt_report *, size_t, struct tt_graph *))
{
	struct tt_jsonw *j = &h->j;
	struct tt_graph g;
	h->failed = make(h->r, TT_HTML_EDGES, &g) < 0 || h->failed;
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "all_nodes", g.all_nodes);
	tt_jsonw_u64(j, "all_edges", g.all_edges);
	tt_jsonw_begin(j, "nodes", '[');
	const struct tt_graph_node *n;
	vec_for_each (n, &g.nodes)
		put_node(j, n);
	tt_jsonw_end(j, ']');
	tt_jsonw_begin(j, "edges", '[');
	const struct tt_graph_edge *e;
	vec_for_each (e, &g.edges)
		put_edge(j, e);
	tt_jsonw_end(j, ']');
	tt_jsonw_end(j, '}');
	tt_graph_deinit(&g);
}

static void put_flame(struct tt_html *h, const char *key, bool by_holder)
{
	struct tt_jsonw *j = &h->j;
	struct tt_folded f;
	h->failed = tt_folded_collect(h->r, by_holder, &f) < 0 || h->failed;
	uint64_t rest = 0;
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_begin(j, "rows", '[');
	for (size_t i = 0; i < f.lines.len; i++) {
		if (i >= TT_HTML_STACKS) {
			rest += f.lines.data[i].wait_ns;
			continue;
		}
		tt_jsonw_begin(j, NULL, '[');
		tt_jsonw_text(j, NULL, f.lines.data[i].stack);
		tt_jsonw_u64(j, NULL, f.lines.data[i].wait_ns);
		tt_jsonw_end(j, ']');
	}
	tt_jsonw_end(j, ']');
	tt_jsonw_u64(j, "all", f.lines.len);
	tt_jsonw_u64(j, "rest", rest);
	tt_jsonw_end(j, '}');
	tt_folded_deinit(&f);
}

void tt_html_graphs(struct tt_html *h)
{
	put_graph(h, "order", tt_graph_order);
	put_graph(h, "now", tt_graph_waits_now);
	put_graph(h, "blocked", tt_graph_waits_all);
	put_flame(h, "flame_waiter", false);
	put_flame(h, "flame_holder", true);
}
