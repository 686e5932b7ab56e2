/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind_private.h - what the files behind unwind.h share. Not for anyone outside this directory.
 *
 *   unwind.c         from frame to frame, by the best way that works
 *   unwind_tables.c  .eh_frame in the process's memory, by libunwind
 *   unwind_code.c    what the machine code itself tells: signal trampolines, calls, prologues
 */
#ifndef TT_SYM_UNWIND_PRIVATE_H
#define TT_SYM_UNWIND_PRIVATE_H

#include <libunwind.h>

#include "lib/sym/snap_private.h"
#include "lib/sym/unwind.h"

/* Where in the walk: the registers of one frame. */
struct unwind_state {
	struct tt_regs regs;
	bool is_call; /* pc is a return address */
};

enum unwind_step {
	STEP_OK,
	STEP_END,      /* there is no caller */
	STEP_NO_TABLE, /* nothing is known of this code */
	STEP_REGISTER, /* a register is not known */
	STEP_MEMORY,   /* a word of the stack is not there */
};

/* What is known of the code at one address, kept for the next thread that comes along. */
struct unwind_place {
	uint64_t start, end; /* the function's bounds, by its unwind table */
	bool has_table;
	bool trampoline; /* a signal handler returns to here */
};

struct tt_unwinder {
	struct tt_snap *snap;
	struct tt_sym *sym;
	unw_addr_space_t space;
	unsigned generation;   /* of the maps that the caches belong to */
	struct tt_hmap places; /* address -> index in place_list + 1 */
	TT_VEC(struct unwind_place) place_list;
	/* What libunwind's callbacks are told of the step that is under way. */
	struct tt_snap_thread *thread;
	const struct unwind_state *state;
	uint64_t lookup; /* the address that libunwind takes for the program counter */
	bool missing_register, missing_memory;
};

static inline bool reg_known(const struct tt_regs *regs, enum tt_reg reg)
{
	return regs->known >> reg & 1;
}

static inline void reg_set(struct tt_regs *regs, enum tt_reg reg, uint64_t value)
{
	regs->value[reg] = value;
	regs->known |= UINT32_C(1) << reg;
}

static inline uint64_t state_pc(const struct unwind_state *state)
{
	return state->regs.value[TT_REG_RIP];
}

static inline uint64_t state_sp(const struct unwind_state *state)
{
	return state->regs.value[TT_REG_RSP];
}

/* The address to look code up by: a return address may already belong to the next function. */
static inline uint64_t state_lookup(const struct unwind_state *state)
{
	return state_pc(state) - (state->is_call ? 1 : 0);
}

/* ------------------------------------------------------------------ unwind_tables.c */

int unwind_tables_init(struct tt_unwinder *u);
void unwind_tables_deinit(struct tt_unwinder *u);

/* Forgets what was cached of another memory map. */
void unwind_tables_flush(struct tt_unwinder *u);

/* What is known of the code at `lookup`; valid until the next call. NULL: out of memory. */
const struct unwind_place *unwind_place_at(struct tt_unwinder *u, uint64_t lookup, uint64_t pc);

/* One step by the unwind tables in memory; state becomes the caller's, when there is one. */
enum unwind_step unwind_tables_step(struct tt_unwinder *u, struct unwind_state *state);

/* ------------------------------------------------------------------ unwind_code.c */

/* Whether the code at pc is what a signal handler returns to. */
bool unwind_is_trampoline(struct tt_unwinder *u, uint64_t pc);

/* From a trampoline to what the signal interrupted. */
enum unwind_step unwind_signal_step(struct tt_unwinder *u, struct unwind_state *state);

/* Whether a call instruction lies in front of address, in executable memory. */
bool unwind_is_return_address(struct tt_unwinder *u, uint64_t address);

/* One step by the frame pointer, checked for plausibility. */
enum unwind_step unwind_pointer_step(struct tt_unwinder *u, struct unwind_state *state);

#endif
