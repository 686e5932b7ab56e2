/* SPDX-License-Identifier: GPL-3.0-or-later */
/* parse.c - strict readers of numbers with units (parse.h). */
#include "lib/util/parse.h"

#include "lib/core/attrs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Reads digits of the base at *p and moves *p behind them. 0, -EINVAL (no digit) or -ERANGE. */
static int digits_u64(const char **p, unsigned base, uint64_t *ret)
{
	uint64_t value = 0;
	bool any = false, overflow = false;
	for (;; (*p)++, any = true) {
		unsigned digit;
		char c = **p;
		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (base == 16 && c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a') + 10;
		else if (base == 16 && c >= 'A' && c <= 'F')
			digit = (unsigned)(c - 'A') + 10;
		else
			break;
		overflow |= __builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value);
	}
	*ret = value;
	return !any ? -EINVAL : overflow ? -ERANGE : 0;
}

static int not_a(const char *text, const char *what, struct tt_err *err)
{
	return *text ? tt_err_set(err, EINVAL, "'%s' is not %s", text, what)
	             : tt_err_set(err, EINVAL, "an empty text is not %s", what);
}

static int too_large(const char *text, struct tt_err *err)
{
	return tt_err_set(err, ERANGE, "'%s' is too large", text);
}

int tt_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct tt_err *err)
{
	const char *p = text;
	unsigned base = 10;
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	uint64_t value;
	int rc = digits_u64(&p, base, &value);
	if (rc == -EINVAL || *p)
		return not_a(text, "a number", err);
	if (rc || value > max || value < min)
		return tt_err_set(err, ERANGE, "'%s' is not between %" PRIu64 " and %" PRIu64, text, min, max);
	*ret = value;
	return 0;
}

int tt_parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret, struct tt_err *err)
{
	const char *p = text;
	bool negative = *p == '-';
	if (*p == '-' || *p == '+')
		p++;
	uint64_t magnitude;
	int rc = digits_u64(&p, 10, &magnitude);
	if (rc == -EINVAL || *p)
		return not_a(text, "a number", err);
	uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	int64_t value = 0;
	if (rc == 0 && magnitude <= limit)
		value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	if (rc || magnitude > limit || value < min || value > max)
		return tt_err_set(err, ERANGE, "'%s' is not between %" PRId64 " and %" PRId64, text, min, max);
	*ret = value;
	return 0;
}

/*
 * A decimal number such as "12", "1.5" or ".5", exactly: whole part, and the fraction as billionths (further digits are
 * read and dropped). Moves *p behind it. 0, -EINVAL or -ERANGE.
 */
static int decimal(const char **p, uint64_t *whole, uint32_t *billionths)
{
	*whole = 0;
	*billionths = 0;
	int rc = 0;
	if (**p != '.')
		rc = digits_u64(p, 10, whole);
	if (rc == -EINVAL || **p != '.')
		return rc;
	const char *first = ++*p;
	for (uint32_t scale = 100000000; **p >= '0' && **p <= '9'; (*p)++, scale /= 10)
		*billionths += (uint32_t)(**p - '0') * scale;
	return *p == first ? -EINVAL : rc;
}

/* whole.billionths times unit, without loss for whole numbers. False when it does not fit. */
static bool scaled(uint64_t whole, uint32_t billionths, uint64_t unit, uint64_t *ret)
{
	unsigned __int128 value = (unsigned __int128)whole * unit + (unsigned __int128)billionths * unit / 1000000000u;
	*ret = (uint64_t)value;
	return value <= UINT64_MAX;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static int with_unit(const char *text, const struct unit *units, size_t count, const char *what, bool any_case, uint64_t *ret,
	struct tt_err *err)
{
	const char *p = text;
	uint64_t whole, value;
	uint32_t billionths;
	int rc = decimal(&p, &whole, &billionths);
	if (rc == -EINVAL)
		return not_a(text, what, err);
	for (size_t i = 0; i < count; i++) {
		if ((any_case ? strcasecmp(p, units[i].name) : strcmp(p, units[i].name)) != 0)
			continue;
		if (rc || !scaled(whole, billionths, units[i].factor, &value))
			return too_large(text, err);
		*ret = value;
		return 0;
	}
	return not_a(text, what, err);
}

int tt_parse_size(const char *text, uint64_t *ret_bytes, struct tt_err *err)
{
	static const struct unit units[] = {{"", 1}, {"b", 1}, {"k", 1ull << 10}, {"kb", 1ull << 10}, {"kib", 1ull << 10},
		{"m", 1ull << 20}, {"mb", 1ull << 20}, {"mib", 1ull << 20}, {"g", 1ull << 30}, {"gb", 1ull << 30},
		{"gib", 1ull << 30}, {"t", 1ull << 40}, {"tb", 1ull << 40}, {"tib", 1ull << 40}};
	return with_unit(text, units, ARRAY_SIZE(units), "a size (such as 4096, 64K, 1.5M, 2G)", true, ret_bytes, err);
}

int tt_parse_duration(const char *text, uint64_t *ret_ns, struct tt_err *err)
{
	static const uint64_t us = 1000, ms = 1000 * us, sec = 1000 * ms;
	const struct unit units[] = {{"", sec}, {"ns", 1}, {"us", us}, {"\xc2\xb5s", us}, {"\xce\xbcs", us}, {"ms", ms},
		{"s", sec}, {"m", 60 * sec}, {"min", 60 * sec}, {"h", 3600 * sec}, {"d", 86400 * sec}};
	return with_unit(text, units, ARRAY_SIZE(units), "a duration (such as 250us, 2ms, 1.5s, 3min, 1h)", false, ret_ns, err);
}

/* A decimal number at *p with an optional sign, as double. 0 or -EINVAL. */
static int decimal_double(const char **p, double *ret)
{
	uint64_t whole;
	uint32_t billionths;
	bool negative = **p == '-';
	if (negative)
		(*p)++;
	if (decimal(p, &whole, &billionths))
		return -EINVAL;
	double value = (double)whole + billionths / 1e9;
	*ret = negative ? -value : value;
	return 0;
}

int tt_parse_percent(const char *text, double max, double *ret_pct, struct tt_err *err)
{
	const char *p = text;
	double value;
	if (decimal_double(&p, &value) || (*p && strcmp(p, "%") != 0))
		return not_a(text, "a percentage", err);
	if (value < 0 || value > max)
		return tt_err_set(err, ERANGE, "'%s' is not between 0 and %g percent", text, max);
	*ret_pct = value;
	return 0;
}

int tt_parse_double(const char *text, double min, double max, double *ret, struct tt_err *err)
{
	const char *p = text;
	double value;
	if (decimal_double(&p, &value) || *p)
		return not_a(text, "a number", err);
	if (value < min || value > max)
		return tt_err_set(err, ERANGE, "'%s' is not between %g and %g", text, min, max);
	*ret = value;
	return 0;
}

int tt_parse_bool(const char *text, bool *ret, struct tt_err *err)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*ret = i & 1;
			return 0;
		}
	}
	return not_a(text, "yes or no", err);
}

static int choice_error(const char *text, const char *const *names, bool ambiguous, struct tt_err *err)
{
	char list[TT_ERR_SIZE / 2] = "";
	size_t len = 0;
	for (const char *const *name = names; *name; name++) {
		int n = snprintf(list + len, sizeof(list) - len, "%s%s", name == names ? "" : ", ", *name);
		if (n < 0 || (size_t)n >= sizeof(list) - len)
			break;
		len += (size_t)n;
	}
	if (ambiguous)
		return tt_err_set(err, EINVAL, "'%s' fits more than one of: %s", text, list);
	return tt_err_set(err, EINVAL, "'%s' is not one of: %s", text, list);
}

int tt_parse_choice(const char *text, const char *const *names, int *ret, struct tt_err *err)
{
	int found = -1;
	bool ambiguous = false;
	for (int i = 0; names[i]; i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = i;
			return 0;
		}
		if (*text && strncmp(text, names[i], strlen(text)) == 0) {
			ambiguous = found >= 0;
			found = i;
		}
	}
	if (found < 0 || ambiguous)
		return choice_error(text, names, ambiguous, err);
	*ret = found;
	return 0;
}
