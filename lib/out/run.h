/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * run.h - what a comparison has to know of a run: its programs, findings, the time lost at its locks, its pools. Taken from a
 * report, or read from one that was saved as JSON (threadtools.report/1); both give the same.
 *
 * What it is not: a comparison (diff.h). All texts belong to the run and are raw: escape them. Called by diff.c, threadreport
 * and the writer of the JSON report.
 */
#ifndef TT_OUT_RUN_H
#define TT_OUT_RUN_H

#include "lib/out/report.h"

/* The processes of one program together. */
struct tt_run_program {
	const char *name; /* of the file, without its folder */
	uint64_t wall_ns;
};

/* A class of locks, or the waits between two places for one. */
struct tt_run_lock {
	const char *program, *name;
	const char *waiter, *holder;                       /* places; NULL: all waits for the lock */
	uint64_t acquisitions, contended, wait_ns, max_ns; /* of a pair: acquisitions of its lock */
	double squares;                                    /* sum of the squared waits, ns^2 */
};

struct tt_run_pool {
	const char *program, *name, *place; /* start routine, where it is created */
	uint64_t created, peak, unjoined;
};

struct tt_run_finding {
	const char *rule, *title;
	enum tt_level level;
	enum tt_finding_state state;
	uint64_t fingerprint;
};

struct tt_run {
	TT_VEC(const char *) recordings; /* paths; NULL: not kept */
	TT_VEC(struct tt_run_program) programs;
	TT_VEC(struct tt_run_lock) locks;       /* all of TT_USE_LOCK, and all their pairs */
	TT_VEC(struct tt_run_pool) pools;       /* without threads of no known start routine */
	TT_VEC(struct tt_run_finding) findings; /* in the order of the report */
	uint64_t process_ns, lock_wait_ns, threads_peak;
	struct tt_smap texts;
};

/* 0 or -ENOMEM. The report is needed no longer than the call. */
int tt_run_of_report(struct tt_report *r, struct tt_run *ret);

/*
 * Reads a JSON report. 0; -errno with words: -EINVAL for anything that is not the whole report of a run (--top and filters
 * leave parts out), with the line where it is no JSON.
 */
int tt_run_load(const char *path, struct tt_run *ret, struct tt_err *err);

/* Whether `name` is to be read by that: a file that begins with '{' or is named .json, or a pipe; nothing else is. */
bool tt_run_is_saved(const char *name);

void tt_run_deinit(struct tt_run *run);

/* Sums of squared waits: of a class from its histogram, of a pair the class's share of it. */
double tt_run_class_squares(const struct tt_lock_class *c);
double tt_run_pair_squares(const struct tt_lock_class *c, const struct tt_wait *pair, double class_squares);

/* The name of the place as comparisons show it: the first function that is no wrapper. */
const char *tt_run_place(struct tt_report *r, const struct tt_site *site, const struct tt_stack *stack);

#endif
