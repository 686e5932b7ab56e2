/* SPDX-License-Identifier: GPL-3.0-or-later */
/* diff_text.c - a comparison for people. See diff.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/out/diff.h"
#include "lib/out/text.h"

/* Runs, and the verdict. */
static void put_runs(struct tt_text *t, const struct tt_diff *d)
{
	static const struct tt_column columns[] = {
		{.header = ""},
		{.header = "PROCESSES", .align = TT_ALIGN_RIGHT},
		{.header = "WALL", .align = TT_ALIGN_RIGHT},
		{.header = "LOST FOR LOCKS", .align = TT_ALIGN_RIGHT},
		{.header = "OF WALL", .align = TT_ALIGN_RIGHT},
		{.header = "FINDINGS", .align = TT_ALIGN_RIGHT},
	};
	const struct tt_run *const sides[] = {d->old, d->new};
	struct tt_table *table = tt_table_create(columns, sizeof(columns) / sizeof(*columns));
	for (unsigned i = 0; table && i < 2; i++) {
		const struct tt_run *r = sides[i];
		tt_table_cell(table, TT_STYLE_BOLD, "%s", i ? "new" : "old");
		tt_table_cell(table, TT_STYLE_NONE, "%zu", r->programs.len);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(r->process_ns).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(r->lock_wait_ns).s);
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(r->lock_wait_ns, r->process_ns).s);
		tt_table_cell(table, TT_STYLE_NONE, "%zu", r->findings.len);
	}
	tt_text_table(t, table, 0);
}

static void put_verdict(struct tt_text *t, const struct tt_diff *d)
{
	size_t new = 0, gone = 0, verdicts[TT_VERDICT_MAX] = {0};
	const struct tt_diff_finding *f;
	vec_for_each (f, &d->findings) {
		new += !f->old;
		gone += !f->new;
	}
	const struct tt_diff_lock *l;
	vec_for_each (l, &d->locks)
		verdicts[l->verdict]++;
	tt_text_newline(t);
	tt_text_sentence(t, 0, "", new || verdicts[TT_WORSE] ? TT_STYLE_WARNING : TT_STYLE_GOOD,
		"%zu new finding%s, %zu gone, %zu kept; %zu lock%s worse, %zu better", new, new == 1 ? "" : "s", gone,
		d->findings.len - new - gone, verdicts[TT_WORSE], verdicts[TT_WORSE] == 1 ? "" : "s", verdicts[TT_BETTER]);
}

static void put_finding(struct tt_text *t, const struct tt_run_finding *f)
{
	static const char *const states[TT_FINDING_STATE_MAX] = {"", ", known", ", suppressed"};
	tt_text_sentence(t, 2, "- ", TT_STYLE_NONE, "%s %s%s: %s [%016" PRIx64 "]", tt_level_name(f->level), f->rule,
		states[f->state], f->title, f->fingerprint);
}

/* Those that are only in one report, or in both. */
static void put_findings(struct tt_text *t, const struct tt_diff *d, const char *heading, bool in_old, bool in_new)
{
	size_t count = 0, number = 0;
	const struct tt_diff_finding *f;
	vec_for_each (f, &d->findings)
		count += (f->old != NULL) == in_old && (f->new != NULL) == in_new;
	if (!count)
		return;
	uint64_t rows = tt_text_rows(t, count);
	tt_text_heading(t, "%s", heading);
	vec_for_each (f, &d->findings)
		if ((f->old != NULL) == in_old && (f->new != NULL) == in_new && number++ < rows)
			put_finding(t, f->new ? f->new : f->old);
	tt_text_more(t, 2, rows, count);
}

static void put_share(struct tt_table *table, const struct tt_diff_side *s)
{
	if (s->there)
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_pct(s->wait_ns, s->wall_ns).s);
	else
		tt_table_cell(table, TT_STYLE_NONE, "-");
}

static void put_each(struct tt_table *table, const struct tt_diff_side *s)
{
	if (s->there && s->acquisitions)
		tt_table_cell(table, TT_STYLE_NONE, "%s", tt_ns(s->wait_ns / s->acquisitions).s);
	else
		tt_table_cell(table, TT_STYLE_NONE, "-");
}

static void put_lock(struct tt_table *table, const struct tt_diff_lock *l)
{
	tt_table_cell(table, l->verdict == TT_WORSE ? TT_STYLE_ERROR : TT_STYLE_GOOD, "%s", tt_verdict_name(l->verdict));
	if (l->waiter)
		tt_table_cell(table, TT_STYLE_CODE, "%s behind %s", l->waiter, l->holder);
	else
		tt_table_cell(table, TT_STYLE_LOCK, "%s", l->name);
	put_share(table, &l->old);
	put_share(table, &l->new);
	put_each(table, &l->old);
	put_each(table, &l->new);
}

static void put_locks(struct tt_text *t, const struct tt_diff_locks *list, const char *heading, const char *what)
{
	const struct tt_column columns[] = {
		{.header = ""},
		{.header = what, .flexible = true, .min = 16, .cut = TT_CUT_MIDDLE},
		{.header = "OLD: OF WALL", .align = TT_ALIGN_RIGHT},
		{.header = "NEW", .align = TT_ALIGN_RIGHT},
		{.header = "OLD: PER USE", .align = TT_ALIGN_RIGHT},
		{.header = "NEW", .align = TT_ALIGN_RIGHT},
	};
	size_t count = 0;
	const struct tt_diff_lock *l;
	vec_for_each (l, list)
		count += l->verdict != TT_SAME;
	if (!count)
		return;
	uint64_t rows = tt_text_rows(t, count);
	tt_text_heading(t, "%s", heading);
	struct tt_table *table = tt_table_create(columns, sizeof(columns) / sizeof(*columns));
	for (uint64_t i = 0; table && i < rows; i++) /* the same ones are last */
		put_lock(table, &list->data[i]);
	tt_text_table(t, table, 2);
	tt_text_more(t, 2, rows, count);
}

static void put_count(struct tt_table *table, bool there, uint64_t n)
{
	if (there)
		tt_table_cell(table, TT_STYLE_NONE, "%" PRIu64, n);
	else
		tt_table_cell(table, TT_STYLE_NONE, "-");
}

static void put_pools(struct tt_text *t, const struct tt_diff *d)
{
	static const struct tt_column columns[] = {
		{.header = "POOL", .flexible = true, .min = 12, .cut = TT_CUT_MIDDLE},
		{.header = "CREATED IN", .flexible = true, .min = 12, .cut = TT_CUT_MIDDLE},
		{.header = "OLD: AT ONCE", .align = TT_ALIGN_RIGHT},
		{.header = "NEW", .align = TT_ALIGN_RIGHT},
		{.header = "OLD: UNJOINED", .align = TT_ALIGN_RIGHT},
		{.header = "NEW", .align = TT_ALIGN_RIGHT},
	};
	if (!d->pools.len)
		return;
	uint64_t rows = tt_text_rows(t, d->pools.len);
	tt_text_heading(t, "Pools that changed");
	struct tt_table *table = tt_table_create(columns, sizeof(columns) / sizeof(*columns));
	for (uint64_t i = 0; table && i < rows; i++) {
		const struct tt_diff_pool *p = &d->pools.data[i];
		tt_table_cell(table, TT_STYLE_CODE, "%s", p->name);
		tt_table_cell(table, TT_STYLE_CODE, "%s", p->place);
		put_count(table, p->old.there, p->old.peak);
		put_count(table, p->new.there, p->new.peak);
		put_count(table, p->old.there, p->old.unjoined);
		put_count(table, p->new.there, p->new.unjoined);
	}
	tt_text_table(t, table, 2);
	tt_text_more(t, 2, rows, d->pools.len);
}

int tt_diff_text(struct tt_diff *d, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	struct tt_report rows = {.opts = *d->opts}; /* how many a list has */
	struct tt_text t = {.r = &rows, .term = term};
	put_runs(&t, d);
	put_verdict(&t, d);
	put_findings(&t, d, "New findings", false, true);
	put_findings(&t, d, "Findings that are gone", true, false);
	put_findings(&t, d, "Findings that were there before", true, true);
	put_locks(&t, &d->locks, "Time lost at locks, beyond noise", "LOCK");
	put_locks(&t, &d->pairs, "The same by who waits for whom", "WAITS IN");
	put_pools(&t, d);
	int rc = 0;
	if (t.failed || tt_buf_failed(&t.out))
		rc = tt_err_set(err, ENOMEM, "out of memory");
	else if (fwrite(tt_buf_str(&t.out), 1, t.out.len, file) != t.out.len)
		rc = tt_err_set(err, errno ? errno : EIO, "cannot write the report: %s", strerror(errno));
	tt_buf_deinit(&t.out);
	return rc;
}
