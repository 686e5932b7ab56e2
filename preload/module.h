/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* module.h - what the loader knows of one mapped object, without its lock. */
#ifndef TT_PRELOAD_MODULE_H
#define TT_PRELOAD_MODULE_H

#include <stdbool.h>
#include <stdint.h>

struct tt_object {
	uint64_t start, end, bias;
	const char *path;        /* "" for the main program; owned by the loader */
	const uint8_t *build_id; /* NULL: none */
	uint32_t build_id_len;
};

/* The object that pc lies in. False: none (JIT code, or a C library without _dl_find_object). */
bool tt_object_find(uint64_t pc, struct tt_object *ret);

/* A function of the C library itself, not of one that stands in for it. */
bool tt_object_is_libc(uint64_t pc);

/* Forgets which modules are known, after dlclose: the next use of an address records them again if they changed. */
void tt_modules_forget(void);

#endif
