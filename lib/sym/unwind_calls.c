/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind_calls.c - whom the call in front of a return address calls, and where threads begin: what tells a return address that
 * belongs to the stack from one that an earlier call left behind.
 * Called by unwind.c and unwind_search.c; tt_unwind_called() by those who name waits.
 */
#include "lib/sym/unwind_private.h"

#include <string.h>

#define FUNCTION_MAX ((size_t)16 << 10) /* bytes of a function that are searched for jumps, or whose end is not known */
#define TAILS_MAX    2u                 /* jumps from function to function, after a call */
#define JUMPS_MAX    16u
#define EXIT_STUB    16u /* bytes */
#define ENTRY_STUB   64u

/* A function: [start, end). start 0: not known. */
struct function {
	uint64_t start, end;
	const char *name;
};

/* By the unwind table, else by a symbol that has a size: one without says nothing of where it ends. */
static struct function function_at(struct tt_unwinder *u, uint64_t address)
{
	struct function function = {0};
	uint64_t bias = 0;
	struct sym_file *file = sym_file_at(u->sym, address, &bias);
	const struct sym_entry *symbol = file ? sym_table_find(sym_file_table(file, SYM_TABLE_TEXT), address - bias) : NULL;
	if (symbol && symbol->sized)
		function = (struct function){symbol->start + bias, symbol->end + bias, symbol->name};
	struct unwind_place place = unwind_place_at(u, address, address);
	if (place.has_table) {
		function.start = place.start;
		function.end = place.end;
	}
	return function;
}

uint64_t unwind_function_start(struct tt_unwinder *u, uint64_t address)
{
	return function_at(u, address).start;
}

/* The function behind a jump through the PLT; the address itself when it is none. */
static uint64_t through_plt(struct tt_unwinder *u, uint64_t address)
{
	static const unsigned char endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
	unsigned char code[16];
	size_t at = 0;
	int32_t offset;
	uint64_t target;
	if (!snap_memory_constant(u->snap, address, code, sizeof(code)))
		return address;
	if (memcmp(code, endbr, sizeof(endbr)) == 0)
		at += sizeof(endbr);
	if (code[at] == 0xf2) /* bnd */
		at++;
	if (code[at] != 0xff || code[at + 1] != 0x25)
		return address;
	memcpy(&offset, code + at + 2, sizeof(offset));
	return snap_memory_word(u->snap, NULL, address + at + 6 + (uint64_t)(int64_t)offset, &target) ? target : address;
}

/* The target of the call in front of a return address; 0: the code does not tell. */
static uint64_t call_target(struct tt_unwinder *u, uint64_t return_address)
{
	unsigned char code[6];
	int32_t offset;
	uint64_t target;
	if (!snap_memory_constant(u->snap, return_address - sizeof(code), code, sizeof(code)))
		return 0;
	memcpy(&offset, code + 2, sizeof(offset));
	if (code[1] == 0xe8)
		return through_plt(u, return_address + (uint64_t)(int64_t)offset);
	if (code[0] == 0xff && code[1] == 0x15 &&
		snap_memory_word(u->snap, NULL, return_address + (uint64_t)(int64_t)offset, &target))
		return target;
	return 0;
}

uint64_t tt_unwind_called(struct tt_unwinder *u, const struct tt_unwind_frame *frame)
{
	return frame->is_call ? call_target(u, frame->pc) : 0;
}

/* ------------------------------------------------------------------ functions that jump on */

/* Where the code of one function jumps to outside of it. */
struct jumps {
	uint64_t targets[JUMPS_MAX];
	size_t count;
	bool indirect; /* also to somewhere that the code does not tell */
};

static void jumps_add(struct tt_unwinder *u, struct jumps *jumps, const struct function *function, uint64_t target)
{
	bool inside = target >= function->start && target < function->end;
	for (size_t i = 0; i < jumps->count && !inside; i++)
		inside = jumps->targets[i] == target;
	const struct tt_snap_map *map = inside ? NULL : snap_maps_find(&u->snap->maps, target);
	if (map && map->exec && jumps->count < JUMPS_MAX)
		jumps->targets[jumps->count++] = through_plt(u, target);
}

/* Looks for "jmp rel32" and "jmp register or memory", at each byte: instructions are not parted, so some are none. */
static struct jumps jumps_of(struct tt_unwinder *u, const struct function *function)
{
	unsigned char code[FUNCTION_MAX];
	struct jumps jumps = {0};
	size_t size = function->end - function->start < sizeof(code) ? function->end - function->start : sizeof(code);
	if (!snap_memory_constant(u->snap, function->start, code, size))
		return jumps;
	for (size_t i = 0; i + 1 < size; i++) {
		int32_t offset;
		if (code[i] == 0xe9 && i + 5 <= size) {
			memcpy(&offset, code + i + 1, sizeof(offset));
			jumps_add(u, &jumps, function, function->start + i + 5 + (uint64_t)(int64_t)offset);
		} else if (code[i] == 0xff && (code[i + 1] >> 3 & 7) == 4) {
			jumps.indirect = true;
		}
	}
	return jumps;
}

/* Whether the function at `from` can end in a jump to the one that begins at `to`, itself or by way of others. */
static enum unwind_fit jumps_to(struct tt_unwinder *u, uint64_t from, uint64_t to, unsigned depth)
{
	struct function function = function_at(u, from);
	if (function.start != from)
		function = (struct function){from, from + 64, NULL};
	struct jumps jumps = jumps_of(u, &function);
	enum unwind_fit best = jumps.indirect ? FIT_UNKNOWN : FIT_NO;
	for (size_t i = 0; i < jumps.count && best != FIT_YES; i++) {
		enum unwind_fit fit = jumps.targets[i] == to ? FIT_YES : FIT_NO;
		if (fit == FIT_NO && depth + 1 < TAILS_MAX)
			fit = jumps_to(u, jumps.targets[i], to, depth + 1);
		best = fit > best ? fit : best;
	}
	return best;
}

/* ------------------------------------------------------------------ does a call fit */

/* Whether two names are one function: the compiler moves rarely used parts of "f" to "f.cold". */
static bool same_function(const char *part, const char *whole)
{
	size_t len = part ? strcspn(part, ".") : 0;
	return len && whole && strncmp(part, whole, len) == 0 && (whole[len] == '\0' || whole[len] == '.');
}

static enum unwind_fit fit_of(struct tt_unwinder *u, uint64_t target, uint64_t lookup)
{
	struct function callee = function_at(u, lookup);
	if (unwind_is_generated(u, lookup) && unwind_is_generated(u, target))
		return FIT_UNKNOWN;
	if (callee.start == 0 && target <= lookup && lookup - target < FUNCTION_MAX)
		return FIT_UNKNOWN; /* not known where it begins, but not behind the address, and functions are not endless */
	if (callee.start == target)
		return FIT_YES;
	struct function called = function_at(u, target);
	if (callee.name && called.name && same_function(callee.name, called.name))
		return FIT_YES;
	return jumps_to(u, target, callee.start, 0);
}

/* Remembered by return address and function: the same calls are met in every thread. */
enum unwind_fit unwind_call_fits(struct tt_unwinder *u, const struct unwind_state *callee, uint64_t return_address)
{
	uint64_t lookup = state_lookup(callee), known;
	if (u->standing) /* no file is opened while threads stand still */
		return FIT_UNKNOWN;
	uint64_t key = return_address * UINT64_C(0x9e3779b97f4a7c15) ^ lookup;
	if (tt_hmap_get(&u->fits, key, &known))
		return (enum unwind_fit)known;
	uint64_t target = call_target(u, return_address);
	enum unwind_fit fit = target ? fit_of(u, target, lookup) : FIT_UNKNOWN;
	if (u->fits.len > FITS_MAX)
		tt_hmap_deinit(&u->fits);
	tt_hmap_put(&u->fits, key, fit);
	return fit;
}

/* ------------------------------------------------------------------ where threads begin */

/* Code that leads straight into the exit system call: what the C library calls a thread's function from. */
static bool leads_to_exit(struct tt_unwinder *u, uint64_t pc)
{
	static const unsigned char short_form[] = {0xb0, 0x3c, 0x0f, 0x05}, long_form[] = {0xb8, 0x3c, 0, 0, 0, 0x0f, 0x05};
	unsigned char code[EXIT_STUB];
	if (!snap_memory_constant(u->snap, pc, code, sizeof(code)))
		return false;
	return memmem(code, sizeof(code), short_form, sizeof(short_form)) ||
	       memmem(code, sizeof(code), long_form, sizeof(long_form));
}

static bool is_one_of(struct tt_unwinder *u, const struct unwind_state *state, const char *const *names, size_t count)
{
	const char *name = u->standing ? NULL : function_at(u, state_lookup(state)).name;
	for (size_t i = 0; name && i < count; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

bool unwind_is_switch(struct tt_unwinder *u, const struct unwind_state *state)
{
	static const char *const names[] = {"runtime.mcall", "runtime.mcall.abi0", "runtime.systemstack",
		"runtime.systemstack.abi0", "runtime.morestack", "runtime.morestack.abi0"};
	return state->is_call && is_one_of(u, state, names, sizeof(names) / sizeof(names[0]));
}

bool unwind_is_start(struct tt_unwinder *u, const struct unwind_state *state)
{
	static const char *const names[] = {"_start", "clone", "__clone", "clone3", "__clone3", "runtime.goexit",
		"runtime.goexit.abi0", "runtime.mstart", "runtime.rt0_go", "runtime.rt0_go.abi0", "runtime.clone.abi0"};
	uint64_t pc = state_pc(state);
	if (is_one_of(u, state, names, sizeof(names) / sizeof(names[0])))
		return true;
	const struct snap_module *module = snap_module_at(u->snap, pc);
	return (module && module->entry && pc > module->entry && pc - module->entry < ENTRY_STUB) || leads_to_exit(u, pc);
}
