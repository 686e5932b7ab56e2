/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * finding.h - what a detector found: one structure for every rule, rendered by every output of lib/out.
 *
 * What it is not: detection (detect.h) or rendering. Strings belong to the set and live until tt_findings_deinit(). They may
 * hold names from the target, so outputs escape them. Called by the detectors, lib/out and the tools.
 */
#ifndef TT_FINDINGS_FINDING_H
#define TT_FINDINGS_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/model/model.h"
#include "lib/util/err.h"
#include "lib/util/hmap.h"
#include "lib/util/vec.h"

enum tt_rule {
#define TT_RULE(id, name, level, title, why, advice) TT_RULE_##id,
#define TT_DETECTOR(name)
#include "lib/findings/findings.def"
#undef TT_RULE
#undef TT_DETECTOR
	TT_RULE_MAX
};

enum tt_level { TT_LEVEL_NOTE, TT_LEVEL_WARNING, TT_LEVEL_ERROR, TT_LEVEL_MAX };

/* proven: it happened or is so; likely: what was measured hardly allows another reading; possible: look yourself. */
enum tt_confidence { TT_POSSIBLE, TT_LIKELY, TT_PROVEN, TT_CONFIDENCE_MAX };

/* Known: in the baseline. Suppressed: a line of a suppression file says that it is as it should be. Only open ones count. */
enum tt_finding_state { TT_FINDING_OPEN, TT_FINDING_KNOWN, TT_FINDING_SUPPRESSED, TT_FINDING_STATE_MAX };

struct tt_rule_info {
	const char *id;
	enum tt_level level;
	const char *title, *why, *advice;
};
extern const struct tt_rule_info tt_rules[TT_RULE_MAX];

const char *tt_level_name(enum tt_level level);
const char *tt_confidence_name(enum tt_confidence confidence);

/* The level called text ("note", "warning", "error"); -EINVAL with words otherwise. */
int tt_level_parse(const char *text, enum tt_level *ret, struct tt_err *err);

/* A stack worth showing: stack, or the site alone when stack is NULL. Borrowed from the model. */
struct tt_finding_stack {
	const char *label; /* "waits here", "the holder took it here" */
	const struct tt_site *site;
	const struct tt_stack *stack;
};

/*
 * One step of a cycle (deadlock, lock order): a thread holds one thing and wants another; the next step's thread holds that.
 * Locks are NULL where the thing is none (a thread that is joined, a barrier); the names say it in words then.
 */
struct tt_finding_edge {
	const struct tt_thread *thread; /* NULL: its record is gone */
	const char *thread_name;
	const struct tt_lock *held, *wanted;
	const char *held_name, *wanted_name;
	struct tt_finding_stack hold, want; /* where it was taken, where it is wanted; site NULL: not known */
};

/* A number for machines: the key carries the unit (wait_ns). */
struct tt_figure {
	const char *key;
	uint64_t value;
};

struct tt_finding {
	enum tt_rule rule;
	enum tt_level level;
	enum tt_confidence confidence;
	const char *reason; /* why this confidence */
	const char *title;  /* one sentence, without full stop */
	const char *why, *advice;
	const struct tt_process *process; /* where it was found; the costliest of several; NULL: not of one process */
	uint32_t count;                   /* how many times the same was found (other processes, other instances) */
	uint64_t cost_ns;                 /* time lost, for the ranking; 0 when there is none */
	uint64_t wall_ns;                 /* what cost_ns is a share of */
	uint64_t fingerprint;
	enum tt_finding_state state;
	const char *state_why; /* suppressed: the comment of that line; NULL: none */
	TT_VEC(const char *) evidence;
	TT_VEC(struct tt_figure) figures;
	TT_VEC(const struct tt_thread *) threads;
	TT_VEC(const struct tt_lock *) locks;
	TT_VEC(struct tt_finding_stack) stacks;
	TT_VEC(struct tt_finding_edge) edges; /* of a cycle, in its order; empty for all other findings */
};

struct tt_findings {
	TT_VEC(struct tt_finding) list;
	struct tt_smap strings;
	bool failed;  /* out of memory somewhere: sticky */
	bool explain; /* set by the caller: also notes on what is left out otherwise (lock-order-gated and -sequential) */
};
#define TT_FINDINGS_INIT      \
	{                     \
		.list = { 0 } \
	}

void tt_findings_deinit(struct tt_findings *set);

/* Frees what one finding owns, for whoever takes it out of the list. */
void tt_finding_deinit(struct tt_finding *f);

/* A new finding with the rule's level, advice and reason; its fingerprint starts from the rule. NULL when out of memory. */
struct tt_finding *tt_findings_add(struct tt_findings *set, enum tt_rule rule, const struct tt_process *process);

/* A formatted string that lives as long as the set; "" when out of memory (set->failed). */
const char *tt_findings_text(struct tt_findings *set, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Appends to a finding; failures are sticky in the set. Formatted text without full stop. `key` must be a literal. */
void tt_finding_evidence(struct tt_findings *set, struct tt_finding *f, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void tt_finding_figure(struct tt_findings *set, struct tt_finding *f, const char *key, uint64_t value);
void tt_finding_thread(struct tt_findings *set, struct tt_finding *f, const struct tt_thread *thread); /* NULL: nothing */
void tt_finding_lock(struct tt_findings *set, struct tt_finding *f, const struct tt_lock *lock);
void tt_finding_stack_as(struct tt_findings *set, struct tt_finding *f, const struct tt_finding_stack *stack);
void tt_finding_stack(struct tt_findings *set, struct tt_finding *f, const char *label, const struct tt_site *site,
	const struct tt_stack *stack);

/* Appends a step, as it is: its texts must live as long as the set (literals, tt_findings_text()). */
void tt_finding_edge(struct tt_findings *set, struct tt_finding *f, const struct tt_finding_edge *edge);

/*
 * Mixes a part into the fingerprint: names of functions and modules, kinds; never addresses, thread ids, counts or times,
 * so that it stays the same across runs, address-space layouts and edits elsewhere in the function.
 */
void tt_finding_identify(struct tt_finding *f, const char *part);

/*
 * Orders the findings (level, cost, rule, confidence, shorter cycles, fingerprint) and joins those of one fingerprint: the
 * costlier stays, count and cost add up. Returns 0 or -ENOMEM (from here or from any earlier call).
 */
int tt_findings_finish(struct tt_findings *set);

/* How many open findings have at least this level. */
size_t tt_findings_count(const struct tt_findings *set, enum tt_level at_least);

/* How many are in this state. */
size_t tt_findings_count_state(const struct tt_findings *set, enum tt_finding_state state);

#endif
