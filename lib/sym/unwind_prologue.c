/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind_prologue.c - how large a function's frame is, by the instructions that it begins with: what it pushes, and what it
 * subtracts from the stack pointer. At its calls the frame ends where the stack pointer stands, as a rule; then its return
 * address is found without a table and without the frame pointer, and nothing that earlier calls left in the frame can be
 * taken for it. x86-64.
 * Called by unwind_search.c.
 */
#include "lib/sym/unwind_private.h"

#include <string.h>

#define FUNCTION_MAX ((uint64_t)16 << 10) /* so far before an address its function's beginning is looked for */
#define PROLOGUE_MAX 96u                  /* bytes of it that are read */

static const unsigned char frame_begin[] = {0x55, 0x48, 0x89, 0xe5}; /* push %rbp; mov %rsp,%rbp */

/* Where the function begins that an address lies in: by its symbol or table, else by the nearest such beginning. 0: not known.
 */
static uint64_t function_begin(struct tt_unwinder *u, uint64_t address)
{
	unsigned char code[SNAP_PAGE / 8 + sizeof(frame_begin)];
	const uint64_t step = sizeof(code) - sizeof(frame_begin), known = unwind_function_start(u, address);
	if (known)
		return address - known < FUNCTION_MAX ? known : 0;
	for (uint64_t end = address; address - end < FUNCTION_MAX && end > step; end -= step) {
		if (!snap_memory_constant(u->snap, end - step, code, sizeof(code)))
			return 0;
		for (uint64_t at = step; at-- > 0;)
			if (memcmp(code + at, frame_begin, sizeof(frame_begin)) == 0)
				return end - step + at;
	}
	return 0;
}

/* The length of an instruction that moves or clears registers other than the stack pointer; 0: it is none. */
static size_t harmless(const unsigned char *code)
{
	size_t prefix = (code[0] & 0xf0) == 0x40;
	unsigned op = code[prefix], modrm = code[prefix + 1];
	if ((op != 0x89 && op != 0x8b && op != 0x31 && op != 0x33) || modrm >> 6 != 3)
		return 0;
	bool to_rm = op == 0x89 || op == 0x31;
	unsigned target = to_rm ? modrm & 7 : modrm >> 3 & 7;
	bool extended = prefix && (code[0] & (to_rm ? 1 : 4));
	return target == 4 && !extended ? 0 : prefix + 2;
}

/* What one instruction adds to the frame. Returns its length; 0: the prologue has ended. *ret_last: it ends here. */
static size_t instruction(const unsigned char *code, uint64_t *size, bool *ret_last)
{
	int32_t n;
	size_t prefix = code[0] == 0x41;
	if (code[prefix] >= 0x50 && code[prefix] <= 0x57) {
		*size += 8;
		return prefix + 1;
	}
	if (memcmp(code, "\x48\x89\xe5", 3) == 0)
		return 3;
	*ret_last = true;
	if (memcmp(code, "\x48\x83\xec", 3) == 0) {
		*size += code[3];
		return 4;
	}
	if (memcmp(code, "\x48\x83\xc4\x80", 4) == 0) {
		*size += 128;
		return 4;
	}
	if (memcmp(code, "\x48\x81\xec", 3) == 0) {
		memcpy(&n, code + 3, sizeof(n));
		*size += n > 0 ? (uint64_t)n : 0;
		return 7;
	}
	*ret_last = false;
	return harmless(code);
}

bool unwind_prologue(struct tt_unwinder *u, const struct unwind_state *state, uint64_t *ret_at)
{
	static const unsigned char endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
	unsigned char code[PROLOGUE_MAX + 8];
	uint64_t pc = state_pc(state), begin = state->is_call ? function_begin(u, pc - 1) : 0, size = 0;
	if (!begin || !snap_memory_constant(u->snap, begin, code, sizeof(code)))
		return false;
	bool last = false;
	size_t end = pc - begin < PROLOGUE_MAX ? pc - begin : PROLOGUE_MAX;
	for (size_t at = memcmp(code, endbr, sizeof(endbr)) ? 0 : sizeof(endbr), n = 1; at < end && n && !last; at += n)
		n = instruction(code + at, &size, &last);
	*ret_at = state_sp(state) + size;
	return *ret_at % 16 == 8; /* as the ABI has it */
}
