/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_util_buf.c - buffers, arrays and error messages of lib/util. */
#include "lib/util/buf.h"
#include "lib/util/err.h"
#include "lib/util/vec.h"
#include "tests/unit/tap.h"

static void test_append(void)
{
	struct tt_buf buf = TT_BUF_INIT;
	is_str(tt_buf_str(&buf), "", "an empty buffer reads as an empty string");
	is_int(tt_buf_adds(&buf, "abc"), 0, "append a string");
	tt_buf_addc(&buf, 'd');
	tt_buf_fill(&buf, '.', 3);
	tt_buf_add(&buf, "xyz", 2);
	is_str(tt_buf_str(&buf), "abcd...xy", "string, character, filling and bytes follow each other");
	is_int(buf.len, 9, "the length has no NUL");
	tt_buf_truncate(&buf, 4);
	is_str(tt_buf_str(&buf), "abcd", "truncate shortens");
	tt_buf_truncate(&buf, 400);
	is_int(buf.len, 4, "truncate never lengthens");
	tt_buf_clear(&buf);
	is_str(tt_buf_str(&buf), "", "clear empties");
	tt_buf_add(&buf, "a\0b", 3);
	ok(buf.len == 3 && memcmp(buf.data, "a\0b", 4) == 0, "NUL bytes are kept and a NUL follows");
	tt_buf_deinit(&buf);
	ok(!buf.data && buf.len == 0, "deinit leaves an empty buffer");
}

static void test_printf(void)
{
	TT_BUF_AUTO(buf);
	for (int i = 0; i < 1000; i++)
		tt_buf_printf(&buf, "%d,", i);
	is_int(buf.len, 10 * 2 + 90 * 3 + 900 * 4, "printf grows the buffer");
	has_str(tt_buf_str(&buf), ",499,500,", "and loses nothing");

	tt_buf_clear(&buf);
	for (size_t want = 0; want < 300; want++) {
		tt_buf_clear(&buf);
		tt_buf_printf(&buf, "%*s", (int)want, "");
		if (buf.len != want)
			break;
	}
	is_int(buf.len, 299, "printf is right at every size around the growth steps");
}

static void test_failure(void)
{
	struct tt_buf buf = TT_BUF_INIT;
	tt_buf_adds(&buf, "kept");
	is_int(tt_buf_reserve(&buf, SIZE_MAX - 2), -ENOMEM, "an absurd size is refused");
	is_int(tt_buf_adds(&buf, "more"), -ENOMEM, "the failure is sticky");
	is_str(tt_buf_str(&buf), "kept", "and what was there stays");
	ok(tt_buf_failed(&buf), "failed tells");
	ok(!tt_buf_steal(&buf), "steal gives nothing after a failure");
	tt_buf_clear(&buf);
	is_int(tt_buf_adds(&buf, "again"), 0, "clear forgets the failure");
	char *mine = tt_buf_steal(&buf);
	is_str(mine, "again", "steal hands the memory over");
	is_str(tt_buf_str(&buf), "", "and leaves an empty buffer");
	free(mine);
	mine = tt_buf_steal(&buf);
	is_str(mine, "", "stealing from an empty buffer gives an empty string");
	free(mine);
	tt_buf_deinit(&buf);
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void test_vec(void)
{
	TT_VEC(int) v = TT_VEC_INIT;
	int *it, sum = 0;
	vec_for_each (it, &v)
		sum++;
	is_int(sum, 0, "an empty array has nothing to walk");
	for (int i = 0; i < 1000; i++)
		tt_vec_push(&v, (i * 7919) % 1000);
	is_int(v.len, 1000, "pushed elements are there");
	tt_vec_sort(&v, by_value);
	bool sorted = true;
	int expect = 0;
	vec_for_each (it, &v)
		sorted &= *it == expect++;
	ok(sorted, "sorted and walked in order");
	it = tt_vec_add(&v);
	ok(it && *it == 0, "a new element is zeroed");
	is_int(tt_vec_reserve(&v, SIZE_MAX / 2), -ENOMEM, "an overflowing size is refused");
	is_int(v.data[999], 999, "and nothing is lost by that");
	tt_vec_deinit(&v);
	ok(!v.data && v.len == 0 && v.cap == 0, "deinit empties");
}

static void test_err(void)
{
	struct tt_err err;
	is_int(tt_err_set(&err, ENOENT, "cannot open '%s'", "x"), -ENOENT, "tt_err_set returns -code");
	is_int(tt_err_prefix(&err, "option '--%s'", "o"), -ENOENT, "so does tt_err_prefix");
	is_str(err.msg, "option '--o': cannot open 'x'", "the prefix stands before the message");
	is_int(tt_err_set(NULL, EIO, "nobody listens"), -EIO, "err may be NULL");
	char longer[2 * TT_ERR_SIZE];
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	tt_err_set(&err, EIO, "%s", longer);
	is_int(strlen(err.msg), TT_ERR_SIZE - 1, "a long message is cut");
	tt_err_prefix(&err, "%s", longer);
	is_int(strlen(err.msg), TT_ERR_SIZE - 1, "and so is a long prefix");
}

int main(void)
{
	test_append();
	test_printf();
	test_failure();
	test_vec();
	test_err();
	return done();
}
