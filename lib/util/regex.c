/* SPDX-License-Identifier: GPL-3.0-or-later */
/* regex.c - see regex.h. */
#include "lib/util/regex.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define COST_MAX (UINT64_C(1) << 32) /* a cost stays there */
#define UNFIT    "'%.80s' is no regular expression to be used here"

/* What an expression comes to once its repetitions are written out: before the last piece of this group, and of that piece. */
struct group {
	uint64_t before, last;
};

static uint64_t at_most(uint64_t cost)
{
	return cost < COST_MAX ? cost : COST_MAX;
}

static void piece(struct group *g, uint64_t cost)
{
	g->before = at_most(g->before + g->last);
	g->last = cost;
}

/* Behind the ] that ends a bracket expression, whose [ is before p; the end of the text if there is none. */
static const char *bracket_end(const char *p)
{
	p += *p == '^';
	for (bool first = true; *p && (first || *p != ']'); first = false) {
		if (*p == '[' && p[1] && strchr(":.=", p[1])) {
			char end[3] = {p[1], ']', '\0'};
			const char *close = strstr(p + 2, end);
			if (close)
				p = close + 1;
		}
		p++;
	}
	return p + (*p == ']');
}

static uint64_t number(const char **p)
{
	uint64_t n = 0;
	while (**p >= '0' && **p <= '9')
		n = at_most(n * 10 + (uint64_t)(*(*p)++ - '0'));
	return n;
}

/* p: behind a {. Returns where the interval ends; NULL: it is none. */
static const char *interval(const char *p, uint64_t *times)
{
	const char *start = p;
	uint64_t least = number(&p), most = least;
	bool has_number = p != start;
	if (*p == ',') {
		const char *second = ++p;
		most = number(&p);
		if (p == second)
			most = least + 1;
		has_number |= p != second;
	}
	*times = most > least ? most : least;
	return has_number && *p == '}' ? p + 1 : NULL;
}

/* 0, or -EINVAL: more than TT_REGEX_MAX or deeper than TT_REGEX_DEPTH. Whether it is an expression is regcomp()'s business. */
static int check(const char *text, struct tt_err *err)
{
	struct group stack[TT_REGEX_DEPTH + 1] = {{0, 0}}, *g = stack;
	for (const char *p = text; *p;) {
		uint64_t times = 1;
		const char *end;
		switch (*p++) {
		case '\\':
			p += *p != '\0';
			piece(g, 1);
			break;
		case '[':
			p = bracket_end(p);
			piece(g, 1);
			break;
		case '(':
			if (g == stack + TT_REGEX_DEPTH)
				return tt_err_set(
					err, EINVAL, UNFIT ": more than %u groups in one another", text, TT_REGEX_DEPTH);
			*++g = (struct group){0, 0};
			break;
		case ')':
			if (g == stack) {
				piece(g, 1);
				break;
			}
			times = at_most(g->before + g->last);
			piece(--g, times);
			break;
		case '+':
			g->last = at_most(g->last * 2);
			break;
		case '*':
		case '?':
			break;
		case '{':
			end = interval(p, &times);
			if (end)
				g->last = at_most(g->last * (times ? times : 1));
			else
				piece(g, 1);
			p = end ? end : p;
			break;
		default:
			piece(g, 1);
		}
		if (g->before + g->last > TT_REGEX_MAX)
			return tt_err_set(err, EINVAL, UNFIT ": written out, its repetitions come to more than %u characters",
				text, TT_REGEX_MAX);
	}
	return 0;
}

int tt_regex_compile(regex_t *regex, const char *text, struct tt_err *err)
{
	char words[128];
	int rc = check(text, err);
	if (rc < 0)
		return rc;
	rc = regcomp(regex, text, REG_EXTENDED | REG_NOSUB);
	if (rc == 0)
		return 0;
	regerror(rc, regex, words, sizeof(words));
	return tt_err_set(err, EINVAL, "'%.80s' is no regular expression: %s", text, words);
}
