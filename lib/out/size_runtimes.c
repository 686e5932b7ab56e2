/* SPDX-License-Identifier: GPL-3.0-or-later */
/* size_runtimes.c - what runtimes would choose in a place, and where that is wrong, as text and as JSON (size.h). */
#include "lib/core/attrs.h"
#include "lib/out/size_private.h"

static const char *const verdicts[] = {"unknown", "right", "too-many", "too-few"};

static void verdict_cell(struct tt_table *table, const struct tt_runtime_choice *c, double effective)
{
	switch (tt_runtime_judge(c->cpus, effective)) {
	case TT_RUNTIME_RIGHT:
		tt_table_cell(table, TT_STYLE_GOOD, "right");
		break;
	case TT_RUNTIME_TOO_MANY:
		tt_table_cell(table, TT_STYLE_WARNING, "%.2g times the CPU that there is", c->cpus / effective);
		break;
	case TT_RUNTIME_TOO_FEW:
		tt_table_cell(table, TT_STYLE_WARNING, "%.2g CPUs stay unused", effective - c->cpus);
		break;
	default:
		tt_table_cell(table, TT_STYLE_DIM, "unknown");
	}
}

void tt_size_text_runtimes(struct tt_size_writer *w)
{
	static const struct tt_column columns[] = {
		{.header = "RUNTIME"},
		{.header = "CPUS", .align = TT_ALIGN_RIGHT},
		{.header = "THREADS", .align = TT_ALIGN_RIGHT},
		{.header = "VERDICT"},
		{.header = "DECIDES", .flexible = true, .min = 12},
	};
	const struct tt_size_place place = tt_size_place_of(w->doc->limits);
	struct tt_table *table = tt_table_create(columns, ARRAY_SIZE(columns));
	tt_size_heading(w, "What runtimes would choose here");
	for (int i = 0; table && i < TT_RUNTIME_MAX; i++) {
		struct tt_runtime_choice c = tt_runtime_choose((enum tt_runtime_id)i, &place);
		tt_table_cell(table, TT_STYLE_BOLD, "%s", c.who);
		tt_table_cell(table, TT_STYLE_NONE, c.cpus ? "%u" : "?", c.cpus);
		tt_table_cell(table, TT_STYLE_NONE, c.threads ? "%u" : "?", c.threads);
		verdict_cell(table, &c, place.effective_cpus);
		tt_table_cell(table, TT_STYLE_DIM, "%s", c.what);
	}
	if (table)
		tt_table_set_indent(table, 2);
	tt_size_table(w, table);
}

void tt_size_json_runtimes(struct tt_jsonw *j, const struct tt_limits *l)
{
	const struct tt_size_place place = tt_size_place_of(l);
	tt_jsonw_begin(j, "runtimes", '{');
	for (int i = 0; i < TT_RUNTIME_MAX; i++) {
		struct tt_runtime_choice c = tt_runtime_choose((enum tt_runtime_id)i, &place);
		tt_jsonw_begin(j, c.id, '{');
		tt_jsonw_text(j, "who", c.who);
		if (c.cpus)
			tt_jsonw_u64(j, "cpus", c.cpus);
		else
			tt_jsonw_null(j, "cpus");
		if (c.threads)
			tt_jsonw_u64(j, "threads", c.threads);
		else
			tt_jsonw_null(j, "threads");
		tt_jsonw_text(j, "verdict", verdicts[tt_runtime_judge(c.cpus, place.effective_cpus)]);
		tt_jsonw_text(j, "decides", c.what);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, '}');
}
