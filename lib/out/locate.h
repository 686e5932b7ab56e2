/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * locate.h - where in the source a finding points to: for outputs that others turn into links (SARIF, annotations, JUnit).
 * What it is not: the names that people read (names.h). Not for anyone outside lib/out.
 */
#ifndef TT_OUT_LOCATE_H
#define TT_OUT_LOCATE_H

#include "lib/out/report.h"

/* Raw texts, valid as long as the report's names. */
struct tt_spot {
	const char *file;     /* below opts.root when that is known, see relative; NULL: not known */
	bool relative;        /* file is a path below the source root */
	unsigned line;        /* 0: not known */
	const char *function; /* NULL: not known */
	const char *module;   /* path of the ELF file; NULL: code outside all modules */
	uint64_t offset;      /* within it */
};

/* The telling place of a stack; a place below the source root comes before it. All zero when both are NULL. */
struct tt_spot tt_locate(struct tt_report *r, const struct tt_site *site, const struct tt_stack *stack);

/* The same of a finding: its first stack that has a source file, else its first one; of a cycle, where a lock is wanted. */
struct tt_spot tt_locate_finding(struct tt_report *r, const struct tt_finding *f);

/* The same of one address. */
struct tt_spot tt_locate_place(struct tt_report *r, const struct tt_place *place);

/* Appends a path as the path of a URI: what is not unreserved becomes %XX. */
int tt_locate_uri(struct tt_buf *out, const char *path);

/* Steps that are shown with their stacks, where a reader takes all of a document: the JSON report alone has all. */
#define TT_LOCATE_FLOWS 200u

/* The i-th stack of a finding: its own, then hold and want of each step of a cycle. False beyond the last that is shown. */
bool tt_locate_stack(const struct tt_finding *f, size_t i, struct tt_finding_stack *ret);

/*
 * The steps of a cycle in words, a line each: who holds what, taken where, and wants what where. Of a long one the first, and
 * how many more there are. Raw text, valid during the call of put.
 */
#define TT_LOCATE_STEPS 20u
void tt_locate_steps(struct tt_report *r, const struct tt_finding *f, void (*put)(void *to, const char *line), void *to);

/* Who writes the report and for which program, as a name of a suite: "threadcheck: redis-server". Valid as the names. */
const char *tt_locate_program(const struct tt_report *r);

#endif
