/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_findings_misuse.c - misuse, locks held while blocked, and conditions, on hand-made recordings: what is reported at which
 * level and limit, and what must not be.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/findings/detect.h"

#define MS    UINT64_C(1000000)
#define SEC   (1000 * MS)
#define BIRTH RB_SITE(0x401000, LOCK)
#define TAKEN RB_SITE(0x401010, LOCK)
#define HERE  0x401500
#define EXIT  0x409000 /* the namer calls it exit, in libc */

static struct {
	struct recbuild *rb;
	struct ttrec_thread *t;
	struct ttrec_lock *l;
	struct tt_model *model;
	struct tt_findings set;
	struct tt_thresholds limits;
} x;

static struct tt_place place(void *ctx, const struct tt_site *site, const struct tt_stack *stack)
{
	static char names[64][24];
	static unsigned next;
	char *name = names[next++ % 64];
	(void)ctx;
	uint64_t pc = site ? site->pc : stack->frames[0].pc;
	if (pc == EXIT)
		return (struct tt_place){.function = "exit", .module = "libc.so.6"};
	snprintf(name, sizeof(names[0]), "f_%" PRIx64, pc);
	return (struct tt_place){.function = name, .module = "prog"};
}

/* A thread, and a lock that it took a thousand times. */
static void begin(enum ttrec_kind kind)
{
	x.rb = rb_create("/usr/bin/prog", 4242);
	tt_thresholds_init(&x.limits);
	x.t = rb_thread(x.rb, 1, TTREC_THREAD_RUNNING);
	x.l = rb_lock(x.rb, kind, 0x5000, BIRTH);
	if (kind == TTREC_KIND_MUTEX || kind == TTREC_KIND_RWLOCK)
		rb_count(x.rb, x.t, x.l, TAKEN, 1000);
}

static void detect(void)
{
	static const struct tt_namer namer = {.place = place};
	x.model = rb_model(x.rb, NULL);
	struct tt_detect d = {.model = x.model, .limits = &x.limits, .namer = &namer, .set = &x.set};
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

static struct ttrec_misuse *misuse(enum ttrec_misuse_type what)
{
	return rb_misuse(x.rb, what, x.l, RB_SITE(HERE, NONE));
}

/* ------------------------------------------------------------------ misuse */

static void test_unlock(void)
{
	begin(TTREC_KIND_MUTEX);
	rb_thread(x.rb, 2, TTREC_THREAD_RUNNING)->tid = 4711;
	struct ttrec_misuse *m = misuse(TTREC_MISUSE_UNLOCK_NOT_OWNER);
	m->other = 2;
	m->other_site = TAKEN;
	m->count = 7;
	detect();
	const struct tt_finding *f = found(TT_RULE_UNLOCK_NOT_OWNER);
	if (ok(f, "an unlock by a stranger is reported")) {
		is_str(f->title, "f_401500 unlocks mutex of f_401000, which thread 4711 holds", "with the holder");
		is_int(f->level, TT_LEVEL_ERROR, "as an error");
		is_int(f->stacks.len, 2, "with both places");
		is_int(f->threads.len, 2, "and both threads");
		is_u64(f->figures.data[0].value, 7, "and how often");
	}
	end();

	begin(TTREC_KIND_MUTEX);
	misuse(TTREC_MISUSE_UNLOCK_NOT_OWNER);
	x.l->flags |= TTREC_LOCK_PSHARED;
	detect();
	is_int(x.set.list.len, 0, "a lock that processes share may have a holder that is not seen");
	end();

	begin(TTREC_KIND_MUTEX);
	misuse(TTREC_MISUSE_UNLOCK_NOT_OWNER);
	x.l->type = TTREC_TYPE_ERRORCHECK;
	detect();
	f = found(TT_RULE_LOCK_CALL_FAILED);
	ok(f && f->level == TT_LEVEL_NOTE && x.set.list.len == 1, "an error-checking mutex told it: a note");
	end();

	begin(TTREC_KIND_MUTEX);
	misuse(TTREC_MISUSE_EXIT_HOLDING)->count = 0;
	detect();
	is_int(x.set.list.len, 0, "a fact that was taken back is none");
	end();
}

static void test_destroy(void)
{
	const uint64_t pcs[2] = {HERE, EXIT};
	begin(TTREC_KIND_MUTEX);
	misuse(TTREC_MISUSE_DESTROY_LOCKED)->other = 1;
	detect();
	const struct tt_finding *f = found(TT_RULE_DESTROY_LOCKED);
	ok(f && f->level == TT_LEVEL_ERROR, "a lock destroyed while it is held is an error");
	if (f)
		is_str(f->title, "f_401500 destroys mutex of f_401000, which it holds itself", "that says who holds it");
	end();

	begin(TTREC_KIND_MUTEX);
	misuse(TTREC_MISUSE_DESTROY_LOCKED)->stack = rb_stack(x.rb, pcs, 2);
	detect();
	f = found(TT_RULE_DESTROY_LOCKED);
	ok(f && f->level == TT_LEVEL_NOTE && f->confidence == TT_POSSIBLE, "below exit() it is a note");
	end();
}

static void test_designed(void)
{
	begin(TTREC_KIND_MUTEX);
	x.l->flags |= TTREC_LOCK_ROBUST;
	misuse(TTREC_MISUSE_EXIT_HOLDING)->other_site = 0x402000;
	misuse(TTREC_MISUSE_ERROR)->other = ENOTRECOVERABLE;
	detect();
	is_int(x.set.list.len, 0, "robust mutexes are there for owners that die");
	end();

	begin(TTREC_KIND_MUTEX);
	misuse(TTREC_MISUSE_EXIT_HOLDING)->other_site = 0x402000;
	detect();
	const struct tt_finding *f = found(TT_RULE_EXIT_HOLDING);
	if (ok(f, "others are not"))
		is_str(f->title, "A thread of f_402000 ended holding mutex of f_401000, taken in f_401500",
			"and the title says which");
	end();

	begin(TTREC_KIND_RWLOCK);
	misuse(TTREC_MISUSE_RECURSIVE_READ);
	detect();
	is_int(x.set.list.len, 0, "a lock that prefers readers lets them in again");
	end();

	begin(TTREC_KIND_RWLOCK);
	x.l->type = TTREC_TYPE_PREFER_WRITER_NR;
	misuse(TTREC_MISUSE_RECURSIVE_READ);
	detect();
	f = found(TT_RULE_RECURSIVE_READ);
	ok(f && f->level == TT_LEVEL_WARNING && f->confidence == TT_LIKELY, "one that prefers writers does not");
	end();
}

/* ------------------------------------------------------------------ held while blocked */

static struct ttrec_misuse *blocked(unsigned op, enum ttrec_call call, uint64_t total_ns, uint64_t max_ns)
{
	struct ttrec_misuse *m = rb_misuse(x.rb, TTREC_MISUSE_HELD_BLOCKING, x.l, TTREC_SITE(HERE, op));
	m->other = call;
	m->other_site = TAKEN;
	m->total_ns = total_ns;
	m->max_ns = max_ns;
	return m;
}

static void test_blocked(void)
{
	begin(TTREC_KIND_MUTEX);
	blocked(TTREC_OP_SLEEP, TTREC_CALL_SLEEP, 9 * MS, 9 * MS);
	detect();
	ok(!found(TT_RULE_LOCK_HELD_BLOCKING), "9 ms are below the limit");
	end();

	begin(TTREC_KIND_MUTEX);
	blocked(TTREC_OP_SLEEP, TTREC_CALL_SLEEP, 9 * MS, 9 * MS);
	tt_thresholds_set(&x.limits, "held-blocking=9ms", NULL);
	detect();
	const struct tt_finding *f = found(TT_RULE_LOCK_HELD_BLOCKING);
	ok(f && f->level == TT_LEVEL_WARNING, "which can be lowered");
	if (f)
		is_str(f->title, "f_401500 sleeps while it holds mutex of f_401000: up to 9.00 ms",
			"the title says how it blocked");
	end();

	begin(TTREC_KIND_MUTEX);
	blocked(TTREC_OP_IO, TTREC_CALL_FSYNC, 120 * MS, 2 * MS);
	detect();
	f = found(TT_RULE_LOCK_HELD_BLOCKING);
	ok(f && f->level == TT_LEVEL_NOTE, "I/O under a lock that nobody waits for is a note, also by its sum");
	ok(f && strstr(f->title, "is blocked in fsync"), "with the call");
	end();

	begin(TTREC_KIND_MUTEX);
	blocked(TTREC_OP_IO, TTREC_CALL_READ, 50 * MS, 50 * MS);
	rb_wait(x.rb, x.l, RB_SITE(0x401020, LOCK), TAKEN, 3, 400 * MS, 200 * MS);
	detect();
	f = found(TT_RULE_LOCK_HELD_BLOCKING);
	ok(f && f->level == TT_LEVEL_WARNING, "when others waited it is a warning");
	ok(f && f->cost_ns == 50 * MS, "that costs no more than the time blocked for each waiter");
	end();

	begin(TTREC_KIND_MUTEX);
	blocked(TTREC_OP_FORK, TTREC_CALL_NONE, MS, MS);
	detect();
	f = found(TT_RULE_LOCK_HELD_BLOCKING);
	ok(f && f->level == TT_LEVEL_NOTE, "a fork is a note, however short");
	end();

	begin(TTREC_KIND_SEM);
	x.l->flags |= TTREC_LOCK_SEM_FOREIGN;
	blocked(TTREC_OP_SLEEP, TTREC_CALL_SLEEP, SEC, SEC);
	detect();
	ok(!found(TT_RULE_LOCK_HELD_BLOCKING), "a semaphore that is no lock is not held");
	end();
}

static void test_blocked_now(void)
{
	begin(TTREC_KIND_MUTEX);
	rb_held(x.rb, x.t, 0x5000, TAKEN, 0, 0);
	rb_waiting(x.t, NULL, RB_SITE(HERE, IO), 100 * MS, 0);
	x.t->waiting.kind = TTREC_KIND_NONE;
	x.t->waiting.object = TTREC_CALL_READ;
	detect();
	const struct tt_finding *f = found(TT_RULE_LOCK_HELD_BLOCKING);
	if (ok(f, "a thread that is blocked at the end with a lock held is reported")) {
		ok(strstr(f->title, "f_401500 is blocked in read while it holds"), "with the call");
		is_str(f->reason, "it is so at the end of the recording", "and how that is known");
	}
	end();

	begin(TTREC_KIND_MUTEX);
	rb_held(x.rb, x.t, 0x5000, TAKEN, 0, 0);
	rb_waiting(x.t, x.l, RB_SITE(HERE, LOCK), 100 * MS, 0);
	detect();
	ok(!found(TT_RULE_LOCK_HELD_BLOCKING), "waiting for a lock is not this");
	end();
}

/* ------------------------------------------------------------------ conditions */

static void waits(uint64_t count, uint64_t timeouts, uint64_t signals)
{
	begin(TTREC_KIND_COND);
	if (count) {
		rb_count(x.rb, x.t, x.l, RB_SITE(HERE, COND_TIMEDWAIT), count);
		rb_wait(x.rb, x.l, RB_SITE(HERE, COND_TIMEDWAIT), 0, count, count * MS, MS)->timeouts = timeouts;
		rb_stat_add(rb_stat(x.rb, x.l, 0), MS, count);
	}
	if (signals)
		rb_count(x.rb, x.t, x.l, RB_SITE(HERE + 16, COND_SIGNAL), signals);
	detect();
}

static void test_cond(void)
{
	waits(3, 3, 0);
	const struct tt_finding *f = found(TT_RULE_COND_ONLY_TIMEOUT);
	ok(f && f->level == TT_LEVEL_NOTE && f->confidence == TT_POSSIBLE, "waits that all time out are a note");
	end();
	waits(3, 2, 0);
	ok(!found(TT_RULE_COND_ONLY_TIMEOUT), "one that was woken makes them none");
	end();
	waits(2, 2, 5);
	ok(!found(TT_RULE_COND_ONLY_TIMEOUT), "two short ones are none");
	end();
	waits(0, 0, 10);
	ok(found(TT_RULE_COND_SIGNAL_LOST), "signals that nobody ever waited for are a note");
	end();
	waits(1, 0, 10);
	ok(!found(TT_RULE_COND_SIGNAL_LOST), "not if somebody did");
	end();
}

/* Two threads: one waits for the condition, the other does what `op` says, for the first. */
static void two(unsigned op, enum ttrec_state state)
{
	begin(TTREC_KIND_COND);
	x.rb->header->state = (uint32_t)state;
	tt_thresholds_set(&x.limits, "cond-stuck=500ms", NULL);
	rb_waiting(x.t, x.l, RB_SITE(HERE, COND_WAIT), 10 * MS, 0);
	rb_waiting(rb_thread(x.rb, 2, TTREC_THREAD_RUNNING), NULL, TTREC_SITE(HERE + 16, op), 10 * MS, 1);
	detect();
}

static void test_no_waker(void)
{
	two(TTREC_OP_JOIN, TTREC_STATE_ABORTED);
	const struct tt_finding *f = found(TT_RULE_COND_NO_WAKER);
	ok(f && f->level == TT_LEVEL_WARNING, "a waiter whose only companion joins it is reported");
	end();
	two(TTREC_OP_SEM_WAIT, TTREC_STATE_ABORTED);
	ok(!found(TT_RULE_COND_NO_WAKER), "not if the companion may be woken by a signal handler");
	end();
	two(TTREC_OP_JOIN, TTREC_STATE_EXITED);
	ok(!found(TT_RULE_COND_NO_WAKER), "nor in a program that ended by itself");
	end();
}

int main(void)
{
	test_unlock();
	test_destroy();
	test_designed();
	test_blocked();
	test_blocked_now();
	test_cond();
	test_no_waker();
	return done();
}
