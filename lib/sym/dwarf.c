/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dwarf.c - lines and inlined functions, from libdw's low-level interface.
 *
 * libdw's own searches walk a whole compilation unit for each address. Here a unit is walked once, into a sorted array of
 * its functions; an address then costs two binary searches and a walk along the blocks around it. Units are found by
 * .debug_aranges, and where that says nothing (clang, rustc do not write it) by an index of all units.
 * Hostile DWARF can lead in circles: every walk has a budget. Called by symbols.c through file.c.
 */
#include "lib/sym/internal.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <stdlib.h>
#include <string.h>

#define LOOKUP_BUDGET ((size_t)1 << 20) /* DIEs and ranges looked at for one address */

struct func {
	uint64_t low, high;
	uint64_t reach; /* largest high up to here */
	Dwarf_Die die;
};

/* A compilation unit. */
struct unit {
	Dwarf_Die die;  /* has the line table */
	Dwarf_Die tree; /* has the functions: the same, or that of a .dwo file */
	TT_VEC(struct func) funcs;
	unsigned depth_scanned; /* enum scan */
};
enum scan { SCAN_NONE, SCAN_USUAL, SCAN_DEEP };

struct unit_range {
	uint64_t low, high, reach;
	Dwarf_Off offset; /* of the unit's DIE */
};

struct sym_dwarf {
	Dwarf *dbg;
	Dwarf_Aranges *aranges;
	TT_VEC(struct unit_range) ranges; /* of all units, when indexed */
	bool indexed;
	struct tt_hmap units;          /* offset of the unit's DIE -> struct unit */
	struct sym_bytes info, abbrev; /* sections for diescan.c; size 0: not usable */
	size_t scan_budget;
};

/* ------------------------------------------------------------------ life */

/* libdw decompresses all that it finds when it begins. What is not needed here is made invisible, in our private copy. */
static void hide_unused(const struct sym_image *image)
{
	static const char *const names[] = {
		".debug_loc", ".debug_loclists", ".debug_macro", ".debug_macinfo", ".debug_frame", ".debug_names"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		GElf_Shdr shdr;
		Elf_Scn *scn = sym_image_section(image, names[i], &shdr);
		if (scn && (shdr.sh_flags & SHF_COMPRESSED)) {
			shdr.sh_type = SHT_NOBITS;
			gelf_update_shdr(scn, &shdr);
		}
	}
}

/* A section as libdw left it: decompressed. */
static struct sym_bytes section_bytes(const struct sym_image *image, const char *name)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = sym_image_section(image, name, &shdr);
	Elf_Data *data = scn && !(shdr.sh_flags & SHF_COMPRESSED) ? elf_rawdata(scn, NULL) : NULL;
	return data && data->d_buf ? (struct sym_bytes){data->d_buf, data->d_size} : (struct sym_bytes){0};
}

static void keep_sections(struct sym_dwarf *dwarf, const struct sym_image *image)
{
	GElf_Ehdr ehdr;
	bool ours = gelf_getehdr(image->elf, &ehdr) &&
	            ehdr.e_ident[EI_DATA] == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB);
	if (!ours)
		return;
	dwarf->info = section_bytes(image, ".debug_info");
	dwarf->abbrev = section_bytes(image, ".debug_abbrev");
}

struct sym_dwarf *sym_dwarf_create(const struct sym_image *image)
{
	struct sym_dwarf *dwarf = calloc(1, sizeof(*dwarf));
	if (!dwarf)
		return NULL;
	hide_unused(image);
	dwarf->dbg = dwarf_begin_elf(image->elf, DWARF_C_READ, NULL);
	if (!dwarf->dbg) {
		free(dwarf);
		return NULL;
	}
	keep_sections(dwarf, image);
	dwarf->scan_budget = image->size * 4 + ((size_t)64 << 20); /* more DIEs than there are bytes: only in circles */
	size_t count;
	if (dwarf_getaranges(dwarf->dbg, &dwarf->aranges, &count) || count == 0)
		dwarf->aranges = NULL;
	return dwarf;
}

void sym_dwarf_destroy(struct sym_dwarf *dwarf)
{
	if (!dwarf)
		return;
	struct tt_hmap_entry *entry;
	hmap_for_each (entry, &dwarf->units) {
		struct unit *unit = entry->ptr;
		if (!unit) /* an offset where no unit is */
			continue;
		tt_vec_deinit(&unit->funcs);
		free(unit);
	}
	tt_hmap_deinit(&dwarf->units);
	tt_vec_deinit(&dwarf->ranges);
	dwarf_end(dwarf->dbg);
	free(dwarf);
}

bool sym_dwarf_alt_link(struct sym_dwarf *dwarf, const char **name, const uint8_t **id, size_t *id_len)
{
	const void *bytes;
	ssize_t len = dwelf_dwarf_gnu_debugaltlink(dwarf->dbg, name, &bytes);
	if (len <= 0 || len > (ssize_t)SYM_BUILD_ID_MAX)
		return false;
	*id = bytes;
	*id_len = (size_t)len;
	return true;
}

void sym_dwarf_set_alt(struct sym_dwarf *dwarf, struct sym_dwarf *alt)
{
	dwarf_setalt(dwarf->dbg, alt->dbg);
}

/* ------------------------------------------------------------------ address -> unit */

static int by_low(const void *a, const void *b)
{
	const struct unit_range *x = a, *y = b;
	return x->low < y->low ? -1 : x->low > y->low;
}

static bool spend(size_t *budget)
{
	return *budget && (*budget)--;
}

static void index_unit(struct sym_dwarf *dwarf, Dwarf_Die *die)
{
	Dwarf_Addr base, low, high;
	for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &low, &high)) > 0;) {
		if (dwarf->ranges.len >= SYM_MAX_CU_RANGES)
			return;
		struct unit_range range = {.low = low, .high = high, .offset = dwarf_dieoffset(die)};
		if (low < high && tt_vec_push(&dwarf->ranges, range))
			return;
	}
}

static void index_units(struct sym_dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	uint8_t type;
	dwarf->indexed = true;
	while (dwarf_get_units(dwarf->dbg, unit, &unit, NULL, &type, &die, NULL) == 0) {
		if (type == DW_UT_compile || type == DW_UT_skeleton)
			index_unit(dwarf, &die);
	}
	tt_vec_sort(&dwarf->ranges, by_low);
	uint64_t reach = 0;
	struct unit_range *range;
	vec_for_each (range, &dwarf->ranges) {
		reach = range->high > reach ? range->high : reach;
		range->reach = reach;
	}
}

static bool find_in_index(struct sym_dwarf *dwarf, uint64_t vaddr, Dwarf_Off *ret)
{
	if (!dwarf->indexed)
		index_units(dwarf);
	size_t low = 0, high = dwarf->ranges.len, budget = LOOKUP_BUDGET;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (dwarf->ranges.data[middle].low <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	while (low-- > 0 && dwarf->ranges.data[low].reach > vaddr && spend(&budget)) {
		if (dwarf->ranges.data[low].high > vaddr) {
			*ret = dwarf->ranges.data[low].offset;
			return true;
		}
	}
	return false;
}

static struct unit *unit_at(struct sym_dwarf *dwarf, Dwarf_Off offset)
{
	struct tt_hmap_entry *entry = tt_hmap_insert(&dwarf->units, offset, NULL);
	if (!entry || entry->ptr)
		return entry ? entry->ptr : NULL;
	struct unit *unit = calloc(1, sizeof(*unit));
	if (!unit || !dwarf_offdie(dwarf->dbg, offset, &unit->die)) {
		free(unit);
		return NULL;
	}
	uint8_t type = 0;
	Dwarf_Die split;
	unit->tree = unit->die;
	if (dwarf_cu_info(unit->die.cu, NULL, &type, NULL, &split, NULL, NULL, NULL) == 0 && type == DW_UT_skeleton &&
		split.addr)
		unit->tree = split;
	entry->ptr = unit;
	return unit;
}

static struct unit *find_unit(struct sym_dwarf *dwarf, uint64_t vaddr)
{
	Dwarf_Off offset;
	Dwarf_Arange *range = dwarf->aranges ? dwarf_getarange_addr(dwarf->aranges, vaddr) : NULL;
	if (!range || dwarf_getarangeinfo(range, NULL, NULL, &offset)) {
		if (!find_in_index(dwarf, vaddr, &offset))
			return NULL;
	}
	return unit_at(dwarf, offset);
}

/* ------------------------------------------------------------------ unit -> its functions */

/* The next child of a parent: dwarf_siblingof, but never backwards, where hostile DW_AT_sibling would lead in circles. */
static bool next_sibling(Dwarf_Die *die)
{
	const void *here = die->addr;
	return dwarf_siblingof(die, die) == 0 && die->addr > here;
}

static void add_function(struct sym_dwarf *dwarf, struct unit *unit, Dwarf_Die *die)
{
	Dwarf_Addr base, low, high;
	for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &low, &high)) > 0;) {
		struct func func = {.low = low, .high = high, .die = *die};
		if (!spend(&dwarf->scan_budget) || (low < high && tt_vec_push(&unit->funcs, func)))
			return;
	}
}

/* Where functions with code are found: in namespaces; when everything else fails, anywhere. */
static bool tag_holds_functions(int tag, enum scan scan)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
		return true;
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
		return scan == SCAN_DEEP;
	default:
		return false;
	}
}

static void scan_children(struct sym_dwarf *dwarf, struct unit *unit, Dwarf_Die *parent, enum scan scan, unsigned depth)
{
	Dwarf_Die die;
	if (depth > SYM_MAX_DIE_DEPTH || dwarf_child(parent, &die))
		return;
	do {
		int tag = dwarf_tag(&die);
		if (tag == DW_TAG_subprogram)
			add_function(dwarf, unit, &die);
		if (tag_holds_functions(tag, scan))
			scan_children(dwarf, unit, &die, scan, depth + 1);
	} while (spend(&dwarf->scan_budget) && next_sibling(&die));
}

static int func_by_low(const void *a, const void *b)
{
	const struct func *x = a, *y = b;
	return x->low < y->low ? -1 : x->low > y->low;
}

struct scan_arg {
	struct sym_dwarf *dwarf;
	struct unit *unit;
};

static bool add_found(void *arg, uint64_t offset)
{
	struct scan_arg *scan = arg;
	Dwarf_Die die;
	if (dwarf_offdie(scan->dwarf->dbg, offset, &die))
		add_function(scan->dwarf, scan->unit, &die);
	return scan->dwarf->scan_budget > 0;
}

/* The usual functions, by the fast scan; false when it does not understand the unit. */
static bool scan_fast(struct sym_dwarf *dwarf, struct unit *unit)
{
	struct scan_arg arg = {dwarf, unit};
	if (dwarf->info.size == 0 || unit->tree.addr != unit->die.addr)
		return false;
	Dwarf_Off die = dwarf_dieoffset(&unit->die);
	return sym_diescan(&dwarf->info, &dwarf->abbrev, die - dwarf_cuoffset(&unit->die), die, add_found, &arg) == 0;
}

static void scan_unit(struct sym_dwarf *dwarf, struct unit *unit, enum scan scan)
{
	unit->depth_scanned = scan;
	unit->funcs.len = 0;
	if (scan == SCAN_DEEP || !scan_fast(dwarf, unit)) {
		unit->funcs.len = 0;
		scan_children(dwarf, unit, &unit->tree, scan, 0);
	}
	tt_vec_sort(&unit->funcs, func_by_low);
	uint64_t reach = 0;
	struct func *func;
	vec_for_each (func, &unit->funcs) {
		reach = func->high > reach ? func->high : reach;
		func->reach = reach;
	}
}

static struct func *search_functions(struct unit *unit, uint64_t vaddr)
{
	size_t low = 0, high = unit->funcs.len, budget = LOOKUP_BUDGET;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (unit->funcs.data[middle].low <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	while (low-- > 0 && unit->funcs.data[low].reach > vaddr && spend(&budget)) {
		if (unit->funcs.data[low].high > vaddr)
			return &unit->funcs.data[low];
	}
	return NULL;
}

static struct func *find_function(struct sym_dwarf *dwarf, struct unit *unit, uint64_t vaddr)
{
	for (;;) {
		struct func *func = unit->depth_scanned == SCAN_NONE ? NULL : search_functions(unit, vaddr);
		if (func || unit->depth_scanned == SCAN_DEEP)
			return func;
		scan_unit(dwarf, unit, unit->depth_scanned + 1);
	}
}

/* ------------------------------------------------------------------ function -> what was inlined at an address */

static bool covers(Dwarf_Die *die, uint64_t vaddr, size_t *budget)
{
	Dwarf_Addr base, low, high;
	for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &low, &high)) > 0 && spend(budget);) {
		if (vaddr >= low && vaddr < high)
			return true;
	}
	return false;
}

static bool tag_is_block(int tag)
{
	return tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
	       tag == DW_TAG_catch_block;
}

/* Collects the inlined functions around vaddr below die, outermost first, behind chain[0] (the function). */
static size_t inline_chain(Dwarf_Die *die, uint64_t vaddr, Dwarf_Die *chain, size_t max)
{
	Dwarf_Die at = *die;
	size_t count = 1, budget = LOOKUP_BUDGET;
	chain[0] = *die;
	for (unsigned depth = 0; depth < SYM_MAX_DIE_DEPTH && dwarf_child(&at, &at) == 0; depth++) {
		bool more = true;
		while (more && !(tag_is_block(dwarf_tag(&at)) && covers(&at, vaddr, &budget)))
			more = spend(&budget) && next_sibling(&at);
		if (!more)
			break;
		if (dwarf_tag(&at) == DW_TAG_inlined_subroutine && count < max)
			chain[count++] = at;
	}
	return count;
}

static const char *die_string(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;
	return dwarf_attr_integrate(die, name, &attr) ? dwarf_formstring(&attr) : NULL;
}

static void name_frame(struct sym_dwarf_frame *frame, Dwarf_Die *die)
{
	frame->linkage = die_string(die, DW_AT_linkage_name);
	if (!frame->linkage)
		frame->linkage = die_string(die, DW_AT_MIPS_linkage_name);
	frame->name = die_string(die, DW_AT_name);
}

static unsigned die_unsigned(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;
	if (!dwarf_attr(die, name, &attr) || dwarf_formudata(&attr, &value) || value > UINT32_MAX)
		return 0;
	return (unsigned)value;
}

/* A relative file is relative to where the compiler ran. */
static const char *compile_dir(struct unit *unit, const char *file)
{
	Dwarf_Attribute attr;
	if (!file || file[0] == '/' || !dwarf_attr(&unit->die, DW_AT_comp_dir, &attr))
		return NULL;
	return dwarf_formstring(&attr);
}

/* Where the inlined function `die` was called: the place of the frame outside it. */
static void place_call(struct sym_dwarf_frame *frame, struct unit *unit, Dwarf_Die *die)
{
	Dwarf_Files *files;
	size_t count;
	unsigned file = die_unsigned(die, DW_AT_call_file);
	if (dwarf_getsrcfiles(&unit->tree, &files, &count) == 0 && file < count)
		frame->file = dwarf_filesrc(files, file, NULL, NULL);
	frame->dir = compile_dir(unit, frame->file);
	frame->line = die_unsigned(die, DW_AT_call_line);
	frame->column = die_unsigned(die, DW_AT_call_column);
}

static bool place_line(struct sym_dwarf_frame *frame, struct unit *unit, uint64_t vaddr)
{
	Dwarf_Line *row = dwarf_getsrc_die(&unit->die, vaddr);
	int line = 0, column = 0;
	if (!row)
		return false;
	frame->file = dwarf_linesrc(row, NULL, NULL);
	frame->dir = compile_dir(unit, frame->file);
	if (dwarf_lineno(row, &line) == 0 && line > 0)
		frame->line = (unsigned)line;
	if (dwarf_linecol(row, &column) == 0 && column > 0)
		frame->column = (unsigned)column;
	return frame->file;
}

size_t sym_dwarf_lookup(struct sym_dwarf *dwarf, uint64_t vaddr, bool functions, struct sym_dwarf_frame *frames, size_t max)
{
	struct unit *unit = find_unit(dwarf, vaddr);
	if (!unit || max == 0)
		return 0;
	frames[0] = (struct sym_dwarf_frame){.entry = UINT64_MAX};
	bool placed = place_line(&frames[0], unit, vaddr);
	struct func *func = functions ? find_function(dwarf, unit, vaddr) : NULL;
	if (!func)
		return placed;

	Dwarf_Die chain[TT_SYM_MAX_INLINES + 1];
	size_t limit = max < TT_SYM_MAX_INLINES + 1 ? max : TT_SYM_MAX_INLINES + 1;
	size_t count = inline_chain(&func->die, vaddr, chain, limit);
	for (size_t i = 0; i < count; i++) {
		Dwarf_Die *die = &chain[count - 1 - i];
		if (i)
			frames[i] = (struct sym_dwarf_frame){.entry = UINT64_MAX};
		name_frame(&frames[i], die);
		if (i)
			place_call(&frames[i], unit, &chain[count - i]);
	}
	Dwarf_Addr entry;
	if (dwarf_entrypc(&func->die, &entry) == 0)
		frames[count - 1].entry = entry;
	return count;
}
