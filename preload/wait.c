/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait.c - the contended path: publish what is waited for, find who holds it, time the wait, charge it.
 *
 * Around every call that may block. begin: before; end: as soon as the real call returned; then charge, at once when nothing
 * is held by it, or after the unlock (defer) so that the books are not written inside the program's critical section.
 */
#include "preload/shim.h"

#define STACKS_FIRST 4u  /* the first waits of a (lock, waiter, holder) all capture their stack */
#define STACKS_EVERY 64u /* later ones now and then, and whenever one is the longest so far (by its site's last stack) */

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

void tt_waiting_loop(struct ttrec_thread *t, uint64_t pc, uint64_t now)
{
	struct ttrec_waiting w = {.site = pc, .since_ns = now, .uid = pc ? 0xffffffffu : 0};
	w.op = pc ? TTREC_OP_LOOP_WAIT : TTREC_OP_NONE;
	waiting_set(t, &w);
}

void tt_waiting_call(struct ttrec_thread *t, uint64_t site, enum ttrec_call call, uint64_t now)
{
	struct ttrec_waiting w = {.site = TTREC_SITE_PC(site), .since_ns = now, .object = call, .uid = site ? 0xffffffffu : 0};
	w.op = (uint8_t)TTREC_SITE_OP(site);
	waiting_set(t, &w);
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

/*
 * The stack of this wait, 0 for none. Whoever waits while holding something may be a member of a deadlock, and then this is
 * what tells the story: such waits always have a stack of their own.
 */
static uint32_t block_stack(struct tt_self *s, const struct tt_block *b, struct ttrec_thread *holder, const struct tt_caller *c)
{
	if (!b->pair)
		return s->t->held_depth ? tt_stack_capture(s, c) : 0;
	uint64_t n = tt_load_relaxed(&b->pair->count);
	bool chosen = n < STACKS_FIRST || n % STACKS_EVERY == 0;
	if (chosen && holder && b->holder_site)
		holder_site(holder, b->object, true);
	return chosen || s->t->held_depth ? tt_stack_capture(s, c) : 0;
}

/*
 * The thread is about to block. `holder`: who has it, NULL unknown or nobody. `other`: see struct ttrec_waiting. Inside
 * the caller's brackets.
 */
void tt_block_begin(struct tt_self *s, struct tt_block *b, struct ttrec_lock *lock, enum ttrec_kind kind, uint64_t object,
	uint64_t site, enum ttrec_wait_class class, struct ttrec_thread *holder, uint64_t other, const struct tt_caller *c)
{
	*b = (struct tt_block){.lock = lock, .object = object, .site = site, .wait_class = (uint8_t) class};
	b->uid = lock ? tt_lock_uid(lock) : 0xffffffffu;
	if (holder && holder != s->t) {
		b->holder = holder->serial;
		b->holder_site = holder_site(holder, object, false);
	}
	b->pair = tt_wait_get(lock ? lock->index : TTREC_NO_LOCK, site, b->holder_site);
	b->stack = block_stack(s, b, holder, c);
	uint32_t borrowed = !b->stack && b->pair ? tt_load_relaxed(&b->pair->waiter_stack) : 0;
	b->t0 = tt_now();
	waiting_set(s->t, &(struct ttrec_waiting){
				  .op = (uint8_t)TTREC_SITE_OP(site),
				  .kind = (uint8_t)kind,
				  .object = object,
				  .site = TTREC_SITE_PC(site),
				  .since_ns = b->t0,
				  .other = other ? other : b->holder,
				  .flags = borrowed ? TTREC_WAITING_BORROWED : 0,
				  .stack = borrowed ? borrowed : b->stack,
				  .uid = b->uid,
			  });
}

/* The real call returned. Adds to the thread's own totals; returns the time. */
uint64_t tt_block_end(struct tt_self *s, struct tt_block *b)
{
	uint64_t now = tt_now();
	struct ttrec_thread *t = s->t;
	waiting_set(t, &(struct ttrec_waiting){0});
	struct ttrec_total *w = &t->waits[b->wait_class];
	w->ns += now - b->t0;
	w->count++;
	return now;
}

static void charge(struct tt_self *s, struct ttrec_lock *lock, struct ttrec_wait *pair, uint64_t site, uint64_t holder_site,
	uint64_t holder, uint32_t stack, uint32_t uid, uint64_t dur, uint64_t now, bool timed_out, bool shared)
{
	if (pair) {
		tt_add_relaxed(&pair->total_ns, dur);
		if (timed_out)
			tt_add_relaxed(&pair->timeouts, 1);
		if (dur >= tt_load_relaxed(&pair->max_ns)) {
			tt_max_relaxed(&pair->max_ns, dur);
			tt_store_relaxed(&pair->max_at_ns, now);
			tt_store_relaxed(&pair->max_waiter, s->t->serial);
			tt_store_relaxed(&pair->max_holder, holder);
			if (stack)
				tt_store_relaxed(&pair->waiter_stack, stack);
		} else if (stack && !tt_load_relaxed(&pair->waiter_stack)) {
			tt_store_relaxed(&pair->waiter_stack, stack);
		}
		tt_add_relaxed(&pair->count, 1);
	}
	if (lock)
		tt_stat_add(shared ? &lock->stat_rdwait : &lock->stat_wait, lock->index, shared, dur, now);
	tt_event(s, TTREC_EVENT_WAIT,
		&(struct ttrec_event){.end_ns = now,
			.dur_ns = dur,
			.site = TTREC_SITE_PC(site),
			.a = holder,
			.b = holder_site,
			.uid = uid,
			.op = (uint16_t)TTREC_SITE_OP(site)});
}

void tt_block_charge(struct tt_self *s, struct tt_block *b, uint64_t now, bool timed_out)
{
	charge(s, b->lock, b->pair, b->site, b->holder_site, b->holder, b->stack, b->uid, now - b->t0, now, timed_out,
		b->wait_class == TTREC_WAIT_RDLOCK);
}

/* The lock was got after a wait: time its hold from now, and charge the wait when it is given back. h may be NULL. */
void tt_block_defer(struct tt_self *s, struct tt_block *b, uint64_t now, struct ttrec_held *h)
{
	struct ttrec_thread *t = s->t;
	t->contended++;
	if (!h || t->pending.lock) {
		/* One is put off at a time; a second one inside the first's critical section is charged at once. */
		tt_block_charge(s, b, now, false);
		if (h) {
			h->since_ns = now;
			tt_or_relaxed(&h->site, TTREC_HELD_FLAG(TTREC_HELD_TIMED));
		}
		return;
	}
	t->pending.dur_ns = now - b->t0;
	t->pending.holder_site = b->holder_site;
	t->pending.holder = b->holder;
	t->pending.stack = b->stack;
	t->pending.uid = b->uid;
	tt_store_release(&t->pending.lock, b->object);
	h->since_ns = now;
	tt_or_relaxed(&h->site, TTREC_HELD_FLAG(TTREC_HELD_TIMED | TTREC_HELD_PENDING));
}

/* After the unlock of the lock that the pending wait was for; site: where that thread acquired it. */
void tt_pending_charge(struct tt_self *s, uint64_t site)
{
	struct ttrec_pending p = s->t->pending;
	if (!p.lock)
		return;
	tt_store_release(&s->t->pending.lock, UINT64_C(0));
	struct ttrec_lock *l = tt_lock_by_index(TTREC_UID_INDEX(p.uid));
	unsigned op = TTREC_SITE_OP(site);
	bool shared = op == TTREC_OP_RDLOCK || op == TTREC_OP_TIMEDRDLOCK;
	charge(s, l, l ? tt_wait_get(l->index, site, p.holder_site) : NULL, site, p.holder_site, p.holder, p.stack, p.uid,
		p.dur_ns, tt_now(), false, shared);
}

/* Before the process or the thread ends: nothing stays put off. */
void tt_pending_flush(struct tt_self *s)
{
	if (!s->t->pending.lock)
		return;
	uint32_t at = tt_held_find(s, s->t->pending.lock);
	if (at) {
		tt_and_relaxed(&s->held[at - 1].site, ~TTREC_HELD_FLAG(TTREC_HELD_PENDING));
		tt_pending_charge(s, TTREC_SITE_WORD(s->held[at - 1].site));
	}
}
