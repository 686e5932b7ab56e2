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

/*
 * The registers that the walker follows. PC is the return address column. Up to TT_COL_SAVED: those that a function preserves
 * for its caller, and so are known in all frames; the others are known where a signal interrupted, which is where tables refer
 * to them.
 */
enum tt_col { TT_COL_PC, TT_COL_SP, TT_COL_BP, TT_COL_SAVED = 8, TT_COL_MAX = 17 };
#define TT_COL_NONE 0xffu

/* A frame's registers; bit c of known: v[c] is valid. */
struct tt_stack_regs {
	uint64_t v[TT_COL_MAX];
	uint32_t known;
};
#define TT_KNOWN(col)  (1u << (col))
#define TT_KNOWN_FRAME (TT_KNOWN(TT_COL_PC) | TT_KNOWN(TT_COL_SP) | TT_KNOWN(TT_COL_BP))
#define TT_KNOWN_SAVED ((1u << TT_COL_SAVED) - 1u)

#define TT_CODE_BITS 47 /* of user addresses */

#if defined(__x86_64__)

#define TT_ARCH_CFI 1

static inline unsigned tt_arch_col(uint64_t dwarf)
{
	static const uint8_t cols[TT_COL_MAX] = {8 /* rax */, 9 /* rdx */, 10 /* rcx */, 3 /* rbx */, 11 /* rsi */,
		12 /* rdi */, TT_COL_BP, TT_COL_SP, 13 /* r8 */, 14, 15, 16 /* r11 */, 4 /* r12 */, 5, 6, 7 /* r15 */,
		TT_COL_PC};
	return dwarf < TT_COL_MAX ? cols[dwarf] : TT_COL_NONE;
}

/* The frame of glibc's __restore_rt: a struct ucontext at sp. Offsets of the interrupted frame's registers from sp. */
#define TT_SIGNAL_SP 160
#define TT_SIGNAL_PC 168
#define TT_SIGNAL_BP 120

/* Writes the TT_COL_SAVED registers of the function that it is expanded in to v, as they are at one point of it. */
#define TT_ARCH_CAPTURE(v)                                                                                                  \
	do {                                                                                                                \
		__asm__ volatile("leaq 0f(%%rip), %%rax\n\t"                                                                \
				 "movq %%rax, 0(%0)\n\tmovq %%rsp, 8(%0)\n\tmovq %%rbp, 16(%0)\n\tmovq %%rbx, 24(%0)\n\t"   \
				 "movq %%r12, 32(%0)\n\tmovq %%r13, 40(%0)\n\tmovq %%r14, 48(%0)\n\tmovq %%r15, 56(%0)\n0:" \
				 :                                                                                          \
				 : "r"(v)                                                                                   \
				 : "rax", "memory");                                                                        \
	} while (0)
_Static_assert(TT_COL_PC == 0 && TT_COL_SP == 1 && TT_COL_BP == 2 && TT_COL_SAVED == 8, "order of TT_ARCH_CAPTURE");

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

#define TT_ARCH_CAPTURE(v)                                                                                                 \
	do {                                                                                                               \
		__asm__ volatile("adr x9, 0f\n\tstr x9, [%0, 0]\n\tmov x9, sp\n\tstr x9, [%0, 8]\n\tstr x29, [%0, 16]\n0:" \
				 :                                                                                         \
				 : "r"(v)                                                                                  \
				 : "x9", "memory");                                                                        \
	} while (0)

#else
#error "stack_arch.h: add this architecture's registers"
#endif

#endif
