/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pools_sums.c - what the threads of a pool did, together (pools.h). */
#include <string.h>

#include "lib/proc/pools_private.h"

#define RECORD_LOOKS 100 /* at blocked threads of a pool, from which on what was seen is believed */

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* ------------------------------------------------------------------ sums of pools */

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
		p->list.data[t->pool].recorded &= t->is_recorded && !t->helper;
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

/* A helper's computing is its process's; its waits are not: the main thread stands for the process. */
static void add_helper(struct tt_pool *pool, const struct tt_pools_sums *s)
{
	pool->run_ns += s->run;
	pool->delay_ns += s->delay;
	pool->blocked_ns = minus(pool->blocked_ns, s->run + s->delay);
}

static void add_halves(struct tt_pool *pool, const struct tt_pools_thread *t, const struct tt_pools_sums *s)
{
	if (!t->half.wall)
		return;
	pool->half_run_ns[0] += t->half.run;
	pool->half_blocked_ns[0] += t->half.blocked;
	pool->half_run_ns[1] += s->run - t->half.run;
	pool->half_blocked_ns[1] += minus(s->blocked, t->half.blocked);
}

static int add_member(struct tt_pool *pool, const struct tt_pools_thread *t, const struct tt_pools_sums *s)
{
	pool->wall_ns += s->wall;
	pool->run_ns += s->run;
	pool->delay_ns += s->delay;
	pool->blocked_ns += s->blocked;
	pool->slices += t->slices - t->slices0;
	pool->visits += t->visits ? t->visits : t->slices - t->slices0;
	pool->threads += t->alive;
	pool->first_threads += !t->started;
	pool->began += t->started;
	pool->ended += !t->alive;
	pool->looks += t->looks;
	pool->stopped_ns += t->stopped_ns;
	pool->stopped += t->alive && t->key == TT_POOLS_STOPPED;
	pool->inversions += t->inversions;
	if (t->longest_delay_ns > pool->longest_delay_ns)
		pool->longest_delay_ns = t->longest_delay_ns;
	add_halves(pool, t, s);
	return tt_pools_add_waits(pool, t, s->blocked);
}

static int sum_threads(struct tt_pools *p)
{
	const struct tt_pools_thread *t;
	int rc = 0;
	for (int helpers = 0; helpers < 2; helpers++) { /* they take from what the others have */
		vec_for_each (t, &p->private->threads) {
			struct tt_pools_sums s = tt_pools_sums(t);
			if (t->helper != helpers)
				continue;
			if (t->helper)
				add_helper(&p->list.data[t->pool], &s);
			else
				rc = add_member(&p->list.data[t->pool], t, &s);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* How many processes a pool is spread over, and what one of them takes. */
static void count_processes(struct tt_pools *p)
{
	const struct tt_pools_thread *t;
	const struct tt_pools_process *q;
	vec_for_each (t, &p->private->threads) {
		struct tt_pool *pool = &p->list.data[t->pool];
		uint32_t kin = p->private->processes.data[t->process].group;
		if (pool->processes)
			continue;
		vec_for_each (q, &p->private->processes)
			pool->processes += q->group == kin && q->alive;
		pool->processes += !pool->processes;
		if (pool->members == TT_POOL_OF_PROCESSES)
			tt_pools_memory(p, kin, pool);
	}
}

/* ------------------------------------------------------------------ how many were busy at once */

static bool is_idle(const struct tt_pool *pool, const struct tt_pools_thread *t, int key)
{
	if (key == TT_POOLS_READY)
		return false;
	const struct tt_pool_wait *w = tt_pools_wait_of(pool, &t->keys[key]);
	return !w || w->use == TT_POOL_IDLE;
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
		if (at->key == TT_POOLS_STOPPED || t->helper)
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
		pool->present_mean += counts[i].present;
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
			pool->present_mean /= (double)v->looks.len;
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

/* Where members come and go, what is there at the end is chance: as many as there were on average. */
static void smooth(struct tt_pool *pool)
{
	unsigned mean = (unsigned)(pool->present_mean + 0.5);
	if (pool->began && pool->ended && mean > pool->threads)
		pool->threads = mean;
}

int tt_pools_sum(struct tt_pools *p)
{
	struct tt_pool *pool;
	int rc = sum_threads(p);
	if (rc == 0) {
		vec_for_each (pool, &p->list)
			tt_pools_decide(pool);
		take_records(p);
		count_processes(p);
		rc = count_busy(p);
	}
	vec_for_each (pool, &p->list)
		smooth(pool);
	drop_empty(p);
	tt_vec_sort(&p->list, by_run);
	return rc;
}
