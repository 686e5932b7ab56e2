/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: preload/stack.c preload/stack_rule.c preload/stack_find.c preload/stack_cfi.c preload/stack_expr.c */
/* LINK: preload/stack_last.c */
/* LINK: tests/unit/stack_take.c tests/unit/stack_shapes_o2.c */
/*
 * test_stack_gap.c - the stack walker in a program whose segments do not follow each other (as node's): glibc then tells where
 * the code is, but not the rest of the program. The Makefile links it so.
 */
#include <dlfcn.h>
#include <link.h>

#include "tests/unit/stack_shapes.h"
#include "tests/unit/stack_take.h"
#include "tests/unit/tap.h"

static _Alignas(64) char cache[TT_STACK_CACHE_BYTES];
static struct stack_pair pair;

static void take(void *arg)
{
	stack_take(arg);
}

int main(void)
{
	struct dl_find_object f;
	tt_stack_init(cache, sizeof(cache));
	ok(_dl_find_object((void *)take, &f) == 0, "the program is found");
	ok((char *)f.dlfo_eh_frame < (char *)f.dlfo_map_start || (char *)f.dlfo_eh_frame >= (char *)f.dlfo_map_end,
		"its unwind tables are outside of the mapping that glibc names");
	for (const struct stack_shape *s = stack_shapes_o2; s->name; s++) {
		s->call(take, &pair);
		ok(stack_is_exact(&pair), "%s: as libgcc has it", s->name);
	}
	return done();
}
