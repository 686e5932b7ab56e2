/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_out_verdicts.c - shell patterns, suppressions, baselines, budgets, comparisons on hand-made texts and recordings.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "lib/out/diff.h"
#include "lib/out/report.h"
#include "lib/util/glob.h"

#define MS UINT64_C(1000000)

/* ------------------------------------------------------------------ patterns */

static void test_glob(void)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} cases[] = {
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "anything", true},
		{"a*c", "abbc", true},
		{"a*c", "abbd", false},
		{"a**c*", "abcx", true},
		{"?", "", false},
		{"?", "ä", true},
		{"??", "ä", false},
		{"?", "\xff", true},
		{"[a-c]x", "bx", true},
		{"[!a-c]x", "bx", false},
		{"[]]", "]", true},
		{"[^]]", "]", false},
		{"[a", "[a", true},
		{"a[", "a[", true},
		{"[a-]", "-", true},
		{"\\*", "*", true},
		{"\\*", "a", false},
		{"a\\", "a\\", true},
		{"operator\\[\\]", "operator[]", true},
		{"Case", "case", false},
		{"*.c", "src/a.c", true},
		{"*a*b*c*", "xxaxxbxxcxx", true},
		{"*a*b*c", "abcabcab", false},
	};
	bool good = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (tt_glob_match(cases[i].pattern, cases[i].text) != cases[i].match) {
			diag("'%s' on '%s'", cases[i].pattern, cases[i].text);
			good = false;
		}
	}
	ok(good, "shell patterns match what they should, and nothing else");
	ok(tt_glob_is_pattern("a*") && tt_glob_is_pattern("[") && !tt_glob_is_pattern("a\\*b"),
		"a pattern is told from a text");
}

/* A name that makes backtracking matchers take for ever. */
static void test_glob_time(void)
{
	char text[20001];
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	clock_t before = clock();
	ok(!tt_glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*b", text), "a hostile text does not match");
	ok(clock() - before < 5 * CLOCKS_PER_SEC, "and is refused in bounded time");
}

static void test_quote(void)
{
	static const char *const names[] = {
		"plain", "operator*", "a[3]", "b?\\", "ends\\", "\x1b[2J\n\t", "\xff\xfe", "ä€", "\xe2\x80\xae", ""};
	bool good = true;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		TT_BUF_AUTO(glob);
		tt_glob_quote(&glob, names[i]);
		for (const char *p = tt_buf_str(&glob); *p; p++)
			good = good && ((unsigned char)*p >= 0x20 && *p != 0x7f);
		if (!tt_glob_match(tt_buf_str(&glob), names[i])) {
			diag("'%s' does not match what it was made of", tt_buf_str(&glob));
			good = false;
		}
	}
	ok(good, "a quoted name matches itself, and holds no control character");
}

/* ------------------------------------------------------------------ suppressions */

static int parse(struct tt_suppressions *set, const char *text, struct tt_err *err)
{
	return tt_suppressions_parse(set, "list", text, strlen(text), err);
}

static void test_suppressions(void)
{
	struct tt_suppressions set = {0};
	struct tt_err err = {0};
	static const char text[] = "\n # all comment\n lock-contention\tlock:\"a \"\"b\"\" c\"  # why  \r\n"
				   "  function:f #\nlock-*#x function:g#h";
	is_int(parse(&set, text, &err), -EINVAL, "a # inside a word is no comment");
	has_str(err.msg, "list:5: no rule is called 'lock-*#x'", "and the line is named");
	is_int(set.list.len, 1, "what stood above is kept");
	const struct tt_suppression *s = &set.list.data[0];
	is_int(s->line, 3, "a line has its number");
	is_str(s->text, "lock-contention\tlock:\"a \"\"b\"\" c\"", "its text");
	is_str(s->why, "why", "and its comment, without blanks");
	is_int(s->patterns.len, 2, "the line below adds a pattern to it");
	is_str(s->patterns.data[0].glob, "a \"b\" c", "two quotes within quotes are one");
	is_str(s->patterns.data[1].glob, "f", "the second pattern is of the second line");
	tt_suppressions_deinit(&set);

	is_int(parse(&set, "", &err), 0, "an empty file is right");
	is_int(parse(&set, "lock-contention", &err), 0, "so is one without a newline at its end");
	is_int(parse(&set, "lock:x", &err), -EINVAL, "a pattern does not continue the last line of another file");
	is_int(set.list.len, 1, "and changes nothing");
	tt_suppressions_deinit(&set);
}

static struct tt_report *make_report(struct recbuild *rb, const struct tt_report_opts *opts)
{
	struct tt_report *r = NULL;
	struct tt_err err = {0};
	if (tt_report_create(rb_model(rb, NULL), opts, &r, &err) < 0)
		diag("create: %s", err.msg);
	return r;
}

/* Every finding of the sample, suppressed by the line that stands with it. */
static void test_own_lines(void)
{
	struct recbuild *rb = rb_sample();
	struct tt_report_opts opts;
	tt_report_opts_init(&opts);
	struct tt_report *r = make_report(rb, &opts);
	TT_BUF_AUTO(lines);
	const struct tt_finding *f;
	vec_for_each (f, &r->findings.list) {
		tt_suppression_line(r->names, f, &lines);
		tt_buf_addc(&lines, '\n');
	}
	size_t count = r->findings.list.len;
	tt_report_destroy(r);
	struct tt_suppressions set = {0};
	struct tt_err err = {0};
	is_int(parse(&set, tt_buf_str(&lines), &err), 0, "the lines of all findings can be read");
	opts.suppressions = &set;
	r = make_report(rb, &opts);
	is_int(tt_findings_count_state(&r->findings, TT_FINDING_SUPPRESSED), count, "and suppress them all");
	is_int(tt_suppressions_unused(&set), 0, "each is used");
	ok(!tt_report_found(r, TT_LEVEL_NOTE), "nothing is left to fail");
	is_int(tt_report_settle(r), 0, "the states can be decided again");
	is_int(tt_findings_count_state(&r->findings, TT_FINDING_SUPPRESSED), count, "and stay");
	tt_report_destroy(r);
	tt_suppressions_deinit(&set);
	rb_destroy(rb);
}

/* ------------------------------------------------------------------ baselines */

static int load(struct tt_baseline *b, const char *text, struct tt_err *err)
{
	return tt_baseline_parse(b, "base", text, strlen(text), err);
}

static void test_baseline(void)
{
	struct tt_baseline b = {0};
	struct tt_err err = {0};
	static const char *const wrong[] = {"", "{", "null", "{\"schema\":\"threadtools.report/1\",\"findings\":[]}",
		"{\"schema\":\"threadtools.baseline/1\"}", "{\"schema\":\"threadtools.baseline/1\",\"findings\":[1]}",
		"{\"schema\":\"threadtools.baseline/1\",\"findings\":[{\"fingerprint\":\"00000000000000G0\"}]}",
		"{\"schema\":\"threadtools.baseline/1\",\"schema\":1}"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		err.msg[0] = 0;
		bool good = load(&b, wrong[i], &err) == -EINVAL && strncmp(err.msg, "base:", 5) == 0;
		ok(good, "no baseline: %s (%s)", wrong[i], err.msg);
		tt_baseline_deinit(&b);
	}
	static const char text[] = "{\"schema\":\"threadtools.baseline/1\",\"more\":1,\"findings\":["
				   "{\"fingerprint\":\"00000000000000ff\",\"rule\":\"b\",\"title\":\"t\"},"
				   "{\"fingerprint\":\"0000000000000001\",\"rule\":\"a\"}]}";
	is_int(load(&b, text, &err), 0, "a baseline is read, whatever else stands in it");
	is_int(b.list.data[1].fingerprint, 0xff, "its entries are in order of their rules");
	is_int(tt_baseline_gone(&b), 2, "none was seen yet");
	struct tt_findings set = TT_FINDINGS_INIT;
	struct tt_finding *f = tt_findings_add(&set, TT_RULE_LOCK_CONTENTION, NULL);
	f->fingerprint = 0xff;
	tt_findings_add(&set, TT_RULE_LOCK_LONG_HOLD, NULL);
	tt_baseline_apply(&b, &set);
	is_int(set.list.data[0].state, TT_FINDING_KNOWN, "a finding with its fingerprint is known");
	is_int(set.list.data[1].state, TT_FINDING_OPEN, "another is not");
	is_int(tt_baseline_gone(&b), 1, "one entry is gone");
	is_int(tt_findings_count(&set, TT_LEVEL_NOTE), 1, "known findings do not count");
	tt_findings_deinit(&set);
	tt_baseline_deinit(&b);
}

/* ------------------------------------------------------------------ budgets */

static void test_budgets(void)
{
	struct tt_budgets set = {0};
	struct tt_err err = {0};
	is_int(tt_budgets_add(&set, "wait_p99 <= 1.5ms", &err), 0, "a budget may hold blanks");
	is_int(set.list.data[0].op, TT_BUDGET_AT_MOST, "the longer operator counts");
	is_int((uint64_t)set.list.data[0].limit, 1500000, "a duration is in ns");
	is_int(tt_budgets_add(&set, "lock_wait_pct<5%", &err), 0, "a percentage may have its sign");
	is_int(tt_budgets_add(&set, "wait_p99=1ms", &err), -EINVAL, "a single = is no operator");
	is_int(tt_budgets_add(&set, "wait_p99<1ms x", &err), -EINVAL, "nothing may follow the limit");
	is_int(set.list.len, 2, "what was refused is not there");
	tt_budgets_deinit(&set);
}

static void test_budget_values(void)
{
	struct recbuild *rb = rb_sample();
	struct tt_budgets set = {0};
	struct tt_report_opts opts;
	struct tt_err err = {0};
	tt_report_opts_init(&opts);
	tt_budgets_add(&set, "wait_max<1ms", &err);
	tt_budgets_add(&set, "lock_wait<1h", &err);
	opts.budgets = &set;
	struct tt_report *r = make_report(rb, &opts);
	is_int((uint64_t)set.list.data[0].value, r->model->classes_by_wait.data[0]->waits.max_ns,
		"the longest wait is measured");
	is_int((uint64_t)set.list.data[1].value, r->model->lock_wait_ns, "so is the time lost in all");
	ok(set.list.data[0].broken && !set.list.data[1].broken, "one is broken, one is kept");
	size_t broken = 0;
	const struct tt_finding *f;
	tt_report_settle(r);
	vec_for_each (f, &r->findings.list)
		broken += f->rule == TT_RULE_BUDGET_BROKEN;
	is_int(broken, 1, "a broken one is one finding, also when the states are decided again");
	tt_report_destroy(r);
	tt_budgets_deinit(&set);
	rb_destroy(rb);
}

/* ------------------------------------------------------------------ comparisons */

/* n waits of wait_ns each, in acquisitions, over wall_ns. */
static struct tt_diff_side side(uint64_t n, uint64_t wait_ns, uint64_t acquisitions, uint64_t wall_ns)
{
	return (struct tt_diff_side){.there = true,
		.acquisitions = acquisitions,
		.contended = n,
		.wait_ns = n * wait_ns,
		.max_ns = wait_ns,
		.wall_ns = wall_ns,
		.squares = (double)n * (double)wait_ns * (double)wait_ns};
}

static void test_verdicts(void)
{
	struct tt_thresholds limits;
	tt_thresholds_init(&limits);
	struct tt_diff_side a = side(100, 1 * MS, 10000, 1000 * MS), b = side(300, 1 * MS, 30000, 3000 * MS);
	is_int(tt_diff_verdict(&a, &b, &limits), TT_SAME, "three times as long a run is the same");
	b = side(300, 1 * MS, 10000, 1000 * MS);
	is_int(tt_diff_verdict(&a, &b, &limits), TT_WORSE, "three times the waits in the same time are worse");
	is_int(tt_diff_verdict(&b, &a, &limits), TT_BETTER, "and better the other way round");
	b = side(140, 1 * MS, 10000, 1000 * MS);
	is_int(tt_diff_verdict(&a, &b, &limits), TT_SAME, "less than half as much again is noise");
	a = side(2, 50 * MS, 100, 1000 * MS);
	b = side(4, 50 * MS, 100, 1000 * MS);
	is_int(tt_diff_verdict(&a, &b, &limits), TT_SAME, "four waits instead of two are chance");
	a = side(100, 1000, 10000, 1000 * MS);
	b = side(1000, 1000, 10000, 1000 * MS);
	is_int(tt_diff_verdict(&a, &b, &limits), TT_SAME, "a millisecond more is too little to mention");
	a = side(100, 1 * MS, 10000, 1000 * MS);
	b = side(200, 1 * MS, 2000, 2000 * MS);
	is_int(tt_diff_verdict(&a, &b, &limits), TT_WORSE, "the same share of the time for fewer acquisitions is worse");
	struct tt_diff_side none = {.wall_ns = 1000 * MS};
	is_int(tt_diff_verdict(&none, &a, &limits), TT_WORSE, "a lock that was not there before costs more than nothing");
	is_int(tt_diff_verdict(&a, &none, &limits), TT_BETTER, "one that is gone costs less");
	none.wall_ns = 0;
	is_int(tt_diff_verdict(&none, &a, &limits), TT_SAME, "nothing is said when the program was not run before");
}

static void test_diff(void)
{
	struct recbuild *rb = rb_sample();
	struct tt_report_opts opts;
	struct tt_diff d;
	struct tt_err err = {0};
	tt_report_opts_init(&opts);
	struct tt_report *r = make_report(rb, &opts);
	struct tt_run a, b;
	ok(tt_run_of_report(r, &a) == 0 && tt_run_of_report(r, &b) == 0, "runs are taken from a report");
	is_int(tt_diff_create(&a, &b, &opts, &d), 0, "and compared");
	bool same = d.findings.len == r->findings.list.len;
	for (size_t i = 0; i < d.findings.len; i++)
		same = same && d.findings.data[i].old && d.findings.data[i].new;
	for (size_t i = 0; i < d.locks.len; i++)
		same = same && d.locks.data[i].verdict == TT_SAME;
	ok(same && d.pools.len == 0, "and nothing has changed");
	ok(!tt_diff_found(&d, TT_LEVEL_NOTE), "nothing is found");
	FILE *full = fopen("/dev/full", "we");
	is_int(tt_diff_write_spec(&d, "text", full, TT_COLOR_NEVER, &err), -ENOSPC, "a full disk is noticed");
	fclose(full);
	tt_diff_deinit(&d);
	tt_run_deinit(&a);
	tt_run_deinit(&b);
	tt_report_destroy(r);
	rb_destroy(rb);
}

int main(void)
{
	test_glob();
	test_glob_time();
	test_quote();
	test_suppressions();
	test_own_lines();
	test_baseline();
	test_budgets();
	test_budget_values();
	test_verdicts();
	test_diff();
	return done();
}
