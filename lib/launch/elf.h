/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * elf.h - the few facts of an ELF file that decide whether a library can be preloaded into it.
 *
 * What it is not: a reader of symbols or sections (lib/sym). The file is hostile: all is bounds-checked. Called by
 * environment.c and unseen.c.
 */
#ifndef TT_LAUNCH_ELF_H
#define TT_LAUNCH_ELF_H

#include <limits.h>
#include <stdbool.h>

enum tt_elf_kind {
	TT_ELF_NONE,       /* no ELF file */
	TT_ELF_NATIVE,     /* of this machine's class and instruction set */
	TT_ELF_OTHER_BITS, /* 32 bits */
	TT_ELF_FOREIGN     /* another instruction set or byte order */
};

struct tt_elf {
	enum tt_elf_kind kind;
	bool shared;           /* may lie at any address: a library, or a position-independent program */
	char interpreter[256]; /* the loader that it asks for; "": none, so a library or a static program */
};

/* 0, also for files that are no ELF; -errno when the file cannot be read. */
int tt_elf_read(const char *path, struct tt_elf *ret);

#endif
