/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: preload/arena.c preload/counts.c preload/events.c preload/file.c preload/freed.c preload/held.c preload/locks.c */
/* LINK: preload/modules.c preload/options.c preload/order.c preload/stacks.c preload/threads.c preload/wait.c */
/* LINK: preload/acquire.c */
/* LINK: preload/stack.c preload/stack_cfi.c preload/stack_expr.c preload/stack_find.c preload/stack_last.c */
/* LINK: preload/stack_rule.c */
/*
 * test_state.c - the recorder's state core in an ordinary program: many threads at once, every count accounted for at the end.
 *
 * Built with SAN=thread it proves the core free of data races. No hook and no real lock is involved: threads call what hooks
 * call, with made-up addresses.
 */
#include "tests/unit/staterec.h"
#include "tests/unit/tap.h"

#include <pthread.h>
#include <string.h>

#define THREADS 8
#define ROUNDS  20000

static pthread_barrier_t together;
static uint64_t acquired[THREADS]; /* acquisitions that each thread made */
static const struct tt_birth birth = {.kind = TTREC_KIND_MUTEX};

static uint64_t lock_address(unsigned i)
{
	return 0x7f0000001000ull + i * 40ull;
}

static void acquire(struct tt_self *s, uint64_t lock, uint64_t site)
{
	struct tt_ready ready = tt_acquire_prepare(s, lock, site, true);
	if (ready.e)
		tt_acquire_commit(s, &ready, lock, site);
	else
		tt_got(s, lock, site, TT_STACK_CFA(), &birth, TTREC_OP_NONE);
}

static void release(struct tt_self *s, uint64_t lock)
{
	if (tt_release_is_plain(s, lock))
		tt_release_plain(s);
	else if (tt_release_is_under(s, lock))
		tt_release_under(s, lock);
	else
		tt_released(s, lock, tt_held_find(s, lock), tt_now(), TTREC_SITE(0x1000, TTREC_OP_LOCK), TT_STACK_CFA());
}

/* Nested locks from many, so that tables grow and evict; waits charged at once and deferred; deaths that others must see. */
static void *worker(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg, random = me * 7919u + 1;
	uint64_t n = 0;
	pthread_barrier_wait(&together);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct tt_self *s = tt_enter();
		random = random * 1103515245u + 12345u;
		uint64_t outer = lock_address((random >> 8) % 6000), inner = lock_address(6000 + (random >> 20) % 50);
		uint64_t site = TTREC_SITE(0x400000 + (random >> 4) % 5 * 16, TTREC_OP_LOCK);
		acquire(s, outer, site);
		acquire(s, inner, site);
		n += 2;
		if (i % 64 == 0) {
			struct tt_wait_for w;
			struct ttrec_thread *other = tt_holder_scan(s, lock_address(6000));
			tt_wait_begin(&w, s, lock_address(7000 + me % 2), site, TT_STACK_CFA(), &birth, TTREC_WAIT_LOCK, other,
				0, true);
			tt_wait_got(&w, TTREC_OP_NONE);
			n++;
			release(s, lock_address(7000 + me % 2));
		}
		if (i % 3)
			release(s, inner), release(s, outer);
		else
			release(s, outer), release(s, inner);
		if (i % 128 == me)
			tt_died(s, lock_address((random >> 8) % 6000), TTREC_SITE(0x2000, TTREC_OP_NONE));
		/* A lock of short lives: counted here and there in entries, and in between where those are evicted to. */
		tt_counted(s, lock_address(7100), TTREC_SITE(0x500000, TTREC_OP_TRY_FAILED), &birth);
		n++;
		if (i % 16 == me)
			tt_died(s, lock_address(7100), TTREC_SITE(0x2000, TTREC_OP_NONE));
	}
	acquired[me] = n;
	return NULL;
}

/* What a reader adds up: all tables, and all that they gave up. */
static uint64_t counted(void)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < tt_g.p->slots; i++) {
		const struct ttrec_thread *t = tt_thread_by_slot(i);
		sum += tt_count_total(t) - t->evicted;
	}
	for (uint64_t at = TTREC_HEADER_SIZE; at < tt_g.h->next;) {
		const struct ttrec_chunk *c = (const void *)(tt_g.base + at);
		const struct ttrec_lsite *l = (const void *)(c + 1);
		for (uint32_t i = 0; c->type == TTREC_CHUNK_LSITE && i < TTREC_SLAB_LSITES; i++)
			sum += l[i].count >> 20;
		const struct ttrec_lock *lock = (const void *)(c + 1);
		for (uint32_t i = 0; c->type == TTREC_CHUNK_LOCK && i < TTREC_SLAB_LOCKS * TTREC_TALLIES; i++)
			sum += lock[i / TTREC_TALLIES].tally[i % TTREC_TALLIES].n;
		at += c->size;
	}
	return sum;
}

static uint64_t drops(enum ttrec_drop a, enum ttrec_drop b)
{
	return tt_g.h->drop[a] + tt_g.h->drop[b];
}

static void run_all(void)
{
	pthread_t t[THREADS];
	pthread_barrier_init(&together, NULL, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, worker, (void *)i);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	uint64_t expected = 0, waits = 0;
	for (unsigned i = 0; i < THREADS; i++)
		expected += acquired[i];
	is_int((long)(counted() + tt_g.h->drop[TTREC_DROP_COUNT]), (long)expected,
		"every acquisition of every thread is counted once");
	for (uint32_t i = 0; i < tt_g.p->slots; i++)
		waits += tt_thread_by_slot(i)->waits[TTREC_WAIT_LOCK].count;
	is_int((long)waits, THREADS * ((ROUNDS + 63) / 64), "every wait is in its thread's totals");
	is_int((long)drops(TTREC_DROP_NESTED, TTREC_DROP_HELD), 0,
		"no event was taken for a nested one, no held stack was full");
}

/* However rarely holds are timed: the gap fits into its bits, below the flag that hook_sem.c keeps beside it. */
static void gaps(void)
{
	struct tt_self *s = tt_enter();
	struct ttrec_count e = {.n = 0};
	unsigned least = UINT32_MAX, most = 0, before = tt_g.hold_period;
	tt_g.hold_period = TT_HOLD_PERIOD_MAX;
	for (unsigned i = 0; i < 10000; i++) {
		tt_count_next(s, &e, UINT32_MAX, 0);
		least = e.gap < least ? e.gap : least;
		most = e.gap > most ? e.gap : most;
	}
	tt_g.hold_period = before;
	ok(least >= 1 && most < 0x8000, "gaps of %u to %u acquisitions between timed holds", least, most);
}

/* Takes a lock of its own at one of some places. */
static void take_at(uint64_t lock, unsigned place, unsigned times)
{
	struct tt_self *s = tt_enter();
	uint64_t site = TTREC_SITE(0x600000 + place * 16, TTREC_OP_LOCK);
	while (times--) {
		tt_got(s, lock, site, TT_STACK_CFA(), &birth, TTREC_OP_NONE);
		tt_released(s, lock, tt_held_find(s, lock), tt_now(), site, TT_STACK_CFA());
	}
}

/* As pthread_mutex_lock does, once the lock was taken. */
static void take_first(uint64_t lock, unsigned place)
{
	struct tt_self *s = tt_enter();
	uint64_t site = TTREC_SITE(0x600000 + place * 16, TTREC_OP_LOCK);
	struct tt_ready ready = tt_acquire_taken(s, lock, site);
	if (!ready.e)
		take_at(lock, place, 1);
	else {
		tt_acquire_commit(s, &ready, lock, site);
		release(s, lock);
	}
}

/* The places of a lock that are used most are looked for first, whichever was there first; and nothing is lost by that. */
static void promotion(void)
{
	enum { PLACES = 9, USED = 4000 };
	uint64_t lock = lock_address(7777), before = counted();
	struct tt_self *s = tt_enter();
	for (unsigned i = 0; i < PLACES; i++)
		take_at(lock, i, 1);
	for (unsigned round = 0; round < USED / 10; round++)
		for (unsigned i = PLACES - 2; i < PLACES; i++)
			for (unsigned k = 0; k < 10; k++)
				take_first(lock, i);
	struct ttrec_line *home = tt_near(s, lock);
	for (unsigned i = PLACES - 2; i < PLACES; i++)
		ok(tt_of_line(home, lock, TTREC_SITE(0x600000 + i * 16, TTREC_OP_LOCK)),
			"place %u, used most, is looked for first", i);
	unsigned found = 0;
	for (unsigned i = 0; i < PLACES; i++) {
		const struct ttrec_count *e = tt_count_find(s, lock, TTREC_SITE(0x600000 + i * 16, TTREC_OP_LOCK));
		found += e != NULL;
	}
	is_int((int)found, PLACES, "all of its places are still in the table");
	is_int((long)(counted() - before), PLACES + 2 * USED, "and every acquisition is counted");
}

/* Locks share lines of the table: who makes room for another must still be found, or what is left of it outlives its lock. */
static void places(void)
{
	enum { LOCKS = 600, PLACES = 8 };
	struct tt_self *s = tt_enter();
	unsigned random = 1, lost = 0, entries = 0;
	for (unsigned i = 0; i < LOCKS * PLACES * 20; i++) {
		random = random * 1103515245u + 12345u;
		unsigned lock = (random >> 8) % LOCKS, place = (random >> 20) % PLACES;
		take_at(lock_address(20000 + lock), place, (lock + place) % PLACES ? 1 : 40);
	}
	for (uint32_t i = 0; i < tt_table_size(s) * TTREC_LINE_COUNTS; i++) {
		const struct ttrec_line *line = &s->table[i / TTREC_LINE_COUNTS];
		const struct ttrec_count *e = &line->count[i % TTREC_LINE_COUNTS];
		bool used = line->lock && e->site;
		entries += used;
		lost += used && tt_count_find(s, line->lock, e->site) != e;
	}
	uint32_t room = tt_table_size(s) * TTREC_LINE_COUNTS;
	is_int((int)lost, 0, "each of %u entries is where it is looked for", entries);
	ok(room < 2 * entries, "and the table has room for %u, no more than it needs", room);
}

/* What had to go to the line beside comes to its first one, when that is given up: some look for it only there. */
static void homecoming(void)
{
	struct tt_self *s = tt_enter();
	uint64_t first = 0, second = 0;
	s->pressure = 0; /* the table does not grow meanwhile */
	for (unsigned i = 0; i < 20000 && !second; i++) {
		uint64_t lock = lock_address(40000 + i);
		struct ttrec_line *home = tt_near(s, lock);
		if (!first && !home->lock && !tt_beside(s, home)->lock)
			first = lock;
		else if (first && home == tt_near(s, first))
			second = lock;
	}
	struct ttrec_line *home = tt_near(s, first);
	take_at(first, 1, 1);
	take_at(second, 1, 1);
	ok(first && second && home->lock == first && tt_beside(s, home)->lock == second, "two locks for one line");
	tt_died(s, first, TTREC_SITE(0x2000, TTREC_OP_NONE));
	take_at(second, 1, 2 * TT_PROMOTE);
	ok(home->lock == second && !tt_beside(s, home)->lock, "it is the second's once the first is gone");
}

/* An entry counts to 2^31; then its total has it all, whichever way it is counted. */
static void full_count(void)
{
	struct tt_self *s = tt_enter();
	uint64_t lock = lock_address(31000), site = TTREC_SITE(0x800000, TTREC_OP_TRY_FAILED);
	take_at(lock, 1, 100); /* often enough for an entry in the first line */
	tt_counted_again(s, lock, site, &birth);
	tt_counted_again(s, lock, site, &birth);
	uint64_t before = counted();
	struct ttrec_count *e = tt_count_find(s, lock, site);
	e->n = TT_COUNT_MAX - 1;
	for (unsigned i = 0; i < 3; i++)
		tt_counted_again(s, lock, site, &birth);
	e = tt_count_find(s, lock, site);
	is_int((long)e->n, 2, "a count that is full begins again");
	is_int((long)(counted() - before), (long)TT_COUNT_MAX, "and nothing of it is lost");
	struct ttrec_lsite *total = tt_lsite_find(tt_lock_find(lock), site);
	tt_sub_relaxed(&total->count, (uint64_t)TT_COUNT_MAX << 20);
	e = tt_count_find(s, lock, TTREC_SITE(0x600000 + 16, TTREC_OP_LOCK));
	before = counted() - e->n;
	e->n = TT_COUNT_MAX + 5;
	e->next = (uint16_t)e->n; /* the next one is timed */
	take_first(lock, 1);
	e = tt_count_find(s, lock, TTREC_SITE(0x600000 + 16, TTREC_OP_LOCK));
	is_int((long)e->n, 1, "so does that of an acquisition, once a timed hold leads to it");
	is_int((long)(counted() - before), (long)TT_COUNT_MAX + 6, "and nothing is lost");
	total = tt_lsite_find(tt_lock_find(lock), TTREC_SITE(0x600000 + 16, TTREC_OP_LOCK));
	tt_sub_relaxed(&total->count, (uint64_t)(TT_COUNT_MAX + 5) << 20);
}

/* A lock that lives shortly and often gets an entry in the table now and then only; what it did is counted all the same. */
static void short_lives(void)
{
	enum { LIVES = 1600, EACH = 3 };
	uint64_t lock = lock_address(30000), site = TTREC_SITE(0x700000, TTREC_OP_TRY_FAILED), before = counted();
	struct tt_self *s = tt_enter();
	uint64_t operations = tt_count_total(s->t);
	unsigned entries = 0, once = 0;
	for (unsigned i = 0; i < LIVES; i++) {
		tt_born(s, lock, TTREC_SITE(0x700010, TTREC_OP_NONE), TT_STACK_CFA(), &birth, 0, 0);
		for (unsigned k = 0; k < EACH; k++)
			tt_counted(s, lock, site, &birth);
		entries += tt_count_find(s, lock, site) != NULL;
		tt_died(s, lock, TTREC_SITE(0x2000, TTREC_OP_NONE));
	}
	is_int((long)(counted() - before), (long)LIVES * EACH, "every operation of a lock of many lives is counted");
	is_int((long)(tt_count_total(s->t) - operations), (long)LIVES * EACH, "and every one is its thread's");
	/* The first 16, and of the 4,752 operations of the others one in 1,024. */
	ok(entries >= 16 && entries < 40, "%u of %d lives had an entry", entries, LIVES);
	tt_born(s, lock, TTREC_SITE(0x700010, TTREC_OP_NONE), TT_STACK_CFA(), &birth, 0, 0);
	/* Where none was long before, that may take some thousands. */
	while (once < 20000 && !tt_count_find(s, lock, site)) {
		tt_counted(s, lock, site, &birth);
		once++;
	}
	ok(once < 20000, "a life with many operations gets one: after %u", once);
}

/* Semaphores that are taken once a life, as a lock is. */
static const struct tt_birth sem_birth = {.kind = TTREC_KIND_SEM};
#define TAKEN_AT TTREC_SITE(0x710000, TTREC_OP_SEM_TRYWAIT)

static struct tt_self *taken(uint64_t sem)
{
	tt_born(tt_enter(), sem, TTREC_SITE(0x710010, TTREC_OP_NONE), TT_STACK_CFA(), &sem_birth, TTREC_LOCK_SEM_BINARY, 1);
	struct tt_self *s = tt_enter();
	tt_got(s, sem, TAKEN_AT, TT_STACK_CFA(), &sem_birth, TTREC_OP_NONE);
	return s;
}

static void *ended_by_another(void *sem)
{
	tt_died(tt_enter(), (uint64_t)(uintptr_t)sem, TTREC_SITE(0x2000, TTREC_OP_NONE));
	return NULL;
}

static void taken_lives(void)
{
	enum { LIVES = 1600, OTHERS = 32 };
	uint64_t kept = lock_address(31000), given = lock_address(31001), other = lock_address(31002), before = counted();
	unsigned entries = 0, still_held = 0, unheld = 0;
	for (unsigned i = 0; i < LIVES; i++) {
		struct tt_self *s = taken(kept);
		entries += tt_count_find(s, kept, TAKEN_AT) != NULL;
		unheld += !tt_held_find(s, kept);
		tt_died(s, kept, TTREC_SITE(0x2000, TTREC_OP_NONE));
		still_held += tt_held_find(s, kept) != 0;
		s = taken(given);
		tt_released(
			s, given, tt_held_find(s, given), tt_now(), TTREC_SITE(0x710020, TTREC_OP_SEM_POST), TT_STACK_CFA());
		tt_died(s, given, TTREC_SITE(0x2000, TTREC_OP_NONE));
	}
	is_int((long)(counted() - before), 2L * LIVES, "semaphores that are taken once a life are counted");
	ok(entries > 16 && entries < LIVES / 3, "%u of %d lives had an entry", entries, LIVES);
	is_int((long)unheld, 0, "each was held");
	is_int((long)still_held, 0, "and at its end no longer");
	taken(given);
	const struct ttrec_lsite *total = tt_lsite_find(tt_lock_find(given), TAKEN_AT);
	ok(total && total->hold_samples >= 8, "the first holds were timed");
	tt_died(tt_enter(), given, TTREC_SITE(0x2000, TTREC_OP_NONE));

	unsigned without = 0;
	for (unsigned i = 0; i < OTHERS; i++) {
		pthread_t t;
		struct tt_self *s = taken(other);
		without += tt_count_find(s, other, TAKEN_AT) == NULL;
		pthread_create(&t, NULL, ended_by_another, (void *)(uintptr_t)other);
		pthread_join(t, NULL);
		still_held += tt_held_find(tt_enter(), other) != 0;
	}
	ok(without && !still_held, "who holds one hears of its end by another thread, %u times without an entry", without);
}

/* A handler may post what its thread holds at any moment, such as when a lock within that was looked up, and then taken. */
static void posted_meanwhile(void)
{
	uint64_t sem = lock_address(31004), lock = lock_address(31005), site = TTREC_SITE(0x730000, TTREC_OP_LOCK);
	struct tt_self *s = taken(sem);
	struct tt_ready ready = {.e = NULL};
	/* Until it is neither new nor to be timed. */
	for (unsigned i = 0; i < 100 && !ready.e; i++) {
		acquire(s, lock, site);
		release(s, lock);
		ready = tt_acquire_prepare(s, lock, site, true);
	}
	tt_released(s, sem, tt_held_find(s, sem), tt_now(), TTREC_SITE(0x710020, TTREC_OP_SEM_POST), TT_STACK_CFA());
	bool none = !s->t->held_depth;
	if (ready.e)
		tt_acquire_commit(s, &ready, lock, site);
	ok(none && tt_held_find(s, lock), "a lock is held also if a handler posted the semaphore around it meanwhile");
	release(s, lock);
	while (tt_held_find(s, sem))
		tt_held_remove(s, tt_held_find(s, sem));
	is_int((long)s->t->held_depth, 0, "and then nothing");
	tt_died(s, sem, TTREC_SITE(0x2000, TTREC_OP_NONE));
}

/* Two threads whose slots are the same modulo 64, so that they have one bit among a lock's users. */
#define FAR_AT   TTREC_SITE(0x720000, TTREC_OP_LOCK)
#define FAR_ENDS 32u
static pthread_barrier_t far_turn;

static void *far_user(void *known_after)
{
	uint64_t lock = lock_address(32000);
	acquire(tt_enter(), lock, FAR_AT);
	release(tt_enter(), lock);
	pthread_barrier_wait(&far_turn); /* it ends */
	pthread_barrier_wait(&far_turn);
	*(bool *)known_after = tt_count_find(tt_enter(), lock, FAR_AT) != NULL;
	for (unsigned i = 0; i < FAR_ENDS; i++) {
		pthread_barrier_wait(&far_turn); /* main has taken it */
		ended_by_another((void *)(uintptr_t)lock_address(31003));
		pthread_barrier_wait(&far_turn);
	}
	return NULL;
}

static void far_slots(void)
{
	uint64_t lock = lock_address(32000), before = counted();
	struct tt_self *s = tt_enter();
	struct ttrec_thread *spare[64], *t;
	unsigned n = 0;
	while ((t = tt_thread_alloc())->slot % 64 != s->t->slot % 64)
		spare[n++] = t;
	tt_thread_free(t); /* the next thread's */
	bool known = true, found;
	pthread_t thread;
	pthread_barrier_init(&far_turn, NULL, 2);
	pthread_create(&thread, NULL, far_user, &known);
	pthread_barrier_wait(&far_turn);
	acquire(tt_enter(), lock, FAR_AT);
	release(tt_enter(), lock);
	found = t->slot != s->t->slot && tt_thread_by_slot(t->slot)->state == TTREC_THREAD_RUNNING;
	tt_died(tt_enter(), lock, TTREC_SITE(0x2000, TTREC_OP_NONE));
	pthread_barrier_wait(&far_turn);

	uint64_t sem = lock_address(31003);
	unsigned without = 0, still_held = 0;
	for (unsigned i = 0; i < FAR_ENDS; i++) {
		for (unsigned k = 0; k < TT_MANY_LIVES; k++)
			tt_died(taken(sem), sem, TTREC_SITE(0x2000, TTREC_OP_NONE));
		without += tt_count_find(taken(sem), sem, TAKEN_AT) == NULL;
		pthread_barrier_wait(&far_turn);
		pthread_barrier_wait(&far_turn);
		still_held += tt_held_find(tt_enter(), sem) != 0;
	}
	pthread_join(thread, NULL);
	while (n)
		tt_thread_free(spare[--n]);
	ok(found && !known, "a thread that is numbered 64 more than the one that ends a lock hears of it");
	ok(without && !still_held, "so does one that holds a semaphore without an entry, %u times", without);
	is_int((long)(counted() - before), 2L + (TT_MANY_LIVES + 1) * FAR_ENDS, "and what both counted is kept");
}

/* Waits that were charged, and those that are only logged. */
static uint64_t charged_waits(uint64_t lock, uint64_t site)
{
	struct ttrec_lock *l = tt_lock_find(lock);
	return l ? tt_load_relaxed(&tt_wait_get(l->index, site, 0)->count) : 0;
}
static uint32_t logged_waits(const struct tt_self *s)
{
	return s->t->logged_next - s->t->logged_first;
}

static void wait_once(struct tt_self *s, uint64_t lock, uint64_t site)
{
	struct tt_wait_for w;
	tt_wait_begin(&w, s, lock, site, TT_STACK_CFA(), &birth, TTREC_WAIT_SEM, NULL, 0, false);
	tt_wait_over(&w, false, TTREC_OP_NONE);
}

static void *waits_a_little(void *lock)
{
	for (int i = 0; i < 7; i++)
		wait_once(tt_enter(), (uint64_t)(uintptr_t)lock, TTREC_SITE(0x720000, TTREC_OP_LOCK));
	tt_log_charge(tt_enter()->t);
	return NULL;
}

/* How often it is said that a lock was held while the thread was blocked there. */
static uint64_t misused(uint64_t site)
{
	for (uint32_t i = 0; i < TT_MISUSE_HEADS; i++)
		for (uint32_t ref = tt_g.p->misuse_heads[i]; ref;) {
			const struct ttrec_misuse *m = tt_at(ref);
			if (m->site == site && m->what == TTREC_MISUSE_HELD_BLOCKING)
				return m->count;
			ref = m->chain;
		}
	return 0;
}

/* At any moment each wait is charged or logged, never both: so the reader counts it once, whenever the process is killed. */
static void logging(void)
{
	enum { WAITS = 200 };
	struct tt_self *s = tt_enter();
	uint64_t lock = lock_address(32000), outer = lock_address(32001), site = TTREC_SITE(0x720000, TTREC_OP_LOCK);
	uint64_t wrong = 0, most = 0, late = 0, events = tt_g.h->event_next;
	tt_log_charge(s->t);
	for (unsigned i = 0; i < WAITS; i++) {
		wait_once(s, lock, site);
		wrong += charged_waits(lock, site) + logged_waits(s) != i + 1;
		late += i < 4 && logged_waits(s);
		most = logged_waits(s) > most ? logged_waits(s) : most;
	}
	is_u64(wrong, 0, "each wait is charged or logged");
	is_u64(late, 0, "the first ones of a pair are charged at once");
	ok(most >= 4 && most < TTREC_LOGGED_MAX, "later ones together: up to %u are logged while nothing is held",
		(unsigned)most);
	acquire(s, outer, site);
	for (unsigned i = 0; i < TTREC_LOGGED_MAX; i++) {
		wait_once(s, lock, site);
		wrong += charged_waits(lock, site) + logged_waits(s) != WAITS + i + 1;
		most = logged_waits(s) > most ? logged_waits(s) : most;
	}
	ok(!wrong && most == TTREC_LOGGED_MAX, "while a lock is held, none is charged before the log is full");
	for (unsigned i = 0; i < 2 * TT_OUTER_USUAL; i++)
		wait_once(s, lock, site);
	uint64_t more = 2 * TT_OUTER_USUAL;
	ok(tt_held_usual(s), "after many waits with one lock held, that is usual");
	uint64_t longer = TTREC_SITE(0x730000, TTREC_OP_IO), forks = TTREC_SITE(0x730010, TTREC_OP_FORK),
		 brief = TTREC_SITE(0x730020, TTREC_OP_IO);
	for (unsigned i = 0; i < 100; i++) {
		tt_busy_begin(s);
		tt_held_while_blocked(s, 0, longer, 5000000, NULL);
		tt_held_while_blocked(s, 0, forks, 30000, NULL);
		tt_busy_end(s);
	}
	for (unsigned i = 0; i < 16000; i++) {
		tt_busy_begin(s);
		tt_held_while_blocked(s, 0, brief, 30000, NULL);
		tt_busy_end(s);
	}
	ok(misused(longer) == 100 && misused(forks) == 100, "then, too, each long blocking and each fork is a fact");
	uint64_t briefly = misused(brief);
	ok(briefly % TT_USUAL_OF == 0 && briefly > 12000 && briefly < 20000, "of 16000 brief ones, %u are told",
		(unsigned)briefly);
	struct ttrec_event kept = s->t->logged[s->t->logged_first % TTREC_LOGGED_MAX];
	ok(kept.thread == s->t->serial && kept.site == TTREC_SITE_PC(site) && kept.op == TTREC_OP_LOCK && kept.end_ns,
		"what is logged says all that an event says");
	release(s, outer);
	tt_log_charge(s->t);
	is_u64(charged_waits(lock, site), WAITS + TTREC_LOGGED_MAX + more, "at the end all are charged");
	uint64_t beside = tt_g.h->event_next - events - (WAITS + TTREC_LOGGED_MAX + more);
	ok(beside == 3 || beside == 4, "each is one event, beside three facts and perhaps a long hold");
	pthread_t t[4];
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, waits_a_little, (void *)(uintptr_t)lock);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	is_u64(charged_waits(lock, site), WAITS + TTREC_LOGGED_MAX + more + 4 * 7, "threads charge to one pair");
}

/* As a hook of a condition's wait. Did all lie where it did the last time? wrong: is told what is not published as it should
 * be. */
static bool waits_for(struct tt_self *s, uint64_t cond, uint64_t site, uint64_t mutex, unsigned *wrong)
{
	static const struct tt_birth cond_birth = {.kind = TTREC_KIND_COND};
	struct tt_caller c = tt_caller_of(site, TT_STACK_CFA());
	struct tt_birth b = cond_birth;
	struct tt_block block;
	tt_busy_begin(s);
	bool again = tt_block_again(s, &block, cond, site, mutex);
	if (!again) {
		struct ttrec_lock *l = tt_lock_get(s, cond, &b);
		l->other = mutex;
		tt_count(s, cond, site, &cond_birth);
		tt_block_begin(s, &block, l, TTREC_KIND_COND, cond, site, TTREC_WAIT_COND, NULL, mutex, &c);
	}
	const struct ttrec_waiting *w = &s->t->waiting;
	bool right = w->object == cond && w->other == mutex && w->site == TTREC_SITE_PC(site) && w->op == TTREC_OP_COND_WAIT &&
	             w->kind == TTREC_KIND_COND && w->uid == tt_lock_uid(tt_lock_find(cond)) && w->since_ns == block.t0;
	tt_waiting_over(s->t);
	tt_block_woken(s, &block, false);
	*wrong += !right || w->op != TTREC_OP_NONE;
	tt_busy_end(s);
	return again;
}

/* Waits that are begun in the short way are counted, published and logged as the others. */
static void conditions(void)
{
	enum { WAITS = 3000 };
	uint64_t cond = lock_address(32000), mutex = lock_address(32001), other = lock_address(32002), before = counted();
	uint64_t site = TTREC_SITE(0x740000, TTREC_OP_COND_WAIT);
	struct tt_self *s = tt_enter();
	unsigned again = 0, wrong = 0;
	uint64_t waits = s->t->waits[TTREC_WAIT_COND].count;
	for (unsigned i = 0; i < WAITS; i++)
		again += waits_for(s, cond, site, mutex, &wrong);
	ok(again > WAITS * 9 / 10 && again < WAITS - 4, "of %d waits for a condition, %u are as the one before", WAITS, again);
	is_int((long)wrong, 0, "all are published while they last");
	tt_log_charge(s->t);
	ok(counted() - before == WAITS && s->t->waits[TTREC_WAIT_COND].count - waits == WAITS &&
			charged_waits(cond, site) == WAITS,
		"all are counted and charged");
	struct tt_block block;
	tt_busy_begin(s);
	bool same = tt_block_again(s, &block, cond, site, other);
	tt_busy_end(s);
	ok(!same, "with another mutex it is another wait");
	tt_died(s, cond, TTREC_SITE(0x2000, TTREC_OP_NONE));
	tt_busy_begin(s);
	same = tt_block_again(s, &block, cond, site, mutex);
	tt_busy_end(s);
	ok(!same && counted() - before == WAITS, "and so it is when the condition was destroyed");
}

int main(void)
{
	plan(53);
	ok(staterec_begin(), "a recording is made");
	ok(tt_enter() != NULL, "the first thread registers");
	is_int((int)tt_g.h->threads_adopted + (int)tt_g.h->serials, 1, "and is the main thread");

	run_all();
	gaps();
	homecoming();
	promotion();
	places();
	full_count();
	short_lives();
	taken_lives();
	posted_meanwhile();
	far_slots();
	logging();
	conditions();

	struct ttrec_lock *l = tt_lock_find(lock_address(6000));
	ok(l && l->sharers != 0, "a lock that all used is found");
	bool gone = staterec_end();
	ok(tt_g.h->end_ns != 0, "the end is recorded");
	ok(gone, "and no file is left");
	return done();
}
