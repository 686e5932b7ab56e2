/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_proc_limits.c - CPU limits read from trees that look like Docker, Kubernetes, systemd, LXC, WSL, Slurm ... (each with
 * what must come out), the parsers of single files, and this process.
 */
#include <errno.h>
#include <math.h>
#include <sched.h>

#include "lib/core/attrs.h"
#include "lib/proc/cgroup.h"
#include "lib/proc/limits.h"
#include "tests/unit/tap.h"
#include "tests/unit/trees.h"

/* ------------------------------------------------------------------ trees */

static void format_cpus(char *out, size_t size, bool known, double cpus)
{
	if (known)
		snprintf(out, size, "%g", cpus);
	else
		snprintf(out, size, "?");
}

static void number(char *out, size_t size, uint64_t value)
{
	snprintf(out, size, "%" PRIu64, value);
}

/* What was read, as the text behind key=. */
static bool value_of(const struct tt_limits *l, const char *key, char *out, size_t size)
{
	if (strcmp(key, "layout") == 0)
		snprintf(out, size, "%s", tt_layout_name(l->layout));
	else if (strcmp(key, "quota") == 0)
		snprintf(out, size, "%s", tt_limit_state_name(l->quota));
	else if (strcmp(key, "quota_cpus") == 0)
		format_cpus(out, size, l->quota_cpus > 0, l->quota_cpus);
	else if (strcmp(key, "binding") == 0)
		snprintf(out, size, "%s", l->binding ? l->binding->path : "-");
	else if (strcmp(key, "cpus") == 0)
		format_cpus(out, size, l->effective_known, l->effective_cpus);
	else if (strcmp(key, "bound") == 0)
		snprintf(out, size, "%s", tt_bound_name(l->bound));
	else if (strcmp(key, "usable") == 0)
		number(out, size, l->usable_cpus);
	else if (strcmp(key, "hidden") == 0)
		snprintf(out, size, "%s", l->hidden ? "yes" : "no");
	else if (strcmp(key, "levels") == 0)
		number(out, size, l->levels.len);
	else if (strcmp(key, "throttled_ns") == 0)
		number(out, size, l->binding ? l->binding->throttling.throttled_ns : 0);
	else if (strcmp(key, "burst_us") == 0)
		number(out, size, l->binding ? l->binding->burst_us : 0);
	else if (strcmp(key, "memory") == 0)
		number(out, size, l->memory.limit);
	else if (strcmp(key, "pids") == 0)
		number(out, size, l->pids.limit);
	else
		return false;
	return true;
}

static void compare(const char *file, const struct tt_limits *l, char *expect)
{
	for (char *save = NULL, *word = strtok_r(expect, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char got[256], *equals = strchr(word, '=');
		if (!ok(equals, "%s: '%s' is KEY=VALUE", file, word))
			continue;
		*equals = '\0';
		if (ok(value_of(l, word, got, sizeof(got)), "%s: the key %s is known", file, word))
			is_str(got, equals + 1, "%s: %s", file, word);
	}
	if (l->quota == TT_LIMIT_UNKNOWN)
		ok(l->quota_why && *l->quota_why, "%s: says why: %s", file, l->quota_why ? l->quota_why : "");
}

static void test_tree(const char *file)
{
	char dir[256], expect[1024];
	struct tt_limits limits;
	struct tt_err err = {0};
	if (!ok(tree_unpack(file, dir, sizeof(dir), expect, sizeof(expect)), "%s is unpacked", file))
		return;
	const struct tt_limits_query query = {.root = dir};
	if (ok(tt_limits_read(&query, &limits, &err) == 0, "%s is read: %s", file, err.msg))
		compare(file, &limits, expect);
	tt_limits_deinit(&limits);
	tree_remove(dir);
}

static int is_tree(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	return len > 5 && strcmp(entry->d_name + len - 5, ".tree") == 0;
}

static void test_trees(void)
{
	struct dirent **entries;
	int count = scandir(TREES_DIR, &entries, is_tree, alphasort);
	ok(count > 50, "there are %d trees", count);
	for (int i = 0; i < count; i++) {
		test_tree(entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* ------------------------------------------------------------------ a group instead of a process */

static void test_cgroup_option(void)
{
	static const char *const names[] = {
		"/docker/4d1c9dbe1e09", "docker/4d1c9dbe1e09/", "/sys/fs/cgroup/cpu,cpuacct/docker/4d1c9dbe1e09"};
	char dir[256], expect[1024];
	if (!ok(tree_unpack("docker-v1-host.tree", dir, sizeof(dir), expect, sizeof(expect)), "the tree is unpacked"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct tt_limits limits;
		const struct tt_limits_query query = {.root = dir, .cgroup = names[i]};
		ok(tt_limits_read(&query, &limits, NULL) == 0, "--cgroup %s", names[i]);
		ok(limits.effective_known && limits.effective_cpus == 1.5, "  ... has 1.5 CPUs");
		is_str(limits.levels.len ? limits.levels.data[0].path : "", "/docker/4d1c9dbe1e09", "  ... its path");
		tt_limits_deinit(&limits);
	}
	struct tt_limits limits;
	struct tt_err err = {0};
	const struct tt_limits_query query = {.root = dir, .cgroup = "/docker/other"};
	is_int(tt_limits_read(&query, &limits, &err), -ENOENT, "a group that is not there: %s", err.msg);
	tt_limits_deinit(&limits);
	const struct tt_limits_query gone = {.root = dir, .pid = 4711};
	is_int(tt_limits_read(&gone, &limits, &err), -ESRCH, "a process that is not there: %s", err.msg);
	tt_limits_deinit(&limits);
	tree_remove(dir);
}

/* ------------------------------------------------------------------ parsers */

static void test_lists(void)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} rows[] = {{"0", "0"}, {"0-3,8\n", "0-3,8"}, {"\t1,2,3", "1-3"}, {"", ""}, {"\n", ""},
		{"0-31:2/4", "0-1,4-5,8-9,12-13,16-17,20-21,24-25,28-29"}, {"8191", "8191"}, {"8192", NULL}, {"3-1", NULL},
		{"1,", NULL}, {",1", NULL}, {"1--2", NULL}, {"a", NULL}, {"1 2", NULL}, {"0-7:0/4", NULL}, {"0-7:5/4", NULL},
		{"99999999999", NULL}, {"-1", NULL}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tt_cpus set;
		TT_BUF_AUTO(out);
		int rc = tt_cpus_parse(rows[i].text, &set);
		is_int(rc, rows[i].want ? 0 : -EINVAL, "the list '%s'", rows[i].text);
		if (rc == 0 && rows[i].want) {
			tt_cpus_format(&set, &out);
			is_str(tt_buf_str(&out), rows[i].want, "  ... is written again");
		}
	}
}

static void test_strip(void)
{
	is_str(tt_cgroup_strip("/docker/abc", "/docker/ab"), NULL, "a part of a name is no prefix");
	is_str(tt_cgroup_strip("/docker/abc", "/docker"), "/abc", "a component is");
	is_str(tt_cgroup_strip("/docker", "/docker"), "", "the whole is");
	is_str(tt_cgroup_strip("/a", "/"), "/a", "the root is of everything");
	is_str(tt_cgroup_strip("/", "/"), "", "also of itself");
	is_str(tt_cgroup_strip("/a/", "/a/"), "", "blanks of slashes do not matter");
}

static void test_files(void)
{
	uint64_t value = 0;
	struct tt_pressure p = {0};
	static const char limits[] = "Limit                     Soft Limit           Hard Limit           Units\n"
				     "Max processes             95000                95000                processes\n"
				     "Max open files            1024                 unlimited            files\n"
				     "Max stack size            unlimited            unlimited            bytes\n";
	ok(tt_limits_parse_rlimit(limits, "Max open files", &value) && value == 1024, "a soft limit");
	ok(tt_limits_parse_rlimit(limits, "Max stack size", &value) && value == UINT64_MAX, "an unlimited one");
	ok(!tt_limits_parse_rlimit(limits, "Max open", &value) && !tt_limits_parse_rlimit(limits, "Max cpu", &value),
		"others are not there");
	ok(tt_limits_parse_pressure("some avg10=1.50 avg60=0.25 avg300=0.00 total=12345\nfull x\n", &p) &&
			p.some_avg10 == 1.5 && p.some_total_us == 12345,
		"pressure");
	ok(!tt_limits_parse_pressure("some avg10=1.50 avg60=0.25\n", &p) && !tt_limits_parse_pressure("", &p),
		"half a pressure is none");
	ok(tt_limits_parse_key("a 1\nab 2\n", "ab", &value) && value == 2, "a key");
	ok(!tt_limits_parse_key("a 1\nab x\n", "ab", &value) && !tt_limits_parse_key("a 1\n", "b", &value),
		"no key, no number");
}

static void test_stall(void)
{
	struct tt_cpu_level level = {
		.period_us = 100000, .throttling = {.known = true, .throttled = 10, .throttled_ns = 3500000000}};
	uint64_t low, high;
	tt_throttle_stall(&level, 4, &low, &high);
	is_u64(low, 87500000, "350 ms summed over 4 processors: 87.5 ms each");
	is_u64(high, 100000000, "and never more than a period");
	level.throttling.throttled = 0;
	tt_throttle_stall(&level, 4, &low, &high);
	is_u64(low + high, 0, "never throttled: none");
}

/* ------------------------------------------------------------------ this process */

static void test_self(void)
{
	struct tt_limits limits;
	struct tt_err err = {0};
	const struct tt_limits_query query = {0};
	cpu_set_t set;
	ok(tt_limits_read(&query, &limits, &err) == 0, "this process: %s", err.msg);
	sched_getaffinity(0, sizeof(set), &set);
	is_u64(limits.affinity.count, (uint64_t)CPU_COUNT(&set), "its affinity");
	ok(limits.quota == TT_LIMIT_UNKNOWN || limits.effective_known, "its CPUs are known, unless a quota is not");
	is_int(limits.policy, sched_getscheduler(0), "its policy");
	tt_limits_deinit(&limits);
}

int main(void)
{
	test_lists();
	test_strip();
	test_files();
	test_stall();
	test_trees();
	test_cgroup_option();
	test_self();
	return done();
}
