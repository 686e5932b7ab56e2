/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * file.c - one ELF file that modules are mapped from: finding it, verifying it, and what is read from it.
 *
 * The path in a recording says where the file was; the build-id says which one it was. A file with another build-id is
 * never used: wrong names are worse than none. Everything is done at the first lookup that needs it.
 * Called by symbols.c; debugfile.c finds the separate debug files.
 */
#include "lib/sym/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DELETED " (deleted)"

/* ------------------------------------------------------------------ identity */

static bool is_vdso(const char *base)
{
	return strcmp(base, "[vdso]") == 0 || strcmp(base, "linux-vdso.so.1") == 0;
}

/* Path, build-id and, when there is none, the process: files of one name in two containers are two files. */
static int file_key(struct tt_buf *key, const struct tt_sym_module *module, const char *path)
{
	tt_buf_add(key, path, strlen(path) + 1);
	if (module->build_id_len)
		tt_buf_add(key, module->build_id, module->build_id_len);
	else
		tt_buf_printf(key, "%d", (int)module->pid);
	return tt_buf_failed(key) ? -ENOMEM : 0;
}

static struct sym_file *file_make(struct sym_store *store, const struct tt_sym_module *module, const char *path)
{
	struct sym_file *file = calloc(1, sizeof(*file));
	if (!file)
		return NULL;
	size_t len = strlen(path);
	if (len > strlen(DELETED) && strcmp(path + len - strlen(DELETED), DELETED) == 0) {
		file->deleted = true;
		len -= strlen(DELETED);
	}
	file->store = store;
	file->path = sym_store_intern_n(store, path, len);
	if (!file->path) {
		free(file);
		return NULL;
	}
	const char *slash = strrchr(file->path, '/');
	file->base = slash && slash[1] ? slash + 1 : file->path;
	file->vdso = is_vdso(file->base);
	file->pid = module->pid;
	file->map_start = module->start;
	file->map_end = module->end;
	file->build_id_len = module->build_id_len <= SYM_BUILD_ID_MAX ? module->build_id_len : 0;
	if (file->build_id_len)
		memcpy(file->build_id, module->build_id, file->build_id_len);
	return file;
}

/* A live process may show a file that an earlier, dead one could not. */
static void retry_with_pid(struct sym_file *file, pid_t pid)
{
	if (!file->opened || file->image || pid == 0 || pid == file->pid)
		return;
	file->pid = pid;
	file->opened = false;
	file->built[0] = file->built[1] = file->debug_searched = file->dwarf_tried = false;
	for (size_t i = 0; i < SYM_FLAG_COMBOS; i++)
		tt_hmap_deinit(&file->frames[i]);
}

struct sym_file *sym_file_get(struct sym_store *store, const struct tt_sym_module *module)
{
	TT_BUF_AUTO(key);
	const char *path = module->path ? module->path : "";
	if (file_key(&key, module, path))
		return NULL;
	bool is_new;
	struct tt_smap_entry *entry = tt_smap_insert(&store->files, key.data, key.len, &is_new);
	if (!entry)
		return NULL;
	if (!entry->ptr)
		entry->ptr = file_make(store, module, path);
	else
		retry_with_pid(entry->ptr, module->pid);
	return entry->ptr;
}

void sym_file_free(struct sym_file *file)
{
	if (!file)
		return;
	sym_dwarf_destroy(file->dwarf);
	sym_dwarf_destroy(file->alt);
	for (size_t i = 0; i < 2; i++)
		sym_table_deinit(&file->table[i]);
	for (size_t i = 0; i < SYM_FLAG_COMBOS; i++)
		tt_hmap_deinit(&file->frames[i]);
	sym_image_close(file->mini);
	sym_image_close(file->debug);
	sym_image_close(file->alt_image);
	sym_image_close(file->image);
	free(file);
}

/* ------------------------------------------------------------------ opening */

/* Tries one path; true: file->image is set. Else status keeps the most telling failure. */
static bool try_image(struct sym_file *file, int rc, struct sym_image *image)
{
	if (rc) {
		if (rc == -ENOEXEC && file->status == TT_SYM_FILE_MISSING)
			file->status = TT_SYM_FILE_BAD;
		return false;
	}
	if (file->build_id_len && (image->build_id_len != file->build_id_len ||
					  memcmp(image->build_id, file->build_id, file->build_id_len) != 0)) {
		file->status = TT_SYM_FILE_MISMATCH;
		sym_image_close(image);
		return false;
	}
	file->image = image;
	file->status = file->build_id_len ? TT_SYM_FILE_OK : TT_SYM_FILE_UNVERIFIED;
	return true;
}

static bool try_path(struct sym_file *file, const char *path)
{
	struct sym_image *image = NULL;
	int rc = sym_image_open(path, &image);
	return try_image(file, rc, image);
}

/* The link that the kernel keeps for each mapping: works for deleted files, and across containers. */
static bool try_map_files(struct sym_file *file)
{
	char path[96];
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)file->pid, (unsigned long long)file->map_start,
		(unsigned long long)file->map_end);
	return try_path(file, path);
}

/* As above, when the module is several mappings and only its start is one's start. */
static bool try_map_scan(struct sym_file *file)
{
	char path[64], *line = NULL;
	size_t cap = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)file->pid);
	FILE *maps = fopen(path, "re");
	unsigned long long start, end = 0;
	while (maps && end == 0 && getline(&line, &cap, maps) > 0) {
		unsigned long long to;
		if (sscanf(line, "%llx-%llx", &start, &to) == 2 && start == file->map_start)
			end = to;
	}
	free(line);
	if (maps)
		fclose(maps);
	if (end == 0 || end == file->map_end)
		return false;
	file->map_end = end;
	return try_map_files(file);
}

static bool try_prefixed(struct sym_file *file, const char *prefix)
{
	TT_BUF_AUTO(path);
	tt_buf_adds(&path, prefix);
	tt_buf_adds(&path, file->path);
	return !tt_buf_failed(&path) && try_path(file, tt_buf_str(&path));
}

static bool try_root(struct sym_file *file)
{
	char root[32];
	snprintf(root, sizeof(root), "/proc/%d/root", (int)file->pid);
	return !file->deleted && try_prefixed(file, root);
}

/* The path is preferred where a build-id verifies it: beside it lies the debug file. */
static bool try_process(struct sym_file *file)
{
	if (file->pid <= 0)
		return false;
	if (file->build_id_len ? try_root(file) || try_map_files(file) : try_map_files(file) || try_root(file))
		return true;
	return (file->deleted || file->status == TT_SYM_FILE_MISMATCH) && try_map_scan(file);
}

static bool try_vdso(struct sym_file *file)
{
	struct sym_image *image = NULL;
	if (file->build_id_len == 0 && file->pid == 0)
		return false; /* perhaps from another kernel */
	int rc = sym_image_vdso(&image);
	return try_image(file, rc, image);
}

/* Without a build-id nothing tells whether the file that stands there now is the one that was deleted. */
static bool try_disk(struct sym_file *file)
{
	return (!file->deleted || file->build_id_len) && try_prefixed(file, file->store->sysroot);
}

void sym_file_open(struct sym_file *file)
{
	if (file->opened)
		return;
	file->opened = true;
	file->status = TT_SYM_FILE_MISSING;
	if (file->vdso) {
		try_vdso(file);
		return;
	}
	if (file->path[0] == '/' && (try_process(file) || try_disk(file)))
		return;
	if (file->build_id_len)
		file->image = sym_debug_by_id(file->store, file->build_id, file->build_id_len);
	if (file->image)
		file->status = TT_SYM_FILE_DEBUG_ONLY;
}

bool sym_file_bias(struct sym_file *file, uint64_t start, uint64_t file_offset, uint64_t *ret_bias)
{
	size_t count;
	sym_file_open(file);
	if (!file->image || elf_getphdrnum(file->image->elf, &count))
		return false;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	bool found = false;
	for (size_t i = 0; i < count && i < INT32_MAX; i++) {
		GElf_Phdr phdr;
		if (!gelf_getphdr(file->image->elf, (int)i, &phdr))
			break;
		/* Pages overlap at the seams of segments: the last one that begins at or before the offset is meant. */
		uint64_t first = phdr.p_offset & ~(page - 1);
		if (phdr.p_type != PT_LOAD || file_offset < first ||
			file_offset - first >= phdr.p_filesz + (phdr.p_offset - first))
			continue;
		*ret_bias = start - (phdr.p_vaddr - (phdr.p_offset - first)) - (file_offset - first);
		found = true;
	}
	return found;
}

/* ------------------------------------------------------------------ symbols */

static bool has_section(const struct sym_image *image, const char *name)
{
	GElf_Shdr shdr;
	return image && sym_image_section(image, name, &shdr) && shdr.sh_type != SHT_NOBITS;
}

/* Both begin with the same segment; where their addresses differ, one of the files was prelinked. */
static uint64_t address_delta(const struct sym_image *image, const struct sym_image *debug)
{
	uint64_t main_load, debug_load;
	if (!debug || !sym_image_first_load(image, &main_load) || !sym_image_first_load(debug, &debug_load))
		return 0;
	return main_load - debug_load;
}

struct sym_image *sym_file_debug(struct sym_file *file)
{
	if (!file->debug_searched && file->image) {
		file->debug_searched = true;
		if (file->status != TT_SYM_FILE_DEBUG_ONLY && !file->vdso)
			file->debug = sym_debug_find(file);
		file->debug_delta = address_delta(file->image, file->debug);
	}
	return file->debug;
}

static int collect_all(struct sym_file *file, enum sym_table_what what)
{
	struct sym_table *table = &file->table[what];
	int rc = 0;
	if (has_section(file->image, ".symtab")) {
		rc = sym_table_collect(table, file->image, what, 0);
	} else if (has_section(sym_file_debug(file), ".symtab")) {
		rc = sym_table_collect(table, file->debug, what, file->debug_delta);
	} else {
		rc = sym_table_collect(table, file->image, what, 0);
		if (!file->mini)
			sym_image_mini(file->image, &file->mini);
		if (rc == 0 && file->mini)
			rc = sym_table_collect(table, file->mini, what, address_delta(file->image, file->mini));
	}
	if (rc == 0 && what == SYM_TABLE_TEXT)
		rc = sym_plt_collect(table, file->image, file->store);
	return rc ? rc : sym_table_finish(table);
}

const struct sym_table *sym_file_table(struct sym_file *file, enum sym_table_what what)
{
	sym_file_open(file);
	if (!file->built[what] && file->image) {
		file->built[what] = true;
		if (collect_all(file, what))
			sym_table_deinit(&file->table[what]);
	}
	return &file->table[what];
}

/* ------------------------------------------------------------------ DWARF */

static void open_alt(struct sym_file *file, const struct sym_image *image)
{
	file->alt_image = sym_debug_find_alt(file->store, image, file->dwarf);
	file->alt = file->alt_image ? sym_dwarf_create(file->alt_image) : NULL;
	if (file->alt)
		sym_dwarf_set_alt(file->dwarf, file->alt);
}

static bool has_dwarf(const struct sym_image *image)
{
	return has_section(image, ".debug_info") || has_section(image, ".zdebug_info");
}

bool sym_file_has_dwarf(struct sym_file *file)
{
	sym_file_open(file);
	return has_dwarf(file->image) || has_dwarf(sym_file_debug(file));
}

struct sym_dwarf *sym_file_dwarf(struct sym_file *file)
{
	sym_file_open(file);
	if (file->dwarf_tried || !file->image)
		return file->dwarf;
	file->dwarf_tried = true;
	const struct sym_image *image = has_dwarf(file->image) ? file->image : sym_file_debug(file);
	if (!has_dwarf(image))
		return NULL;
	file->dwarf = sym_dwarf_create(image);
	file->dwarf_delta = image == file->image ? 0 : file->debug_delta;
	if (file->dwarf)
		open_alt(file, image);
	return file->dwarf;
}
