/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * suppress.h - suppressions: lines of a file that say which findings are as they should be. The format is in threadtools(7):
 *
 *   lock-order-cycle function:worker_* lock:cache_lock   # the two never run at once
 *
 * A finding is suppressed when one line's rule and all its patterns match; a pattern matches any frame, lock or thread of the
 * finding. What it is not: a filter, since suppressed findings are still counted and written. Called by report.c and the tools.
 */
#ifndef TT_OUT_SUPPRESS_H
#define TT_OUT_SUPPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/findings/finding.h"
#include "lib/util/buf.h"
#include "lib/util/err.h"
#include "lib/util/hmap.h"
#include "lib/util/vec.h"

struct tt_names;

/* What a pattern looks at: the words before its colon. */
enum tt_suppress_key {
	TT_SUPPRESS_FUNCTION,
	TT_SUPPRESS_FILE,
	TT_SUPPRESS_MODULE,
	TT_SUPPRESS_LOCK,
	TT_SUPPRESS_THREAD,
	TT_SUPPRESS_FINGERPRINT,
	TT_SUPPRESS_KEY_MAX
};

struct tt_suppress_pattern {
	enum tt_suppress_key key;
	const char *glob;
};

struct tt_suppression {
	const char *file; /* where it stands */
	unsigned line;
	const char *text; /* without the comment */
	const char *why;  /* the comment; NULL: none */
	const char *rule; /* a glob */
	TT_VEC(struct tt_suppress_pattern) patterns;
	uint64_t used; /* findings that it suppresses */
};

/* Zeroed: empty. Texts live as long as the set. */
struct tt_suppressions {
	TT_VEC(struct tt_suppression) list;
	struct tt_smap strings;
};
void tt_suppressions_deinit(struct tt_suppressions *set);

/* Adds the lines of a file. 0 or -errno with "file:line: reason"; the set may hold some of the lines then. */
int tt_suppressions_load(struct tt_suppressions *set, const char *path, struct tt_err *err);

/* The same from memory; `name` stands for the file in messages. */
int tt_suppressions_parse(struct tt_suppressions *set, const char *name, const char *text, size_t len, struct tt_err *err);

/* Marks the findings that a line suppresses, and counts what each line suppresses. NULL: no lines. Can be called again. */
void tt_suppressions_apply(struct tt_suppressions *set, struct tt_names *names, struct tt_findings *findings);

/* Lines that suppress nothing. */
size_t tt_suppressions_unused(const struct tt_suppressions *set);

/* Appends a line that suppresses this finding and its like, ready to be pasted into a file. 0 or -ENOMEM. */
int tt_suppression_line(struct tt_names *names, const struct tt_finding *f, struct tt_buf *out);

/* True when the line's rule and all its patterns match. */
bool tt_suppression_matches(const struct tt_suppression *s, struct tt_names *names, const struct tt_finding *f);

extern const char *const tt_suppress_keys[TT_SUPPRESS_KEY_MAX + 1];

#endif
