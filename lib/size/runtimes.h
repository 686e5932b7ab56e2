/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * runtimes.h - how many processors language runtimes and servers believe to have in a place, and whether that is right.
 * What it is not: reading limits (lib/proc): the caller gives the numbers. Called by threadsize and lib/out.
 */
#ifndef TT_SIZE_RUNTIMES_H
#define TT_SIZE_RUNTIMES_H

#include <stdbool.h>

/* What a runtime can see of a place. A quota of 0: none is set. */
struct tt_size_place {
	unsigned affinity, online; /* processors; 0: not known */
	double own_quota;          /* CPUs, of the control group itself */
	double least_quota;        /* CPUs, the smallest of the ancestry */
	bool v2;                   /* the quota is of version 2 */
	double effective_cpus;     /* what there really is; 0: not known */
};

enum tt_runtime_id {
#define TT_RUNTIME(id, ...) TT_RUNTIME_##id,
#include "lib/size/runtimes.def"
#undef TT_RUNTIME
	TT_RUNTIME_MAX
};

struct tt_runtime_choice {
	const char *id, *who, *what;
	unsigned cpus;    /* what it counts; 0: what it would read is not known */
	unsigned threads; /* threads by default */
};

enum tt_runtime_verdict {
	TT_RUNTIME_UNKNOWN,
	TT_RUNTIME_RIGHT, /* the real CPUs, rounded down or up */
	TT_RUNTIME_TOO_MANY,
	TT_RUNTIME_TOO_FEW,
};

/* What runtime i chooses in the place. */
struct tt_runtime_choice tt_runtime_choose(enum tt_runtime_id i, const struct tt_size_place *place);

/* Is the count right for effective CPUs? An idle processor or throttling is what a wrong one costs. */
enum tt_runtime_verdict tt_runtime_judge(unsigned cpus, double effective_cpus);

#endif
