/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: preload/arena.c preload/counts.c preload/events.c preload/file.c preload/freed.c preload/held.c preload/locks.c */
/* LINK: preload/modules.c preload/options.c preload/order.c preload/stacks.c preload/threads.c preload/wait.c */
/* LINK: preload/acquire.c */
/* LINK: preload/stack.c preload/stack_cfi.c preload/stack_expr.c preload/stack_find.c preload/stack_last.c */
/* LINK: preload/stack_rule.c */
/* test_state_freed.c - memory that is given back: the filter has a bit set exactly while a lock lies there. */
#include "tests/unit/staterec.h"
#include "tests/unit/tap.h"

#include <pthread.h>

#define SITE    TTREC_SITE(0x400000, TTREC_OP_LOCK)
#define BASE    UINT64_C(0x7f0000001000)
#define ALIAS   ((uint64_t)TT_FILTER_BITS << 8)
#define ARENA   (UINT64_C(64) << 20) /* glibc, malloc/arena.c: HEAP_MAX_SIZE */
#define THREADS 4u
#define ROUNDS  3000u

static const struct tt_birth kinds[] = {{.kind = TTREC_KIND_MUTEX, .site = SITE}, {.kind = TTREC_KIND_RWLOCK, .site = SITE}};

static void born(uint64_t address, unsigned kind)
{
	struct tt_self *s = tt_enter();
	tt_busy_begin(s);
	tt_lock_get(s, address, &kinds[kind]);
	tt_busy_end(s);
}

static void block_given_back(uint64_t address, uint64_t size)
{
	struct tt_self *s = tt_enter();
	tt_busy_begin(s);
	tt_memory_death(s, address, size, SITE, false);
	tt_busy_end(s);
}
static void given_back(uint64_t address)
{
	block_given_back(address, 40);
}

static bool is_set(const uint64_t *bits, uint64_t address)
{
	uint64_t bit = tt_filter_bit(address);
	return bits[bit / 64] >> bit % 64 & 1;
}

/* What the filter says of a granule, and what free's one question says of it and of those around it. */
static bool filter_is(uint64_t address, bool here, bool near_before, bool near_here)
{
	const uint64_t *near = tt_g.p->filter_near;
	return is_set(tt_g.p->filter, address) == here && is_set(near, address - 256) == near_before &&
	       is_set(near, address) == near_here && !is_set(near, address + 256);
}

static void alone(void)
{
	ok(filter_is(BASE, false, false, false), "no lock, no bit");
	born(BASE + 40, 0);
	ok(filter_is(BASE, true, true, true), "a lock: its granule's, and free's for the granule before, too");
	given_back(BASE + 120);
	ok(filter_is(BASE, true, true, true), "memory beside it is given back: they stay");
	given_back(BASE + 40);
	ok(filter_is(BASE, false, false, false), "its own: they are cleared");
	born(BASE + 40, 0);
	ok(filter_is(BASE, true, true, true), "and set again for the next lock there");
	born(BASE + 200, 1);
	given_back(BASE + 40);
	ok(filter_is(BASE, true, true, true), "one of two goes: they stay");
	born(BASE + ALIAS, 1);
	given_back(BASE + 200);
	ok(filter_is(BASE, true, true, true), "a lock far away has the same bits: they stay");
	given_back(BASE + ALIAS);
	ok(filter_is(BASE, false, false, false), "until that goes, too");
	born(BASE + ARENA, 1);
	ok(filter_is(BASE, false, false, false), "a lock at the same place of another arena is no matter");
	given_back(BASE + ARENA);
	born(BASE, 0);
	born(BASE - 256, 0);
	given_back(BASE);
	ok(filter_is(BASE, false, true, false), "a lock in the granule before keeps free's bit there");
	given_back(BASE - 256);
	ok(filter_is(BASE, false, false, false), "and no longer");
}

static void destroyed(void)
{
	for (unsigned kind = 0; kind < 2; kind++) {
		uint64_t at = BASE + 0x4000 * (kind + 1);
		born(at, kind);
		struct tt_self *s = tt_enter();
		tt_busy_begin(s);
		tt_lock_death(s, tt_lock_find(at), SITE, true);
		tt_busy_end(s);
		ok(filter_is(at, true, true, true), "kind %u: destroyed, its memory is still its own", kind);
		given_back(at);
		ok(filter_is(at, false, false, false), "kind %u: given back", kind);
		is_int(tt_lock_find_destroyed(at) != NULL, kind == 0, "kind %u: use after destroy %s", kind,
			kind ? "is over with it" : "shows in the lock itself");
	}
}

static const struct tt_birth sem = {.kind = TTREC_KIND_SEM};

/* A semaphore that shows in each life that it is no lock, until it is guessed to be none, and lives: after how many? */
static unsigned light_one(struct tt_self *s, uint64_t at)
{
	unsigned lives = 0;
	for (; lives < 1000; lives++) {
		tt_born(s, at, SITE, TT_STACK_CFA(), &sem, TTREC_LOCK_SEM_BINARY, 1);
		struct ttrec_lock *l = tt_lock_find(at);
		if (tt_lock_is_light(l))
			break;
		tt_lock_mark(l, TTREC_LOCK_SEM_FOREIGN);
		tt_died(s, at, SITE);
		given_back(at);
	}
	return lives;
}

static void light(void)
{
	struct tt_self *s = tt_enter();
	uint64_t at = BASE + 0x20000;
	unsigned before = light_one(s, at);
	struct ttrec_lock *l = tt_lock_find(at);
	ok(before >= TT_MANY_LIVES && before < 2 * TT_MANY_LIVES, "after %u such lives it is guessed", before);
	uint64_t other = BASE + 0x21000;
	for (unsigned i = 0; i < 2 * TT_MANY_LIVES; i++) {
		tt_born(s, other, SITE, TT_STACK_CFA(), &sem, TTREC_LOCK_SEM_FOREIGN, 0);
		tt_died(s, other, SITE);
		given_back(other);
	}
	tt_born(s, other, SITE, TT_STACK_CFA(), &sem, TTREC_LOCK_SEM_BINARY, 1);
	ok(!tt_lock_is_light(tt_lock_find(other)), "not after lives that began with another value");
	tt_died(s, other, SITE);
	given_back(other);
	uint32_t uid = tt_lock_uid(l), sharers = (uint32_t)tt_lock_users(l);
	ok(filter_is(at, true, true, true), "its memory's end is asked for");
	unsigned lives = 0;
	do {
		tt_died(s, at, SITE);
		given_back(at);
		tt_born(s, at, SITE, TT_STACK_CFA(), &sem, TTREC_LOCK_SEM_BINARY, 1);
	} while (++lives < 1000 && !filter_is(at, false, false, false));
	ok(!tt_lock_is_dead(l) && lives < 1000, "from then on its end is of no account, and frees soon do not ask (%u)", lives);
	ok(tt_lock_find(at) == l && tt_lock_uid(l) == uid + (lives << 20) && !sharers, "its lives are told apart all the same");
	uint64_t since = l->birth_ns;
	l->birth_thread = s->t->serial + 1;
	tt_born(s, at, SITE, TT_STACK_CFA(), &sem, TTREC_LOCK_SEM_BINARY, 1);
	uint64_t later = l->birth_ns;
	tt_born(s, at, SITE, TT_STACK_CFA(), &sem, TTREC_LOCK_SEM_BINARY, 1);
	ok(l->birth_thread == s->t->serial && later > since && l->birth_ns == later,
		"its birth is noted when it is another thread's than the last one, and only then");
	struct ttrec_count *e;
	tt_busy_begin(s);
	e = tt_count_at(s, NULL, at, SITE, &sem);
	tt_busy_end(s);
	ok(e && tt_entry_line(e)->uid == tt_lock_uid(l) && filter_is(at, true, true, true),
		"once a table has an entry of it, its memory's end is asked for");
	given_back(at);
	ok(tt_lock_is_dead(l) && !tt_count_find(s, at, SITE), "and the entry goes with it");
	tt_born(s, at, SITE, TT_STACK_CFA(), &sem, TTREC_LOCK_SEM_BINARY, 1);
	tt_born(s, at, SITE + 64, TT_STACK_CFA(), &sem, TTREC_LOCK_SEM_BINARY, 1);
	ok(tt_lock_is_dead(l) && tt_lock_find(at) != l, "another code's semaphore there is another");
	tt_died(s, at, SITE);
	given_back(at);
	/* Its record stays, whatever its memory is used for next. */
	at = BASE + 0x23000;
	light_one(s, at);
	tt_died(s, at, SITE);
	given_back(at);
	born(at + 8, 0);
	struct ttrec_lock *inside = tt_lock_find(at + 8);
	block_given_back(at, 56);
	ok(inside && tt_lock_is_dead(inside), "a mutex in a block that begins where such a semaphore was ends with the block");
	uint64_t gone = 0;
	for (unsigned i = 0; i < 2 * TT_MANY_LIVES; i++) {
		tt_born(s, at, SITE, TT_STACK_CFA(), &sem, TTREC_LOCK_SEM_BINARY, 1);
		tt_died(s, at, SITE);
		tt_born(s, at + 8, SITE, TT_STACK_CFA(), &sem, TTREC_LOCK_SEM_FOREIGN, 0);
		inside = tt_lock_find(at + 8);
		given_back(at);
		gone += tt_lock_is_dead(inside);
	}
	is_int((int)gone, 2 * TT_MANY_LIVES, "so does a semaphore that has as much room, each time");
	static const struct tt_birth spin = {.kind = TTREC_KIND_SPIN, .site = SITE};
	at = BASE + 0x22000;
	light_one(s, at);
	gone = 0;
	for (unsigned i = 0; i < 2 * TT_MANY_LIVES; i++) {
		tt_busy_begin(s);
		l = tt_lock_get(s, at + 32, &spin);
		tt_busy_end(s);
		tt_died(s, at, SITE);
		given_back(at);
		gone += tt_lock_is_dead(l);
		tt_born(s, at, SITE, TT_STACK_CFA(), &sem, TTREC_LOCK_SEM_BINARY, 1);
	}
	is_int((int)gone, 2 * TT_MANY_LIVES, "a spin lock beside one in its block ends with the block each time");
}

/* `lives` lives of what is no lock, with so many operations each: how many of all were counted without an entry in a table? */
static unsigned direct(struct tt_self *s, uint64_t at, unsigned lives, unsigned operations)
{
	unsigned counted = 0;
	for (; lives--; tt_died(s, at, SITE), given_back(at)) {
		tt_born(s, at, SITE, TT_STACK_CFA(), &sem, TTREC_LOCK_SEM_BINARY, 1);
		struct ttrec_lock *l = tt_lock_find(at);
		tt_lock_mark(l, TTREC_LOCK_SEM_FOREIGN);
		tt_busy_begin(s);
		for (unsigned i = 0; i < operations; i++) {
			struct ttrec_count *e;
			tt_count_once(s, at, SITE, &sem, &e);
			counted += !e;
		}
		tt_busy_end(s);
	}
	return counted;
}

static void short_lives(void)
{
	struct tt_self *s = tt_enter();
	unsigned few = 6000 - direct(s, BASE + 0x30000, 3000, 2);
	ok(few < 60, "short lives of one record hardly ever get an entry (%u of 6,000 operations)", few);
	unsigned many = direct(s, BASE + 0x31000, 300, 1000) / 300;
	ok(many < 128, "long ones soon do (after %u operations of 1,000)", many);
}

static pthread_barrier_t together;
static unsigned wrong;

/* Locks of all threads lie in the same four granules; each is born and given back at its own times. */
static uint64_t place(unsigned me, unsigned i)
{
	return BASE + 0x10000 + i % 4 * 256 + me * 64;
}
static bool lives(unsigned me, unsigned i, unsigned round)
{
	return (me * 2654435761u + i * 40503u + round * 7919u) >> 7 & 1;
}

static void *worker(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	for (unsigned round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&together);
		for (unsigned i = 0; i < 4; i++) {
			bool was = round && lives(me, i, round - 1), is = lives(me, i, round);
			if (was)
				given_back(place(me, i));
			if (is)
				born(place(me, i), 0);
		}
		pthread_barrier_wait(&together);
		for (unsigned i = 0; me == 0 && i < 4; i++) {
			bool any = false;
			for (unsigned t = 0; t < THREADS; t++)
				any |= lives(t, i, round);
			wrong += is_set(tt_g.p->filter, place(0, i)) != any;
			wrong += any && !is_set(tt_g.p->filter_near, place(0, i));
		}
	}
	return NULL;
}

static void races(void)
{
	pthread_t t[THREADS];
	pthread_barrier_init(&together, NULL, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, worker, (void *)i);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	is_int((int)wrong, 0, "%u threads, %u rounds: the bits are set where a lock lives, and only there", THREADS, ROUNDS);
}

int main(void)
{
	plan(32);
	if (!staterec_begin())
		return 1;
	alone();
	destroyed();
	light();
	short_lives();
	races();
	staterec_end();
	return done();
}
