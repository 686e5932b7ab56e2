/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * folded.h - time waited, by stack: what flame graphs are made of.
 * Called by folded.c's own outputs and by html_graphs.c.
 */
#ifndef TT_OUT_FOLDED_H
#define TT_OUT_FOLDED_H

#include "lib/out/report.h"

struct tt_folded_line {
	const char *stack; /* frames from the outermost to the innermost, separated by ';', each cleaned */
	uint64_t wait_ns;
};

struct tt_folded {
	struct tt_smap stacks;
	TT_VEC(struct tt_folded_line) lines; /* longest time first, then by text */
};

/* How many frames of a stack are kept, the innermost ones. */
#define TT_FOLDED_FRAMES 128

/*
 * Sums the waits of the report by the stack of the waiter, or by where the holder let go (took it, when that is not known).
 * Below the program's name come the frames, and last the lock. 0 or -ENOMEM; tt_folded_deinit() in either case.
 */
int tt_folded_collect(struct tt_report *r, bool by_holder, struct tt_folded *ret);
void tt_folded_deinit(struct tt_folded *f);

/* What a program was called as: links bring it to files of other names. Raw text. */
const char *tt_folded_program(const struct tt_process *p);

/* Appends one frame: ';' and controls become \xNN, blanks '_', invalid UTF-8 U+FFFD. */
void tt_folded_frame(struct tt_buf *out, const char *text);

#endif
