/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stacks.c - captured stacks, each kept once; and the modules that their addresses lie in.
 *
 * Slow paths only. The walk itself is in stack.c. Modules are found by _dl_find_object, which takes no lock: the
 * loader's lock must never be waited for while the program holds one of its own (README.md, "The loader").
 */
#include "preload/shim.h"
#include "preload/module.h"
#include "preload/sys.h"

#define FRAMES_MAX 40u   /* 320 bytes of the caller's stack */
#define LAST_COUNT 8u    /* places whose last stacks a thread remembers */
#define LAST_BYTES 4096u /* what they take */
#define LAST_AFTER 16u   /* stacks that a thread captures before that is worth it */
#define ADDRESS    (((uint64_t)1 << 48) - 1)

/* What tt_self.stack_last points to. A place may be anywhere: two that share one would walk for each other for ever. */
struct last_page {
	struct tt_stack_last last[LAST_COUNT];
	uint32_t tag[LAST_COUNT]; /* of the caller; 0: none yet */
};
_Static_assert(sizeof(struct last_page) <= LAST_BYTES, "one page");

/* ------------------------------------------------------------------ the last ones */

/* From pages that ended threads gave back, else a new one. Free ones: tag << 48 | address; link: first word. */
static struct tt_stack_last *last_alloc(void)
{
	uint64_t w = tt_load_acquire(&tt_g.p->stack_last_free);
	while (w & ADDRESS) {
		uint64_t *page = (uint64_t *)(uintptr_t)(w & ADDRESS);
		uint64_t next = (w & ~ADDRESS) | (tt_load_relaxed(page) & ADDRESS);
		if (tt_cas_acq_rel(&tt_g.p->stack_last_free, &w, next)) {
			__builtin_memset(page, 0, LAST_BYTES);
			return (void *)page;
		}
	}
	return tt_sys_mmap(LAST_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

void tt_stacks_free(struct tt_self *s)
{
	uint64_t *page = (uint64_t *)(void *)s->stack_last;
	s->stack_last = NULL;
	s->stacks = 0;
	if (!page)
		return;
	uint64_t w = tt_load_relaxed(&tt_g.p->stack_last_free), next;
	do {
		tt_store_relaxed(page, w & ADDRESS);
		next = ((w >> 48) + 1) << 48 | (uint64_t)(uintptr_t)page;
	} while (!tt_cas_acq_rel(&tt_g.p->stack_last_free, &w, next));
}

/* Where the last stack of such a caller is remembered. NULL: nowhere. */
static struct tt_stack_last *last_of(struct tt_self *s, const struct tt_caller *c)
{
	/* Of a nested event, or of a thread whose end would not be seen or was seen already: nothing. */
	if (s->epoch != TT_EPOCH_BUSY || !s->t)
		return NULL;
	if (!s->stack_last) {
		if (s->stacks < LAST_AFTER) {
			s->stacks++;
			return NULL;
		}
		if (tt_g.sandboxed || tt_load_relaxed(&s->t->state) != TTREC_THREAD_RUNNING ||
			s->t->flags & TTREC_THREAD_ADOPTED || !(s->stack_last = last_alloc()))
			return NULL;
	}
	struct last_page *page = (struct last_page *)(void *)s->stack_last;
	uint32_t tag = (uint32_t)(tt_mix(c->pc, c->cfa) >> 32) | 1;
	for (unsigned i = 0; i < LAST_COUNT; i++)
		if (page->tag[i] == tag)
			return &page->last[i];
	unsigned to = 0;
	while (to < LAST_COUNT && page->tag[to])
		to++;
	if (to == LAST_COUNT)
		to = tt_random(s) % LAST_COUNT;
	page->tag[to] = tag;
	page->last[to] = (struct tt_stack_last){0};
	return &page->last[to];
}

/* ------------------------------------------------------------------ capture */

/* The walk begins in the shim's own frames, which lie below the caller's. */
static struct tt_stack_bounds stack_bounds(const struct tt_self *s)
{
	struct tt_stack_bounds b = {0, 0};
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	if (s->t && sp >= s->t->stack_low && sp < s->t->stack_high) {
		b.low = s->t->stack_low;
		b.high = s->t->stack_high;
	}
	return b;
}

static bool stack_equal(const struct ttrec_stack *k, uint64_t hash, const uint64_t *pc, unsigned n)
{
	if (k->hash != hash || k->count != n)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (k->pc[i] != pc[i])
			return false;
	return true;
}

/* The record of a stack; 0 when there is no space (counted). */
static uint32_t stack_intern(const uint64_t *pc, unsigned n, uint16_t flags)
{
	uint64_t hash = n;
	for (unsigned i = 0; i < n; i++)
		hash = tt_mix(hash, pc[i]);

	uint32_t *head = &tt_g.p->stack_heads[(hash >> 20) & (TT_STACK_HEADS - 1)];
	uint32_t first = tt_load_acquire(head);
	struct ttrec_stack *mine = NULL;
	do {
		for (uint32_t r = first; r;) {
			struct ttrec_stack *k = tt_at(r);
			if (stack_equal(k, hash, pc, n))
				return r;
			r = k->chain;
		}
		if (!mine) {
			mine = tt_var_alloc((uint32_t)(sizeof(*mine) + n * sizeof(pc[0])));
			if (!mine) {
				tt_drop(TTREC_DROP_STACK);
				return 0;
			}
			mine->count = (uint16_t)n;
			mine->flags = flags;
			mine->hash = hash;
			for (unsigned i = 0; i < n; i++) {
				mine->pc[i] = pc[i];
				tt_module_seen(pc[i]);
			}
		}
		mine->chain = first;
	} while (!tt_cas_acq_rel(head, &first, tt_ref(mine)));
	tt_var_publish(mine, TTREC_VAR_STACK);
	return tt_ref(mine);
}

/* The ref of the caller's stack, 0 when there is no space (counted). */
uint32_t tt_stack_capture(struct tt_self *s, const struct tt_caller *c)
{
	uint64_t pc[FRAMES_MAX];
	uint16_t flags = 0;
	unsigned max = tt_g.stack_depth < FRAMES_MAX ? tt_g.stack_depth : FRAMES_MAX;
	struct tt_stack_last *last = last_of(s, c);
	unsigned n = tt_stack_walk_caller(c->pc, c->cfa, stack_bounds(s), pc, max, &flags, last);
	if (!n)
		return last->stack;
	uint32_t ref = stack_intern(pc, n, flags);
	if (last)
		tt_stack_last_is(last, ref);
	return ref;
}
