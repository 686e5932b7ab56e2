/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json.h - what the files of the JSON report share. Not for anyone outside lib/out. */
#ifndef TT_OUT_JSON_H
#define TT_OUT_JSON_H

#include "lib/out/jsonw.h"
#include "lib/out/report.h"

/* A place: {function, file, line, module, offset, address, inlined[]}; null for NULL. key: NULL inside an array. */
void tt_json_site(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_site *site);

/* An array of such places, innermost first; null for NULL. */
void tt_json_stack(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_stack *stack);

/* {id, serial, name} of a thread whose record may be gone (id null); null for serial 0. */
void tt_json_thread_ref(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_process *p,
	const struct tt_thread *thread, uint64_t serial);

/* "2026-11-21T03:14:15.123456789Z" of CLOCK_REALTIME; null for 0. */
void tt_json_time(struct tt_jsonw *j, const char *key, uint64_t real_ns);

/* {count, total, max, p50, p99, ongoing}: times in ns; p50 and p99 only with dist. */
void tt_json_waits(struct tt_jsonw *j, const char *key, const struct tt_waits *waits, const struct tt_dist *dist);
void tt_json_hold(struct tt_jsonw *j, const char *key, const struct tt_hold *hold);

void tt_json_locks(struct tt_jsonw *j, struct tt_report *r);
void tt_json_threads(struct tt_jsonw *j, struct tt_report *r);
void tt_json_findings(struct tt_jsonw *j, struct tt_report *r);

/* Budgets, baseline, suppressions; and of one finding: whether it is known or suppressed, and the line that would. */
void tt_json_verdicts(struct tt_jsonw *j, struct tt_report *r);
void tt_json_finding_state(struct tt_jsonw *j, struct tt_report *r, const struct tt_finding *f);

/* How many of `total` rows opts.top_all allows. */
static inline size_t tt_json_rows(const struct tt_report *r, size_t total)
{
	return r->opts.top_all && r->opts.top_all < total ? (size_t)r->opts.top_all : total;
}

#endif
