/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snap_maps.c - the memory map of a process, and the ELF files in it.
 *
 * Modules are read from their headers in the process's memory, not from files: that holds for deleted and replaced files,
 * for the vdso, and in containers. Program headers are all that is needed: load bias, build-id, unwind tables.
 * Called by snapshot.c, core.c, unwind.c.
 */
#include "lib/sym/snap_private.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PHDRS_MAX 128u
#define NOTES_MAX 4096u

/* ------------------------------------------------------------------ the text */

static bool take_hex(const char **p, uint64_t *ret)
{
	const char *at = *p;
	uint64_t value = 0;
	for (;; at++) {
		unsigned digit = (unsigned char)*at;
		if (digit - '0' < 10)
			digit -= '0';
		else if (digit - 'a' < 6)
			digit -= 'a' - 10;
		else
			break;
		value = value << 4 | digit;
	}
	bool any = at != *p;
	*p = at;
	*ret = value;
	return any;
}

static bool take_char(const char **p, char c)
{
	return **p == c && (*p)++;
}

/* The kernel writes a newline in a path as \012. */
static void unescape(char *path)
{
	char *to = path;
	for (const char *from = path; *from; to++) {
		bool newline = strncmp(from, "\\012", 4) == 0;
		*to = newline ? '\n' : *from;
		from += newline ? 4 : 1;
	}
	*to = '\0';
}

/* "start-end rwxp offset dev:dev inode path", cut off at its end. */
static bool parse_line(char *line, struct tt_snap_map *map)
{
	const char *p = line;
	uint64_t inode = 0;
	if (!take_hex(&p, &map->start) || !take_char(&p, '-') || !take_hex(&p, &map->end) || !take_char(&p, ' ') ||
		strlen(p) < 5)
		return false;
	map->read = p[0] == 'r';
	map->write = p[1] == 'w';
	map->exec = p[2] == 'x';
	map->shared = p[3] == 's';
	p += 4;
	if (!take_char(&p, ' ') || !take_hex(&p, &map->offset) || !take_char(&p, ' '))
		return false;
	p += strcspn(p, " ");
	while (take_char(&p, ' '))
		;
	for (; *p >= '0' && *p <= '9'; p++)
		inode = inode * 10 + (uint64_t)(*p - '0');
	while (take_char(&p, ' '))
		;
	map->inode = inode;
	unescape(line + (p - line));
	map->path = p;
	return map->start < map->end;
}

static int by_start(const void *a, const void *b)
{
	const struct tt_snap_map *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

int snap_maps_parse(struct snap_maps *maps, char *text)
{
	maps->text = text;
	bool sorted = true;
	for (char *line = text, *end; line && *line; line = end) {
		struct tt_snap_map map = {0};
		end = strchrnul(line, '\n');
		if (*end)
			*end++ = '\0';
		if (!parse_line(line, &map))
			continue;
		sorted = sorted && (maps->list.len == 0 || maps->list.data[maps->list.len - 1].start < map.start);
		if (tt_vec_push(&maps->list, map))
			return -ENOMEM;
	}
	if (!sorted)
		tt_vec_sort(&maps->list, by_start);
	return 0;
}

void snap_maps_deinit(struct snap_maps *maps)
{
	tt_vec_deinit(&maps->list);
	tt_vec_deinit(&maps->modules);
	free(maps->text);
	maps->text = NULL;
	maps->hint = 0;
}

struct tt_snap_map *snap_maps_find(struct snap_maps *maps, uint64_t address)
{
	struct tt_snap_map *list = maps->list.data;
	if (maps->hint < maps->list.len && address >= list[maps->hint].start && address < list[maps->hint].end)
		return &list[maps->hint];
	size_t low = 0, high = maps->list.len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (list[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || address >= list[low - 1].end)
		return NULL;
	maps->hint = low - 1;
	return &list[low - 1];
}

/* Reads a whole file of /proc, whose size is not known before. */
static int read_all(const char *path, char **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	TT_BUF_AUTO(text);
	int rc = 0;
	for (;;) {
		if (text.len > SNAP_MAPS_MAX || tt_buf_reserve(&text, text.len / 2 + ((size_t)64 << 10))) {
			rc = -ENOMEM;
			break;
		}
		ssize_t got = read(fd, text.data + text.len, text.cap - text.len - 1);
		if (got <= 0) {
			rc = got < 0 ? -errno : 0;
			break;
		}
		text.len += (size_t)got;
		text.data[text.len] = '\0';
	}
	close(fd);
	if (rc)
		return rc;
	*ret = tt_buf_steal(&text);
	return *ret ? 0 : -ENOMEM;
}

int snap_maps_read(struct tt_snap *snap)
{
	char path[64], *text = NULL;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)snap->via);
	int rc = read_all(path, &text);
	if (rc)
		return rc;
	snap_maps_deinit(&snap->maps);
	snap->maps.generation++;
	snap_memory_forget_pages(snap);
	rc = snap_maps_parse(&snap->maps, text);
	return rc ? rc : snap_modules_find(snap);
}

/* ------------------------------------------------------------------ modules */

/* The ELF file that begins at the mapping `first`: its headers, as they are in memory. */
struct headers {
	const struct tt_snap_map *first;
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[PHDRS_MAX];
	size_t count;
};

static bool headers_read(struct tt_snap *snap, const struct tt_snap_map *first, struct headers *h)
{
	h->first = first;
	if (snap_memory_read(snap, first->start, &h->ehdr, sizeof(h->ehdr)) != sizeof(h->ehdr))
		return false;
	const unsigned char *ident = h->ehdr.e_ident;
	if (memcmp(ident, ELFMAG, SELFMAG) != 0 || ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB ||
		h->ehdr.e_phentsize != sizeof(Elf64_Phdr) || (h->ehdr.e_type != ET_EXEC && h->ehdr.e_type != ET_DYN))
		return false;
	h->count = h->ehdr.e_phnum < PHDRS_MAX ? h->ehdr.e_phnum : PHDRS_MAX;
	size_t size = h->count * sizeof(Elf64_Phdr);
	return h->ehdr.e_phoff < ((uint64_t)1 << 32) &&
	       snap_memory_read(snap, first->start + h->ehdr.e_phoff, h->phdrs, size) == size;
}

/* The headers lie where offset 0 of the file is mapped. */
static bool headers_bias(const struct headers *h, uint64_t *ret_bias, uint64_t *ret_end)
{
	bool found = false;
	uint64_t end = 0;
	for (size_t i = 0; i < h->count; i++) {
		const Elf64_Phdr *p = &h->phdrs[i];
		if (p->p_type != PT_LOAD)
			continue;
		if (!found && (p->p_offset & ~(uint64_t)(SNAP_PAGE - 1)) == 0) {
			*ret_bias = h->first->start - (p->p_vaddr - p->p_offset);
			found = true;
		}
		if (p->p_memsz <= UINT64_MAX - p->p_vaddr && p->p_vaddr + p->p_memsz > end)
			end = p->p_vaddr + p->p_memsz;
	}
	*ret_end = *ret_bias + end;
	return found;
}

static void note_build_id(struct snap_module *module, const unsigned char *notes, size_t size)
{
	for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= size;) {
		Elf64_Nhdr note;
		memcpy(&note, notes + at, sizeof(note));
		size_t name = at + sizeof(note), desc = name + (((size_t)note.n_namesz + 3) & ~(size_t)3);
		size_t next = desc + (((size_t)note.n_descsz + 3) & ~(size_t)3);
		if (desc > size || next > size)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + name, "GNU", 4) == 0 &&
			note.n_descsz <= SYM_BUILD_ID_MAX) {
			memcpy(module->build_id, notes + desc, note.n_descsz);
			module->build_id_len = note.n_descsz;
			return;
		}
		at = next;
	}
}

static void module_fill(struct tt_snap *snap, const struct headers *h, struct snap_module *module)
{
	if (h->ehdr.e_entry)
		module->entry = module->bias + h->ehdr.e_entry;
	for (size_t i = 0; i < h->count; i++) {
		const Elf64_Phdr *p = &h->phdrs[i];
		if (p->p_type == PT_GNU_EH_FRAME) {
			module->tables = module->bias + p->p_vaddr;
			module->tables_size = p->p_memsz;
		}
		if (p->p_type == PT_NOTE && module->build_id_len == 0) {
			unsigned char notes[NOTES_MAX];
			size_t size = p->p_memsz < sizeof(notes) ? p->p_memsz : sizeof(notes);
			size = snap_memory_read(snap, module->bias + p->p_vaddr, notes, size);
			note_build_id(module, notes, size);
		}
	}
}

/* Whether code of it is mapped: files that are only read (by profilers, say) are no modules, and their extent is no truth. */
static bool has_code(const struct snap_maps *maps, const struct tt_snap_map *first, uint64_t end)
{
	for (const struct tt_snap_map *map = first; map < maps->list.data + maps->list.len && map->start < end; map++) {
		if (map->exec && map->inode == first->inode && strcmp(map->path, first->path) == 0)
			return true;
	}
	return false;
}

/* Adds the module that begins at `first`, if one does. 0 or -ENOMEM. */
static int module_try(struct tt_snap *snap, const struct tt_snap_map *first)
{
	struct headers h;
	struct snap_module module = {.start = first->start, .path = first->path};
	if (!first->read || first->offset != 0 || (first->path[0] != '/' && strcmp(first->path, "[vdso]") != 0))
		return 0;
	if (!headers_read(snap, first, &h) || !headers_bias(&h, &module.bias, &module.end) || module.end <= module.start ||
		!has_code(&snap->maps, first, module.end))
		return 0;
	module_fill(snap, &h, &module);
	return tt_vec_push(&snap->maps.modules, module);
}

int snap_modules_find(struct tt_snap *snap)
{
	const struct tt_snap_map *map;
	uint64_t end = 0;
	vec_for_each (map, &snap->maps.list) {
		if (map->start < end) /* within a module */
			continue;
		size_t before = snap->maps.modules.len;
		int rc = module_try(snap, map);
		if (rc)
			return rc;
		if (snap->maps.modules.len > before)
			end = snap->maps.modules.data[before].end;
	}
	return 0;
}

const struct snap_module *snap_module_at(struct tt_snap *snap, uint64_t address)
{
	size_t low = 0, high = snap->maps.modules.len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (snap->maps.modules.data[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || address >= snap->maps.modules.data[low - 1].end)
		return NULL;
	return &snap->maps.modules.data[low - 1];
}

int tt_snap_add_modules(struct tt_snap *snap, struct tt_sym *sym, struct tt_err *err)
{
	const struct snap_module *module;
	vec_for_each (module, &snap->maps.modules) {
		struct tt_sym_module add = {.start = module->start,
			.end = module->end,
			.bias = module->bias,
			.path = module->path,
			.build_id = module->build_id,
			.build_id_len = module->build_id_len,
			.pid = snap_is_live(snap) ? snap->via : 0};
		int rc = tt_sym_add_module(sym, &add, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* ------------------------------------------------------------------ public */

size_t tt_snap_map_count(const struct tt_snap *snap)
{
	return snap->maps.list.len;
}

const struct tt_snap_map *tt_snap_map(const struct tt_snap *snap, size_t index)
{
	return index < snap->maps.list.len ? &snap->maps.list.data[index] : NULL;
}

const struct tt_snap_map *tt_snap_map_at(struct tt_snap *snap, uint64_t address)
{
	return snap_maps_find(&snap->maps, address);
}
