/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_model_waitfor.c - the wait-for graph on hand-made recordings: every kind of knot, and what must not be one.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/model/waitfor.h"

#define LOCK RB_SITE(0x401010, LOCK)
#define READ RB_SITE(0x401020, RDLOCK)
#define JOIN RB_SITE(0x401030, JOIN)
#define SEM  RB_SITE(0x401040, SEM_WAIT)
#define MEET RB_SITE(0x401050, BARRIER_WAIT)
#define COND RB_SITE(0x401060, COND_WAIT)

#define THREADS 8

static struct {
	struct recbuild *rb;
	struct ttrec_thread *t[THREADS + 1]; /* by serial */
	struct tt_rec *rec;
	struct tt_waitfor w;
} x;

/* n threads, none of which waits. It was killed: its threads are as they were. */
static void begin(uint64_t n)
{
	x.rb = rb_create("/usr/bin/prog", 4242);
	x.rb->header->state = TTREC_STATE_RUNNING;
	for (uint64_t i = 1; i <= n; i++) {
		x.t[i] = rb_thread(x.rb, i, TTREC_THREAD_RUNNING);
		x.t[i]->pthread = 0x7000 + i * 0x100;
	}
}

static struct ttrec_lock *mutex(uint64_t address)
{
	struct ttrec_lock *l = rb_lock(x.rb, TTREC_KIND_MUTEX, address, RB_SITE(0x401000, LOCK));
	l->type = TTREC_TYPE_NORMAL;
	return l;
}

static struct ttrec_lock *rwlock(uint64_t address, enum ttrec_type type)
{
	struct ttrec_lock *l = rb_lock(x.rb, TTREC_KIND_RWLOCK, address, RB_SITE(0x401000, LOCK));
	l->type = (uint8_t)type;
	return l;
}

static void holds(int serial, const struct ttrec_lock *l, uint64_t site)
{
	rb_held(x.rb, x.t[serial], l->address, site, 0, 0);
}

static void wants(int serial, const struct ttrec_lock *l, uint64_t site)
{
	rb_waiting(x.t[serial], l, site, 100, 0);
}

static void joins(int serial, int target)
{
	rb_waiting(x.t[serial], NULL, JOIN, 100, (uint64_t)target);
}

/* Solves; expects so many knots. */
static const struct tt_knot *solve(size_t knots, const char *what)
{
	x.rec = rb_open(x.rb);
	if (tt_waitfor_read(&x.w, x.rec) < 0)
		fail("%s: read", what);
	return is_int(x.w.knots.len, knots, "%s: %zu knots", what, knots) && knots ? &x.w.knots.data[0] : NULL;
}

static void end(void)
{
	tt_waitfor_deinit(&x.w);
	x.w = (struct tt_waitfor){0};
	tt_rec_close(x.rec);
	rb_destroy(x.rb);
}

static uint64_t step(const struct tt_knot *k, size_t i)
{
	return i < k->steps.len ? x.w.threads.data[k->steps.data[i]].serial : 0;
}

static bool is_stuck(uint64_t serial)
{
	const struct tt_waitfor_thread *t;
	vec_for_each (t, &x.w.threads)
		if (t->serial == serial)
			return t->stuck;
	return false;
}

/* ------------------------------------------------------------------ mutexes */

static void test_pair(void)
{
	begin(4);
	struct ttrec_lock *a = mutex(0x5000), *b = mutex(0x6000);
	holds(3, a, LOCK);
	wants(3, b, LOCK);
	holds(2, b, LOCK);
	wants(2, a, LOCK);
	wants(4, a, LOCK);
	joins(1, 4);
	const struct tt_knot *k = solve(1, "two mutexes in opposite order");
	if (k) {
		is_int(k->kind, TT_KNOT_CYCLE, "they are a cycle");
		ok(k->certain, "which is certain");
		is_int(k->steps.len, 2, "of two threads");
		is_int(step(k, 0), 2, "beginning with the lower serial");
		is_int(step(k, 1), 3, "and then the other");
		is_int(k->behind, 2, "who waits for them, and who waits for him, is behind");
		ok(is_stuck(1) && is_stuck(4), "and stuck as well");
	}
	end();
}

static void test_ring(void)
{
	begin(THREADS);
	struct ttrec_lock *l[THREADS];
	for (int i = 0; i < THREADS; i++)
		l[i] = mutex(0x5000 + (uint64_t)i * 0x100);
	for (int i = 0; i < THREADS; i++) {
		holds(i + 1, l[i], LOCK);
		wants(i + 1, l[(i + 1) % THREADS], LOCK);
	}
	const struct tt_knot *k = solve(1, "a ring of eight");
	if (k) {
		bool in_order = k->steps.len == THREADS;
		for (uint64_t i = 0; i < THREADS; i++)
			in_order &= step(k, i) == i + 1;
		ok(in_order, "names all of them in the order of the ring");
		is_int(k->others, 0, "and there are no others");
	}
	end();
}

static void test_self(void)
{
	begin(2);
	struct ttrec_lock *a = mutex(0x5000);
	holds(2, a, LOCK);
	wants(2, a, LOCK);
	const struct tt_knot *k = solve(1, "a mutex locked twice");
	ok(k && k->steps.len == 1 && k->certain, "is a cycle of one");
	end();

	begin(2);
	a = mutex(0x5000);
	a->flags |= TTREC_LOCK_HANDED_OVER;
	holds(2, a, LOCK);
	wants(2, a, LOCK);
	k = solve(1, "a mutex locked twice that another thread unlocked before");
	ok(k && !k->certain, "is not certain: that thread runs");
	end();

	begin(2);
	a = mutex(0x5000);
	a->type = TTREC_TYPE_RECURSIVE;
	holds(2, a, LOCK);
	wants(2, a, LOCK);
	solve(0, "a recursive mutex does not wait for its owner");
	end();
}

static void test_two_knots(void)
{
	begin(4);
	struct ttrec_lock *l[4];
	for (int i = 0; i < 4; i++)
		l[i] = mutex(0x5000 + (uint64_t)i * 0x100);
	for (int i = 0; i < 4; i++) {
		holds(i + 1, l[i], LOCK);
		wants(i + 1, l[i ^ 1], LOCK);
	}
	const struct tt_knot *k = solve(2, "two pairs");
	ok(k && step(&k[0], 0) == 1 && step(&k[1], 0) == 3, "are told apart, by their serials");
	ok(k && k[0].key != k[1].key, "and have different keys");
	end();
}

/* ------------------------------------------------------------------ what is no knot */

static void test_none(void)
{
	begin(3);
	struct ttrec_lock *a = mutex(0x5000), *b = mutex(0x6000);
	holds(2, a, LOCK);
	wants(3, a, LOCK);
	holds(3, b, LOCK);
	solve(0, "a chain that ends in a thread that runs");
	ok(!is_stuck(3), "nobody is stuck");
	end();

	begin(3);
	a = mutex(0x5000), b = mutex(0x6000);
	holds(2, a, LOCK);
	wants(2, b, LOCK);
	holds(3, b, LOCK);
	wants(3, a, RB_SITE(0x401010, TIMEDLOCK));
	solve(0, "a cycle with a deadline");
	end();

	begin(3);
	a = mutex(0x5000), b = mutex(0x6000);
	holds(2, a, LOCK);
	holds(1, b, LOCK); /* stale: 3 has it */
	wants(2, b, LOCK);
	holds(3, b, LOCK);
	wants(3, a, LOCK);
	solve(0, "a lock with two owners proves nothing");
	end();
}

/* ------------------------------------------------------------------ rwlocks */

static void test_readers(void)
{
	begin(4);
	struct ttrec_lock *m = mutex(0x5000), *rw = rwlock(0x6000, TTREC_TYPE_PREFER_READER);
	holds(1, m, LOCK);
	wants(1, rw, LOCK);
	for (int i = 2; i <= 4; i++)
		holds(i, rw, READ);
	wants(3, m, LOCK);
	const struct tt_knot *k = solve(1, "a writer needs all readers: one that is stuck is enough");
	ok(k && step(k, 0) == 1 && step(k, 1) == 3, "writer and that reader");
	ok(!is_stuck(2) && !is_stuck(4), "the others run");
	end();

	begin(4);
	m = mutex(0x5000), rw = rwlock(0x6000, TTREC_TYPE_PREFER_READER);
	holds(1, m, LOCK);
	wants(1, rw, LOCK);
	for (int i = 2; i <= 4; i++) {
		holds(i, rw, READ);
		wants(i, m, LOCK);
	}
	k = solve(1, "three readers that all wait for the writer");
	ok(k && k->steps.len == 2 && k->others == 2, "are one knot: two shown, two others");
	end();

	begin(2);
	rw = rwlock(0x6000, TTREC_TYPE_PREFER_READER);
	holds(2, rw, READ);
	wants(2, rw, LOCK);
	k = solve(1, "a reader that wants to write");
	ok(k && k->steps.len == 1, "waits for itself");
	end();

	begin(3);
	m = mutex(0x5000), rw = rwlock(0x6000, TTREC_TYPE_PREFER_READER);
	holds(2, rw, LOCK);
	wants(2, m, LOCK);
	holds(3, m, LOCK);
	wants(3, rw, READ);
	solve(1, "a reader waits for the writer that has it");
	end();
}

static void test_preference(void)
{
	for (int nr = 0; nr < 2; nr++) {
		begin(3);
		struct ttrec_lock *rw = rwlock(0x6000, nr ? TTREC_TYPE_PREFER_WRITER_NR : TTREC_TYPE_PREFER_READER);
		holds(2, rw, READ);
		wants(3, rw, LOCK);
		wants(2, rw, READ);
		const struct tt_knot *k =
			solve((size_t)nr, nr ? "reads again behind a writer that is preferred" : "readers come first: no knot");
		ok(!nr || (k && k->steps.len == 2 && x.w.threads.data[k->steps.data[0]].by_preference),
			nr ? "it waits for the writer's turn" : "nobody waits for a turn");
		end();
	}
}

/* ------------------------------------------------------------------ ends */

static void test_joins(void)
{
	begin(4);
	joins(2, 3);
	joins(3, 4);
	joins(4, 2);
	const struct tt_knot *k = solve(1, "three that join each other");
	ok(k && k->steps.len == 3 && k->certain, "are a ring");
	end();

	begin(4);
	joins(2, 3);
	joins(3, 4);
	joins(4, 2);
	x.t[3]->waiting.flags = TTREC_WAITING_TIMED;
	solve(0, "one of them with a deadline");
	end();

	begin(4);
	joins(2, 3);
	joins(3, 4);
	joins(4, 2);
	x.t[4]->flags |= TTREC_THREAD_CANCELLED;
	solve(0, "one of them about to be cancelled");
	end();

	begin(2);
	struct ttrec_lock *m = mutex(0x5000);
	holds(1, m, LOCK);
	rb_waiting(x.t[1], NULL, JOIN, 100, 0);
	x.t[1]->waiting.object = x.t[2]->pthread; /* not known by serial when the wait began */
	wants(2, m, LOCK);
	solve(1, "joins one that wants what the joiner holds, found by its handle");
	end();
}

static void test_orphan(void)
{
	begin(3);
	struct ttrec_lock *m = mutex(0x5000);
	holds(2, m, LOCK);
	x.t[2]->state = TTREC_THREAD_ENDING;
	wants(3, m, LOCK);
	const struct tt_knot *k = solve(1, "a thread ended with a mutex");
	ok(k && k->kind == TT_KNOT_ORPHAN && step(k, 0) == 3 && step(k, 1) == 2, "which another wants");
	end();

	begin(3);
	m = mutex(0x5000);
	m->flags |= TTREC_LOCK_ROBUST;
	holds(2, m, LOCK);
	x.t[2]->state = TTREC_THREAD_ENDING;
	wants(3, m, LOCK);
	solve(0, "a robust mutex is taken over");
	end();
}

/* ------------------------------------------------------------------ barriers, conditions, semaphores */

static void test_barrier(void)
{
	for (int late = 0; late < 2; late++) {
		begin(4);
		struct ttrec_lock *b = rb_lock(x.rb, TTREC_KIND_BARRIER, 0x5000, LOCK);
		b->other = 3;
		wants(2, b, MEET);
		wants(3, b, MEET);
		joins(1, 2);
		if (!late)
			joins(4, 2);
		const struct tt_knot *k =
			solve(late ? 0 : 1, late ? "a party that runs can still come" : "a barrier that nobody can come to");
		ok(late || (k && k->kind == TT_KNOT_EVERYONE && k->steps.len == 2 && k->behind == 2),
			late ? "nobody is stuck" : "two wait there, two behind them");
		end();
	}

	begin(3);
	struct ttrec_lock *b = rb_lock(x.rb, TTREC_KIND_BARRIER, 0x5000, LOCK);
	b->other = 2;
	wants(2, b, MEET);
	wants(3, b, MEET);
	joins(1, 2);
	solve(0, "all parties are there: it is about to open");
	end();

	begin(3);
	b = rb_lock(x.rb, TTREC_KIND_BARRIER, 0x5000, LOCK);
	b->other = 3;
	b->flags |= TTREC_LOCK_PSHARED;
	wants(2, b, MEET);
	wants(3, b, MEET);
	joins(1, 2);
	solve(0, "another process could come");
	end();
}

static void test_cond(void)
{
	begin(3);
	struct ttrec_lock *c = rb_lock(x.rb, TTREC_KIND_COND, 0x5000, LOCK), *m = mutex(0x6000);
	wants(2, c, COND);
	joins(1, 2);
	wants(3, c, COND);
	solve(0, "only waits for conditions: another rule's business");
	end();

	begin(3);
	c = rb_lock(x.rb, TTREC_KIND_COND, 0x5000, LOCK), m = mutex(0x6000);
	holds(2, m, LOCK);
	wants(2, c, COND);
	wants(3, m, LOCK);
	joins(1, 3);
	const struct tt_knot *k = solve(1, "holds what its signaller needs");
	ok(k && k->kind == TT_KNOT_EVERYONE, "nobody is left");
	end();
}

static void semaphores(unsigned flags)
{
	struct ttrec_lock *s[2];
	for (unsigned i = 0; i < 2; i++) {
		s[i] = rb_lock(x.rb, TTREC_KIND_SEM, 0x5000 + i * 0x100, LOCK);
		s[i]->flags = (uint16_t)flags;
	}
	for (int i = 0; i < 2; i++) {
		holds(i + 2, s[i], SEM);
		wants(i + 2, s[1 - i], SEM);
	}
}

static void test_semaphores(void)
{
	begin(3);
	semaphores(TTREC_LOCK_SEM_BINARY | TTREC_LOCK_SEM_LOCKED);
	const struct tt_knot *k = solve(1, "semaphores as locks, while a thread runs");
	ok(k && !k->certain, "are not certain");
	end();

	begin(3);
	semaphores(TTREC_LOCK_SEM_BINARY | TTREC_LOCK_SEM_LOCKED);
	joins(1, 2);
	k = solve(1, "semaphores as locks, and nobody runs");
	ok(k && k->certain, "are certain");
	end();

	/* As a Python program that joins: its main thread waits for what the thread holds all its life. */
	begin(3);
	semaphores(TTREC_LOCK_SEM_BINARY | TTREC_LOCK_SEM_LOCKED);
	struct ttrec_lock *life = rb_lock(x.rb, TTREC_KIND_SEM, 0x6000, LOCK);
	life->flags = TTREC_LOCK_SEM_BINARY;
	holds(2, life, SEM);
	wants(1, life, SEM);
	k = solve(1, "and the last thread waits for a semaphore that nobody gave back yet");
	ok(k && k->certain && k->behind == 1 && is_stuck(1), "are certain, and it is behind them");
	end();

	begin(3);
	semaphores(TTREC_LOCK_SEM_BINARY);
	solve(0, "semaphores that were never given back, while a thread runs, may be anything");
	end();

	begin(3);
	semaphores(TTREC_LOCK_SEM_BINARY | TTREC_LOCK_SEM_LOCKED | TTREC_LOCK_SEM_FOREIGN);
	joins(1, 2);
	solve(0, "semaphores that others posted are no locks");
	end();

	/* Guessed to be no locks: on nobody's held stack, but who took them is known. */
	for (int known = 0; known < 2; known++) {
		begin(3);
		for (int i = 0; i < 2; i++) {
			struct ttrec_lock *s = rb_lock(x.rb, TTREC_KIND_SEM, 0x5000 + (unsigned)i * 0x100, LOCK);
			s->flags = TTREC_LOCK_SEM_BINARY | TTREC_LOCK_SEM_GUESSED;
			wants(3 - i, s, SEM);
			x.t[3 - i]->waiting.other = known ? (uint64_t)(i + 2) : 0;
		}
		joins(1, 2);
		k = solve((size_t)known,
			known ? "and it is known who took them" : "guessed to be no locks, and nobody took them");
		ok(!known || (k && k->certain), "and nobody runs");
		end();
	}
}

/* ------------------------------------------------------------------ running processes */

static bool is_asleep(pid_t pid)
{
	struct tt_life_tasks tasks = {0};
	bool asleep = tt_life_list_tasks((uint32_t)pid, true, &tasks) == 0 && tasks.asleep;
	tt_life_tasks_deinit(&tasks);
	return asleep;
}

/* The only thread of a running child waits for a mutex that nobody holds. Its state by /proc is what the child does. */
static void look_at_child(bool runs, size_t knots, const char *what)
{
	char path[] = "/tmp/test_waitfor.XXXXXX";
	int fd = mkstemp(path);
	pid_t pid = fd < 0 ? -1 : fork();
	if (pid == 0)
		for (;;)
			if (!runs)
				pause();
	if (pid < 0)
		abort();
	while (!runs && !is_asleep(pid))
		sched_yield();
	begin(1);
	x.rb->header->pid = (uint32_t)pid;
	x.rb->header->proc_start_ticks = 0;
	x.t[1]->tid = (uint32_t)pid;
	wants(1, mutex(0x6000), LOCK);
	rb_write(x.rb, path);
	struct tt_glance g = {.want_asleep = true};
	for (int look = 0; look < 3; look++)
		if (tt_glance_take(&g, path, NULL) < 0)
			fail("%s: look", what);
	ok(tt_waitfor_glance(&x.w, &g) == 0 && x.w.everyone_waits && x.w.everyone == !runs && x.w.knots.len == knots, "%s",
		what);
	tt_waitfor_deinit(&x.w);
	x.w = (struct tt_waitfor){0};
	tt_glance_deinit(&g);
	rb_destroy(x.rb);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	unlink(path);
}

/* Whoever let go of the lock may have ended since; that the waiter was woken, its state says before its recording does. */
static void test_woken(void)
{
	look_at_child(false, 1, "asleep for a lock that nobody is left to release: stuck");
	look_at_child(true, 0, "on its way to a lock that was released: not stuck");
}

/* ------------------------------------------------------------------ size */

/* A ring as long as the recording has threads: no recursion, no quadratic walk. */
static void test_long_ring(void)
{
	enum { MANY = 3000 };
	x.rb = rb_create("/usr/bin/prog", 4242);
	x.rb->header->state = TTREC_STATE_RUNNING;
	static struct ttrec_lock *l[MANY];
	for (unsigned i = 0; i < MANY; i++)
		l[i] = mutex(0x100000 + i * 0x40);
	for (unsigned i = 0; i < MANY; i++) {
		struct ttrec_thread *t = rb_thread(x.rb, i + 1, TTREC_THREAD_RUNNING);
		rb_held(x.rb, t, l[i]->address, LOCK, 0, 0);
		rb_waiting(t, l[(i + 1) % MANY], LOCK, 100, 0);
	}
	const struct tt_knot *k = solve(1, "a ring of 3000");
	ok(k && k->steps.len == MANY, "is found whole");
	end();
}

int main(void)
{
	test_pair();
	test_ring();
	test_self();
	test_two_knots();
	test_none();
	test_readers();
	test_preference();
	test_joins();
	test_orphan();
	test_barrier();
	test_cond();
	test_semaphores();
	test_woken();
	test_long_ring();
	return done();
}
