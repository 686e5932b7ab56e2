/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text.c - UTF-8, escaping of hostile text, display width, cutting and wrapping (text.h). */
#include "lib/util/text.h"

#include "lib/core/attrs.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* -1: not asked yet. Set by main() before any thread exists. */
static int utf8_state = -1;

void tt_text_set_utf8(bool utf8)
{
	utf8_state = utf8;
}

bool tt_text_utf8(void)
{
	if (utf8_state < 0)
		utf8_state = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	return utf8_state;
}

void tt_text_use_locale(void)
{
	setlocale(LC_CTYPE, "");
	utf8_state = -1;
}

/* ------------------------------------------------------------------ UTF-8 */

unsigned tt_utf8_decode(const char *s, size_t n, uint32_t *cp)
{
	const unsigned char *p = (const unsigned char *)s;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	unsigned len = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	if (len == 0 || len > n)
		return 0;
	uint32_t value = p[0] & (0xffu >> (len + 1));
	for (unsigned i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (p[i] & 0x3fu);
	}
	if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*cp = value;
	return len;
}

struct range {
	uint32_t first, last;
};

static bool in_ranges(uint32_t cp, const struct range *ranges, size_t count)
{
	for (size_t low = 0, high = count; low < high;) {
		size_t mid = (low + high) / 2;
		if (cp < ranges[mid].first)
			high = mid;
		else if (cp > ranges[mid].last)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

/* Combining marks of the scripts that appear in names; sorted. */
static const struct range zero_width[] = {{0x300, 0x36f}, {0x483, 0x489}, {0x591, 0x5bd}, {0x5bf, 0x5bf}, {0x5c1, 0x5c2},
	{0x5c4, 0x5c5}, {0x610, 0x61a}, {0x64b, 0x65f}, {0x670, 0x670}, {0x6d6, 0x6dc}, {0x6df, 0x6e4}, {0x6e7, 0x6e8},
	{0x6ea, 0x6ed}, {0x900, 0x902}, {0x93a, 0x93a}, {0x93c, 0x93c}, {0x941, 0x948}, {0x94d, 0x94d}, {0x951, 0x957},
	{0xe31, 0xe31}, {0xe34, 0xe3a}, {0xe47, 0xe4e}, {0x1160, 0x11ff}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},
	{0x202a, 0x202e}, {0x2060, 0x206f}, {0x20d0, 0x20f0}, {0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe00, 0xfe0f},
	{0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0000, 0xe0fff}};

/* East Asian wide and emoji; sorted. */
static const struct range double_width[] = {{0x1100, 0x115f}, {0x231a, 0x231b}, {0x2329, 0x232a}, {0x23e9, 0x23ec},
	{0x23f0, 0x23f0}, {0x23f3, 0x23f3}, {0x25fd, 0x25fe}, {0x2614, 0x2615}, {0x2648, 0x2653}, {0x267f, 0x267f},
	{0x2693, 0x2693}, {0x26a1, 0x26a1}, {0x26aa, 0x26ab}, {0x26bd, 0x26be}, {0x26c4, 0x26c5}, {0x26ce, 0x26ce},
	{0x26d4, 0x26d4}, {0x26ea, 0x26ea}, {0x26f2, 0x26f3}, {0x26f5, 0x26f5}, {0x26fa, 0x26fa}, {0x26fd, 0x26fd},
	{0x2705, 0x2705}, {0x270a, 0x270b}, {0x2728, 0x2728}, {0x274c, 0x274c}, {0x274e, 0x274e}, {0x2753, 0x2755},
	{0x2757, 0x2757}, {0x2795, 0x2797}, {0x27b0, 0x27b0}, {0x27bf, 0x27bf}, {0x2b1b, 0x2b1c}, {0x2b50, 0x2b50},
	{0x2b55, 0x2b55}, {0x2e80, 0x303e}, {0x3041, 0x33ff}, {0x3400, 0x4dbf}, {0x4e00, 0xa4cf}, {0xa960, 0xa97c},
	{0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe10, 0xfe19}, {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6},
	{0x16fe0, 0x18aff}, {0x1b000, 0x1b2ff}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a},
	{0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3},
	{0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d},
	{0x1f54b, 0x1f54e}, {0x1f550, 0x1f567}, {0x1f57a, 0x1f57a}, {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f},
	{0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6d7}, {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc},
	{0x1f7e0, 0x1f7eb}, {0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd}};

/* What a terminal would obey or hide: direction changes, invisible characters, separators; sorted. */
static const struct range unsafe[] = {{0x0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c}, {0x180e, 0x180e},
	{0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xfffe, 0xffff},
	{0xe0000, 0xe0fff}};

unsigned tt_utf8_cp_width(uint32_t cp)
{
	if (cp < 0x300)
		return cp >= 0x20 && (cp < 0x7f || cp >= 0xa0);
	if (in_ranges(cp, zero_width, ARRAY_SIZE(zero_width)))
		return 0;
	return in_ranges(cp, double_width, ARRAY_SIZE(double_width)) ? 2 : 1;
}

/* One character of clean text: its length in bytes (at least 1) and its columns. */
static size_t next_char(const char *s, size_t n, size_t *columns)
{
	uint32_t cp;
	unsigned len = tt_utf8_decode(s, n, &cp);
	*columns = len ? tt_utf8_cp_width(cp) : 1;
	return len ? len : 1;
}

size_t tt_text_width(const char *s, size_t n)
{
	size_t width = 0, columns;
	for (size_t i = 0; i < n; width += columns)
		i += next_char(s + i, n - i, &columns);
	return width;
}

/* ------------------------------------------------------------------ making hostile text harmless */

static int add_bytes_as_hex(struct tt_buf *buf, const char *s, size_t n)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = tt_buf_printf(buf, "\\x%02x", (unsigned char)s[i]);
	return rc;
}

int tt_text_escape(struct tt_buf *buf, const char *s, size_t n)
{
	bool utf8 = tt_text_utf8();
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0;) {
		uint32_t cp;
		unsigned len = tt_utf8_decode(s + i, n - i, &cp);
		bool safe = len && !in_ranges(cp, unsafe, ARRAY_SIZE(unsafe)) && (utf8 || cp < 0x80);
		if (len == 0)
			len = 1;
		rc = safe ? tt_buf_add(buf, s + i, len) : add_bytes_as_hex(buf, s + i, len);
		i += len;
	}
	return rc;
}

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

int tt_text_clean(struct tt_buf *buf, const char *s, size_t n)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0;) {
		uint32_t cp;
		unsigned len = tt_utf8_decode(s + i, n - i, &cp);
		rc = len ? tt_buf_add(buf, s + i, len) : tt_buf_adds(buf, REPLACEMENT);
		i += len ? len : 1;
	}
	return rc;
}

static const char *xml_entity(uint32_t cp)
{
	switch (cp) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case '\t':
	case '\n':
	case '\r':
		return NULL;
	default:
		return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0xfffe || cp == 0xffff ? REPLACEMENT : NULL;
	}
}

int tt_text_xml(struct tt_buf *buf, const char *s, size_t n)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0;) {
		uint32_t cp;
		unsigned len = tt_utf8_decode(s + i, n - i, &cp);
		const char *entity = len ? xml_entity(cp) : REPLACEMENT;
		rc = entity ? tt_buf_adds(buf, entity) : tt_buf_add(buf, s + i, len);
		i += len ? len : 1;
	}
	return rc;
}

/* ------------------------------------------------------------------ fitting */

/* Bytes of the longest beginning of s that fits into width columns, with the combining marks behind it. */
static size_t head_bytes(const char *s, size_t n, size_t width)
{
	size_t i = 0, columns;
	while (i < n) {
		size_t len = next_char(s + i, n - i, &columns);
		if (columns > width)
			break;
		width -= columns;
		i += len;
	}
	return i;
}

/* Offset where the longest ending of s that fits into width columns begins; never at a combining mark. */
static size_t tail_start(const char *s, size_t n, size_t width)
{
	size_t total = tt_text_width(s, n), i = 0, columns;
	while (i < n) {
		size_t len = next_char(s + i, n - i, &columns);
		if (total <= width && columns > 0)
			break;
		total -= columns;
		i += len;
	}
	return i;
}

int tt_text_cut(struct tt_buf *buf, const char *s, size_t n, size_t width, enum tt_cut where)
{
	if (tt_text_width(s, n) <= width)
		return tt_buf_add(buf, s, n);
	if (width == 0)
		return 0;
	bool utf8 = tt_text_utf8();
	size_t mark_width = utf8 || width < 2 ? 1 : 2, room = width - mark_width;
	size_t head_room = where == TT_CUT_END ? room : where == TT_CUT_START ? 0 : (room + 1) / 2;
	tt_buf_add(buf, s, head_room ? head_bytes(s, n, head_room) : 0);
	tt_buf_adds(buf, utf8 ? "\xe2\x80\xa6" : &".."[2 - mark_width]);
	size_t start = tail_start(s, n, room - head_room);
	return tt_buf_add(buf, s + start, n - start);
}

int tt_text_wrap(struct tt_buf *buf, const char *s, size_t indent, size_t width)
{
	size_t column = indent;
	bool line_empty = true;
	while (*s) {
		if (*s == '\n') {
			tt_buf_addc(buf, '\n');
			if (s[1] && s[1] != '\n')
				tt_buf_fill(buf, ' ', indent);
			column = indent;
			line_empty = true;
			s++;
			continue;
		}
		if (*s == ' ') {
			s++;
			continue;
		}
		size_t len = strcspn(s, " \n"), columns = tt_text_width(s, len);
		if (!line_empty && width && column + 1 + columns > width) {
			tt_buf_addc(buf, '\n');
			tt_buf_fill(buf, ' ', indent);
			column = indent;
		} else if (!line_empty) {
			tt_buf_addc(buf, ' ');
			column++;
		}
		tt_buf_add(buf, s, len);
		column += columns;
		line_empty = false;
		s += len;
	}
	return tt_buf_failed(buf) ? tt_buf_reserve(buf, 0) : 0;
}
