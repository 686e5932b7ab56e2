/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stack_shapes_o0.c - stack_shapes.h without optimisation. */
#if defined(__clang__)
#pragma clang optimize off
#else
#pragma GCC optimize("O0")
#endif
#define SHAPE(name) name##_o0
#include "tests/unit/stack_shapes.inc"
