/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind_cfi.c - one step up the stack by the unwind tables in a file, with libdw: .debug_frame (of the file or of its separate
 * debug file), and .eh_frame without the search table that unwind_tables.c needs.
 *
 * libdw finds and runs the table's program; the rules that come out of it are evaluated here, so that a register which is not
 * known ends the step instead of counting as zero. Rules are kept by address, for all threads.
 * Called by unwind.c.
 */
#include "lib/sym/unwind_private.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#define OPS_MAX   4096 /* operations of one expression, loops included */
#define DEPTH_MAX 64

/* The tables of one file. */
struct unwind_cfi {
	struct sym_image *image; /* our own view of the file: libdw changes it */
	Dwarf *dbg;
	Dwarf_CFI *debug_frame, *eh_frame;
	uint64_t delta;        /* address in the module's file - address in the tables' file */
	struct tt_hmap frames; /* address in the file -> Dwarf_Frame */
};

/* ------------------------------------------------------------------ files */

/* Everything that is compressed, but .debug_frame, is hidden: libdw would unpack it all. */
static void hide_others(const struct sym_image *image)
{
	size_t names;
	GElf_Shdr shdr;
	if (elf_getshdrstrndx(image->elf, &names))
		return;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(image->elf, scn));) {
		const char *name = gelf_getshdr(scn, &shdr) ? elf_strptr(image->elf, names, shdr.sh_name) : NULL;
		if (name && (shdr.sh_flags & SHF_COMPRESSED) && strcmp(name, ".debug_frame") != 0) {
			shdr.sh_type = SHT_NOBITS;
			gelf_update_shdr(scn, &shdr);
		}
	}
}

static bool has_debug_frame(const struct sym_image *image)
{
	GElf_Shdr shdr;
	return image && (sym_image_section(image, ".debug_frame", &shdr) || sym_image_section(image, ".zdebug_frame", &shdr));
}

static void cfi_open(struct unwind_cfi *cfi, struct sym_file *file)
{
	struct sym_image *debug = sym_file_debug(file), *from = file->image;
	cfi->eh_frame = dwarf_getcfi_elf(from->elf);
	if (!has_debug_frame(from) && has_debug_frame(debug)) {
		from = debug;
		cfi->delta = file->debug_delta;
	}
	if (!has_debug_frame(from) || file->vdso || sym_image_open(from->path, &cfi->image))
		return;
	hide_others(cfi->image);
	cfi->dbg = dwarf_begin_elf(cfi->image->elf, DWARF_C_READ, NULL);
	if (cfi->dbg)
		cfi->debug_frame = dwarf_getcfi(cfi->dbg);
}

static void cfi_close(struct unwind_cfi *cfi)
{
	struct tt_hmap_entry *entry;
	hmap_for_each (entry, &cfi->frames)
		free(entry->ptr);
	tt_hmap_deinit(&cfi->frames);
	if (cfi->eh_frame)
		dwarf_cfi_end(cfi->eh_frame);
	if (cfi->dbg)
		dwarf_end(cfi->dbg); /* with debug_frame */
	sym_image_close(cfi->image);
	free(cfi);
}

void unwind_cfi_flush(struct tt_unwinder *u)
{
	struct tt_hmap_entry *entry;
	hmap_for_each (entry, &u->cfis)
		cfi_close(entry->ptr);
	tt_hmap_deinit(&u->cfis);
}

static struct unwind_cfi *cfi_of(struct tt_unwinder *u, struct sym_file *file)
{
	struct tt_hmap_entry *entry = tt_hmap_insert(&u->cfis, (uintptr_t)file, NULL);
	if (!entry || entry->ptr)
		return entry ? entry->ptr : NULL;
	entry->ptr = calloc(1, sizeof(struct unwind_cfi));
	if (!entry->ptr)
		tt_hmap_remove(&u->cfis, (uintptr_t)file);
	else if (file->image)
		cfi_open(entry->ptr, file);
	return entry->ptr;
}

/* The rules at an address of the process; NULL: none. */
static Dwarf_Frame *find_rules(struct tt_unwinder *u, uint64_t lookup)
{
	uint64_t bias;
	struct sym_file *file = sym_file_at(u->sym, lookup, &bias);
	struct unwind_cfi *cfi = file ? cfi_of(u, file) : NULL;
	if (!cfi || (!cfi->debug_frame && !cfi->eh_frame))
		return NULL;
	struct tt_hmap_entry *entry = tt_hmap_insert(&cfi->frames, lookup - bias, NULL);
	Dwarf_Frame *frame = NULL;
	if (!entry || entry->ptr)
		return entry ? entry->ptr : NULL;
	if ((!cfi->debug_frame || dwarf_cfi_addrframe(cfi->debug_frame, lookup - bias - cfi->delta, &frame)) &&
		(!cfi->eh_frame || dwarf_cfi_addrframe(cfi->eh_frame, lookup - bias, &frame)))
		tt_hmap_remove(&cfi->frames, lookup - bias);
	else
		entry->ptr = frame;
	return frame;
}

/* ------------------------------------------------------------------ expressions */

struct machine {
	struct tt_unwinder *u;
	const struct tt_regs *regs;
	bool have_cfa, is_value; /* is_value: the result is the register's value, not where it lies */
	uint64_t cfa;
	enum unwind_step failed;
	uint64_t stack[DEPTH_MAX];
	size_t depth;
};

static void push(struct machine *m, uint64_t value)
{
	if (m->depth < DEPTH_MAX)
		m->stack[m->depth++] = value;
	else
		m->failed = STEP_NO_TABLE;
}

static uint64_t pop(struct machine *m)
{
	if (m->depth)
		return m->stack[--m->depth];
	m->failed = STEP_NO_TABLE;
	return 0;
}

static void push_register(struct machine *m, uint64_t reg, uint64_t offset)
{
	if (reg >= TT_REG_MAX || !reg_known(m->regs, (enum tt_reg)reg))
		m->failed = STEP_REGISTER;
	else
		push(m, m->regs->value[reg] + offset);
}

static void push_memory(struct machine *m, uint64_t size)
{
	uint64_t value = 0;
	if (size == 0 || size > 8)
		m->failed = STEP_NO_TABLE;
	else if (!snap_memory_word(m->u->snap, m->u->thread, pop(m), &value))
		m->failed = STEP_MEMORY;
	else
		push(m, size == 8 ? value : value & ((UINT64_C(1) << size * 8) - 1));
}

static void pick(struct machine *m, size_t index)
{
	if (index < m->depth)
		push(m, m->stack[m->depth - 1 - index]);
	else
		m->failed = STEP_NO_TABLE;
}

static void rotate(struct machine *m)
{
	uint64_t a = pop(m), b = pop(m), c = pop(m);
	push(m, a);
	push(m, c);
	push(m, b);
}

/* Operations on the two topmost values: b op a. False: none of them. */
static bool binary(struct machine *m, unsigned op)
{
	if (m->depth < 2)
		return false;
	uint64_t a = m->stack[m->depth - 1], b = m->stack[m->depth - 2], value;
	switch (op) {
	case DW_OP_plus:
		value = b + a;
		break;
	case DW_OP_minus:
		value = b - a;
		break;
	case DW_OP_mul:
		value = b * a;
		break;
	case DW_OP_and:
		value = b & a;
		break;
	case DW_OP_or:
		value = b | a;
		break;
	case DW_OP_xor:
		value = b ^ a;
		break;
	case DW_OP_shl:
		value = a < 64 ? b << a : 0;
		break;
	case DW_OP_shr:
		value = a < 64 ? b >> a : 0;
		break;
	case DW_OP_shra:
		value = (uint64_t)((int64_t)b >> (a < 63 ? a : 63));
		break;
	case DW_OP_eq:
		value = b == a;
		break;
	case DW_OP_ne:
		value = b != a;
		break;
	case DW_OP_lt:
		value = (int64_t)b < (int64_t)a;
		break;
	case DW_OP_le:
		value = (int64_t)b <= (int64_t)a;
		break;
	case DW_OP_gt:
		value = (int64_t)b > (int64_t)a;
		break;
	case DW_OP_ge:
		value = (int64_t)b >= (int64_t)a;
		break;
	case DW_OP_swap:
		m->stack[m->depth - 1] = b;
		m->stack[m->depth - 2] = a;
		return true;
	default:
		return false;
	}
	m->stack[--m->depth - 1] = value;
	return true;
}

/* Everything that is neither binary nor a jump. */
static void operate(struct machine *m, const Dwarf_Op *op)
{
	unsigned atom = op->atom;
	if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
		return push(m, atom - DW_OP_lit0);
	if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
		return push_register(m, atom - DW_OP_breg0, op->number);
	switch (atom) {
	case DW_OP_addr:
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		return push(m, op->number); /* libdw extends the sign */
	case DW_OP_bregx:
		return push_register(m, op->number, op->number2);
	case DW_OP_regx:
		m->is_value = true;
		return push_register(m, op->number, 0);
	case DW_OP_plus_uconst:
		return push(m, pop(m) + op->number);
	case DW_OP_deref:
		return push_memory(m, 8);
	case DW_OP_deref_size:
		return push_memory(m, op->number);
	case DW_OP_dup:
		return pick(m, 0);
	case DW_OP_over:
		return pick(m, 1);
	case DW_OP_pick:
		return pick(m, op->number);
	case DW_OP_drop:
		(void)pop(m);
		return;
	case DW_OP_rot:
		return rotate(m);
	case DW_OP_neg:
		return push(m, -pop(m));
	case DW_OP_not:
		return push(m, ~pop(m));
	case DW_OP_stack_value:
		m->is_value = true;
		return;
	case DW_OP_nop:
		return;
	case DW_OP_call_frame_cfa:
		if (m->have_cfa)
			return push(m, m->cfa);
		break;
	default:
		break;
	}
	m->failed = STEP_NO_TABLE;
}

/* The operation that a jump from ops[at] leads to: offsets count from behind the jump's three bytes. */
static size_t jump(const Dwarf_Op *ops, size_t count, size_t at)
{
	uint64_t to = ops[at].offset + 3 + ops[at].number;
	for (size_t i = 0; i < count; i++) {
		if (ops[i].offset == to)
			return i;
	}
	return count;
}

/* The result is on top of the stack, if nothing failed. */
static uint64_t run(struct machine *m, const Dwarf_Op *ops, size_t count)
{
	size_t left = OPS_MAX;
	m->depth = 0;
	m->is_value = false;
	for (size_t i = 0; i < count && m->failed == STEP_OK; i++) {
		if (left-- == 0)
			m->failed = STEP_NO_TABLE;
		else if (ops[i].atom == DW_OP_skip || (ops[i].atom == DW_OP_bra && pop(m)))
			i = jump(ops, count, i) - 1;
		else if (ops[i].atom != DW_OP_bra && !binary(m, ops[i].atom))
			operate(m, &ops[i]);
	}
	return m->failed == STEP_OK ? pop(m) : 0;
}

/* ------------------------------------------------------------------ the step */

static bool call_keeps(unsigned reg)
{
	return reg == TT_REG_RBX || reg == TT_REG_RBP || (reg >= TT_REG_R12 && reg <= TT_REG_R15);
}

/* The caller's value of one register. False: it has none that is known. */
static bool caller_register(struct machine *m, Dwarf_Frame *frame, unsigned reg, uint64_t *ret)
{
	Dwarf_Op memory[3], *ops = NULL;
	size_t count = 0;
	if (dwarf_frame_register(frame, (int)reg, memory, &ops, &count))
		return false;
	if (count == 0) { /* not saved: the same if there are no rules for it, undefined otherwise */
		*ret = m->regs->value[reg];
		return !ops && call_keeps(reg) && reg_known(m->regs, (enum tt_reg)reg);
	}
	m->failed = STEP_OK;
	uint64_t result = run(m, ops, count);
	if (m->failed != STEP_OK || m->is_value) {
		*ret = result;
		return m->failed == STEP_OK;
	}
	bool read = snap_memory_word(m->u->snap, m->u->thread, result, ret);
	m->failed = read ? STEP_OK : STEP_MEMORY;
	return read;
}

/* An undefined return address: nobody called this function. */
static bool is_outermost(Dwarf_Frame *frame)
{
	Dwarf_Op memory[3], *ops = NULL;
	size_t count = 0;
	return dwarf_frame_register(frame, TT_REG_RIP, memory, &ops, &count) == 0 && count == 0 && ops;
}

enum unwind_step unwind_cfi_step(struct tt_unwinder *u, struct unwind_state *state)
{
	/* A file that is opened for it takes milliseconds: not while threads stand still. */
	Dwarf_Frame *frame = u->standing ? NULL : find_rules(u, state_lookup(state));
	Dwarf_Op *ops = NULL;
	size_t count = 0;
	bool signal = false;
	if (!frame || dwarf_frame_cfa(frame, &ops, &count) || count == 0)
		return STEP_NO_TABLE;
	if (is_outermost(frame))
		return STEP_END;
	struct machine m = {.u = u, .regs = &state->regs, .failed = STEP_OK};
	m.cfa = run(&m, ops, count);
	if (m.failed != STEP_OK)
		return m.failed;
	m.have_cfa = true;
	struct tt_regs next = {0};
	uint64_t value;
	if (!caller_register(&m, frame, TT_REG_RIP, &value))
		return m.failed == STEP_OK ? STEP_NO_TABLE : m.failed;
	reg_set(&next, TT_REG_RIP, value);
	for (unsigned reg = 0; reg < TT_REG_RIP; reg++) {
		if (caller_register(&m, frame, reg, &value))
			reg_set(&next, (enum tt_reg)reg, value);
	}
	if (!reg_known(&next, TT_REG_RSP))
		reg_set(&next, TT_REG_RSP, m.cfa);
	dwarf_frame_info(frame, NULL, NULL, &signal);
	state->regs = next;
	state->is_call = !signal;
	return STEP_OK;
}
