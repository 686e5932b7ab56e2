/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim.h - the recorder's hot path, and what its parts offer each other.
 *
 * Everything in preload/ except hook_*.c, real.c and init.c is the state core: it knows nothing of hooks and of the real
 * functions, so that tests/unit runs it in an ordinary program under ThreadSanitizer. preload/README.md says who writes what,
 * who reads it, what orders them, and what each event costs; read it before changing anything here.
 */
#ifndef TT_PRELOAD_SHIM_H
#define TT_PRELOAD_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "lib/core/attrs.h"
#include "lib/core/atomics.h"
#include "lib/core/ttrec_format.h"
#include "preload/stack.h"
#include "preload/state.h"

/* ------------------------------------------------------------------ small helpers */

TT_INLINE void *tt_at(uint32_t ref)
{
	return tt_g.base + ttrec_ref_offset(ref);
}
TT_INLINE uint32_t tt_ref(const void *p)
{
	return (uint32_t)(((uintptr_t)p - (uintptr_t)tt_g.base) >> 4);
}
static inline uint64_t tt_now(void)
{
	struct timespec ts;
	tt_g.clock(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec - tt_g.start_mono_ns + 1;
}
TT_INLINE uint64_t tt_mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
	return x ^ x >> 29;
}
static inline uint32_t tt_random(struct tt_self *s)
{
	uint32_t x = s->random ? s->random : 2463534242u ^ (uint32_t)(uintptr_t)s;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return s->random = x;
}
void tt_clock_find(void);
void tt_drop(enum ttrec_drop why);

/* The line will be written soon. An address that is none does no harm. */
TT_INLINE void tt_prefetch_write(uint64_t address)
{
#ifdef __x86_64__
	__asm__("prefetchw %0" : : "m"(*(const char *)(uintptr_t)address)); /* the builtin means this only with -mprfchw */
#else
	__builtin_prefetch((const void *)(uintptr_t)address, 1);
#endif
}

/* Where a hook was called from: what a stack walk begins with. */
struct tt_caller {
	uintptr_t pc, cfa;
};

/* ------------------------------------------------------------------ arena.c: space in the recording */

bool tt_arena_backed(uint64_t end);
struct ttrec_chunk *tt_chunk_claim(enum ttrec_chunk_type type, uint64_t size, uint32_t index);
bool tt_turn_take(enum ttrec_chunk_type type); /* true: claim a chunk, then give; false: look again */
void tt_turn_give(enum ttrec_chunk_type type);
void *tt_slab_alloc(enum ttrec_chunk_type type, uint32_t record_size, uint32_t capacity, uint32_t *number);
void *tt_var_alloc(uint32_t size); /* zeroed, 16-aligned; publish with tt_var_publish */
void tt_var_publish(void *var, enum ttrec_var_type type);
struct ttrec_chunk *tt_block_alloc(enum ttrec_chunk_type type, uint64_t payload); /* from the free list, else claimed */
void tt_block_free(struct ttrec_chunk *c);

/* ------------------------------------------------------------------ locks.c: identity */

/* Of an address: where what is kept by locks lies. */
TT_INLINE uint32_t tt_lock_hash(uint64_t lock)
{
	/* The multiplier as an instruction can hold it: 32 bits with a sign. */
	return (uint32_t)(lock * (uint64_t)(int32_t)0x9e3779b1 >> 16);
}

/*
 * What a hook knows of the object it was called with: a constant per hook, so that the hot path passes one address. When the
 * object is new, `describe` (may be NULL) reads the rest from its memory.
 */
struct tt_birth {
	enum ttrec_kind kind;
	enum ttrec_type type;
	uint16_t flags;
	uint64_t other; /* see struct ttrec_lock */
	void (*describe)(struct tt_birth *b, uint64_t object);
	uint64_t site;                  /* filled in by whoever found the object to be new */
	const struct tt_caller *caller; /* an init call: its stack is kept; NULL: first use */
};
TT_INLINE struct ttrec_lock *tt_lock_by_index(uint32_t index)
{
	if (index >= TTREC_MAX_LOCKS)
		return NULL;
	uint32_t ref = tt_load_acquire(&tt_g.p->lock_slab[index / TTREC_SLAB_LOCKS]);
	return ref ? (struct ttrec_lock *)tt_at(ref) + index % TTREC_SLAB_LOCKS : NULL;
}
/* The line of an entry of a table. */
TT_INLINE struct ttrec_line *tt_entry_line(const struct ttrec_count *e)
{
	return (struct ttrec_line *)((uintptr_t)e & ~(uintptr_t)(sizeof(struct ttrec_line) - 1));
}
TT_INLINE struct ttrec_lock *tt_entry_lock(const struct ttrec_count *e)
{
	return tt_lock_by_index(TTREC_UID_INDEX(tt_entry_line(e)->uid));
}
TT_INLINE uint64_t tt_filter_bit(uint64_t address)
{
	return address >> 8 & (TT_FILTER_BITS - 1);
}
_Static_assert(TT_FILTER_BITS == 1u << 22, "real.c, free: bits 8 to 29 of an address say which");
TT_INLINE bool tt_filter_has(const uint64_t *bits, uint64_t bit)
{
	return tt_load_relaxed(&bits[bit / 64]) >> bit % 64 & 1;
}
/* One bucket for all granules of a filter's bit, so that a range can be walked, and whether a bit is needed be told. */
TT_INLINE uint32_t tt_lock_bucket(uint64_t address)
{
	return (uint32_t)tt_filter_bit(address) * 0x9e3779b1u >> (32 - 15);
}
_Static_assert(TT_LOCK_HEADS == 1u << 15, "tt_lock_bucket");
TT_INLINE bool tt_lock_is_dead(const struct ttrec_lock *l)
{
	return tt_load_relaxed(&l->flags) & TTREC_LOCK_DEAD;
}
/* Says of the lock what may have been said before: then its line is not written, which others read. */
TT_INLINE void tt_lock_mark(struct ttrec_lock *l, uint16_t flag)
{
	if (!(tt_load_relaxed(&l->flags) & flag))
		tt_or_relaxed(&l->flags, flag);
}
/*
 * This many generations of one record: the code makes such locks all the time, as CPython does for each wait for a condition.
 * What they show together is known by then, and what is done for each of them adds up.
 */
#define TT_MANY_LIVES 16u
/*
 * A semaphore that is guessed to be no lock, and of which no table has entries: its deaths and births are of no account. Its
 * record stays alive from one to the next, and nobody is told of its end.
 */
TT_INLINE bool tt_lock_is_light(const struct ttrec_lock *l)
{
	uint16_t flags = tt_load_relaxed(&l->flags);
	return l->kind == TTREC_KIND_SEM && (flags & (TTREC_LOCK_SEM_GUESSED | TTREC_LOCK_DEAD)) == TTREC_LOCK_SEM_GUESSED &&
	       !tt_load_relaxed(&l->sharers);
}
/* What destroy calls leave in the memory of these says so, and their use after it fails, or is seen there. */
TT_INLINE bool tt_lock_tells_death(const struct ttrec_lock *l)
{
	return l->kind == TTREC_KIND_MUTEX || l->kind == TTREC_KIND_COND;
}
/*
 * The next life of one whose last one did not end for us. Only the thread that makes it writes this; nobody else can use it
 * yet. flags: how it begins.
 */
TT_INLINE void tt_lock_light_again(struct ttrec_lock *l, uint16_t flags)
{
	uint16_t keep = TTREC_LOCK_HOLD_BLOCKED | TTREC_LOCK_ON_STACK | TTREC_LOCK_SEM_LOCKED | TTREC_LOCK_SEM_GUESSED;
	tt_store_relaxed(&l->gen, tt_load_relaxed(&l->gen) + 1);
	tt_store_relaxed(&l->owner, 0u);
	tt_store_release(&l->flags, (uint16_t)((tt_load_relaxed(&l->flags) & keep) | flags));
}
/* Where a thread notes which lock it found at an address: index + 1. */
TT_INLINE uint32_t *tt_lock_near(struct ttrec_thread *t, uint64_t address)
{
	return &t->locks_near[(tt_lock_hash(address) >> 5) % TTREC_LOCKS_NEAR];
}
struct ttrec_lock *tt_lock_find(uint64_t address);
struct ttrec_lock *tt_lock_find_destroyed(uint64_t address);
struct ttrec_lock *tt_lock_get(struct tt_self *s, uint64_t address, const struct tt_birth *birth);
void tt_lock_init_seen(struct tt_self *s, uint64_t address, const struct tt_birth *birth);
void tt_lock_death(struct tt_self *s, struct ttrec_lock *l, uint64_t site, bool destroyed);
TT_INLINE uint32_t tt_lock_uid(const struct ttrec_lock *l)
{
	return TTREC_UID(l->index, tt_load_relaxed(&l->gen));
}
TT_INLINE uint64_t tt_own_bit(const struct tt_self *s)
{
	return UINT64_C(1) << (s->t->slot & 63);
}
/* Has the thread entries for it? Not if not. */
TT_INLINE bool tt_lock_counted(const struct tt_self *s, const struct ttrec_lock *l)
{
	return tt_load_relaxed(&l->sharers) & tt_own_bit(s);
}
/* Bits of the threads that may know it: by entries, or because they hold it without one (tt_count_taken). */
TT_INLINE uint64_t tt_lock_users(const struct ttrec_lock *l)
{
	uint32_t taker = l->kind == TTREC_KIND_SEM ? tt_load_relaxed(&l->owner) : 0;
	return tt_load_relaxed(&l->sharers) | (taker ? UINT64_C(1) << ((taker - 1) & 63) : 0);
}
struct ttrec_lsite *tt_lsite_get(const struct ttrec_lock *l, uint64_t site);
struct ttrec_lsite *tt_lsite_find(const struct ttrec_lock *l, uint64_t site);
void tt_stat_add(uint32_t *ref, uint32_t lock, uint32_t mode, uint64_t ns, uint64_t now);

/* ------------------------------------------------------------------ freed.c: memory given back */

void tt_filter_set(uint64_t address);
void tt_memory_death(struct tt_self *s, uint64_t start, uint64_t size, uint64_t site, bool readable);

/* ------------------------------------------------------------------ counts.c: lock x site tables of threads */

struct ttrec_count *tt_count_find(
	const struct tt_self *s, uint64_t lock, uint64_t site); /* in all places that it may be in; NULL */
struct ttrec_count *tt_count_window(
	const struct tt_self *s, uint64_t lock, uint64_t site); /* beyond where it is looked for first */
struct ttrec_count *tt_count_seek(const struct tt_self *s, uint64_t lock, uint64_t site, struct ttrec_lock **l);
struct ttrec_count *tt_count_at(
	struct tt_self *s, struct ttrec_count *e, uint64_t lock, uint64_t site, const struct tt_birth *birth);
struct ttrec_count *tt_count_miss(struct tt_self *s, uint64_t lock, uint64_t site, const struct tt_birth *birth);
struct ttrec_lock *tt_count_once(
	struct tt_self *s, uint64_t lock, uint64_t site, const struct tt_birth *birth, struct ttrec_count **entry);
bool tt_count_direct(struct tt_self *s, struct ttrec_lock *l, uint64_t site);
void tt_count_total_of(struct tt_self *s, struct ttrec_lock *l, uint64_t site);
struct ttrec_count *tt_count_taken(
	struct tt_self *s, uint64_t lock, uint64_t site, const struct tt_birth *birth, uint32_t *uid);
void tt_count_timed(struct tt_self *s, struct ttrec_count *e, struct ttrec_held *h);
void tt_count_next(struct tt_self *s, struct ttrec_count *e, uint64_t samples, uint64_t last_ns);
void tt_count_catch_up(struct tt_self *s, uint32_t from, uint32_t to);
void tt_count_forget(struct tt_self *s, uint64_t lock, bool counted);
bool tt_count_namesakes(const struct tt_self *s, uint64_t lock);
uint64_t tt_count_total(const struct ttrec_thread *t);

/* ------------------------------------------------------------------ held.c, order.c */

/* An acquisition of a semaphore's unit. */
TT_INLINE bool tt_site_is_sem(uint64_t site)
{
	unsigned op = TTREC_SITE_OP(site);
	return op == TTREC_OP_SEM_WAIT || op == TTREC_OP_SEM_TRYWAIT || op == TTREC_OP_SEM_TIMEDWAIT;
}
/*
 * A try waits for nothing, so no deadlock comes of it: its facts are there to explain that, and tell how a lock that is held
 * was got. For a lock of many lives, what the first lives showed will do.
 */
TT_INLINE bool tt_order_is_late_try(uint32_t uid, uint64_t site)
{
	unsigned op = TTREC_SITE_OP(site);
	bool is_try = op == TTREC_OP_TRYLOCK || op == TTREC_OP_SEM_TRYWAIT || op == TTREC_OP_TRYRDLOCK;
	return is_try && TTREC_UID_GEN(uid) >= TT_MANY_LIVES;
}
void tt_held_grow(struct tt_self *s);
/* Not counted: taken again in the C library. The entry; NULL: the held stack is full. */
struct ttrec_held *tt_held_push(struct tt_self *s, uint64_t lock, uint64_t site, uint32_t uid);
struct ttrec_lock *tt_held_lock(const struct tt_self *s, uint32_t i); /* what entry i holds; NULL: it is gone */
uint32_t tt_held_find(const struct tt_self *s, uint64_t lock);        /* index + 1 of the innermost entry, 0: not held */
uint64_t tt_held_remove(struct tt_self *s, uint32_t at);              /* index + 1; returns its site word with the flags */
void tt_held_forget_sem(struct tt_self *s, uint64_t sem);             /* a semaphore was destroyed: nobody holds it as a lock */
void tt_hold_charge(struct tt_self *s, uint64_t lock, uint64_t word, uint64_t since, uint64_t now, const struct tt_caller *c);
void tt_order(struct tt_self *s, uint32_t depth, uint64_t lock, uint32_t uid, uint64_t site, const struct tt_caller *c);
void tt_order_memo(struct tt_self *s, const struct ttrec_count *e, uint64_t below, uint64_t hash);
void tt_order_attempt(struct tt_self *s, uint64_t lock, uint32_t uid, uint64_t site, const struct tt_caller *c);
void tt_order_void(struct tt_self *s, const struct ttrec_lock *l);
void tt_order_free(struct tt_self *s);
void tt_order_forget(struct tt_self *s);

/* ------------------------------------------------------------------ stacks.c, modules.c */

uint32_t tt_stack_capture(struct tt_self *s, const struct tt_caller *c);
void tt_stacks_free(struct tt_self *s); /* the thread ends */
void tt_module_seen(uint64_t pc);

/* ------------------------------------------------------------------ threads.c */

struct ttrec_thread *tt_thread_alloc(void);
void tt_thread_free(struct ttrec_thread *t);
void tt_thread_bind(struct tt_self *s, struct ttrec_thread *t, uint64_t pthread);
struct ttrec_thread *tt_thread_adopt(struct tt_self *s);
void tt_thread_unadopt(struct tt_self *s);
void tt_thread_ending(struct tt_self *s);
void tt_threads_note_cpu(void);
struct ttrec_thread *tt_thread_by_pthread(uint64_t pthread);
struct ttrec_thread *tt_thread_by_tid(uint32_t tid);
struct ttrec_thread *tt_thread_by_slot(uint32_t slot);
void tt_thread_set_pthread(struct ttrec_thread *t, uint64_t pthread);
void tt_thread_gone(struct ttrec_thread *t); /* joined, or detached and gone: fold and free the slot */
void tt_thread_reap_later(struct ttrec_thread *t);
struct ttrec_loop *tt_loop_alloc(struct ttrec_thread *t, uint64_t pc);
struct ttrec_group *tt_group_get(uint64_t routine, uint64_t site);

/* ------------------------------------------------------------------ wait.c: the contended path */

/* One wait in progress; on the waiter's stack. */
struct tt_block {
	uint64_t t0, holder_site, holder;
	uint64_t object, site;
	uint32_t pair; /* ref, 0 none */
	uint32_t stack, uid;
	uint8_t wait_class;
	bool rare, chosen; /* one of the pair's first; one that is to have a stack */
};
void tt_block_ask(const struct tt_self *s, const struct ttrec_lock *lock, uint64_t site);
void tt_block_begin(struct tt_self *s, struct tt_block *b, struct ttrec_lock *lock, enum ttrec_kind kind, uint64_t object,
	uint64_t site, enum ttrec_wait_class class, struct ttrec_thread *holder, uint64_t other, const struct tt_caller *c);
uint64_t tt_block_end(struct tt_self *s, struct tt_block *b); /* clears waiting-on; returns now */
void tt_block_over(struct tt_self *s, struct tt_block *b, uint64_t now, bool timed_out);
void tt_block_got(struct tt_self *s, struct tt_block *b, uint64_t now, struct ttrec_held *h);
void tt_log_charge(struct ttrec_thread *t);
void tt_log_relieve(struct tt_self *s);
bool tt_block_again(struct tt_self *s, struct tt_block *b, uint64_t object, uint64_t site, uint64_t other);
uint64_t tt_block_woken(struct tt_self *s, struct tt_block *b, bool timed_out);
bool tt_log_is_due(const struct tt_self *s);
void tt_waiting_timed(struct tt_self *s); /* the join that begins has a deadline */
void tt_waiting_loop(struct ttrec_thread *t, uint64_t pc, uint64_t now);
void tt_waiting_call(struct ttrec_thread *t, uint64_t site, enum ttrec_call call, uint64_t now);
void tt_waiting_over(struct ttrec_thread *t);
struct ttrec_wait *tt_wait_get(uint32_t lock, uint64_t waiter_site, uint64_t holder_site);
uint64_t tt_holder_site(struct ttrec_thread *holder, uint64_t lock); /* where it acquired the lock; 0 unknown, or holder NULL */

/* ------------------------------------------------------------------ events.c, misuse.c */

void tt_event(struct tt_self *s, enum ttrec_event_type type, const struct ttrec_event *e);  /* seq and thread are filled in */
void tt_event_of(uint64_t thread, enum ttrec_event_type type, const struct ttrec_event *e); /* thread: serial, 0 none */
void tt_misuse(struct tt_self *s, enum ttrec_misuse_type what, struct ttrec_lock *lock, uint64_t site, uint64_t other,
	uint64_t other_site, uint64_t ns, const struct tt_caller *c);
/* It stands for `times` of that length. */
void tt_misuse_times(struct tt_self *s, enum ttrec_misuse_type what, struct ttrec_lock *lock, uint64_t site, uint64_t other,
	uint64_t other_site, uint64_t ns, unsigned times, const struct tt_caller *c);
/* What was recorded once too often turned out to be none: its count goes back, at 0 it says nothing. */
void tt_misuse_undo(enum ttrec_misuse_type what, const struct ttrec_lock *lock, uint64_t site);

/* ------------------------------------------------------------------ entering */

struct tt_self *tt_enter_slow(struct tt_self *s);

/* The state core's half of it: brings a registered thread up to date with the epoch, or registers it. NULL: pass through. */
struct tt_self *tt_self_update(struct tt_self *s);

/* The hook's first question, for those that have a way out: false: nothing is as it was, go there. */
TT_INLINE bool tt_entered(const struct tt_self *s)
{
	return likely(s->epoch == tt_load_relaxed(&tt_epoch));
}

/* The same of a hook that changes a semaphore without a call. */
TT_INLINE bool tt_entered_sem(const struct tt_self *s)
{
	return likely(s->epoch == tt_load_relaxed(&tt_epoch_sem));
}
TT_INLINE uint64_t tt_epochs_of(uint32_t epoch)
{
	return (union tt_epoch_pair){{epoch, tt_g.sem_inline ? epoch : TT_EPOCH_NEVER}}.both;
}

/* NULL: the hook only passes through. Otherwise the thread is registered and its caches are valid. */
TT_INLINE struct tt_self *tt_enter(void)
{
	struct tt_self *s = &tt_self;
	if (unlikely(s->epoch != tt_load_relaxed(&tt_epoch)))
		return tt_enter_slow(s);
	return s;
}

/*
 * Brackets around every change of the thread's own records. A signal handler that calls a hook in between finds the
 * epoch different, and its event is counted as dropped instead of finding half-made state. Plain stores of the thread's own
 * words.
 */
TT_INLINE void tt_busy_begin(struct tt_self *s)
{
	s->saved_epoch = s->epoch;
	s->busy_sp = (uintptr_t)__builtin_frame_address(0);
	tt_barrier();
	s->epoch = TT_EPOCH_BUSY;
	tt_barrier();
}
TT_INLINE void tt_busy_end(struct tt_self *s)
{
	tt_barrier();
	s->epoch = s->saved_epoch;
	tt_barrier();
}

/* ------------------------------------------------------------------ the hot path */

#define TT_TALLY_MAX (1u << 31) /* of a tally, far from a number that wraps: then the total counts on */
#define TT_WINDOW    8u         /* lines among which those of one lock are looked for first */
#define TT_PROMOTE   16u        /* operations after which an entry may deserve a better place */
#define TT_COUNT_MAX (1u << 31) /* where an entry is asked whether it has room for another operation */

TT_INLINE uint32_t tt_table_size(const struct tt_self *s)
{
	return s->table_lines / (uint32_t)sizeof(struct ttrec_line) + 1;
}
/*
 * The window of a lock; in it the line where its first three sites go: a thread that takes one of thousands of locks has to
 * wait for one line of the table, not for one a site. Further sites go to other lines of the window.
 */
TT_INLINE struct ttrec_line *tt_home(const struct tt_self *s, uint32_t hash)
{
	return (struct ttrec_line *)(void *)((uint8_t *)s->table + (hash & s->table_lines));
}
TT_INLINE struct ttrec_line *tt_near(const struct tt_self *s, uint64_t lock)
{
	return tt_home(s, tt_lock_hash(lock));
}
TT_INLINE uint32_t tt_window(const struct tt_self *s, uint32_t hash)
{
	return (hash & s->table_lines) / (uint32_t)sizeof(struct ttrec_line) & ~(TT_WINDOW - 1u);
}
/* The line beside a lock's first: processors fetch two at once. */
TT_INLINE struct ttrec_line *tt_beside(const struct tt_self *s, const struct ttrec_line *home)
{
	return (struct ttrec_line *)(void *)((uint8_t *)s->table + (((uintptr_t)home - (uintptr_t)s->table) ^ sizeof(*home)));
}

/* The entry for (lock, site), if it is in that line; else NULL. */
TT_INLINE struct ttrec_count *tt_of_line(struct ttrec_line *line, uint64_t lock, uint64_t site)
{
	struct ttrec_count *e = line->count;
	if (unlikely(line->lock != lock))
		return NULL;
	return likely(e->site == site) || likely((++e)->site == site) || (++e)->site == site ? e : NULL;
}
_Static_assert(TTREC_LINE_COUNTS == 3, "tt_of_line");

/* The thread's entry for (lock, site), if it is where it is looked for first. NULL: look further (tt_count_find). */
TT_INLINE struct ttrec_count *tt_count_probe(const struct tt_self *s, uint64_t lock, uint64_t site)
{
	struct ttrec_line *home = tt_near(s, lock);
	struct ttrec_count *e = tt_of_line(home, lock, site);
	return likely(e) ? e : tt_of_line(tt_beside(s, home), lock, site);
}

/*
 * The hash of a held entry and all below it: of their order as well as of what they are. below: that of the entry below, 0
 * none. Adding, not combining bits: 1 and 2 are not 4 and 7. One-to-one in `own`, so that held.c can take one entry out.
 */
#define TT_HASH_MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)
#define TT_HASH_INVERSE    UINT64_C(0xf1de83e19937733d)
#define TT_HASH_BELOW      UINT64_C(0xd6e8feb86659fd93)
TT_INLINE uint64_t tt_held_own(uint32_t uid, uint64_t site)
{
	return (uint64_t)uid << 8 | TTREC_SITE_OP(site);
}
TT_INLINE uint64_t tt_held_hash(uint64_t below, uint64_t own)
{
	uint64_t x = (below * TT_HASH_BELOW + own) * TT_HASH_MULTIPLIER;
	return below ? x ^ x >> 32 : own;
}
TT_INLINE uint64_t tt_held_hash_own(uint64_t below, uint64_t hash)
{
	return below ? (hash ^ hash >> 32) * TT_HASH_INVERSE - below * TT_HASH_BELOW : hash;
}

/* Of entry i, as its hash has it. */
TT_INLINE uint32_t tt_held_uid(const struct tt_self *s, uint32_t i)
{
	const struct ttrec_held *h = &s->held[i];
	return (uint32_t)(tt_held_hash_own(i ? h[-1].hash : 0, h->hash) >> 8);
}

/* Is it usual for the thread to wait with its outermost lock held? */
TT_INLINE bool tt_held_usual(const struct tt_self *s)
{
	return s->outer_waits == TT_OUTER_USUAL && s->outer_uid == tt_held_uid(s, 0);
}

/* The key of a dependency: below, uid and site are multiplied apart, so that what they have in common does not cancel out. */
TT_INLINE uint64_t tt_order_key(uint64_t below, uint32_t uid, uint64_t site)
{
	uint64_t x = below * TT_HASH_BELOW + site * TT_HASH_MULTIPLIER + uid * UINT64_C(0xc2b2ae3d27d4eb4f);
	return x ^ x >> 32;
}
/* Most threads that hold something always when they wait wait for the same: is it that? below: hash of what is held. */
TT_INLINE uint64_t *tt_order_last(struct tt_self *s, uint64_t site)
{
	return &s->last_attempt[site >> 3 & 1];
}
TT_INLINE bool tt_order_is_last(struct tt_self *s, uint64_t below, uint32_t uid, uint64_t site)
{
	return tt_order_key(below ^ s->deps_salt, uid, site) == *tt_order_last(s, site);
}

/*
 * Is the dependency known? The cache holds 31 bits of each key, so one new dependency in 10^8 is taken for a known one. With
 * thousands of locks it is far away; so keys lie by lock, sixteen in a line: with the lock that is held innermost, if there is
 * room (few are taken within it), else with the one that is wanted (it is taken within few). What finds no room at either lies
 * where all of the key says (tt_dep_far). The wanted lock's places are found without its entry, so that loading them need not
 * wait for that.
 */
TT_INLINE uint32_t tt_dep_tag(const struct tt_self *s, uint64_t below, uint32_t uid, uint64_t site)
{
	return (uint32_t)tt_order_key(below ^ s->deps_salt, uid, site) | 1;
}
TT_INLINE const tt_dep_set *tt_dep_near(const struct tt_self *s, uint64_t lock)
{
	return &s->deps[tt_lock_hash(lock) >> 5 & s->deps_mask & ~(TT_DEP_NEAR - 1)];
}
TT_INLINE bool tt_dep_in(const tt_dep_set *sets, unsigned n, uint32_t tag)
{
	tt_dep_set found = sets[0] == tag;
	for (unsigned i = 1; i < n; i++)
		found |= (tt_dep_set)(sets[i] == tag);
#ifdef __SSE2__
	typedef char bytes __attribute__((vector_size(16)));
	return __builtin_ia32_pmovmskb128((bytes)found) != 0;
#else
	return found[0] || found[1] || found[2] || found[3];
#endif
}
bool tt_dep_far(const struct tt_self *s, uint64_t below, uint64_t lock, uint32_t tag);
/* wanted: the places of `lock`. */
TT_INLINE bool tt_dep_known(
	const struct tt_self *s, const struct ttrec_held *top, const tt_dep_set *wanted, uint64_t lock, uint32_t tag)
{
	return likely(tt_dep_in(tt_dep_near(s, top->lock), TT_DEP_NEAR, tag) || tt_dep_in(wanted, TT_DEP_NEAR, tag)) ||
	       tt_dep_far(s, top->hash, lock, tag);
}

TT_INLINE const struct tt_memo *tt_memos(const struct tt_self *s)
{
	return (const struct tt_memo *)(const void *)s->deps - TT_MEMOS;
}
/* The memo that an entry of the table may use. */
TT_INLINE const struct tt_memo *tt_memo_of(const struct tt_self *s, const struct ttrec_count *e)
{
	const uint8_t *m = (const uint8_t *)s->deps + ((uintptr_t)e & (TT_MEMOS - 1) * sizeof(struct tt_memo));
	__asm__("" : "+r"(m)); /* the constant comes last: it costs no instruction where a field is read, and no register */
	return (const struct tt_memo *)(const void *)m - TT_MEMOS;
}
_Static_assert(
	2 * sizeof(struct tt_memo) == sizeof(struct ttrec_line), "a line has two: of its first entry, and of the others");

/*
 * The books of one acquisition in two halves. prepare: before the lock is tried, everything is looked up; its loads go
 * on beside the lock's own cache miss, which a locked instruction would not allow afterwards. commit: once it was acquired,
 * stores only. A prepare that says NULL (first use, timed hold, new order) leaves all to tt_acquired().
 *
 * Not bracketed: a signal handler that comes in between and uses hooks finds either the state before, or a raised
 * depth above which its own entries go and leave again. (Should it evict the very entry in between, one acquisition is counted
 * for another site, or not at all.)
 */
struct tt_ready {
	struct ttrec_count *e; /* NULL: not ready */
	struct ttrec_held *h;
	uint64_t hash;
	uint32_t depth;
};

/* Something is wanted while `top` is held: with that lock, what is known of its order is to be asked for. */
TT_INLINE void tt_nests(const struct tt_self *s, const struct ttrec_held *top)
{
	struct ttrec_line *line = tt_near(s, top->lock);
	if (unlikely(line->lock != top->lock))
		line = tt_beside(s, line);
	if (line->lock == top->lock && unlikely(!line->nests))
		line->nests = 1;
}

/* With the entry, if it allows that: the rest of r. wanted: tt_dep_near() of `lock`. */
TT_INLINE void tt_acquire_with(const struct tt_self *s, struct tt_ready *r, struct ttrec_count *e, const tt_dep_set *wanted,
	uint64_t lock, uint64_t site)
{
	uint32_t uid = tt_entry_line(e)->uid, d = r->depth;
	if (unlikely((uint16_t)e->n == e->next))
		return;
	uint64_t below = d ? r->h[-1].hash : 0;
	if (d) {
		tt_nests(s, r->h - 1);
		if (unlikely(d >= s->t->held_cap || !tt_dep_known(s, r->h - 1, wanted, lock, tt_dep_tag(s, below, uid, site))))
			return;
	}
	r->hash = tt_held_hash(below, tt_held_own(uid, site));
	r->e = e;
}

/* far: look in all places that the entry may be in. Without it nothing is called, so that a hook that leaves by a jump when it
 * is not done saves no registers. */
TT_INLINE struct tt_ready tt_acquire_prepare(const struct tt_self *s, uint64_t lock, uint64_t site, bool far)
{
	struct tt_ready r = {.e = NULL};
	const struct ttrec_thread *t = s->t;
	/* All that may be far away is asked for at once, before a branch depends on any of it: lock, known dependencies, entry.
	 */
	tt_prefetch_write(lock);
	uint32_t d = t->held_depth;
	const tt_dep_set *wanted = tt_dep_near(s, lock);
	r.depth = d;
	r.h = s->held + d;
	if (d)
		__builtin_prefetch(wanted);
	struct ttrec_count *e = tt_count_probe(s, lock, site);
	if (unlikely(!e) && (!far || !(e = tt_count_find(s, lock, site))))
		return r;
	tt_acquire_with(s, &r, e, wanted, lock, site);
	return r;
}

/* Likewise for a lock that was just taken, and is not where tt_near_entry() looks, or not within what the memo says. */
TT_INLINE struct tt_ready tt_acquire_taken(const struct tt_self *s, uint64_t lock, uint64_t site)
{
	uint32_t d = s->t->held_depth;
	struct tt_ready r = {.e = NULL, .h = s->held + d, .depth = d};
	const tt_dep_set *wanted = tt_dep_near(s, lock);
	if (d)
		__builtin_prefetch(wanted);
	struct ttrec_count *e = tt_count_probe(s, lock, site);
	if (likely(e || (e = tt_count_window(s, lock, site))))
		tt_acquire_with(s, &r, e, wanted, lock, site);
	return r;
}

/*
 * The same at its shortest, and in so few registers that a hook has none to save: an entry that is where its lock's first
 * sites go, and nothing held, or what was held when the memo was made. tt_near_entry() NULL, tt_near_held() false: not so, take
 * tt_acquire_prepare(). op: that of `site`, as a constant.
 *
 * With thousands of locks both the lock and its entry are far away. The lock's own instruction waits for all loads before it;
 * so the hook asks for the entry (tt_near_ask), takes the lock, and only then looks: what waits for the entry is what comes
 * after, and the processor goes on with that meanwhile.
 */
TT_INLINE struct ttrec_line *tt_near_ask(const struct tt_self *s, uint64_t lock)
{
	struct ttrec_line *line = tt_near(s, lock);
	tt_prefetch_write((uintptr_t)line);
	return line;
}
TT_INLINE struct ttrec_count *tt_near_entry(struct ttrec_line *line, uint64_t lock, uint64_t site)
{
	struct ttrec_count *e = tt_of_line(line, lock, site);
	return unlikely(!e || (uint16_t)e->n == e->next) ? NULL : e;
}
/* In that line, else in the one beside: then *line is that. */
TT_INLINE struct ttrec_count *tt_near_either(const struct tt_self *s, struct ttrec_line **line, uint64_t lock, uint64_t site)
{
	struct ttrec_count *e = tt_near_entry(*line, lock, site);
	if (likely(e))
		return e;
	*line = tt_beside(s, *line);
	return tt_near_entry(*line, lock, site);
}
TT_INLINE bool tt_near_held(const struct tt_self *s, const struct ttrec_line *line, struct ttrec_count *e, uint64_t site,
	enum ttrec_op op, struct tt_ready *r)
{
	uint32_t d = s->t->held_depth;
	r->e = e;
	r->h = s->held + d;
	r->depth = d;
	if (likely(!d)) {
		r->hash = tt_held_own(line->uid, TTREC_SITE(UINT64_C(0), op));
		return true;
	}
	const struct tt_memo *m = tt_memo_of(s, e);
	if (unlikely(m->uid != line->uid || m->below != r->h[-1].hash || m->site != site))
		return false;
	r->hash = m->hash;
	return true;
}

/* The depth is stored, not added to: the entry goes where it was prepared for, also when a handler posted what was held. */
TT_INLINE void tt_acquire_commit(const struct tt_self *s, const struct tt_ready *r, uint64_t lock, uint64_t site)
{
	tt_own_add(&r->e->n, 1);
	tt_store_relaxed(&s->t->held_depth, r->depth + 1);
	tt_barrier();
	tt_store_relaxed(&r->h->lock, lock);
	tt_store_relaxed(&r->h->site, site);
	r->h->hash = r->hash;
}

/*
 * The same on any path: first use, timed hold, deeper nesting. `order`: look at lock order now (false: it was looked at before
 * the thread blocked). Returns the held entry, NULL: the held stack is full. Between the caller's brackets.
 */
struct ttrec_held *tt_acquired(
	struct tt_self *s, uint64_t lock, uint64_t site, const struct tt_birth *birth, bool order, const struct tt_caller *c);

/* Counts one operation that acquires nothing; between the caller's brackets. */
struct ttrec_count *tt_count(struct tt_self *s, uint64_t lock, uint64_t site, const struct tt_birth *birth);

/*
 * The flags of a held entry are in the highest byte of its site, above the operation. A byte is read whole however it is read,
 * and a compiler makes one instruction of this, but two of an atomic load.
 */
TT_INLINE bool tt_held_has_flags(const struct ttrec_held *h)
{
#if defined(__SANITIZE_THREAD__)
	return TTREC_HELD_FLAGS(tt_load_relaxed(&h->site));
#else
	return ((const uint8_t *)&h->site)[7] >= 1u << 5;
#endif
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && TTREC_HELD_FLAGS(UINT64_C(1) << 61) == 1, "tt_held_has_flags");

/* Is `lock` the innermost held lock, with nothing to be done but to pop it? */
TT_INLINE bool tt_release_is_plain(const struct tt_self *s, uint64_t lock)
{
	uint64_t d = s->t->held_depth;
	if (unlikely(!d))
		return false;
	__asm__("" : "+r"(d)); /* not before it was asked: that would take a copy */
	const struct ttrec_held *h = s->held + d - 1;
	return likely(h->lock == lock) && likely(!tt_held_has_flags(h));
}

/* Pops it, after the real unlock. One instruction, so that no handler comes in between. */
TT_INLINE void tt_release_plain(struct tt_self *s)
{
	tt_own_add(&s->t->held_depth, -1);
}

/* The same for one that is not the innermost: is there nothing to be done but to take it out? */
TT_INLINE bool tt_release_is_under(const struct tt_self *s, uint64_t lock)
{
	uint32_t at = tt_held_find(s, lock);
	return at && TTREC_HELD_FLAGS(tt_load_relaxed(&s->held[at - 1].site)) == 0;
}
void tt_release_under(struct tt_self *s, uint64_t lock);

/*
 * The same for a semaphore: a handler that came after the real post may have posted it, too, and popped it. depth: as it was
 * before, with the entry; stored less one it is right once as well as twice.
 */
TT_INLINE void tt_release_plain_from(const struct tt_self *s, uint32_t depth)
{
	tt_store_relaxed(&s->t->held_depth, depth - 1);
}

#endif /* TT_PRELOAD_SHIM_H */
