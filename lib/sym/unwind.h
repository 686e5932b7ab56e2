/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind.h - the stacks of a snapshot's threads, as program counters with the trust that each deserves.
 *
 * Unwinding is done offline, from the snapshot's copies: by libunwind with the unwind tables in the process's memory; by
 * libdw where those are missing (.debug_frame, no search table); by frame pointers; and at last by a search of the stack for
 * a chain of return addresses that leads to the thread's start.
 * Not for threads: one user of an unwinder (and of its snapshot and tt_sym) at a time. Called by threaddump and threadtop.
 */
#ifndef TT_SYM_UNWIND_H
#define TT_SYM_UNWIND_H

#include "lib/sym/snapshot.h"
#include "lib/sym/symbols.h"
#include "lib/util/vec.h"

enum tt_frame_trust {
	TT_FRAME_EXACT,    /* registers, or unwind tables with known values */
	TT_FRAME_POINTER,  /* recovered: frame pointers, where there are no tables */
	TT_FRAME_SEARCHED, /* recovered: found on the stack, and checked against the code that calls it */
	TT_FRAME_TRUST_MAX
};

struct tt_unwind_frame {
	uint64_t pc, sp;
	enum tt_frame_trust trust;
	bool is_call; /* pc is a return address: look it up with TT_SYM_RETADDR */
	bool signal;  /* the frame of a signal handler's return: the next one was interrupted at pc */
};

/* Why a stack ends where it does. */
enum tt_stack_end {
	TT_STACK_COMPLETE, /* the thread's (or the coroutine's) first function */
	TT_STACK_LIMIT,    /* max_frames reached */
	TT_STACK_CUT,      /* the stack is longer than what was copied */
	TT_STACK_REGISTER, /* a register is needed that is not known without a stop */
	TT_STACK_NO_TABLE, /* code without unwind tables and without frame pointers */
	TT_STACK_MEMORY,   /* the stack leads to memory that is not there */
	TT_STACK_LOOP,     /* it leads back to itself */
	TT_STACK_MOVED,    /* the thread ran on while its stack was read */
	TT_STACK_NOTHING,  /* the thread could not be captured */
	TT_STACK_END_MAX
};

struct tt_unwind_stack {
	TT_VEC(struct tt_unwind_frame) frames; /* innermost first */
	enum tt_stack_end end;
	bool exact; /* complete, and each frame exact */
};

/* "complete", "this many frames are the limit" ...; for people, lower case. */
const char *tt_stack_end_text(enum tt_stack_end end);

/* Whether a stop of the thread could give more than this. */
bool tt_stack_wants_stop(const struct tt_unwind_stack *stack);

struct tt_unwinder;

/* Both must outlive the unwinder; sym must know the snapshot's modules (tt_snap_add_modules). 0 or -ENOMEM. */
int tt_unwinder_create(struct tt_snap *snap, struct tt_sym *sym, struct tt_unwinder **ret, struct tt_err *err);
void tt_unwinder_destroy(struct tt_unwinder *u);

#define TT_UNWIND_FRAMES_MAX 65536u /* when 0 is asked for */

/*
 * Unwinds one thread into stack, which may hold an earlier one (else TT_STACK_INIT). 0 or -ENOMEM: everything else is told
 * by stack->end.
 */
int tt_unwind(struct tt_unwinder *u, struct tt_snap_thread *thread, size_t max_frames, struct tt_unwind_stack *stack);

/*
 * The same, and when the stack is incomplete for want of a stop, and the snapshot's mode allows one, and it would not show in
 * the program (tt_snap_stop_shows), takes the thread again with a stop and keeps the better of both.
 */
int tt_unwind_settle(struct tt_unwinder *u, struct tt_snap_thread *thread, size_t max_frames, struct tt_unwind_stack *stack);

/*
 * The function that a frame calls, by the call in front of its return address: through the PLT, and where the callee has no
 * name of its own because that one jumped there. 0: the code does not tell.
 */
uint64_t tt_unwind_called(struct tt_unwinder *u, const struct tt_unwind_frame *frame);

#define TT_STACK_INIT \
	{             \
		0     \
	}
void tt_stack_deinit(struct tt_unwind_stack *stack);

#endif
