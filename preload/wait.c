/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait.c - the contended path: publish what is waited for, find who holds it, time the wait, log it, charge it.
 *
 * Around every call that may block. begin: before; end: as soon as the real call returned, which logs the wait in the thread's
 * own record. What a log holds is charged - to pairs, histograms and the ring of events, which all threads share - for many
 * waits at a time: a thread that was asleep finds neither this code nor those records in the caches of its processor. And it is
 * charged when the thread holds nothing by the wait, or after the release, so that no critical section gets longer by it.
 */
#include "preload/shim.h"

#define STACKS_FIRST 4u    /* the first waits of a (lock, waiter, holder) all capture their stack */
#define STACKS_EVERY 64u   /* later ones now and then, and whenever one is the longest so far (by its site's last stack) */
#define STACKS_RARE  1024u /* so many, and then one of so many, if the mutex of a condition is held meanwhile */

static struct ttrec_wait *wait_scan(uint32_t ref, uint32_t lock, uint64_t waiter, uint64_t holder)
{
	while (ref) {
		struct ttrec_wait *w = tt_at(ref);
		if (w->lock == lock && w->waiter_site == waiter && w->holder_site == holder)
			return w;
		ref = w->chain;
	}
	return NULL;
}

/* The record of (lock, waiter site, holder site); NULL: no space (counted). */
struct ttrec_wait *tt_wait_get(uint32_t lock, uint64_t waiter, uint64_t holder)
{
	uint32_t *head = &tt_g.p->wait_heads[(tt_mix(tt_mix(lock, waiter), holder) >> 20) & (TT_WAIT_HEADS - 1)];
	uint32_t first = tt_load_acquire(head);
	struct ttrec_wait *w = wait_scan(first, lock, waiter, holder);
	if (w)
		return w;
	w = tt_slab_alloc(TTREC_CHUNK_WAIT, sizeof(*w), TTREC_SLAB_WAITS, NULL);
	if (!w) {
		tt_drop(TTREC_DROP_WAIT);
		return NULL;
	}
	w->lock = lock;
	w->holder_site = holder;
	w->waiter_site = waiter;
	tt_module_seen(TTREC_SITE_PC(waiter));
	do {
		struct ttrec_wait *o = wait_scan(first, lock, waiter, holder);
		if (o) {
			tt_store_relaxed(&w->waiter_site, UINT64_C(0));
			return o;
		}
		w->chain = first;
	} while (!tt_cas_acq_rel(head, &first, tt_ref(w)));
	return w;
}

/* Where `holder` acquired the lock: its held stack, read while it runs. Wrong at worst for this one wait. */
static uint64_t holder_site(struct ttrec_thread *holder, uint64_t lock, bool want_stack)
{
	struct ttrec_held *held = holder->held;
	uint32_t cap = TTREC_HELD_INLINE, ref = tt_load_acquire(&holder->held_ref);
	if (ref) {
		held = tt_at(ref);
		cap = tt_load_relaxed(&holder->held_cap);
	}
	uint32_t d = tt_load_acquire(&holder->held_depth);
	for (uint32_t i = d < cap ? d : cap; i; i--) {
		struct ttrec_held *h = &held[i - 1];
		if (tt_load_relaxed(&h->lock) != lock)
			continue;
		/* The holder may just let go and push another lock here: then that one's release stores a stack in vain. */
		uint64_t word = tt_load_relaxed(&h->site);
		if (want_stack && !(TTREC_HELD_FLAGS(word) & TTREC_HELD_WANT))
			tt_or_relaxed(&h->site, TTREC_HELD_FLAG(TTREC_HELD_WANT));
		return TTREC_SITE_WORD(word);
	}
	return 0;
}

uint64_t tt_holder_site(struct ttrec_thread *holder, uint64_t lock)
{
	return holder ? holder_site(holder, lock, false) : 0;
}

static void waiting_set(struct ttrec_thread *t, const struct ttrec_waiting *to)
{
	struct ttrec_waiting *w = &t->waiting;
	uint32_t seq = w->seq & ~1u; /* odd: the thread was torn out of here by longjmp */
	/* Release stores: none of the fields may be seen before the odd number. On x86 they cost nothing. */
	tt_store_relaxed(&w->seq, seq + 1);
	tt_store_release(&w->op, to->op);
	tt_store_release(&w->kind, to->kind);
	tt_store_release(&w->flags, to->flags);
	tt_store_release(&w->object, to->object);
	tt_store_release(&w->site, to->site);
	tt_store_release(&w->since_ns, to->since_ns);
	tt_store_release(&w->other, to->other);
	tt_store_release(&w->stack, to->stack);
	tt_store_release(&w->uid, to->uid);
	tt_store_release(&w->seq, seq + 2);
}

/* The thread waits no more: `op` says it, the other fields are what they were. */
void tt_waiting_over(struct ttrec_thread *t)
{
	struct ttrec_waiting *w = &t->waiting;
	uint32_t seq = w->seq & ~1u;
	tt_store_relaxed(&w->seq, seq + 1);
	tt_store_release(&w->op, (uint8_t)TTREC_OP_NONE);
	tt_store_release(&w->seq, seq + 2);
}

void tt_waiting_loop(struct ttrec_thread *t, uint64_t pc, uint64_t now)
{
	waiting_set(t, &(struct ttrec_waiting){.op = TTREC_OP_LOOP_WAIT, .site = pc, .since_ns = now, .uid = 0xffffffffu});
}

void tt_waiting_call(struct ttrec_thread *t, uint64_t site, enum ttrec_call call, uint64_t now)
{
	waiting_set(t, &(struct ttrec_waiting){.op = (uint8_t)TTREC_SITE_OP(site),
			       .site = TTREC_SITE_PC(site),
			       .since_ns = now,
			       .object = call,
			       .uid = 0xffffffffu});
}

/* The join that is published has a deadline. */
void tt_waiting_timed(struct tt_self *s)
{
	tt_busy_begin(s);
	struct ttrec_waiting w = s->t->waiting;
	w.flags |= TTREC_WAITING_TIMED;
	waiting_set(s->t, &w);
	tt_busy_end(s);
}

static struct ttrec_hint *hint_place(const struct tt_self *s, uint32_t lock, uint64_t waiter, uint64_t holder)
{
	return &s->t->hints[(tt_mix(waiter + lock, holder) >> 40) % TTREC_HINTS];
}

/* A wait of which no holder is known is about to begin: what it needs first is asked for. */
void tt_block_ask(const struct tt_self *s, const struct ttrec_lock *lock, uint64_t site)
{
	tt_prefetch_write((uintptr_t)hint_place(s, lock->index, site, 0));
	tt_prefetch_write((uintptr_t)&s->t->waiting);
}

/* The thread's own memory of (lock, waiter site, holder site); NULL: no space for the pair (counted). */
static struct ttrec_hint *hint_get(struct tt_self *s, uint32_t lock, uint64_t waiter, uint64_t holder)
{
	struct ttrec_hint *k = hint_place(s, lock, waiter, holder);
	if (likely(k->waiter_site == waiter && k->holder_site == holder && k->lock == lock && k->pair))
		return k;
	struct ttrec_wait *w = tt_wait_get(lock, waiter, holder);
	if (!w)
		return NULL;
	*k = (struct ttrec_hint){.waiter_site = waiter,
		.holder_site = holder,
		.lock = lock,
		.pair = tt_ref(w),
		.stack = tt_load_relaxed(&w->waiter_stack),
		.n = (uint32_t)tt_load_relaxed(&w->count)};
	return k;
}

/* n: waits of that (lock, waiter, holder) before this one. */
static bool is_chosen(uint32_t n, enum ttrec_wait_class class)
{
	uint32_t every = class == TTREC_WAIT_COND && n >= STACKS_RARE ? STACKS_RARE : STACKS_EVERY;
	return n < STACKS_FIRST || n % every == 0;
}

/*
 * Is more held than the one lock that the thread always holds when it waits? Whoever waits while holding something may be a
 * member of a deadlock, and then the stack of this wait tells the story.
 */
static bool holds_more(struct tt_self *s)
{
	uint32_t d = s->t->held_depth;
	if (likely(!d))
		return false;
	uint32_t outer = tt_held_uid(s, 0);
	if (s->outer_uid != outer) {
		s->outer_uid = outer;
		s->outer_waits = 0;
	} else if (s->outer_waits < TT_OUTER_USUAL) {
		s->outer_waits++;
	}
	return d > 1 || s->outer_waits < TT_OUTER_USUAL;
}

/* The stack of this wait, 0 for none. */
static uint32_t block_stack(struct tt_self *s, const struct tt_block *b, struct ttrec_thread *holder, const struct tt_caller *c)
{
	if (b->chosen && holder && b->holder_site)
		holder_site(holder, b->object, true);
	return holds_more(s) || b->chosen ? tt_stack_capture(s, c) : 0;
}

/* The wait begins now. stack: its own, else one of an earlier wait there, 0 none. */
TT_INLINE void block_publish(struct tt_self *s, struct tt_block *b, enum ttrec_kind kind, uint64_t other, uint32_t stack)
{
	b->t0 = tt_now();
	waiting_set(s->t, &(struct ttrec_waiting){
				  .op = (uint8_t)TTREC_SITE_OP(b->site),
				  .kind = (uint8_t)kind,
				  .object = b->object,
				  .site = TTREC_SITE_PC(b->site),
				  .since_ns = b->t0,
				  .other = other,
				  .flags = stack != b->stack ? TTREC_WAITING_BORROWED : 0,
				  .stack = stack,
				  .uid = b->uid,
			  });
}

/*
 * The thread is about to block. `holder`: who has it, NULL unknown or nobody. `other`: see struct ttrec_waiting. Inside
 * the caller's brackets.
 */
void tt_block_begin(struct tt_self *s, struct tt_block *b, struct ttrec_lock *lock, enum ttrec_kind kind, uint64_t object,
	uint64_t site, enum ttrec_wait_class class, struct ttrec_thread *holder, uint64_t other, const struct tt_caller *c)
{
	/* Field by field: to clear all of it first would be an instruction that takes longer than the rest. */
	b->object = object;
	b->site = site;
	b->wait_class = (uint8_t) class;
	b->uid = lock ? tt_lock_uid(lock) : 0xffffffffu;
	bool other_has_it = holder && holder != s->t;
	b->holder = other_has_it ? holder->serial : 0;
	b->holder_site = other_has_it ? holder_site(holder, object, false) : 0;
	struct ttrec_hint *k = hint_get(s, lock ? lock->index : TTREC_NO_LOCK, site, b->holder_site);
	uint32_t n = k ? k->n++ : STACKS_FIRST + 1;
	b->pair = k ? k->pair : 0;
	b->rare = n < STACKS_FIRST;
	b->chosen = is_chosen(n, class);
	b->stack = block_stack(s, b, holder, c);
	uint32_t stack = b->stack;
	if (k) {
		if (!k->stack)
			k->stack = stack ? stack : tt_load_relaxed(&((struct ttrec_wait *)tt_at(k->pair))->waiter_stack);
		if (!stack)
			stack = k->stack;
	}
	block_publish(s, b, kind, other ? other : b->holder, stack);
}

/*
 * The thread is about to wait for a condition as it did before: with the same mutex, at the same site, and nothing held, or
 * only what it holds always (tt_held_usual). Its mutex is still held, and whoever wants it waits for this: so counting and
 * publishing are done with what all of tt_lock_get(), tt_count() and tt_block_begin() would find. False: nothing was done.
 */
bool tt_block_again(struct tt_self *s, struct tt_block *b, uint64_t object, uint64_t site, uint64_t other)
{
	/* Where it is looked for first it needs no better place. */
	struct ttrec_count *e = tt_of_line(tt_near(s, object), object, site);
	if (!e && (e = tt_count_probe(s, object, site)) && e->n % TT_PROMOTE == 0)
		return false;
	const struct ttrec_lock *l = e && e->n < TT_COUNT_MAX ? tt_entry_lock(e) : NULL;
	if (!l || tt_load_relaxed(&l->other) != other)
		return false;
	struct ttrec_hint *k = hint_place(s, l->index, site, 0);
	if (k->waiter_site != site || k->holder_site || k->lock != l->index || is_chosen(k->n, TTREC_WAIT_COND))
		return false;
	tt_own_add(&e->n, 1);
	k->n++;
	b->object = object;
	b->site = site;
	b->wait_class = TTREC_WAIT_COND;
	b->uid = tt_entry_line(e)->uid;
	b->holder = b->holder_site = 0;
	b->pair = k->pair;
	b->rare = b->chosen = false;
	b->stack = 0;
	block_publish(s, b, TTREC_KIND_COND, other, k->stack);
	return true;
}

/* Adds to the thread's own totals; returns the time. */
static uint64_t block_total(struct tt_self *s, const struct tt_block *b)
{
	struct ttrec_thread *t = s->t;
	/* Others ran meanwhile: what is written next comes while the clock is read. */
	tt_prefetch_write((uintptr_t)&t->waiting);
	tt_prefetch_write((uintptr_t)&t->waits[b->wait_class]);
	tt_prefetch_write((uintptr_t)&t->logged[t->logged_next % TTREC_LOGGED_MAX]);
	uint64_t now = tt_now();
	struct ttrec_total *w = &t->waits[b->wait_class];
	w->ns += now - b->t0;
	w->count++;
	return now;
}

/* The real call returned. */
uint64_t tt_block_end(struct tt_self *s, struct tt_block *b)
{
	uint64_t now = block_total(s, b);
	tt_waiting_over(s->t);
	return now;
}

static void charge(const struct ttrec_event *e)
{
	uint32_t ref = TTREC_LOGGED_PAIR(e->seq), stack = TTREC_LOGGED_STACK(e->seq);
	struct ttrec_wait *pair = ref ? tt_at(ref) : NULL;
	uint64_t dur = e->dur_ns;
	if (pair) {
		tt_add_relaxed(&pair->total_ns, dur);
		if (TTREC_LOGGED_TIMED_OUT(e->seq))
			tt_add_relaxed(&pair->timeouts, 1);
		if (dur >= tt_load_relaxed(&pair->max_ns)) {
			tt_max_relaxed(&pair->max_ns, dur);
			tt_store_relaxed(&pair->max_at_ns, e->end_ns);
			tt_store_relaxed(&pair->max_waiter, e->thread);
			tt_store_relaxed(&pair->max_holder, e->a);
			if (stack)
				tt_store_relaxed(&pair->waiter_stack, stack);
		} else if (stack && !tt_load_relaxed(&pair->waiter_stack)) {
			tt_store_relaxed(&pair->waiter_stack, stack);
		}
		tt_add_relaxed(&pair->count, 1);
	}
	struct ttrec_lock *l = e->uid == 0xffffffffu ? NULL : tt_lock_by_index(TTREC_UID_INDEX(e->uid));
	bool shared = e->op == TTREC_OP_RDLOCK || e->op == TTREC_OP_TIMEDRDLOCK;
	if (l)
		tt_stat_add(shared ? &l->stat_rdwait : &l->stat_wait, l->index, shared, dur, e->end_ns);
}

/* All that t has logged: by t itself, between its brackets, or by who gives its slot back. */
void tt_log_charge(struct ttrec_thread *t)
{
	/* Two that write one record, such as a parent and a child that was forked within a wait, must not make this endless. */
	if (unlikely(t->logged_next - t->logged_first > TTREC_LOGGED_MAX))
		t->logged_first = t->logged_next;
	for (uint32_t n = t->logged_first, end = t->logged_next; n != end; n++) {
		const struct ttrec_event *e = &t->logged[n % TTREC_LOGGED_MAX];
		/* The next one's records, which other threads write, too: asked for now. */
		const struct ttrec_event *next = &t->logged[(n + 1) % TTREC_LOGGED_MAX];
		tt_prefetch_write(
			(uintptr_t)tt_at(TTREC_LOGGED_PAIR(next->seq)) + __builtin_offsetof(struct ttrec_wait, total_ns));
		tt_store_release(&t->logged_first, n + 1);
		tt_barrier();
		charge(e);
		tt_event_of(e->thread, TTREC_EVENT_WAIT, e);
	}
}

/*
 * Enough was logged for it to be charged. The first waits of a pair are charged soon: those of programs that wait seldom are to
 * be seen as such.
 */
bool tt_log_is_due(const struct tt_self *s)
{
	return s->log_due || s->t->logged_next - s->t->logged_first >= TTREC_LOGGED_MAX / 2;
}

/* After a release, or when nothing is held. */
void tt_log_relieve(struct tt_self *s)
{
	if (!tt_log_is_due(s))
		return;
	s->log_due = false;
	tt_log_charge(s->t);
}

static void log_add(struct tt_self *s, const struct tt_block *b, uint64_t now, bool timed_out)
{
	struct ttrec_thread *t = s->t;
	uint32_t n = t->logged_next;
	if (unlikely(n - t->logged_first >= TTREC_LOGGED_MAX)) {
		s->log_due = false;
		tt_log_charge(t);
	}
	t->logged[n % TTREC_LOGGED_MAX] = (struct ttrec_event){
		.seq = TTREC_LOGGED(b->pair, b->stack, timed_out),
		.end_ns = now,
		.dur_ns = now - b->t0,
		.thread = t->serial,
		.site = TTREC_SITE_PC(b->site),
		.a = b->holder,
		.b = b->holder_site,
		.uid = b->uid,
		.type = TTREC_EVENT_WAIT,
		.op = (uint16_t)TTREC_SITE_OP(b->site),
	};
	tt_store_release(&t->logged_next, n + 1);
	s->log_due |= b->rare;
}

/* Nothing is held by it. */
void tt_block_over(struct tt_self *s, struct tt_block *b, uint64_t now, bool timed_out)
{
	log_add(s, b, now, timed_out);
	uint32_t d = s->t->held_depth;
	if (!d || (d == 1 && tt_held_usual(s)))
		tt_log_relieve(s);
}

/*
 * For a condition, after tt_waiting_over(): its mutex is held again, so that this is all there is time for. Returns now.
 */
uint64_t tt_block_woken(struct tt_self *s, struct tt_block *b, bool timed_out)
{
	uint64_t now = block_total(s, b);
	log_add(s, b, now, timed_out);
	return now;
}

/* The lock was got after a wait: its hold is timed from now on. h NULL: it could not be pushed. */
void tt_block_got(struct tt_self *s, struct tt_block *b, uint64_t now, struct ttrec_held *h)
{
	s->t->contended++;
	log_add(s, b, now, false);
	if (!h) {
		tt_log_relieve(s);
		return;
	}
	h->since_ns = now;
	tt_or_relaxed(&h->site, TTREC_HELD_FLAG(TTREC_HELD_TIMED | TTREC_HELD_WAITED));
}
