/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_model_threads.c - threads, pools, event loops, processes; several recordings in one model; lock-order facts, misuse,
 * events, and who blocked whom.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <stdlib.h>

#define A RB_SITE(0x401010, LOCK)
#define B RB_SITE(0x401020, LOCK)

/* ------------------------------------------------------------------ threads and groups */

static struct recbuild *pool(const char *exe, uint32_t pid, uint64_t base)
{
	struct recbuild *rb = rb_create(exe, pid);
	rb_module(rb, exe, base, 0x10000, 7);
	struct ttrec_thread *main = rb_thread(rb, 1, TTREC_THREAD_RUNNING), *run = rb_thread(rb, 8, TTREC_THREAD_RUNNING),
			    *leak = rb_thread(rb, 3, TTREC_THREAD_ENDING), *detached = rb_thread(rb, 4, TTREC_THREAD_ENDING),
			    *joining = rb_thread(rb, 5, TTREC_THREAD_ENDING), *fresh = rb_thread(rb, 9, TTREC_THREAD_CREATING);
	struct ttrec_thread *gone = rb_thread(rb, 6, TTREC_THREAD_FREE);
	rb_thread(rb, 0, TTREC_THREAD_FREE);
	struct ttrec_group *g = rb_group(rb, base + 0x2000, base + 0x1100);
	g->created = 7;
	g->started = 6;
	g->ended = 5;
	g->joined = 2;
	g->live = 2;
	g->peak = 4;
	g->life_ns = 1000;
	g->cpu_ns = 70;
	g->first_ns = 50;
	g->last_ns = 900;
	g->operations = 100;
	g->waits[TTREC_WAIT_LOCK] = (struct ttrec_total){3, 300};
	snprintf(g->name, sizeof(g->name), "worker");
	struct ttrec_thread *of_group[] = {run, leak, detached, joining, fresh, gone};
	for (unsigned i = 0; i < 6; i++) {
		of_group[i]->group = rb_ref(rb, g);
		of_group[i]->start_routine = base + 0x2000;
		of_group[i]->create_site = base + 0x1100;
		of_group[i]->creator = 1;
	}
	main->waits[TTREC_WAIT_JOIN] = (struct ttrec_total){2, 5000};
	run->started_ns = 500000001;
	run->waits[TTREC_WAIT_LOCK] = (struct ttrec_total){1, 50};
	run->evicted = 20;
	fresh->started_ns = 0;
	fresh->created_ns = 900000001;
	detached->flags = TTREC_THREAD_DETACHED;
	joining->flags = TTREC_THREAD_JOINING;
	memset(run->name, 'n', sizeof(run->name)); /* no NUL */
	return rb;
}

static void test_pool(void)
{
	struct recbuild *rb = pool("/bin/p", 100, 0x400000);
	struct tt_model *m = rb_model(rb, NULL);
	is_int(m->threads.len, 7, "threads that exist, and the latest of a slot that is free now");
	bool sorted = true;
	for (size_t i = 1; i < m->threads.len; i++)
		sorted &= m->threads.data[i - 1].serial < m->threads.data[i].serial && m->threads.data[i].id == i;
	ok(sorted, "by serial");
	const struct tt_process *p = m->processes.data[0];
	const struct tt_thread *run = tt_model_thread(m, p, 8), *leak = tt_model_thread(m, p, 3),
			       *fresh = tt_model_thread(m, p, 9);
	const struct tt_thread *gone = tt_model_thread(m, p, 6);
	ok(gone && gone->gone && !gone->alive && !gone->unjoined, "one that is gone is neither alive nor unjoined");
	ok(!tt_model_thread(m, p, 77), "by serial: none for one that never was");
	is_int(strlen(run->name), TTREC_NAME_MAX - 1, "a name without end is cut");
	ok(run->alive && !run->unjoined && leak->unjoined && !leak->alive, "alive; ended and not joined");
	ok(!tt_model_thread(m, p, 4)->unjoined && !tt_model_thread(m, p, 5)->unjoined,
		"detached or being joined is not unjoined");
	ok(run->life_ns == 500000000 && fresh->life_ns == 100000000, "lives last to the end of the recording");
	ok(run->creator == p->main_thread && p->main_thread && p->main_thread->serial == 1, "creator, main thread");
	is_str(p->main_thread->name, "p", "the main thread is called like the program");
	ok(run->start_routine->is_entry && run->start_routine->offset == 0x2000 && run->create_site->offset == 0x1100,
		"where it begins and where it was created");

	is_int(m->groups.len, 2, "the pool and the main thread");
	const struct tt_group *g = &m->groups.data[0];
	ok(g->created == 7 && g->ended == 5 && g->joined == 2 && g->peak == 4, "a pool's counts");
	ok(g->unjoined == 1 && g->running == 2 && g->threads.len == 6, "its unjoined and running threads, those with records");
	ok(g->life_ns == 1000 + 500000000 + 100000000 && g->cpu_ns == 70, "its life: ended and running threads");
	ok(g->waits[TTREC_WAIT_LOCK].count == 4 && g->waits[TTREC_WAIT_LOCK].ns == 350, "its waits: gone and present threads");
	is_u64(g->operations, 120, "its operations likewise");
	is_str(g->name, "worker", "its name");
	ok(run->group == g && p->main_thread->group == &m->groups.data[1], "threads know their pool");
	ok(!m->groups.data[1].start_routine && m->groups.data[1].created == 1 && m->groups.data[1].running == 1,
		"the main thread's group");
	ok(p->thread_ns == g->life_ns + 1000000000, "thread time of the process");
	ok(p->waits[TTREC_WAIT_JOIN].ns == 5000 && p->waits[TTREC_WAIT_LOCK].ns == 350 && p->operations == 120,
		"its waits, operations");
	tt_model_destroy(m);
	rb_destroy(rb);
}

static void test_two_processes(void)
{
	struct recbuild *a = pool("/bin/p", 100, 0x400000), *b = pool("/bin/p", 101, 0x7f0000400000);
	a->header->start_real_ns += 500000000;
	struct ttrec_lock *la = rb_lock(a, TTREC_KIND_MUTEX, 0x408000, RB_SITE(0x401010, LOCK)),
			  *lb = rb_lock(b, TTREC_KIND_MUTEX, 0x7f0000408000, RB_SITE(0x7f0000401010, LOCK));
	rb_wait(a, la, RB_SITE(0x401010, LOCK), 0, 1, 100, 100);
	rb_wait(b, lb, RB_SITE(0x7f0000401010, LOCK), 0, 2, 200, 150);
	struct tt_model *m = rb_model(a, b);
	ok(m->processes.len == 2 && m->processes.data[0]->pid == 101, "processes by start");
	ok(m->programs == 1 && m->modules.len == 1, "one program, one module");
	const struct tt_group *g = &m->groups.data[0];
	ok(g->created == 14 && g->unjoined == 2 && g->parts.len == 2 && g->peak == 4, "one pool over both");
	ok(g->parts.data[0].process == m->processes.data[0] && g->parts.data[1].created == 7, "its part in each");
	is_int(m->classes.len, 1, "one class of locks");
	const struct tt_lock_class *c = &m->classes.data[0];
	ok(c->pair_count == 1 && c->pairs[0].waits.total_ns == 300 && c->pairs[0].waiter->offset == 0x1010,
		"code at different addresses is the same site");
	is_u64(m->wall_ns, 1500000000, "wall time from the first start to the last end");
	is_u64(m->process_ns, 2000000000, "sum over processes");
	tt_model_destroy(m);

	b->header->exe_build_id_len = 20;
	memset(b->header->exe_build_id, 9, 20);
	m = rb_model(a, b);
	ok(m->programs == 2 && m->groups.len == 4 && m->classes.len == 2, "another build is another program");
	tt_model_destroy(m);
	rb_destroy(a);
	rb_destroy(b);
}

static void test_modules(void)
{
	struct recbuild *rb = rb_create("x", 1);
	rb_module(rb, "/lib/a", 0x10000, 0x1000, 1)->gone_ns = 50;
	rb_module(rb, "/lib/a", 0x10000, 0x1000, 1);               /* recorded twice */
	rb_module(rb, "/lib/b", 0x10800, 0x1000, 2)->seen_ns = 60; /* another one took its place */
	rb_module(rb, "/lib/c", 0x20000, 0x1000, 0);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x9, RB_SITE(0x10900, LOCK));
	uint64_t pc[] = {0x20010, 0x21000, 0x50000};
	l->birth_stack = rb_stack(rb, pc, 3);
	rb_lock(rb, TTREC_KIND_MUTEX, 0xa, RB_SITE(0x50000, LOCK));
	struct tt_model *m = rb_model(rb, NULL);
	is_int(m->processes.data[0]->mappings.len, 2, "mappings are disjoint: the later one stays");
	const struct tt_site *s = m->locks.data[0].birth_site;
	ok(s->module && !strcmp(s->module->path, "/lib/b") && s->offset == 0x100, "a site's module and offset");
	const struct tt_stack *st = m->locks.data[0].birth_stack;
	ok(st->frames[0].offset == 0x10 && st->frames[1].module && !st->frames[2].module && st->frames[2].offset == 0x50000,
		"frames: a return address at a module's end belongs to it");
	s = m->locks.data[1].birth_site;
	ok(!s->module && s->offset == 0x50000 && s->process == m->processes.data[0], "code outside all modules");
	tt_model_destroy(m);
	rb_destroy(rb);
}

static void test_ends(void)
{
	static const struct {
		enum ttrec_state state;
		enum tt_end end;
	} cases[] = {
		{TTREC_STATE_EXITED, TT_END_EXITED},
		{TTREC_STATE_FORCED, TT_END_FORCED},
		{TTREC_STATE_EXEC, TT_END_EXEC},
		{TTREC_STATE_ABORTED, TT_END_ABORTED},
		{TTREC_STATE_RUNNING, TT_END_KILLED},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct recbuild *rb = rb_create("x", 1);
		rb->header->state = cases[i].state;
		struct tt_model *m = rb_model(rb, NULL);
		is_int(m->processes.data[0]->end, cases[i].end, "end: %s", tt_end_name(cases[i].end));
		tt_model_destroy(m);
		rb_destroy(rb);
	}
	struct recbuild *rb = rb_create("/bin/x", 1);
	struct tt_model *m = rb_model(rb, NULL);
	is_str(m->processes.data[0]->command, "/bin/x -x", "the command line in one text");
	is_u64(tt_process_real_ns(m->processes.data[0], 11), rb->header->start_real_ns + 10, "a time by the wall clock");
	tt_model_destroy(m);
	rb_destroy(rb);

	struct tt_err err;
	ok(tt_model_create(&m, &err) == 0 && tt_model_finish(m, &err) == 0 && !m->threads.len, "a model of nothing is empty");
	tt_model_destroy(m);
}

/* ------------------------------------------------------------------ the last moment */

static void test_states(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_thread *t[6];
	for (unsigned i = 0; i < 6; i++)
		t[i] = rb_thread(rb, i + 1, TTREC_THREAD_RUNNING);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x9000, A), *old = rb_lock(rb, TTREC_KIND_MUTEX, 0x9100, A),
			  *now = rb_lock(rb, TTREC_KIND_MUTEX, 0x9100, B), *c = rb_lock(rb, TTREC_KIND_COND, 0x9200, A),
			  *rw = rb_lock(rb, TTREC_KIND_RWLOCK, 0x9300, A);
	old->flags = TTREC_LOCK_DEAD;
	old->birth_ns = 999;
	rb_held(rb, t[0], l->address, A, 0, 0);
	rb_held(rb, t[0], l->address, B, 0, 0); /* recursive */
	rb_held(rb, t[0], now->address, A, 77, 0);
	rb_held(rb, t[0], rw->address, RB_SITE(0x5, RDLOCK), 0, 0);
	rb_held(rb, t[1], rw->address, RB_SITE(0x5, RDLOCK), 0, 0);
	rb_held(rb, t[1], 0xdead, A, 0, 0);
	rb_waiting(t[0], l, A, 900000001, 1); /* waits for itself */
	rb_waiting(t[1], c, RB_SITE(0x6, COND_WAIT), 500000001, l->address);
	rb_waiting(t[2], NULL, RB_SITE(0x7, JOIN), 100000001, 2);
	rb_waiting(t[3], rw, A, 999999999, 2);
	rb_waiting(t[4], NULL, RB_SITE(0x8, LOOP_WAIT), 1, 0);
	rb_waiting(t[5], NULL, RB_SITE(0x8, SLEEP), 1, 0);
	struct tt_model *m = rb_model(rb, NULL);
	struct tt_thread *w = m->threads.data;
	ok(w[0].held_count == 4 && w[0].held[2].lock == &m->locks.data[2] && w[0].held[2].since_ns == 77,
		"of two locks at one address the living one is held");
	ok(w[0].held[3].shared && !w[0].held[0].shared && !w[1].held[1].lock && w[1].held[1].address == 0xdead,
		"modes, unknown locks");
	ok(m->locks.data[0].holders == 1 && m->locks.data[4].holders == 2 && !m->locks.data[4].owner,
		"holders, readers are no owner");
	ok(w[0].waiting.target == &w[0] && w[0].waiting.dur_ns == 100000000, "a thread that waits for itself");
	ok(w[1].waiting.idle && w[1].waiting.mutex == &m->locks.data[0] && w[1].waiting.lock == &m->locks.data[3],
		"a condition wait");
	ok(!w[2].waiting.idle && w[2].waiting.target == &w[1] && !w[2].waiting.lock, "a join");
	ok(w[3].waiting.target == &w[1], "who held it when the wait began, when nobody owns it");
	ok(w[4].waiting.idle && w[4].waits[TTREC_WAIT_LOOP].ns == 1000000000, "an event loop's wait");
	ok(w[5].waiting.idle && w[5].waits[TTREC_WAIT_LOOP].ns == 0, "sleep is idle, and of no class");
	ok(m->joins.len == 1 && m->joins.data[0].waits.ongoing_ns == 900000000, "joins in progress");
	is_u64(m->processes.data[0]->waits[TTREC_WAIT_COND].ns, 500000000, "all of it is in the process's sums");
	tt_model_destroy(m);
	rb_destroy(rb);
}

#define SEM (TTREC_LOCK_SEM_BINARY | TTREC_LOCK_SEM_LOCKED)

/* Semaphores of flags SEM; each born and first held by thread 2, with a wait of thread 1 for it that the event tells. */
static struct ttrec_lock *sentinel(
	struct recbuild *rb, uint64_t address, uint64_t acquisitions, uint64_t wait_end, uint64_t holder)
{
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_SEM, address, A);
	l->flags = SEM;
	l->birth_thread = 2;
	rb_lsite(rb, l, RB_SITE(0x5, SEM_WAIT), acquisitions);
	rb_wait(rb, l, RB_SITE(0x5, SEM_WAIT), RB_SITE(0x6, SEM_TRYWAIT), 1, 3000000, 3000000);
	struct ttrec_event *e = rb_event(rb, TTREC_EVENT_WAIT, 1, wait_end, 3000000);
	e->a = holder;
	e->uid = l->index;
	return l;
}

static void test_life_locks(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_thread *main = rb_thread(rb, 1, TTREC_THREAD_RUNNING), *live = rb_thread(rb, 3, TTREC_THREAD_RUNNING);
	main->waits[TTREC_WAIT_LOCK] = (struct ttrec_total){5, 20000000};
	rb_event(rb, TTREC_EVENT_END, 2, 100000000, 0);
	sentinel(rb, 0x9000, 2, 100200000, 2);                   /* 0: given back when thread 2 ended */
	sentinel(rb, 0x9100, 2, 70000000, 2);                    /* 1: long before */
	sentinel(rb, 0x9200, 90, 100200000, 2);                  /* 2: taken too often */
	sentinel(rb, 0x9300, 2, 100200000, 2)->birth_thread = 7; /* 3: not the holder's own */
	sentinel(rb, 0x9400, 2, 100200000, 9);                   /* 4: held by one of unknown end */
	struct ttrec_lock *held = rb_lock(rb, TTREC_KIND_SEM, 0x9500, A), *own = rb_lock(rb, TTREC_KIND_SEM, 0x9600, A);
	held->flags = own->flags = SEM;
	held->birth_thread = own->birth_thread = 3;
	rb_held(rb, live, held->address, RB_SITE(0x6, SEM_TRYWAIT), held->birth_ns + 500, 0); /* 5: of a thread that lives */
	rb_held(rb, live, own->address, RB_SITE(0x6, SEM_TRYWAIT), own->birth_ns + 500, 0);   /* 6: which waits for it itself */
	rb_waiting(live, own, RB_SITE(0x7, SEM_WAIT), 900000001, 0);
	rb_waiting(main, held, RB_SITE(0x5, SEM_WAIT), 900000001, 0);
	struct tt_model *m = rb_model(rb, NULL);
	const struct tt_lock *l = m->locks.data;
	ok(l[0].is_life && l[0].use == TT_USE_SIGNAL, "a semaphore that a thread holds all its life is no lock");
	ok(!l[1].is_life && l[1].use == TT_USE_LOCK, "one given back before the thread's end is");
	ok(!l[2].is_life && !l[3].is_life && !l[4].is_life,
		"and one taken often, made by another thread, or of an unknown holder");
	const struct tt_thread *t = &m->threads.data[0];
	ok(l[5].is_life && t->waiting.target == &m->threads.data[1] && !t->waiting.idle,
		"waiting for it is waiting for its thread");
	ok(t->waits[TTREC_WAIT_JOIN].count == 2 && t->waits[TTREC_WAIT_JOIN].ns == 103000000 &&
			t->waits[TTREC_WAIT_LOCK].ns == 17000000,
		"and counts as a join");
	t = &m->threads.data[1];
	ok(!l[6].is_life && t->waiting.idle && !t->waiting.target && t->waits[TTREC_WAIT_SEM].count == 1,
		"who waits for a semaphore that it took itself waits for a post, not for itself");
	ok(m->locks_by_wait.len == 4 && m->blockings.len == 4, "rankings hold locks only");
	tt_model_destroy(m);
	rb_destroy(rb);
}

static void loops(enum ttrec_state end)
{
	bool left = end == TTREC_STATE_EXITED;
	struct recbuild *rb = rb_create("x", 1);
	rb->header->state = end;
	struct ttrec_thread *t = rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_loop *short_one = rb_loop(rb, 7, RB_SITE(0x5, LOOP_WAIT)), *away = rb_loop(rb, 1, RB_SITE(0x6, LOOP_WAIT));
	short_one->calls = 3;
	short_one->hist[ttrec_hist_bucket(1000)] = 3;
	short_one->busy_ns = 3000;
	short_one->max_ns = 1000;
	away->calls = 1;
	away->stalls = 2;
	t->loop_return_ns = 900000001;
	struct tt_model *m = rb_model(rb, NULL);
	const struct tt_loop *l = &m->loops.data[left];
	ok(l->thread == &m->threads.data[0] && m->threads.data[0].loop == l, "the loop that is away longest comes first");
	if (left)
		ok(l->away_ns == 0 && l->away.max_ns == 0 && l->stalls == 2, "who left its loop to end is not away");
	else
		ok(l->away_ns == 100000000 && l->away.max_ns == 100000000 && l->stalls == 3, "time away in progress counts");
	l = &m->loops.data[!left];
	ok(!l->thread && l->serial == 7 && l->away.count == 3 && l->away.p50_ns >= 768 && l->away.p50_ns <= 1000,
		"a loop whose thread is gone");
	tt_model_destroy(m);
	rb_destroy(rb);
}

static void test_loops(void)
{
	loops(TTREC_STATE_ABORTED);
	loops(TTREC_STATE_EXITED);
}

/* ------------------------------------------------------------------ facts */

static void test_facts(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_thread *t = rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_lock *a = rb_lock(rb, TTREC_KIND_MUTEX, 0x9000, A), *b = rb_lock(rb, TTREC_KIND_RWLOCK, 0x9100, A);
	b->gen = 3;
	t->segment = 5;
	struct ttrec_lineage *l = rb_lineage(rb, 9);
	l->creator = 1;
	l->end_segment = 4;
	rb_lineage(rb, 9); /* a double */
	rb_lineage(rb, 1); /* of a thread that has a record */
	snprintf(l->name, sizeof(l->name), "gone");
	const struct ttrec_lock *held[] = {a, b};
	uint64_t sites[] = {A, RB_SITE(0x5, TRYRDLOCK)};
	struct ttrec_dep *d = rb_dep(rb, b, RB_SITE(0x6, TIMEDRDLOCK), held, sites, 2, t);
	d->thread_count = 3;
	d->threads[2].serial = 9; /* [1] was claimed, not filled */
	rb_misuse(rb, TTREC_MISUSE_UNLOCK_NOT_OWNER, a, A)->other = 9;
	struct tt_model *m = rb_model(rb, NULL);
	const struct tt_dep *r = &m->deps.data[0];
	ok(r->wanted == &m->locks.data[1] && r->wanted_uid == TTREC_UID(1, 3) && r->shared && r->is_timed && !r->is_try,
		"what was wanted");
	ok(r->held_count == 2 && r->held[0].lock == &m->locks.data[0] && !r->held[0].shared && r->held[1].shared,
		"what was held");
	ok(r->thread_count == 2 && r->threads[0].segment == 5 && r->threads[1].thread && r->threads[1].thread->past,
		"who did it");
	is_int(m->threads.len, 2, "a thread that is gone is known for the sake of lock order, once");
	ok(!strcmp(m->threads.data[1].name, "gone") && m->threads.data[1].creator == &m->threads.data[0] &&
			m->threads.data[1].end_segment == 4,
		"its name and descent");
	const struct tt_misuse *f = &m->misuses.data[0];
	ok(f->what == TTREC_MISUSE_UNLOCK_NOT_OWNER && f->lock == &m->locks.data[0] && f->thread == &m->threads.data[0] &&
			f->other == 9,
		"misuse");
	is_str(tt_misuse_name(f->what), "unlock-not-owner", "by name");
	is_str(tt_misuse_name((enum ttrec_misuse_type)99), "?", "a name beyond the table");
	tt_model_destroy(m);
	rb_destroy(rb);
}

static void event(struct recbuild *rb, uint64_t waiter, uint64_t holder, const struct ttrec_lock *l, uint64_t dur)
{
	struct ttrec_event *e = rb_event(rb, TTREC_EVENT_WAIT, waiter, 1000, dur);
	e->a = holder;
	e->uid = TTREC_UID(l->index, 0);
	e->site = TTREC_SITE_PC(A);
	e->op = TTREC_OP_LOCK;
}

static void test_blockings(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_thread *t = rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	rb_thread(rb, 2, TTREC_THREAD_RUNNING);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x9000, A), *c = rb_lock(rb, TTREC_KIND_COND, 0x9100, A);
	event(rb, 1, 2, l, 10);
	event(rb, 1, 2, l, 30);
	event(rb, 2, 1, l, 5);
	event(rb, 1, 55, l, 7);
	event(rb, 1, 0, c, 1000000);
	rb_event(rb, TTREC_EVENT_CREATE, 1, 500, 0)->a = 2;
	rb_waiting(t, l, A, 999999001, 2);
	struct tt_model *m = rb_model(rb, NULL);
	is_int(m->blockings.len, 3, "pairs of threads, for locks only");
	const struct tt_blocking *b = &m->blockings.data[0];
	ok(b->waiter == &m->threads.data[0] && b->holder == &m->threads.data[1] && b->waits.count == 3 &&
			b->waits.total_ns == 1040 && b->waits.ongoing == 1,
		"waits of one thread for another, with the one in progress");
	ok(!m->blockings.data[1].holder && m->blockings.data[1].holder_serial == 55, "a holder whose record is gone");
	is_int(m->locks.data[0].threads, 2, "threads that waited for the lock");
	is_u64(m->threads.data[0].lock_wait_max_ns, 1000, "a thread's longest wait");
	struct tt_event e;
	tt_model_event(m, m->processes.data[0], 0, &e);
	ok(e.type == TTREC_EVENT_CREATE && e.end_ns == 500, "events in the order of their ends, not of their numbers");
	tt_model_event(m, m->processes.data[0], 1, &e);
	ok(e.type == TTREC_EVENT_WAIT && e.lock == &m->locks.data[0] && e.thread == &m->threads.data[0] && e.dur_ns == 10 &&
			e.site->op == TTREC_OP_LOCK,
		"an event");
	tt_model_event(m, m->processes.data[0], 999, &e);
	ok(e.type == 0, "none beyond the last");
	tt_model_destroy(m);
	rb_destroy(rb);
}

int main(void)
{
	test_pool();
	test_two_processes();
	test_modules();
	test_ends();
	test_states();
	test_life_locks();
	test_loops();
	test_facts();
	test_blockings();
	return done();
}
