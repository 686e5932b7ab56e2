/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * text.h - what the sections of the text report share. Not for anyone outside lib/out.
 * Everything that these functions are given is raw: they escape it.
 */
#ifndef TT_OUT_TEXT_H
#define TT_OUT_TEXT_H

#include "lib/out/report.h"
#include "lib/util/buf.h"
#include "lib/util/table.h"
#include "lib/util/text.h"

struct tt_text {
	struct tt_report *r;
	const struct tt_term *term;
	struct tt_buf out;
	bool failed;                       /* out of memory in a table */
	const struct tt_stack *last_stack; /* printed last: not printed twice in a row */
};

#define TT_SECTION(id, name, function, help) void function(struct tt_text *t);
#include "lib/out/sections.def"
#undef TT_SECTION

/* Appends styled, escaped text to the line. */
void tt_text_put(struct tt_text *t, enum tt_style style, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void tt_text_newline(struct tt_text *t);

/* "Locks" and an empty line above. */
void tt_text_heading(struct tt_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A sentence, wrapped at the terminal's width: `lead` stands before it, further lines begin below its end. */
void tt_text_sentence(struct tt_text *t, unsigned indent, const char *lead, enum tt_style style, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* Prints and destroys the table; NULL is out of memory. */
void tt_text_table(struct tt_text *t, struct tt_table *table, unsigned indent);

/* "... and 12 more (--top 0 shows all)" when shown < total. */
void tt_text_more(struct tt_text *t, unsigned indent, uint64_t shown, uint64_t total);

/* How many of `total` rows opts.top allows. */
uint64_t tt_text_rows(const struct tt_text *t, uint64_t total);

/* A stack under its label, at most opts.frames frames; the site alone when the stack is NULL; nothing when both are. A stack
 * that was printed just before is only named. Set last_stack to NULL where a new subject begins. */
void tt_text_stack(
	struct tt_text *t, unsigned indent, const char *label, const struct tt_site *site, const struct tt_stack *stack);

/* The number under which the contention section shows this class; 0: not shown. */
#define TT_CONTENTION_HEADING "Who waits where for whom"
unsigned tt_text_detail(const struct tt_text *t, const struct tt_lock_class *c);

/* "worker_loop pool.c:123": for a cell. `unknown` when both are NULL. Valid as long as the report's names. */
const char *tt_text_place(struct tt_text *t, const struct tt_site *site, const struct tt_stack *stack, const char *unknown);

/* At the end of the findings: those that were suppressed, what of the baseline is gone, unused suppressions, budgets. */
void tt_text_verdicts(struct tt_text *t);

/* Time in locks; time waiting for work, events, others. */
uint64_t tt_waits_lock_ns(const struct ttrec_total waits[TTREC_WAIT_SLOTS]);
uint64_t tt_waits_idle_ns(const struct ttrec_total waits[TTREC_WAIT_SLOTS]);

/* The base of percentages of a class: wall time of the processes of its program. */
uint64_t tt_report_program_ns(const struct tt_report *r, unsigned program);

#endif
