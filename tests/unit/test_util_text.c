/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_util_text.c - units, escaping of hostile text, display width, cutting and wrapping. */
#include "lib/core/attrs.h"
#include "lib/util/text.h"
#include "tests/unit/tap.h"

static void test_units(void)
{
	static const struct {
		uint64_t ns;
		const char *want;
	} times[] = {{0, "0 s"}, {1, "1 ns"}, {999, "999 ns"}, {1000, "1.00 \xc2\xb5s"}, {12345, "12.3 \xc2\xb5s"},
		{340000, "340 \xc2\xb5s"}, {999499, "999 \xc2\xb5s"}, {999500, "1.00 ms"}, {9994999, "9.99 ms"},
		{9995001, "10.0 ms"}, {1240000000, "1.24 s"}, {59940000000, "59.9 s"}, {59960000000, "1m 00s"},
		{125400000000, "2m 05s"}, {3599600000000, "1h 00m"}, {11520000000000, "3h 12m"}, {356400000000000, "4d 03h"},
		{UINT64_MAX, "213503d 23h"}};
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		is_str(tt_ns(times[i].ns).s, times[i].want, "%" PRIu64 " ns", times[i].ns);
	is_str(tt_count(999).s, "999", "a small count");
	is_str(tt_count(12345).s, "12.3 k", "thousands");
	is_str(tt_count(999500).s, "1.00 M", "rounding reaches the next unit");
	is_str(tt_count(UINT64_MAX).s, "18.4 E", "the largest count");
	is_str(tt_bytes(512).s, "512 B", "bytes");
	is_str(tt_bytes(65536).s, "64.0 KiB", "kibibytes");
	is_str(tt_bytes(1610612736).s, "1.50 GiB", "gibibytes");
	is_str(tt_bytes(UINT64_MAX).s, "16.0 EiB", "the largest size");
	is_str(tt_pct(0, 10).s, "0 %", "nothing of something");
	is_str(tt_pct(1, 0).s, "-", "something of nothing");
	is_str(tt_pct(1, 100000).s, "<0.1 %", "very little");
	is_str(tt_pct(34, 1000).s, "3.4 %", "small percentages have a decimal");
	is_str(tt_pct(42, 100).s, "42 %", "others have none");
	is_str(tt_pct(999, 1000).s, "99.9 %", "almost all is not 100");
	is_str(tt_pct(99999, 100000).s, "99.9 %", "however near");
	is_str(tt_pct(7, 7).s, "100 %", "all");
	is_str(tt_pct(25, 10).s, "250 %", "more than all");
	tt_text_set_utf8(false);
	is_str(tt_ns(340000).s, "340 us", "microseconds in ASCII");
	tt_text_set_utf8(true);
}

static void test_decode(void)
{
	static const struct {
		const char *bytes;
		unsigned len;
		uint32_t cp;
	} rows[] = {{"A", 1, 'A'}, {"\xc3\xa4", 2, 0xe4}, {"\xe2\x82\xac", 3, 0x20ac}, {"\xf0\x9f\x98\x80", 4, 0x1f600},
		{"\xf4\x8f\xbf\xbf", 4, 0x10ffff}, {"\xc0\x80", 0, 0}, {"\xc1\xbf", 0, 0}, {"\xe0\x80\x80", 0, 0},
		{"\xed\xa0\x80", 0, 0}, {"\xf4\x90\x80\x80", 0, 0}, {"\xf8\x88\x80\x80\x80", 0, 0}, {"\x80", 0, 0},
		{"\xc3", 0, 0}, {"\xe2\x82", 0, 0}, {"\xe2\x28\xa1", 0, 0}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t cp = 0;
		unsigned len = tt_utf8_decode(rows[i].bytes, strlen(rows[i].bytes), &cp);
		ok(len == rows[i].len && cp == rows[i].cp, "decode row %zu", i);
	}
}

static const char *escaped(int (*escape)(struct tt_buf *, const char *, size_t), const char *s, size_t n)
{
	static struct tt_buf buf;
	tt_buf_clear(&buf);
	escape(&buf, s, n);
	return tt_buf_str(&buf);
}
#define TERMINAL(s) escaped(tt_text_escape, (s), sizeof(s) - 1)
#define XML(s)      escaped(tt_text_xml, (s), sizeof(s) - 1)
#define CLEAN(s)    escaped(tt_text_clean, (s), sizeof(s) - 1)

static void test_escape(void)
{
	is_str(TERMINAL("worker/0 \xc3\xa4"), "worker/0 \xc3\xa4", "ordinary text is untouched");
	is_str(TERMINAL("\x1b[2J"), "\\x1b[2J", "an escape sequence loses its power");
	is_str(TERMINAL("a\nb\tc\rd\x7f"),
		"a\\x0a"
		"b\\x09"
		"c\\x0d"
		"d\\x7f",
		"line ends, tabs and DEL");
	is_str(TERMINAL("a\0b"),
		"a\\x00"
		"b",
		"a NUL byte");
	is_str(TERMINAL("\xc2\x9b"
			"2J"),
		"\\xc2\\x9b"
		"2J",
		"an 8-bit control (C1)");
	is_str(TERMINAL("\xe2\x80\xae"
			"gpj"),
		"\\xe2\\x80\\xae"
		"gpj",
		"text direction overrides");
	is_str(TERMINAL("a\xe2\x80\x8b"
			"b"),
		"a\\xe2\\x80\\x8b"
		"b",
		"invisible characters");
	is_str(TERMINAL("\xff\xc3"), "\\xff\\xc3", "invalid bytes");
	is_str(TERMINAL("\xed\xa0\x80"), "\\xed\\xa0\\x80", "surrogates");
	tt_text_set_utf8(false);
	is_str(TERMINAL("\xc3\xa4"), "\\xc3\\xa4", "everything beyond ASCII when the locale has no more");
	tt_text_set_utf8(true);

	is_str(CLEAN("a\xff"
		     "b\xc3\xa4\n"),
		"a\xef\xbf\xbd"
		"b\xc3\xa4\n",
		"clean replaces invalid bytes only");
	is_str(XML("</script>&\"'"), "&lt;/script&gt;&amp;&quot;&#39;", "markup");
	is_str(XML("a\x1b\n\xff\xef\xbf\xbf"), "a\xef\xbf\xbd\n\xef\xbf\xbd\xef\xbf\xbd", "what XML forbids is replaced");
}

/* Whatever the bytes, the result must be harmless: no control characters, valid UTF-8. */
static void test_escape_random(void)
{
	unsigned bad = 0;
	uint64_t state = 88172645463325252u;
	for (int round = 0; round < 20000; round++) {
		char raw[16];
		for (size_t i = 0; i < sizeof(raw); i++) {
			state ^= state << 13, state ^= state >> 7, state ^= state << 17;
			raw[i] = (char)(state >> 32);
		}
		const char *out = escaped(tt_text_escape, raw, sizeof(raw));
		for (size_t i = 0, n = strlen(out); i < n;) {
			uint32_t cp;
			unsigned len = tt_utf8_decode(out + i, n - i, &cp);
			bad += len == 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
			i += len ? len : 1;
		}
	}
	is_int(bad, 0, "20,000 random names are harmless when escaped");
}

static void test_width(void)
{
	is_int(tt_text_width("abc", 3), 3, "ASCII");
	is_int(tt_text_width("\xc3\xa4", 2), 1, "one column, two bytes");
	is_int(tt_text_width("e\xcc\x81", 3), 1, "a combining mark takes none");
	is_int(tt_text_width("\xe6\x97\xa5\xe6\x9c\xac", 6), 4, "wide characters take two");
	is_int(tt_text_width("\xf0\x9f\x98\x80", 4), 2, "so do emoji");
	is_int(tt_text_width("", 0), 0, "nothing");
}

static const char *cut(const char *s, size_t width, enum tt_cut where)
{
	static struct tt_buf buf;
	tt_buf_clear(&buf);
	tt_text_cut(&buf, s, strlen(s), width, where);
	return tt_buf_str(&buf);
}

static void test_cut(void)
{
	is_str(cut("abcdef", 6, TT_CUT_END), "abcdef", "what fits is whole");
	is_str(cut("abcdef", 5, TT_CUT_END), "abcd\xe2\x80\xa6", "cut at the end");
	is_str(cut("abcdef", 5, TT_CUT_START),
		"\xe2\x80\xa6"
		"cdef",
		"cut at the start");
	is_str(cut("abcdefgh", 5, TT_CUT_MIDDLE), "ab\xe2\x80\xa6gh", "cut in the middle");
	is_str(cut("abcdef", 1, TT_CUT_END), "\xe2\x80\xa6", "one column is only the mark");
	is_str(cut("abcdef", 0, TT_CUT_END), "", "no column is nothing");
	is_str(cut("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 4, TT_CUT_END), "\xe6\x97\xa5\xe2\x80\xa6",
		"a wide character is not halved");
	is_str(cut("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 4, TT_CUT_START), "\xe2\x80\xa6\xe8\xaa\x9e", "nor at the start");
	is_str(cut("e\xcc\x81xyz", 3, TT_CUT_END), "e\xcc\x81x\xe2\x80\xa6", "a mark stays with its letter");
	is_str(cut("abce\xcc\x81", 2, TT_CUT_START),
		"\xe2\x80\xa6"
		"e\xcc\x81",
		"also at the start");
	tt_text_set_utf8(false);
	is_str(cut("abcdef", 5, TT_CUT_END), "abc..", "two dots in ASCII");
	is_str(cut("abcdef", 1, TT_CUT_END), ".", "one when there is no room");
	tt_text_set_utf8(true);
	bool fits = true;
	for (size_t width = 0; width < 20; width++) {
		for (int where = TT_CUT_END; where <= TT_CUT_MIDDLE; where++) {
			const char *s = cut("ab\xe6\x97\xa5"
					    "c\xcc\x81\xe6\x9c\xac"
					    "defghijklm",
				width, (enum tt_cut)where);
			fits &= tt_text_width(s, strlen(s)) <= width;
		}
	}
	ok(fits, "the result never exceeds the width");
}

static const char *wrapped(const char *s, size_t indent, size_t width)
{
	static struct tt_buf buf;
	tt_buf_clear(&buf);
	tt_text_wrap(&buf, s, indent, width);
	return tt_buf_str(&buf);
}

static void test_wrap(void)
{
	is_str(wrapped("one two three", 0, 7), "one two\nthree", "breaks at blanks");
	is_str(wrapped("one two three", 2, 7), "one\n  two\n  three", "later lines are indented");
	is_str(wrapped("one two three", 2, 0), "one two three", "no limit, no break");
	is_str(wrapped("incomprehensible x", 0, 5), "incomprehensible\nx", "a long word stands alone");
	is_str(wrapped("one  two", 0, 80), "one two", "blanks are joined");
	is_str(wrapped("one\ntwo\n\nthree", 2, 80), "one\n  two\n\n  three", "line ends are kept, empty lines stay empty");
	is_str(wrapped("", 4, 10), "", "nothing");
}

int main(void)
{
	tt_text_set_utf8(true);
	test_units();
	test_decode();
	test_escape();
	test_escape_random();
	test_width();
	test_cut();
	test_wrap();
	return done();
}
