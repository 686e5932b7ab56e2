/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_model_order_scale.c - lock-order cycles of large recordings: long rings, many locks held at once, graphs with more
 * cycles than can be tried. Bounds are wide (shared machines, sanitizers); the figures are printed.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <time.h>

#include "lib/model/order.h"

static struct {
	struct recbuild *rb;
	struct ttrec_lock **lock;
	struct ttrec_thread **thread;
	unsigned locks, threads;
} x;

static void begin(unsigned locks, unsigned threads)
{
	x.rb = rb_create("/usr/bin/large", 1);
	x.locks = locks;
	x.threads = threads;
	x.lock = calloc(locks, sizeof(*x.lock));
	x.thread = calloc(threads, sizeof(*x.thread));
	for (unsigned i = 0; i < threads; i++) {
		x.thread[i] = rb_thread(x.rb, i + 1, TTREC_THREAD_RUNNING);
		x.thread[i]->creator = i ? 1 : 0;
	}
	x.thread[0]->segment = 1; /* it made them all before */
	for (unsigned i = 0; i < locks; i++)
		x.lock[i] = rb_lock(x.rb, TTREC_KIND_MUTEX, 0x7f0000000000 + i * 64, RB_SITE(0x401000, LOCK));
}

static struct ttrec_dep *fact(unsigned thread, unsigned place, unsigned wanted, const unsigned *held, unsigned count)
{
	const struct ttrec_lock *h[512];
	uint64_t sites[512];
	for (unsigned i = 0; i < count; i++) {
		h[i] = x.lock[held[i]];
		sites[i] = RB_SITE(0x402000 + place * 16, LOCK);
	}
	return rb_dep(x.rb, x.lock[wanted], RB_SITE(0x403000 + place * 16, LOCK), h, sites, count, x.thread[thread]);
}

static double cpu_s(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Finds, prints the time, checks it; the order is the caller's to end(). */
static void find(const char *what, struct tt_model **m, struct tt_order *order, bool left_out)
{
	struct tt_order_opts opts = {.left_out = left_out};
	*m = rb_model(x.rb, NULL);
	double from = cpu_s();
	int rc = tt_order_find(*m, &opts, order);
	double took = cpu_s() - from, most = 2;
#ifdef __SANITIZE_ADDRESS__
	most *= 10;
#endif
	diag("%s: %zu facts, %zu cycles%s, %.0f ms", what, (*m)->deps.len, order->cycles.len,
		order->bounded.len ? " (bounded)" : "", took * 1e3);
	ok(rc == 0 && took < most, "%s in less than 2 s", what);
}

static void end(struct tt_model *m, struct tt_order *order)
{
	tt_order_deinit(order);
	tt_model_destroy(m);
	rb_destroy(x.rb);
	free(x.lock);
	free(x.thread);
}

static void test_ring(unsigned n)
{
	struct tt_model *m;
	struct tt_order order;
	char what[64];
	snprintf(what, sizeof(what), "a ring of %u locks", n);
	begin(n, n);
	for (unsigned i = 0; i < n; i++)
		fact(i, i, (i + 1) % n, &i, 1);
	find(what, &m, &order, false);
	is_int(order.cycles.len, 1, "%s is found", what);
	if (order.cycles.len == 1)
		is_int(order.cycles.data[0].length, n, "in its whole length");
	end(m, &order);
}

/* Every step could be done at three places: 3^40 ways round, of which each place must be in one that is told. */
static void test_wide_ring(void)
{
	struct tt_model *m;
	struct tt_order order;
	begin(40, 120);
	for (unsigned i = 0; i < 120; i++)
		fact(i, i, (i % 40 + 1) % 40, (unsigned[]){i % 40}, 1);
	find("a ring of 40 locks with three places for each step", &m, &order, false);
	bool told[120] = {false};
	unsigned n = 0;
	const struct tt_order_cycle *c;
	vec_for_each (c, &order.cycles)
		for (unsigned i = 0; i < c->length; i++) {
			unsigned place = (unsigned)(c->steps[i].dep->site->pc - 0x403000) / 16;
			n += !told[place];
			told[place] = true;
		}
	is_int(n, 120, "every place is in some cycle that is told");
	end(m, &order);
}

static void test_deep(void)
{
	struct tt_model *m;
	struct tt_order order;
	unsigned held[500];
	begin(500, 3);
	for (unsigned i = 0; i < 500; i++) {
		held[i] = i;
		if (i)
			fact(0, 0, i, held, i);
	}
	fact(1, 1, 0, &held[499], 1);
	find("500 locks held at once", &m, &order, false);
	is_int(order.cycles.len, 1, "the one that is taken the other way round is found");
	end(m, &order);
}

/* Ordered by number: no cycle, whatever is held. */
static void test_healthy(void)
{
	struct tt_model *m;
	struct tt_order order;
	srand(1);
	begin(10000, 16);
	for (unsigned i = 0; i < 50000; i++) {
		unsigned a = (unsigned)rand() % 9990, b = a + 1 + (unsigned)rand() % 9;
		fact(i % 16, i % 50, b, &a, 1);
	}
	find("50,000 facts in one order", &m, &order, true);
	is_int(order.cycles.len, 0, "no cycle");
	end(m, &order);
}

static void test_random(unsigned places)
{
	struct tt_model *m;
	struct tt_order order;
	char what[64];
	snprintf(what, sizeof(what), "50,000 random facts at %u places", places);
	srand(2);
	begin(10000, 16);
	for (unsigned i = 0; i < 50000; i++) {
		unsigned a = (unsigned)rand() % 10000, b = (unsigned)rand() % 9999;
		fact(i % 16, (unsigned)rand() % places, b >= a ? b + 1 : b, &a, 1);
	}
	find(what, &m, &order, true);
	ok(order.cycles.len > 0, "and cycles are found");
	end(m, &order);
}

/* Thousands of cycles, all of them gated. */
static void test_gated(void)
{
	struct tt_model *m;
	struct tt_order order;
	srand(3);
	begin(200, 16);
	for (unsigned i = 0; i < 5000; i++) {
		unsigned a = 1 + (unsigned)rand() % 199, b = 1 + (unsigned)rand() % 199;
		if (a != b)
			fact(i % 16, i % 40, b, (unsigned[]){0, a}, 2);
	}
	find("5,000 facts under one gate", &m, &order, false);
	is_int(order.cycles.len, 0, "none is possible");
	is_int(order.bounded.len, 0, "and all were looked at");
	end(m, &order);
}

/* Threads one after the other, each joined before the next: whatever they do, they never meet. */
static void test_short_threads(void)
{
	struct tt_model *m;
	struct tt_order order;
	srand(4);
	begin(200, 1);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned a = (unsigned)rand() % 200, b = (unsigned)rand() % 199;
		struct ttrec_lineage *l = rb_lineage(x.rb, 10 + i);
		l->creator = l->joiner = 1;
		l->creator_segment = 2 * i;
		l->joiner_segment = 2 * i + 2;
		fact(0, i % 40, b >= a ? b + 1 : b, &a, 1)->threads[0].serial = 10 + i;
	}
	find("20,000 threads one after the other", &m, &order, false);
	is_int(order.cycles.len, 0, "none is possible");
	end(m, &order);
}

int main(void)
{
	test_ring(40);
	test_ring(1000);
	test_ring(10000);
	test_ring(30000);
	test_wide_ring();
	test_deep();
	test_healthy();
	test_random(1);
	test_random(20);
	test_random(2000);
	test_gated();
	test_short_threads();
	return done();
}
