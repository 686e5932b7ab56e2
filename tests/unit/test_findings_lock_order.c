/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_findings_lock_order.c - the words, the identity and the steps of lock-order findings, on hand-made recordings. What
 * counts as a cycle is test_model_order.c's.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/findings/detect.h"

#define SITE(n) RB_SITE(0x401000 + (n)*16, LOCK)

static struct {
	struct recbuild *rb;
	struct ttrec_thread *t[5];
	struct ttrec_lock *l[5];
	struct tt_model *model;
	struct tt_findings set;
	struct tt_thresholds limits;
	uint64_t slide; /* of the program in memory */
	bool one_function;
} x;

/* Places are called by their offsets: f_10. */
static struct tt_place place(void *ctx, const struct tt_site *site, const struct tt_stack *stack)
{
	static char names[64][24];
	static unsigned next;
	char *name = names[next++ % 64];
	uint64_t pc = stack ? stack->frames[0].pc : site->pc;
	(void)ctx;
	snprintf(name, sizeof(names[0]), "f_%" PRIx64, x.one_function ? 0 : pc - x.slide - 0x401000);
	return (struct tt_place){.function = name, .module = "prog", .file = "/src/prog.c", .line = 7};
}

static const char *lock_class(void *ctx, const struct tt_lock_class *c)
{
	static char names[64][24];
	static unsigned next;
	char *name = names[next++ % 64];
	(void)ctx;
	snprintf(name, sizeof(names[0]), "mutex %c", (int)('A' + (c->birth_site->pc - x.slide - 0x401000) / 16 - 100));
	return name;
}

static void begin(uint64_t slide)
{
	x.slide = slide;
	x.rb = rb_create("/usr/bin/prog", 4242);
	rb_module(x.rb, "/usr/bin/prog", 0x400000 + slide, 0x10000, 0xab);
	tt_thresholds_init(&x.limits);
	for (uint64_t i = 0; i < 5; i++) {
		x.t[i] = rb_thread(x.rb, i + 1, TTREC_THREAD_RUNNING);
		x.t[i]->tid = 7000 + (uint32_t)i;
		x.t[i]->creator = i ? 1 : 0;
		x.l[i] = rb_lock(x.rb, TTREC_KIND_MUTEX, 0x5000 + slide + i * 64, SITE(100 + i) + slide);
	}
}

/* Thread t holds a (taken at place p) and asks for b (at place p + 1). */
static struct ttrec_dep *takes(unsigned t, unsigned a, unsigned b, unsigned p)
{
	const struct ttrec_lock *held[] = {x.l[a]};
	uint64_t site = SITE(p) + x.slide;
	return rb_dep(x.rb, x.l[b], SITE(p + 1) + x.slide, held, &site, 1, x.t[t]);
}

static const struct tt_finding *detect(bool explain)
{
	static const struct tt_namer namer = {.place = place, .lock_class = lock_class};
	x.model = rb_model(x.rb, NULL);
	x.set.explain = explain;
	struct tt_detect d = {x.model, &x.limits, &namer, &x.set};
	if (tt_detect_all(&d) < 0)
		return NULL;
	const struct tt_finding *f;
	vec_for_each (f, &x.set.list)
		if (strncmp(tt_rules[f->rule].id, "lock-order", 10) == 0)
			return f;
	return NULL;
}

static void end(void)
{
	tt_findings_deinit(&x.set);
	x.set = (struct tt_findings)TT_FINDINGS_INIT;
	tt_model_destroy(x.model);
	rb_destroy(x.rb);
}

static void test_two(void)
{
	begin(0);
	takes(1, 0, 1, 10);
	takes(2, 1, 0, 20)->first_ns = 200;
	const struct tt_finding *f = detect(false);
	if (ok(f && f->rule == TT_RULE_LOCK_ORDER_CYCLE, "two locks in opposite order are a finding")) {
		is_str(f->title, "f_b0 and f_150 take mutex A and mutex B in opposite order",
			"its title names functions and locks");
		is_int(f->level, TT_LEVEL_ERROR, "it is an error");
		is_int(f->confidence, TT_LIKELY, "which is likely");
		is_int(f->count, 1, "found once");
		is_str(f->advice,
			"Take mutex A before mutex B everywhere: change f_150 (prog.c:7), which asks for mutex A while it "
			"holds mutex B. Where that cannot be, use trylock there, and on failure let mutex B go and begin "
			"again.",
			"the advice says what to change: the later of the two");
		is_int(f->edges.len, 2, "it has two steps");
		is_int(f->threads.len, 2, "two threads");
		is_int(f->locks.len, 2, "and two locks");
		const struct tt_finding_edge *e = f->edges.data;
		is_str(e[0].thread_name, "thread 7001", "a step names its thread");
		is_str(e[0].held_name, "mutex A", "what it held");
		is_str(e[0].wanted_name, "mutex B", "and what it wanted");
		ok(e[0].hold.site->pc == 0x4010a0 && e[0].want.site->pc == 0x4010b0, "with the places of both");
		ok(e[0].wanted == e[1].held && e[1].wanted == e[0].held, "and the steps follow each other");
	}
	end();
}

static uint64_t fingerprint(uint64_t slide, bool turned, unsigned other)
{
	begin(slide);
	if (turned) {
		takes(2, 2, 0, 30);
		takes(3, 0, 1, 10);
		takes(1, 1, 2, 20);
	} else {
		takes(1, 0, 1, 10);
		takes(2, 1, 2, 20);
		takes(3, 2, 0, 30 + other);
	}
	const struct tt_finding *f = detect(false);
	uint64_t value = f ? f->fingerprint : 0;
	end();
	return value;
}

static void test_fingerprint(void)
{
	uint64_t value = fingerprint(0, false, 0);
	ok(value, "a ring of three is a finding");
	ok(value == fingerprint(0x7000000, false, 0), "its fingerprint does not depend on addresses");
	ok(value == fingerprint(0, true, 0), "nor on who came first");
	ok(value != fingerprint(0, false, 7), "another function is another one");
}

static void test_ring(void)
{
	begin(0);
	for (unsigned i = 0; i < 5; i++) {
		x.t[i]->creator_segment = 0;
		x.t[i]->segment = 1;
		takes(i, i, (i + 1) % 5, 10 * i);
	}
	const struct tt_finding *f = detect(false);
	ok(f, "a ring of five is a finding");
	is_str(f ? f->title : "",
		"f_10, f_b0, f_150, f_1f0 and more take 5 locks in a ring: mutex A, mutex B, mutex C, mutex D and more",
		"whose title names the first");
	is_int(f ? f->edges.len : 0, 5, "and which has all steps");
	end();
}

static void test_one_class(void)
{
	begin(0);
	for (unsigned i = 0; i < 4; i++)
		x.l[i]->birth_site = SITE(100);
	x.one_function = true;
	takes(1, 0, 1, 10);
	takes(2, 1, 0, 10);
	takes(1, 2, 3, 10);
	takes(2, 3, 2, 10);
	const struct tt_finding *f = detect(false);
	if (ok(f, "locks of one class in both orders are a finding")) {
		is_str(f->title, "f_0 takes two locks of one kind (mutex A) in both orders", "which says so");
		is_int(f->count, 2, "once for both pairs of locks");
		is_str(f->edges.data[0].held_name, "mutex A at 0x5000", "the steps tell them apart by address");
	}
	x.one_function = false;
	end();
}

static void test_left_out(void)
{
	begin(0);
	takes(1, 0, 1, 10);
	takes(1, 1, 0, 20);
	const struct tt_finding *f = detect(true);
	if (ok(f && f->rule == TT_RULE_LOCK_ORDER_SEQUENTIAL, "what one thread does is a note on request")) {
		is_int(f->level, TT_LEVEL_NOTE, "of that level");
		is_str(f->evidence.data[0], "thread 7001 did both: a thread does not wait for itself here", "with the reason");
	}
	end();

	begin(0);
	takes(1, 0, 1, 10);
	takes(1, 1, 0, 20);
	ok(!detect(false), "and nothing otherwise");
	end();

	begin(0);
	const struct ttrec_lock *one[] = {x.l[4], x.l[0]}, *two[] = {x.l[4], x.l[1]};
	uint64_t sites[] = {SITE(1), SITE(2)};
	rb_dep(x.rb, x.l[1], SITE(3), one, sites, 2, x.t[1]);
	rb_dep(x.rb, x.l[0], SITE(4), two, sites, 2, x.t[2]);
	f = detect(true);
	ok(f && f->rule == TT_RULE_LOCK_ORDER_GATED, "a gate is a note");
	is_str(f ? f->evidence.data[0] : "",
		"thread 7001 and thread 7002 both hold mutex E meanwhile, taken in f_10 (prog.c:7) and f_10 (prog.c:7): one of "
		"them is in at a time",
		"which names it");
	end();
}

static void test_doubts(void)
{
	begin(0);
	const struct ttrec_lock *held[] = {x.l[0]};
	uint64_t site = SITE(10);
	rb_dep(x.rb, x.l[1], RB_SITE(0x401200, TIMEDLOCK), held, &site, 1, x.t[1]);
	takes(2, 1, 0, 20);
	const struct tt_finding *f = detect(false);
	ok(f && f->level == TT_LEVEL_WARNING && f->confidence == TT_POSSIBLE, "a deadline makes it a warning that is possible");
	end();
}

/* The stack of a held lock's acquire is known when it was itself asked for under another one. */
static bool held_stack_by(unsigned asker)
{
	begin(0);
	uint64_t pc[] = {0x4010a0, 0x401500};
	const struct ttrec_lock *outer[] = {x.l[3]}, *both[] = {x.l[3], x.l[0]};
	uint64_t sites[] = {SITE(5), SITE(10)};
	rb_dep(x.rb, x.l[0], SITE(10), outer, sites, 1, x.t[asker])->stack = rb_stack(x.rb, pc, 2);
	rb_dep(x.rb, x.l[1], SITE(11), both, sites, 2, x.t[1]);
	takes(2, 1, 0, 20);
	const struct tt_finding *f = detect(false);
	bool known = f && f->edges.data[0].hold.stack && f->edges.data[0].hold.stack->count == 2;
	end();
	return known;
}

static void test_held_stack(void)
{
	ok(held_stack_by(1), "a held lock's stack is shown where it is known");
	ok(!held_stack_by(3), "that of another thread is not");
}

int main(void)
{
	test_two();
	test_fingerprint();
	test_ring();
	test_one_class();
	test_left_out();
	test_doubts();
	test_held_stack();
	return done();
}
