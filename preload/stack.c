/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack.c - the stack walker. stack.h is its contract, stack_rule.h the cache, stack_cfi.h what is asked when the cache misses.
 *
 * A frame is pc, sp, bp. The other callee-saved registers are needed once in a million frames (the loader's lazy binding finds
 * its frame by rbx): so the walk follows three, and when that is not enough, and it knows where all of them were at the start,
 * it begins again and follows all, without the cache.
 *
 * Where there are no tables it follows the frame pointer, which may be anything there. A return address found like that must
 * not be on the stack or in data; and as long as no frame further out is code of a loaded object, it is not believed.
 */
#include "preload/stack.h"

#include "lib/core/ttrec_format.h"
#include "preload/stack_last.h"
#include "preload/stack_rule.h"

/* Frames between the walk and the hook: a few of ours. */
#define SHIM_FRAMES_MAX 24

enum step {
	STEP_OK,
	STEP_GUESS, /* the caller was found by the frame pointer */
	STEP_END,
	STEP_LOST,
};

struct frame {
	uintptr_t pc, sp, bp;
	bool exact; /* pc is that of an instruction, not the one behind a call */
	bool code;  /* the frame that was left had its pc in an object's code */
};

struct walk {
	struct tt_rule_view view;
	uintptr_t low, high;          /* readable: between the frame that it began with and the end of the stack */
	uint64_t start[TT_COL_SAVED]; /* registers where it begins */
	struct tt_stack_regs regs;    /* full: of the current frame */
	bool start_full;              /* all of start[] is known, not only the frame; and its pc is exact */
	bool full;                    /* follow all registers */
	bool needs_full;              /* lost for want of them */
};

/* ------------------------------------------------------------------ one step outwards */

/* Could this be a return address? */
static bool plausible(const struct walk *w, const struct frame *f, uintptr_t pc)
{
	return pc >= 0x10000 && !(pc >> TT_CODE_BITS) && !(pc >= f->sp && pc < w->high);
}

static enum step step_by_frame_pointer(struct walk *w, struct frame *f)
{
	uint64_t pc, bp;
	if (f->bp > w->high - 16 || !tt_stack_read(f->sp, w->high, f->bp, &bp) ||
		!tt_stack_read(f->sp, w->high, f->bp + 8, &pc) || !plausible(w, f, pc))
		return STEP_LOST;
	*f = (struct frame){.pc = pc, .sp = f->bp + 16, .bp = bp, .code = f->code};
	w->regs.known = TT_KNOWN_FRAME;
	return STEP_GUESS;
}

/* A caller's stack pointer is higher; longjmp has just set it when it was interrupted. */
static bool progress(const struct frame *f, uintptr_t sp)
{
	return sp > f->sp || (f->exact && sp == f->sp);
}

static enum step step_by_row(struct walk *w, struct frame *f, const struct tt_cfi_fde *fde, const struct tt_cfi_row *row)
{
	uintptr_t sp;
	if (!w->full)
		w->regs.known = TT_KNOWN_FRAME;
	w->regs.v[TT_COL_PC] = f->pc;
	w->regs.v[TT_COL_SP] = f->sp;
	w->regs.v[TT_COL_BP] = f->bp;
	switch (tt_cfi_apply(fde, row, w->low, w->high, &w->regs)) {
	case TT_STEP_OK:
		sp = w->regs.v[TT_COL_SP];
		if (!progress(f, sp) && !fde->signal) /* what was interrupted may have another stack */
			return STEP_LOST;
		*f = (struct frame){w->regs.v[TT_COL_PC], sp, w->regs.v[TT_COL_BP], fde->signal, true};
		return STEP_OK;
	case TT_STEP_END:
		return STEP_END;
	default:
		return STEP_LOST;
	}
}

/* The cache does not know f->pc, or does not hold enough: ask the tables, and remember. */
static TT_NOINLINE enum step step_slowly(struct walk *w, struct frame *f)
{
	struct tt_cfi_fde fde;
	struct tt_cfi_row row;
	uintptr_t pc = f->pc - !f->exact;
	enum tt_cfi_where where = tt_cfi_find(pc, &fde);
	f->code = where == TT_CFI_FOUND || where == TT_CFI_CODE;
	if (where == TT_CFI_DATA)
		return STEP_LOST;
	if (where == TT_CFI_FOUND && tt_cfi_row(&fde, pc, &row)) {
		tt_rule_insert(&w->view, pc, tt_rule_pack(&fde, &row));
		enum step step = step_by_row(w, f, &fde, &row);
		if (step != STEP_LOST)
			return step;
		w->needs_full = w->start_full && !w->full;
		if (w->needs_full || f->exact) /* an interrupted function need not have set its frame pointer up */
			return STEP_LOST;
	} else if (f->code) {
		tt_rule_insert(&w->view, pc, TT_KIND_FP);
	}
	return step_by_frame_pointer(w, f);
}

/* cfa is above f->sp, both are multiples of 8: so what lies between them is on the stack when cfa <= high. */
TT_INLINE enum step step_to_cfa(const struct walk *w, struct frame *f, uintptr_t cfa, uintptr_t bp_at, uintptr_t bp)
{
	uint64_t pc;
	if (unlikely(!tt_stack_read(f->sp, w->high, cfa - 8, &pc)))
		return STEP_LOST;
	if (bp_at && !tt_stack_read(w->low, w->high, bp_at, &bp))
		bp = 0;
	*f = (struct frame){.pc = pc, .sp = cfa, .bp = bp, .code = true};
	return STEP_OK;
}

TT_INLINE enum step step_by_signal(const struct walk *w, struct frame *f)
{
	uint64_t pc, sp, bp;
	if (!tt_stack_read(f->sp, w->high, f->sp + TT_SIGNAL_PC, &pc) ||
		!tt_stack_read(f->sp, w->high, f->sp + TT_SIGNAL_SP, &sp) ||
		!tt_stack_read(f->sp, w->high, f->sp + TT_SIGNAL_BP, &bp))
		return STEP_LOST;
	*f = (struct frame){.pc = pc, .sp = sp, .bp = bp, .exact = true, .code = true};
	return STEP_OK;
}

/* Replaces *f by its caller. */
TT_INLINE enum step step_out(struct walk *w, struct frame *f)
{
	uint64_t word = w->full ? 0 : tt_rule_find(&w->view, f->pc - !f->exact), slot = tt_rule_bp(word), cfa;
	f->code = true;
	switch (tt_rule_kind(word)) {
	case TT_KIND_SP:
		cfa = f->sp + tt_rule_cfa(word);
		return step_to_cfa(w, f, cfa, slot ? cfa - 8 * (slot + 1) : 0, f->bp);
	case TT_KIND_BP:
		cfa = f->bp + tt_rule_cfa(word);
		return step_to_cfa(w, f, cfa, slot ? cfa - 8 * (slot + 1) : 0, f->bp);
	case TT_KIND_DRAP:
		if (!tt_stack_read(f->sp, w->high, f->bp - tt_rule_cfa(word), &cfa))
			return STEP_LOST;
		return step_to_cfa(w, f, cfa, f->bp, 0);
	case TT_KIND_SIGNAL:
		return step_by_signal(w, f);
	case TT_KIND_END:
		return STEP_END;
	case TT_KIND_FP:
	case TT_KIND_NONE:
		break;
	}
	struct frame copy = *f; /* f itself stays in registers */
	enum step step = tt_rule_kind(word) == TT_KIND_FP ? step_by_frame_pointer(w, &copy) : step_slowly(w, &copy);
	*f = copy;
	return step;
}

/* ------------------------------------------------------------------ walks */

static bool on_stack(const struct walk *w, const struct frame *f)
{
	return f->sp >= w->low && f->sp <= w->high - 16 && !(f->sp & 7);
}

/*
 * The common case without the general step's branches: goes outwards from frame n - 1 for as long as the cache knows
 * ordinary rules, and stops at the first frame that has anything else about it (unknown, outermost, odd) or that is the last to
 * fit. Returns the new n.
 */
TT_INLINE unsigned walk_cached(const struct walk *w, struct frame *f, uint64_t *pcs, unsigned n, unsigned max)
{
	const struct tt_rule_view v = w->view;
	const uintptr_t low = w->low, high = w->high;
	uintptr_t pc = f->pc, sp = f->sp, bp = f->bp;
	for (bool exact = f->exact; n < max; exact = false) {
		uint64_t word = tt_rule_find(&v, pc - !exact), slot = tt_rule_bp(word), next;
		uintptr_t cfa = (tt_rule_kind(word) == TT_KIND_BP ? bp : sp) + tt_rule_cfa(word);
		uintptr_t saved = cfa - 8 * (slot + 1); /* slot 0: the return address, which saves a branch */
		if (tt_rule_kind(word) != TT_KIND_SP && tt_rule_kind(word) != TT_KIND_BP)
			break;
		if (saved < low || !tt_stack_read(sp, high, cfa - 8, &next) || !next)
			break;
		uint64_t value = tt_stack_load(saved);
		bp = slot ? value : bp;
		sp = cfa;
		pc = next;
		pcs[n++] = pc;
		*f = (struct frame){pc, sp, bp, false, true};
	}
	return n;
}

static unsigned walk_from(struct walk *w, struct frame f, uint64_t *pcs, unsigned max, uint16_t *flags)
{
	const unsigned none = UINT32_MAX;
	unsigned n = 0, guess = none, unproven = none; /* first frame that was guessed; first one that may be nonsense */
	*flags = 0;
	for (;;) {
		pcs[n++] = f.pc;
		if (!on_stack(w, &f))
			break;
		unsigned before = n;
		if (!w->full)
			n = walk_cached(w, &f, pcs, n, max);
		if (n != before)
			unproven = none;
		enum step step = step_out(w, &f);
		if (f.code)
			unproven = none;
		if (step == STEP_END || (step == STEP_OK && !f.pc)) {
			*flags |= TTREC_STACK_COMPLETE;
			break;
		}
		if (step == STEP_LOST)
			break;
		if (n == max) {
			*flags |= TTREC_STACK_TRUNCATED;
			break;
		}
		if (unlikely(step == STEP_GUESS)) {
			guess = guess == none ? n : guess;
			unproven = unproven == none ? n : unproven;
		}
	}
	if (unproven < n && !*flags)
		n = unproven;
	if (guess < n)
		*flags |= TTREC_STACK_GUESSED;
	return n;
}

/* w->start is set. False: the bounds do not fit. */
static bool walk_init(struct walk *w, struct tt_stack_bounds bounds, bool full)
{
	w->view = tt_rule_view();
	w->low = w->start[TT_COL_SP];
	w->high = bounds.high & ~(uintptr_t)7;
	w->start_full = full;
	w->full = false;
	w->needs_full = false;
	return w->high > bounds.low && w->high - bounds.low > 16 && w->low >= bounds.low;
}

static struct frame walk_begin(struct walk *w)
{
	__builtin_memcpy(w->regs.v, w->start, sizeof(w->start));
	w->regs.known = w->start_full ? TT_KNOWN_SAVED : TT_KNOWN_FRAME;
	return (struct frame){w->start[TT_COL_PC], w->start[TT_COL_SP], w->start[TT_COL_BP], w->start_full, false};
}

unsigned tt_stack_walk(
	uintptr_t pc, uintptr_t sp, uintptr_t bp, struct tt_stack_bounds bounds, uint64_t *pcs, unsigned max, uint16_t *flags)
{
	struct walk w;
	w.start[TT_COL_PC] = pc;
	w.start[TT_COL_SP] = sp;
	w.start[TT_COL_BP] = bp;
	if (walk_init(&w, bounds, false))
		return walk_from(&w, walk_begin(&w), pcs, max, flags);
	*flags = 0;
	pcs[0] = pc;
	return 1;
}

/* From the walker's own frame out to the hook's caller, at pc with the stack pointer cfa. False: that frame was not met. */
static bool leave_shim(struct walk *w, struct frame *f, uintptr_t pc, uintptr_t cfa)
{
	for (unsigned i = 0; i < SHIM_FRAMES_MAX && f->sp <= cfa && on_stack(w, f); i++) {
		if (f->pc == pc && (f->sp == cfa || !TT_ARCH_CFI))
			return true;
		enum step step = step_out(w, f);
		if (step != STEP_OK && (TT_ARCH_CFI || step != STEP_GUESS))
			return false;
	}
	return false;
}

TT_NOINLINE unsigned tt_stack_walk_caller(uintptr_t pc, uintptr_t cfa, struct tt_stack_bounds bounds, uint64_t *pcs,
	unsigned max, uint16_t *flags, struct tt_stack_last *last)
{
	struct walk w;
	TT_ARCH_CAPTURE(w.start);
	if (!walk_init(&w, bounds, true) || cfa < w.low)
		return tt_stack_walk(pc, cfa, 0, bounds, pcs, max, flags);
	struct tt_stack_start start = {.regs = w.start, .pc = pc, .cfa = cfa, .high = w.high};
	if (last && tt_stack_last_same(last, &w.view, &start)) {
		last->tries = 0;
		return 0;
	}
	for (;;) {
		struct frame f = walk_begin(&w);
		unsigned n = leave_shim(&w, &f, pc, cfa) ? walk_from(&w, f, pcs, max, flags) : 0;
		if (!w.needs_full) {
			if (n && last)
				tt_stack_last_note(last, &w.view, &start, pcs, n, max);
			return n ? n : tt_stack_walk(pc, cfa, 0, bounds, pcs, max, flags);
		}
		w.needs_full = false; /* and will stay so: once more, with all registers */
		w.full = true;
	}
}
