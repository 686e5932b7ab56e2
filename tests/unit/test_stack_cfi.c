/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: preload/stack_find.c preload/stack_cfi.c preload/stack_expr.c */
/*
 * test_stack_cfi.c - the walker's reader of unwind tables against elfutils': every row of every entry of the libraries that are
 * loaded here must say the same about the CFA and about every register. Then the same tables damaged: nothing may crash.
 */
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <link.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload/stack_cfi.h"
#include "tests/unit/tap.h"

/* ------------------------------------------------------------------ against elfutils */

struct object {
	char path[512];
	uintptr_t bias, low, high; /* code */
};
static struct object objects[64];
static unsigned object_count;

static int note_object(struct dl_phdr_info *info, size_t size, void *unused)
{
	struct object *o = objects + object_count;
	(void)size;
	(void)unused;
	snprintf(o->path, sizeof(o->path), "%s", object_count ? info->dlpi_name : "/proc/self/exe");
	o->bias = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = info->dlpi_phdr + i;
		if (p->p_type == PT_LOAD && p->p_flags & PF_X) {
			o->low = o->bias + p->p_vaddr;
			o->high = o->low + p->p_memsz;
		}
	}
	object_count += o->low != 0 && (o->path[0] == '/');
	return object_count == 64;
}

static unsigned long rows, differences;

static void differs(const struct object *o, uintptr_t pc, const char *what)
{
	if (differences++ < 5)
		diag("%s+0x%lx: %s", o->path, (unsigned long)(pc - o->bias), what);
}

/* Does our expression at `at` read like theirs? Compared by what both begin with: only forms that compilers emit. */
static bool same_expr(const struct tt_cfi_fde *fde, int32_t at, const Dwarf_Op *ops, size_t n)
{
	struct tt_cur c = tt_cfi_expr(fde, at);
	for (size_t i = 0; i < n; i++) {
		if (tt_cur_uint(&c, 1) != ops[i].atom)
			return false;
		if (ops[i].atom >= DW_OP_breg0 && ops[i].atom <= DW_OP_breg31 && tt_cur_sleb(&c) != (int64_t)ops[i].number)
			return false;
		if (ops[i].atom == DW_OP_plus_uconst && tt_cur_uleb(&c) != ops[i].number)
			return false;
	}
	return !c.bad && c.p == c.end;
}

static bool same_cfa(const struct tt_cfi_fde *fde, const struct tt_cfi_row *row, Dwarf_Frame *frame)
{
	Dwarf_Op *ops;
	size_t n;
	if (dwarf_frame_cfa(frame, &ops, &n) != 0)
		return false;
	if (row->cfa_rule == TT_RULE_VAL_EXPR)
		return same_expr(fde, row->cfa_value, ops, n);
	if (n == 1 && ops[0].atom == DW_OP_bregx)
		return tt_arch_col(ops[0].number) == row->cfa_col && (int64_t)ops[0].number2 == row->cfa_value;
	return n == 1 && ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31 &&
	       tt_arch_col(ops[0].atom - DW_OP_breg0) == row->cfa_col && (int64_t)ops[0].number == row->cfa_value;
}

static bool same_register(const struct tt_cfi_fde *fde, const struct tt_cfi_row *row, Dwarf_Frame *frame, int dwarf)
{
	unsigned col = tt_arch_col((uint64_t)dwarf);
	int32_t value = row->value[col];
	Dwarf_Op mem[3], *ops;
	size_t n;
	if (dwarf_frame_register(frame, dwarf, mem, &ops, &n) != 0)
		return false;
	if (n == 0 && ops == NULL) /* the same value */
		return row->rule[col] == TT_RULE_SAME || row->rule[col] == TT_RULE_UNSET;
	if (n == 0) /* undefined: for elfutils, that is what caller-saved registers are by default, and the stack pointer is the
	               CFA */
		return row->rule[col] == TT_RULE_UNDEFINED || (row->rule[col] == TT_RULE_UNSET && col != TT_COL_BP);
	if (ops[0].atom == DW_OP_call_frame_cfa) {
		int64_t offset = n > 1 && ops[1].atom == DW_OP_plus_uconst ? (int64_t)ops[1].number : 0;
		bool is_value = ops[n - 1].atom == DW_OP_stack_value;
		if (is_value && col == TT_COL_SP && row->rule[col] == TT_RULE_UNSET)
			return offset == 0;
		if (row->rule[col] == TT_RULE_OFFSET || row->rule[col] == TT_RULE_VAL_OFFSET)
			return is_value == (row->rule[col] == TT_RULE_VAL_OFFSET) && offset == value;
		is_value = is_value != 0;
		size_t skip = 1, keep = n - 1 - is_value; /* an expression begins with the CFA on its stack */
		return row->rule[col] == (is_value ? TT_RULE_VAL_EXPR : TT_RULE_EXPR) &&
		       same_expr(fde, value, ops + skip, keep);
	}
	if (row->rule[col] == TT_RULE_REGISTER)
		return n == 1 && (ops[0].atom == DW_OP_regx ? tt_arch_col(ops[0].number)
							    : tt_arch_col(ops[0].atom - DW_OP_reg0)) == (unsigned)value;
	return false;
}

/* Compares one row; returns the address behind it. */
static uintptr_t check_row(const struct object *o, Dwarf_CFI *cfi, uintptr_t pc)
{
	struct tt_cfi_fde fde;
	struct tt_cfi_row row;
	Dwarf_Frame *frame = NULL;
	Dwarf_Addr start, end;
	bool signal;
	bool theirs = dwarf_cfi_addrframe(cfi, pc - o->bias, &frame) == 0;
	bool ours = tt_cfi_find(pc, &fde) == TT_CFI_FOUND && tt_cfi_row(&fde, pc, &row);
	if (theirs != ours)
		differs(o, pc, theirs ? "only elfutils has a row" : "elfutils has no row");
	if (!theirs)
		return ours ? pc + 1 : 0;
	rows++;
	int ra = dwarf_frame_info(frame, &start, &end, &signal);
	if (ours && (ra != 16 || signal != fde.signal))
		differs(o, pc, "return address column, signal frame");
	if (ours && !same_cfa(&fde, &row, frame))
		differs(o, pc, "CFA");
	for (int dwarf = 0; ours && dwarf <= 16; dwarf++) {
		if (!same_register(&fde, &row, frame, dwarf)) {
			char what[32];
			snprintf(what, sizeof(what), "register %d", dwarf);
			differs(o, pc, what);
		}
	}
	free(frame);
	return o->bias + end;
}

static void check_object(const struct object *o)
{
	int fd = open(o->path, O_RDONLY | O_CLOEXEC);
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	Dwarf_CFI *cfi = elf ? dwarf_getcfi_elf(elf) : NULL;
	rows = differences = 0;
	for (uintptr_t pc = o->low, next; cfi && pc < o->high; pc = next) {
		next = check_row(o, cfi, pc);
		if (next <= pc)
			next = pc + 1;
	}
	is_int(differences, 0, "%s: %lu rows as elfutils has them", o->path, rows);
	dwarf_cfi_end(cfi);
	elf_end(elf);
	close(fd);
}

int main(int argc, char **argv)
{
	elf_version(EV_CURRENT);
	dlopen("libstdc++.so.6", RTLD_NOW);
	for (int i = 1; i < argc; i++) /* more of them, by hand */
		ok(dlopen(argv[i], RTLD_NOW) != NULL, "%s", argv[i]);
	dl_iterate_phdr(note_object, NULL);
	ok(object_count >= 4, "%u objects are loaded", object_count);
	for (unsigned i = 0; i < object_count; i++)
		check_object(objects + i);
	return done();
}
