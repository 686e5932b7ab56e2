/* SPDX-License-Identifier: GPL-3.0-or-later */
/* glob.c - shell patterns in bounded time. See glob.h. */
#include <errno.h>
#include <string.h>

#include "lib/util/glob.h"
#include "lib/util/text.h"

/* The end of the set that begins behind '[' at p; NULL when there is none. */
static const char *set_end(const char *p)
{
	if (*p == '!' || *p == '^')
		p++;
	if (*p == ']')
		p++;
	p = strchr(p, ']');
	return p;
}

static bool in_set(const char *p, const char *end, unsigned char c)
{
	bool negated = *p == '!' || *p == '^';
	bool found = false;
	for (p += negated; p < end; p++) {
		unsigned char low = (unsigned char)*p, high = low;
		if (p + 2 < end && p[1] == '-') {
			high = (unsigned char)p[2];
			p += 2;
		}
		found = found || (low <= c && c <= high);
	}
	return found != negated;
}

/* Bytes of the character at text: 1 for a byte that begins none. */
static size_t character(const char *text)
{
	uint32_t cp;
	unsigned n = tt_utf8_decode(text, strnlen(text, 4), &cp);
	return n ? n : 1;
}

/* Matches one element of the pattern, which is not *, against the beginning of text. Moves both, or returns false. */
static bool step(const char **pattern, const char **text)
{
	const char *p = *pattern, *end;
	if (!**text || !*p)
		return false;
	if (*p == '?') {
		*pattern = p + 1;
		*text += character(*text);
		return true;
	}
	if (*p == '[' && (end = set_end(p + 1))) {
		*pattern = end + 1;
		return in_set(p + 1, end, (unsigned char)*(*text)++);
	}
	if (*p == '\\' && p[1])
		p++;
	*pattern = p + 1;
	return *p == *(*text)++;
}

bool tt_glob_match(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL; /* the last * and what it has not swallowed yet: earlier ones need not move */
	while (*text) {
		const char *p = pattern, *t = text;
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (step(&p, &t)) {
			pattern = p;
			text = t;
		} else if (star) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

bool tt_glob_is_pattern(const char *pattern)
{
	for (; *pattern; pattern++) {
		if (*pattern == '\\' && pattern[1])
			pattern++;
		else if (strchr("*?[", *pattern))
			return true;
	}
	return false;
}

int tt_glob_quote(struct tt_buf *out, const char *text)
{
	while (*text) {
		uint32_t cp;
		unsigned n = tt_utf8_decode(text, strnlen(text, 4), &cp);
		if (n == 0 || cp < 0x20 || (cp >= 0x7f && tt_utf8_cp_width(cp) == 0)) {
			tt_buf_addc(out, '?');
		} else {
			if (strchr("*?[\\", *text))
				tt_buf_addc(out, '\\');
			tt_buf_add(out, text, n);
		}
		text += n ? n : 1;
	}
	return tt_buf_failed(out) ? -ENOMEM : 0;
}
