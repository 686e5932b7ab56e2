/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_findings_deadlock.c - what the rule deadlock says: title, steps, figures, how sure it is, and that its fingerprint is
 * the same wherever the cycle is entered. Which threads are stuck is test_model_waitfor.c's.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/findings/detect.h"

#define MS     UINT64_C(1000000)
#define BIRTH  RB_SITE(0x401000, NONE)
#define TAKES  RB_SITE(0x401010, LOCK)
#define WANTS  RB_SITE(0x401020, LOCK)
#define JOIN   RB_SITE(0x401030, JOIN)
#define ROUT_A 0x402000
#define ROUT_B 0x403000

static struct {
	struct recbuild *rb;
	struct tt_model *model;
	struct tt_findings set;
	struct tt_thresholds limits;
	struct ttrec_thread *t[4];
	struct ttrec_lock *l[3];
} x;

/* Places are called by their addresses: f_401010. */
static struct tt_place place(void *ctx, const struct tt_site *site, const struct tt_stack *stack)
{
	static char names[64][24];
	static unsigned next;
	char *name = names[next++ % 64];
	(void)ctx;
	snprintf(name, sizeof(names[0]), "f_%" PRIx64, site ? site->pc : stack->frames[0].pc);
	return (struct tt_place){.function = name, .module = "prog", .file = "/src/prog.c", .line = 7};
}

/* A killed process with the main thread, one of ROUT_A and one of ROUT_B, and three mutexes. */
static void begin(void)
{
	x.rb = rb_create("/usr/bin/prog", 4242);
	x.rb->header->state = TTREC_STATE_RUNNING;
	x.rb->header->end_ns = 1000 * MS + 1;
	tt_thresholds_init(&x.limits);
	for (unsigned i = 0; i < 3; i++) {
		x.t[i] = rb_thread(x.rb, i + 1, TTREC_THREAD_RUNNING);
		x.l[i] = rb_lock(x.rb, TTREC_KIND_MUTEX, 0x5000 + i * 0x100, BIRTH);
		x.l[i]->type = TTREC_TYPE_NORMAL;
	}
	x.t[1]->start_routine = ROUT_A;
	x.t[1]->group = rb_ref(x.rb, rb_group(x.rb, ROUT_A, 0x404000));
	x.t[2]->start_routine = ROUT_B;
	x.t[2]->group = rb_ref(x.rb, rb_group(x.rb, ROUT_B, 0x404010));
}

static void holds_wants(unsigned thread, unsigned held, unsigned wanted, uint64_t since_ns)
{
	uint64_t pc[] = {TTREC_SITE_PC(WANTS), 0x406000 + thread};
	rb_held(x.rb, x.t[thread], x.l[held]->address, TAKES, 0, 0);
	rb_waiting(x.t[thread], x.l[wanted], WANTS, since_ns + 1, 0);
	x.t[thread]->waiting.stack = rb_stack(x.rb, pc, 2);
}

static void pair(unsigned first, unsigned second)
{
	holds_wants(first, 1, 2, 100 * MS);
	holds_wants(second, 2, 1, 400 * MS);
}

static const struct tt_finding *detect(void)
{
	static const struct tt_namer namer = {.place = place};
	x.model = rb_model(x.rb, NULL);
	struct tt_detect d = {x.model, &x.limits, &namer, &x.set};
	is_int(tt_detect_all(&d), 0, "the detectors run");
	const struct tt_finding *f;
	vec_for_each (f, &x.set.list)
		if (f->rule == TT_RULE_DEADLOCK)
			return f;
	return NULL;
}

static uint64_t end(const struct tt_finding *f)
{
	uint64_t fingerprint = f ? f->fingerprint : 0;
	tt_findings_deinit(&x.set);
	x.set = (struct tt_findings)TT_FINDINGS_INIT;
	tt_model_destroy(x.model);
	rb_destroy(x.rb);
	return fingerprint;
}

static bool says(const struct tt_finding *f, const char *part)
{
	const char *const *line;
	vec_for_each (line, &f->evidence)
		if (strstr(*line, part))
			return true;
	return false;
}

static uint64_t figure(const struct tt_finding *f, const char *key)
{
	const struct tt_figure *g;
	vec_for_each (g, &f->figures)
		if (strcmp(g->key, key) == 0)
			return g->value;
	return UINT64_MAX;
}

static void check_steps(const struct tt_finding *f)
{
	if (!is_int(f->edges.len, 2, "it has two steps"))
		return;
	const struct tt_finding_edge *a = &f->edges.data[0], *b = &f->edges.data[1];
	ok(a->thread && a->thread->serial == 2 && b->thread && b->thread->serial == 3, "of the two threads");
	ok(a->wanted && a->wanted == b->held && b->wanted == a->held, "each wants what the next one holds");
	ok(a->hold.site && a->hold.site->pc == TTREC_SITE_PC(TAKES), "where it was taken is told");
	ok(a->want.stack && a->want.stack->count == 2, "and the stack of who waits");
	has_str(a->wanted_name, "0x5200", "of several locks of one birth place the address tells which");
	is_int(f->threads.len, 2, "the threads are listed");
	is_int(f->locks.len, 2, "and the locks");
}

static void test_pair(void)
{
	begin();
	pair(1, 2);
	rb_waiting(x.t[0], NULL, JOIN, 50 * MS, 2);
	const struct tt_finding *f = detect();
	if (ok(f, "two threads that hold what the other wants are reported")) {
		is_str(f->title, "Deadlock: f_402000 and f_403000 wait for each other's mutexes", "by their start routines");
		is_int(f->level, TT_LEVEL_ERROR, "as an error");
		is_int(f->confidence, TT_PROVEN, "that is proven");
		has_str(f->reason, "when the process ended", "because they were in these waits at the end");
		check_steps(f);
		ok(says(f, "it had lasted 600 ms, since 400 ms after the start"), "it lasts since the last one came");
		ok(says(f, "1 more thread waits behind it"), "who waits for them is told");
		is_int(figure(f, "lasted_ns"), 600 * MS, "with figures for machines");
		is_int(figure(f, "threads"), 2, "how many threads");
		is_int(figure(f, "threads_behind"), 1, "how many behind");
	}
	uint64_t one = end(f);

	begin();
	pair(2, 1);
	f = detect();
	ok(f && end(f) == one, "the fingerprint is the same when the roles are swapped");
}

static void test_no_deadlock(void)
{
	begin();
	pair(1, 2);
	x.t[2]->waiting.op = TTREC_OP_TIMEDLOCK;
	const struct tt_finding *f = detect();
	ok(!f, "a wait with a deadline makes no deadlock");
	end(f);
}

static void test_titles(void)
{
	begin();
	holds_wants(1, 1, 1, 100 * MS);
	const struct tt_finding *f = detect();
	is_str(f ? f->title : NULL, "Deadlock: f_402000 waits for mutex of f_401000, which it holds itself",
		"a thread and itself");
	end(f);

	begin();
	rb_held(x.rb, x.t[0], x.l[1]->address, TAKES, 0, 0);
	rb_waiting(x.t[0], NULL, JOIN, 50 * MS, 2);
	holds_wants(1, 2, 1, 100 * MS);
	f = detect();
	is_str(f ? f->title : NULL,
		"Deadlock: the main thread waits for the end of f_402000, which waits for mutex of f_401000 that the first "
		"holds",
		"a join");
	ok(f && f->edges.len == 2 && strcmp(f->edges.data[1].held_name, "its own end") == 0, "whose step holds no lock");
	end(f);

	begin();
	holds_wants(0, 0, 1, 100 * MS);
	holds_wants(1, 1, 2, 100 * MS);
	holds_wants(2, 2, 0, 100 * MS);
	f = detect();
	is_str(f ? f->title : NULL, "Deadlock: 3 threads wait for each other in a circle: the main thread, f_402000, f_403000",
		"a ring");
	end(f);

	begin();
	rb_held(x.rb, x.t[1], x.l[1]->address, TAKES, 0, 0);
	x.t[1]->state = TTREC_THREAD_ENDING;
	rb_waiting(x.t[2], x.l[1], WANTS, 100 * MS, 0);
	f = detect();
	is_str(f ? f->title : NULL, "Deadlock: f_403000 waits for mutex of f_401000, which f_402000 held when it ended",
		"a mutex that a thread left locked");
	end(f);
}

static void test_confidence(void)
{
	begin();
	for (unsigned i = 1; i < 3; i++) {
		x.l[i]->kind = TTREC_KIND_SEM;
		x.l[i]->flags = TTREC_LOCK_SEM_BINARY | TTREC_LOCK_SEM_LOCKED;
		rb_held(x.rb, x.t[i], x.l[i]->address, RB_SITE(0x401010, SEM_WAIT), 0, 0);
		rb_waiting(x.t[i], x.l[3 - i], RB_SITE(0x401020, SEM_WAIT), 100 * MS, 0);
	}
	const struct tt_finding *f = detect();
	ok(f && f->confidence == TT_LIKELY, "semaphores as locks, while the main thread runs, are only likely");
	has_str(f ? f->reason : NULL, "any thread could", "because of that");
	end(f);

	begin();
	pair(1, 2);
	x.t[1]->waiting.flags = TTREC_WAITING_BORROWED;
	f = detect();
	ok(f && says(f, "1 of the stacks of waiting threads is that of an earlier wait"), "a borrowed stack is said to be one");
	end(f);
}

/* The same bug in many threads is one finding that says how often. */
static void test_many(void)
{
	begin();
	for (unsigned i = 0; i < 40; i += 2) {
		struct ttrec_lock *l[2];
		for (unsigned k = 0; k < 2; k++)
			l[k] = rb_lock(x.rb, TTREC_KIND_MUTEX, 0x9000 + (i + k) * 0x100, BIRTH);
		for (unsigned k = 0; k < 2; k++) {
			struct ttrec_thread *t = rb_thread(x.rb, 10 + i + k, TTREC_THREAD_RUNNING);
			rb_held(x.rb, t, l[k]->address, TAKES, 0, 0);
			rb_waiting(t, l[1 - k], WANTS, 100 * MS, 0);
		}
	}
	const struct tt_finding *f = detect();
	is_int(f ? f->count : 0, 20, "twenty pairs at the same places are one finding");
	end(f);
}

int main(void)
{
	test_pair();
	test_no_deadlock();
	test_titles();
	test_confidence();
	test_many();
	return done();
}
