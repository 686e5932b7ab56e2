/* SPDX-License-Identifier: GPL-3.0-or-later */
/* diff_json.c - a comparison for programs: schema threadtools.diff/1 (tests/schema/diff-1.json). See diff.h. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/out/diff.h"
#include "lib/out/json.h"

static void put_run(struct tt_jsonw *j, const char *key, const struct tt_run *r)
{
	const char *const *recording;
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_begin(j, "recordings", '[');
	vec_for_each (recording, &r->recordings)
		tt_jsonw_text(j, NULL, *recording);
	tt_jsonw_end(j, ']');
	tt_jsonw_u64(j, "process_ns", r->process_ns);
	tt_jsonw_u64(j, "lock_wait_ns", r->lock_wait_ns);
	tt_jsonw_real(j, "lock_wait_pct", tt_share_pct(r->lock_wait_ns, r->process_ns));
	tt_jsonw_u64(j, "threads_peak", r->threads_peak);
	tt_jsonw_u64(j, "findings", r->findings.len);
	tt_jsonw_end(j, '}');
}

static void put_summary(struct tt_jsonw *j, const struct tt_diff *d)
{
	size_t new = 0, gone = 0, verdicts[TT_VERDICT_MAX] = {0};
	const struct tt_diff_finding *f;
	const struct tt_diff_lock *l;
	vec_for_each (f, &d->findings) {
		new += !f->old;
		gone += !f->new;
	}
	vec_for_each (l, &d->locks)
		verdicts[l->verdict]++;
	tt_jsonw_begin(j, "summary", '{');
	tt_jsonw_u64(j, "new", new);
	tt_jsonw_u64(j, "gone", gone);
	tt_jsonw_u64(j, "kept", d->findings.len - new - gone);
	tt_jsonw_u64(j, "worse", verdicts[TT_WORSE]);
	tt_jsonw_u64(j, "better", verdicts[TT_BETTER]);
	tt_jsonw_end(j, '}');
}

static void put_finding(struct tt_jsonw *j, const struct tt_diff_finding *pair)
{
	const struct tt_run_finding *f = pair->new ? pair->new : pair->old;
	char fingerprint[20];
	snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, f->fingerprint);
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "change", !pair->old ? "new" : pair->new ? "kept" : "gone");
	tt_jsonw_text(j, "rule", f->rule);
	tt_jsonw_text(j, "level", tt_level_name(f->level));
	tt_jsonw_text(j, "title", f->title);
	tt_jsonw_text(j, "fingerprint", fingerprint);
	tt_jsonw_bool(j, "known", f->state == TT_FINDING_KNOWN);
	tt_jsonw_bool(j, "suppressed", f->state == TT_FINDING_SUPPRESSED);
	tt_jsonw_end(j, '}');
}

/* null: the lock was not there. error_pct: standard error of the time lost. */
static void put_side(struct tt_jsonw *j, const char *key, const struct tt_diff_side *s)
{
	if (!s->there) {
		tt_jsonw_null(j, key);
		return;
	}
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "acquisitions", s->acquisitions);
	tt_jsonw_u64(j, "contended", s->contended);
	tt_jsonw_u64(j, "wait_ns", s->wait_ns);
	tt_jsonw_u64(j, "wait_max_ns", s->max_ns);
	tt_jsonw_real(j, "wall_pct", tt_share_pct(s->wait_ns, s->wall_ns));
	tt_jsonw_real(j, "per_acquisition_ns", s->acquisitions ? (double)s->wait_ns / (double)s->acquisitions : 0);
	tt_jsonw_real(j, "error_pct", s->wait_ns ? 100 * sqrt(s->squares) / (double)s->wait_ns : 0);
	tt_jsonw_end(j, '}');
}

static void put_locks(struct tt_jsonw *j, const char *key, const struct tt_diff_locks *list)
{
	const struct tt_diff_lock *l;
	tt_jsonw_begin(j, key, '[');
	vec_for_each (l, list) {
		if (!l->old.wait_ns && !l->new.wait_ns)
			continue;
		tt_jsonw_begin(j, NULL, '{');
		tt_jsonw_text(j, "program", l->program);
		tt_jsonw_text(j, "lock", l->name);
		if (l->waiter) {
			tt_jsonw_text(j, "waiter", l->waiter);
			tt_jsonw_text(j, "holder", l->holder);
		}
		tt_jsonw_text(j, "verdict", tt_verdict_name(l->verdict));
		put_side(j, "old", &l->old);
		put_side(j, "new", &l->new);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
}

static void put_pool_side(struct tt_jsonw *j, const char *key, const struct tt_diff_pool_side *s)
{
	if (!s->there) {
		tt_jsonw_null(j, key);
		return;
	}
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "created", s->created);
	tt_jsonw_u64(j, "peak", s->peak);
	tt_jsonw_u64(j, "unjoined", s->unjoined);
	tt_jsonw_end(j, '}');
}

static void put_pools(struct tt_jsonw *j, const struct tt_diff *d)
{
	const struct tt_diff_pool *p;
	tt_jsonw_begin(j, "pools", '[');
	vec_for_each (p, &d->pools) {
		tt_jsonw_begin(j, NULL, '{');
		tt_jsonw_text(j, "program", p->program);
		tt_jsonw_text(j, "name", p->name);
		tt_jsonw_text(j, "created_in", p->place);
		put_pool_side(j, "old", &p->old);
		put_pool_side(j, "new", &p->new);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
}

static void put_criterion(struct tt_jsonw *j, const struct tt_thresholds *limits)
{
	tt_jsonw_begin(j, "criterion", '{');
	tt_jsonw_real(j, "diff_pct", limits->value[TT_THRESHOLD_DIFF_PCT]);
	tt_jsonw_real(j, "diff_sigma", limits->value[TT_THRESHOLD_DIFF_SIGMA]);
	tt_jsonw_real(j, "diff_min_ns", limits->value[TT_THRESHOLD_DIFF_MIN]);
	tt_jsonw_real(j, "diff_share_pct", limits->value[TT_THRESHOLD_DIFF_SHARE]);
	tt_jsonw_end(j, '}');
}

int tt_diff_json(struct tt_diff *d, FILE *file, struct tt_err *err)
{
	struct tt_jsonw w = {.file = file}, *j = &w;
	const struct tt_diff_finding *f;
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "schema", "threadtools.diff/1");
	tt_jsonw_begin(j, "tool", '{');
	tt_jsonw_text(j, "name", d->opts->tool);
	tt_jsonw_text(j, "version", TT_VERSION);
	tt_jsonw_end(j, '}');
	put_run(j, "old", d->old);
	put_run(j, "new", d->new);
	put_criterion(j, &d->opts->thresholds);
	put_summary(j, d);
	tt_jsonw_begin(j, "findings", '[');
	vec_for_each (f, &d->findings)
		put_finding(j, f);
	tt_jsonw_end(j, ']');
	put_locks(j, "locks", &d->locks);
	put_locks(j, "waits", &d->pairs);
	put_pools(j, d);
	tt_jsonw_end(j, '}');
	int rc = tt_jsonw_finish(j);
	return rc < 0 ? tt_err_set(err, -rc, "cannot write the report: %s", strerror(-rc)) : 0;
}
