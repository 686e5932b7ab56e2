/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind_tables.c - one step up the stack by the .eh_frame tables in the process's memory, with libunwind.
 *
 * libunwind reads through our callbacks: registers of the frame at hand (unknown ones are an error, which ends the step),
 * the stack's copy, and cached pages of the tables. Each step begins anew from known register values, so that steps of other
 * kinds may lie in between. libunwind keeps what it parsed per program counter. That key does not tell a return address from
 * a place that was interrupted, which can lie in different functions: a return address is given to it less one, the middle of
 * the call, which no thread is ever interrupted at.
 * libunwind's own guesses (frame chains) are never used: a step is only begun where there is a table.
 * Called by unwind.c.
 */
#include "lib/sym/unwind_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_ENTRIES 4096
#define PLACES_MAX    ((size_t)1 << 20)

/* ------------------------------------------------------------------ callbacks */

static int find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *pi, int need_info, void *arg);

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *pi, void *arg)
{
	(void)space;
	(void)pi;
	(void)arg;
}

static int get_dyn_info_list_addr(unw_addr_space_t space, unw_word_t *address, void *arg)
{
	(void)space;
	(void)address;
	(void)arg;
	return -UNW_ENOINFO;
}

static int access_mem(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write, void *arg)
{
	struct tt_unwinder *u = arg;
	(void)space;
	if (!write && (unwind_probe_word(u, address, value) || snap_memory_word(u->snap, u->thread, address, value)))
		return 0;
	u->missing_memory = true;
	return -UNW_EINVAL;
}

static int access_reg(unw_addr_space_t space, unw_regnum_t reg, unw_word_t *value, int write, void *arg)
{
	struct tt_unwinder *u = arg;
	(void)space;
	if (write || reg < 0 || reg >= TT_REG_MAX || !reg_known(&u->state->regs, (enum tt_reg)reg)) {
		u->missing_register = true;
		return -UNW_EBADREG;
	}
	*value = reg == TT_REG_RIP ? u->lookup : u->state->regs.value[reg];
	return 0;
}

static int access_fpreg(unw_addr_space_t space, unw_regnum_t reg, unw_fpreg_t *value, int write, void *arg)
{
	(void)space;
	(void)reg;
	(void)value;
	(void)write;
	(void)arg;
	return -UNW_EBADREG;
}

static int resume(unw_addr_space_t space, unw_cursor_t *cursor, void *arg)
{
	(void)space;
	(void)cursor;
	(void)arg;
	return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t space, unw_word_t address, char *name, size_t len, unw_word_t *offset, void *arg)
{
	(void)space;
	(void)address;
	(void)name;
	(void)len;
	(void)offset;
	(void)arg;
	return -UNW_ENOINFO;
}

int unwind_tables_init(struct tt_unwinder *u)
{
	static unw_accessors_t accessors = {.find_proc_info = find_proc_info,
		.put_unwind_info = put_unwind_info,
		.get_dyn_info_list_addr = get_dyn_info_list_addr,
		.access_mem = access_mem,
		.access_reg = access_reg,
		.access_fpreg = access_fpreg,
		.resume = resume,
		.get_proc_name = get_proc_name};
	u->space = unw_create_addr_space(&accessors, 0);
	if (!u->space)
		return -ENOMEM;
	unw_set_caching_policy(u->space, UNW_CACHE_GLOBAL);
	unw_set_cache_size(u->space, CACHE_ENTRIES, 0);
	return 0;
}

void unwind_tables_deinit(struct tt_unwinder *u)
{
	if (u->space)
		unw_destroy_addr_space(u->space);
	tt_hmap_deinit(&u->places);
	tt_hmap_deinit(&u->fits);
	tt_vec_deinit(&u->place_list);
}

void unwind_tables_flush(struct tt_unwinder *u)
{
	unw_flush_cache(u->space, 0, 0);
	tt_hmap_deinit(&u->places);
	tt_hmap_deinit(&u->fits);
	u->place_list.len = 0;
}

/* ------------------------------------------------------------------ finding the table */

/*
 * The search table of a module, as libunwind wants it described. Only the usual shape is understood by it: version 1, pointer
 * to .eh_frame pc-relative signed 4 bytes, count unsigned 4 bytes, entries relative to the header, signed 4 bytes.
 */
static bool describe_table(struct tt_unwinder *u, const struct snap_module *module, unw_dyn_info_t *table)
{
	unsigned char header[12];
	uint32_t count;
	if (!module->tables || module->tables_size < sizeof(header) ||
		!snap_memory_constant(u->snap, module->tables, header, sizeof(header)))
		return false;
	if (header[0] != 1 || header[1] != 0x1b || header[2] != 0x03 || header[3] != 0x3b)
		return false;
	memcpy(&count, header + 8, sizeof(count));
	if (count > (module->tables_size - sizeof(header)) / 8)
		count = (uint32_t)((module->tables_size - sizeof(header)) / 8);
	if (count == 0)
		return false;
	*table = (unw_dyn_info_t){.start_ip = module->start, .end_ip = module->end, .format = UNW_INFO_FORMAT_REMOTE_TABLE};
	table->u.rti.segbase = module->tables;
	table->u.rti.table_data = module->tables + sizeof(header);
	table->u.rti.table_len = (uint64_t)count * 8 / sizeof(unw_word_t);
	return true;
}

int unw_dwarf_search(unw_addr_space_t, unw_word_t, unw_dyn_info_t *, unw_proc_info_t *, int, void *) __asm__(
	"_Ux86_64_dwarf_search_unwind_table");

static int find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *pi, int need_info, void *arg)
{
	struct tt_unwinder *u = arg;
	unw_dyn_info_t table;
	const struct snap_module *module = snap_module_at(u->snap, ip);
	if (!module || !describe_table(u, module, &table))
		return -UNW_ENOINFO;
	int rc = unw_dwarf_search(space, ip, &table, pi, need_info, arg);
	if (rc == 0 && (ip < pi->start_ip || ip >= pi->end_ip))
		rc = -UNW_ENOINFO;
	return rc;
}

static struct unwind_place place_look(struct tt_unwinder *u, uint64_t lookup, uint64_t pc)
{
	unw_proc_info_t pi;
	struct unwind_place place = {.trampoline = unwind_is_trampoline(u, pc)};
	memset(&pi, 0, sizeof(pi));
	if (find_proc_info(u->space, lookup, &pi, 0, u) == 0) {
		place.has_table = true;
		place.start = pi.start_ip;
		place.end = pi.end_ip;
	}
	return place;
}

/* The remembered place; NULL: out of memory. Valid until the next call. */
static struct unwind_place *place_of(struct tt_unwinder *u, uint64_t lookup, uint64_t pc)
{
	uint64_t index, key = lookup << 1 | (pc != lookup);
	if (tt_hmap_get(&u->places, key, &index))
		return &u->place_list.data[index];
	struct unwind_place place = place_look(u, lookup, pc);
	if (u->place_list.len >= PLACES_MAX)
		unwind_tables_flush(u);
	if (tt_vec_push(&u->place_list, place))
		return NULL;
	if (tt_hmap_put(&u->places, key, u->place_list.len - 1)) {
		u->place_list.len--;
		return NULL;
	}
	return &u->place_list.data[u->place_list.len - 1];
}

struct unwind_place unwind_place_at(struct tt_unwinder *u, uint64_t lookup, uint64_t pc)
{
	const struct unwind_place *place = place_of(u, lookup, pc);
	return place ? *place : (struct unwind_place){0};
}

/* ------------------------------------------------------------------ the step, by libunwind */

/* What the caller's frame has kept. Registers that functions may change freely are gone, unless a signal frame saved them. */
static void take_registers(unw_cursor_t *cursor, struct tt_regs *regs)
{
	static const enum tt_reg kept[] = {TT_REG_RBX, TT_REG_RBP, TT_REG_R12, TT_REG_R13, TT_REG_R14, TT_REG_R15};
	struct tt_regs next = {0};
	unw_word_t value;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (unw_get_reg(cursor, (int)kept[i], &value) == 0)
			reg_set(&next, kept[i], value);
	}
	if (unw_get_reg(cursor, UNW_X86_64_RSP, &value) == 0)
		reg_set(&next, TT_REG_RSP, value);
	if (unw_get_reg(cursor, UNW_X86_64_RIP, &value) == 0)
		reg_set(&next, TT_REG_RIP, value);
	*regs = next;
}

static enum unwind_step library_step(struct tt_unwinder *u, struct unwind_state *state)
{
	unw_cursor_t cursor;
	u->state = state;
	u->lookup = state_lookup(state);
	u->missing_register = u->missing_memory = false;
	int rc = unw_init_remote(&cursor, u->space, u);
	rc = rc ? rc : unw_step(&cursor);
	if (rc < 0)
		return u->missing_register ? STEP_REGISTER : u->missing_memory ? STEP_MEMORY : STEP_NO_TABLE;
	if (rc == 0)
		return STEP_END;
	struct tt_regs regs;
	take_registers(&cursor, &regs);
	if (!reg_known(&regs, TT_REG_RIP) || !reg_known(&regs, TT_REG_RSP))
		return STEP_MEMORY;
	state->regs = regs;
	state->is_call = true;
	return STEP_OK;
}

enum unwind_step unwind_tables_step(struct tt_unwinder *u, struct unwind_state *state)
{
	struct unwind_place *place = place_of(u, state_lookup(state), state_pc(state));
	if (place && place->rule.kind == RULE_UNKNOWN)
		unwind_rule_learn(u, state, &place->rule);
	if (place && place->rule.kind != RULE_NONE)
		return unwind_rule_step(u, &place->rule, state);
	return library_step(u, state);
}
