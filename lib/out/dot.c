/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dot.c - graphs in the language of Graphviz: lock order, and who waits for whom. One graph per document. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "lib/out/dot_graph.h"
#include "lib/util/text.h"

#define DOT_EDGES 300 /* unless --top says otherwise: more than that nobody can read, and dot takes minutes */

/* Appends hostile text inside a quoted string: dot knows \" and \\, and \n as a line break that we alone write. */
static void put_quoted(struct tt_buf *out, const char *text)
{
	TT_BUF_AUTO(clean);
	TT_BUF_AUTO(safe);
	tt_text_clean(&clean, text, strlen(text));
	for (const char *s = tt_buf_str(&clean); *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			tt_buf_printf(&safe, "\\x%02x", (unsigned char)*s);
		else
			tt_buf_addc(&safe, *s);
	}
	for (const char *s = tt_buf_str(&safe); *s; s++) {
		if (*s == '"' || *s == '\\')
			tt_buf_addc(out, '\\');
		tt_buf_addc(out, *s);
	}
	if (tt_buf_failed(&clean) || tt_buf_failed(&safe))
		out->failed = true;
}

/* A line of a label, when there is one. */
static void put_line(struct tt_buf *out, const char *before, const char *text)
{
	if (!text || !*text)
		return;
	tt_buf_adds(out, "\\n");
	tt_buf_adds(out, before);
	put_quoted(out, text);
}

static void put_node(struct tt_buf *out, const struct tt_graph_node *n, size_t number)
{
	tt_buf_printf(out, "  n%zu [label=\"", number);
	put_quoted(out, n->label);
	put_line(out, "", n->detail);
	tt_buf_printf(out, "\", shape=%s%s];\n", n->kind == TT_NODE_LOCK ? "box" : "ellipse",
		n->mark == TT_MARK_CYCLE ? ", color=\"#c01c28\", fontcolor=\"#c01c28\", penwidth=2" : "");
}

static void put_edge(struct tt_buf *out, const struct tt_graph_edge *e)
{
	tt_buf_printf(out, "  n%u -> n%u [label=\"", e->from, e->to);
	if (e->label)
		put_quoted(out, e->label);
	if (e->kind == TT_EDGE_ORDER)
		tt_buf_printf(out, "by %s thread%s", tt_count(e->count).s, e->count == 1 ? "" : "s");
	else if (e->kind == TT_EDGE_WAITS)
		tt_buf_printf(out, "\\nfor %s", tt_ns(e->total_ns).s);
	else if (e->kind == TT_EDGE_BLOCKED)
		tt_buf_printf(out, "\\n%s in %s wait%s", tt_ns(e->total_ns).s, tt_count(e->count).s, e->count == 1 ? "" : "s");
	put_line(out, e->kind == TT_EDGE_HELD ? "taken in " : "held in ", e->hold);
	put_line(out, e->kind == TT_EDGE_WAITS ? "in " : "wanted in ", e->want);
	tt_buf_adds(out, "\"");
	if (e->mark == TT_MARK_CYCLE)
		tt_buf_adds(out, ", color=\"#c01c28\", fontcolor=\"#c01c28\", penwidth=2");
	else if (e->mark == TT_MARK_EXCUSED)
		tt_buf_adds(out, ", style=dashed");
	tt_buf_adds(out, "];\n");
}

static int write_graph(const struct tt_graph *g, const char *name, const char *title, FILE *file, struct tt_err *err)
{
	TT_BUF_AUTO(out);
	tt_buf_printf(&out,
		"digraph %s {\n  graph [charset=\"UTF-8\", rankdir=LR, fontname=\"sans-serif\", labelloc=t, label=\"", name);
	put_quoted(&out, title);
	if (g->edges.len == 0)
		tt_buf_adds(&out, "\\nnothing to show");
	if (g->edges.len < g->all_edges)
		tt_buf_printf(&out, "\\nthe first %zu of %zu edges (--top N shows more)", g->edges.len, g->all_edges);
	tt_buf_adds(
		&out, "\"];\n  node [fontname=\"sans-serif\", fontsize=11];\n  edge [fontname=\"sans-serif\", fontsize=9];\n");
	for (size_t i = 0; i < g->nodes.len; i++)
		put_node(&out, &g->nodes.data[i], i);
	const struct tt_graph_edge *e;
	vec_for_each (e, &g->edges)
		put_edge(&out, e);
	tt_buf_adds(&out, "}\n");
	if (tt_buf_failed(&out))
		return tt_err_set(err, ENOMEM, "out of memory");
	if (fwrite(tt_buf_str(&out), 1, out.len, file) != out.len)
		return tt_err_set(err, errno ? errno : EIO, "cannot write the report: %s", strerror(errno ? errno : EIO));
	return 0;
}

static size_t limit_of(const struct tt_report *r)
{
	return r->opts.top_all ? (size_t)r->opts.top_all : DOT_EDGES;
}

int tt_report_dot(struct tt_report *r, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	(void)term;
	struct tt_graph g;
	int rc = tt_graph_order(r, limit_of(r), &g);
	rc = rc < 0 ? tt_err_set(err, ENOMEM, "out of memory")
	            : write_graph(
			      &g, "lock_order", "Lock order: an arrow leads from the lock held to the lock wanted", file, err);
	tt_graph_deinit(&g);
	return rc;
}

int tt_report_dot_waits(struct tt_report *r, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	(void)term;
	struct tt_graph g;
	const char *title = "Who waits for whom: thread, what it waits for, who holds that";
	int rc = tt_graph_waits_now(r, limit_of(r), &g);
	if (rc == 0 && g.edges.len == 0) {
		tt_graph_deinit(&g);
		title = "Who waited for whom, over the whole recording";
		rc = tt_graph_waits_all(r, limit_of(r), &g);
	}
	rc = rc < 0 ? tt_err_set(err, ENOMEM, "out of memory") : write_graph(&g, "waits", title, file, err);
	tt_graph_deinit(&g);
	return rc;
}
