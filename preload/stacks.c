/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stacks.c - captured stacks, each kept once; and the modules that their addresses lie in.
 *
 * Slow paths only. The walk itself is in stack.c. Modules are found by _dl_find_object, which takes no lock: the
 * loader's lock must never be waited for while the program holds one of its own (README.md, "The loader").
 */
#include "preload/shim.h"
#include "preload/module.h"

#define FRAMES_MAX 40u /* 320 bytes of the caller's stack */

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

/* The ref of the caller's stack, 0 when there is no space (counted). */
uint32_t tt_stack_capture(struct tt_self *s, const struct tt_caller *c)
{
	uint64_t pc[FRAMES_MAX];
	uint16_t flags = 0;
	unsigned max = tt_g.stack_depth < FRAMES_MAX ? tt_g.stack_depth : FRAMES_MAX;
	unsigned n = tt_stack_walk_caller(c->pc, c->cfa, stack_bounds(s), pc, max, &flags);
	if (!n)
		return 0;
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
