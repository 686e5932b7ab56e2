/* SPDX-License-Identifier: GPL-3.0-or-later */
/* usage.c - CPU time of the machine and of a control group (usage.h). Source of the fields: proc_stat(5). */
#include "lib/proc/usage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proc/rootfile.h"

bool tt_usage_parse_stat(const char *text, struct tt_usage *ret)
{
	/* user nice system idle iowait irq softirq steal; guest times are in user and nice. */
	uint64_t ticks[8] = {0};
	uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	if (strncmp(text, "cpu ", 4) != 0)
		return false;
	const char *p = text + 4;
	for (size_t i = 0; i < 8; i++) {
		char *end;
		ticks[i] = strtoull(p, &end, 10);
		if (end == p)
			return false;
		p = end;
	}
	ret->busy_ns = (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * tick_ns;
	ret->steal_ns = ticks[7] * tick_ns;
	ret->total_ns = ret->busy_ns + ret->steal_ns + (ticks[3] + ticks[4]) * tick_ns;
	ret->machine_known = true;
	return true;
}

/* Version 2 counts in cpu.stat, version 1 in the controller cpuacct, which mostly lies in the same directory. */
static void read_group(const char *root, const struct tt_limits *limits, struct tt_usage *ret, struct tt_buf *text)
{
	const struct tt_cpu_level *level = limits->binding ? limits->binding : limits->levels.len ? limits->levels.data : NULL;
	TT_BUF_AUTO(path);
	uint64_t value;
	if (!level)
		return;
	tt_buf_printf(&path, "%s/cpu.stat", level->dir);
	if (limits->cgroup_v2 && tt_rootfile_read(root, tt_buf_str(&path), text) == 0 &&
		tt_limits_parse_key(tt_buf_str(text), "usage_usec", &value)) {
		ret->group_ns = value * 1000;
		ret->group_known = true;
	}
	tt_buf_clear(&path);
	tt_buf_printf(&path, "%s/cpuacct.usage", level->dir);
	if (!limits->cgroup_v2 && tt_rootfile_read(root, tt_buf_str(&path), text) == 0 &&
		tt_limits_parse_number(tt_buf_str(text), &ret->group_ns) == 0)
		ret->group_known = true;
}

void tt_usage_read(const char *root, const struct tt_limits *limits, struct tt_usage *ret)
{
	TT_BUF_AUTO(text);
	memset(ret, 0, sizeof(*ret));
	if (tt_rootfile_read(root, "/proc/stat", &text) == 0)
		tt_usage_parse_stat(tt_buf_str(&text), ret);
	read_group(root, limits, ret, &text);
}
