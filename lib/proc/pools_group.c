/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pools_group.c - which threads are one pool, and what their waits mean (pools.h).
 *
 * One pool: one name (without its numbers), and one futex on which its threads wait when they have nothing to do. Names alone
 * do not tell (node calls all its threads "node"), and threads that were busy all the time never showed their futex: they join
 * the one pool of their name that did something too.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proc/pools_private.h"

#define PARKED_MOST  4096 /* threads looked at for a pool that busy ones may belong to */
#define PARKED_POOLS 8
#define MOSTLY       0.8
#define SELDOM       0.1
#define QUIET_PART   1 /* no address of a futex: stands for threads that did nothing */
#define LOOP_PART    2 /* the same for event loops */
#define HELPER_PART  5 /* a helper computes at most one part in so many of what the main thread does */

int tt_pools_normal_name(struct tt_buf *out, const char *name)
{
	for (const char *p = name; *p;) {
		if (isdigit((unsigned char)*p)) {
			tt_buf_addc(out, '#');
			p += strspn(p, "0123456789");
		} else {
			tt_buf_addc(out, *p++);
		}
	}
	return tt_buf_failed(out) ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------ which processes are alike */

/* Processes with one parent, one program and one title. */
struct kin {
	unsigned count; /* of all that were seen */
	const struct tt_pools_process *one;
	uint64_t main_run_ns, other_run_ns;
};

/* Threads of one name in one kin; main threads apart. */
struct named {
	uint32_t kin;
	bool main;
	const char *text; /* normal name */
	unsigned threads;
	uint64_t run_ns;
};

struct grouping {
	struct tt_pools *p;
	struct tt_smap kin_of; /* parent, program, title -> number + 1 */
	struct tt_smap names;  /* kin, main or not, normal name -> number + 1 */
	struct tt_hmap shared; /* (name, futex) -> threads parked there */
	struct tt_smap pools;  /* name + futex -> pool + 1 */
	TT_VEC(struct kin) kin;
	TT_VEC(struct named) named;
	TT_VEC(uint32_t) name_of; /* per thread */
};

static bool is_main(const struct tt_pools *p, const struct tt_pools_thread *t)
{
	return t->tid == p->private->processes.data[t->process].pid;
}

static bool is_plural(const struct grouping *g, uint32_t kin)
{
	return g->kin.data && g->kin.data[kin].count > 1;
}

static int find_kin(struct grouping *g)
{
	struct tt_pools_process *q;
	TT_BUF_AUTO(key);
	vec_for_each (q, &g->p->private->processes) {
		bool is_new;
		tt_buf_clear(&key);
		tt_buf_printf(&key, "%d\x01%s\x01%s", (int)q->parent, q->exe, q->stem);
		struct tt_smap_entry *e = tt_smap_insert(&g->kin_of, tt_buf_str(&key), key.len, &is_new);
		if (tt_buf_failed(&key) || !e)
			return -ENOMEM;
		if (is_new) {
			const struct kin kin = {.one = q};
			if (tt_vec_push(&g->kin, kin) < 0)
				return -ENOMEM;
			e->value = g->kin.len;
		}
		q->group = (uint32_t)e->value - 1;
		struct kin *kin = &g->kin.data[q->group];
		kin->count++;
		kin->one = q->alive ? q : kin->one;
	}
	return 0;
}

/* ------------------------------------------------------------------ names of threads */

static bool is_quiet(const struct tt_pools_thread *t)
{
	return tt_pools_parked_at(t) && t->run == t->run0;
}

/* It waits for events, and for hardly anything else: no worker, though it may be called as workers are. */
static bool is_loop(const struct tt_pools_thread *t)
{
	uint64_t loop = 0, all = 0;
	for (unsigned i = 0; i < t->key_count; i++) {
		all += t->keys[i].seen_ns;
		loop += t->keys[i].kind == TT_WAIT_EPOLL && t->keys[i].use < 0 ? t->keys[i].seen_ns : 0;
	}
	return loop && (double)loop > MOSTLY * (double)all;
}

static uint64_t shared_key(uint32_t name, uint64_t address)
{
	return address * UINT64_C(0x9e3779b97f4a7c15) ^ name;
}

static int name_thread(struct grouping *g, const struct tt_pools_thread *t, struct tt_buf *name)
{
	bool is_new, main = is_main(g->p, t);
	uint32_t kin = g->p->private->processes.data[t->process].group;
	tt_buf_clear(name);
	tt_buf_printf(name, "%u%c", kin, main ? 'm' : 't');
	size_t begin = name->len;
	if (tt_pools_normal_name(name, t->name) < 0)
		return -ENOMEM;
	struct tt_smap_entry *e =
		tt_smap_insert(&g->names, tt_buf_str(name), main && is_plural(g, kin) ? begin : name->len, &is_new);
	if (!e)
		return -ENOMEM;
	if (is_new) {
		const struct named named = {
			.kin = kin, .main = main, .text = tt_smap_intern(&g->p->private->words, tt_buf_str(name) + begin)};
		if (!named.text || tt_vec_push(&g->named, named) < 0)
			return -ENOMEM;
		e->value = g->named.len;
	}
	struct named *named = &g->named.data[e->value - 1];
	uint64_t run = t->run - t->run0;
	named->threads++;
	named->run_ns += run;
	*(main ? &g->kin.data[kin].main_run_ns : &g->kin.data[kin].other_run_ns) += run;
	return tt_vec_push(&g->name_of, (uint32_t)e->value - 1);
}

static int name_threads(struct grouping *g)
{
	const struct tt_pools_thread *t;
	TT_BUF_AUTO(name);
	vec_for_each (t, &g->p->private->threads) {
		if (name_thread(g, t, &name) < 0)
			return -ENOMEM;
		uint64_t at = tt_pools_parked_at(t);
		struct tt_hmap_entry *s =
			at ? tt_hmap_insert(&g->shared, shared_key(g->name_of.data[g->name_of.len - 1], at), NULL) : NULL;
		if (at && !s)
			return -ENOMEM;
		if (s)
			s->value++;
	}
	return 0;
}

/* ------------------------------------------------------------------ which threads are one pool */

/* What a pool is called, and what it is made of, by one of its names. */
static int describe(struct grouping *g, struct tt_pool *pool, const struct named *named)
{
	const struct kin *kin = &g->kin.data[named->kin];
	const struct tt_pools_process *one = kin->one;
	bool own = kin->count == 1 && one->root && g->p->private->alone, plural = kin->count > 1;
	TT_BUF_AUTO(label);
	if (!own)
		tt_buf_adds(&label, one->stem);
	if (!own && !named->main)
		tt_buf_adds(&label, " / ");
	if (own || !named->main)
		tt_buf_adds(&label, named->text);
	pool->name = tt_buf_failed(&label) ? NULL : tt_smap_intern(&g->p->private->words, tt_buf_str(&label));
	pool->process = own ? NULL : one->stem;
	pool->exe = one->exe;
	pool->title = one->title;
	bool members = named->main && plural && kin->main_run_ns >= kin->other_run_ns;
	pool->members = members ? TT_POOL_OF_PROCESSES : TT_POOL_OF_THREADS;
	/* One in each process: an acceptor, a timer, no pool. */
	bool single = !named->main && plural && named->threads <= kin->count;
	pool->kind = (named->main && !members) || single ? TT_POOL_MAIN : TT_POOL_WORKERS;
	return pool->name ? 0 : -ENOMEM;
}

/*
 * The pool of a name and a futex, or of a recorded group, which is called as the thread that was met last; made when it is
 * new. -1: out of memory.
 */
static int pool_of(struct grouping *g, uint32_t name, uint64_t address, bool group)
{
	struct {
		uint64_t address;
		uint32_t name;
	} __attribute__((packed)) key = {address, group ? UINT32_MAX : name};
	bool is_new;
	struct tt_smap_entry *e = tt_smap_insert(&g->pools, (const char *)&key, sizeof(key), &is_new);
	if (!e)
		return -1;
	if (is_new) {
		if (!tt_vec_add(&g->p->list))
			return -1;
		e->value = g->p->list.len;
	}
	if ((is_new || group) && describe(g, &g->p->list.data[e->value - 1], &g->named.data[name]) < 0)
		return -1;
	return (int)e->value - 1;
}

/* A thread that each process has one of, and that computes little beside the main thread: no pool of its own. */
static bool is_helper(const struct grouping *g, uint32_t name)
{
	const struct named *n = &g->named.data[name];
	const struct kin *kin = &g->kin.data[n->kin];
	return !n->main && kin->count > 1 && n->threads <= kin->count && n->run_ns * HELPER_PART <= kin->main_run_ns &&
	       kin->main_run_ns >= kin->other_run_ns;
}

/* Other threads of its name wait where it does. */
static bool is_parked_with_others(const struct grouping *g, const struct tt_pools_thread *t, uint32_t name)
{
	uint64_t at = tt_pools_parked_at(t), count = 0;
	if (at && !is_plural(g, g->named.data[name].kin))
		tt_hmap_get(&g->shared, shared_key(name, at), &count);
	return count >= 2;
}

/* mains: per kin, the pool of its main threads, the first of each process; -1: not met yet. */
static int place_one(struct grouping *g, struct tt_pools_thread *t, uint32_t name, int *mains)
{
	uint32_t kin = g->named.data[name].kin;
	bool main = is_main(g->p, t);
	t->helper = is_helper(g, name) && mains[kin] >= 0;
	if (t->helper)
		t->pool = mains[kin];
	else if (t->is_recorded && !main)
		t->pool = pool_of(g, name, t->record.group + 1, true);
	else if (is_loop(t) && !main)
		t->pool = pool_of(g, name, LOOP_PART, false);
	else
		t->pool = pool_of(g, name, is_parked_with_others(g, t, name) ? tt_pools_parked_at(t) : 0, false);
	if (main)
		mains[kin] = t->pool;
	return t->pool < 0 ? -ENOMEM : 0;
}

static int place_threads(struct grouping *g)
{
	struct tt_pools_private *v = g->p->private;
	int *mains = malloc((g->kin.len + 1) * sizeof(*mains)), rc = mains ? 0 : -ENOMEM;
	for (size_t i = 0; mains && i < g->kin.len; i++)
		mains[i] = -1;
	for (size_t i = 0; i < g->name_of.len && rc == 0; i++)
		rc = place_one(g, &v->threads.data[i], g->name_of.data[i], mains);
	free(mains);
	return rc;
}

/* What is known of the parked threads of one pool, to tell whether a busy thread of the same name is one of them. */
struct parked {
	int pool;
	pid_t first, last;
	uint64_t parked_ns, wall_ns;
};

/* Of a name: the pools whose threads are parked, together, and did something too. */
struct parked_pools {
	uint32_t name;
	unsigned count;
	struct parked of[PARKED_POOLS]; /* more than that: count is larger, and nobody joins any */
};

static void parked_add(struct parked_pools *all, const struct tt_pools_thread *t)
{
	unsigned i = 0;
	while (i < all->count && i < PARKED_POOLS && all->of[i].pool != t->pool)
		i++;
	if (i == PARKED_POOLS) {
		all->count = PARKED_POOLS + 1;
		return;
	}
	struct parked *p = &all->of[i];
	if (i == all->count) {
		*p = (struct parked){.pool = t->pool, .first = t->tid, .last = t->tid};
		all->count++;
	}
	p->first = t->tid < p->first ? t->tid : p->first;
	p->last = t->tid > p->last ? t->tid : p->last;
	p->wall_ns += tt_pools_sums(t).wall;
	p->parked_ns += tt_pools_parked_ns(t);
}

static void parked_of(const struct grouping *g, uint32_t name, struct parked_pools *ret)
{
	const struct tt_pools_private *v = g->p->private;
	ret->name = name;
	ret->count = 0;
	for (size_t k = 0; k < v->threads.len && k < PARKED_MOST; k++) {
		const struct tt_pools_thread *u = &v->threads.data[k];
		if (g->name_of.data[k] == name && u->run != u->run0 && is_parked_with_others(g, u, name))
			parked_add(ret, u);
	}
}

/*
 * The pool that a busy thread belongs to, -1: none, or several may be it. Not one that is idle and was made all before or all
 * after the thread: node calls all its threads alike, those of libuv's pool and those of V8's, and the first may be busy all
 * the time while the others are not.
 */
static int parked_pool_for(const struct parked_pools *all, const struct tt_pools_thread *t)
{
	int ret = -1;
	for (unsigned i = 0; i < all->count && all->count <= PARKED_POOLS; i++) {
		const struct parked *p = &all->of[i];
		bool apart = t->tid < p->first || t->tid > p->last, idle = (double)p->parked_ns > MOSTLY * (double)p->wall_ns;
		if (apart && idle)
			continue;
		if (ret >= 0)
			return -1;
		ret = p->pool;
	}
	return ret;
}

/* Threads that did something and were parked nowhere, or seldom and alone, are the busy ones of the pool whose threads were. */
static void join_busy(struct grouping *g)
{
	struct tt_pools_private *v = g->p->private;
	struct parked_pools parked = {.name = UINT32_MAX};
	if (!g->name_of.data)
		return;
	for (size_t i = 0; i < v->threads.len; i++) {
		struct tt_pools_thread *t = &v->threads.data[i];
		uint32_t name = g->name_of.data[i];
		bool parked_well = is_parked_with_others(g, t, name) ||
		                   (double)tt_pools_parked_ns(t) > SELDOM * (double)tt_pools_sums(t).wall;
		if (parked_well || is_quiet(t) || t->is_recorded || is_main(g->p, t) || t->helper || is_loop(t))
			continue;
		if (parked.name != name)
			parked_of(g, name, &parked);
		int pool = parked_pool_for(&parked, t);
		if (pool >= 0)
			t->pool = pool;
	}
}

/*
 * Among threads of a name that have no common futex, some that were busy all the time, never parked, and no more that did
 * nothing at all, each parked by itself: these are no part of the pool (node's thread for signals).
 */
static int part_quiet(struct grouping *g)
{
	struct tt_pools_private *v = g->p->private;
	struct counts {
		unsigned busy, quiet, other;
	} *counts = calloc(g->named.len + 1, sizeof(*counts));
	int rc = counts ? 0 : -ENOMEM;
	for (int pass = 0; pass < 2 && counts && g->name_of.data; pass++) {
		for (size_t i = 0; i < v->threads.len && rc == 0; i++) {
			struct tt_pools_thread *t = &v->threads.data[i];
			uint32_t name = g->name_of.data[i];
			struct counts *c = &counts[name];
			bool quiet = is_quiet(t);
			if (is_main(g->p, t) || t->helper || t->is_recorded || t->pool != pool_of(g, name, 0, false))
				continue;
			if (pass == 0)
				*(quiet ? &c->quiet : tt_pools_parked_at(t) ? &c->other : &c->busy) += 1;
			else if (quiet && !c->other && c->quiet <= c->busy)
				rc = (t->pool = pool_of(g, name, QUIET_PART, false)) < 0 ? -ENOMEM : 0;
		}
	}
	free(counts);
	return rc;
}

/*
 * Of threads that are spread over several processes: an address is one thing in each of them, so that what a futex is, is asked
 * among the threads of one process.
 */
static int settle_futexes(struct grouping *g)
{
	struct tt_pools_private *v = g->p->private;
	struct tt_hmap count = TT_HMAP_INIT; /* (process, pool) and (process, pool, address) -> threads */
	int rc = 0;
	for (int pass = 0; pass < 2 && rc == 0; pass++) {
		for (size_t i = 0; i < v->threads.len && rc == 0; i++) {
			struct tt_pools_thread *t = &v->threads.data[i];
			uint64_t all = shared_key((uint32_t)t->pool, t->process + UINT64_C(1)), here, there;
			if (!is_plural(g, v->processes.data[t->process].group) || is_main(g->p, t) || t->helper)
				continue;
			if (pass == 0) {
				struct tt_hmap_entry *e = tt_hmap_insert(&count, all, NULL);
				rc = e ? 0 : -ENOMEM;
				if (e)
					e->value++;
			}
			for (unsigned k = 0; k < t->key_count && rc == 0; k++) {
				struct tt_pools_key *key = &t->keys[k];
				if (!tt_pools_is_futex(key->kind) || key->gil || key->use >= 0 || !key->address)
					continue;
				struct tt_hmap_entry *e = tt_hmap_insert(&count, all ^ key->address, NULL);
				rc = e ? 0 : -ENOMEM;
				if (e && pass == 0)
					e->value++;
				if (!e || pass == 0)
					continue;
				there = e->value;
				here = tt_hmap_get(&count, all, &here) ? here : 0;
				key->use = there * 2 >= here || there <= 1 ? TT_POOL_IDLE : TT_POOL_LOCK;
				key->address = 0;
			}
		}
	}
	tt_hmap_deinit(&count);
	return rc;
}

/* ------------------------------------------------------------------ all of it */

static int group_threads(struct grouping *g)
{
	int rc = find_kin(g);
	if (rc == 0)
		rc = tt_pools_settle_locks(g->p);
	if (rc == 0)
		rc = name_threads(g);
	if (rc == 0)
		rc = place_threads(g);
	if (rc == 0)
		join_busy(g);
	if (rc == 0)
		rc = part_quiet(g);
	return rc == 0 ? settle_futexes(g) : rc;
}

int tt_pools_group(struct tt_pools *p)
{
	struct grouping g = {.p = p};
	int rc = group_threads(&g);
	tt_smap_deinit(&g.kin_of);
	tt_smap_deinit(&g.names);
	tt_hmap_deinit(&g.shared);
	tt_smap_deinit(&g.pools);
	tt_vec_deinit(&g.kin);
	tt_vec_deinit(&g.named);
	tt_vec_deinit(&g.name_of);
	return rc;
}
