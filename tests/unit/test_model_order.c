/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_model_order.c - lock-order cycles of hand-made recordings: every rule of what counts and what does not.
 * The random programs are test_model_order_random.c's, the large ones test_model_order_scale.c's.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <stdarg.h>

#include "lib/model/order.h"

#define MAIN 1

static struct {
	struct recbuild *rb;
	struct ttrec_thread *t[10];
	struct ttrec_lock *l[10];
	struct tt_model *m;
	struct tt_order order;
} x;

static uint64_t at(uint64_t pc, enum ttrec_op op)
{
	return TTREC_SITE(0x401000 + pc * 16, op);
}

/* Main (1) and threads 2 to 9, all created by main in its first segments, none joined. Mutexes 0 to 9. */
static void begin(void)
{
	x.rb = rb_create("/usr/bin/prog", 4242);
	for (uint64_t i = 1; i < 10; i++) {
		x.t[i] = rb_thread(x.rb, i, TTREC_THREAD_RUNNING);
		x.t[i]->creator = i > 1 ? MAIN : 0;
		x.t[i]->creator_segment = i > 1 ? (uint32_t)i - 2 : 0;
	}
	x.t[MAIN]->flags = TTREC_THREAD_MAIN;
	for (uint64_t i = 0; i < 10; i++)
		x.l[i] = rb_lock(x.rb, TTREC_KIND_MUTEX, 0x5000 + i * 64, at(100 + i, TTREC_OP_LOCK));
}

/* Thread t in its segment asks for `wanted` by op, with count locks held, each with the operation that took it. */
static struct ttrec_dep *asks_v(unsigned t, uint32_t segment, unsigned wanted, enum ttrec_op op, unsigned count, va_list ap)
{
	const struct ttrec_lock *held[8];
	uint64_t sites[8];
	for (unsigned i = 0; i < count; i++) {
		unsigned lock = va_arg(ap, unsigned);
		held[i] = x.l[lock];
		sites[i] = at(lock, (enum ttrec_op)va_arg(ap, int));
	}
	struct ttrec_dep *d = rb_dep(x.rb, x.l[wanted], at(wanted, op), held, sites, count, x.t[t]);
	d->threads[0].segment = d->threads[0].last_segment = segment;
	return d;
}

static struct ttrec_dep *asks(unsigned t, uint32_t segment, unsigned wanted, enum ttrec_op op, unsigned count, ...)
{
	va_list ap;
	va_start(ap, count);
	struct ttrec_dep *d = asks_v(t, segment, wanted, op, count, ap);
	va_end(ap);
	return d;
}

/* Thread t takes `wanted` while it holds `held`: plain mutexes. */
static struct ttrec_dep *takes(unsigned t, unsigned held, unsigned wanted)
{
	return asks(t, 0, wanted, TTREC_OP_LOCK, 1, held, TTREC_OP_LOCK);
}

static struct ttrec_dep *also_by(struct ttrec_dep *d, unsigned t, uint32_t segment)
{
	d->threads[d->thread_count].serial = t;
	d->threads[d->thread_count].segment = d->threads[d->thread_count].last_segment = segment;
	d->thread_count++;
	d->seen++;
	return d;
}

static void find(bool left_out)
{
	struct tt_order_opts opts = {.left_out = left_out};
	x.m = rb_model(x.rb, NULL);
	if (tt_order_find(x.m, &opts, &x.order) < 0)
		x.order.cycles.len = SIZE_MAX;
}

static void end(void)
{
	tt_order_deinit(&x.order);
	tt_model_destroy(x.m);
	rb_destroy(x.rb);
}

/* Possible deadlocks found; ends the case. */
static size_t possible(void)
{
	find(false);
	size_t n = x.order.cycles.len;
	end();
	return n;
}

/* Finds with those left out; the only cycle, or NULL. */
static const struct tt_order_cycle *only(void)
{
	find(true);
	return x.order.cycles.len == 1 ? &x.order.cycles.data[0] : NULL;
}

/* ------------------------------------------------------------------ what is a cycle */

static void test_inversion(void)
{
	begin();
	takes(2, 0, 1);
	takes(3, 1, 0);
	const struct tt_order_cycle *c = only();
	if (ok(c, "two mutexes in opposite order are a cycle")) {
		is_int(c->why, 0, "which is possible");
		is_int(c->doubts, 0, "without doubts");
		is_int(c->length, 2, "of two steps");
		is_int(c->count, 1, "found once");
		ok(c->steps[0].dep->wanted == c->steps[1].held->lock && c->steps[1].dep->wanted == c->steps[0].held->lock,
			"each wants what the other holds");
		is_int(c->steps[0].by.serial, 2, "the first by one thread");
		is_int(c->steps[1].by.serial, 3, "the second by another");
	}
	end();

	begin();
	takes(2, 0, 1);
	takes(3, 0, 1);
	takes(3, 1, 2);
	takes(2, 0, 2);
	is_int(possible(), 0, "one order kept by all is none");

	begin();
	is_int(possible(), 0, "nor is a recording without facts");
}

static void test_ring(unsigned n)
{
	begin();
	for (unsigned i = 0; i < n; i++)
		takes(2 + i, i, (i + 1) % n);
	find(false);
	is_int(x.order.cycles.len, 1, "a ring of %u locks is one cycle", n);
	if (x.order.cycles.len == 1)
		is_int(x.order.cycles.data[0].length, n, "of %u steps", n);
	end();
}

static void test_indirect(void)
{
	begin();
	asks(2, 0, 2, TTREC_OP_LOCK, 3, 0, TTREC_OP_LOCK, 5, TTREC_OP_LOCK, 1, TTREC_OP_LOCK);
	takes(3, 2, 0);
	find(false);
	is_int(x.order.cycles.len, 1, "any lock that is held counts, not only the last one taken");
	end();

	begin();
	takes(2, 0, 1);
	takes(3, 1, 0);
	takes(4, 1, 2);
	takes(5, 2, 0);
	find(false);
	is_int(x.order.cycles.len, 2, "a longer ring with a place of its own is told beside the shorter one");
	end();
}

static void test_same_bug(void)
{
	begin();
	for (unsigned i = 0; i < 3; i++) { /* pairs 0 1, 2 3, 4 5, all at the same places, of the same classes */
		for (unsigned k = 0; k < 2; k++)
			x.l[2 * i + k]->birth_site = at(200 + k, TTREC_OP_LOCK);
		const struct ttrec_lock *a[] = {x.l[2 * i]}, *b[] = {x.l[2 * i + 1]};
		uint64_t one = at(1, TTREC_OP_LOCK), two = at(2, TTREC_OP_LOCK);
		rb_dep(x.rb, b[0], at(3, TTREC_OP_LOCK), a, &one, 1, x.t[2]);
		rb_dep(x.rb, a[0], at(4, TTREC_OP_LOCK), b, &two, 1, x.t[3]);
	}
	find(false);
	is_int(x.order.cycles.len, 1, "the same places with other locks are one cycle");
	if (x.order.cycles.len == 1)
		is_int(x.order.cycles.data[0].count, 3, "found three times");
	end();
}

/* ------------------------------------------------------------------ threads */

static void test_threads(void)
{
	begin();
	takes(2, 0, 1);
	takes(2, 1, 0);
	const struct tt_order_cycle *c = only();
	ok(c && c->why == TT_ORDER_THREAD, "one thread that does both is left out, for that reason");
	end();

	begin();
	also_by(takes(2, 0, 1), 3, 0);
	also_by(takes(2, 1, 0), 3, 0);
	is_int(possible(), 1, "two threads that both do both are a cycle");

	begin();
	also_by(takes(2, 0, 1), 3, 0);
	also_by(takes(2, 1, 2), 3, 0);
	also_by(takes(2, 2, 0), 3, 0);
	c = only();
	ok(c && c->why == TT_ORDER_THREAD, "three steps need three threads");
	end();

	begin();
	also_by(takes(2, 0, 1), 3, 0);
	also_by(takes(2, 1, 2), 3, 0);
	also_by(also_by(takes(2, 2, 0), 3, 0), 4, 0);
	is_int(possible(), 1, "which a matching finds where they are to be had");
}

static void test_unnamed(void)
{
	begin();
	for (unsigned i = 0; i < 6; i++) {
		struct ttrec_dep *d = takes(2, i, (i + 1) % 6);
		for (unsigned t = 3; t < 6; t++)
			also_by(d, t, 0);
		d->seen = 16;
	}
	find(false);
	is_int(x.order.cycles.len, 1, "threads that are counted but not named make up for those that are too few");
	if (x.order.cycles.len == 1)
		is_int(x.order.cycles.data[0].doubts, TT_ORDER_UNNAMED, "with that doubt");
	end();

	begin();
	for (unsigned i = 0; i < 6; i++) {
		struct ttrec_dep *d = takes(2, i, (i + 1) % 6);
		for (unsigned t = 3; t < 6; t++)
			also_by(d, t, 0);
	}
	is_int(possible(), 0, "four threads cannot be in a ring of six");
}

/* ------------------------------------------------------------------ gates */

static void test_gates(void)
{
	begin();
	asks(2, 0, 1, TTREC_OP_LOCK, 2, 5, TTREC_OP_LOCK, 0, TTREC_OP_LOCK);
	asks(3, 0, 0, TTREC_OP_LOCK, 2, 5, TTREC_OP_LOCK, 1, TTREC_OP_LOCK);
	const struct tt_order_cycle *c = only();
	if (ok(c && c->why == TT_ORDER_GATE, "a lock that both hold is a gate")) {
		ok(c->gate[0]->lock->index == 5 && c->gate[1]->lock->index == 5, "which is named");
		ok(c->pair[0] != c->pair[1], "with the two steps that hold it");
	}
	end();

	begin();
	x.l[5]->kind = TTREC_KIND_RWLOCK;
	asks(2, 0, 1, TTREC_OP_LOCK, 2, 5, TTREC_OP_RDLOCK, 0, TTREC_OP_LOCK);
	asks(3, 0, 0, TTREC_OP_LOCK, 2, 5, TTREC_OP_RDLOCK, 1, TTREC_OP_LOCK);
	is_int(possible(), 1, "one that both hold for reading is none");

	begin();
	x.l[5]->kind = TTREC_KIND_RWLOCK;
	asks(2, 0, 1, TTREC_OP_LOCK, 2, 5, TTREC_OP_LOCK, 0, TTREC_OP_LOCK);
	asks(3, 0, 0, TTREC_OP_LOCK, 2, 5, TTREC_OP_RDLOCK, 1, TTREC_OP_LOCK);
	is_int(possible(), 0, "one of them writing makes it a gate");

	begin();
	asks(2, 0, 1, TTREC_OP_LOCK, 2, 5, TTREC_OP_TRYLOCK, 0, TTREC_OP_LOCK);
	asks(3, 0, 0, TTREC_OP_LOCK, 2, 5, TTREC_OP_LOCK, 1, TTREC_OP_LOCK);
	is_int(possible(), 0, "a gate may be taken by trylock");

	begin();
	asks(2, 0, 1, TTREC_OP_LOCK, 2, 5, TTREC_OP_LOCK, 0, TTREC_OP_LOCK);
	asks(3, 0, 2, TTREC_OP_LOCK, 1, 1, TTREC_OP_LOCK);
	asks(4, 0, 0, TTREC_OP_LOCK, 2, 5, TTREC_OP_LOCK, 2, TTREC_OP_LOCK);
	is_int(possible(), 0, "in a ring of three, two with a gate suffice");

	begin();
	asks(2, 0, 1, TTREC_OP_LOCK, 2, 5, TTREC_OP_LOCK, 0, TTREC_OP_LOCK);
	asks(3, 0, 0, TTREC_OP_LOCK, 2, 5, TTREC_OP_LOCK, 1, TTREC_OP_LOCK);
	asks(4, 0, 0, TTREC_OP_LOCK, 1, 1, TTREC_OP_LOCK);
	find(true);
	is_int(x.order.cycles.len, 1, "a way round the gate is told, and the gated cycle of the same places is not");
	ok(x.order.cycles.len == 1 && x.order.cycles.data[0].why == 0, "as possible");
	end();
}

/* ------------------------------------------------------------------ modes, try, deadlines */

static size_t readers(enum ttrec_type type, uint64_t writes, enum ttrec_op held, enum ttrec_op wanted)
{
	begin();
	for (unsigned i = 0; i < 2; i++) {
		x.l[i]->kind = TTREC_KIND_RWLOCK;
		x.l[i]->type = (uint8_t)type;
		if (writes)
			rb_count(x.rb, x.t[5], x.l[i], at(50, TTREC_OP_LOCK), writes);
	}
	asks(2, 0, 1, wanted, 1, 0, held);
	asks(3, 0, 0, wanted, 1, 1, held);
	return possible();
}

static void test_modes(void)
{
	is_int(readers(TTREC_TYPE_PREFER_READER, 9, TTREC_OP_RDLOCK, TTREC_OP_LOCK), 1, "readers that want to write wait");
	is_int(readers(TTREC_TYPE_PREFER_READER, 9, TTREC_OP_LOCK, TTREC_OP_RDLOCK), 1, "writers that want to read wait");
	is_int(readers(TTREC_TYPE_PREFER_READER, 9, TTREC_OP_RDLOCK, TTREC_OP_RDLOCK), 0, "readers let readers in");
	is_int(readers(TTREC_TYPE_PREFER_WRITER, 9, TTREC_OP_RDLOCK, TTREC_OP_RDLOCK), 0,
		"also with glibc's PREFER_WRITER, which does not");
	is_int(readers(TTREC_TYPE_PREFER_WRITER_NR, 9, TTREC_OP_RDLOCK, TTREC_OP_RDLOCK), 1,
		"with the non-recursive kind a waiting writer keeps readers out");
	is_int(readers(TTREC_TYPE_PREFER_WRITER_NR, 0, TTREC_OP_RDLOCK, TTREC_OP_RDLOCK), 0, "if there is a writer");

	begin();
	for (unsigned i = 0; i < 2; i++) {
		x.l[i]->kind = TTREC_KIND_RWLOCK;
		x.l[i]->type = TTREC_TYPE_PREFER_WRITER_NR;
		rb_count(x.rb, x.t[5], x.l[i], at(50, TTREC_OP_LOCK), 3);
	}
	asks(2, 0, 1, TTREC_OP_RDLOCK, 1, 0, TTREC_OP_RDLOCK);
	asks(3, 0, 0, TTREC_OP_RDLOCK, 1, 1, TTREC_OP_RDLOCK);
	const struct tt_order_cycle *c = only();
	ok(c && c->doubts == TT_ORDER_WRITER, "and that is a doubt");
	end();
}

static void test_try(void)
{
	begin();
	asks(2, 0, 1, TTREC_OP_TRYLOCK, 1, 0, TTREC_OP_LOCK);
	takes(3, 1, 0);
	const struct tt_order_cycle *c = only();
	ok(c && c->why == TT_ORDER_TRY, "a trylock does not wait");
	end();

	begin();
	asks(2, 0, 1, TTREC_OP_LOCK, 1, 0, TTREC_OP_TRYLOCK);
	asks(3, 0, 0, TTREC_OP_LOCK, 1, 1, TTREC_OP_TRYLOCK);
	is_int(possible(), 1, "a lock got by trylock is held like any other");

	begin();
	asks(2, 0, 1, TTREC_OP_TIMEDLOCK, 1, 0, TTREC_OP_LOCK);
	takes(3, 1, 0);
	c = only();
	ok(c && c->why == 0 && c->doubts == TT_ORDER_TIMED, "a deadline is a doubt");
	end();

	begin();
	asks(2, 0, 1, TTREC_OP_COND_TIMEDWAIT, 1, 0, TTREC_OP_LOCK);
	takes(3, 1, 0);
	c = only();
	ok(c && c->why == 0 && c->doubts == 0, "taking the mutex again after a timed wait has no deadline");
	end();
}

static void test_kinds(void)
{
	begin();
	for (unsigned i = 0; i < 2; i++) {
		x.l[i]->kind = TTREC_KIND_SEM;
		x.l[i]->flags = TTREC_LOCK_SEM_BINARY | TTREC_LOCK_SEM_LOCKED;
	}
	asks(2, 0, 1, TTREC_OP_SEM_WAIT, 1, 0, TTREC_OP_SEM_WAIT);
	asks(3, 0, 0, TTREC_OP_SEM_WAIT, 1, 1, TTREC_OP_SEM_WAIT);
	const struct tt_order_cycle *c = only();
	ok(c && c->doubts == TT_ORDER_SEMAPHORE, "semaphores that are locks count, with a doubt");
	end();

	begin();
	for (unsigned i = 0; i < 2; i++) {
		x.l[i]->kind = TTREC_KIND_SEM;
		x.l[i]->flags = TTREC_LOCK_SEM_FOREIGN;
	}
	asks(2, 0, 1, TTREC_OP_SEM_WAIT, 1, 0, TTREC_OP_SEM_WAIT);
	asks(3, 0, 0, TTREC_OP_SEM_WAIT, 1, 1, TTREC_OP_SEM_WAIT);
	is_int(possible(), 0, "those that signal do not");

	begin();
	asks(2, 0, 1, TTREC_OP_LOCK, 2, 0, TTREC_OP_LOCK, 1, TTREC_OP_LOCK);
	takes(3, 1, 0);
	is_int(possible(), 0, "a lock that the thread has already is no step");
}

static void test_generations(void)
{
	begin();
	takes(2, 0, 1);
	x.l[0]->gen++;
	takes(3, 1, 0);
	is_int(possible(), 0, "a lock that was destroyed and made again is another one");
}

/* ------------------------------------------------------------------ create and join */

static size_t in_segments(uint32_t first, uint32_t second)
{
	begin(); /* main creates thread 5 in its segment 3 */
	x.t[5]->joiner = MAIN;
	x.t[5]->joiner_segment = 12;
	asks(5, 0, 1, TTREC_OP_LOCK, 1, 0, TTREC_OP_LOCK);
	struct ttrec_dep *d = asks(MAIN, first, 0, TTREC_OP_LOCK, 1, 1, TTREC_OP_LOCK);
	d->threads[0].last_segment = second;
	return possible();
}

static void test_segments(void)
{
	is_int(in_segments(3, 3), 0, "what main did before it created the thread cannot meet it");
	is_int(in_segments(4, 4), 1, "what it did between create and join can");
	is_int(in_segments(12, 12), 0, "what it did after the join cannot");
	is_int(in_segments(3, 5), 1, "the last time counts like the first");
	is_int(in_segments(1, 14), 0, "before and after is never at once");

	begin();
	takes(5, 0, 1);
	x.t[5]->joiner = MAIN;
	x.t[5]->joiner_segment = 6;
	takes(9, 1, 0); /* created in segment 7 */
	const struct tt_order_cycle *c = only();
	if (ok(c && c->why == TT_ORDER_TIME, "a thread that was joined before the other was created cannot meet it")) {
		is_int(c->link, TT_LINK_BETWEEN, "which is the reason given");
		is_int(c->steps[c->pair[0]].by.serial, 5, "with who was first");
		ok(c->link_thread && c->link_thread->serial == MAIN, "and who saw to it");
	}
	end();

	begin();
	takes(5, 0, 1);
	x.t[5]->joiner = 6;
	x.t[5]->joiner_segment = 1;
	asks(6, 1, 0, TTREC_OP_LOCK, 1, 1, TTREC_OP_LOCK);
	is_int(possible(), 0, "nor can it meet what its joiner does afterwards");

	/* main creates 8 (segment 6) after its own fact in segment 5; 4 joins 8, and then takes them the other way round. */
	begin();
	asks(MAIN, 5, 1, TTREC_OP_LOCK, 1, 0, TTREC_OP_LOCK);
	x.t[8]->joiner = 4;
	x.t[8]->joiner_segment = 1;
	asks(4, 1, 0, TTREC_OP_LOCK, 1, 1, TTREC_OP_LOCK);
	is_int(possible(), 0, "order also goes by way of threads that did nothing");

	begin();
	takes(5, 0, 1);
	x.t[5]->joiner = MAIN;
	x.t[5]->joiner_segment = 6;
	also_by(takes(9, 1, 0), 4, 0);
	is_int(possible(), 1, "another thread that did the same may meet it");

	begin();
	takes(5, 0, 1);
	takes(6, 1, 0);
	x.t[6]->creator = 77;
	c = only();
	ok(c && c->doubts == TT_ORDER_LINEAGE, "a creator whose record is gone is a doubt");
	end();
}

static void test_past(void)
{
	begin();
	for (unsigned i = 0; i < 2; i++) {
		struct ttrec_lineage *l = rb_lineage(x.rb, 50 + i);
		l->creator = l->joiner = MAIN;
		l->creator_segment = 20 + 2 * i;
		l->joiner_segment = 22 + 2 * i;
		struct ttrec_dep *d = takes(2, i, 1 - i);
		d->threads[0].serial = 50 + i;
	}
	const struct tt_order_cycle *c = only();
	ok(c && c->why == TT_ORDER_TIME, "threads whose slots were used again keep their place in time");
	end();
}

/* ------------------------------------------------------------------ budget */

static void test_budget(void)
{
	begin();
	for (unsigned a = 0; a < 8; a++)
		for (unsigned b = 0; b < 8; b++)
			if (a != b)
				takes(2 + a, a, b);
	struct tt_order_opts opts = {.work = 50};
	x.m = rb_model(x.rb, NULL);
	is_int(tt_order_find(x.m, &opts, &x.order), 0, "a search with little work to do it with ends");
	is_int(x.order.bounded.len, 1, "and says that it was bounded");
	end();
}

static void test_condition_waits(void)
{
	begin();
	asks(2, 0, 1, TTREC_OP_COND_WAIT, 1, 0, TTREC_OP_LOCK);
	asks(3, 0, 0, TTREC_OP_COND_TIMEDWAIT, 1, 1, TTREC_OP_LOCK);
	const struct tt_order_cycle *c = only();
	if (ok(c, "two condition waits that want their mutexes back in opposite order are told when asked for"))
		is_int(c->why, TT_ORDER_WAITS, "as what cannot be: the later one held the other's lock when it began");
	end();
	begin();
	asks(2, 0, 1, TTREC_OP_COND_WAIT, 1, 0, TTREC_OP_LOCK);
	asks(3, 0, 2, TTREC_OP_COND_WAIT, 1, 1, TTREC_OP_LOCK);
	asks(4, 0, 0, TTREC_OP_COND_WAIT, 1, 2, TTREC_OP_LOCK);
	is_int(possible(), 0, "nor can three");
	begin();
	asks(2, 0, 1, TTREC_OP_COND_WAIT, 1, 0, TTREC_OP_LOCK);
	takes(3, 1, 0);
	is_int(possible(), 1, "a plain lock among them closes the ring");
}

int main(void)
{
	test_inversion();
	test_ring(3);
	test_ring(8);
	test_indirect();
	test_same_bug();
	test_threads();
	test_unnamed();
	test_gates();
	test_modes();
	test_try();
	test_kinds();
	test_generations();
	test_segments();
	test_past();
	test_budget();
	test_condition_waits();
	return done();
}
