/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text_verdicts.c - what files and limits of the command line made of the findings: the end of the findings' section. */
#include <inttypes.h>

#include "lib/out/text.h"

static void put_suppressed(struct tt_text *t)
{
	const struct tt_findings *set = &t->r->findings;
	size_t count = tt_findings_count_state(set, TT_FINDING_SUPPRESSED), number = 0;
	if (!count)
		return;
	uint64_t rows = tt_text_rows(t, count);
	tt_text_heading(t, "Suppressed");
	const struct tt_finding *f;
	vec_for_each (f, &set->list)
		if (f->state == TT_FINDING_SUPPRESSED && number++ < rows)
			tt_text_sentence(t, 3, "- ", TT_STYLE_NONE, "%s%s%s%s [%016" PRIx64 "]", f->title,
				f->state_why ? " (" : "", f->state_why ? f->state_why : "", f->state_why ? ")" : "",
				f->fingerprint);
	tt_text_more(t, 3, rows, count);
}

static void put_unused(struct tt_text *t, const struct tt_suppressions *set)
{
	if (!set || !tt_suppressions_unused(set))
		return;
	tt_text_heading(t, "Suppressions that matched nothing");
	const struct tt_suppression *s;
	vec_for_each (s, &set->list)
		if (!s->used)
			tt_text_sentence(t, 3, "- ", TT_STYLE_NONE, "%s:%u: %s", s->file, s->line, s->text);
}

static void put_gone(struct tt_text *t, const struct tt_baseline *b)
{
	size_t count = b ? tt_baseline_gone(b) : 0, number = 0;
	if (!count)
		return;
	uint64_t rows = tt_text_rows(t, count);
	tt_text_heading(t, "Gone since the baseline");
	const struct tt_baseline_entry *e;
	vec_for_each (e, &b->list)
		if (!e->seen && number++ < rows)
			tt_text_sentence(
				t, 3, "- ", TT_STYLE_NONE, "%s: %s [%016" PRIx64 "]", e->rule, e->title, e->fingerprint);
	tt_text_more(t, 3, rows, count);
}

static void put_value(struct tt_table *table, const struct tt_budget *b, double value)
{
	const char *unit = tt_budget_unit(b->what);
	if (unit[0] == 'n')
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns((uint64_t)value).s);
	else
		tt_table_cell(table, TT_STYLE_NONE, "%.4g%s", value, unit[0] == 'p' ? " %" : "");
}

static void put_budgets(struct tt_text *t, const struct tt_budgets *set)
{
	static const struct tt_column columns[] = {
		{.header = "BUDGET"},
		{.header = "MEASURED", .align = TT_ALIGN_RIGHT},
		{.header = "MUST BE"},
		{.header = "LIMIT", .align = TT_ALIGN_RIGHT},
		{.header = ""},
	};
	if (!set || !set->list.len)
		return;
	tt_text_heading(t, "Budgets");
	struct tt_table *table = tt_table_create(columns, sizeof(columns) / sizeof(*columns));
	const struct tt_budget *b;
	for (b = set->list.data; table && b < set->list.data + set->list.len; b++) {
		tt_table_cell(table, TT_STYLE_BOLD, "%s", tt_budget_name(b->what));
		put_value(table, b, b->value);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_budget_operator(b->op));
		put_value(table, b, b->limit);
		tt_table_cell(table, b->broken ? TT_STYLE_ERROR : TT_STYLE_GOOD, "%s", b->broken ? "broken" : "kept");
	}
	tt_text_table(t, table, 2);
}

void tt_text_verdicts(struct tt_text *t)
{
	put_suppressed(t);
	put_unused(t, t->r->opts.suppressions);
	put_gone(t, t->r->opts.baseline);
	put_budgets(t, t->r->opts.budgets);
}
