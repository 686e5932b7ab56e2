/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_util_parse.c - numbers with units as people type them, and what is refused with which words. */
#include "lib/core/attrs.h"
#include "lib/util/parse.h"
#include "tests/unit/tap.h"

#include <errno.h>

#define BAD UINT64_C(0xbadbadbad)

struct row {
	const char *text;
	uint64_t want; /* BAD: refused */
};

static void check_rows(
	const char *what, int (*parse)(const char *, uint64_t *, struct tt_err *), const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t got = BAD;
		struct tt_err err = {0};
		int rc = parse(rows[i].text, &got, &err);
		is_u64(got, rows[i].want, "%s '%s'%s", what, rows[i].text, rows[i].want == BAD ? " is refused" : "");
		if (rows[i].want == BAD)
			ok(rc < 0 && err.code == -rc && err.msg[0], "  ... with the words: %s", err.msg);
	}
}

static void test_sizes(void)
{
	static const struct row rows[] = {{"0", 0}, {"4096", 4096}, {"512B", 512}, {"64K", 65536}, {"64k", 65536},
		{"64KiB", 65536}, {"64kb", 65536}, {"1.5M", 1572864}, {"2G", 2ull << 30}, {"1T", 1ull << 40},
		{"16777215T", 16777215ull << 40}, {"16777216T", BAD}, {".5K", 512}, {"", BAD}, {"K", BAD}, {"-1", BAD},
		{"+1", BAD}, {" 1", BAD}, {"1 ", BAD}, {"1 K", BAD}, {"1KK", BAD}, {"1.K", BAD}, {"1.5.5M", BAD}, {"0x10", BAD},
		{"1e3", BAD}, {"18446744073709551615", UINT64_MAX}, {"18446744073709551616", BAD}, {"infinite", BAD}};
	check_rows("size", tt_parse_size, rows, ARRAY_SIZE(rows));
}

static void test_durations(void)
{
	static const struct row rows[] = {{"0", 0}, {"250ns", 250}, {"100us", 100000}, {"100\xc2\xb5s", 100000},
		{"100\xce\xbcs", 100000}, {"2ms", 2000000}, {"1.5s", 1500000000}, {"1", 1000000000}, {"0.000000001", 1},
		{"3m", 180000000000}, {"3min", 180000000000}, {"1h", 3600000000000}, {"2d", 172800000000000}, {"0.1ms", 100000},
		{"1.2345678901234ms", 1234567}, {"ms", BAD}, {"5 ms", BAD}, {"-5ms", BAD}, {"5mss", BAD}, {"5MS", BAD},
		{"nan", BAD}, {"99999999999d", BAD}};
	check_rows("duration", tt_parse_duration, rows, ARRAY_SIZE(rows));
}

static void test_integers(void)
{
	uint64_t u = BAD;
	int64_t i = 5;
	struct tt_err err;
	ok(tt_parse_u64("12", 0, 100, &u, &err) == 0 && u == 12, "a number");
	ok(tt_parse_u64("0xfF", 0, UINT64_MAX, &u, &err) == 0 && u == 255, "a hexadecimal number");
	ok(tt_parse_u64("18446744073709551615", 0, UINT64_MAX, &u, &err) == 0 && u == UINT64_MAX, "the largest number");
	is_int(tt_parse_u64("101", 0, 100, &u, &err), -ERANGE, "above the maximum");
	is_str(err.msg, "'101' is not between 0 and 100", "says the range");
	is_int(tt_parse_u64("18446744073709551616", 0, UINT64_MAX, &u, &err), -ERANGE, "an overflow is out of range");
	is_int(tt_parse_u64("12x", 0, 100, &u, &err), -EINVAL, "rubbish behind a number");
	is_str(err.msg, "'12x' is not a number", "is quoted");
	is_int(tt_parse_u64("", 0, 100, &u, &err), -EINVAL, "nothing is no number");
	is_str(err.msg, "an empty text is not a number", "and says so");
	is_int(tt_parse_u64("0x", 0, 100, &u, &err), -EINVAL, "0x alone is none");
	is_int(tt_parse_u64("-1", 0, 100, &u, &err), -EINVAL, "a sign is refused");
	is_u64(u, UINT64_MAX, "failures leave the result alone");

	ok(tt_parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i, &err) == 0 && i == INT64_MIN, "the least integer");
	ok(tt_parse_i64("+7", -10, 10, &i, &err) == 0 && i == 7, "a plus sign");
	is_int(tt_parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &i, &err), -ERANGE, "one too many");
	is_int(tt_parse_i64("-11", -10, 10, &i, &err), -ERANGE, "below the minimum");
	is_int(tt_parse_i64("--1", -10, 10, &i, &err), -EINVAL, "two signs");
	is_int(i, 7, "failures leave the result alone");
}

static void test_fractions(void)
{
	double d = -5;
	struct tt_err err;
	ok(tt_parse_percent("12.5%", 100, &d, &err) == 0 && d == 12.5, "a percentage");
	ok(tt_parse_percent("3", 100, &d, &err) == 0 && d == 3, "the sign may be left out");
	is_int(tt_parse_percent("101%", 100, &d, &err), -ERANGE, "more than the maximum");
	is_int(tt_parse_percent("-1%", 100, &d, &err), -ERANGE, "less than nothing");
	is_int(tt_parse_percent("%", 100, &d, &err), -EINVAL, "no number");
	is_int(tt_parse_percent("5%%", 100, &d, &err), -EINVAL, "two signs");
	ok(tt_parse_double("-0.25", -1, 1, &d, &err) == 0 && d == -0.25, "a negative fraction");
	is_int(tt_parse_double("nan", -1, 1, &d, &err), -EINVAL, "nan is no number here");
	is_int(tt_parse_double("1e9", -1, 1, &d, &err), -EINVAL, "nor is an exponent");
	is_int(tt_parse_double("1.01", -1, 1, &d, &err), -ERANGE, "out of range");
	ok(d == -0.25, "failures leave the result alone");
}

static void test_words(void)
{
	static const char *const yes[] = {"yes", "true", "on", "1", "YES", "True"};
	static const char *const no[] = {"no", "false", "off", "0", "OFF"};
	static const char *const names[] = {"auto", "always", "never", NULL};
	struct tt_err err;
	bool b;
	int choice = 9;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		b = false;
		ok(tt_parse_bool(yes[i], &b, &err) == 0 && b, "'%s' is true", yes[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		b = true;
		ok(tt_parse_bool(no[i], &b, &err) == 0 && !b, "'%s' is false", no[i]);
	}
	is_int(tt_parse_bool("y", &b, &err), -EINVAL, "'y' is neither");
	is_int(tt_parse_bool("", &b, &err), -EINVAL, "nor is nothing");
	ok(tt_parse_choice("never", names, &choice, &err) == 0 && choice == 2, "a name of the list");
	ok(tt_parse_choice("au", names, &choice, &err) == 0 && choice == 0, "its beginning");
	is_int(tt_parse_choice("a", names, &choice, &err), -EINVAL, "a beginning of two names");
	is_str(err.msg, "'a' fits more than one of: auto, always, never", "is ambiguous");
	is_int(tt_parse_choice("loud", names, &choice, &err), -EINVAL, "an unknown name");
	is_str(err.msg, "'loud' is not one of: auto, always, never", "lists the known ones");
	is_int(tt_parse_choice("", names, &choice, &err), -EINVAL, "nothing is no choice");
	is_int(choice, 0, "failures leave the result alone");
}

int main(void)
{
	test_sizes();
	test_durations();
	test_integers();
	test_fractions();
	test_words();
	return done();
}
