/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recorded.h - what the recorder knows of the threads of a live process: a plain list, so that lib/model's and lib/sym's words
 * for stacks and waits never meet in one file. Called by recording.c.
 */
#ifndef TT_DUMP_RECORDED_H
#define TT_DUMP_RECORDED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/util/err.h"
#include "lib/util/vec.h"

struct recorded_held {
	uint64_t address;
	uint64_t site;    /* return address of the acquisition; 0 unknown */
	uint64_t held_ns; /* 0 unknown */
	const char *kind; /* a literal */
	const char *name; /* valid until recorded_close(); NULL unknown */
	bool shared;
};

struct recorded_thread {
	uint32_t tid; /* as the process numbers it */
	bool waits;
	uint64_t object, wait_ns;
	const char *lock_name; /* as in held */
	uint32_t holder;       /* tid; 0 unknown */
	uint32_t first_held, held_count;
};

struct recorded {
	TT_VEC(struct recorded_thread) threads; /* those that live */
	TT_VEC(struct recorded_held) held;
	struct tt_model *model;
};

/* 0; -ENOENT: the process does not record; other errors with words. */
int recorded_open(pid_t pid, struct recorded *ret, struct tt_err *err);
void recorded_close(struct recorded *r);

#endif
