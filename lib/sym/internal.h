/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * internal.h - what the files of lib/sym share. Not for anyone outside this directory.
 *
 *   symbols.c  address space: modules, perf maps, the cache of lookups       (tt_sym)
 *   store.c    opened files and interned text, shared by several tt_sym      (sym_store)
 *   file.c     one ELF file: finding it, verifying it, its debug files       (sym_file)
 *   image.c    bytes of an ELF file in memory: mapping, vdso, xz             (sym_image)
 *   symtab.c   sorted symbol arrays; plt.c adds foo@plt                      (sym_table)
 *   dwarf.c    compilation units, lines, inlined functions                   (sym_dwarf)
 *   diescan.c  the fast part of dwarf.c: finding functions
 *   perfmap.c  names of JIT code                                             (sym_perfmap)
 *   debugfile.c  separate debug files
 *   demangle.c, rust_v0.c, names.c                                           text
 *
 * "vaddr" is an address as in the module's file: address in the target - load bias.
 */
#ifndef TT_SYM_INTERNAL_H
#define TT_SYM_INTERNAL_H

#include <elfutils/libdw.h>
#include <gelf.h>
#include <libelf.h>

#include "lib/sym/symbols.h"
#include "lib/util/hmap.h"
#include "lib/util/vec.h"

#define SYM_FLAG_COMBOS   16u
#define SYM_BUILD_ID_MAX  64u
#define SYM_NAME_MAX      4096u /* longest demangled name */
#define SYM_MANGLED_MAX   1024u /* longer ones stay raw */
#define SYM_PATH_MAX      4096u
#define SYM_MINI_MAX      ((size_t)256 << 20) /* unpacked mini debug info */
#define SYM_PERFMAP_MAX   ((size_t)1 << 30)
#define SYM_MAX_DIE_DEPTH 128
#define SYM_MAX_CU_RANGES ((size_t)1 << 23)

/* ------------------------------------------------------------------ image.c */

/* Bytes of an ELF file. Pointers into elf's data live as long as the image. */
struct sym_image {
	char *path; /* what was opened, for people */
	unsigned char *data;
	size_t size;
	bool mapped; /* else malloc'ed */
	Elf *elf;
	uint8_t build_id[SYM_BUILD_ID_MAX];
	size_t build_id_len;
};

/* Opens and maps a regular file and checks that it is an ELF file. 0, -ENOENT and other errors of open, -ENOEXEC. */
int sym_image_open(const char *path, struct sym_image **ret);

/* This process's own vdso. 0, -ENOENT, -ENOMEM, -ENOEXEC. */
int sym_image_vdso(struct sym_image **ret);

/* The ELF file packed in host's .gnu_debugdata. 0, -ENOENT when it has none, -ENOEXEC, -E2BIG, -ENOMEM. */
int sym_image_mini(const struct sym_image *host, struct sym_image **ret);

void sym_image_close(struct sym_image *image);

/* The section of that name, with its header in *shdr; NULL: none. */
Elf_Scn *sym_image_section(const struct sym_image *image, const char *name, GElf_Shdr *shdr);

/* Its content as in the file; NULL for SHT_NOBITS, out of the file's bounds, empty. *ret_size gets the size. */
const unsigned char *sym_image_bytes(const struct sym_image *image, const GElf_Shdr *shdr, size_t *ret_size);

/* p_vaddr of the first PT_LOAD. */
bool sym_image_first_load(const struct sym_image *image, uint64_t *ret_vaddr);

/* ------------------------------------------------------------------ symtab.c, plt.c */

struct sym_entry {
	uint64_t start, end; /* vaddr; end exclusive; never start for end */
	const char *name;    /* NUL-terminated, in an image or in table.names */
	uint8_t rank;        /* higher is better among those of the same start */
	bool sized;          /* end comes from the symbol, not from what follows */
};

struct sym_table {
	struct sym_entry *entries; /* by start */
	uint64_t *reach;           /* reach[i]: the largest end among entries[0..i] */
	size_t len, cap;
};

enum sym_table_what { SYM_TABLE_TEXT, SYM_TABLE_DATA };

/* Collects symbols of every table in image, moved by delta. 0 or -ENOMEM; hostile entries are skipped. */
int sym_table_collect(struct sym_table *table, const struct sym_image *image, enum sym_table_what what, uint64_t delta);

/* One synthesized symbol; name must outlive the table. 0 or -ENOMEM. */
int sym_table_add(struct sym_table *table, uint64_t start, uint64_t end, const char *name);

/* Sorts and prepares lookups; call once, after all collecting. 0 or -ENOMEM. */
int sym_table_finish(struct sym_table *table);

/* The best symbol that covers vaddr, or NULL. */
const struct sym_entry *sym_table_find(const struct sym_table *table, uint64_t vaddr);

void sym_table_deinit(struct sym_table *table);

struct sym_store;

/* Adds "foo@plt" for each stub of an x86-64 image. 0 or -ENOMEM. */
int sym_plt_collect(struct sym_table *table, const struct sym_image *image, struct sym_store *store);

/* ------------------------------------------------------------------ diescan.c */

struct sym_bytes {
	const unsigned char *data;
	size_t size;
};

/* Called with the offset of a subprogram's DIE in .debug_info; false stops the scan. */
typedef bool sym_diescan_fn(void *arg, uint64_t die_offset);

/*
 * Reports the subprograms with code of one unit, at its top and in namespaces. info, abbrev: the sections, in this machine's
 * byte order. 0, -EINVAL when something in the unit is not understood (some may have been reported), -ENOMEM.
 */
int sym_diescan(const struct sym_bytes *info, const struct sym_bytes *abbrev, uint64_t unit_offset, uint64_t die_offset,
	sym_diescan_fn *found, void *arg);

/* ------------------------------------------------------------------ dwarf.c */

struct sym_dwarf;

/* One frame as DWARF tells it. Strings belong to the image or to libdw. */
struct sym_dwarf_frame {
	const char *linkage;    /* mangled name, NULL: none */
	const char *name;       /* plain name, NULL: none */
	uint64_t entry;         /* start of the function, for the outermost; UINT64_MAX: unknown */
	const char *file, *dir; /* dir: where the compiler ran, when file is relative to it; NULL: not known */
	unsigned line, column;
};

/* image must outlive the result. NULL: no DWARF, or not readable. */
struct sym_dwarf *sym_dwarf_create(const struct sym_image *image);
void sym_dwarf_destroy(struct sym_dwarf *dwarf);

/* Name and build-id of the dwz file that this one needs; false: none. */
bool sym_dwarf_alt_link(struct sym_dwarf *dwarf, const char **name, const uint8_t **id, size_t *id_len);
void sym_dwarf_set_alt(struct sym_dwarf *dwarf, struct sym_dwarf *alt);

/*
 * Frames at vaddr, innermost first, at most max. Without `functions` only the line is looked up, which is cheaper: one frame
 * without names. Returns their number; 0: DWARF knows nothing.
 */
size_t sym_dwarf_lookup(struct sym_dwarf *dwarf, uint64_t vaddr, bool functions, struct sym_dwarf_frame *frames, size_t max);

/* ------------------------------------------------------------------ store.c */

/* Memory that lives until the store's end, and the options. */
struct sym_store {
	unsigned refs;
	struct tt_smap strings;
	struct tt_smap files;     /* key: see file.c; ptr: struct sym_file */
	struct tt_smap demangled; /* raw name -> demangled text, interned; ptr NULL: not mangled */
	struct sym_block *blocks;
	char *debug_dirs, *sysroot;
	bool no_demangle;
};

int sym_store_create(const struct tt_sym_options *options, struct sym_store **ret);
struct sym_store *sym_store_ref(struct sym_store *store);
void sym_store_unref(struct sym_store *store);

/* Zeroed memory, freed with the store. NULL: out of memory. */
void *sym_store_alloc(struct sym_store *store, size_t size);
const char *sym_store_intern(struct sym_store *store, const char *text);
const char *sym_store_intern_n(struct sym_store *store, const char *text, size_t len);

/* The demangled name, or name itself (interned) when it is not mangled. NULL: out of memory. */
const char *sym_store_demangled(struct sym_store *store, const char *name);

/* ------------------------------------------------------------------ file.c */

struct sym_file {
	struct sym_store *store;
	const char *path, *base; /* interned */
	uint8_t build_id[SYM_BUILD_ID_MAX];
	size_t build_id_len;
	pid_t pid;
	uint64_t map_start, map_end; /* for map_files; of the first module that named the file */
	bool deleted, vdso;

	bool opened;
	enum tt_sym_status status;
	struct sym_image *image; /* NULL: status tells why */
	bool debug_searched;
	struct sym_image *debug; /* separate debug file, or NULL */
	uint64_t debug_delta;    /* vaddr in image - vaddr in debug */
	struct sym_image *mini, *alt_image;

	bool built[2];
	struct sym_table table[2]; /* by enum sym_table_what */
	bool dwarf_tried;
	struct sym_dwarf *dwarf, *alt;
	uint64_t dwarf_delta;

	struct tt_hmap frames[SYM_FLAG_COMBOS]; /* vaddr -> struct tt_sym_frames, by flags */
};

/* Finds or makes the file of a module; nothing is opened. NULL: out of memory. */
struct sym_file *sym_file_get(struct sym_store *store, const struct tt_sym_module *module);
void sym_file_free(struct sym_file *file);

/* Opens what can be found; afterwards image and status are set. */
void sym_file_open(struct sym_file *file);

/* Load bias of a mapping [start, ...) of file_offset; false: cannot be told. */
bool sym_file_bias(struct sym_file *file, uint64_t start, uint64_t file_offset, uint64_t *ret_bias);

/* The symbol table, built at the first call; never NULL, perhaps empty. */
const struct sym_table *sym_file_table(struct sym_file *file, enum sym_table_what what);

/* Whether there is DWARF in the file or in its debug file; it is not read. */
bool sym_file_has_dwarf(struct sym_file *file);

/* DWARF of the file or of its debug file; NULL: none. */
struct sym_dwarf *sym_file_dwarf(struct sym_file *file);

/* The separate debug file, searched for at the first call; NULL: none. debug_delta is set then. */
struct sym_image *sym_file_debug(struct sym_file *file);

/* symbols.c: the opened file of the module at an address, and that module's load bias. NULL: no module. */
struct sym_file *sym_file_at(struct tt_sym *s, uint64_t addr, uint64_t *ret_bias);

/* debugfile.c: the separate debug file of `file`, or NULL. */
struct sym_image *sym_debug_find(const struct sym_file *file);

/* The debug file of that build-id in one of the build-id directories. NULL: none, or its build-id differs. */
struct sym_image *sym_debug_by_id(const struct sym_store *store, const uint8_t *id, size_t len);

/* The dwz file that dwarf, read from image, asks for. NULL: none. */
struct sym_image *sym_debug_find_alt(const struct sym_store *store, const struct sym_image *image, struct sym_dwarf *dwarf);

/* ------------------------------------------------------------------ perfmap.c */

struct sym_perfmap {
	char *path;
	char *text; /* the file; names point into it */
	size_t size;
	int64_t mtime_ns;
	uint64_t ino;
	struct sym_table table;
	struct tt_hmap frames; /* address * 2 + is a return address -> struct tt_sym_frames */
};

/* Reads a perf map. 0, errors of open, -E2BIG, -EINVAL (not a regular file), -ENOMEM. */
int sym_perfmap_open(const char *path, struct sym_perfmap **ret);

/* True when the file at its path is what was read. */
bool sym_perfmap_current(const struct sym_perfmap *map);
void sym_perfmap_close(struct sym_perfmap *map);

/* ------------------------------------------------------------------ demangle.c, rust_v0.c, names.c */

/* Appends a source path with "." and ".." resolved and root (may be NULL) removed. 0 or -ENOMEM. */
int sym_source_normal(struct tt_buf *path, const char *file, const char *root);

/* Appends the demangled form of a Rust v0 name "_R...". 1 done, 0 malformed or beyond the limits (nothing appended), -ENOMEM.
 */
int sym_demangle_rust_v0(struct tt_buf *buf, const char *name, size_t len);

#endif
