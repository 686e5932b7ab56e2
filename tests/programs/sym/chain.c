/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chain.c - a subject of the symbol tests: inlined, static and exported C functions, data, an address behind the last call. */
#include "truth.h"

#include <stdlib.h>

#define INLINE static inline __attribute__((always_inline))
#define APART  __attribute__((noinline, noclone, noipa))

int a_variable[4] = {1, 2, 3, 4};
static long a_static_variable = 7;

INLINE void deepest(const char *names)
{
	AT(0) note(names);
}

INLINE void middle(const char *names)
{
	if (a_static_variable) {
		long block = a_static_variable;
		AT(1) deepest(names);
		a_static_variable = block;
	}
}

/* Two inlined calls on lines of their own: the frames must not be mixed up. */
APART static void outer(void)
{
	AT(2) middle("deepest;middle;outer");
	AT(2) middle("deepest;middle;outer");
	__asm__ volatile("");
}

APART void exported(void)
{
	AT(0) note("exported");
	AT(1) deepest("deepest;exported");
	__asm__ volatile("");
}

/* The call is the last instruction: its return address belongs to what follows. */
APART __attribute__((noreturn)) void last_call(void)
{
	AT(0) note("last_call");
	exit(0);
}

int main(void)
{
	print_self();
	printf("data %lx a_variable\n", (unsigned long)&a_variable[0]);
	printf("data %lx a_static_variable\n", (unsigned long)&a_static_variable);
	outer();
	exported();
	last_call();
}
