/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_proc_tasktext.c - the texts of /proc as numbers: the kernel's own, hostile names, cut and senseless ones. */
#include <errno.h>

#include "lib/proc/tasktext.h"
#include "tests/unit/tap.h"

#define REST                                                                                                                 \
	" 1 2 3 0 -1 4194368 111 0 222 0 333 444 0 0 20 -5 7 0 98765 123456789 500 18446744073709551615 1 1 0 0 0 0 0 4096 " \
	"81922 0 0 0 17 3 50 1 9 0 0 0 0 0 0 0 0 0 0\n"

static void test_schedstat(void)
{
	struct tt_schedstat s;
	is_int(tt_schedstat_parse("1069995 91112 2\n", &s), 0, "schedstat is read");
	is_u64(s.run_ns, 1069995, "run time");
	is_u64(s.wait_ns, 91112, "waiting time");
	is_u64(s.slices, 2, "slices");
	is_int(tt_schedstat_parse("", &s), -EINVAL, "empty is refused");
	is_int(tt_schedstat_parse("1 2\n", &s), -EINVAL, "two numbers are refused");
	is_int(tt_schedstat_parse("-1 2 3", &s), -EINVAL, "a sign is refused");
}

static void test_stat(void)
{
	struct tt_stat s;
	is_int(tt_stat_parse("77 (worker) S" REST, &s), 0, "stat is read");
	is_str(s.name, "worker", "name");
	is_int(s.state, 'S', "state");
	is_int(s.ppid, 1, "parent");
	is_u64(s.flags, 4194368, "flags");
	is_u64(s.minor_faults, 111, "minor faults");
	is_u64(s.major_faults, 222, "major faults");
	is_u64(s.user_ticks, 333, "user time");
	is_u64(s.system_ticks, 444, "system time");
	is_int(s.priority, 20, "priority");
	is_int(s.nice, -5, "nice");
	is_u64(s.start_ticks, 98765, "start");
	is_int(s.cpu, 3, "last CPU");
	is_int(s.rt_priority, 50, "real-time priority");
	is_int(s.policy, 1, "policy");
	is_int(tt_stat_parse("77 (a) R (b\n) c) D" REST, &s), 0, "a name that looks like the rest of the line");
	is_str(s.name, "a) R (b\n) c", "is read whole");
	is_int(s.state, 'D', "and the state behind it");
	is_int(tt_stat_parse("77 () S" REST, &s), 0, "an empty name");
	is_str(s.name, "", "stays empty");
	is_int(tt_stat_parse("77 (x) S 1 2 3", &s), -EINVAL, "a cut line is refused");
	is_int(tt_stat_parse("77 (x", &s), -EINVAL, "a cut name is refused");
	is_int(tt_stat_parse("", &s), -EINVAL, "empty is refused");
	char longest[512] = "1 (";
	memset(longest + 3, 'n', 200);
	strcpy(longest + 203, ") S" REST);
	is_int(tt_stat_parse(longest, &s), 0, "an impossible name");
	is_int(strlen(s.name), sizeof(s.name) - 1, "is cut");
}

static void test_status(void)
{
	struct tt_status s;
	is_int(tt_status_parse(
		       "Name:\tx\\nUid:\nUid:\t10\t20\t30\t40\nCpus_allowed_list:\t0-1,7\nvoluntary_ctxt_switches:\t12\n"
		       "nonvoluntary_ctxt_switches:\t34\n",
		       &s),
		0, "status is read");
	is_int(s.uid, 20, "the effective user");
	is_u64(s.voluntary, 12, "voluntary switches");
	is_u64(s.involuntary, 34, "involuntary switches");
	is_str(s.affinity, "0-1,7", "affinity");
	is_int(tt_status_parse("Name:\tx\n", &s), -EINVAL, "without a user it is refused");
	char many[512] = "Uid:\t1\t1\nCpus_allowed_list:\t";
	for (int i = 0; i < 60; i++)
		strcat(many, "1,");
	is_int(tt_status_parse(many, &s), 0, "a long list of CPUs");
	is_int(strlen(s.affinity), sizeof(s.affinity) - 1, "is cut");
	has_str(s.affinity, "...", "and shows it");
}

static void test_io(void)
{
	struct tt_io io;
	is_int(tt_io_parse("rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n",
		       &io),
		0, "io is read");
	is_u64(io.rchar, 1, "read");
	is_u64(io.wchar, 2, "written");
	is_u64(io.read_bytes, 5, "from a device");
	is_u64(io.write_bytes, 6, "to a device");
	is_int(tt_io_parse("rchar: 1\n", &io), -EINVAL, "a part is refused");
}

static void test_container(void)
{
	char id[13];
	is_str(tt_container_id("/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", id), "0123456789ab",
		"docker's path");
	is_str(tt_container_id("/kubepods.slice/pod1/"
			       "cri-containerd-fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210.scope",
		       id),
		"fedcba987654", "containerd's path");
	ok(!tt_container_id("/user.slice/user-1000.slice", id), "a slice is no container");
	ok(!tt_container_id("/", id), "the root is none");
}

int main(void)
{
	test_schedstat();
	test_stat();
	test_status();
	test_io();
	test_container();
	return done();
}
