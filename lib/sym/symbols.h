/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * symbols.h - addresses of a target -> function, offset, file:line, inlined frames; also when the process is gone.
 *
 * What it is: an address space described by its modules (range, load bias, path, build-id), and lookups in it. Files are
 * opened lazily, verified by build-id, and read directly: symbol tables into a sorted array, DWARF through libdw only when
 * lines or inlined functions are asked for. Separate debug files (build-id directory, debuglink, mini debug info, dwz) are
 * found locally; nothing is ever fetched from a server.
 * What it is not: an unwinder, or tied to recordings. Not for threads: one user of a tt_sym (and of what it shares) at a time.
 *
 * Everything in the files is hostile: names are returned as they are (demangled) and must be escaped on output.
 * Called by threadreport, threadcheck, threaddump, threadtop.
 */
#ifndef TT_SYM_SYMBOLS_H
#define TT_SYM_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/util/buf.h"
#include "lib/util/err.h"

struct tt_sym;

/* ------------------------------------------------------------------ creation */

struct tt_sym_options {
	const char *debug_dirs;  /* colon separated; NULL: /usr/lib/debug */
	const char *sysroot;     /* prefix of module paths and debug_dirs, for files copied from elsewhere; NULL: none */
	const char *source_root; /* prefix that tt_sym_source() removes; NULL: none */
	struct tt_sym *share;    /* another tt_sym whose opened files this one uses too (same options); NULL: none */
	bool no_demangle;        /* `function` is the raw name */
};

/* options may be NULL; its strings are copied. 0, or -ENOMEM (err filled). */
int tt_sym_create(const struct tt_sym_options *options, struct tt_sym **ret, struct tt_err *err);

/* Frees everything that any lookup returned. NULL is accepted. Those that share its files live on. */
void tt_sym_destroy(struct tt_sym *s);

/* ------------------------------------------------------------------ modules */

struct tt_sym_module {
	uint64_t start, end;  /* mapped range, end exclusive */
	uint64_t bias;        /* load address (l_addr): address in the target - address in the file */
	uint64_t file_offset; /* with from_maps: the mapping's offset in its file; the bias is computed from it */
	bool from_maps;       /* range and offset are one line of /proc/PID/maps; bias is ignored */
	const char *path;     /* as the target saw it; " (deleted)" at its end is understood; "[vdso]"; NULL: unknown */
	const uint8_t *build_id;
	size_t build_id_len; /* 0: unknown: the file is taken as it is found */
	pid_t pid;           /* a live process through whose /proc/PID/{map_files,root} files are opened first; 0: none */
};

/*
 * Adds a module (everything is copied, no file is opened). A later module hides an earlier one where they overlap; adding
 * the same once more changes nothing. Lookups done before stay valid; later ones see the new module. 0, -EINVAL, -ENOMEM.
 */
int tt_sym_add_module(struct tt_sym *s, const struct tt_sym_module *module, struct tt_err *err);

/*
 * Names of JIT-compiled code of process pid: /proc/PID/root/tmp/perf-N.map for each N of its NSpid while it lives, else
 * /tmp/perf-PID.map. Call it again to see what was added to the file. 0, -ENOENT when there is none, or an error.
 */
int tt_sym_add_perf_map(struct tt_sym *s, pid_t pid, struct tt_err *err);
int tt_sym_add_perf_map_file(struct tt_sym *s, const char *path, struct tt_err *err);

enum tt_sym_status {
	TT_SYM_FILE_OK,         /* the file with the recorded build-id */
	TT_SYM_FILE_UNVERIFIED, /* used, but there was no build-id to compare */
	TT_SYM_FILE_DEBUG_ONLY, /* the file is gone or differs, a debug file with the recorded build-id is used */
	TT_SYM_FILE_MISMATCH,   /* the file on disk has another build-id: not used */
	TT_SYM_FILE_MISSING,    /* not found, or not readable */
	TT_SYM_FILE_BAD,        /* not an ELF file that can be read */
	TT_SYM_FILE_STATUS_MAX
};

struct tt_sym_module_info {
	uint64_t start, end, bias;
	const char *path, *base; /* base: the last part of path, without " (deleted)" */
	enum tt_sym_status status;
	const char *opened;       /* the file that was read, NULL: none */
	const char *debug_opened; /* its separate debug file, NULL: none */
	bool has_symbols;         /* any function symbol */
	bool has_dwarf;           /* any .debug_info */
};

/* Modules in the order of their addition. Opens the module's file when that was not done yet. False: no such index. */
size_t tt_sym_module_count(const struct tt_sym *s);
bool tt_sym_module_info(struct tt_sym *s, size_t index, struct tt_sym_module_info *ret);

/* "build-id differs from the file on disk" and so on; lower case, for `path: text`. */
const char *tt_sym_status_text(enum tt_sym_status status);

/* ------------------------------------------------------------------ lookups */

enum tt_sym_flag {
	TT_SYM_RETADDR = 1, /* the address is a return address: what is before it is looked up */
	TT_SYM_LINES = 2,   /* want file, line, column */
	TT_SYM_INLINES = 4, /* want inlined frames; implies TT_SYM_LINES */
	TT_SYM_DATA = 8,    /* the address is a variable, not code: excludes the others */
};

enum tt_sym_kind {
	TT_SYM_NONE,    /* in no module and no perf map: only the address is known */
	TT_SYM_MODULE,  /* module and offset only */
	TT_SYM_SYMTAB,  /* from a symbol table */
	TT_SYM_PERFMAP, /* from a perf map */
	TT_SYM_DWARF,   /* function, or at least the line, from DWARF */
};

struct tt_sym_frame {
	const char *function; /* demangled; NULL: unknown */
	const char *raw;      /* as in the file, without @VERSION; NULL: unknown */
	uint64_t offset;      /* address - start of function; without a function: address in the module's file; inlined: 0 */
	const char *file;     /* as the compiler saw it; NULL: unknown. See tt_sym_source() */
	const char *dir;      /* where the compiler ran, when file is relative to it; NULL: unknown, or not needed */
	unsigned line;        /* 0: unknown */
	unsigned column;      /* 0: unknown */
	const char *module;   /* last part of module_path; NULL: no module */
	const char *module_path;
	bool inlined; /* this function was inlined into the next frame's */
	enum tt_sym_kind kind;
};

/* Innermost first; count is at least 1, and only the last is not inlined. */
struct tt_sym_frames {
	size_t count;
	struct tt_sym_frame frames[];
};

#define TT_SYM_MAX_INLINES 64u

/*
 * Looks addr up. flags: enum tt_sym_flag. Never NULL: what cannot be known (also out of memory) is a frame of kind NONE.
 * Owned by s, valid until tt_sym_destroy(s); a repeated lookup returns the same pointer.
 */
const struct tt_sym_frames *tt_sym_resolve(struct tt_sym *s, uint64_t addr, unsigned flags);

/* ------------------------------------------------------------------ names and paths for people and fingerprints */

/*
 * Appends "module!function", the same wherever the module was loaded: no addresses, no offset, no clone suffix (".cold",
 * ".constprop.0"), no version. Without a function "module+0x1234" (address in the file), without a module "?". 0 or -ENOMEM.
 */
int tt_sym_stable_name(struct tt_buf *buf, const struct tt_sym_frame *frame);

/* Appends a demangled name without its parameters and return type: "ns::C<int>::f(int, char)" -> "ns::C<int>::f". */
int tt_sym_short_name(struct tt_buf *buf, const char *function);

/*
 * The path of a source file for people: "." and ".." and doubled slashes resolved, options.source_root removed from its
 * beginning. Owned by s, valid until destroy. NULL for NULL, or out of memory.
 */
const char *tt_sym_source(struct tt_sym *s, const char *file);

/*
 * Length of the directory prefix, with its last slash, that all `count` paths share (NULL entries are skipped); 0: none.
 * Give it only the paths of the program itself, else libraries built elsewhere leave nothing in common.
 */
size_t tt_sym_common_dir(const char *const *paths, size_t count);

/*
 * Demangles one name (C++, Rust legacy and v0) into buf, appended. Returns 1 when it was a mangled name, 0 when nothing was
 * appended (not mangled, malformed, or beyond the limits of length and work), or -ENOMEM.
 */
int tt_sym_demangle(struct tt_buf *buf, const char *name);

#endif
