/* SPDX-License-Identifier: GPL-3.0-or-later */
/* budget.c - reads budgets, compares, and says what is broken. The measuring is in budget_values.c. See budget.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/findings/budget.h"
#include "lib/util/parse.h"
#include "lib/util/text.h"

static const struct {
	const char *name;
	enum tt_threshold_unit unit;
	const char *help;
	double (*value)(const struct tt_detect *d, struct tt_budget_source *from);
} rows[TT_BUDGET_MAX] = {
#define TT_BUDGET(function, name, unit, help) {name, TT_UNIT_##unit, help, tt_budget_##function},
#include "lib/findings/budgets.def"
#undef TT_BUDGET
};

static const char *const operators[TT_BUDGET_OP_MAX] = {[TT_BUDGET_LESS] = "<",
	[TT_BUDGET_AT_MOST] = "<=",
	[TT_BUDGET_EQUAL] = "==",
	[TT_BUDGET_AT_LEAST] = ">=",
	[TT_BUDGET_MORE] = ">"};

const char *tt_budget_name(enum tt_budget_what what)
{
	return rows[what].name;
}

const char *tt_budget_unit(enum tt_budget_what what)
{
	static const char *const units[] = {[TT_UNIT_DURATION] = "ns", [TT_UNIT_PERCENT] = "pct", [TT_UNIT_COUNT] = "count"};
	return units[rows[what].unit];
}

const char *tt_budget_operator(enum tt_budget_op op)
{
	return operators[op];
}

void tt_budgets_deinit(struct tt_budgets *set)
{
	tt_vec_deinit(&set->list);
}

/* ------------------------------------------------------------------ reading */

static int find_row(const char *name, size_t len, enum tt_budget_what *ret, struct tt_err *err)
{
	for (unsigned i = 0; i < TT_BUDGET_MAX; i++) {
		if (strlen(rows[i].name) == len && strncmp(rows[i].name, name, len) == 0) {
			*ret = (enum tt_budget_what)i;
			return 0;
		}
	}
	return tt_err_set(err, EINVAL, "nothing to limit is called '%.*s'; --budget help lists the names",
		(int)(len < 60 ? len : 60), name);
}

/* The longest operator at text. */
static bool find_operator(const char *text, enum tt_budget_op *ret)
{
	size_t longest = 0;
	for (unsigned i = 0; i < TT_BUDGET_OP_MAX; i++) {
		size_t len = strlen(operators[i]);
		if (len > longest && strncmp(text, operators[i], len) == 0) {
			longest = len;
			*ret = (enum tt_budget_op)i;
		}
	}
	return longest > 0;
}

static int parse_limit(enum tt_threshold_unit unit, const char *text, double *ret, struct tt_err *err)
{
	uint64_t n = 0;
	if (unit == TT_UNIT_PERCENT)
		return tt_parse_percent(text, 1e9, ret, err);
	int rc =
		unit == TT_UNIT_DURATION ? tt_parse_duration(text, &n, err) : tt_parse_u64(text, 0, UINT64_C(1) << 53, &n, err);
	if (rc == 0)
		*ret = (double)n;
	return rc;
}

int tt_budgets_add(struct tt_budgets *set, const char *text, struct tt_err *err)
{
	struct tt_budget b = {.op = TT_BUDGET_LESS};
	size_t len = strcspn(text, "<=> ");
	const char *at = text + len + strspn(text + len, " ");
	if (len == 0 || !find_operator(at, &b.op))
		return tt_err_set(err, EINVAL, "'%s' is not of the form NAME<LIMIT (operators: < <= == >= >)", text);
	int rc = find_row(text, len, &b.what, err);
	if (rc < 0)
		return rc;
	at += strlen(operators[b.op]);
	at += strspn(at, " ");
	rc = parse_limit(rows[b.what].unit, at, &b.limit, err);
	if (rc < 0)
		return tt_err_prefix(err, "budget '%s'", rows[b.what].name);
	return tt_vec_push(&set->list, b) ? tt_err_set(err, ENOMEM, "out of memory") : 0;
}

int tt_budgets_help(struct tt_buf *out)
{
	static const char *const examples[] = {[TT_UNIT_DURATION] = "2ms", [TT_UNIT_PERCENT] = "5%", [TT_UNIT_COUNT] = "64"};
	for (unsigned i = 0; i < TT_BUDGET_MAX; i++)
		tt_buf_printf(out, "  %-18s %4s  %s\n", rows[i].name, examples[rows[i].unit], rows[i].help);
	return tt_buf_failed(out) ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------ checking */

static bool holds(double value, enum tt_budget_op op, double limit)
{
	switch (op) {
	case TT_BUDGET_LESS:
		return value < limit;
	case TT_BUDGET_AT_MOST:
		return value <= limit;
	case TT_BUDGET_EQUAL:
		return value <= limit && value >= limit;
	case TT_BUDGET_AT_LEAST:
		return value >= limit;
	case TT_BUDGET_MORE:
		return value > limit;
	case TT_BUDGET_OP_MAX:
		break;
	}
	return false;
}

static const char *value_text(const struct tt_detect *d, enum tt_threshold_unit unit, double value)
{
	switch (unit) {
	case TT_UNIT_DURATION:
		return tt_findings_text(d->set, "%s", tt_ns((uint64_t)value).s);
	case TT_UNIT_PERCENT:
		return tt_findings_text(d->set, "%.3g %%", value);
	case TT_UNIT_COUNT:
		break;
	}
	return tt_findings_text(d->set, "%.0f", value);
}

static void add_class(const struct tt_detect *d, struct tt_finding *f, const struct tt_lock_class *c)
{
	tt_finding_evidence(d->set, f, "the worst is %s: %s of %s acquisitions had to wait, %s in all, the longest %s",
		tt_detect_lock_name(d, c), tt_count(c->contended).s, tt_count(c->ops.acquisitions).s,
		tt_ns(c->waits.total_ns).s, tt_ns(c->waits.max_ns).s);
	if (c->locks.len)
		tt_finding_lock(d->set, f, c->locks.data[0]);
	const struct tt_wait *w = c->pair_count ? &c->pairs[0] : NULL;
	if (w && (w->waiter || w->waiter_stack)) {
		tt_finding_evidence(d->set, f, "most of it waiting in %s", tt_detect_where(d, w->waiter, w->waiter_stack));
		tt_finding_stack(d->set, f, "waits here", w->waiter, w->waiter_stack);
	}
	if (w && (w->holder || w->holder_stack)) {
		tt_finding_evidence(d->set, f, "for a holder that took it in %s", tt_detect_where(d, w->holder, NULL));
		tt_finding_stack(d->set, f, "the holder took it here", w->holder, NULL);
	}
}

static void add_source(const struct tt_detect *d, struct tt_finding *f, const struct tt_budget_source *from)
{
	if (from->class)
		add_class(d, f, from->class);
	if (from->group) {
		const struct tt_group *g = from->group;
		tt_finding_evidence(d->set, f, "most of them run %s: %" PRIu64 " created, at most %" PRIu64 " at once",
			tt_detect_pool_name(d, g), g->created, g->peak);
		tt_finding_stack(d->set, f, "they are created here", g->create_site, g->create_stack);
	}
	if (from->loop) {
		const struct tt_loop *l = from->loop;
		tt_finding_evidence(d->set, f, "by %s, which waits for events in %s",
			tt_detect_thread_name(d, l->process, l->thread, l->serial), tt_detect_where(d, l->site, NULL));
		tt_finding_thread(d->set, f, l->thread);
		tt_finding_stack(d->set, f, "the loop waits here", l->site, NULL);
	}
	if (from->process && d->model->processes.len > 1)
		tt_finding_evidence(d->set, f, "in process %u", from->process->pid);
}

static void report(const struct tt_detect *d, const struct tt_budget *b, const struct tt_budget_source *from)
{
	enum tt_threshold_unit unit = rows[b->what].unit;
	struct tt_finding *f = tt_findings_add(d->set, TT_RULE_BUDGET_BROKEN, NULL);
	if (!f)
		return;
	tt_finding_identify(f, rows[b->what].name);
	tt_finding_identify(f, operators[b->op]);
	f->reason = d->model->dropped || d->model->partial ? "measured, though parts of the recording are missing" : "measured";
	f->title = tt_findings_text(d->set, "%s is %s, and must be %s %s", rows[b->what].name, value_text(d, unit, b->value),
		operators[b->op], value_text(d, unit, b->limit));
	tt_finding_evidence(d->set, f, "%s: %s", rows[b->what].name, rows[b->what].help);
	/* Percentages as parts per million: figures are whole numbers. */
	static const char *const keys[][2] = {[TT_UNIT_DURATION] = {"measured_ns", "limit_ns"},
		[TT_UNIT_PERCENT] = {"measured_ppm", "limit_ppm"},
		[TT_UNIT_COUNT] = {"measured", "limit"}};
	double scale = unit == TT_UNIT_PERCENT ? 1e4 : 1;
	tt_finding_figure(d->set, f, keys[unit][0], (uint64_t)(b->value * scale + 0.5));
	tt_finding_figure(d->set, f, keys[unit][1], (uint64_t)(b->limit * scale + 0.5));
	add_source(d, f, from);
}

void tt_budgets_check(struct tt_budgets *set, const struct tt_detect *d)
{
	struct tt_budget *b;
	if (!set)
		return;
	vec_for_each (b, &set->list) {
		struct tt_budget_source from = {0};
		b->value = rows[b->what].value(d, &from);
		b->broken = !holds(b->value, b->op, b->limit);
		if (b->broken)
			report(d, b, &from);
	}
}
