/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: preload/arena.c preload/counts.c preload/events.c preload/file.c preload/freed.c preload/held.c preload/locks.c */
/* LINK: preload/modules.c preload/options.c preload/order.c preload/stacks.c preload/threads.c preload/wait.c */
/* LINK: preload/acquire.c */
/* LINK: preload/stack.c preload/stack_cfi.c preload/stack_expr.c preload/stack_find.c preload/stack_last.c */
/* LINK: preload/stack_rule.c */
/* test_state_order.c - lock-order facts: each distinct one is recorded once, whatever the numbers of its locks. */
#include "tests/unit/staterec.h"
#include "tests/unit/tap.h"

#define SITE(n) TTREC_SITE(0x400000 + (n)*16, TTREC_OP_LOCK)
#define OUTER   24u
#define WANTED  1000u

static const struct tt_birth birth = {.kind = TTREC_KIND_MUTEX};

static uint64_t lock_address(unsigned i)
{
	return 0x7f0000001000ull + i * 40ull;
}

static void acquire(unsigned i, uint64_t site)
{
	struct tt_self *s = tt_enter();
	uint64_t lock = lock_address(i);
	struct tt_ready ready = tt_acquire_prepare(s, lock, site, true);
	if (ready.e)
		tt_acquire_commit(s, &ready, lock, site);
	else
		tt_got(s, lock, site, TT_STACK_CFA(), &birth, TTREC_OP_NONE);
}

static void release(unsigned i)
{
	struct tt_self *s = tt_enter();
	uint64_t lock = lock_address(i);
	if (tt_release_is_plain(s, lock))
		tt_release_plain(s);
	else if (tt_release_is_under(s, lock))
		tt_release_under(s, lock);
	else
		tt_released(s, lock, tt_held_find(s, lock), tt_now(), SITE(0), TT_STACK_CFA());
}

/* What a fact is to say. */
struct that {
	unsigned held;      /* so many locks were held; 0: any number */
	uint32_t wanted;    /* UINT32_MAX: any */
	uint64_t innermost; /* address of the lock that was held so; 0: any */
};

static bool is_that(const struct ttrec_dep *d, const struct that *that)
{
	const struct ttrec_lock *l = d->held_count ? tt_lock_by_index(TTREC_UID_INDEX(d->held[d->held_count - 1].uid)) : NULL;
	return (!that->held || d->held_count == that->held) && (that->wanted == UINT32_MAX || d->wanted == that->wanted) &&
	       (!that->innermost || (l && l->address == that->innermost));
}

static unsigned facts_that(struct that that)
{
	unsigned n = 0;
	for (uint64_t at = TTREC_HEADER_SIZE; at < tt_g.h->next;) {
		const struct ttrec_chunk *c = (const void *)(tt_g.base + at);
		uint64_t end = at + c->size, v = at + sizeof(*c);
		at = end;
		while (c->type == TTREC_CHUNK_VAR && v + sizeof(struct ttrec_var) <= end) {
			const struct ttrec_dep *d = (const void *)(tt_g.base + v);
			if (!d->var.size)
				break;
			n += d->var.type == TTREC_VAR_DEP && is_that(d, &that);
			v += d->var.size;
		}
	}
	return n;
}

static unsigned facts(unsigned held, uint32_t wanted)
{
	return facts_that((struct that){.held = held, .wanted = wanted});
}

static unsigned facts_within(unsigned i)
{
	return facts_that((struct that){.wanted = UINT32_MAX, .innermost = lock_address(i)});
}

static uint32_t uid(unsigned i)
{
	return tt_lock_uid(tt_lock_find(lock_address(i)));
}

/* Every ordered pair of held locks: the numbers of many pairs have the same sum, or the same bits when they are combined. */
static void pairs(void)
{
	for (unsigned round = 0; round < 3; round++)
		for (unsigned a = 0; a < OUTER; a++)
			for (unsigned b = 0; b < OUTER; b++) {
				if (a == b)
					continue;
				acquire(a, SITE(1));
				acquire(b, SITE(1));
				acquire(WANTED, SITE(1));
				release(WANTED);
				release(b);
				release(a);
			}
	is_int((int)facts(2, uid(WANTED)), OUTER * (OUTER - 1), "two locks held, one wanted: a fact for each pair and order");
	is_int((int)facts(1, UINT32_MAX), OUTER * (OUTER - 1), "one held, one wanted: a fact for each pair and order");
}

/* One lock held, each of many wanted at each of many places. */
static void places(void)
{
	enum { LOCKS = 64, SITES = 40 };
	unsigned before = facts(1, UINT32_MAX);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned site = 0; site < SITES; site++)
			for (unsigned i = 0; i < LOCKS; i++) {
				acquire(2000, SITE(0));
				acquire(3000 + i, SITE(site));
				release(3000 + i);
				release(2000);
			}
	is_int((int)(facts(1, UINT32_MAX) - before), LOCKS * SITES, "a fact for each wanted lock and place");
}

/* What is held is the same whether it was taken in that order or others were let go in between. */
static void out_of_order(void)
{
	unsigned before = facts(2, UINT32_MAX);
	acquire(4000, SITE(2));
	acquire(4001, SITE(2));
	acquire(4002, SITE(2));
	unsigned with_two = facts(2, UINT32_MAX);
	is_int((int)(with_two - before), 1, "the third lock is wanted with two held");
	release(4001);
	acquire(4003, SITE(2));
	release(4003);
	release(4002);
	release(4000);
	acquire(4000, SITE(2));
	acquire(4002, SITE(2));
	acquire(4003, SITE(2));
	is_int((int)(facts(2, UINT32_MAX) - with_two), 1, "two held after a release out of order are those two");
	struct tt_self *s = tt_enter();
	release(4000);
	release(4002);
	acquire(4004, SITE(2));
	release(4003);
	uint64_t alone = s->held[0].hash;
	release(4004);
	acquire(4004, SITE(2));
	ok(s->held[0].hash == alone, "the last one left is as if it had been the first");
	release(4004);
}

/* The middle one of three locks is let go with no more than moving what is above it, unless its hold is timed. */
static void under(void)
{
	enum { LOWEST = 4100, MIDDLE, INNER, TRIES = 100 };
	struct tt_self *s = tt_enter();
	bool plain = false;
	for (unsigned i = 0; i < TRIES && !plain; i++) {
		acquire(LOWEST, SITE(2));
		acquire(MIDDLE, SITE(2));
		acquire(INNER, SITE(2));
		if ((plain = tt_release_is_under(s, lock_address(MIDDLE))))
			tt_release_under(s, lock_address(MIDDLE));
		else
			release(MIDDLE);
		if (!plain) {
			release(INNER);
			release(LOWEST);
		}
	}
	ok(plain, "a hold that is not timed ends without its lock being looked up");
	ok(s->t->held_depth == 2 && s->held[0].lock == lock_address(LOWEST) && s->held[1].lock == lock_address(INNER),
		"the other two are held");
	uint64_t hash = s->held[1].hash;
	release(INNER);
	release(LOWEST);
	acquire(LOWEST, SITE(2));
	acquire(INNER, SITE(2));
	ok(s->held[1].hash == hash && s->t->held_seq % 2 == 0, "as if they had been alone from the beginning");
	ok(!tt_release_is_under(s, lock_address(MIDDLE)), "what is not held is not let go");
	release(INNER);
	release(LOWEST);
}

/* A new segment of the thread: what it does again is noted as done there, too. */
static void segments(void)
{
	struct tt_self *s = tt_enter();
	unsigned before = facts(1, UINT32_MAX);
	acquire(0, SITE(1));
	s->t->segment++;
	tt_order_forget(s);
	acquire(WANTED, SITE(1));
	release(WANTED);
	release(0);
	unsigned after = facts(1, UINT32_MAX);
	acquire(0, SITE(1));
	acquire(WANTED, SITE(1));
	release(WANTED);
	release(0);
	is_int((int)(after - before), 1, "a lock that was held before is held in the new segment");
	is_int((int)(facts(1, UINT32_MAX) - after), 0, "and that is one fact");
}

/* As the hooks do first: the memo of what was nested before. Its hash, 0: there is none for what is held now. */
static uint64_t remembered(unsigned i, uint64_t site)
{
	struct tt_self *s = tt_enter();
	uint64_t lock = lock_address(i);
	struct ttrec_line *line = tt_near_ask(s, lock);
	struct ttrec_count *e = tt_near_entry(line, lock, site);
	struct tt_ready ready;
	return e && tt_near_held(s, line, e, site, TTREC_OP_LOCK, &ready) ? ready.hash : 0;
}

/* A memo says what a look-up would, for exactly what it was made for. */
static void memos(void)
{
	enum { IN = 2000, FIRST, SECOND };
	/* More often than the first holds of a lock, which are all timed and so not taken by this way. */
	for (unsigned i = 0; i < 10; i++) {
		acquire(FIRST, SITE(1));
		acquire(IN, SITE(2));
		release(IN);
		release(FIRST);
	}
	acquire(FIRST, SITE(1));
	struct tt_self *s = tt_enter();
	uint64_t below = s->held[0].hash, hash = tt_held_hash(below, tt_held_own(uid(IN), SITE(2)));
	ok(remembered(IN, SITE(2)) == hash, "what was nested before is remembered, with its hash");
	ok(!remembered(IN, SITE(3)), "not at another place");
	release(FIRST);
	for (unsigned i = 0; i < 10; i++) {
		acquire(SECOND, SITE(1));
		release(SECOND);
	}
	acquire(SECOND, SITE(1));
	ok(!remembered(IN, SITE(2)), "not within another lock");
	release(SECOND);
	acquire(FIRST, SITE(1));
	tt_order_forget(s);
	ok(!remembered(IN, SITE(2)), "not in a new segment of the thread");
	acquire(IN, SITE(2));
	release(IN);
	release(FIRST);
	tt_lock_death(s, tt_lock_find(lock_address(IN)), SITE(4), true);
	for (unsigned i = 0; i < 10; i++) {
		acquire(IN, SITE(2));
		release(IN);
	}
	acquire(FIRST, SITE(1));
	ok(!remembered(IN, SITE(2)), "not of a lock that died, by the next one at its address");
	/* As after a wait for a semaphore of which nothing was known when the wait began. */
	struct tt_caller c = tt_caller_of(SITE(2), TT_STACK_CFA());
	tt_busy_begin(s);
	tt_acquired(s, lock_address(IN), SITE(2), &birth, false, &c);
	tt_busy_end(s);
	release(IN);
	ok(!remembered(IN, SITE(2)), "not when its order was not recorded");
	release(FIRST);
}

/* A lock that dies and is born again, asked for below another as often: facts about its lives, `lives` of them. */
static unsigned reborn(unsigned i, unsigned lives, enum ttrec_op op)
{
	unsigned before = facts(1, UINT32_MAX);
	uint64_t site = TTREC_SITE(0x500000, op);
	for (unsigned n = 0; n < lives; n++) {
		acquire(5000, SITE(5));
		acquire(i, site);
		release(i);
		acquire(i, site);
		release(i);
		release(5000);
		tt_lock_death(tt_enter(), tt_lock_find(lock_address(i)), SITE(4), true);
	}
	return facts(1, UINT32_MAX) - before;
}

static void lives(void)
{
	is_int((int)reborn(6000, 100, TTREC_OP_LOCK), 100, "a fact for each life of a lock that is waited for");
	is_int((int)reborn(6001, 100, TTREC_OP_SEM_TRYWAIT), 16, "of tries, which wait for nothing, for its first lives only");
}

/*
 * A semaphore of many lives is held, within `outer` if not 0, and a lock is asked for. Then it turns out to be no lock, or is
 * given back as one. Facts that remain.
 */
static unsigned passing(unsigned outer, unsigned i, unsigned wanted, bool is_lock)
{
	unsigned before = facts_within(i);
	for (unsigned n = 0; n < 100; n++) {
		struct tt_self *s = tt_enter();
		if (outer)
			acquire(outer, SITE(5));
		acquire(i, TTREC_SITE(0x500100, TTREC_OP_SEM_TRYWAIT));
		for (unsigned k = 0; k < 3; k++) {
			acquire(wanted, SITE(8));
			release(wanted);
		}
		if (!is_lock)
			tt_order_void(s, tt_lock_find(lock_address(i)));
		release(i);
		if (outer)
			release(outer);
		tt_lock_death(s, tt_lock_find(lock_address(i)), SITE(4), true);
	}
	return facts_within(i) - before;
}

static void passing_facts(void)
{
	enum { ASKED = 6100, OTHER = 6101, SIGNAL = 6110, LOCK = 6120 };
	acquire(ASKED, SITE(8));
	release(ASKED);
	acquire(OTHER, SITE(5));
	release(OTHER);
	is_int((int)passing(0, SIGNAL, ASKED, false), 17, "below a semaphore that is no lock: after many lives, one for all");
	is_int((int)passing(0, LOCK, ASKED, true), 100, "below one that is a lock: for each life");
	unsigned before = facts(1, uid(ASKED));
	is_int((int)passing(OTHER, SIGNAL + 1, ASKED, false), 17, "also within another lock");
	is_int((int)(facts(1, uid(ASKED)) - before), 1, "where it is a fact that this was held");
	is_int((int)passing(OTHER, LOCK + 1, ASKED, true), 100, "and both were, when it is a lock");
	/* Lives whose facts may pass and which do not, in turn: what is written over is always the former's. */
	unsigned kept = 0, lives = 0;
	for (unsigned round = 0; round < 3; round++) {
		passing(0, SIGNAL, ASKED, false);
		lives += 200;
		kept += passing(0, LOCK, ASKED, true);
		passing(OTHER, SIGNAL + 1, ASKED, false);
		kept += passing(OTHER, LOCK + 1, ASKED, true);
	}
	is_int((int)kept, (int)lives, "no fact is lost between those that pass");
}

/* Acquisitions of lock i within `outer` that would have to ask the recording whether their order is known. */
static unsigned asks(unsigned outer, unsigned i, unsigned times)
{
	unsigned n = 0;
	for (unsigned k = 0; k < times; k++) {
		acquire(outer, SITE(6));
		struct tt_self *s = tt_enter();
		const struct ttrec_held *top = &s->held[0];
		n += !tt_dep_known(
			s, top, tt_dep_near(s, lock_address(i)), lock_address(i), tt_dep_tag(s, top->hash, uid(i), SITE(7)));
		acquire(i, SITE(7));
		release(i);
		release(outer);
	}
	return n;
}

/* Known orders stay known: many locks within one, one within many, and each of many within each other. */
static void many(void)
{
	enum { ONE = 7000, MANY = 900, DENSE = 60 };
	unsigned one = 0, all = 0, dense = 0;
	for (unsigned round = 0; round < 4; round++) {
		one = all = dense = 0;
		for (unsigned i = 1; i <= MANY; i++) {
			acquire(ONE + i, SITE(7)); /* its uid is asked for */
			release(ONE + i);
			one += asks(ONE, ONE + i, 1);
			all += asks(ONE + i, ONE, 1);
		}
		for (unsigned i = 1; i <= DENSE; i++)
			for (unsigned k = 1; k <= DENSE; k++)
				if (i != k)
					dense += asks(ONE + i, ONE + k, 1);
	}
	ok(one <= MANY / 50, "%u locks within one: %u orders have to be asked for", MANY, one);
	ok(all <= MANY / 50, "one within each of %u: %u", MANY, all);
	ok(dense <= DENSE * DENSE / 50, "each of %u within each: %u of %u", DENSE, dense, DENSE * (DENSE - 1));
}

int main(void)
{
	plan(30);
	if (!staterec_begin())
		return 1;
	pairs();
	places();
	out_of_order();
	under();
	segments();
	memos();
	lives();
	passing_facts();
	many();
	ok(tt_g.h->drop[TTREC_DROP_DEP] == 0, "nothing was dropped");
	staterec_end();
	return done();
}
