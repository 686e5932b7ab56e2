/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stack_shapes_o2.c - stack_shapes.h as the build's own options have it. */
#define SHAPE(name) name##_o2
#include "tests/unit/stack_shapes.inc"
