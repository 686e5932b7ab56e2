/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plt.c - names for the linker's call stubs: "malloc@plt".
 *
 * No file says which stub is whose. Each jumps through a slot of the GOT, and the slot's relocation names the symbol; so
 * the stubs of x86-64 are read for that jump, which works for every linker's layout (.plt, .plt.sec, .plt.got).
 * Other architectures get no such names. Called by file.c.
 */
#include "lib/sym/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Slot address -> name, for every relocation that fills a slot with a function's address. */
static int collect_slots(struct tt_hmap *slots, const struct sym_image *image, Elf_Scn *scn, const GElf_Shdr *shdr)
{
	Elf_Data *relocs = elf_getdata(scn, NULL);
	Elf_Scn *syms_scn = elf_getscn(image->elf, shdr->sh_link);
	Elf_Data *syms = syms_scn ? elf_getdata(syms_scn, NULL) : NULL;
	GElf_Shdr syms_shdr;
	if (!relocs || !syms || !gelf_getshdr(syms_scn, &syms_shdr))
		return 0;
	for (int i = 0;; i++) {
		GElf_Rela rela;
		GElf_Sym sym;
		if (!gelf_getrela(relocs, i, &rela))
			return 0;
		unsigned type = GELF_R_TYPE(rela.r_info);
		if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT)
			continue;
		uint64_t index = GELF_R_SYM(rela.r_info);
		if (index == 0 || index > INT32_MAX || !gelf_getsym(syms, (int)index, &sym))
			continue;
		const char *name = elf_strptr(image->elf, syms_shdr.sh_link, sym.st_name);
		if (name && name[0] && tt_hmap_put_ptr(slots, rela.r_offset, (void *)name))
			return -ENOMEM;
	}
}

static int add_stub(struct sym_table *table, struct sym_store *store, uint64_t start, uint64_t end, const char *target)
{
	TT_BUF_AUTO(name);
	tt_buf_add(&name, target, strcspn(target, "@"));
	tt_buf_adds(&name, "@plt");
	const char *text = tt_buf_failed(&name) ? NULL : sym_store_intern(store, tt_buf_str(&name));
	return text ? sym_table_add(table, start, end, text) : -ENOMEM;
}

/* Finds `jmp *disp32(%rip)` (ff 25) in a section of stubs and names the stub around it. */
static int scan_stubs(struct sym_table *table, struct sym_store *store, const struct tt_hmap *slots, const GElf_Shdr *shdr,
	const unsigned char *code, size_t size)
{
	size_t stub = shdr->sh_entsize == 8 || shdr->sh_entsize == 16 ? shdr->sh_entsize : 16;
	for (size_t at = 0; at + 6 <= size; at++) {
		if (code[at] != 0xff || code[at + 1] != 0x25)
			continue;
		int32_t distance;
		memcpy(&distance, code + at + 2, sizeof(distance));
		const char *target = tt_hmap_ptr(slots, shdr->sh_addr + at + 6 + (uint64_t)(int64_t)distance);
		uint64_t start = shdr->sh_addr + at / stub * stub;
		if (target) {
			int rc = add_stub(table, store, start, start + stub, target);
			if (rc)
				return rc;
		}
		at += 5;
	}
	return 0;
}

int sym_plt_collect(struct sym_table *table, const struct sym_image *image, struct sym_store *store)
{
	GElf_Ehdr ehdr;
	if (!gelf_getehdr(image->elf, &ehdr) || ehdr.e_machine != EM_X86_64)
		return 0;
	struct tt_hmap slots = TT_HMAP_INIT;
	int rc = 0;
	GElf_Shdr shdr;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(image->elf, scn)) && rc == 0;) {
		if (gelf_getshdr(scn, &shdr) && shdr.sh_type == SHT_RELA && (shdr.sh_flags & SHF_ALLOC))
			rc = collect_slots(&slots, image, scn, &shdr);
	}
	static const char *const sections[] = {".plt", ".plt.sec", ".plt.got"};
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]) && rc == 0; i++) {
		size_t size;
		const unsigned char *code;
		if (sym_image_section(image, sections[i], &shdr) && (code = sym_image_bytes(image, &shdr, &size)))
			rc = scan_stubs(table, store, &slots, &shdr, code, size);
	}
	tt_hmap_deinit(&slots);
	return rc;
}
