/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * diff.h - two runs compared: findings new, gone and kept; locks that cost more or less than before; pools that changed.
 *
 * Runs are of different length, so times are compared as rates: time lost at a lock per wall time of its program, and per
 * acquisition. A rate changed when all of this is true (thresholds.def, diff-*):
 *  - it is diff-pct percent above the other one, or the other one so much above it;
 *  - the difference is more than diff-sigma standard errors. Waits count as a compound Poisson process: the standard error of a
 *    sum of waits x is sqrt(sum of x^2), from the histogram; that of a difference is the root of the squared errors' sum;
 *  - over the wall time (the acquisitions) of the new run the difference is diff-min, and diff-share percent of its wall time.
 * A lock is worse when its share of the wall time is, or that did not change and its time per acquisition is worse.
 *
 * What it is not: a statement about why. Called by threadreport.
 */
#ifndef TT_OUT_DIFF_H
#define TT_OUT_DIFF_H

#include "lib/out/run.h"

enum tt_verdict { TT_SAME, TT_BETTER, TT_WORSE, TT_VERDICT_MAX };

/* One side of a lock or of a pair of places. */
struct tt_diff_side {
	bool there;
	uint64_t acquisitions, contended, wait_ns, max_ns; /* of a pair: acquisitions of its lock */
	uint64_t wall_ns;                                  /* of the program */
	double squares;                                    /* sum of the squared waits, ns^2 */
};

struct tt_diff_lock {
	const char *program, *name;
	const char *waiter, *holder; /* of a pair; NULL: the lock itself */
	struct tt_diff_side old, new;
	enum tt_verdict verdict;
};

/* A vector, as of vec.h. */
struct tt_diff_locks {
	struct tt_diff_lock *data;
	size_t len, cap;
};

struct tt_diff_pool_side {
	bool there;
	uint64_t created, peak, unjoined;
};
struct tt_diff_pool {
	const char *program, *name, *place;
	struct tt_diff_pool_side old, new;
};

/* At least one of the two is there. */
struct tt_diff_finding {
	const struct tt_run_finding *old, *new;
};

struct tt_diff {
	const struct tt_run *old, *new; /* these three: borrowed */
	const struct tt_report_opts *opts;
	TT_VEC(struct tt_diff_finding) findings; /* new ones, then kept, then gone; each by weight */
	struct tt_diff_locks locks;              /* worse, better, same; each by the change of the time lost */
	struct tt_diff_locks pairs;              /* likewise */
	TT_VEC(struct tt_diff_pool) pools;       /* those that changed */
};

/* Compares. All that is given must outlive the result; of opts: thresholds, rows of a list, the tool. 0 or -ENOMEM. */
int tt_diff_create(const struct tt_run *old, const struct tt_run *new, const struct tt_report_opts *opts, struct tt_diff *ret);
void tt_diff_deinit(struct tt_diff *d);

/* True when a new open finding has this level, or a lock got worse. */
bool tt_diff_found(const struct tt_diff *d, enum tt_level at_least);

/* Which of the two rates is higher, by the rule above. d1, d2: what sums are divided by (ns of wall time, acquisitions). */
enum tt_verdict tt_diff_compare(const struct tt_diff_side *old, const struct tt_diff_side *new, double d1, double d2,
	const struct tt_thresholds *limits);
enum tt_verdict tt_diff_verdict(
	const struct tt_diff_side *old, const struct tt_diff_side *new, const struct tt_thresholds *limits);

/* Writes as FORMAT[=FILE]; text and json only, -EINVAL else. */
int tt_diff_write_spec(struct tt_diff *d, const char *spec, FILE *standard, enum tt_color color, struct tt_err *err);

/* The two formats. 0 or -errno with words. */
int tt_diff_text(struct tt_diff *d, FILE *file, const struct tt_term *term, struct tt_err *err);
int tt_diff_json(struct tt_diff *d, FILE *file, struct tt_err *err);

const char *tt_verdict_name(enum tt_verdict verdict);

#endif
