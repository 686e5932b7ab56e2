/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_util_regex.c - regular expressions: those that take little are taken, those that take the machine's memory are not. */
#include "lib/core/attrs.h"
#include "lib/util/regex.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Some 450 bytes each (regex.h), and the tables of those that have few. */
#define MOST_BYTES ((size_t)TT_REGEX_MAX * 600 + 100000)

/* matches NULL: that is not asked. */
static void taken(const char *text, const char *matches, const char * not )
{
	struct tt_err err = {0};
	regex_t regex;
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	int rc = tt_regex_compile(&regex, text, &err);
	size_t bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	ok(rc == 0 && bytes < MOST_BYTES, "'%.60s' is taken: %s", text, err.msg);
	if (rc)
		return;
	if (matches)
		ok(regexec(&regex, matches, 0, NULL, 0) == 0 && regexec(&regex, not, 0, NULL, 0) != 0,
			"... matches '%.20s', not '%.20s'", matches, not );
	regfree(&regex);
}

static void refused(const char *text, const char *words)
{
	struct tt_err err = {0};
	regex_t regex;
	int rc = tt_regex_compile(&regex, text, &err);
	ok(rc == -EINVAL && strstr(err.msg, words), "'%.60s' is refused: %s", text, err.msg);
}

static char *many(const char *text, unsigned n)
{
	char *all = calloc(n, strlen(text) + 1), *end = all;
	while (all && n--)
		end = stpcpy(end, text);
	return all;
}

int main(void)
{
	plan(46);
	taken("^worker-[0-9]+$", "worker-12", "worker-");
	taken("a{2,3}b", "aaab", "ab");
	taken("(ab|c){2}", "abc", "ab");
	taken("[]a+{9}]x", "]x", "bx");
	taken("[^]]y", "ay", "]y");
	taken("[[:digit:]+]{3}", "1+2", "1+");
	taken("\\({3}", "(((", "((");
	taken("a{,2}b", "ab", "c");
	taken("x{2,255}y{2}", "xxyy", "xyy");
	taken("a{99}b{99}(c{99}){99}", NULL, NULL); /* 9,999 */
	taken("a+++++++++++++", "a", "b");          /* 8,192 */
	taken("(((((((((a+)+)+)+)+)+)+)+)+)+", "a", "b");
	taken("a*********************************************", NULL, NULL);

	const char *big = "repetitions come to more than 10000 characters";
	refused("a++++++++++++++", big); /* 16,384 */
	refused("a++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++", big);
	refused("((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+", big);
	refused("a{101}{100}", big);
	refused("(a|b){200}{100}", big);
	refused("(ab{100}){100}", big);
	refused("a{99999999999999999999}", big);
	refused("x)a{5001}+", big);
	refused("[[:digit:]]{200}{200}", big);
	refused("a{1,}{1,}{1,}{1,}{1,}{1,}{1,}{1,}{1,}{1,}{1,}{1,}{1,}{1,}", big);

	refused("(", "is no regular expression: ");
	refused("[a", "is no regular expression: ");
	refused("[[:digit:", "is no regular expression: ");
	refused("a{", "is no regular expression: ");
	refused("a{2,1}", "is no regular expression: ");
	refused("\\", "is no regular expression: ");

	char *deep = many("(", 200), *deeper = many("(", 201), *close = many(")", 200), *whole = malloc(500),
	     *wide = many("a", 10001);
	if (deep && deeper && close && whole && wide) {
		sprintf(whole, "%sa%s", deep, close);
		taken(whole, "a", "b");
		refused(deeper, "more than 200 groups in one another");
		refused(wide, big);
		wide[10000] = '\0';
		taken(wide, wide, "a");
	}
	free(deep);
	free(deeper);
	free(close);
	free(whole);
	free(wide);
	return done();
}
