/* SPDX-License-Identifier: GPL-3.0-or-later */
/* columns.c - columns.def as a table: the formulas, values, and their text. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/attrs.h"
#include "tools/threadtop/top.h"

/* ------------------------------------------------------------------ formulas */

double top_share(uint64_t part_ns, uint64_t whole_ns)
{
	return whole_ns ? 100.0 * (double)part_ns / (double)whole_ns : NAN;
}

double top_rate(uint64_t events, uint64_t span_ns)
{
	return span_ns ? (double)events * 1e9 / (double)span_ns : NAN;
}

double top_known_rate(const struct tt_top_task *t, uint32_t known, uint64_t events, uint64_t span_ns)
{
	if (!(t->known & known) || !span_ns)
		return NAN;
	return top_rate(events, span_ns);
}

double top_quota_share(const struct tt_top_task *t)
{
	double share = top_share(t->d_run_ns, t->span_ns);
	return t->proc->quota_milli > 0 ? share * 1000.0 / (double)t->proc->quota_milli : NAN;
}

/* The kernel shares the time between user and system by sampling at ticks; their sum is exact. */
static double part_of_cpu(const struct tt_top_task *t, uint64_t part_ns)
{
	uint64_t both = t->d_user_ns + t->d_system_ns;
	double cpu = top_share(t->d_run_ns, t->span_ns);
	return both ? cpu * (double)part_ns / (double)both : cpu > 0 ? NAN : cpu;
}

double top_user_share(const struct tt_top_task *t)
{
	return part_of_cpu(t, t->d_user_ns);
}

double top_system_share(const struct tt_top_task *t)
{
	return part_of_cpu(t, t->d_system_ns);
}

double top_wait_share(const struct tt_top_frame *f, const struct tt_top_task *t)
{
	return f->machine.no_schedstat ? NAN : top_share(t->d_wait_ns, t->span_ns);
}

double top_blocked_share(const struct tt_top_frame *f, const struct top_row *r)
{
	const struct tt_top_task *t = r->task;
	uint64_t all = t->span_ns * (r->kind == TOP_ROW_TASK ? 1 : r->count), ran = t->d_run_ns + t->d_wait_ns;
	return f->machine.no_schedstat ? NAN : top_share(all > ran ? all - ran : 0, t->span_ns);
}

double top_throttled_share(const struct tt_top_proc *p)
{
	if (p->quota_milli <= 0)
		return NAN;
	return p->periods ? 100.0 * (double)p->throttled / (double)p->periods : 0;
}

const char *top_state_text(const struct tt_top_task *t)
{
	static const char letters[] = "R\0S\0D\0T\0t\0Z\0X\0I\0P";
	for (size_t i = 0; i < sizeof(letters); i += 2)
		if (t->state && (unsigned char)letters[i] == t->state)
			return letters + i;
	return t->state ? "?" : NULL;
}

const char *top_policy_text(const struct tt_top_task *t)
{
	static const char *const names[] = {"other", "fifo", "rr", "batch", "iso", "idle", "dline", "ext"};
	return !(t->known & TT_NEED_STAT) ? NULL : t->policy < ARRAY_SIZE(names) ? names[t->policy] : "?";
}

/* ------------------------------------------------------------------ the table */

#define GETTER_NUMBER(id, expression)                                                    \
	static double number_##id(const struct tt_top_frame *f, const struct top_row *r) \
	{                                                                                \
		const struct tt_top_task *t = r->task;                                   \
		const struct tt_top_proc *p = r->proc;                                   \
		(void)f, (void)t, (void)p;                                               \
		return (double)(expression);                                             \
	}
#define GETTER_TEXT(id, expression)                                                         \
	static const char *text_##id(const struct tt_top_frame *f, const struct top_row *r) \
	{                                                                                   \
		const struct tt_top_task *t = r->task;                                      \
		const struct tt_top_proc *p = r->proc;                                      \
		(void)f, (void)t, (void)p;                                                  \
		return (expression);                                                        \
	}
#define GETTER_PCT(id, expression)                                                     GETTER_NUMBER(id, expression)
#define GETTER_RATE(id, expression)                                                    GETTER_NUMBER(id, expression)
#define GETTER_NS(id, expression)                                                      GETTER_NUMBER(id, expression)
#define GETTER_BYTES(id, expression)                                                   GETTER_NUMBER(id, expression)
#define TT_TOP_COLUMN(id, header, width, align, needs, kind, groups, expression, help) GETTER_##kind(id, expression)
#include "tools/threadtop/columns.def"
#undef TT_TOP_COLUMN

#define GET_NUMBER(id) .number = number_##id
#define GET_TEXT(id)   .text = text_##id
#define GET_PCT(id)    GET_NUMBER(id)
#define GET_RATE(id)   GET_NUMBER(id)
#define GET_NS(id)     GET_NUMBER(id)
#define GET_BYTES(id)  GET_NUMBER(id)
#define TT_TOP_COLUMN(id, header, width, align, needs, kind, groups, expression, help) \
	{#id, header, help, width, TT_ALIGN_##align, needs, TOP_##kind, TOP_SCOPE_##groups, GET_##kind(id)},
const struct top_column top_columns[TOP_COLUMNS] = {
#include "tools/threadtop/columns.def"
};
#undef TT_TOP_COLUMN

/* ------------------------------------------------------------------ cells */

/* A column that says nothing of this kind of row. */
static bool has_cell(const struct top_column *c, const struct top_row *r)
{
	bool group = r->kind != TOP_ROW_TASK;
	return group ? c->scope != TOP_SCOPE_THREAD : c->scope != TOP_SCOPE_POOL;
}

struct top_value top_value(const struct tt_top_frame *f, const struct top_row *r, enum top_column_id id)
{
	const struct top_column *c = &top_columns[id];
	struct top_value v = {NAN, NULL};
	if (!has_cell(c, r))
		return v;
	if (c->number)
		v.number = c->number(f, r);
	else
		v.text = c->text(f, r);
	return v;
}

bool top_value_known(enum top_column_id id, struct top_value v)
{
	return top_columns[id].kind == TOP_TEXT ? v.text != NULL : !isnan(v.number);
}

/* A damaged or hostile recording may hold anything. */
static uint64_t whole(double n)
{
	return n <= 0 ? 0 : n >= 1.8e19 ? UINT64_MAX : (uint64_t)n;
}

static void print_number(enum top_kind kind, double n, struct tt_buf *out)
{
	switch (kind) {
	case TOP_PCT:
		tt_buf_printf(out, n >= 999.95 ? "%.0f" : "%.1f", n);
		break;
	case TOP_RATE:
		if (n < 9999.5)
			tt_buf_printf(out, n < 9.95 && n > 0 ? "%.1f" : "%.0f", n);
		else
			tt_buf_adds(out, tt_count(whole(n)).s);
		break;
	case TOP_NS:
		tt_buf_adds(out, tt_ns(whole(n)).s);
		break;
	case TOP_BYTES:
		tt_buf_adds(out, tt_bytes(whole(n)).s);
		break;
	case TOP_NUMBER:
	case TOP_TEXT:
		tt_buf_printf(out, "%.0f", n);
		break;
	}
}

void top_cell(const struct tt_top_frame *f, const struct top_row *r, enum top_column_id id, struct tt_buf *out)
{
	const struct top_column *c = &top_columns[id];
	if (!has_cell(c, r))
		return;
	struct top_value v = top_value(f, r, id);
	if (!top_value_known(id, v))
		tt_buf_adds(out, "-");
	else if (c->kind == TOP_TEXT)
		tt_buf_adds(out, v.text);
	else
		print_number(c->kind, v.number, out);
}

int top_compare(enum top_column_id id, struct top_value a, struct top_value b, bool descending)
{
	bool known_a = top_value_known(id, a), known_b = top_value_known(id, b);
	if (!known_a || !known_b)
		return known_b - known_a;
	int order = top_columns[id].kind == TOP_TEXT ? strcmp(a.text, b.text) : (a.number > b.number) - (a.number < b.number);
	return descending ? -order : order;
}

bool top_column_ascends(enum top_column_id id)
{
	return top_columns[id].kind == TOP_TEXT || id == TOP_COL_pid || id == TOP_COL_tid || id == TOP_COL_ppid;
}

/* ------------------------------------------------------------------ choices of columns */

int top_column_find(const char *id, size_t len)
{
	for (int i = 0; i < TOP_COLUMNS; i++)
		if (strlen(top_columns[i].id) == len && strncmp(top_columns[i].id, id, len) == 0)
			return i;
	return -1;
}

static void take_out(struct top_column_set *set, int id)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < set->count; i++)
		if (set->ids[i] != id)
			set->ids[kept++] = set->ids[i];
	set->count = kept;
}

int top_columns_parse(const char *text, struct top_column_set *ret, struct tt_err *err)
{
	char sign = *text == '+' || *text == '-' ? *text++ : 0;
	struct top_column_set set = sign ? *ret : (struct top_column_set){.count = 0};
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, ", ");
		int id = top_column_find(p, len);
		if (id < 0)
			return tt_err_set(
				err, EINVAL, "'%.*s' is no column: see --list-columns", (int)(len > 80 ? 80 : len), p);
		take_out(&set, id);
		if (sign != '-')
			set.ids[set.count++] = (uint8_t)id;
		p += len;
		p += strspn(p, ", ");
	}
	if (set.count == 0)
		return tt_err_set(err, EINVAL, "no column is left to show");
	*ret = set;
	return 0;
}

void top_columns_print(const struct top_column_set *set, struct tt_buf *out)
{
	for (unsigned i = 0; i < set->count; i++)
		tt_buf_printf(out, "%s%s", i ? "," : "", top_columns[set->ids[i]].id);
}

uint32_t top_columns_needs(const struct top_column_set *set)
{
	uint32_t needs = 0;
	for (unsigned i = 0; i < set->count; i++)
		needs |= top_columns[set->ids[i]].needs;
	return needs;
}
