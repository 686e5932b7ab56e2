/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_limits.c - the fuzzers' way into the parsers of /proc and /sys (lib/proc): lists of processors, files of control groups,
 * mount tables. The first byte chooses. Built by tests/fuzz/run as fuzz_reader.c is.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proc/cgroup.h"
#include "lib/proc/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was parsed is written so that it parses to the same again. */
static void try_list(const char *text)
{
	struct tt_cpus set, again;
	TT_BUF_AUTO(out);
	if (tt_cpus_parse(text, &set) < 0)
		return;
	tt_cpus_format(&set, &out);
	if (tt_cpus_parse(tt_buf_str(&out), &again) < 0 || memcmp(&set, &again, sizeof(set)) != 0)
		abort();
}

/* The lines of a process and the mounts, parted by a line "==": whatever is found must be a place that exists in them. */
static void try_groups(char *text)
{
	struct tt_cgroups g = {0};
	const struct tt_cgroup_mount *mount;
	const char *relative;
	char *mounts = strstr(text, "\n==\n");
	if (mounts) {
		*mounts = '\0';
		mounts += 4;
	}
	if (tt_cgroups_parse_lines(&g, text) < 0 || tt_cgroups_parse_mounts(&g, mounts ? mounts : "") < 0)
		abort();
	const struct tt_cgroup_line *line = tt_cgroups_line(&g, "cpu");
	if (line && (!line->path || line->path[0] != '/'))
		abort();
	if (line && tt_cgroups_place(&g, "cpu", line->v2, line->path, &mount, &relative) == TT_CGROUP_FOUND &&
		(!mount || (*relative && *relative != '/')))
		abort();
	tt_cgroups_deinit(&g);
}

static void try_numbers(const char *text)
{
	uint64_t quota = 0, period = 0, value;
	struct tt_pressure pressure;
	if (tt_limits_parse_cpu_max(text, &quota, &period) == 0 && (quota == 0 || period == 0))
		abort();
	(void)tt_limits_parse_number(text, &value);
	(void)tt_limits_parse_key(text, "nr_periods", &value);
	(void)tt_limits_parse_rlimit(text, "Max open files", &value);
	(void)tt_limits_parse_pressure(text, &pressure);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (size && text) {
		memcpy(text, data + 1, size - 1);
		text[size - 1] = 0;
		switch (data[0] % 3) {
		case 0:
			try_list(text);
			break;
		case 1:
			try_groups(text);
			break;
		default:
			try_numbers(text);
		}
	}
	free(text);
	return 0;
}

#ifdef FUZZ_MAIN
#include "tests/fuzz/standalone.h"

static void write_seeds(const char *dir)
{
	static const char *const seeds[] = {
		"00-3,8,16-31:2/4\n",
		"15:cpu,cpuacct:/docker/a:b\n0::/x (deleted)\n==\n30 25 0:26 /docker /sys/fs/cgroup/cpu\\040x ro - cgroup "
		"cgroup rw,cpu\n"
		"31 25 0:27 /.. /sys/fs/cgroup/unified rw shared:1 - cgroup2 cgroup2 rw\n",
		"250000 100000\n",
		"2max 100000\n",
		"2nr_periods 10\nnr_throttled 1\nthrottled_usec 55\n",
		"2Max open files            1024                 unlimited            files\n",
		"2some avg10=1.50 avg60=0.25 avg300=0.00 total=12345\n",
	};
	fuzz_seed_texts(dir, "limits", seeds, sizeof(seeds) / sizeof(*seeds));
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, write_seeds);
}
#endif
