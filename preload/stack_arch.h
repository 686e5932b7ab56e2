/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_arch.h - all that the stack walker knows about the processor. Included by stack*.c only.
 *
 * A port adds the DWARF numbers of its callee-saved registers, how it captures them, and what its signal trampoline's frame
 * looks like, and sets TT_ARCH_CFI; before that, it walks by frame pointers alone (the pair at the frame pointer, saved frame
 * pointer and return address, looks the same on aarch64).
 */
#ifndef TT_PRELOAD_STACK_ARCH_H
#define TT_PRELOAD_STACK_ARCH_H

#include <stddef.h>
#include <stdint.h>

/* The registers that the walker follows. PC is the return address column. */
enum tt_col { TT_COL_PC, TT_COL_SP, TT_COL_BP, TT_COL_BX, TT_COL_12, TT_COL_13, TT_COL_14, TT_COL_15, TT_COL_MAX };
#define TT_COL_NONE 0xffu

/* A frame's registers; bit c of known: v[c] is valid. */
struct tt_stack_regs {
	uint64_t v[TT_COL_MAX];
	uint32_t known;
};
#define TT_KNOWN(col) (1u << (col))
#define TT_KNOWN_ALL  ((1u << TT_COL_MAX) - 1u)

#define TT_CODE_BITS 47 /* of user addresses */

#if defined(__x86_64__)

#define TT_ARCH_CFI 1

static inline unsigned tt_arch_col(uint64_t dwarf)
{
	switch (dwarf) {
	case 3:
		return TT_COL_BX;
	case 6:
		return TT_COL_BP;
	case 7:
		return TT_COL_SP;
	case 12 ... 15:
		return TT_COL_12 + (unsigned)(dwarf - 12);
	case 16:
		return TT_COL_PC;
	default:
		return TT_COL_NONE;
	}
}

/* The frame of glibc's __restore_rt: a struct ucontext at sp. Offsets of the interrupted frame's registers from sp. */
#define TT_SIGNAL_SP 160
#define TT_SIGNAL_PC 168
#define TT_SIGNAL_BP 120

/* Captures all registers of the function that it is expanded in, as they are at one point of it. */
#define TT_ARCH_CAPTURE(regs)                                                                                               \
	do {                                                                                                                \
		__asm__ volatile("leaq 0f(%%rip), %%rax\n\t"                                                                \
				 "movq %%rax, 0(%0)\n\tmovq %%rsp, 8(%0)\n\tmovq %%rbp, 16(%0)\n\tmovq %%rbx, 24(%0)\n\t"   \
				 "movq %%r12, 32(%0)\n\tmovq %%r13, 40(%0)\n\tmovq %%r14, 48(%0)\n\tmovq %%r15, 56(%0)\n0:" \
				 :                                                                                          \
				 : "r"((regs)->v)                                                                           \
				 : "rax", "memory");                                                                        \
		(regs)->known = TT_KNOWN_ALL;                                                                               \
	} while (0)
_Static_assert(TT_COL_15 == 7 && TT_COL_BX == 3, "TT_ARCH_CAPTURE writes in this order");

#elif defined(__aarch64__)

#define TT_ARCH_CFI  0
#define TT_SIGNAL_SP 0
#define TT_SIGNAL_PC 0
#define TT_SIGNAL_BP 0

static inline unsigned tt_arch_col(uint64_t dwarf)
{
	(void)dwarf;
	return TT_COL_NONE;
}

#define TT_ARCH_CAPTURE(regs)                                                                                              \
	do {                                                                                                               \
		__asm__ volatile("adr x9, 0f\n\tstr x9, [%0, 0]\n\tmov x9, sp\n\tstr x9, [%0, 8]\n\tstr x29, [%0, 16]\n0:" \
				 :                                                                                         \
				 : "r"((regs)->v)                                                                          \
				 : "x9", "memory");                                                                        \
		(regs)->known = TT_KNOWN(TT_COL_PC) | TT_KNOWN(TT_COL_SP) | TT_KNOWN(TT_COL_BP);                           \
	} while (0)

#else
#error "stack_arch.h: add this architecture's registers"
#endif

#endif
