/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sym_subject.h - the subjects of the symbol tests: compiled in many ways, run, and asked for the truth about themselves.
 * Called by tests/unit/test_sym_*.c.
 */
#ifndef TT_TESTS_SYM_SUBJECT_H
#define TT_TESTS_SYM_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/sym/symbols.h"

struct sym_place {
	char function[200];
	unsigned line;
};

struct sym_truth {
	uint64_t start, end, bias;
	uint8_t build_id[64];
	size_t build_id_len;
	uint64_t map_start, map_end, map_offset;
	size_t call_count;
	struct {
		uint64_t pc; /* a return address */
		size_t count;
		struct sym_place places[8]; /* innermost first */
	} calls[8];
	size_t data_count;
	struct {
		uint64_t address;
		char name[64];
	} data[4];
};

/* Compiles all subjects into a new directory, removed at exit. Returns the directory; ends the test when that fails. */
const char *subject_build(void);

/* NULL: the variant was made. Else why not; what gcc cannot make ends the test. */
const char *subject_missing(const char *variant);

/* DIR/variant. Each call overwrites one of a few buffers. */
const char *subject_path(const char *variant);

/* Runs a C or C++ variant and reads what it prints. Ends the test when it cannot be run. */
void subject_run(const char *variant, struct sym_truth *ret);

/* The module as a recording would describe it. path: NULL for that of the variant. */
struct tt_sym_module subject_module(const struct sym_truth *truth, const char *path);

/* A tt_sym of default options with debug_dirs (may be NULL) and one module. */
struct tt_sym *subject_sym(const struct tt_sym_module *module, const char *debug_dirs);

/* Runs a shell command in the subjects' directory; true when it succeeds. */
bool subject_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
