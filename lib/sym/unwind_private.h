/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind_private.h - what the files behind unwind.h share. Not for anyone outside this directory.
 *
 *   unwind.c         from frame to frame, by the best way that works
 *   unwind_tables.c  .eh_frame in the process's memory, by libunwind
 *   unwind_rules.c   what libunwind would do, learned from it
 *   unwind_cfi.c     .debug_frame and the like in files, by libdw
 *   unwind_code.c    what the machine code itself tells: signal trampolines, calls, prologues
 *   unwind_calls.c   whom a call calls, where threads begin
 *   unwind_prologue.c  how large a frame is, by the function's first instructions
 *   unwind_search.c  the search of the stack for a return address
 */
#ifndef TT_SYM_UNWIND_PRIVATE_H
#define TT_SYM_UNWIND_PRIVATE_H

#include <libunwind.h>

#include "lib/sym/snap_private.h"
#include "lib/sym/unwind.h"

#define FITS_MAX ((size_t)1 << 20)

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

#define UNWIND_SAVED 6         /* registers that functions keep for their callers */
#define UNWIND_SAME  INT32_MIN /* not saved: it has the caller's value */

/* Where a function's caller has its frame: the common cases (unwind_rules.c). */
struct unwind_rule {
	enum {
		RULE_UNKNOWN,
		RULE_NONE,
		RULE_STACK,
		RULE_FRAME
	} kind; /* distance is from the stack or from the frame pointer */
	int64_t cfa_at;
	int32_t saved_at[UNWIND_SAVED]; /* from there */
};

/* What is known of the code at one address, kept for the next thread that comes along. */
struct unwind_place {
	uint64_t start, end; /* the function's bounds, by its unwind table */
	bool has_table;      /* that unwind_tables_step understands */
	bool trampoline;     /* a signal handler returns to here */
	struct unwind_rule rule;
};

/* Words of a stack that may be return addresses. */
struct unwind_word {
	uint64_t at, value;
};
struct unwind_words {
	TT_VEC(struct unwind_word) list; /* by at */
	uint64_t from, to;               /* what was looked at */
};

struct tt_unwinder {
	struct tt_snap *snap;
	struct tt_sym *sym;
	unw_addr_space_t space;
	unsigned generation;   /* of the maps that the caches belong to */
	struct tt_hmap places; /* address, and whether it is a return address -> index in place_list */
	TT_VEC(struct unwind_place) place_list;
	struct tt_hmap fits; /* hash of a return address and a place -> enum unwind_fit */
	struct tt_hmap cfis; /* struct sym_file -> struct unwind_cfi */
	/* What libunwind's callbacks are told of the step that is under way. */
	struct tt_snap_thread *thread;
	const struct unwind_state *state;
	uint64_t lookup; /* the address that libunwind takes for the program counter */
	bool missing_register, missing_memory;
	bool probing;             /* the stack is made up */
	struct unwind_state made; /* the registers that go with it */
	unsigned probe_reads;
	bool standing; /* threads stand still while this one unwinds: what it reads is of the same moment */
	/* Of the search that is under way. */
	unsigned depth; /* searches within searches */
	bool strict;    /* each direct call must call the function that was reached through it */
	struct unwind_words words;
	struct tt_hmap failed; /* hash of a candidate -> nothing: a walk from there was tried */
	size_t budget;         /* candidates and steps left for this stack */
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

/* What is known of the code at `lookup`, which is pc or, when that is a return address, the byte before it. */
struct unwind_place unwind_place_at(struct tt_unwinder *u, uint64_t lookup, uint64_t pc);

/* One step by the unwind tables in memory; state becomes the caller's, when there is one. */
enum unwind_step unwind_tables_step(struct tt_unwinder *u, struct unwind_state *state);

/* ------------------------------------------------------------------ unwind_rules.c */

/* Asks libunwind what it does at this place, whatever the stack holds. */
void unwind_rule_learn(struct tt_unwinder *u, const struct unwind_state *state, struct unwind_rule *rule);
enum unwind_step unwind_rule_step(struct tt_unwinder *u, const struct unwind_rule *rule, struct unwind_state *state);

/* A word of the made-up stack; false: there is none, or the address lies elsewhere. */
bool unwind_probe_word(struct tt_unwinder *u, uint64_t address, uint64_t *ret);

/* ------------------------------------------------------------------ unwind_cfi.c */

/* One step by the unwind tables in the module's file. */
enum unwind_step unwind_cfi_step(struct tt_unwinder *u, struct unwind_state *state);

void unwind_cfi_flush(struct tt_unwinder *u);

/* ------------------------------------------------------------------ unwind_calls.c */

enum unwind_fit { FIT_NO, FIT_UNKNOWN, FIT_YES };

/* Whether the call in front of return_address calls the function that callee is in. */
enum unwind_fit unwind_call_fits(struct tt_unwinder *u, const struct unwind_state *callee, uint64_t return_address);

/* Whether a frame is that of a function of Go which went over to the scheduler's own stack: it is the outermost one there. */
bool unwind_is_switch(struct tt_unwinder *u, const struct unwind_state *state);

/* Whether a thread or process begins in this function. */
bool unwind_is_start(struct tt_unwinder *u, const struct unwind_state *state);

/* Where the function begins that address lies in, by its unwind table or its symbol; 0: not known. */
uint64_t unwind_function_start(struct tt_unwinder *u, uint64_t address);

/* ------------------------------------------------------------------ unwind_prologue.c */

/*
 * Where the return address of a frame that has called another lies, if the function's first instructions tell how large its
 * frame is and that did not change since (alloca, arguments on the stack): to be checked.
 */
bool unwind_prologue(struct tt_unwinder *u, const struct unwind_state *state, uint64_t *ret_at);

/* ------------------------------------------------------------------ unwind_search.c */

/* Forgets what belongs to the stack before. */
void unwind_search_reset(struct tt_unwinder *u);
void unwind_search_deinit(struct tt_unwinder *u);

/*
 * Looks for the caller of `from`, the last frame in stack, and for the rest of the stack. by_table: only the frame pointer is
 * missing. True: found, stack is complete; else stack is unchanged. While threads stand it only has copied what it needs.
 */
bool unwind_search(struct tt_unwinder *u, const struct unwind_state *from, bool by_table, size_t max_frames,
	struct tt_unwind_stack *stack);

/* ------------------------------------------------------------------ unwind.c */

/* Adds frames from `from` on to stack, and sets its end. 0 or -ENOMEM. */
int unwind_walk(struct tt_unwinder *u, const struct unwind_state *from, enum tt_frame_trust trust, size_t max_frames,
	struct tt_unwind_stack *stack);

/* ------------------------------------------------------------------ unwind_code.c */

/* Whether the code at pc is what a signal handler returns to. */
bool unwind_is_trampoline(struct tt_unwinder *u, uint64_t pc);

/* From a trampoline to what the signal interrupted. */
enum unwind_step unwind_signal_step(struct tt_unwinder *u, struct unwind_state *state);

/* Whether an address lies in executable memory. */
bool unwind_is_code(struct tt_unwinder *u, uint64_t address);

/*
 * Whether it was made at run time: code of interpreters and just-in-time compilers. They push return addresses that no call
 * instruction lies in front of, and call functions by way of stubs.
 */
bool unwind_is_generated(struct tt_unwinder *u, uint64_t address);

/* Whether a call instruction lies in front of address, in executable memory. */
bool unwind_is_return_address(struct tt_unwinder *u, uint64_t address);

/*
 * Whether a return address was made by no call, but by what made the frame: the kernel for a signal handler, makecontext for
 * a coroutine's first function. sp: the stack pointer after the return.
 */
bool unwind_is_made(struct tt_unwinder *u, uint64_t return_address, uint64_t sp);

/* One step by the frame pointer, checked for plausibility. */
enum unwind_step unwind_pointer_step(struct tt_unwinder *u, struct unwind_state *state);

#endif
