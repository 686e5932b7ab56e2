/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_findings_set.c - the set of findings: identity, joining, order; the thresholds' settings.
 */
#include "tests/unit/tap.h"

#include <errno.h>

#include "lib/findings/detect.h"
#include "lib/findings/finding.h"
#include "lib/findings/thresholds.h"

static struct tt_finding *make(struct tt_findings *set, enum tt_rule rule, const char *identity, uint64_t cost_ns)
{
	struct tt_finding *f = tt_findings_add(set, rule, NULL);
	tt_finding_identify(f, identity);
	f->cost_ns = cost_ns;
	f->title = tt_findings_text(set, "%s %d", identity, (int)cost_ns);
	return f;
}

static void test_identity(void)
{
	struct tt_findings set = TT_FINDINGS_INIT;
	struct tt_finding *f = tt_findings_add(&set, TT_RULE_LOCK_CONTENTION, NULL);
	tt_finding_identify(f, "worker");
	tt_finding_identify(f, "pool.so");
	uint64_t first = f->fingerprint;
	is_u64(first, UINT64_C(0x8c16d6a38bcfc160), "a fingerprint is the same in every run and on every machine");
	f = tt_findings_add(&set, TT_RULE_LOCK_CONTENTION, NULL);
	tt_finding_identify(f, "workerpool.so");
	tt_finding_identify(f, "");
	ok(f->fingerprint != first, "the parts of an identity are told apart");
	f = tt_findings_add(&set, TT_RULE_LOCK_LONG_HOLD, NULL);
	tt_finding_identify(f, "worker");
	tt_finding_identify(f, "pool.so");
	ok(f->fingerprint != first, "the rule is part of the identity");
	is_str(f->why, tt_rules[TT_RULE_LOCK_LONG_HOLD].why, "a finding begins with its rule's words");
	tt_findings_deinit(&set);
}

static void test_order(void)
{
	struct tt_findings set = TT_FINDINGS_INIT;
	make(&set, TT_RULE_LOCK_CONTENTION, "cheap", 5);
	make(&set, TT_RULE_INVISIBLE_LOCKING, "note", 1000);
	make(&set, TT_RULE_LOCK_CONTENTION, "dear", 500);
	make(&set, TT_RULE_THREAD_LEAK_UNJOINED, "error", 0);
	make(&set, TT_RULE_LOCK_CONTENTION, "cheap", 7);
	is_int(tt_findings_finish(&set), 0, "the set is finished");
	if (!is_int(set.list.len, 4, "findings of one identity are one"))
		return;
	is_str(set.list.data[0].title, "error 0", "errors come first, whatever they cost");
	is_str(set.list.data[1].title, "dear 500", "then what costs most");
	is_str(set.list.data[2].title, "cheap 7", "of equal findings the costlier one stays");
	is_int(set.list.data[2].count, 2, "and knows how many there were");
	is_int(set.list.data[2].cost_ns, 12, "and what they cost together");
	is_str(set.list.data[3].title, "note 1000", "notes come last");
	is_int(tt_findings_count(&set, TT_LEVEL_NOTE), 4, "all have at least the level note");
	is_int(tt_findings_count(&set, TT_LEVEL_WARNING), 3, "three are warnings or worse");
	is_int(tt_findings_count(&set, TT_LEVEL_ERROR), 1, "one is an error");
	tt_findings_deinit(&set);
}

static void test_levels(void)
{
	enum tt_level level = TT_LEVEL_NOTE;
	struct tt_err err = {0};
	ok(tt_level_parse("error", &level, &err) == 0 && level == TT_LEVEL_ERROR, "levels are read by name");
	is_int(tt_level_parse("fatal", &level, &err), -EINVAL, "an unknown level is refused");
	is_str(err.msg, "'fatal' is not one of: note, warning, error", "with the names that there are");
}

static void test_thresholds(void)
{
	struct tt_thresholds t;
	struct tt_err err = {0};
	tt_thresholds_init(&t);
	is_int(t.value[TT_THRESHOLD_LONG_HOLD], 100000000, "durations are in nanoseconds");
	ok(tt_thresholds_set(&t, "long-hold=2.5ms", &err) == 0, "a duration is set");
	is_int(t.value[TT_THRESHOLD_LONG_HOLD], 2500000, "to what was written");
	ok(tt_thresholds_set(&t, "contention-pct=0.5%", &err) == 0 && t.value[TT_THRESHOLD_CONTENTION_PCT] == 0.5,
		"a percentage is set, with or without its sign");
	ok(tt_thresholds_set(&t, "contention-pct=150", &err) == 0, "waits of several threads may exceed 100 percent");
	ok(tt_thresholds_set(&t, "growth-live=3", &err) == 0 && t.value[TT_THRESHOLD_GROWTH_LIVE] == 3, "a count is set");
	struct tt_thresholds before = t;
	is_int(tt_thresholds_set(&t, "long-hold", &err), -EINVAL, "a setting without a value is refused");
	is_str(err.msg, "'long-hold' is not of the form NAME=VALUE", "saying so");
	is_int(tt_thresholds_set(&t, "long=1s", &err), -EINVAL, "the beginning of a name is no name");
	is_str(err.msg, "no threshold is called 'long'", "saying so");
	is_int(tt_thresholds_set(&t, "growth-live=many", &err), -EINVAL, "a bad value is refused");
	has_str(err.msg, "threshold 'growth-live': ", "naming the threshold");
	ok(memcmp(&before, &t, sizeof(t)) == 0, "a refused setting changes nothing");
	TT_BUF_AUTO(help);
	tt_thresholds_help(&help);
	has_str(tt_buf_str(&help), "contention-pct          5 %", "the help shows names and defaults");
}

static struct tt_finding *with_lock(struct tt_findings *set, enum tt_rule rule, const struct tt_lock *lock)
{
	struct tt_finding *f = make(set, rule, tt_rules[rule].id, 0);
	tt_finding_lock(set, f, lock);
	return f;
}

static struct tt_finding *ring(struct tt_findings *set, enum tt_rule rule, const struct tt_lock *a, const struct tt_lock *b)
{
	struct tt_finding *f = make(set, rule, tt_rules[rule].id, 0);
	tt_finding_edge(set, f, &(struct tt_finding_edge){.held = a, .wanted = b});
	tt_finding_edge(set, f, &(struct tt_finding_edge){.held = b, .wanted = a});
	return f;
}

static void test_said(void)
{
	struct tt_lock locks[3] = {0};
	struct tt_findings set = TT_FINDINGS_INIT;
	ring(&set, TT_RULE_LOCK_ORDER_CYCLE, &locks[1], &locks[0]);
	ring(&set, TT_RULE_LOCK_ORDER_CYCLE, &locks[1], &locks[2])->title = "another cycle";
	ring(&set, TT_RULE_LOCK_ORDER_CYCLE, &locks[1], &locks[0])->count = 2;
	struct tt_finding *deadlock = ring(&set, TT_RULE_DEADLOCK, &locks[0], &locks[1]);
	with_lock(&set, TT_RULE_LOCK_LONG_HOLD, &locks[0]);
	with_lock(&set, TT_RULE_LOCK_LONG_HOLD, &locks[2])->title = "another lock";
	with_lock(&set, TT_RULE_LOCK_CONTENTION, &locks[0]);
	deadlock->confidence = TT_LIKELY;
	tt_findings_drop_said(&set);
	is_int(set.list.len, 7, "a deadlock that is only likely says nothing for others");
	set.list.data[3].confidence = TT_PROVEN;
	tt_findings_drop_said(&set);
	if (!is_int(set.list.len, 5, "a proven one says its own lock order and its locks' long holds"))
		return;
	is_str(set.list.data[0].title, "another cycle", "other cycles stay");
	is_int(set.list.data[1].count, 2, "and one that other locks show as well");
	is_str(set.list.data[3].title, "another lock", "and other locks' holds");
	is_int(set.list.data[4].rule, TT_RULE_LOCK_CONTENTION, "and contention");
	tt_findings_deinit(&set);
}

int main(void)
{
	test_identity();
	test_said();
	test_order();
	test_levels();
	test_thresholds();
	return done();
}
