/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * classes.c - locks that are one to the programmer, added up; and the rankings.
 */
#include "lib/model/model_private.h"

#include <stdlib.h>
#include <string.h>

struct class_key {
	uint64_t home_offset;
	uint32_t program, kind, use;
	uint32_t home;  /* module id + 1; 0: not static data */
	uint32_t birth; /* site id + 1; 0: unknown, or static data */
	uint32_t zero;  /* no padding: keys are compared as bytes */
};

static struct tt_lock_class *class_intern(struct tt_model *m, struct tt_lock *l)
{
	struct class_key key = {.program = l->process->program, .kind = l->kind, .use = l->use};
	uint64_t regroup = m->private->class_key ? m->private->class_key(m->private->class_ctx, l) : 0;
	if (regroup) {
		key.home = UINT32_MAX;
		key.home_offset = regroup;
	} else if (l->home) {
		key.home = l->home->id + 1;
		key.home_offset = l->home_offset;
	} else {
		key.birth = l->birth_site ? l->birth_site->id + 1 : 0;
	}
	bool is_new;
	struct tt_smap_entry *e = tt_smap_insert(&m->private->classes, (const char *)&key, sizeof(key), &is_new);
	if (!e)
		return model_fail(m), NULL;
	if (!is_new)
		return &m->classes.data[e->value];
	e->value = m->classes.len;
	struct tt_lock_class *c = tt_vec_add(&m->classes); /* room was reserved: they do not move */
	if (!c)
		return model_fail(m), NULL;
	c->id = (unsigned)e->value;
	c->program = key.program;
	c->kind = l->kind;
	c->home = l->home;
	c->home_offset = l->home_offset;
	c->birth_site = l->birth_site;
	c->use = l->use;
	return c;
}

static void class_add(struct tt_model *m, struct tt_lock_class *c, struct tt_lock *l)
{
	l->class = c;
	if (tt_vec_push(&c->locks, l) < 0)
		model_fail(m);
	if (!c->birth_stack)
		c->birth_stack = l->birth_stack;
	if (!c->name)
		c->name = l->name;
	c->births += UINT64_C(1) + l->gen;
	c->contended += l->contended;
	model_merge_ops(&c->ops, &l->ops);
	model_merge_waits(&c->waits, &l->waits);
	model_dist_merge(m, &c->wait, &l->wait);
	model_dist_merge(m, &c->rdwait, &l->rdwait);
}

/* ------------------------------------------------------------------ sites and pairs over the instances */

struct merge {
	struct tt_hmap sites, pairs;
	TT_VEC(struct tt_lock_site) site;
	TT_VEC(struct tt_wait) pair;
};

static void merge_site(struct tt_model *m, struct merge *g, const struct tt_lock_site *from)
{
	bool is_new;
	struct tt_hmap_entry *e = tt_hmap_insert(&g->sites, from->site->id, &is_new);
	if (e && is_new) {
		e->value = g->site.len;
		if (tt_vec_push(&g->site, *from) < 0)
			e = NULL;
	} else if (e) {
		struct tt_lock_site *to = &g->site.data[e->value];
		to->count += from->count;
		to->hold.exact &= from->hold.exact;
		model_merge_hold(&to->hold, &from->hold);
		model_merge_waits(&to->waited, &from->waited);
		model_merge_waits(&to->blocked, &from->blocked);
		if (!to->stack)
			to->stack = from->stack;
		if (!to->release_stack)
			to->release_stack = from->release_stack;
	}
	if (!e)
		model_fail(m);
}

static void merge_pair(struct tt_model *m, struct merge *g, const struct tt_wait *from)
{
	uint64_t key = (uint64_t)from->waiter->id << 32 | (from->holder ? from->holder->id + 1u : 0);
	bool is_new;
	struct tt_hmap_entry *e = tt_hmap_insert(&g->pairs, key, &is_new);
	if (e && is_new) {
		e->value = g->pair.len;
		if (tt_vec_push(&g->pair, *from) < 0)
			e = NULL;
		else
			g->pair.data[e->value].lock = NULL;
	} else if (e) {
		model_merge_pair(&g->pair.data[e->value], from);
	}
	if (!e)
		model_fail(m);
}

static void class_take(struct tt_model *m, struct tt_lock_class *c, struct merge *g)
{
	tt_vec_sort(&g->site, model_by_weight);
	model_order_pairs(g->pair.data, g->pair.len);
	c->sites = model_alloc(m, (g->site.len + 1) * sizeof(c->sites[0]));
	c->pairs = model_alloc(m, (g->pair.len + 1) * sizeof(c->pairs[0]));
	if (!c->sites || !c->pairs)
		return;
	c->site_count = (unsigned)g->site.len;
	c->pair_count = (unsigned)g->pair.len;
	if (g->site.len)
		memcpy(c->sites, g->site.data, g->site.len * sizeof(c->sites[0]));
	if (g->pair.len)
		memcpy(c->pairs, g->pair.data, g->pair.len * sizeof(c->pairs[0]));
}

static void class_hold(struct tt_model *m, struct tt_lock_class *c)
{
	struct tt_dist d = {0};
	struct tt_lock **lp;
	bool exact = true;
	vec_for_each (lp, &c->locks) {
		const struct tt_hold *h = &(*lp)->hold;
		model_merge_hold(&c->hold, h);
		exact &= h->exact || !(*lp)->ops.acquisitions;
		if (h->hist)
			model_dist_merge(m, &d, &(struct tt_dist){.max_ns = h->max_ns, .hist = h->hist});
	}
	model_dist_settle(&d);
	c->hold.exact = exact && c->hold.samples;
	c->hold.p50_ns = d.p50_ns;
	c->hold.p99_ns = d.p99_ns;
	c->hold.hist = d.hist;
}

static void class_merge(struct tt_model *m, struct tt_lock_class *c)
{
	model_dist_settle(&c->wait);
	model_dist_settle(&c->rdwait);
	if (c->locks.len == 1) {
		struct tt_lock *l = c->locks.data[0];
		c->hold = l->hold;
		c->sites = l->sites;
		c->site_count = l->site_count;
		c->pairs = l->pairs;
		c->pair_count = l->pair_count;
		return;
	}
	class_hold(m, c);
	struct merge g = {0};
	struct tt_lock **lp;
	vec_for_each (lp, &c->locks) {
		for (unsigned i = 0; i < (*lp)->site_count; i++)
			merge_site(m, &g, &(*lp)->sites[i]);
		for (unsigned i = 0; i < (*lp)->pair_count; i++)
			merge_pair(m, &g, &(*lp)->pairs[i]);
	}
	class_take(m, c, &g);
	tt_hmap_deinit(&g.sites);
	tt_hmap_deinit(&g.pairs);
	tt_vec_deinit(&g.site);
	tt_vec_deinit(&g.pair);
}

/* ------------------------------------------------------------------ rankings */

static int compare_down(uint64_t x, uint64_t y)
{
	return (x < y) - (x > y);
}

#define COMPARE_COST(name, type)                                                                \
	static int name(const void *a, const void *b)                                           \
	{                                                                                       \
		const struct type *x = *(struct type *const *)a, *y = *(struct type *const *)b; \
		int c = compare_down(x->waits.total_ns, y->waits.total_ns);                     \
		if (!c)                                                                         \
			c = compare_down(x->contended, y->contended);                           \
		if (!c)                                                                         \
			c = compare_down(x->ops.acquisitions, y->ops.acquisitions);             \
		return c ? c : compare_down(y->id, x->id);                                      \
	}
COMPARE_COST(locks_by_wait, tt_lock)
COMPARE_COST(classes_by_wait, tt_lock_class)

static void rank(struct tt_model *m)
{
	struct tt_lock *l;
	vec_for_each (l, &m->locks) {
		if (l->use != TT_USE_LOCK)
			continue;
		m->lock_wait_ns += l->waits.total_ns;
		if (tt_vec_push(&m->locks_by_wait, l) < 0)
			model_fail(m);
	}
	struct tt_lock_class *c;
	vec_for_each (c, &m->classes)
		if (c->use == TT_USE_LOCK && tt_vec_push(&m->classes_by_wait, c) < 0)
			model_fail(m);
	tt_vec_sort(&m->locks_by_wait, locks_by_wait);
	tt_vec_sort(&m->classes_by_wait, classes_by_wait);
}

int tt_model_regroup(struct tt_model *m, uint64_t (*key)(void *ctx, const struct tt_lock *lock), void *ctx, struct tt_err *err)
{
	struct tt_lock_class *c;
	vec_for_each (c, &m->classes)
		tt_vec_deinit(&c->locks);
	m->classes.len = m->classes_by_wait.len = m->locks_by_wait.len = 0;
	m->lock_wait_ns = 0;
	tt_smap_deinit(&m->private->classes);
	m->private->class_key = key;
	m->private->class_ctx = ctx;
	model_make_classes(m);
	m->private->class_key = NULL;
	return model_failed(m) ? tt_err_set(err, ENOMEM, "out of memory") : 0;
}

void model_make_classes(struct tt_model *m)
{
	struct tt_lock *l;
	if (tt_vec_reserve(&m->classes, m->locks.len + 1) < 0) {
		model_fail(m);
		return;
	}
	vec_for_each (l, &m->locks) {
		struct tt_lock_class *c = class_intern(m, l);
		if (!c)
			return;
		class_add(m, c, l);
		for (unsigned i = 0; i < l->pair_count; i++)
			l->pairs[i].class = c;
	}
	struct tt_lock_class *c;
	vec_for_each (c, &m->classes)
		class_merge(m, c);
	rank(m);
}
