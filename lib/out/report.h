/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * report.h - the report: facts, findings and names of one or more recordings, selected and ordered, ready for any output.
 *
 *   struct tt_report_opts opts;
 *   tt_report_opts_init(&opts);
 *   if (tt_report_create(model, &opts, &report, &err) == 0)          // takes the finished model over
 *           tt_report_write(report, TT_FORMAT_TEXT, stdout, &term, &err);
 *   tt_report_destroy(report);
 *
 * Called by threadcheck and threadreport.
 */
#ifndef TT_OUT_REPORT_H
#define TT_OUT_REPORT_H

#include <stdio.h>

#include "lib/findings/budget.h"
#include "lib/findings/finding.h"
#include "lib/findings/thresholds.h"
#include "lib/model/model.h"
#include "lib/out/baseline.h"
#include "lib/out/names.h"
#include "lib/out/suppress.h"
#include "lib/util/term.h"

enum tt_format {
#define TT_FORMAT(id, name, writer, help) TT_FORMAT_##id,
#include "lib/out/formats.def"
#undef TT_FORMAT
	TT_FORMAT_MAX
};
enum tt_section {
#define TT_SECTION(id, name, function, help) TT_SECTION_##id,
#include "lib/out/sections.def"
#undef TT_SECTION
	TT_SECTION_MAX
};
enum tt_sort {
#define TT_SORT(id, name, value, help) TT_SORT_##id,
#include "lib/out/sorts.def"
#undef TT_SORT
	TT_SORT_MAX
};

/* NULL-terminated lists of the names, for option tables; helps in the same order. */
extern const char *const tt_format_names[TT_FORMAT_MAX + 1], *const tt_format_helps[TT_FORMAT_MAX];
extern const char *const tt_section_names[TT_SECTION_MAX + 1], *const tt_section_helps[TT_SECTION_MAX];
extern const char *const tt_sort_names[TT_SORT_MAX + 1], *const tt_sort_helps[TT_SORT_MAX];

/* Patterns: shell globs when they hold * ? [, else parts of the text; letters of either case. An empty list matches all. */
struct tt_patterns {
	const char *const *items;
	size_t len;
};

struct tt_report_opts {
	const char *tool; /* who writes it: "threadreport" */
	struct tt_thresholds thresholds;
	struct tt_names_opts names;
	uint64_t top;     /* rows per list in text; 0 = all */
	uint64_t top_all; /* rows per list in JSON; 0 = all */
	uint64_t details; /* locks shown in detail in text */
	uint64_t frames;  /* frames per stack in text; 0 = all */
	enum tt_sort sort;
	unsigned sections; /* bit set of enum tt_section */
	bool each;         /* text lists every lock, not classes */
	bool explain;      /* notes on lock orders that look wrong but cannot deadlock */
	struct tt_patterns locks, threads, sites;
	struct tt_budgets *budgets;           /* these three: NULL: none; the report notes in them what it found */
	struct tt_suppressions *suppressions; /* (broken, used, seen), so one report at a time */
	struct tt_baseline *baseline;
	const char *root;      /* absolute directory that SARIF and annotations name files from; NULL: none */
	enum tt_level fail_on; /* what JUnit calls a failure; TT_LEVEL_MAX: nothing */
};
void tt_report_opts_init(struct tt_report_opts *opts);

/* Takes "summary,locks" or "all" into opts->sections. -EINVAL with words. */
int tt_report_parse_sections(const char *list, unsigned *ret, struct tt_err *err);

/* What passed the filters, in the order asked for. Borrowed from the model. */
struct tt_report {
	struct tt_model *model;
	struct tt_names *names;
	struct tt_report_opts opts;
	struct tt_findings findings;
	TT_VEC(const struct tt_lock_class *) classes; /* of TT_USE_LOCK, and whatever a filter names */
	TT_VEC(const struct tt_lock *) locks;
	TT_VEC(const struct tt_group *) groups;   /* most lock wait first, then most threads */
	TT_VEC(const struct tt_thread *) threads; /* most lock wait first; without past ones */
	TT_VEC(const struct tt_wait *) waits;     /* pairs of all selected classes, and joins; most wait first */
	TT_VEC(const struct tt_loop *) loops;
	struct tt_hmap json_sites, json_frames; /* places -> their JSON: see json.c */
};

/* Takes the model over, on failure too. Texts in opts must outlive the report. 0 or -errno. */
int tt_report_create(struct tt_model *model, const struct tt_report_opts *opts, struct tt_report **ret, struct tt_err *err);
void tt_report_destroy(struct tt_report *report);

/*
 * Decides the state of each finding: suppressed, known or open; and checks the budgets. tt_report_create() does it; whoever
 * adds findings afterwards calls it again. 0 or -ENOMEM.
 */
int tt_report_settle(struct tt_report *report);

/* Writes and flushes. term: what text may use; NULL = plain. 0 or -errno with words (also for a full disk). */
int tt_report_write(
	struct tt_report *report, enum tt_format format, FILE *file, const struct tt_term *term, struct tt_err *err);

/*
 * One --report FORMAT[=FILE]: opens FILE ("-" or nothing: stdout), writes, closes. threadcheck passes stderr as `standard`.
 * -EINVAL when the format is not known.
 */
int tt_report_write_spec(struct tt_report *report, const char *spec, FILE *standard, enum tt_color color, struct tt_err *err);

/* The parts of a spec; *path is "-" for the standard stream. -EINVAL with words. */
int tt_report_split_spec(const char *spec, enum tt_format *format, const char **path, struct tt_err *err);

/* Checks a spec before the work begins. 0 or -EINVAL with words. */
int tt_report_check_spec(const char *spec, struct tt_err *err);

/* True when some open finding has at least this level. */
bool tt_report_found(const struct tt_report *report, enum tt_level at_least);

#define TT_FORMAT(id, name, writer, help) \
	int writer(struct tt_report *report, FILE *file, const struct tt_term *term, struct tt_err *err);
#include "lib/out/formats.def"
#undef TT_FORMAT

#endif
