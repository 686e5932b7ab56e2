/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_findings_pools.c - findings about pools and CPU limits: each is there when it is due, and only then. */
#include "lib/core/attrs.h"
#include "lib/findings/pools.h"
#include "tests/unit/tap.h"

#define S UINT64_C(1000000000)

static size_t count(const struct tt_findings *set, enum tt_rule rule)
{
	size_t n = 0;
	const struct tt_finding *f;
	vec_for_each (f, &set->list)
		n += f->rule == rule;
	return n;
}

/* Ten threads over ten seconds of which nothing is remarkable. */
static const struct tt_pool_facts plain = {.name = "worker-#",
	.threads = 10,
	.first_threads = 10,
	.window_ns = 10 * S,
	.wall_ns = 100 * S,
	.run_ns = 10 * S,
	.delay_ns = 1 * S,
	.work_ns = 60 * S,
	.idle_ns = 29 * S,
	.busy_mean = 7,
	.busy_max = 10,
	.all_busy_share = 0.2,
	.size = 12,
	.high = 14,
	.now_share = 0.9,
	.then_share = 0.95,
	.workers = true};

static void expect(struct tt_pool_facts facts, enum tt_rule rule, const char *what)
{
	struct tt_findings set = TT_FINDINGS_INIT;
	tt_findings_of_pool(&set, "server", &facts, 2);
	is_u64(set.list.len, rule == TT_RULE_MAX ? 0 : 1, "%s: as many findings", what);
	if (rule != TT_RULE_MAX)
		ok(count(&set, rule) == 1 && set.list.data[0].title && *set.list.data[0].reason, "%s: %s", what,
			tt_rules[rule].id);
	tt_findings_deinit(&set);
}

static void test_pools(void)
{
	struct tt_pool_facts f = plain;
	expect(f, TT_RULE_MAX, "nothing remarkable");
	f.all_busy_share = 1;
	expect(f, TT_RULE_MAX, "all busy, but a larger pool would gain little");
	f.now_share = 0.5;
	expect(f, TT_RULE_POOL_STARVED, "all busy, half of the CPU unused");
	f.workers = false;
	expect(f, TT_RULE_MAX, "the same of a loop");
	f = plain;
	f.busy_max = 2;
	expect(f, TT_RULE_POOL_IDLE, "never more than two of ten busy");
	f = plain;
	f.delay_ns = 60 * S;
	f.work_ns = 30 * S;
	f.size = 4;
	f.high = 5;
	expect(f, TT_RULE_OVERSUBSCRIBED, "seven of ten want to run on two CPUs");
	f.high = 20;
	expect(f, TT_RULE_RUN_QUEUE_DELAY, "the same in a pool that is not too large");
	f = plain;
	f.threads = f.busy_max = 40;
	expect(f, TT_RULE_THREAD_LEAK_GROWTH, "four times as many threads at the end");
	f = plain;
	f.inversions = 3;
	expect(f, TT_RULE_PRIORITY_INVERSION, "real-time behind ordinary threads");
}

static void test_place(void)
{
	struct tt_findings set = TT_FINDINGS_INIT;
	struct tt_place_facts p = {
		.group = "/a", .cpus = 0.5, .periods = 100, .throttled = 2, .period_ns = 100000000, .window_ns = 10 * S};
	tt_findings_of_place(&set, "server", &p);
	is_u64(set.list.len, 0, "throttled in 2 of 100 periods: no finding");
	p.throttled = 50;
	p.stall_min_ns = 40000000;
	p.stall_max_ns = 80000000;
	p.steal = 0.2;
	tt_findings_of_place(&set, "server", &p);
	ok(count(&set, TT_RULE_CPU_THROTTLED) == 1 && count(&set, TT_RULE_CPU_STEAL) == 1,
		"in 50, and with steal: two findings");
	ok(strstr(set.list.data[0].title, "40.0 ms to 80.0 ms"), "the length of the stalls is in the title: %s",
		set.list.data[0].title);
	tt_findings_deinit(&set);
}

int main(void)
{
	test_pools();
	test_place();
	return done();
}
