/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * order.c - lock-order cycles of a model, process by process. See order.h; the parts are order_graph.c (locks and facts),
 * order_before.c (create and join), order_chain.c (which chains can close) and order_search.c (finding them).
 * Called by lib/findings/lock_order.c.
 */
#include "lib/model/order.h"

#include <stdlib.h>

#include "lib/model/order_private.h"

static int find_in(struct order_lives *lives, const struct tt_dep *deps, size_t count, const struct tt_order_opts *opts,
	struct tt_order *ret)
{
	struct order_graph g;
	int rc = order_graph_init(&g, deps, count, opts);
	if (rc == 0 && g.edges.len)
		rc = order_search(&g, lives, opts, ret);
	if (rc > 0)
		rc = tt_vec_push(&ret->bounded, g.process);
	order_graph_deinit(&g);
	return rc;
}

int tt_order_find(const struct tt_model *m, const struct tt_order_opts *opts, struct tt_order *ret)
{
	*ret = (struct tt_order){.cycles = {0}};
	if (m->deps.len == 0)
		return 0;
	struct order_lives lives;
	int rc = order_lives_init(&lives, m);
	for (size_t i = 0, k; i < m->deps.len && rc == 0; i = k) {
		for (k = i + 1; k < m->deps.len && m->deps.data[k].process == m->deps.data[i].process;)
			k++;
		rc = find_in(&lives, &m->deps.data[i], k - i, opts, ret);
	}
	order_lives_deinit(&lives);
	return rc;
}

void tt_order_deinit(struct tt_order *order)
{
	struct tt_order_cycle *c;
	vec_for_each (c, &order->cycles)
		free(c->steps);
	tt_vec_deinit(&order->cycles);
	tt_vec_deinit(&order->bounded);
}
