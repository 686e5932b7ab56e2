/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_model_locks.c - locks: exact counts, use of semaphores, hold estimates, waits and their pairs, percentiles, classes.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <stdlib.h>

#define A RB_SITE(0x401010, LOCK)
#define B RB_SITE(0x401020, LOCK)
#define T RB_SITE(0x401030, TRYLOCK)
#define R RB_SITE(0x401040, RDLOCK)

static const struct tt_lock_site *site_of(const struct tt_lock *l, uint64_t word)
{
	for (unsigned i = 0; i < l->site_count; i++)
		if (l->sites[i].site->pc == TTREC_SITE_PC(word) && l->sites[i].site->op == TTREC_SITE_OP(word))
			return &l->sites[i];
	return NULL;
}

static const struct tt_wait *pair_of(const struct tt_wait *pairs, unsigned n, uint64_t waiter, uint64_t holder)
{
	for (unsigned i = 0; i < n; i++)
		if (pairs[i].waiter->pc == TTREC_SITE_PC(waiter) &&
			(pairs[i].holder ? pairs[i].holder->pc : 0) == TTREC_SITE_PC(holder))
			return &pairs[i];
	return NULL;
}

/* ------------------------------------------------------------------ counts */

static void test_counts(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_thread *t1 = rb_thread(rb, 1, TTREC_THREAD_RUNNING), *t2 = rb_thread(rb, 2, TTREC_THREAD_RUNNING),
			    *gone = rb_thread(rb, 3, TTREC_THREAD_FREE);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_RWLOCK, 0x9000, A);
	rb_count(rb, t1, l, A, 10);
	rb_count(rb, t1, l, T, 5);
	rb_count(rb, t1, l, RB_SITE(0x401030, TRY_FAILED), 3);
	rb_count(rb, t2, l, A, 20);
	rb_grow_table(rb, t2, 1024);
	rb_count(rb, t2, l, R, 7);
	rb_count(rb, gone, l, RB_SITE(0x401050, TIMEDRDLOCK), 2); /* its slot is free, its counts stay */
	rb_count(rb, gone, l, RB_SITE(0x401050, TIMED_OUT), 4);
	rb_count(rb, gone, l, RB_SITE(0x401060, OWNER_DIED), 1);
	rb_lsite(rb, l, A, 100);
	rb_lsite(rb, l, A, 1000); /* two records for one key: a lost race of the shim */
	struct tt_model *m = rb_model(rb, NULL);
	const struct tt_lock *k = &m->locks.data[0];
	is_u64(k->ops.acquisitions, 1144, "acquisitions: all tables, free slots and evicted ones");
	is_u64(k->ops.exclusive, 1135, "exclusive");
	is_u64(k->ops.shared, 9, "shared");
	is_u64(k->ops.try_ok, 5, "by try");
	is_u64(k->ops.try_failed, 3, "failed tries");
	is_u64(k->ops.timed_ok, 2, "by deadline");
	is_u64(k->ops.timeouts, 4, "passed deadlines");
	is_u64(k->ops.owner_died, 1, "taken over from the dead");
	is_u64(site_of(k, A)->count, 1130, "counts of one site");
	is_int(k->site_count, 7, "sites");
	is_int(k->use, TT_USE_LOCK, "an rwlock is a lock");
	is_u64(m->threads.data[0].operations, 18, "a thread's own operations");
	tt_model_destroy(m);
	rb_destroy(rb);
}

static void test_cond_and_barrier(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_thread *t = rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_lock *mutex = rb_lock(rb, TTREC_KIND_MUTEX, 0x9000, A), *c = rb_lock(rb, TTREC_KIND_COND, 0x9100, A),
			  *b = rb_lock(rb, TTREC_KIND_BARRIER, 0x9200, A);
	c->other = mutex->address;
	c->flags = TTREC_LOCK_WAITED;
	b->other = 4;
	rb_count(rb, t, c, RB_SITE(0x1, COND_WAIT), 6);
	rb_count(rb, t, c, RB_SITE(0x2, COND_TIMEDWAIT), 4);
	rb_count(rb, t, c, RB_SITE(0x3, COND_SIGNAL), 9);
	rb_count(rb, t, c, RB_SITE(0x4, COND_BROADCAST), 2);
	rb_count(rb, t, b, RB_SITE(0x5, BARRIER_WAIT), 8);
	rb_wait(rb, c, RB_SITE(0x1, COND_WAIT), 0, 6, 6000, 2000);
	struct tt_model *m = rb_model(rb, NULL);
	const struct tt_lock *k = &m->locks.data[1];
	ok(k->ops.waits == 10 && k->ops.signals == 9 && k->ops.broadcasts == 2, "what was done to a condition variable");
	ok(k->mutex == &m->locks.data[0], "and its mutex");
	is_int(k->use, TT_USE_SIGNAL, "it is no lock");
	is_u64(k->contended, 0, "waits for it are no contention");
	is_u64(k->waits.total_ns, 6000, "but they are waits");
	is_int(m->locks_by_wait.len, 1, "only the mutex is ranked");
	is_u64(m->locks.data[2].other, 4, "a barrier's parties");
	tt_model_destroy(m);
	rb_destroy(rb);
}

static void test_semaphores(void)
{
	static const struct {
		unsigned flags;
		enum tt_use use;
		const char *why;
	} cases[] = {
		{TTREC_LOCK_SEM_BINARY | TTREC_LOCK_SEM_LOCKED, TT_USE_LOCK, "one unit, given back by its taker"},
		{TTREC_LOCK_SEM_BINARY | TTREC_LOCK_SEM_LOCKED | TTREC_LOCK_SEM_FOREIGN, TT_USE_SIGNAL,
			"once given back by another"},
		{TTREC_LOCK_SEM_LOCKED, TT_USE_SIGNAL, "more than one unit"},
		{TTREC_LOCK_SEM_BINARY | TTREC_LOCK_SEM_LOCKED | TTREC_LOCK_SEM_GUESSED, TT_USE_SIGNAL,
			"guessed to be no lock, though former lives were"},
		{TTREC_LOCK_SEM_BINARY, TT_USE_UNKNOWN, "never given back"},
	};
	struct recbuild *rb = rb_create("x", 1);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		rb_lock(rb, TTREC_KIND_SEM, 0x9000 + i * 64, A)->flags = (uint16_t)cases[i].flags;
	struct tt_model *m = rb_model(rb, NULL);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_int(m->locks.data[i].use, cases[i].use, "a semaphore with %s", cases[i].why);
	is_int(m->classes.len, 3, "semaphores of one birth site that are used differently are not one class");
	tt_model_destroy(m);
	rb_destroy(rb);
}

/* ------------------------------------------------------------------ holds */

static struct ttrec_lsite *held_site(
	struct recbuild *rb, const struct ttrec_lock *l, uint64_t count, uint64_t samples, uint64_t weight, uint64_t hold_ns)
{
	struct ttrec_lsite *s = rb_lsite(rb, l, A, count);
	s->hold_samples = samples;
	s->hold_weight = weight;
	s->hold_ns = hold_ns;
	s->hold_timed_ns = weight ? hold_ns * samples / weight : 0;
	s->hold_max_ns = hold_ns ? 900 : 0;
	return s;
}

static void test_holds(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_thread *t = rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_lock *sampled = rb_lock(rb, TTREC_KIND_MUTEX, 0x9000, A),
			  *exact = rb_lock(rb, TTREC_KIND_MUTEX, 0x9100, B), *never = rb_lock(rb, TTREC_KIND_MUTEX, 0x9200, T),
			  *now = rb_lock(rb, TTREC_KIND_MUTEX, 0x9300, R);
	held_site(rb, sampled, 1000, 10, 800, 80000);
	held_site(rb, exact, 5, 5, 5, 2500);
	held_site(rb, never, 9, 0, 0, 0);
	held_site(rb, now, 3, 2, 2, 600);
	rb_held(rb, t, now->address, A, 999000001, 0); /* 1 ms before the end */
	struct ttrec_stat *st = rb_stat(rb, sampled, 2);
	rb_stat_add(st, 100, 9);
	rb_stat_add(st, 1500, 1);
	struct tt_model *m = rb_model(rb, NULL);
	const struct tt_hold *h = &m->locks.data[0].hold;
	is_u64(h->total_ns, 100000, "a sampled hold stands for all acquisitions");
	ok(!h->exact && h->samples == 10 && h->weight == 800, "and is an estimate");
	ok(h->p50_ns >= 96 && h->p50_ns < 128 && h->p99_ns >= 1024 && h->p99_ns <= 1500,
		"percentiles of the timed holds: %" PRIu64 " %" PRIu64, h->p50_ns, h->p99_ns);
	is_u64(h->max_ns, 1500, "the longest");
	h = &m->locks.data[1].hold;
	ok(h->exact && h->total_ns == 2500 && h->max_ns == 900, "all timed: exact");
	h = &m->locks.data[2].hold;
	ok(!h->exact && h->samples == 0 && h->total_ns == 0, "none timed: nothing is known");
	h = &m->locks.data[3].hold;
	ok(h->exact && h->total_ns == 1000600 && h->max_ns == 1000000, "a hold that lasts is in total and maximum: %" PRIu64,
		h->total_ns);
	tt_model_destroy(m);
	rb_destroy(rb);
}

/* ------------------------------------------------------------------ waits */

static void test_pairs(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_thread *t1 = rb_thread(rb, 1, TTREC_THREAD_RUNNING), *t2 = rb_thread(rb, 2, TTREC_THREAD_RUNNING),
			    *t3 = rb_thread(rb, 3, TTREC_THREAD_RUNNING);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x9000, A);
	uint64_t pc[] = {1, 2, 3};
	struct ttrec_wait *w = rb_wait(rb, l, A, B, 10, 1000, 300);
	w->max_waiter = 2;
	w->max_holder = 1;
	w->waiter_stack = rb_stack(rb, pc, 2);
	rb_wait(rb, l, A, 0, 5, 200, 100);
	rb_wait(rb, l, B, A, 4, 2000, 900)->timeouts = 1;
	rb_wait(rb, l, B, T, 0, 0, 0); /* claimed, nothing charged yet */
	rb_lsite(rb, l, B, 50)->release_stack = rb_stack(rb, pc, 3);
	struct ttrec_stat *st = rb_stat(rb, l, 0);
	rb_stat_add(st, 100, 15);
	rb_stat_add(st, 425, 4);
	/* t1 holds it after a wait that is not charged yet, t2 and t3 wait for it */
	rb_held(rb, t1, l->address, A, 800, TTREC_HELD_WAITED);
	rb_logged(t1, l, A, B, 800, 700)->a = 3;
	t1->contended = 3;
	rb_waiting(t2, l, A, 999999001, 3);
	rb_waiting(t3, l, B, 999998001, 0);
	struct tt_model *m = rb_model(rb, NULL);
	const struct tt_lock *k = &m->locks.data[0];
	is_int(k->pair_count, 4, "pairs: what was charged, what waits");
	const struct tt_wait *ab = pair_of(k->pairs, k->pair_count, A, B);
	ok(ab->waits.count == 11 && ab->waits.total_ns == 1700 && ab->waits.max_ns == 700,
		"a wait not charged yet is added to its pair");
	ok(ab->max_waiter == &m->threads.data[0] && ab->max_holder == &m->threads.data[2], "whose longest it is");
	ok(ab->waiter_stack && ab->waiter_stack->count == 2 && ab->holder_stack && ab->holder_stack->count == 3,
		"the waiter's stack, and where the holder let go");
	const struct tt_wait *aa = pair_of(k->pairs, k->pair_count, A, A);
	ok(aa && aa->waits.count == 1 && aa->waits.ongoing == 1 && aa->waits.ongoing_ns == 1000,
		"a wait in progress is blamed on the present holder's site");
	const struct tt_wait *ba = pair_of(k->pairs, k->pair_count, B, A);
	ok(ba->waits.count == 5 && ba->waits.total_ns == 4000 && ba->waits.max_ns == 2000 && ba->waits.timeouts == 1,
		"and added to its pair");
	ok(&k->pairs[0] == ba, "most wait first");
	is_u64(k->waits.count, 22, "all waits");
	is_u64(k->waits.total_ns, 6900, "their sum");
	is_u64(k->contended, 21, "acquisitions that waited or wait now: without deadlines passed");
	is_u64(k->wait.count, 22, "the distribution counts them all");
	is_u64(k->waiters, 2, "waiters now");
	ok(k->owner == &m->threads.data[0] && k->holders == 1, "holder now");
	const struct tt_lock_site *s = site_of(k, B);
	ok(s->waited.total_ns == 4000 && s->blocked.total_ns == 1700, "what a site waited, and what it made others wait");
	ok(m->threads.data[1].waiting.target == &m->threads.data[0], "a waiter's target is who holds the lock now");
	is_u64(m->threads.data[1].waits[TTREC_WAIT_LOCK].ns, 1000, "a wait in progress is in the thread's sum");
	is_u64(m->lock_wait_ns, 6900, "and the model's");
	is_u64(m->threads.data[0].contended, 3, "contended acquisitions of a thread");
	tt_model_destroy(m);
	rb_destroy(rb);
}

static void test_reader_writer(void)
{
	struct recbuild *rb = rb_create("x", 1);
	rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_RWLOCK, 0x9000, A);
	rb_wait(rb, l, A, R, 2, 500, 400);
	rb_wait(rb, l, R, A, 3, 3000, 2000);
	rb_stat_add(rb_stat(rb, l, 1), 1000, 3);
	struct tt_model *m = rb_model(rb, NULL);
	const struct tt_lock *k = &m->locks.data[0];
	ok(k->rdwait.count == 3 && k->rdwait.total_ns == 3000 && k->rdwait.hist, "readers' waits apart");
	ok(k->wait.count == 2 && k->wait.total_ns == 500 && k->wait.max_ns == 400 && !k->wait.hist,
		"without a histogram the sums come from the pairs");
	is_u64(k->wait.p50_ns, 0, "and percentiles are not known");
	tt_model_destroy(m);
	rb_destroy(rb);
}

/* The pairs were lost (no space), the histogram was not. */
static void test_lost_pairs(void)
{
	struct recbuild *rb = rb_create("x", 1);
	rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x9000, A);
	rb_stat_add(rb_stat(rb, l, 0), 1000, 8);
	rb_wait(rb, l, A, B, 3, 3000, 1000);
	rb->header->drop[TTREC_DROP_WAIT] = 5;
	struct tt_model *m = rb_model(rb, NULL);
	const struct tt_lock *k = &m->locks.data[0];
	ok(k->waits.count == 8 && k->waits.total_ns == 8000 && k->contended == 8, "sums come from whichever lost nothing");
	ok(m->dropped && m->drop[TTREC_DROP_WAIT] == 5, "the loss is told");
	tt_model_destroy(m);
	rb_destroy(rb);
}

static uint64_t spread_percentile(bool p99)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x9000, A);
	struct ttrec_stat *s = rb_stat(rb, l, 0);
	for (uint64_t ns = 1; ns <= 100000; ns += 1)
		rb_stat_add(s, ns, 1);
	struct tt_model *m = rb_model(rb, NULL);
	uint64_t ret = p99 ? m->locks.data[0].wait.p99_ns : m->locks.data[0].wait.p50_ns;
	tt_model_destroy(m);
	rb_destroy(rb);
	return ret;
}

static void test_percentiles(void)
{
	uint64_t p50 = spread_percentile(false), p99 = spread_percentile(true);
	ok(p50 > 49900 && p50 < 50100, "the median of evenly spread values: %" PRIu64, p50);
	ok(p99 > 98900 && p99 < 99100, "their 99th percentile: %" PRIu64, p99);

	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_lock *one = rb_lock(rb, TTREC_KIND_MUTEX, 0x9000, A), *huge = rb_lock(rb, TTREC_KIND_MUTEX, 0x9100, A);
	rb_stat_add(rb_stat(rb, one, 0), 70, 1);
	rb_stat_add(rb_stat(rb, huge, 0), UINT64_C(1) << 40, 3);
	struct ttrec_lock *wild = rb_lock(rb, TTREC_KIND_MUTEX, 0x9200, A);
	struct ttrec_stat *s = rb_stat(rb, wild, 0);
	memset(s->hist, 0xff, sizeof(s->hist)); /* damage: more than any integer holds */
	s->max_ns = UINT64_MAX;
	held_site(rb, wild, UINT64_C(1) << 43, 1, 1, UINT64_MAX);
	struct tt_model *m = rb_model(rb, NULL);
	ok(m->locks.data[2].wait.p99_ns > 0 && m->locks.data[2].hold.total_ns == UINT64_MAX, "absurd counts do no harm");
	const struct tt_dist *d = &m->locks.data[0].wait;
	ok(d->p50_ns <= 70 && d->p99_ns <= 70 && d->p50_ns >= 64, "never above the maximum");
	d = &m->locks.data[1].wait;
	ok(d->p99_ns <= UINT64_C(1) << 40 && d->p99_ns >= UINT64_C(137) << 30, "the last bucket ends at the maximum");
	tt_model_destroy(m);
	rb_destroy(rb);
}

/* ------------------------------------------------------------------ classes, names, places */

static void test_classes(void)
{
	struct recbuild *rb = rb_create("x", 1);
	rb_module(rb, "/bin/x", 0x400000, 0x100000, 1);
	rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_lock *heap[3], *global = rb_lock(rb, TTREC_KIND_MUTEX, 0x480000, A);
	for (unsigned i = 0; i < 3; i++) {
		heap[i] = rb_lock(rb, TTREC_KIND_MUTEX, 0x7f0000000000 + i * 64, B);
		heap[i]->gen = i;
		rb_wait(rb, heap[i], A, B, 1, 100 * (i + 1), 100 * (i + 1));
		rb_stat_add(rb_stat(rb, heap[i], 0), 100 * (i + 1), 1);
		rb_lsite(rb, heap[i], A, 10);
	}
	rb_wait(rb, global, A, A, 1, 50, 50);
	global->name = rb_string(rb, "global");
	struct tt_model *m = rb_model(rb, NULL);
	is_int(m->classes.len, 2, "locks of one birth site are one class, a static object is its own");
	const struct tt_lock_class *c = m->classes_by_wait.data[0], *g = m->classes_by_wait.data[1];
	ok(c->locks.len == 3 && c->births == 6, "its instances, and births over all generations");
	ok(c->waits.total_ns == 600 && c->waits.max_ns == 300 && c->contended == 3 && c->ops.acquisitions == 30, "their sums");
	ok(c->pair_count == 1 && c->pairs[0].waits.count == 3 && !c->pairs[0].lock, "pairs are merged by site");
	ok(c->site_count == 2 && c->sites[0].waited.total_ns + c->sites[1].waited.total_ns == 600, "so are sites");
	ok(c->wait.count == 3 && c->wait.p99_ns > 200 && c->wait.p99_ns <= 300, "so are histograms");
	ok(!c->home && g->home && g->home_offset == 0x80000 && !strcmp(g->home->path, "/bin/x"),
		"a static object's place in its module");
	is_str(g->name, "global", "its name");
	ok(g->pairs[0].lock == &m->locks.data[0] && g->pairs[0].class == g, "a class of one shares its lock's arrays");
	ok(m->locks_by_wait.data[0] == &m->locks.data[3] && m->locks_by_wait.len == 4, "locks are ranked by wait");
	tt_model_destroy(m);
	rb_destroy(rb);
}

/* Even and odd addresses of locks / 64 are two classes; the lock at 0x9000 stays what it was. */
static uint64_t parity(void *ctx, const struct tt_lock *l)
{
	(void)ctx;
	return l->address == 0x9000 ? 0 : 1 + l->address / 64 % 2;
}

static void test_regroup(void)
{
	struct recbuild *rb = rb_create("x", 1);
	rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	for (unsigned i = 0; i < 5; i++)
		rb_wait(rb, rb_lock(rb, TTREC_KIND_MUTEX, 0x9000 + i * 64, B), A, B, 1, 100 << i, 100 << i);
	struct tt_model *m = rb_model(rb, NULL);
	struct tt_err err = {0};
	is_int(m->classes.len, 1, "one class at first");
	uint64_t total = m->lock_wait_ns;
	ok(tt_model_regroup(m, parity, NULL, &err) == 0, "classes by a key of the caller");
	is_int(m->classes.len, 3, "two of its own, and what it left alone");
	ok(m->classes_by_wait.data[0]->waits.total_ns == 2000 && m->classes_by_wait.data[1]->waits.total_ns == 1000 &&
			m->classes_by_wait.data[2]->waits.total_ns == 100,
		"ranked anew");
	ok(m->locks_by_wait.len == 5 && m->lock_wait_ns == total, "each lock is ranked and summed once");
	ok(m->locks.data[1].class == m->classes_by_wait.data[1] && m->locks.data[1].pairs[0].class == m->locks.data[1].class,
		"locks and pairs know their class");
	tt_model_destroy(m);
	rb_destroy(rb);
}

int main(void)
{
	test_counts();
	test_cond_and_barrier();
	test_semaphores();
	test_holds();
	test_pairs();
	test_reader_writer();
	test_lost_pairs();
	test_percentiles();
	test_classes();
	test_regroup();
	return done();
}
