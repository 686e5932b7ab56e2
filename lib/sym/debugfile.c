/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * debugfile.c - finds separate debug files: by build-id, by .gnu_debuglink, and the shared file that dwz splits off.
 *
 * Only local directories are searched; nothing is fetched. A candidate is taken when its build-id is that of the module,
 * or, for files without build-ids, when its CRC is the one in the debuglink. Called by file.c.
 */
#include "lib/sym/internal.h"

#include <elfutils/libdwelf.h>
#include <string.h>

/* ------------------------------------------------------------------ checks */

static bool same_id(const struct sym_image *image, const uint8_t *id, size_t len)
{
	return image->build_id_len == len && len && memcmp(image->build_id, id, len) == 0;
}

/* CRC-32 as in gzip, what .gnu_debuglink holds. */
static uint32_t crc32_of(const unsigned char *data, size_t size)
{
	uint32_t table[256], crc = ~UINT32_C(0);
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ UINT32_C(0xedb88320) : c >> 1;
		table[i] = c;
	}
	for (size_t i = 0; i < size; i++)
		crc = table[(crc ^ data[i]) & 255] ^ crc >> 8;
	return ~crc;
}

/* Opens path when it has that build-id. */
static struct sym_image *open_with_id(const char *path, const uint8_t *id, size_t len)
{
	struct sym_image *image;
	if (sym_image_open(path, &image))
		return NULL;
	if (same_id(image, id, len))
		return image;
	sym_image_close(image);
	return NULL;
}

/* ------------------------------------------------------------------ the directories */

/* Calls try(path built from each debug directory, arg) until one gives an image. */
typedef struct sym_image *try_fn(struct tt_buf *path, const void *arg);

static struct sym_image *each_debug_dir(const struct sym_store *store, try_fn *try, const void *arg)
{
	for (const char *dir = store->debug_dirs; *dir;) {
		size_t len = strcspn(dir, ":");
		TT_BUF_AUTO(path);
		tt_buf_adds(&path, store->sysroot);
		tt_buf_add(&path, dir, len);
		struct sym_image *image = len && !tt_buf_failed(&path) ? try(&path, arg) : NULL;
		if (image)
			return image;
		dir += len;
		dir += *dir == ':';
	}
	return NULL;
}

struct id {
	const uint8_t *bytes;
	size_t len;
};

static struct sym_image *try_id(struct tt_buf *path, const void *arg)
{
	const struct id *id = arg;
	tt_buf_printf(path, "/.build-id/%02x/", id->bytes[0]);
	for (size_t i = 1; i < id->len; i++)
		tt_buf_printf(path, "%02x", id->bytes[i]);
	tt_buf_adds(path, ".debug");
	return tt_buf_failed(path) ? NULL : open_with_id(tt_buf_str(path), id->bytes, id->len);
}

struct sym_image *sym_debug_by_id(const struct sym_store *store, const uint8_t *id, size_t len)
{
	struct id wanted = {id, len};
	return len < 2 ? NULL : each_debug_dir(store, try_id, &wanted);
}

/* ------------------------------------------------------------------ .gnu_debuglink */

struct link {
	const struct sym_image *image;
	const char *name;
	const char *dir; /* of the module, as the target saw it */
	size_t dir_len;
	GElf_Word crc;
};

static struct sym_image *open_link(const char *path, const struct link *link)
{
	struct sym_image *image;
	if (sym_image_open(path, &image))
		return NULL;
	bool good = link->image->build_id_len ? same_id(image, link->image->build_id, link->image->build_id_len)
	                                      : crc32_of(image->data, image->size) == link->crc;
	if (good)
		return image;
	sym_image_close(image);
	return NULL;
}

static struct sym_image *try_link(struct tt_buf *path, const void *arg)
{
	const struct link *link = arg;
	tt_buf_add(path, link->dir, link->dir_len);
	tt_buf_addc(path, '/');
	tt_buf_adds(path, link->name);
	return tt_buf_failed(path) ? NULL : open_link(tt_buf_str(path), link);
}

/* In the directory of `prefix` + `path`, and in its .debug folder. */
static struct sym_image *find_beside(const char *prefix, const char *path, const struct link *link)
{
	static const char *const folders[] = {"", ".debug/"};
	const char *slash = strrchr(path, '/');
	struct sym_image *image = NULL;
	for (size_t i = 0; slash && !image && i < sizeof(folders) / sizeof(folders[0]); i++) {
		TT_BUF_AUTO(candidate);
		tt_buf_adds(&candidate, prefix);
		tt_buf_add(&candidate, path, (size_t)(slash - path) + 1);
		tt_buf_adds(&candidate, folders[i]);
		tt_buf_adds(&candidate, link->name);
		if (!tt_buf_failed(&candidate))
			image = open_link(tt_buf_str(&candidate), link);
	}
	return image;
}

static struct sym_image *find_by_link(const struct sym_file *file)
{
	struct link link = {.image = file->image, .dir = file->path};
	link.name = dwelf_elf_gnu_debuglink(file->image->elf, &link.crc);
	if (!link.name || !link.name[0] || strchr(link.name, '/'))
		return NULL;
	struct sym_image *image = find_beside("", file->image->path, &link);
	if (!image)
		image = find_beside(file->store->sysroot, file->path, &link);
	const char *slash = strrchr(file->path, '/');
	if (image || !slash)
		return image;
	link.dir_len = (size_t)(slash - file->path);
	return each_debug_dir(file->store, try_link, &link);
}

struct sym_image *sym_debug_find(const struct sym_file *file)
{
	struct sym_image *image = sym_debug_by_id(file->store, file->image->build_id, file->image->build_id_len);
	return image ? image : find_by_link(file);
}

/* ------------------------------------------------------------------ dwz */

struct sym_image *sym_debug_find_alt(const struct sym_store *store, const struct sym_image *image, struct sym_dwarf *dwarf)
{
	const char *name;
	const uint8_t *id;
	size_t id_len;
	if (!sym_dwarf_alt_link(dwarf, &name, &id, &id_len))
		return NULL;
	struct sym_image *alt = sym_debug_by_id(store, id, id_len);
	if (alt || !name[0])
		return alt;
	TT_BUF_AUTO(path);
	const char *slash = strrchr(image->path, '/');
	if (name[0] == '/')
		tt_buf_adds(&path, store->sysroot);
	else if (slash)
		tt_buf_add(&path, image->path, (size_t)(slash - image->path) + 1);
	tt_buf_adds(&path, name);
	return tt_buf_failed(&path) ? NULL : open_with_id(tt_buf_str(&path), id, id_len);
}
