/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dump.h - shows a dump: as text in the manner of jstack, as JSON (threadtools.dump/1), as folded stacks for flame graphs.
 * Hidden threads are left out, but counted. Everything of the target is escaped here. Called by threaddump.
 */
#ifndef TT_OUT_DUMP_H
#define TT_OUT_DUMP_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/dump/dump.h"
#include "lib/util/buf.h"
#include "lib/util/term.h"

struct tt_dump_view {
	bool no_group;       /* each thread for itself, in the order of their ids */
	bool no_stacks;      /* the first part alone */
	bool native;         /* of threads with a stack of their runtime, the native one too */
	unsigned number, of; /* of a series of dumps; of 0: there is none */
};

/* Appends the text of one dump. 0 or -ENOMEM. */
int tt_dump_write_text(struct tt_dump *d, const struct tt_dump_view *view, const struct tt_term *term, struct tt_buf *out);

/*
 * Appends one line for each distinct stack: "process;pool;outer;...;inner 12". For flamegraph.pl, speedscope and others. 0 or
 * -ENOMEM.
 */
int tt_dump_write_folded(const struct tt_dump *d, struct tt_buf *out);

/* Writes the document of one dump, with a newline. 0 or -errno. */
int tt_dump_write_json(struct tt_dump *d, FILE *out);

/*
 * Appends a table of several processes, each dumped: threads, what they are at, what is wrong first. Children of others in the
 * list are indented below them. 0 or -ENOMEM.
 */
int tt_dump_write_overview(struct tt_dump *const *dumps, size_t count, const struct tt_term *term, struct tt_buf *out);

/* Appends who did not run in all of a series, whose last dump is d. 0 or -ENOMEM. */
int tt_dump_write_still(struct tt_dump *d, unsigned dumps, const struct tt_term *term, struct tt_buf *out);

/* ------------------------------------------------------------------ for the files of lib/out alone */

struct dump_out {
	struct tt_dump *d;
	const struct tt_dump_view *view;
	const struct tt_term *term;
	struct tt_buf *out;
	struct tt_buf line; /* for parts that must be escaped */
	bool plain;         /* do not escape: a table will do so */
};
/* Appends text of the target, escaped, in a style. */
void dump_out_raw(struct dump_out *o, enum tt_style style, const char *text);
/* Appends formatted text of our own, in a style: arguments must be harmless. */
void dump_out_say(struct dump_out *o, enum tt_style style, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* What the thread waits for, as one escaped phrase. */
void dump_out_wait(struct dump_out *o, const struct tt_dump_thread *t);
/* The same as a verb: "waits 3 s for mutex m", "is in poll of 2 descriptors, for 3 s". ns: since when; 0: unknown. */
void dump_out_waits(struct dump_out *o, const struct tt_dump_thread *t, uint64_t ns, const char *up_to);
/* "thread 4711 worker-3". */
void dump_out_thread(struct dump_out *o, const struct tt_dump_thread *t);
/* What is wrong, a line each. Returns how many. */
unsigned dump_out_findings(struct dump_out *o);
/* The same as a part of the dump: also when nothing is wrong, and with what the threads are at. */
void dump_out_verdict(struct dump_out *o);
void dump_out_threads(struct dump_out *o);
void dump_out_stack(struct dump_out *o, const struct tt_dump_thread *t, size_t limit);

#endif
