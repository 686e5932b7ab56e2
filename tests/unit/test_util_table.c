/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_util_table.c - the table printer: alignment, fitting to a width, colour, hostile cells. */
#include "lib/core/attrs.h"
#include "lib/util/table.h"
#include "tests/unit/tap.h"

#include <stdlib.h>

static const struct tt_column columns[] = {
	{.header = "LOCK", .flexible = true, .min = 6},
	{.header = "COUNT", .align = TT_ALIGN_RIGHT},
	{.header = "SITE", .flexible = true, .min = 8, .cut = TT_CUT_START},
};

static struct tt_buf out;

static const char *print(struct tt_table *table, size_t width, bool color)
{
	struct tt_term term = {.width = width, .color = color, .utf8 = true};
	tt_buf_clear(&out);
	if (tt_table_print(table, &out, &term))
		return NULL;
	return tt_buf_str(&out);
}

static struct tt_table *sample(void)
{
	struct tt_table *table = tt_table_create(columns, ARRAY_SIZE(columns));
	tt_table_cell(table, TT_STYLE_LOCK, "%s", "queue_lock_of_the_world");
	tt_table_cell(table, TT_STYLE_NONE, "%d", 12);
	tt_table_cell(table, TT_STYLE_NONE, "%s", "src/queue/push.c:17");
	tt_table_cell(table, TT_STYLE_LOCK, "%s", "a");
	tt_table_cell(table, TT_STYLE_NONE, "%d", 1234567);
	tt_table_end_row(table);
	return table;
}

static size_t widest_line(const char *s)
{
	size_t widest = 0;
	while (*s) {
		size_t len = strcspn(s, "\n"), width = tt_text_width(s, len);
		widest = width > widest ? width : widest;
		s += len + (s[len] == '\n');
	}
	return widest;
}

static void test_layout(void)
{
	struct tt_table *table = sample();
	is_int(tt_table_rows(table), 2, "two rows");
	is_str(print(table, 0, false),
		"LOCK                       COUNT  SITE\n"
		"queue_lock_of_the_world       12  src/queue/push.c:17\n"
		"a                        1234567\n",
		"aligned left and right, no blanks at line ends");
	is_str(print(table, 40, false),
		"LOCK              COUNT  SITE\n"
		"queue_lock_of\xe2\x80\xa6       12  \xe2\x80\xa6ueue/push.c:17\n"
		"a               1234567\n",
		"the widest flexible columns give way, and their cuts differ");
	bool fits = true;
	for (size_t width = 26; width < 80; width++)
		fits &= widest_line(print(table, width, false)) <= width;
	ok(fits, "every width from the columns' least up is respected");
	ok(strstr(print(table, 5, false), "1234567"), "below that, a column without a min stays whole");
	tt_table_set_indent(table, 4);
	tt_table_set_gap(table, 1);
	has_str(print(table, 0, false), "\n    a                       1234567\n", "indented, with another gap");
	tt_table_destroy(table);
}

static void test_color(void)
{
	struct tt_table *table = sample();
	const char *text = print(table, 0, true);
	has_str(text, "\033[1mLOCK\033[0m", "headers are styled");
	has_str(text, "\033[35ma\033[0m                        1234567\n", "padding is outside of the style");
	ok(!strstr(print(table, 0, false), "\033"), "no colour, no escape sequence");
	tt_table_destroy(table);
}

static void test_hostile(void)
{
	struct tt_table *table = tt_table_create(columns, ARRAY_SIZE(columns));
	tt_table_cell(table, TT_STYLE_LOCK, "%s", "\033]0;owned\007\nfake row");
	tt_table_end_row(table);
	is_str(print(table, 0, false),
		"LOCK                          COUNT  SITE\n"
		"\\x1b]0;owned\\x07\\x0afake row\n",
		"control characters in a cell are made visible and cannot make a row");
	tt_table_destroy(table);

	char *huge = malloc(100001);
	memset(huge, 'x', 100000);
	huge[100000] = '\0';
	table = tt_table_create(columns, ARRAY_SIZE(columns));
	tt_table_cell(table, TT_STYLE_NONE, "%s", huge);
	for (int i = 0; i < 3 * 100; i++)
		tt_table_cell(table, TT_STYLE_NONE, "y");
	ok(print(table, 0, false) && out.len < 100000, "an endless name does not pad all rows to its width");
	tt_table_destroy(table);
	free(huge);
}

static void test_lines_and_limits(void)
{
	static const struct tt_column narrow[] = {{.max = 4}, {.align = TT_ALIGN_RIGHT}};
	struct tt_table *table = tt_table_create(narrow, ARRAY_SIZE(narrow));
	tt_table_cell(table, TT_STYLE_NONE, "abcdefgh");
	tt_table_line(table, 3, TT_STYLE_DIM, "at %s", "some_function");
	tt_table_cell(table, TT_STYLE_NONE, "b");
	tt_table_cell(table, TT_STYLE_NONE, "7");
	is_str(print(table, 0, false), "abc\xe2\x80\xa6\n   at some_function\nb     7\n",
		"a column's max, a free line that completes the open row, no header line without headers");
	is_str(print(table, 10, false), "abc\xe2\x80\xa6\n   at som\xe2\x80\xa6\nb     7\n", "free lines are cut to the width");
	tt_table_destroy(table);
	table = tt_table_create(columns, ARRAY_SIZE(columns));
	is_str(print(table, 0, false), "LOCK  COUNT  SITE\n", "an empty table is its header");
	tt_table_destroy(table);
	tt_table_destroy(NULL);
}

int main(void)
{
	tt_text_set_utf8(true);
	test_layout();
	test_color();
	test_hostile();
	test_lines_and_limits();
	tt_buf_deinit(&out);
	return done();
}
