/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_model_order_random.c - lock-order cycles of random programs, against an enumerator that follows the definition word for
 * word: all sequences of facts, all threads, time by vector clocks that are kept while the program is made up.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <stdlib.h>

#include "lib/model/order.h"

#define THREADS  7
#define LOCKS    5
#define FACTS    9
#define HELD     3
#define PROGRAMS 1500
#define SETS     4096
#define SEGMENTS (2 * THREADS) /* of one thread, at most: it creates and joins all others */

static uint32_t seed;
static unsigned any(unsigned below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/* ------------------------------------------------------------------ a program */

struct when {
	unsigned thread;
	unsigned clock[THREADS + 1]; /* what of each thread came before, itself included */
};
struct fact {
	unsigned wanted, held[HELD], held_count;
	enum ttrec_op op, held_op[HELD];
	unsigned place;
	struct when when[TTREC_DEP_THREADS * SEGMENTS];
	unsigned times;
	struct ttrec_dep *dep;
};
struct thread {
	struct ttrec_thread *record;
	unsigned clock[THREADS + 1];
	bool joined, made;
};
static struct {
	struct recbuild *rb;
	struct ttrec_lock *lock[LOCKS];
	bool rw[LOCKS], strict[LOCKS]; /* strict: waiting writers keep readers out */
	struct thread t[THREADS + 1];
	unsigned threads;
	struct fact f[FACTS];
	unsigned facts;
} p;

static struct thread *spawn(struct thread *by)
{
	struct thread *t = &p.t[++p.threads];
	*t = (struct thread){.record = rb_thread(p.rb, p.threads, TTREC_THREAD_RUNNING), .made = true};
	if (by) {
		t->record->creator = by->record->serial;
		t->record->creator_segment = by->record->segment++;
		memcpy(t->clock, by->clock, sizeof(t->clock));
		by->clock[by->record->serial]++;
	} else {
		t->record->flags = TTREC_THREAD_MAIN;
	}
	t->clock[p.threads] = 1;
	return t;
}

static void join(struct thread *t, struct thread *by)
{
	t->joined = true;
	t->record->joiner = by->record->serial;
	t->record->joiner_segment = ++by->record->segment;
	for (unsigned i = 1; i <= THREADS; i++)
		if (t->clock[i] > by->clock[i])
			by->clock[i] = t->clock[i];
	by->clock[by->record->serial]++;
}

static enum ttrec_op op_for(unsigned lock, bool may_try)
{
	unsigned k = any(10);
	if (may_try && k == 9)
		return p.rw[lock] && any(2) ? TTREC_OP_TRYRDLOCK : TTREC_OP_TRYLOCK;
	if (k == 8)
		return p.rw[lock] && any(2) ? TTREC_OP_TIMEDRDLOCK : TTREC_OP_TIMEDLOCK;
	return p.rw[lock] && any(2) ? TTREC_OP_RDLOCK : TTREC_OP_LOCK;
}

static struct fact *new_fact(void)
{
	struct fact *f = &p.f[p.facts++];
	const struct ttrec_lock *held[HELD];
	uint64_t sites[HELD];
	unsigned used = 0;
	*f = (struct fact){.wanted = any(LOCKS), .held_count = 1 + any(HELD), .place = any(3)};
	used |= 1u << f->wanted;
	for (unsigned i = 0; i < f->held_count; i++) {
		do
			f->held[i] = any(LOCKS);
		while (used & (1u << f->held[i]));
		used |= 1u << f->held[i];
		f->held_op[i] = op_for(f->held[i], true);
		held[i] = p.lock[f->held[i]];
		sites[i] = TTREC_SITE(0x402000 + f->held[i] * 16, f->held_op[i]);
	}
	f->op = op_for(f->wanted, true);
	f->dep = rb_dep(p.rb, p.lock[f->wanted], TTREC_SITE(0x403000 + f->place * 16, f->op), held, sites, f->held_count,
		p.t[1].record);
	f->dep->seen = f->dep->thread_count = 0;
	return f;
}

/* As the recorder does: of up to four threads, the first and the last segment in which they did it, and those between. */
static void happens(struct fact *f, struct thread *t)
{
	unsigned n = f->dep->thread_count, i = 0;
	while (i < n && f->dep->threads[i].serial != t->record->serial)
		i++;
	if (i == TTREC_DEP_THREADS)
		return;
	t->clock[t->record->serial]++;
	struct when now = {.thread = (unsigned)t->record->serial};
	memcpy(now.clock, t->clock, sizeof(now.clock));
	uint32_t segment = t->record->segment, last = f->dep->threads[i].last_segment;
	if (i < n && segment == last) /* nothing that orders lies between */
		return;
	f->when[f->times++] = now;
	f->dep->threads[i].last_segment = segment;
	if (i < n) {
		if (last != f->dep->threads[i].segment)
			f->dep->between[i] |= (uint16_t)(1u << (last - f->dep->threads[i].segment - 1));
		return;
	}
	f->dep->threads[i].serial = t->record->serial;
	f->dep->threads[i].segment = segment;
	f->dep->seen = ++f->dep->thread_count;
}

static void make_program(void)
{
	p.rb = rb_create("/usr/bin/random", 1);
	p.rb->small = true;
	p.threads = p.facts = 0;
	spawn(NULL);
	for (unsigned i = 0; i < LOCKS; i++) {
		p.rw[i] = any(3) == 0;
		p.strict[i] = p.rw[i] && any(2);
		p.lock[i] = rb_lock(p.rb, p.rw[i] ? TTREC_KIND_RWLOCK : TTREC_KIND_MUTEX, 0x5000 + i * 64,
			TTREC_SITE(0x401000 + i * 16, TTREC_OP_LOCK));
		p.lock[i]->type = p.strict[i] ? TTREC_TYPE_PREFER_WRITER_NR : TTREC_TYPE_UNKNOWN;
		if (p.rw[i])
			rb_count(p.rb, p.t[1].record, p.lock[i], TTREC_SITE(0x404000, TTREC_OP_LOCK), 1);
	}
	for (unsigned i = 0; i < 60; i++) {
		struct thread *t = &p.t[1 + any(p.threads)];
		if (t->joined)
			continue;
		switch (any(6)) {
		case 0:
			if (p.threads < THREADS)
				spawn(t);
			break;
		case 1: {
			struct thread *other = &p.t[1 + any(p.threads)];
			if (other != t && !other->joined && other != &p.t[1])
				join(other, t);
			break;
		}
		default:
			happens(p.facts < FACTS && any(2) ? new_fact() : p.facts ? &p.f[any(p.facts)] : new_fact(), t);
		}
	}
}

/* ------------------------------------------------------------------ the definition */

struct chain {
	unsigned fact[FACTS], held[FACTS], when[FACTS], n;
};
static uint64_t want[SETS]; /* sets of keys: bits */
static unsigned wants;

/* The key of a step is one of 64, so that a set is a word. */
static uint64_t key_bit(unsigned held_lock, unsigned wanted, unsigned place)
{
	return UINT64_C(1) << ((held_lock * LOCKS + wanted) * 3 + place) % 61;
}

static bool reads(enum ttrec_op op)
{
	return op == TTREC_OP_RDLOCK || op == TTREC_OP_TRYRDLOCK || op == TTREC_OP_TIMEDRDLOCK;
}

static bool tries(enum ttrec_op op)
{
	return op == TTREC_OP_TRYLOCK || op == TTREC_OP_TRYRDLOCK;
}

static bool conflict(const struct fact *asks, const struct fact *has, unsigned held)
{
	return asks->wanted == has->held[held] && (!reads(asks->op) || !reads(has->held_op[held]) || p.strict[asks->wanted]);
}

static bool gated(const struct fact *a, const struct fact *b)
{
	for (unsigned i = 0; i < a->held_count; i++)
		for (unsigned k = 0; k < b->held_count; k++)
			if (a->held[i] == b->held[k] && !(reads(a->held_op[i]) && reads(b->held_op[k])))
				return true;
	return false;
}

static bool before(const struct when *a, const struct when *b)
{
	return b->clock[a->thread] >= a->clock[a->thread];
}

static bool assign(struct chain *c, unsigned at)
{
	if (at == c->n)
		return true;
	const struct fact *f = &p.f[c->fact[at]];
	for (unsigned i = 0; i < f->times; i++) {
		bool good = true;
		for (unsigned k = 0; k < at && good; k++) {
			const struct when *other = &p.f[c->fact[k]].when[c->when[k]], *mine = &f->when[i];
			good = other->thread != mine->thread && !before(other, mine) && !before(mine, other);
		}
		c->when[at] = i;
		if (good && assign(c, at + 1))
			return true;
	}
	return false;
}

static void judge(struct chain *c)
{
	uint64_t set = 0;
	if (!conflict(&p.f[c->fact[c->n - 1]], &p.f[c->fact[0]], c->held[0]) || !assign(c, 0))
		return;
	for (unsigned i = 0; i < c->n; i++) {
		const struct fact *f = &p.f[c->fact[i]];
		set |= key_bit(f->held[c->held[i]], f->wanted, f->place);
	}
	for (unsigned i = 0; i < wants; i++)
		if (want[i] == set)
			return;
	if (wants < SETS)
		want[wants++] = set;
}

static void extend(struct chain *c)
{
	for (unsigned i = 0; i < p.facts; i++) {
		const struct fact *f = &p.f[i];
		bool good = !tries(f->op);
		for (unsigned k = 0; k < c->n && good; k++)
			good = c->fact[k] != i && p.f[c->fact[k]].wanted != f->wanted && !gated(&p.f[c->fact[k]], f);
		for (unsigned h = 0; h < f->held_count && good; h++) {
			if (c->n && !conflict(&p.f[c->fact[c->n - 1]], f, h))
				continue;
			c->fact[c->n] = i;
			c->held[c->n++] = h;
			if (c->n >= 2)
				judge(c);
			extend(c);
			c->n--;
		}
	}
}

/* Only sets that include no other one. */
static unsigned least(uint64_t *set, unsigned n)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < n; i++) {
		bool good = true;
		for (unsigned k = 0; k < n && good; k++)
			good = set[k] == set[i] || (set[k] & ~set[i]) != 0;
		if (good)
			set[kept++] = set[i];
		else
			set[i] = ~UINT64_C(0); /* includes another one, so whatever includes it does, too */
	}
	return kept;
}

/* ------------------------------------------------------------------ the comparison */

static uint64_t key_of(void *ctx, const struct tt_dep *d, const struct tt_dep_held *h)
{
	(void)ctx;
	return key_bit(h->lock->index, d->wanted->index, (unsigned)(d->site->pc - 0x403000) / 16);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static unsigned found_sets(const struct tt_order *o, uint64_t *set)
{
	unsigned n = 0;
	const struct tt_order_cycle *c;
	vec_for_each (c, &o->cycles) {
		if (c->why)
			continue;
		set[n] = 0;
		for (unsigned i = 0; i < c->length; i++)
			set[n] |= key_of(NULL, c->steps[i].dep, c->steps[i].held);
		n++;
	}
	return n;
}

static unsigned total, left_out;

static bool agrees(bool explain)
{
	static uint64_t got[SETS];
	struct chain c = {.n = 0};
	make_program();
	wants = 0;
	extend(&c);
	wants = least(want, wants);
	struct tt_model *m = rb_model(p.rb, NULL);
	struct tt_order_opts opts = {.key = key_of, .left_out = explain};
	struct tt_order order;
	bool good = tt_order_find(m, &opts, &order) == 0 && order.bounded.len == 0;
	unsigned n = good ? found_sets(&order, got) : 0;
	qsort(want, wants, sizeof(*want), by_value);
	qsort(got, n, sizeof(*got), by_value);
	good &= n == wants && memcmp(got, want, n * sizeof(*got)) == 0;
	total += n;
	left_out += (unsigned)(order.cycles.len - n);
	tt_order_deinit(&order);
	tt_model_destroy(m);
	rb_destroy(p.rb);
	if (!good)
		diag("found %u sets, expected %u", n, wants);
	return good;
}

int main(void)
{
	unsigned good = 0;
	for (unsigned i = 0; i < PROGRAMS; i++) {
		seed = i * 7919 + 1;
		if (agrees(i & 1))
			good++;
		else
			diag("program %u", i);
	}
	diag("%u programs, %u cycles, %u left out", PROGRAMS, total, left_out);
	is_int(good, PROGRAMS, "what is found in random programs is what the definition says");
	ok(total > PROGRAMS / 10, "and they have cycles");
	ok(left_out > PROGRAMS / 10, "and cycles that are left out");
	return done();
}
