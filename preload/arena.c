/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arena.c - space in the recording: chunks, slabs of equal records, variable records, blocks that come back.
 *
 * Called by the rest of the state core. Lock-free: every allocation is a compare and swap on one word; the loser of a race to
 * begin a new slab gives its chunk up. What is claimed but never published stays zero, and readers skip it.
 *
 * Space is backed before it is used (MADV_POPULATE_WRITE): on a full disk that call fails, where a plain store would
 * raise SIGBUS in somebody else's program.
 */
#include "preload/shim.h"
#include "preload/sys.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define BACK_STEP (128u << 10)

struct tt_global tt_g = {.clock = clock_gettime};
union tt_epoch_mem tt_epoch_mem;
struct tt_options tt_options;
__thread struct tt_self tt_self __attribute__((tls_model("initial-exec"))) = {.epoch = TT_EPOCH_NEW};

void tt_drop(enum ttrec_drop why)
{
	if (tt_g.h)
		tt_add_relaxed(&tt_g.h->drop[why], 1);
}

/* Makes everything below `end` safe to store to. Any thread; doing it twice is harmless. */
bool tt_arena_backed(uint64_t end)
{
	struct ttrec_header *h = tt_g.h;
	uint64_t from = tt_load_acquire(&h->backed);
	if (end <= from)
		return true;
	if (end > h->file_size) {
		/* Something smaller may still fit. */
		uint32_t none = TTREC_FULL_NOT;
		tt_cas_relaxed(&h->full, &none, (uint32_t)TTREC_FULL_SIZE);
		return false;
	}
	uint32_t full = tt_load_relaxed(&h->full);
	if (full == TTREC_FULL_DISK || full == TTREC_FULL_SANDBOX)
		return false;

	uint64_t to = (end + BACK_STEP - 1) / BACK_STEP * BACK_STEP;
	if (to > h->file_size)
		to = h->file_size;
	/* Up to here it was closed: see file_map(). */
	if (tt_sys_failed(TT_SYS(mprotect, tt_g.base + from, to - from, PROT_READ | PROT_WRITE, 0)) ||
		tt_sys_failed(TT_SYS(madvise, tt_g.base + from, to - from, MADV_POPULATE_WRITE, 0))) {
		tt_store_relaxed(&h->full, (uint32_t)TTREC_FULL_DISK);
		return false;
	}
	tt_max_relaxed(&h->backed, to);
	return true;
}

/* `type` is published last; version and size first. NULL: no space (counted). */
struct ttrec_chunk *tt_chunk_claim(enum ttrec_chunk_type type, uint64_t size, uint32_t index)
{
	struct ttrec_header *h = tt_g.h;
	size = (size + TTREC_ALIGN - 1) & ~(uint64_t)(TTREC_ALIGN - 1);
	uint64_t at = tt_load_relaxed(&h->next);
	do {
		if (!tt_arena_backed(at + size)) {
			tt_drop(TTREC_DROP_SPACE);
			return NULL;
		}
	} while (!tt_cas_acq_rel(&h->next, &at, at + size));

	struct ttrec_chunk *c = (void *)(tt_g.base + at);
	c->version = 0;
	c->type = (uint16_t)type;
	c->size = size;
	c->check = ~size;
	c->index = index;
	c->used = 0;
	tt_store_release(&c->magic, TTREC_CHUNK_MAGIC);
	return c;
}

/* ------------------------------------------------------------------ growing */

#define TURN_YIELDS   32u
#define TURN_SLEEPS   400u
#define TURN_SLEEP_NS 100000

/* The thread's own mark: never 0. */
static uint32_t turn_mark(void)
{
	return (uint32_t)((uintptr_t)&tt_self >> 3) | 1;
}

/*
 * Backing a new chunk takes long enough for thousands of threads to come to the same point: without turns each would claim a
 * chunk, and all but one be lost. So one claims and the others wait for it: it may itself wait for the memory map, which they
 * all change, or for a processor, which they all want. Not for ever, though: when nothing happens for a while, one of those who
 * wait takes the turn over and claims too. And not at all for a turn that this very thread has, interrupted by a signal.
 */
bool tt_turn_take(enum ttrec_chunk_type type)
{
	uint32_t *turn = &tt_g.p->turn[type], seen = 0, mine = turn_mark();
	if (tt_cas_acq_rel(turn, &seen, mine) || seen == mine || tt_g.sandboxed)
		return true;
	for (unsigned i = 0; i < TURN_YIELDS + TURN_SLEEPS; i++) {
		const struct timespec pause = {0, TURN_SLEEP_NS};
		if (i < TURN_YIELDS)
			TT_SYS(sched_yield, 0, 0, 0, 0);
		else
			TT_SYS(nanosleep, &pause, NULL, 0, 0);
		if (tt_load_acquire(turn) != seen)
			return false;
	}
	return tt_cas_acq_rel(turn, &seen, mine);
}

/* Nothing, when somebody else has taken the turn over. */
void tt_turn_give(enum ttrec_chunk_type type)
{
	uint32_t mine = turn_mark();
	tt_cas_acq_rel(&tt_g.p->turn[type], &mine, 0u);
}

static struct ttrec_chunk *slab_new(enum ttrec_chunk_type type, uint32_t record_size, uint32_t capacity)
{
	struct ttrec_chunk *c = tt_chunk_claim(type, sizeof(*c) + (uint64_t)capacity * record_size, 0);
	if (c && type == TTREC_CHUNK_LOCK) {
		uint32_t first = tt_add_relaxed(&tt_g.h->locks, capacity);
		if (first + capacity > TTREC_MAX_LOCKS) {
			tt_sub_relaxed(&tt_g.h->locks, capacity);
			return NULL;
		}
		c->index = first;
		tt_store_release(&tt_g.p->lock_slab[first / TTREC_SLAB_LOCKS], tt_ref(c + 1));
	}
	return c;
}

/* A zeroed record from the current slab of its type; *number (may be NULL) counts from the chunk's index. The caller publishes
 * it. */
void *tt_slab_alloc(enum ttrec_chunk_type type, uint32_t record_size, uint32_t capacity, uint32_t *number)
{
	uint64_t *word = &tt_g.p->slab[type];
	uint64_t w = tt_load_acquire(word);
	for (;;) {
		uint32_t ref = (uint32_t)(w >> 32), used = (uint32_t)w;
		if (ref && used < capacity) {
			if (!tt_cas_acq_rel(word, &w, w + 1))
				continue;
			struct ttrec_chunk *c = tt_at(ref);
			tt_store_relaxed(&c->used, used + 1);
			if (number)
				*number = c->index + used;
			return (uint8_t *)(c + 1) + (size_t)used * record_size;
		}
		bool turn = tt_turn_take(type);
		uint64_t now = tt_load_acquire(word);
		struct ttrec_chunk *c = turn && now == w ? slab_new(type, record_size, capacity) : NULL;
		/* Losing a race against one who took the turn over leaves an empty slab behind: no harm, and rare. */
		bool set = c && tt_cas_acq_rel(word, &now, (uint64_t)tt_ref(c) << 32 | 1);
		if (turn)
			tt_turn_give(type);
		if (set) {
			tt_store_relaxed(&c->used, 1);
			if (number)
				*number = c->index;
			return c + 1;
		}
		if (turn && now == w)
			return NULL;
		w = now;
	}
}

/* Space for a variable record, zeroed. size includes struct ttrec_var. */
void *tt_var_alloc(uint32_t size)
{
	uint64_t *word = &tt_g.p->var;
	size = (size + 15u) & ~15u;
	if (size > TTREC_VAR_BYTES)
		return NULL;
	uint64_t w = tt_load_acquire(word);
	for (;;) {
		uint32_t ref = (uint32_t)(w >> 32), used = (uint32_t)w;
		if (ref && used + size <= TTREC_VAR_BYTES) {
			if (!tt_cas_acq_rel(word, &w, w + size))
				continue;
			struct ttrec_chunk *c = tt_at(ref);
			struct ttrec_var *v = (void *)((uint8_t *)(c + 1) + used);
			/* Size at once: readers step over records that were never published. */
			tt_store_release(&v->size, size);
			tt_max_relaxed(&c->used, used + size);
			return v;
		}
		bool turn = tt_turn_take(TTREC_CHUNK_VAR);
		uint64_t now = tt_load_acquire(word);
		struct ttrec_chunk *c = NULL;
		bool claim = turn && now == w;
		if (claim && (c = tt_chunk_claim(TTREC_CHUNK_VAR, sizeof(*c) + TTREC_VAR_BYTES, 0)) &&
			tt_cas_acq_rel(word, &now, (uint64_t)tt_ref(c) << 32))
			now = (uint64_t)tt_ref(c) << 32;
		if (turn)
			tt_turn_give(TTREC_CHUNK_VAR);
		if (claim && !c)
			return NULL;
		w = now;
	}
}

void tt_var_publish(void *var, enum ttrec_var_type type)
{
	struct ttrec_var *v = var;
	tt_store_release(&v->type, (uint16_t)type);
}

/* ------------------------------------------------------------------ blocks that come back: tables, held stacks */

/* Each size class is twice the one before: 2 KiB << class of payload. */
static unsigned block_class(uint64_t payload)
{
	unsigned k = 0;
	while (k + 1 < TT_FREE_CLASSES && (UINT64_C(2048) << k) < payload)
		k++;
	return k;
}

/*
 * The free lists are stacks: tag << 32 | ref, the link in the free chunk's `index`. The tag changes with every push, so
 * that a pop that slept cannot swap in a stale link (ABA). The chunk keeps its magic and size: a reader steps over it.
 */
struct ttrec_chunk *tt_block_alloc(enum ttrec_chunk_type type, uint64_t payload)
{
	unsigned k = block_class(payload);
	uint64_t *head = &tt_g.p->block_free[k];
	uint64_t w = tt_load_acquire(head);
	while ((uint32_t)w) {
		struct ttrec_chunk *c = tt_at((uint32_t)w);
		uint64_t next = (w & ~UINT64_C(0xffffffff)) | tt_load_relaxed(&c->index);
		if (tt_cas_acq_rel(head, &w, next)) {
			uint64_t bytes = c->size - sizeof(*c);
			__builtin_memset(c + 1, 0, bytes);
			tt_store_relaxed(&c->index, 0);
			tt_store_release(&c->type, (uint16_t)type);
			return c;
		}
	}
	/* Blocks of one class have one size, so that any of them serves. 32 more bytes align the payload to a cache line. */
	return tt_chunk_claim(type, sizeof(struct ttrec_chunk) + 32 + (UINT64_C(2048) << k), 0);
}

void tt_block_free(struct ttrec_chunk *c)
{
	unsigned k = block_class(c->size - sizeof(*c) - 64);
	uint64_t *head = &tt_g.p->block_free[k];
	tt_store_release(&c->type, (uint16_t)TTREC_CHUNK_FREE);
	uint64_t w = tt_load_relaxed(head), next;
	do {
		tt_store_relaxed(&c->index, (uint32_t)w);
		next = ((w >> 32) + 1) << 32 | tt_ref(c);
	} while (!tt_cas_acq_rel(head, &w, next));
}
