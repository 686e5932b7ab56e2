/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_findings_rules.c - every detector on hand-made recordings: what it reports, at which limit, and what it must not report.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/findings/detect.h"

#define MS    UINT64_C(1000000)
#define SEC   (1000 * MS)
#define ROUT  0x402000
#define BIRTH RB_SITE(0x401000, LOCK)
#define IN    RB_SITE(0x401010, LOCK)
#define OTHER RB_SITE(0x401020, LOCK)

static struct {
	struct recbuild *rb;
	struct tt_model *model;
	struct tt_findings set;
	struct tt_thresholds limits;
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

static void begin(void)
{
	x.rb = rb_create("/usr/bin/prog", 4242);
	tt_thresholds_init(&x.limits);
}

static void detect(void)
{
	static const struct tt_namer namer = {.place = place};
	x.model = rb_model(x.rb, NULL);
	struct tt_detect d = {x.model, &x.limits, &namer, &x.set};
	is_int(tt_detect_all(&d), 0, "the detectors run");
}

static void end(void)
{
	tt_findings_deinit(&x.set);
	x.set = (struct tt_findings)TT_FINDINGS_INIT;
	tt_model_destroy(x.model);
	rb_destroy(x.rb);
}

static const struct tt_finding *found(enum tt_rule rule)
{
	const struct tt_finding *f;
	vec_for_each (f, &x.set.list)
		if (f->rule == rule)
			return f;
	return NULL;
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

/* ------------------------------------------------------------------ lock-contention */

static struct ttrec_lock *contended(struct ttrec_thread *t, uint64_t address, uint64_t waits, uint64_t wait_ns)
{
	struct ttrec_lock *l = rb_lock(x.rb, TTREC_KIND_MUTEX, address, BIRTH);
	rb_count(x.rb, t, l, IN, 1000);
	rb_stat_add(rb_stat(x.rb, l, 0), wait_ns, waits);
	rb_wait(x.rb, l, IN, OTHER, waits, waits * wait_ns, wait_ns);
	return l;
}

static void test_contention(void)
{
	begin();
	struct ttrec_thread *t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	contended(t, 0x5000, 10, 20 * MS);
	detect();
	const struct tt_finding *f = found(TT_RULE_LOCK_CONTENTION);
	if (ok(f, "a lock that costs a fifth of the time is reported")) {
		is_str(f->title,
			"Threads lost 200 ms (20 % of wall time) waiting for mutex of f_401000, held mostly by f_401020",
			"its title says what it costs and who holds it");
		is_int(f->confidence, TT_PROVEN, "it is proven");
		is_int(f->cost_ns, 200 * MS, "its cost is the time waited");
		ok(says(f, "10 of 1.00 k acquisitions had to wait"), "it says how many waited");
		ok(says(f, "f_401010 (prog.c:7) waited 200 ms for f_401020 (prog.c:7)"), "and where for whom");
		is_int(figure(f, "wait_ns"), 200 * MS, "it has the figures for machines");
		is_int(f->locks.len, 1, "and the lock");
	}
	end();
}

static void test_contention_limits(void)
{
	begin();
	struct ttrec_thread *t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	contended(t, 0x5000, 10, 4 * MS);
	detect();
	ok(!found(TT_RULE_LOCK_CONTENTION), "4 percent of the wall time are no finding");
	end();

	begin();
	t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	contended(t, 0x5000, 10, 4 * MS);
	tt_thresholds_set(&x.limits, "contention-pct=3", NULL);
	detect();
	ok(found(TT_RULE_LOCK_CONTENTION), "with a lower threshold they are");
	end();

	begin();
	t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	contended(t, 0x5000, 2, 100 * MS);
	detect();
	ok(!found(TT_RULE_LOCK_CONTENTION), "two waits are no contention");
	end();
}

static void test_contention_class(void)
{
	begin();
	struct ttrec_thread *t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	for (unsigned i = 0; i < 20; i++)
		contended(t, 0x5000 + i * 64, 5, 1 * MS);
	detect();
	const struct tt_finding *f = found(TT_RULE_LOCK_CONTENTION);
	if (ok(f, "many locks of one birth place that cost little each are reported together")) {
		is_int(figure(f, "locks"), 20, "it says how many they are");
		ok(says(f, "a class of 20 locks; the worst one has 5.0 % of the time"), "and how much the worst of them has");
		is_int(f->locks.len, 8, "the worst eight are named");
	}
	is_int(x.set.list.len, 1, "as one finding");
	end();
}

static void test_waiting_for_work(void)
{
	begin();
	struct ttrec_thread *t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_lock *c = rb_lock(x.rb, TTREC_KIND_COND, 0x6000, RB_SITE(0x401000, COND_WAIT));
	rb_count(x.rb, t, c, RB_SITE(0x401010, COND_WAIT), 10);
	rb_stat_add(rb_stat(x.rb, c, 0), 90 * MS, 10);
	rb_wait(x.rb, c, RB_SITE(0x401010, COND_WAIT), 0, 10, 900 * MS, 90 * MS);
	detect();
	is_int(x.set.list.len, 0, "a thread that waits for work in a condition is no finding");
	end();
}

/* ------------------------------------------------------------------ lock-long-hold */

static void held_for(uint64_t hold_ns, uint64_t waits, uint64_t wait_ns)
{
	begin();
	struct ttrec_thread *t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_lock *l = rb_lock(x.rb, TTREC_KIND_MUTEX, 0x5000, BIRTH);
	rb_count(x.rb, t, l, IN, 100);
	rb_count(x.rb, t, l, OTHER, 100);
	if (waits) {
		rb_stat_add(rb_stat(x.rb, l, 0), wait_ns, waits);
		rb_wait(x.rb, l, IN, OTHER, waits, waits * wait_ns, wait_ns);
	}
	struct ttrec_lsite *s = rb_lsite(x.rb, l, OTHER, 1);
	if (hold_ns) {
		s->hold_samples = s->hold_weight = 1;
		s->hold_ns = s->hold_timed_ns = s->hold_max_ns = hold_ns;
	}
	detect();
}

static void test_long_hold(void)
{
	held_for(300 * MS, 1, 250 * MS);
	const struct tt_finding *f = found(TT_RULE_LOCK_LONG_HOLD);
	if (ok(f, "a long hold that others waited for is reported")) {
		is_str(f->title, "f_401020 held mutex of f_401000 for 300 ms while others waited for it",
			"with the holder and the time");
		is_int(f->confidence, TT_PROVEN, "it was timed: it is proven");
		is_int(f->cost_ns, 250 * MS, "it costs what others waited");
	}
	end();

	held_for(300 * MS, 0, 0);
	ok(!found(TT_RULE_LOCK_LONG_HOLD), "a long hold that nobody waited for costs nothing");
	end();

	held_for(300 * MS, 2, 5 * MS);
	ok(!found(TT_RULE_LOCK_LONG_HOLD), "nor does one that others hardly waited for");
	end();

	held_for(20 * MS, 2, 250 * MS);
	ok(!found(TT_RULE_LOCK_LONG_HOLD), "a long wait behind short holds is no long hold");
	end();

	held_for(0, 2, 250 * MS);
	f = found(TT_RULE_LOCK_LONG_HOLD);
	ok(f && f->confidence == TT_LIKELY, "where no hold was timed, a long wait makes it likely");
	end();
}

/* ------------------------------------------------------------------ parking */

/* A lock as a gate: its holder waits for events while it holds it, and lets it go in the function at `let_go`. */
static void park(uint64_t let_go, uint64_t idle_count, uint64_t waiter_hold_ns)
{
	begin();
	struct ttrec_thread *t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_lock *l = contended(t, 0x5000, 10, 20 * MS);
	rb_lsite(x.rb, l, OTHER, 10)->release_stack = rb_stack(x.rb, &let_go, 1);
	struct ttrec_lsite *s = rb_lsite(x.rb, l, IN, 10);
	s->hold_samples = s->hold_weight = 10;
	s->hold_ns = s->hold_timed_ns = 10 * waiter_hold_ns;
	rb_misuse(x.rb, TTREC_MISUSE_HELD_BLOCKING, l, RB_SITE(0x401500, LOOP_WAIT))->count = idle_count;
	detect();
}

static void test_parking(void)
{
	const uint64_t elsewhere = 0x409000, where_taken = TTREC_SITE_PC(OTHER);
	park(elsewhere, 10, 1000);
	const struct tt_finding *f = found(TT_RULE_LOCK_CONTENTION);
	if (ok(f, "threads kept behind a lock while there is no work are mentioned")) {
		is_int(f->level, TT_LEVEL_NOTE, "as a note");
		is_int(figure(f, "parked_ns"), 200 * MS, "with the time that they were parked");
		is_int(f->cost_ns, 0, "which costs nothing");
	}
	end();

	static const struct {
		const char *why;
		uint64_t let_go, idle_count, waiter_hold_ns;
	} cases[] = {
		{"a lock let go where it was taken", where_taken, 10, 1000},
		{"a holder that seldom waits itself", elsewhere, 9, 1000},
		{"waiters that work under the lock", elsewhere, 10, 1 * MS},
	};
	for (unsigned i = 0; i < 3; i++) {
		park(cases[i].let_go, cases[i].idle_count, cases[i].waiter_hold_ns);
		f = found(TT_RULE_LOCK_CONTENTION);
		ok(f && f->level == TT_LEVEL_WARNING, "%s: contention", cases[i].why);
		end();
	}
}

/* ------------------------------------------------------------------ lock-starvation */

/* Waits of two threads for one lock, by events; nobody holds it longer than hold_ns. */
static void starve(uint64_t victim_waits, uint64_t victim_ns, uint64_t peer_waits, uint64_t peer_ns, uint64_t hold_ns)
{
	begin();
	struct ttrec_thread *t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	rb_thread(x.rb, 2, TTREC_THREAD_RUNNING);
	rb_thread(x.rb, 3, TTREC_THREAD_RUNNING);
	struct ttrec_lock *l = rb_lock(x.rb, TTREC_KIND_MUTEX, 0x5000, BIRTH);
	rb_count(x.rb, t, l, IN, 100);
	struct ttrec_lsite *s = rb_lsite(x.rb, l, IN, 1);
	s->hold_samples = s->hold_weight = 1;
	s->hold_ns = s->hold_timed_ns = s->hold_max_ns = hold_ns;
	for (uint64_t i = 0; i < victim_waits + peer_waits; i++) {
		bool victim = i < victim_waits;
		struct ttrec_event *e =
			rb_event(x.rb, TTREC_EVENT_WAIT, victim ? 2 : 3, (i + 1) * 10 * MS, victim ? victim_ns : peer_ns);
		e->site = TTREC_SITE_PC(IN);
		e->op = TTREC_OP_LOCK;
		e->uid = TTREC_UID(l->index, l->gen);
		e->a = 1;
		e->b = IN;
	}
	detect();
}

static void test_starvation(void)
{
	starve(10, 30 * MS, 10, 1 * MS, 30 * MS);
	const struct tt_finding *f = found(TT_RULE_LOCK_STARVATION);
	if (ok(f, "a thread that waits 30 times longer than its peer is reported")) {
		is_int(f->confidence, TT_POSSIBLE, "as possible: the holds were as long as its waits");
		ok(says(f, "1 other thread waited 10 times, 1.00 ms on average"), "with the waits of its peer");
		ok(f->threads.len == 2 && f->threads.data[0]->serial == 2, "it names the thread");
	}
	end();

	starve(1, 500 * MS, 10, 1 * MS, 2 * MS);
	f = found(TT_RULE_LOCK_STARVATION);
	ok(f && f->confidence == TT_LIKELY, "a wait many times longer than any hold is likely starvation");
	end();

	starve(10, 30 * MS, 10, 25 * MS, 30 * MS);
	ok(!found(TT_RULE_LOCK_STARVATION), "threads that wait alike do not starve");
	end();

	starve(1, 500 * MS, 10, 1 * MS, 400 * MS);
	ok(!found(TT_RULE_LOCK_STARVATION), "one wait for one long hold is no starvation");
	end();
}

/* ------------------------------------------------------------------ threads */

static struct ttrec_group *pool(uint64_t created, uint64_t ended, uint64_t joined)
{
	struct ttrec_group *g = rb_group(x.rb, ROUT, 0x401100);
	g->created = g->started = created;
	g->ended = ended;
	g->joined = joined;
	g->live = created - ended;
	g->peak = created;
	g->first_ns = g->last_ns = 10;
	return g;
}

static struct ttrec_thread *member(struct ttrec_group *g, uint64_t serial, enum ttrec_thread_state state, uint64_t created_ns)
{
	struct ttrec_thread *t = rb_thread(x.rb, serial, state);
	t->group = rb_ref(x.rb, g);
	t->start_routine = ROUT;
	t->create_site = 0x401100;
	t->created_ns = t->started_ns = created_ns;
	return t;
}

static void leak(enum ttrec_state state, uint64_t age_ns)
{
	begin();
	x.rb->header->state = state;
	x.rb->header->end_ns = 60 * SEC;
	rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_group *g = pool(4, 2, 0);
	for (unsigned i = 0; i < 2; i++)
		member(g, 2 + i, TTREC_THREAD_ENDED, 10)->ended_ns = x.rb->header->end_ns - age_ns;
	for (unsigned i = 0; i < 2; i++)
		member(g, 4 + i, TTREC_THREAD_RUNNING, 10);
	detect();
}

static void test_leaks(void)
{
	leak(TTREC_STATE_EXITED, 1 * SEC);
	const struct tt_finding *f = found(TT_RULE_THREAD_LEAK_UNJOINED);
	if (ok(f, "threads that ended unjoined are reported when the program exited")) {
		is_int(f->level, TT_LEVEL_ERROR, "as an error");
		is_str(f->title, "2 threads of f_402000 ended and were never joined", "with their start routine");
		ok(says(f, "2 of 4 threads created in f_401100"), "and where they were created");
		is_int(f->threads.len, 2, "and the threads");
	}
	f = found(TT_RULE_THREAD_LEAK_RUNNING);
	if (ok(f, "threads that still ran at exit are reported"))
		is_int(figure(f, "running"), 2, "with their number");
	end();

	static const enum ttrec_state forced[] = {
		TTREC_STATE_FORCED, TTREC_STATE_EXEC, TTREC_STATE_ABORTED, TTREC_STATE_RUNNING};
	for (unsigned i = 0; i < 4; i++) {
		leak(forced[i], 1 * SEC);
		is_int(x.set.list.len, 0, "at a forced end (%u) threads that live or just ended are no leak", forced[i]);
		end();
	}
	leak(TTREC_STATE_FORCED, 30 * SEC);
	f = found(TT_RULE_THREAD_LEAK_UNJOINED);
	ok(f && f->level == TT_LEVEL_WARNING && f->confidence == TT_POSSIBLE,
		"one that ended long before a forced end is a possible leak, and a warning");
	end();
}

static void test_idle_at_exit(void)
{
	begin();
	rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_group *g = pool(3, 0, 0);
	struct ttrec_lock *work = rb_lock(x.rb, TTREC_KIND_COND, 0x5000, BIRTH);
	for (unsigned i = 0; i < 3; i++)
		rb_waiting(member(g, 2 + i, TTREC_THREAD_RUNNING, 10), work, RB_SITE(0x401500, COND_WAIT), 1000, 0);
	detect();
	const struct tt_finding *f = found(TT_RULE_THREAD_LEAK_RUNNING);
	if (ok(f, "threads that wait for work at exit are mentioned")) {
		is_int(f->level, TT_LEVEL_NOTE, "as a note");
		is_str(f->title, "3 joinable threads were idle when the program ended", "with their number");
		ok(says(f, "3 of f_402000, created in f_401100 (prog.c:7): in cond_wait"), "and where they are");
	}
	end();
}

static void test_detached(void)
{
	begin();
	rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_group *g = pool(1, 0, 0);
	member(g, 2, TTREC_THREAD_RUNNING, 10)->flags |= TTREC_THREAD_DETACHED;
	detect();
	is_int(x.set.list.len, 0, "a detached thread that runs at exit is meant to");
	end();
}

static void grow(unsigned count, uint64_t step_ns)
{
	begin();
	x.rb->header->state = TTREC_STATE_FORCED;
	x.rb->header->end_ns = 20 * SEC;
	rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_group *g = pool(count, 0, 0);
	for (unsigned i = 0; i < count; i++)
		member(g, 2 + i, TTREC_THREAD_RUNNING, 10 + i * step_ns);
	detect();
}

static void test_growth(void)
{
	grow(20, 1 * SEC);
	const struct tt_finding *f = found(TT_RULE_THREAD_LEAK_GROWTH);
	if (ok(f, "threads that only accumulate are reported")) {
		is_int(figure(f, "live"), 20, "with their number");
		is_int(f->confidence, TT_LIKELY, "it is likely: none ever ended");
	}
	end();
	grow(20, 1 * MS);
	ok(!found(TT_RULE_THREAD_LEAK_GROWTH), "a pool that fills at once does not grow");
	end();
	grow(12, 1 * SEC);
	ok(!found(TT_RULE_THREAD_LEAK_GROWTH), "a few threads are no growth");
	end();
}

/* ------------------------------------------------------------------ event loops, what is invisible */

/* may_wait, single: of the calls. */
static void loop_of(uint64_t calls, uint64_t stall_ns, uint64_t wait_ns, uint64_t cond_ns, uint64_t may_wait, uint64_t single)
{
	begin();
	struct ttrec_thread *t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_loop *l = rb_loop(x.rb, 1, 0x401300);
	t->loop = rb_ref(x.rb, l);
	t->waits[TTREC_WAIT_COND] = (struct ttrec_total){1, cond_ns};
	l->calls = calls;
	l->wait_ns = wait_ns;
	l->may_wait = may_wait;
	l->single = single;
	l->max_ns = stall_ns;
	l->max_at_ns = 500 * MS;
	l->busy_ns = stall_ns + calls * 1000;
	l->stalls = 1;
	l->hist[ttrec_hist_bucket(stall_ns)]++;
	l->hist[ttrec_hist_bucket(1000)] += calls - 1;
	detect();
}

static void loop(uint64_t calls, uint64_t stall_ns, uint64_t wait_ns, uint64_t cond_ns)
{
	loop_of(calls, stall_ns, wait_ns, cond_ns, calls, 0);
}

static void test_loops(void)
{
	loop(1000, 250 * MS, 500 * MS, 0);
	const struct tt_finding *f = found(TT_RULE_EVENT_LOOP_BLOCKED);
	if (ok(f, "a loop that stood still for 250 ms is reported")) {
		is_str(f->title, "The event loop of thread 4242 was blocked for 250 ms", "with its thread and the time");
		is_int(figure(f, "stall_max_ns"), 250 * MS, "and as a figure");
	}
	end();
	loop(1000, 80 * MS, 500 * MS, 0);
	ok(!found(TT_RULE_EVENT_LOOP_BLOCKED), "80 ms are not");
	end();
	loop(3, 250 * MS, 500 * MS, 0);
	ok(!found(TT_RULE_EVENT_LOOP_BLOCKED), "a thread that polled three times serves no loop");
	end();
	loop(1000, 900 * MS, 1 * MS, 0);
	ok(found(TT_RULE_EVENT_LOOP_BLOCKED), "a loop that hardly ever waits can be blocked too");
	end();
	loop(1000, 900 * MS, 1 * MS, 800 * MS);
	ok(!found(TT_RULE_EVENT_LOOP_BLOCKED), "one that polls between waits for its workers is none");
	end();
	loop_of(1000, 900 * MS, 1 * MS, 0, 0, 0);
	ok(!found(TT_RULE_EVENT_LOOP_BLOCKED), "who never lets the call wait only looks");
	end();
	loop_of(1000, 250 * MS, 500 * MS, 200 * MS, 1000, 1000);
	ok(!found(TT_RULE_EVENT_LOOP_BLOCKED),
		"a worker that polls one connection, and waits for tasks between, serves no loop");
	end();
	loop_of(1000, 250 * MS, 500 * MS, 0, 1000, 1000);
	ok(found(TT_RULE_EVENT_LOOP_BLOCKED), "a loop of one descriptor can be blocked");
	end();
	loop_of(1000, 250 * MS, 500 * MS, 200 * MS, 1000, 999);
	ok(found(TT_RULE_EVENT_LOOP_BLOCKED), "so can one of several that waits for its workers");
	end();
}

static void test_invisible(void)
{
	begin();
	struct ttrec_thread *t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	rb_module(x.rb, "/usr/lib/libgomp.so.1.0.0", 0x7f0000000000, 0x10000, 1);
	rb_module(x.rb, "/usr/lib/libgomplex.so", 0x7f0000100000, 0x10000, 2);
	struct ttrec_lock *l = rb_lock(x.rb, TTREC_KIND_FUTEX, 0x5000, RB_SITE(0x401000, FUTEX_WAIT));
	rb_count(x.rb, t, l, RB_SITE(0x401010, FUTEX_WAIT), 3);
	detect();
	unsigned openmp = 0, futex = 0;
	const struct tt_finding *f;
	vec_for_each (f, &x.set.list) {
		is_int(f->level, TT_LEVEL_NOTE, "what cannot be seen is a note");
		openmp += strstr(f->title, "OpenMP") != NULL;
		futex += strstr(f->title, "Locks built on the futex") != NULL;
	}
	is_int(openmp, 1, "a runtime that locks by itself is named once");
	is_int(futex, 1, "futex words are");
	end();
}

/* ------------------------------------------------------------------ identity */

static uint64_t fingerprint_at(uint64_t slide, uint64_t wait_ns)
{
	begin();
	struct ttrec_thread *t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	contended(t, 0x5000 + slide, 10, wait_ns);
	detect();
	const struct tt_finding *f = found(TT_RULE_LOCK_CONTENTION);
	uint64_t fingerprint = f ? f->fingerprint : 0;
	end();
	return fingerprint;
}

static void test_fingerprint(void)
{
	uint64_t first = fingerprint_at(0, 20 * MS);
	ok(first, "a finding has a fingerprint");
	is_u64(fingerprint_at(0x100000, 35 * MS), first, "which the lock's address and the time waited do not change");
}

int main(void)
{
	test_contention();
	test_contention_limits();
	test_contention_class();
	test_waiting_for_work();
	test_long_hold();
	test_parking();
	test_starvation();
	test_leaks();
	test_idle_at_exit();
	test_detached();
	test_growth();
	test_loops();
	test_invisible();
	test_fingerprint();
	return done();
}
