/* SPDX-License-Identifier: GPL-3.0-or-later */
/* expr.c - conditions on rows: what --where and --until take, and since when a row fulfils one. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/attrs.h"
#include "lib/util/parse.h"
#include "lib/util/regex.h"
#include "tools/threadtop/top.h"

static const struct {
	const char *text;
	enum top_op op;
} ops[] = {{">=", TOP_GE}, {"<=", TOP_LE}, {"==", TOP_EQ}, {"!=", TOP_NE}, {"!~", TOP_NO_MATCH}, {">", TOP_GT}, {"<", TOP_LT},
	{"=", TOP_EQ}, {"~", TOP_MATCH}};

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* A word or a quoted text at *p; NULL when a quote is not closed or nothing is there. */
static char *operand(const char **p)
{
	const char *start = skip_blanks(*p), *end;
	if (*start == '"' || *start == '\'') {
		end = strchr(start + 1, *start);
		if (!end)
			return NULL;
		*p = end + 1;
		return strndup(start + 1, (size_t)(end - start - 1));
	}
	end = start + strcspn(start, " \t");
	if (end == start)
		return NULL;
	*p = end;
	return strndup(start, (size_t)(end - start));
}

static int parse_number(const struct top_column *c, const char *text, double *ret, struct tt_err *err)
{
	uint64_t value;
	int rc;
	switch (c->kind) {
	case TOP_NS:
		rc = tt_parse_duration(text, &value, err);
		break;
	case TOP_BYTES:
		rc = tt_parse_size(text, &value, err);
		break;
	case TOP_PCT:
		return tt_parse_percent(text, 1e9, ret, err);
	case TOP_RATE:
	case TOP_NUMBER:
	case TOP_TEXT:
	default:
		return tt_parse_double(text, -1e18, 1e18, ret, err);
	}
	if (rc == 0)
		*ret = (double)value;
	return rc;
}

static int parse_value(struct top_term *t, const char **p, struct tt_err *err)
{
	const struct top_column *c = &top_columns[t->column];
	t->text = operand(p);
	if (!t->text)
		return tt_err_set(err, EINVAL, "a value is missing behind '%s'", c->id);
	bool matches = t->op == TOP_MATCH || t->op == TOP_NO_MATCH;
	if (c->kind != TOP_TEXT)
		return matches ? tt_err_set(err, EINVAL, "'%s' is a number: '~' takes a column of text", c->id)
		               : parse_number(c, t->text, &t->number, err);
	if (!matches)
		return t->op == TOP_EQ || t->op == TOP_NE ? 0
		                                          : tt_err_set(err, EINVAL, "'%s' is text: use =, !=, ~ or !~", c->id);
	int rc = tt_regex_compile(&t->regex, t->text, err);
	if (rc < 0)
		t->op = TOP_EQ; /* nothing to free */
	return rc;
}

static int parse_term(const char **p, struct top_expr *e, struct tt_err *err)
{
	const char *start = skip_blanks(*p);
	size_t len = strspn(start, "abcdefghijklmnopqrstuvwxyz_0123456789"), i;
	int column = top_column_find(start, len);
	if (column < 0)
		return tt_err_set(err, EINVAL, "'%.*s' is no column: see --list-columns",
			(int)(len ? (len > 80 ? 80 : len) : strcspn(start, " ")), start);
	const char *at = skip_blanks(start + len);
	for (i = 0; i < ARRAY_SIZE(ops); i++)
		if (strncmp(at, ops[i].text, strlen(ops[i].text)) == 0)
			break;
	if (i == ARRAY_SIZE(ops))
		return tt_err_set(err, EINVAL, "behind '%.*s' one of < <= = != >= > ~ !~ is missing", (int)len, start);
	struct top_term *t = tt_vec_add(&e->terms);
	if (!t)
		return tt_err_set(err, ENOMEM, "out of memory");
	t->column = (enum top_column_id)column;
	t->op = ops[i].op;
	*p = at + strlen(ops[i].text);
	int rc = parse_value(t, p, err);
	if (rc < 0 && (t->op == TOP_MATCH || t->op == TOP_NO_MATCH))
		t->op = TOP_EQ; /* its expression was not compiled */
	return rc;
}

static bool word_at(const char **p, const char *word)
{
	size_t len = strlen(word);
	if (strncmp(*p, word, len) != 0 || ((*p)[len] && (*p)[len] != ' '))
		return false;
	*p += len;
	return true;
}

int top_expr_parse(const char *text, struct top_expr *ret, struct tt_err *err)
{
	const char *p = text;
	*ret = (struct top_expr){0};
	for (;;) {
		int rc = parse_term(&p, ret, err);
		if (rc < 0)
			return rc;
		p = skip_blanks(p);
		if (!*p)
			return 0;
		if (word_at(&p, "for"))
			return tt_parse_duration(skip_blanks(p), &ret->for_ns, err);
		if (!word_at(&p, "and") && !word_at(&p, "&&"))
			return tt_err_set(err, EINVAL, "'and' or 'for' is expected instead of '%s'", p);
	}
}

void top_expr_deinit(struct top_expr *e)
{
	struct top_term *t;
	vec_for_each (t, &e->terms) {
		free(t->text);
		if (t->op == TOP_MATCH || t->op == TOP_NO_MATCH)
			regfree(&t->regex);
	}
	tt_vec_deinit(&e->terms);
}

static bool holds_number(const struct top_term *t, double n)
{
	switch (t->op) {
	case TOP_LT:
		return n < t->number;
	case TOP_LE:
		return n <= t->number;
	case TOP_NE:
		return n != t->number;
	case TOP_GE:
		return n >= t->number;
	case TOP_GT:
		return n > t->number;
	case TOP_EQ:
	case TOP_MATCH:
	case TOP_NO_MATCH:
	default:
		return n == t->number;
	}
}

static bool holds_text(const struct top_term *t, const char *text)
{
	switch (t->op) {
	case TOP_MATCH:
		return regexec(&t->regex, text, 0, NULL, 0) == 0;
	case TOP_NO_MATCH:
		return regexec(&t->regex, text, 0, NULL, 0) != 0;
	case TOP_NE:
		return strcmp(text, t->text) != 0;
	case TOP_LT:
	case TOP_LE:
	case TOP_EQ:
	case TOP_GE:
	case TOP_GT:
	default:
		return strcmp(text, t->text) == 0;
	}
}

/* What is not known fulfils nothing. */
bool top_expr_holds(const struct top_expr *e, const struct tt_top_frame *f, const struct top_row *r)
{
	const struct top_term *t;
	vec_for_each (t, &e->terms) {
		struct top_value v = top_value(f, r, t->column);
		if (!top_value_known(t->column, v))
			return false;
		if (!(top_columns[t->column].kind == TOP_TEXT ? holds_text(t, v.text) : holds_number(t, v.number)))
			return false;
	}
	return true;
}

uint32_t top_expr_needs(const struct top_expr *e)
{
	uint32_t needs = 0;
	const struct top_term *t;
	vec_for_each (t, &e->terms)
		needs |= top_columns[t->column].needs;
	return needs;
}

/* ------------------------------------------------------------------ for how long */

const struct top_row *top_alarm_check(
	struct top_alarm *a, const struct tt_top_frame *f, const struct top_row *rows, size_t count)
{
	const struct top_row *found = NULL;
	tt_hmap_deinit(&a->next);
	for (size_t i = 0; i < count && !found; i++) {
		uint64_t since = f->boot_ns + 1;
		if (!top_expr_holds(&a->expr, f, &rows[i]))
			continue;
		/* A figure of this frame stands for the time since the one before. */
		if (!tt_hmap_get(&a->since, rows[i].id, &since))
			since = f->boot_ns + 1 - (rows[i].task->span_ns < f->boot_ns ? rows[i].task->span_ns : 0);
		tt_hmap_put(&a->next, rows[i].id, since);
		if (f->boot_ns + 1 - since >= a->expr.for_ns)
			found = &rows[i];
	}
	struct tt_hmap old = a->since;
	a->since = a->next;
	a->next = old;
	return found;
}

void top_alarm_deinit(struct top_alarm *a)
{
	top_expr_deinit(&a->expr);
	tt_hmap_deinit(&a->since);
	tt_hmap_deinit(&a->next);
}
