/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stack_take.h - for the tests of the stack walker: takes one's stack twice, by the walker and by libgcc's unwinder, which is
 * slow and right, and compares them frame by frame. Used by test_stack*.c and the sources that they link.
 */
#ifndef TT_TESTS_STACK_TAKE_H
#define TT_TESTS_STACK_TAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/stack.h"

#ifdef __cplusplus
extern "C" {
#endif

#define STACK_FRAMES 512

struct stack_pair {
	uint64_t pc[STACK_FRAMES], want[STACK_FRAMES];
	unsigned n, want_n;
	uint16_t flags;
};

/* The calling thread's stack; asks glibc, once per thread. */
struct tt_stack_bounds stack_bounds(void);

/* Stacks of the calling thread that were found to be the same as before without a walk. */
extern _Thread_local unsigned long stack_agains;

/* Takes the stack of its caller, at most `max` frames of it; max = 0: all. */
void stack_take_some(struct stack_pair *p, unsigned max);
#define stack_take(p) stack_take_some((p), 0)

/* Number of equal frames from the innermost one on. */
unsigned stack_equal(const struct stack_pair *p);

/* All frames are equal, and none was guessed. */
bool stack_is_exact(const struct stack_pair *p);

/* Prints both, with names, as TAP comments. */
void stack_print(const struct stack_pair *p);

/* Name of the function around a return address; "" when it is not known. */
const char *stack_function(uint64_t pc);

#ifdef __cplusplus
}
#endif
#endif
