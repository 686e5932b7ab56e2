/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * symtab.c - one sorted array of symbols per module and kind, searched by address.
 *
 * A sized symbol covers its size and not a byte more; a symbol of size 0 (assembler labels) covers what lies between it
 * and the next symbol or the end of its section, and loses against any sized one. Where only exported symbols are left it
 * covers a few bytes: what lies farther behind is of functions that have lost their names. Among the names of one address the
 * one that people know wins: sized, function, global or weak, few leading underscores, default version.
 * Called by file.c, perfmap.c.
 */
#include "lib/sym/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT_REACH 64u /* bytes that an exported symbol without a size covers */

/* ------------------------------------------------------------------ collecting */

enum { RANK_SIZED = 1 << 6, RANK_FUNCTION = 1 << 5, RANK_GLOBAL = 1 << 4, RANK_PLAIN = 1 << 2, RANK_DEFAULT = 1 << 1 };

static uint8_t symbol_rank(const GElf_Sym *sym, const char *name)
{
	unsigned rank = 0;
	if (sym->st_size)
		rank |= RANK_SIZED;
	if (GELF_ST_TYPE(sym->st_info) != STT_NOTYPE)
		rank |= RANK_FUNCTION;
	if (GELF_ST_BIND(sym->st_info) != STB_LOCAL)
		rank |= RANK_GLOBAL;
	unsigned underscores = (unsigned)strspn(name, "_");
	rank += RANK_PLAIN * (underscores > 3 ? 0 : 3 - underscores); /* two bits */
	const char *at = strchr(name, '@');
	if (!at || at[1] == '@')
		rank |= RANK_DEFAULT;
	return (uint8_t)rank;
}

static bool type_wanted(unsigned type, enum sym_table_what what)
{
	if (what == SYM_TABLE_DATA)
		return type == STT_OBJECT || type == STT_COMMON;
	return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
}

/* ARM mapping symbols ($x, $d.1): marks for disassemblers, no functions. Empty names help nobody. */
static bool name_useless(const char *name)
{
	return name[0] == '\0' || (name[0] == '$' && name[1] && (name[2] == '\0' || name[2] == '.'));
}

struct sections {
	GElf_Shdr *shdr;
	size_t count;
};

static int sections_read(struct sections *sections, const struct sym_image *image)
{
	*sections = (struct sections){0};
	if (elf_getshdrnum(image->elf, &sections->count) || sections->count == 0)
		return 0;
	sections->shdr = calloc(sections->count, sizeof(*sections->shdr));
	if (!sections->shdr)
		return -ENOMEM;
	for (size_t i = 0; i < sections->count; i++) {
		Elf_Scn *scn = elf_getscn(image->elf, i);
		if (!scn || !gelf_getshdr(scn, &sections->shdr[i]))
			sections->shdr[i] = (GElf_Shdr){0};
	}
	return 0;
}

/* The section that a symbol lies in, NULL when it is no place in memory. */
static const GElf_Shdr *symbol_section(const struct sections *sections, const GElf_Sym *sym, enum sym_table_what what)
{
	/* SHN_XINDEX needs more than 65,000 sections: no linked file has them. */
	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx >= sections->count)
		return NULL;
	const GElf_Shdr *shdr = &sections->shdr[sym->st_shndx];
	if (!(shdr->sh_flags & SHF_ALLOC) || (what == SYM_TABLE_TEXT && !(shdr->sh_flags & SHF_EXECINSTR)))
		return NULL;
	if (sym->st_value < shdr->sh_addr || sym->st_value - shdr->sh_addr >= shdr->sh_size)
		return NULL;
	return shdr;
}

static int table_push(struct sym_table *table, struct sym_entry entry)
{
	void *data = table->entries;
	int rc = tt_vec_grow(&data, &table->cap, table->len + 1, sizeof(entry));
	table->entries = data;
	if (rc == 0)
		table->entries[table->len++] = entry;
	return rc;
}

struct symtab {
	Elf_Data *syms;
	const char *strings;
	size_t strings_len; /* up to and with the last NUL */
	size_t count;
	bool exports; /* it has no other symbols */
};

static bool symtab_open(struct symtab *tab, const struct sym_image *image, Elf_Scn *scn, const GElf_Shdr *shdr)
{
	Elf_Scn *strings_scn = elf_getscn(image->elf, shdr->sh_link);
	Elf_Data *strings = strings_scn ? elf_getdata(strings_scn, NULL) : NULL;
	size_t entry = gelf_fsize(image->elf, ELF_T_SYM, 1, EV_CURRENT);
	tab->syms = elf_getdata(scn, NULL);
	tab->exports = shdr->sh_type == SHT_DYNSYM;
	if (!strings || !strings->d_buf || !tab->syms || !tab->syms->d_buf || entry == 0)
		return false;
	const char *last = memrchr(strings->d_buf, '\0', strings->d_size);
	if (!last)
		return false;
	tab->strings = strings->d_buf;
	tab->strings_len = (size_t)(last - tab->strings) + 1;
	tab->count = tab->syms->d_size / entry;
	if (tab->count > INT32_MAX)
		tab->count = INT32_MAX;
	return true;
}

static int collect_section(struct sym_table *table, const struct symtab *tab, const struct sections *sections,
	enum sym_table_what what, uint64_t delta)
{
	for (size_t i = 1; i < tab->count; i++) {
		GElf_Sym sym;
		if (!gelf_getsym(tab->syms, (int)i, &sym) || !type_wanted(GELF_ST_TYPE(sym.st_info), what) ||
			sym.st_name >= tab->strings_len)
			continue;
		const char *name = tab->strings + sym.st_name;
		const GElf_Shdr *shdr = symbol_section(sections, &sym, what);
		if (!shdr || name_useless(name))
			continue;
		uint64_t room = shdr->sh_size - (sym.st_value - shdr->sh_addr);
		if (!sym.st_size && tab->exports && room > EXPORT_REACH)
			room = EXPORT_REACH;
		uint64_t size = sym.st_size && sym.st_size < room ? sym.st_size : room;
		uint64_t start = sym.st_value + delta;
		if (start + size < start)
			continue;
		int rc = table_push(table, (struct sym_entry){.start = start,
						   .end = start + size,
						   .name = name,
						   .rank = symbol_rank(&sym, name),
						   .sized = sym.st_size != 0});
		if (rc)
			return rc;
	}
	return 0;
}

/* .symtab holds what .dynsym does, except in mini debug info; so .dynsym only where there is no .symtab. */
static bool section_wanted(const struct sections *sections, size_t i)
{
	if (sections->shdr[i].sh_type == SHT_SYMTAB)
		return true;
	if (sections->shdr[i].sh_type != SHT_DYNSYM)
		return false;
	for (size_t j = 0; j < sections->count; j++) {
		if (sections->shdr[j].sh_type == SHT_SYMTAB)
			return false;
	}
	return true;
}

int sym_table_collect(struct sym_table *table, const struct sym_image *image, enum sym_table_what what, uint64_t delta)
{
	struct sections sections;
	int rc = sections_read(&sections, image);
	for (size_t i = 0; i < sections.count && rc == 0; i++) {
		struct symtab tab;
		Elf_Scn *scn;
		if (section_wanted(&sections, i) && (scn = elf_getscn(image->elf, i)) &&
			symtab_open(&tab, image, scn, &sections.shdr[i]))
			rc = collect_section(table, &tab, &sections, what, delta);
	}
	free(sections.shdr);
	return rc;
}

int sym_table_add(struct sym_table *table, uint64_t start, uint64_t end, const char *name)
{
	if (end <= start)
		return 0;
	return table_push(
		table, (struct sym_entry){.start = start, .end = end, .name = name, .sized = true, .rank = RANK_SIZED});
}

/* ------------------------------------------------------------------ sorting */

struct sort_key {
	uint64_t start;
	uint32_t index;
};

/* One stable counting pass over byte `shift / 8` of the keys; false when all have the same byte there. */
static bool radix_pass(const struct sort_key *from, struct sort_key *to, size_t n, unsigned shift)
{
	size_t count[256] = {0}, at = 0;
	for (size_t i = 0; i < n; i++)
		count[(from[i].start >> shift) & 255]++;
	if (count[(from[0].start >> shift) & 255] == n)
		return false;
	for (size_t b = 0; b < 256; b++) {
		size_t here = count[b];
		count[b] = at;
		at += here;
	}
	for (size_t i = 0; i < n; i++)
		to[count[(from[i].start >> shift) & 255]++] = from[i];
	return true;
}

static int table_sort(struct sym_table *table)
{
	size_t n = table->len;
	struct sort_key *keys = malloc(n * sizeof(*keys)), *spare = malloc(n * sizeof(*spare));
	struct sym_entry *sorted = malloc(n * sizeof(*sorted));
	int rc = keys && spare && sorted ? 0 : -ENOMEM;
	if (rc == 0) {
		for (size_t i = 0; i < n; i++)
			keys[i] = (struct sort_key){table->entries[i].start, (uint32_t)i};
		for (unsigned shift = 0; shift < 64; shift += 8) {
			if (radix_pass(keys, spare, n, shift)) {
				struct sort_key *swap = keys;
				keys = spare;
				spare = swap;
			}
		}
		for (size_t i = 0; i < n; i++)
			sorted[i] = table->entries[keys[i].index];
		free(table->entries);
		table->entries = sorted;
		table->cap = n;
	} else {
		free(sorted);
	}
	free(keys);
	free(spare);
	return rc;
}

/* Symbols without a size end where the next one begins. */
static void bound_unsized(struct sym_table *table)
{
	uint64_t next = UINT64_MAX;
	for (size_t i = table->len; i-- > 0;) {
		struct sym_entry *entry = &table->entries[i];
		if (i + 1 < table->len && table->entries[i + 1].start > entry->start)
			next = table->entries[i + 1].start;
		if (!entry->sized && next < entry->end)
			entry->end = next;
	}
}

int sym_table_finish(struct sym_table *table)
{
	if (table->len == 0)
		return 0;
	if (table->len > UINT32_MAX || table_sort(table))
		return -ENOMEM;
	bound_unsized(table);
	table->reach = malloc(table->len * sizeof(*table->reach));
	if (!table->reach)
		return -ENOMEM;
	uint64_t reach = 0;
	for (size_t i = 0; i < table->len; i++) {
		if (table->entries[i].end > reach)
			reach = table->entries[i].end;
		table->reach[i] = reach;
	}
	return 0;
}

/* ------------------------------------------------------------------ lookup */

/* Names of one address and rank: the shorter one, then the alphabet, so that every run says the same. */
static bool entry_better(const struct sym_entry *a, const struct sym_entry *b)
{
	if (a->rank != b->rank)
		return a->rank > b->rank;
	size_t len_a = strlen(a->name), len_b = strlen(b->name);
	return len_a != len_b ? len_a < len_b : strcmp(a->name, b->name) < 0;
}

#define WALK_MAX 65536 /* entries that begin before vaddr: only a hostile table has more of them nested */

const struct sym_entry *sym_table_find(const struct sym_table *table, uint64_t vaddr)
{
	if (!table->reach)
		return NULL;
	size_t low = 0, high = table->len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (table->entries[middle].start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	const struct sym_entry *best = NULL;
	unsigned steps = 0;
	for (size_t i = low; i-- > 0 && table->reach[i] > vaddr && steps++ < WALK_MAX;) {
		const struct sym_entry *entry = &table->entries[i];
		if (best && best->sized && entry->start < best->start)
			break;
		if (entry->end <= vaddr)
			continue;
		if (!best || (entry->sized && !best->sized) || (entry->start == best->start && entry_better(entry, best)))
			best = entry;
	}
	return best;
}

void sym_table_deinit(struct sym_table *table)
{
	free(table->entries);
	free(table->reach);
	*table = (struct sym_table){0};
}
