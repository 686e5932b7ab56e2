/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stack_shapes.h - functions of every shape that matters to a stack walker: each calls `what` from the middle of it. They are
 * built with and without optimisation. Used by test_stack*.c.
 */
#ifndef TT_TESTS_STACK_SHAPES_H
#define TT_TESTS_STACK_SHAPES_H

#ifdef __cplusplus
extern "C" {
#endif

typedef void stack_fn(void *arg);

struct stack_shape {
	const char *name;
	void (*call)(stack_fn *what, void *arg);
};
extern const struct stack_shape stack_shapes_o2[], stack_shapes_o0[], stack_shapes_cxx[]; /* the last one has no name */

/* Calls `what` at the bottom of `depth` calls of itself. */
void stack_recurse_o0(unsigned depth, stack_fn *what, void *arg);
void stack_recurse_o2(unsigned depth, stack_fn *what, void *arg);

#ifdef __cplusplus
}
#endif
#endif
