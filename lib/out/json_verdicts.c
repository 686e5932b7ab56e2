/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_verdicts.c - budgets, baseline and suppressions in the JSON report. See json.h. */
#include <inttypes.h>
#include <stdio.h>

#include "lib/out/json.h"

void tt_json_finding_state(struct tt_jsonw *j, struct tt_report *r, const struct tt_finding *f)
{
	TT_BUF_AUTO(line);
	tt_suppression_line(r->names, f, &line);
	tt_jsonw_bool(j, "known", f->state == TT_FINDING_KNOWN);
	tt_jsonw_bool(j, "suppressed", f->state == TT_FINDING_SUPPRESSED);
	tt_jsonw_text(j, "suppressed_why", f->state_why);
	tt_jsonw_text(j, "suppression", tt_buf_str(&line));
}

/* Whole nanoseconds and counts, all digits of them. */
static void put_value(struct tt_jsonw *j, const char *key, const struct tt_budget *b, double value)
{
	if (tt_budget_unit(b->what)[0] == 'p')
		tt_jsonw_real(j, key, value);
	else
		tt_jsonw_u64(j, key, (uint64_t)value);
}

static void put_budgets(struct tt_jsonw *j, const struct tt_budgets *set)
{
	const struct tt_budget *b;
	tt_jsonw_begin(j, "budgets", '[');
	for (b = set ? set->list.data : NULL; b && b < set->list.data + set->list.len; b++) {
		tt_jsonw_begin(j, NULL, '{');
		tt_jsonw_text(j, "name", tt_budget_name(b->what));
		tt_jsonw_text(j, "unit", tt_budget_unit(b->what));
		tt_jsonw_text(j, "operator", tt_budget_operator(b->op));
		put_value(j, "limit", b, b->limit);
		put_value(j, "value", b, b->value);
		tt_jsonw_bool(j, "broken", b->broken);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
}

static void put_gone(struct tt_jsonw *j, const struct tt_baseline_entry *e)
{
	char fingerprint[20];
	snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, e->fingerprint);
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "fingerprint", fingerprint);
	tt_jsonw_text(j, "rule", e->rule);
	tt_jsonw_text(j, "title", e->title);
	tt_jsonw_end(j, '}');
}

static void put_baseline(struct tt_jsonw *j, const struct tt_baseline *b)
{
	if (!b) {
		tt_jsonw_null(j, "baseline");
		return;
	}
	tt_jsonw_begin(j, "baseline", '{');
	tt_jsonw_text(j, "file", b->file);
	tt_jsonw_u64(j, "known", b->list.len - tt_baseline_gone(b));
	tt_jsonw_begin(j, "gone", '[');
	const struct tt_baseline_entry *e;
	vec_for_each (e, &b->list)
		if (!e->seen)
			put_gone(j, e);
	tt_jsonw_end(j, ']');
	tt_jsonw_end(j, '}');
}

static void put_suppressions(struct tt_jsonw *j, const struct tt_suppressions *set)
{
	const struct tt_suppression *s;
	tt_jsonw_begin(j, "suppressions", '[');
	for (s = set ? set->list.data : NULL; s && s < set->list.data + set->list.len; s++) {
		tt_jsonw_begin(j, NULL, '{');
		tt_jsonw_text(j, "file", s->file);
		tt_jsonw_u64(j, "line", s->line);
		tt_jsonw_text(j, "text", s->text);
		tt_jsonw_text(j, "why", s->why);
		tt_jsonw_u64(j, "used", s->used);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
}

void tt_json_verdicts(struct tt_jsonw *j, struct tt_report *r)
{
	put_budgets(j, r->opts.budgets);
	put_baseline(j, r->opts.baseline);
	put_suppressions(j, r->opts.suppressions);
}
