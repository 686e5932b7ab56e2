/* SPDX-License-Identifier: GPL-3.0-or-later */
/* select.c - filters and orders of a report's lists. See select.h. */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/out/select.h"

/* ------------------------------------------------------------------ filters */

bool tt_patterns_match(const struct tt_patterns *p, const char *text)
{
	if (p->len == 0)
		return true;
	for (size_t i = 0; text && i < p->len; i++) {
		bool glob = strpbrk(p->items[i], "*?[") != NULL;
		if (glob ? fnmatch(p->items[i], text, FNM_CASEFOLD) == 0 : strcasestr(text, p->items[i]) != NULL)
			return true;
	}
	return false;
}

static bool place_matches(struct tt_report *r, const struct tt_site *site, const struct tt_stack *stack)
{
	const struct tt_patterns *p = &r->opts.sites;
	if (p->len == 0)
		return true;
	if (!site && !stack)
		return false;
	struct tt_place place = tt_names_headline(r->names, site, stack);
	return tt_patterns_match(p, place.function) || tt_patterns_match(p, place.file) || tt_patterns_match(p, place.module);
}

static bool pair_matches(struct tt_report *r, const struct tt_wait *w)
{
	return place_matches(r, w->waiter, w->waiter_stack) || place_matches(r, w->holder, w->holder_stack);
}

static bool some_site_matches(struct tt_report *r, const struct tt_lock_class *c)
{
	if (r->opts.sites.len == 0 || place_matches(r, c->birth_site, c->birth_stack))
		return true;
	for (unsigned i = 0; i < c->site_count; i++)
		if (place_matches(r, c->sites[i].site, c->sites[i].stack))
			return true;
	return false;
}

static bool address_matches(const struct tt_patterns *p, uint64_t address)
{
	char text[24];
	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	return tt_patterns_match(p, text);
}

static bool class_matches(struct tt_report *r, const struct tt_lock_class *c)
{
	const struct tt_patterns *p = &r->opts.locks;
	bool named = tt_patterns_match(p, p->len ? tt_names_class(r->names, c) : "");
	for (size_t i = 0; !named && i < c->locks.len; i++)
		named = tt_patterns_match(p, c->locks.data[i]->name) || address_matches(p, c->locks.data[i]->address);
	return named && some_site_matches(r, c);
}

static bool lock_matches(struct tt_report *r, const struct tt_lock *l)
{
	const struct tt_patterns *p = &r->opts.locks;
	bool named = p->len == 0 || tt_patterns_match(p, tt_names_lock(r->names, l)) || address_matches(p, l->address);
	return named && some_site_matches(r, l->class);
}

static bool routine_matches(struct tt_report *r, const struct tt_patterns *p, const struct tt_site *routine)
{
	if (!routine)
		return false;
	struct tt_place place = tt_names_headline(r->names, routine, NULL);
	return tt_patterns_match(p, place.function);
}

static bool thread_matches(struct tt_report *r, const struct tt_thread *t)
{
	const struct tt_patterns *p = &r->opts.threads;
	if (p->len == 0)
		return true;
	char tid[16];
	snprintf(tid, sizeof(tid), "%u", t->tid);
	for (size_t i = 0; i < p->len; i++)
		if (strcmp(p->items[i], tid) == 0)
			return true;
	return tt_patterns_match(p, t->name) || routine_matches(r, p, t->start_routine);
}

static bool group_matches(struct tt_report *r, const struct tt_group *g)
{
	const struct tt_patterns *p = &r->opts.threads;
	if (p->len == 0 || tt_patterns_match(p, g->name) || routine_matches(r, p, g->start_routine))
		return true;
	struct tt_thread *const *t;
	vec_for_each (t, &g->threads)
		if (thread_matches(r, *t))
			return true;
	return false;
}

/* ------------------------------------------------------------------ order */

/* One row to sort: the first word decides, then the value, then the position in the model. */
struct tt_rank {
	const void *item;
	uint64_t wait_ns, max_ns, contended, acquisitions, hold_ns;
	uint64_t value;
	unsigned first; /* 0 comes before 1 */
	unsigned id;
};
struct ranks {
	TT_VEC(struct tt_rank) list;
	bool failed;
};

static int by_rank(const void *a, const void *b)
{
	const struct tt_rank *x = a, *y = b;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	if (x->wait_ns != y->wait_ns)
		return x->wait_ns > y->wait_ns ? -1 : 1;
	if (x->acquisitions != y->acquisitions)
		return x->acquisitions > y->acquisitions ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

#define TT_SORT(id, name, value, help)                           \
	static uint64_t sort_value_##id(const struct tt_rank *k) \
	{                                                        \
		return value;                                    \
	}
#include "lib/out/sorts.def"
#undef TT_SORT
static uint64_t (*const sort_values[TT_SORT_MAX])(const struct tt_rank *) = {
#define TT_SORT(id, name, value, help) [TT_SORT_##id] = sort_value_##id,
#include "lib/out/sorts.def"
#undef TT_SORT
};

static void rank_add(struct ranks *ranks, const struct tt_rank *row, enum tt_sort sort)
{
	struct tt_rank *k = tt_vec_add(&ranks->list);
	if (!k) {
		ranks->failed = true;
		return;
	}
	*k = *row;
	k->value = sort_values[sort](k);
}

/* Moves the sorted items into the vector `to` of const pointers. */
#define RANK_TAKE(ranks, to)                                                          \
	do {                                                                          \
		tt_vec_sort(&(ranks)->list, by_rank);                                 \
		if (tt_vec_reserve((to), (ranks)->list.len))                          \
			(ranks)->failed = true;                                       \
		for (size_t i_ = 0; !(ranks)->failed && i_ < (ranks)->list.len; i_++) \
			(to)->data[(to)->len++] = (ranks)->list.data[i_].item;        \
		tt_vec_deinit(&(ranks)->list);                                        \
	} while (0)

/* ------------------------------------------------------------------ lists */

static bool select_classes(struct tt_report *r)
{
	struct ranks ranks = {0};
	const struct tt_lock_class *c;
	vec_for_each (c, &r->model->classes) {
		if (!class_matches(r, c))
			continue;
		struct tt_rank row = {.item = c,
			.wait_ns = c->waits.total_ns,
			.max_ns = c->waits.max_ns,
			.contended = c->contended,
			.acquisitions = c->ops.acquisitions,
			.hold_ns = c->hold.total_ns,
			.first = c->use != TT_USE_LOCK,
			.id = c->id};
		rank_add(&ranks, &row, r->opts.sort);
	}
	RANK_TAKE(&ranks, &r->classes);
	return !ranks.failed;
}

static bool select_locks(struct tt_report *r)
{
	struct ranks ranks = {0};
	const struct tt_lock *l;
	vec_for_each (l, &r->model->locks) {
		if (!lock_matches(r, l))
			continue;
		struct tt_rank row = {.item = l,
			.wait_ns = l->waits.total_ns,
			.max_ns = l->waits.max_ns,
			.contended = l->contended,
			.acquisitions = l->ops.acquisitions,
			.hold_ns = l->hold.total_ns,
			.first = l->use != TT_USE_LOCK,
			.id = l->id};
		rank_add(&ranks, &row, r->opts.sort);
	}
	RANK_TAKE(&ranks, &r->locks);
	return !ranks.failed;
}

static bool select_groups(struct tt_report *r)
{
	struct ranks ranks = {0};
	const struct tt_group *g;
	vec_for_each (g, &r->model->groups) {
		if (!group_matches(r, g))
			continue;
		struct tt_rank row = {
			.item = g, .wait_ns = g->waits[TTREC_WAIT_LOCK].ns + g->waits[TTREC_WAIT_RDLOCK].ns, .id = g->id};
		rank_add(&ranks, &row, TT_SORT_WAIT);
	}
	RANK_TAKE(&ranks, &r->groups);
	return !ranks.failed;
}

static bool select_threads(struct tt_report *r)
{
	struct ranks ranks = {0};
	const struct tt_thread *t;
	vec_for_each (t, &r->model->threads) {
		if (t->past || !thread_matches(r, t))
			continue;
		struct tt_rank row = {.item = t, .wait_ns = t->lock_wait_ns, .id = t->id};
		rank_add(&ranks, &row, TT_SORT_WAIT);
	}
	RANK_TAKE(&ranks, &r->threads);
	return !ranks.failed;
}

static bool select_waits(struct tt_report *r)
{
	struct ranks ranks = {0};
	const struct tt_lock_class *const *c;
	unsigned id = 0;
	vec_for_each (c, &r->classes) {
		for (unsigned i = 0; i < (*c)->pair_count; i++) {
			const struct tt_wait *w = &(*c)->pairs[i];
			struct tt_rank row = {
				.item = w, .wait_ns = w->waits.total_ns, .first = (*c)->use != TT_USE_LOCK, .id = id++};
			if (pair_matches(r, w))
				rank_add(&ranks, &row, TT_SORT_WAIT);
		}
	}
	const struct tt_wait *w;
	vec_for_each (w, &r->model->joins) {
		struct tt_rank row = {.item = w, .wait_ns = w->waits.total_ns, .first = 1, .id = id++};
		if (r->opts.locks.len == 0 && pair_matches(r, w))
			rank_add(&ranks, &row, TT_SORT_WAIT);
	}
	RANK_TAKE(&ranks, &r->waits);
	return !ranks.failed;
}

static bool select_loops(struct tt_report *r)
{
	const struct tt_loop *l;
	vec_for_each (l, &r->model->loops) {
		bool wanted = r->opts.threads.len == 0 || (l->thread && thread_matches(r, l->thread));
		if (wanted && place_matches(r, l->site, NULL) && tt_vec_push(&r->loops, l))
			return false;
	}
	return true;
}

int tt_select_all(struct tt_report *r)
{
	bool good = select_classes(r) && select_locks(r) && select_groups(r) && select_threads(r) && select_waits(r) &&
	            select_loops(r);
	return good ? 0 : -ENOMEM;
}

/* ------------------------------------------------------------------ findings */

static bool finding_has_lock(struct tt_report *r, const struct tt_finding *f)
{
	const struct tt_lock *const *l;
	vec_for_each (l, &f->locks)
		if (lock_matches(r, *l))
			return true;
	return false;
}

static bool finding_has_thread(struct tt_report *r, const struct tt_finding *f)
{
	const struct tt_thread *const *t;
	vec_for_each (t, &f->threads)
		if (thread_matches(r, *t))
			return true;
	return false;
}

static bool finding_has_site(struct tt_report *r, const struct tt_finding *f)
{
	const struct tt_finding_stack *s;
	vec_for_each (s, &f->stacks)
		if (place_matches(r, s->site, s->stack))
			return true;
	const struct tt_finding_edge *e;
	vec_for_each (e, &f->edges)
		if (place_matches(r, e->hold.site, e->hold.stack) || place_matches(r, e->want.site, e->want.stack))
			return true;
	return false;
}

void tt_select_findings(struct tt_report *r)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->findings.list.len; i++) {
		struct tt_finding *f = &r->findings.list.data[i];
		bool wanted = (r->opts.locks.len == 0 || finding_has_lock(r, f)) &&
		              (r->opts.threads.len == 0 || finding_has_thread(r, f)) &&
		              (r->opts.sites.len == 0 || finding_has_site(r, f));
		if (wanted)
			r->findings.list.data[kept++] = *f;
		else
			tt_finding_deinit(f);
	}
	r->findings.list.len = kept;
}
