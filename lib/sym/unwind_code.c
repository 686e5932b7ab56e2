/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind_code.c - steps that need no unwind tables: out of a signal handler, and along frame pointers; and what the machine
 * code tells about return addresses. x86-64 Linux.
 * Called by unwind.c.
 */
#include "lib/sym/unwind_private.h"

#include <string.h>

#define CALL_LONGEST    7u
#define UCONTEXT_FPREGS 224u                /* offset of uc_mcontext.fpregs */
#define POINTER_REACH   ((uint64_t)1 << 20) /* farthest that a frame pointer may lie above the stack pointer */

/* ------------------------------------------------------------------ signals */

/* mov $15,%rax (or %eax); syscall: rt_sigreturn. Every libc returns from handlers through these instructions. */
bool unwind_is_trampoline(struct tt_unwinder *u, uint64_t pc)
{
	static const unsigned char glibc[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05},
				   musl[] = {0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05};
	unsigned char code[sizeof(glibc)];
	if (!snap_memory_constant(u->snap, pc, code, sizeof(code)))
		return false;
	return memcmp(code, glibc, sizeof(glibc)) == 0 || memcmp(code, musl, sizeof(musl)) == 0;
}

/* The kernel pushed a ucontext, at which the stack pointer stands: its registers, in the order of REG_R8 ... (ucontext.h). */
enum unwind_step unwind_signal_step(struct tt_unwinder *u, struct unwind_state *state)
{
	static const enum tt_reg order[TT_REG_MAX] = {TT_REG_R8, TT_REG_R9, TT_REG_R10, TT_REG_R11, TT_REG_R12, TT_REG_R13,
		TT_REG_R14, TT_REG_R15, TT_REG_RDI, TT_REG_RSI, TT_REG_RBP, TT_REG_RBX, TT_REG_RDX, TT_REG_RAX, TT_REG_RCX,
		TT_REG_RSP, TT_REG_RIP};
	const uint64_t registers = state_sp(state) + 40; /* uc_flags, uc_link, uc_stack */
	struct tt_regs regs = {0};
	for (unsigned i = 0; i < TT_REG_MAX; i++) {
		uint64_t value;
		if (!snap_memory_word(u->snap, u->thread, registers + 8 * i, &value))
			return STEP_MEMORY;
		reg_set(&regs, order[i], value);
	}
	state->regs = regs;
	state->is_call = false;
	return STEP_OK;
}

/* ------------------------------------------------------------------ calls */

/* Whether `len` bytes that end before an address can be "call register or memory", FF /2 with its addressing bytes. */
static bool is_indirect_call(const unsigned char *code, size_t len)
{
	if (code[0] != 0xff || (code[1] >> 3 & 7) != 2)
		return false;
	unsigned mode = code[1] >> 6, rm = code[1] & 7;
	size_t size = 2;
	if (mode != 3 && rm == 4) { /* an index byte; without a base 4 bytes of offset */
		size++;
		if (mode == 0 && len >= 3 && (code[2] & 7) == 5)
			size += 4;
	}
	if (mode == 1)
		size++;
	if (mode == 2 || (mode == 0 && rm == 5))
		size += 4;
	return size == len;
}

bool unwind_is_return_address(struct tt_unwinder *u, uint64_t address)
{
	unsigned char code[CALL_LONGEST];
	const struct tt_snap_map *map = address > CALL_LONGEST ? snap_maps_find(&u->snap->maps, address - 1) : NULL;
	if (!map || !map->exec || !snap_memory_constant(u->snap, address - CALL_LONGEST, code, sizeof(code)))
		return false;
	if (code[CALL_LONGEST - 5] == 0xe8)
		return true;
	for (size_t len = 2; len <= CALL_LONGEST; len++) {
		if (is_indirect_call(code + CALL_LONGEST - len, len))
			return true;
	}
	return false;
}

bool unwind_is_code(struct tt_unwinder *u, uint64_t address)
{
	const struct tt_snap_map *map = snap_maps_find(&u->snap->maps, address);
	return map && map->exec;
}

bool unwind_is_generated(struct tt_unwinder *u, uint64_t address)
{
	const struct tt_snap_map *map = snap_maps_find(&u->snap->maps, address);
	return map && map->exec && map->inode == 0;
}

/* The kernel's frame for a handler: a ucontext without a link, whose floating point state lies above it. */
static bool is_signal_frame(struct tt_unwinder *u, uint64_t sp)
{
	uint64_t flags, link, state_at;
	return snap_memory_word(u->snap, u->thread, sp, &flags) && flags < 16 &&
	       snap_memory_word(u->snap, u->thread, sp + 8, &link) && link == 0 &&
	       snap_memory_word(u->snap, u->thread, sp + UCONTEXT_FPREGS, &state_at) && state_at > sp &&
	       state_at - sp < ((uint64_t)16 << 10);
}

/* makecontext's first frame "returns" to code that begins with "mov %rbx,%rsp": nothing else comes there. */
static bool is_coroutine_end(struct tt_unwinder *u, uint64_t pc)
{
	static const unsigned char move[] = {0x48, 0x89, 0xdc}, endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
	unsigned char code[sizeof(move) + sizeof(endbr)];
	if (!unwind_is_code(u, pc) || !snap_memory_constant(u->snap, pc, code, sizeof(code)))
		return false;
	return memcmp(code, move, sizeof(move)) == 0 ||
	       (memcmp(code, endbr, sizeof(endbr)) == 0 && memcmp(code + sizeof(endbr), move, sizeof(move)) == 0);
}

bool unwind_is_made(struct tt_unwinder *u, uint64_t return_address, uint64_t sp)
{
	if (!unwind_is_code(u, return_address))
		return false;
	return (unwind_is_trampoline(u, return_address) && is_signal_frame(u, sp)) || is_coroutine_end(u, return_address);
}

/* ------------------------------------------------------------------ frame pointers */

/*
 * At the first instructions of a function, and at its return, the caller's frame is still (again) the current one; functions
 * that call nobody may have no frame at all. Gets where the return address lies.
 */
static bool without_frame(struct tt_unwinder *u, const struct unwind_state *state, uint64_t *ret_at)
{
	static const unsigned char push[] = {0x55}, move[] = {0x48, 0x89, 0xe5}, endbr[] = {0xf3, 0x0f, 0x1e, 0xfa, 0x55};
	unsigned char code[5] = {0};
	uint64_t word;
	if (state->is_call)
		return false;
	*ret_at = state_sp(state);
	if (snap_memory_word(u->snap, u->thread, *ret_at, &word) && unwind_is_return_address(u, word) &&
		unwind_call_fits(u, state, word) == FIT_YES)
		return true;
	if (!snap_memory_constant(u->snap, state_pc(state), code, sizeof(code)))
		return false;
	if (memcmp(code, push, sizeof(push)) == 0 || memcmp(code, endbr, sizeof(endbr)) == 0 || code[0] == 0xc3)
		return true;
	*ret_at += 8;
	return memcmp(code, move, sizeof(move)) == 0;
}

static bool step_to(struct tt_unwinder *u, struct unwind_state *state, uint64_t return_at, uint64_t rbp)
{
	uint64_t pc;
	if (!snap_memory_word(u->snap, u->thread, return_at, &pc) ||
		(!unwind_is_return_address(u, pc) && !unwind_is_made(u, pc, return_at + 8) && !unwind_is_generated(u, pc)))
		return false;
	state->regs = (struct tt_regs){0};
	reg_set(&state->regs, TT_REG_RBP, rbp);
	reg_set(&state->regs, TT_REG_RSP, return_at + 8);
	reg_set(&state->regs, TT_REG_RIP, pc);
	state->is_call = true;
	return true;
}

enum unwind_step unwind_pointer_step(struct tt_unwinder *u, struct unwind_state *state)
{
	uint64_t rbp = state->regs.value[TT_REG_RBP], sp = state_sp(state), above, at;
	if (!reg_known(&state->regs, TT_REG_RBP))
		return STEP_REGISTER;
	if (without_frame(u, state, &at) && step_to(u, state, at, rbp))
		return STEP_OK;
	if (rbp < sp || rbp - sp > POINTER_REACH || rbp % 8 || !snap_memory_word(u->snap, u->thread, rbp, &above))
		return STEP_NO_TABLE;
	return step_to(u, state, rbp + 8, above) ? STEP_OK : STEP_NO_TABLE;
}
