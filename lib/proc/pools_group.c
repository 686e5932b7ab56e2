/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pools_group.c - which threads are one pool, and what their waits mean (pools.h).
 *
 * One pool: one name (without its numbers), and one futex on which its threads wait when they have nothing to do. Names alone
 * do not tell (node calls all its threads "node"), and threads that were busy all the time never showed their futex: they join
 * the one pool of their name that did something too.
 */
#include <ctype.h>
#include <string.h>

#include "lib/proc/pools_private.h"

#define RECORD_LOOKS 100 /* at blocked threads of a pool, from which on what was seen is believed */

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

/* ------------------------------------------------------------------ sums of one thread */

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static bool is_futex(enum tt_wait_kind kind)
{
	return kind == TT_WAIT_COND || kind == TT_WAIT_SEM || kind == TT_WAIT_FUTEX;
}

/* The futex wait that took most of its time, without locks; 0: none. */
static uint64_t parked_at(const struct tt_pools_thread *t)
{
	uint64_t best = 0, address = 0;
	for (unsigned i = 0; i < t->key_count; i++) {
		const struct tt_pools_key *k = &t->keys[i];
		if (is_futex(k->kind) && !k->gil && k->address && k->seen_ns > best) {
			best = k->seen_ns;
			address = k->address;
		}
	}
	return address;
}

/* ------------------------------------------------------------------ which threads are one pool */

struct grouping {
	struct tt_pools *p;
	struct tt_smap names;     /* normal name -> number of the name + 1 */
	struct tt_hmap shared;    /* (name, futex) -> threads parked there */
	struct tt_smap pools;     /* name + futex -> pool + 1 */
	TT_VEC(uint32_t) name_of; /* per thread */
};

static uint64_t shared_key(uint32_t name, uint64_t address)
{
	return address * UINT64_C(0x9e3779b97f4a7c15) ^ name;
}

static int name_threads(struct grouping *g)
{
	const struct tt_pools_thread *t;
	TT_BUF_AUTO(name);
	vec_for_each (t, &g->p->private->threads) {
		bool is_new;
		tt_buf_clear(&name);
		if (t->tid == g->p->pid)
			tt_buf_adds(&name, "\x01main "); /* apart from threads of the same name */
		if (tt_pools_normal_name(&name, t->name) < 0)
			return -ENOMEM;
		struct tt_smap_entry *e = tt_smap_insert(&g->names, tt_buf_str(&name), name.len, &is_new);
		if (!e)
			return -ENOMEM;
		if (is_new)
			e->value = g->names.len;
		if (tt_vec_push(&g->name_of, (uint32_t)e->value) < 0)
			return -ENOMEM;
		uint64_t at = parked_at(t);
		struct tt_hmap_entry *s = at ? tt_hmap_insert(&g->shared, shared_key((uint32_t)e->value, at), NULL) : NULL;
		if (at && !s)
			return -ENOMEM;
		if (s)
			s->value++;
	}
	return 0;
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
	} __attribute__((packed)) key = {address, group ? 0 : name};
	bool is_new;
	struct tt_smap_entry *e = tt_smap_insert(&g->pools, (const char *)&key, sizeof(key), &is_new);
	if (!e)
		return -1;
	if (is_new) {
		if (!tt_vec_add(&g->p->list))
			return -1;
		e->value = g->p->list.len;
	}
	struct tt_pool *pool = &g->p->list.data[e->value - 1];
	if (is_new || group) {
		const char *text = g->names.entries[name - 1].key;
		bool main = strncmp(text, "\x01main ", 6) == 0;
		pool->name = tt_smap_intern(&g->p->private->words, main ? text + 6 : text);
		pool->kind = main ? TT_POOL_MAIN : TT_POOL_WORKERS;
		if (!pool->name)
			return -1;
	}
	return (int)e->value - 1;
}

static int place_threads(struct grouping *g)
{
	struct tt_pools_thread *threads = g->p->private->threads.data;
	const uint32_t *names = g->name_of.data;
	for (size_t i = 0; names && i < g->name_of.len; i++) {
		uint64_t at = parked_at(&threads[i]), count = 0;
		uint32_t name = names[i];
		if (at)
			tt_hmap_get(&g->shared, shared_key(name, at), &count);
		if (threads[i].is_recorded && threads[i].tid != g->p->pid)
			threads[i].pool = pool_of(g, name, threads[i].record.group + 1, true);
		else
			threads[i].pool = pool_of(g, name, count >= 2 ? at : 0, false);
		if (threads[i].pool < 0)
			return -ENOMEM;
	}
	return 0;
}

/*
 * Threads of a name that were parked nowhere together, beside exactly one pool of that name whose threads are parked and did
 * something too: they are its busy ones.
 */
static void join_busy(struct grouping *g)
{
	struct tt_pools_private *v = g->p->private;
	if (!g->name_of.data)
		return;
	for (size_t i = 0; i < v->threads.len; i++) {
		struct tt_pools_thread *t = &v->threads.data[i];
		int other = -1, others = 0;
		if (parked_at(t) || t->is_recorded || t->tid == g->p->pid)
			continue;
		for (size_t k = 0; k < v->threads.len && k < 4096; k++) {
			const struct tt_pools_thread *u = &v->threads.data[k];
			if (g->name_of.data[k] != g->name_of.data[i] || u->pool == t->pool || !parked_at(u) ||
				u->run == u->run0)
				continue;
			others += u->pool != other;
			other = u->pool;
		}
		if (others == 1)
			t->pool = other;
	}
}

/* ------------------------------------------------------------------ what waits mean */

static struct tt_pool_wait *wait_of(struct tt_pool *pool, const struct tt_pools_key *k)
{
	struct tt_pool_wait *w;
	bool apart = is_futex(k->kind) || tt_wait_is_lock(k->kind);
	vec_for_each (w, &pool->waits)
		if (w->kind == (int)k->kind && (!apart || w->address == k->address))
			return w;
	if (pool->waits.len >= 64) /* many private futexes: they are one thing */
		return &pool->waits.data[63];
	w = tt_vec_add(&pool->waits);
	if (w)
		*w = (struct tt_pool_wait){.kind = (int)k->kind,
			.called = tt_wait_kind_name(k->kind),
			.words = k->words,
			.address = apart ? k->address : 0};
	return w;
}

/*
 * A mutex or a read-write lock is a lock, and so is an interpreter's. Of a condition, semaphore or bare futex: what half of the
 * pool shares, and what a thread has for itself alone (parked), is waiting for work; what some share is a lock. Event sets are
 * where loops idle. All else is what the work waits for.
 */
static enum tt_pool_use use_of(const struct tt_pool *pool, const struct tt_pool_wait *w, bool gil)
{
	if (gil || tt_wait_is_lock((enum tt_wait_kind)w->kind))
		return TT_POOL_LOCK;
	switch (w->kind) {
	case TT_WAIT_COND:
	case TT_WAIT_SEM:
	case TT_WAIT_FUTEX:
		return w->threads * 2 >= pool->threads || w->threads <= 1 ? TT_POOL_IDLE : TT_POOL_LOCK;
	case TT_WAIT_EPOLL:
	case TT_WAIT_JOIN:
	case TT_WAIT_BARRIER:
	case TT_WAIT_ONCE:
	case TT_WAIT_CHILD:
	case TT_WAIT_SIGNAL:
		return TT_POOL_IDLE;
	case TT_WAIT_NONE:
		return TT_POOL_UNKNOWN;
	default:
		return TT_POOL_WORK;
	}
}

/* A mutex that changes hands just then looks like a bare futex. */
static bool is_lock_word(const struct tt_pool *pool, uint64_t address)
{
	const struct tt_pool_wait *w;
	vec_for_each (w, &pool->waits)
		if (address && w->address == address && tt_wait_is_lock((enum tt_wait_kind)w->kind))
			return true;
	return false;
}

static int add_waits(struct tt_pool *pool, const struct tt_pools_thread *t, uint64_t blocked)
{
	uint64_t seen = 0;
	for (unsigned i = 0; i < t->key_count; i++)
		seen += t->keys[i].seen_ns;
	if (seen == 0)
		pool->unknown_ns += blocked;
	for (unsigned i = 0; i < t->key_count; i++) {
		struct tt_pool_wait *w = wait_of(pool, &t->keys[i]);
		if (!w)
			return -ENOMEM;
		w->threads++;
		w->blocked_ns += (uint64_t)((double)blocked * ((double)t->keys[i].seen_ns / (double)seen));
		if (t->keys[i].gil)
			w->use = TT_POOL_LOCK; /* kept by decide_uses() */
	}
	return 0;
}

static int by_blocked(const void *a, const void *b)
{
	const struct tt_pool_wait *x = a, *y = b;
	return (x->blocked_ns < y->blocked_ns) - (x->blocked_ns > y->blocked_ns);
}

static void decide_uses(struct tt_pool *pool)
{
	struct tt_pool_wait *w;
	uint64_t loops = 0;
	vec_for_each (w, &pool->waits) {
		bool gil = w->use == TT_POOL_LOCK;
		pool->interpreter_ns += gil ? w->blocked_ns : 0;
		w->use = use_of(pool, w, gil || is_lock_word(pool, w->address));
		uint64_t *const sums[] = {&pool->work_ns, &pool->lock_ns, &pool->idle_ns, &pool->unknown_ns};
		*sums[w->use] += w->blocked_ns;
		loops += w->kind == TT_WAIT_EPOLL ? w->blocked_ns : 0;
	}
	tt_vec_sort(&pool->waits, by_blocked);
	if (loops * 2 > pool->blocked_ns && loops)
		pool->kind = TT_POOL_LOOP;
	else if (pool->kind == TT_POOL_WORKERS && pool->run_ns == 0)
		pool->kind = TT_POOL_QUIET;
}

/* Of one thread: recorded waits end when it runs again; its delay lies in them as often as they are among its visits. */
static void add_record(struct tt_pool *pool, const struct tt_pools_thread *t)
{
	struct tt_pools_sums s = tt_pools_sums(t);
	uint64_t waits = t->record.lock_count + t->record.idle_count, visits = t->visits ? t->visits : t->slices - t->slices0;
	double per_wait = visits + waits ? (double)s.delay / (double)(visits > waits ? visits : waits) : 0;
	uint64_t lock = minus(t->record.lock_ns, (uint64_t)(per_wait * (double)t->record.lock_count));
	uint64_t idle = minus(t->record.idle_ns, (uint64_t)(per_wait * (double)t->record.idle_count));
	lock = lock > s.blocked ? s.blocked : lock;
	idle = idle > s.blocked - lock ? s.blocked - lock : idle;
	pool->lock_ns += lock;
	pool->idle_ns += idle;
	pool->work_ns += s.blocked - lock - idle;
}

/*
 * What system calls other than futexes and event sets wait for is work, whoever looks: that share of the blocked time stays as
 * it was seen. How the rest divides into locks and idleness is what the recorder knows.
 */
static void take_record(struct tt_pool *pool, uint64_t seen_work)
{
	uint64_t rest = minus(pool->blocked_ns, seen_work), known = pool->lock_ns + pool->idle_ns;
	if (pool->looks < RECORD_LOOKS || known == 0)
		return;
	pool->lock_ns = (uint64_t)((double)rest * ((double)pool->lock_ns / (double)known));
	pool->idle_ns = minus(rest, pool->lock_ns);
	pool->work_ns = minus(pool->blocked_ns, rest);
}

static void take_records(struct tt_pools *p)
{
	const struct tt_pools_thread *t;
	struct tt_pool *pool;
	vec_for_each (pool, &p->list)
		pool->recorded = true;
	vec_for_each (t, &p->private->threads)
		p->list.data[t->pool].recorded &= t->is_recorded;
	vec_for_each (pool, &p->list) {
		if (!pool->recorded)
			continue;
		uint64_t seen_work = pool->work_ns;
		pool->work_ns = pool->lock_ns = pool->idle_ns = pool->unknown_ns = 0;
		vec_for_each (t, &p->private->threads)
			if (&p->list.data[t->pool] == pool)
				add_record(pool, t);
		take_record(pool, seen_work);
	}
}

static int sum_threads(struct tt_pools *p)
{
	const struct tt_pools_thread *t;
	vec_for_each (t, &p->private->threads) {
		struct tt_pool *pool = &p->list.data[t->pool];
		struct tt_pools_sums s = tt_pools_sums(t);
		pool->wall_ns += s.wall;
		pool->run_ns += s.run;
		pool->delay_ns += s.delay;
		pool->blocked_ns += s.blocked;
		pool->slices += t->slices - t->slices0;
		pool->visits += t->visits ? t->visits : t->slices - t->slices0;
		pool->threads += t->alive;
		pool->first_threads += !t->started;
		pool->looks += t->looks;
		pool->stopped_ns += t->stopped_ns;
		pool->stopped += t->alive && t->key == TT_POOLS_STOPPED;
		pool->inversions += t->inversions;
		if (t->longest_delay_ns > pool->longest_delay_ns)
			pool->longest_delay_ns = t->longest_delay_ns;
		if (t->half.wall) {
			pool->half_run_ns[0] += t->half.run;
			pool->half_blocked_ns[0] += t->half.blocked;
			pool->half_run_ns[1] += s.run - t->half.run;
			pool->half_blocked_ns[1] += minus(s.blocked, t->half.blocked);
		}
		if (add_waits(pool, t, s.blocked) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ------------------------------------------------------------------ how many were busy at once */

static bool is_idle(const struct tt_pool *pool, const struct tt_pools_thread *t, int key)
{
	if (key == TT_POOLS_READY)
		return false;
	const struct tt_pools_key *k = &t->keys[key];
	const struct tt_pool_wait *w;
	bool apart = is_futex(k->kind) || tt_wait_is_lock(k->kind);
	vec_for_each (w, &pool->waits)
		if (w->kind == (int)k->kind && (!apart || w->address == k->address))
			return w->use == TT_POOL_IDLE;
	return true;
}

struct counts {
	unsigned busy, present;
};

static void count_look(struct tt_pools *p, size_t first, size_t last, struct counts *counts)
{
	memset(counts, 0, p->list.len * sizeof(*counts));
	for (size_t i = first; i < last; i++) {
		const struct tt_pools_instant *at = &p->private->instants.data[i];
		const struct tt_pools_thread *t = &p->private->threads.data[at->thread];
		if (at->key == TT_POOLS_STOPPED)
			continue;
		counts[t->pool].present++;
		counts[t->pool].busy += !is_idle(&p->list.data[t->pool], t, at->key);
	}
	for (size_t i = 0; i < p->list.len; i++) {
		struct tt_pool *pool = &p->list.data[i];
		/* At the end of a command nobody is left: the most that were there at once count. */
		if (p->private->ended && counts[i].present > pool->threads)
			pool->threads = counts[i].present;
		pool->busy_mean += counts[i].busy;
		pool->all_busy_share += counts[i].present && counts[i].busy == counts[i].present;
		if (counts[i].busy > pool->busy_max)
			pool->busy_max = counts[i].busy;
	}
}

static int count_busy(struct tt_pools *p)
{
	struct tt_pools_private *v = p->private;
	struct counts *counts = calloc(p->list.len + 1, sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	for (size_t i = 0; i < v->looks.len; i++)
		count_look(p, v->looks.data[i], i + 1 < v->looks.len ? v->looks.data[i + 1] : v->instants.len, counts);
	free(counts);
	struct tt_pool *pool;
	vec_for_each (pool, &p->list) {
		if (v->looks.len) {
			pool->busy_mean /= (double)v->looks.len;
			pool->all_busy_share /= (double)v->looks.len;
		}
	}
	return 0;
}

/* ------------------------------------------------------------------ all of it */

static int by_run(const void *a, const void *b)
{
	const struct tt_pool *x = a, *y = b;
	return x->run_ns != y->run_ns ? (x->run_ns < y->run_ns) - (x->run_ns > y->run_ns)
	                              : (x->threads < y->threads) - (x->threads > y->threads);
}

static void drop_empty(struct tt_pools *p)
{
	size_t kept = 0;
	for (size_t i = 0; i < p->list.len; i++) {
		if (p->list.data[i].wall_ns + p->list.data[i].stopped_ns == 0)
			tt_vec_deinit(&p->list.data[i].waits);
		else
			p->list.data[kept++] = p->list.data[i];
	}
	p->list.len = kept;
}

int tt_pools_group(struct tt_pools *p)
{
	struct grouping g = {.p = p};
	int rc = name_threads(&g);
	if (rc == 0)
		rc = place_threads(&g);
	if (rc == 0)
		join_busy(&g);
	if (rc == 0)
		rc = sum_threads(p);
	struct tt_pool *pool;
	vec_for_each (pool, &p->list)
		decide_uses(pool);
	if (rc == 0)
		take_records(p);
	if (rc == 0)
		rc = count_busy(p);
	drop_empty(p);
	tt_vec_sort(&p->list, by_run);
	tt_smap_deinit(&g.names);
	tt_hmap_deinit(&g.shared);
	tt_smap_deinit(&g.pools);
	tt_vec_deinit(&g.name_of);
	return rc;
}
