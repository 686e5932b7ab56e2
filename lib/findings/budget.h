/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * budget.h - limits that a run must keep: "wait_p99<2ms". A broken one is a finding of the rule budget-broken, with what was
 * measured and where it comes from. What can be limited is in budgets.def. Called by lib/out (report.c) and, for --budget, by
 * the tools.
 */
#ifndef TT_FINDINGS_BUDGET_H
#define TT_FINDINGS_BUDGET_H

#include <stdbool.h>

#include "lib/findings/detect.h"
#include "lib/util/buf.h"

enum tt_budget_what {
#define TT_BUDGET(function, name, unit, help) TT_BUDGET_##function,
#include "lib/findings/budgets.def"
#undef TT_BUDGET
	TT_BUDGET_MAX
};

/* What must be true: measured OPERATOR limit. */
enum tt_budget_op { TT_BUDGET_LESS, TT_BUDGET_AT_MOST, TT_BUDGET_EQUAL, TT_BUDGET_AT_LEAST, TT_BUDGET_MORE, TT_BUDGET_OP_MAX };

struct tt_budget {
	enum tt_budget_what what;
	enum tt_budget_op op;
	double limit; /* ns, percent, count */
	/* the latest check: */
	double value;
	bool broken;
};

/* Zeroed: none. */
struct tt_budgets {
	TT_VEC(struct tt_budget) list;
};

/* Takes "wait_p99<2ms"; operators < <= == >= >, blanks around them allowed. -EINVAL with words, or -ENOMEM. */
int tt_budgets_add(struct tt_budgets *set, const char *text, struct tt_err *err);
void tt_budgets_deinit(struct tt_budgets *set);

/* Appends one line per row of budgets.def: for --budget help. 0 or -ENOMEM. */
int tt_budgets_help(struct tt_buf *out);

/* Measures all, and adds a finding to d->set for each that is broken. Failures are sticky in the set. set may be NULL. */
void tt_budgets_check(struct tt_budgets *set, const struct tt_detect *d);

const char *tt_budget_name(enum tt_budget_what what);
const char *tt_budget_unit(enum tt_budget_what what); /* "ns", "pct", "count" */
const char *tt_budget_operator(enum tt_budget_op op);

/* Where a value comes from: what stands in the finding besides the value. NULL: nothing to show. */
struct tt_budget_source {
	const struct tt_lock_class *class;
	const struct tt_loop *loop;
	const struct tt_group *group;
	const struct tt_process *process;
};

#define TT_BUDGET(function, name, unit, help) \
	double tt_budget_##function(const struct tt_detect *d, struct tt_budget_source *from);
#include "lib/findings/budgets.def"
#undef TT_BUDGET

#endif
