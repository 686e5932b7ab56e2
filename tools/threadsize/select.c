/* SPDX-License-Identifier: GPL-3.0-or-later */
/* select.c - which processes are measured (select.h). */
#include "tools/threadsize/select.h"

#include <errno.h>
#include <string.h>

#include "lib/proc/limits.h"
#include "lib/util/parse.h"

#define MOST_GENERATIONS 64
#define NUMBERS_SAID     8

static bool is_below(pid_t pid, pid_t above)
{
	struct tt_proc p;
	for (int i = 0; i < MOST_GENERATIONS && pid > 1 && pid != above; i++) {
		if (tt_proc_read(pid, &p, NULL) < 0)
			return false;
		pid = p.ppid;
		tt_proc_deinit(&p);
	}
	return pid == above;
}

/* Of several of one name, that from which the others descend: a master of its workers. */
static int find_named(const struct tt_cli *cli, const char *name, struct tt_pids *pids)
{
	TT_BUF_AUTO(numbers);
	if (tt_pids_by_name(pids, name) < 0)
		return tt_cli_error(cli, "cannot list processes: %s", strerror(errno));
	if (!pids->list.len)
		return tt_cli_error(cli, "no process is named '%s'", name);
	for (size_t i = 0; i < pids->list.len; i++) {
		size_t below = 0;
		for (size_t k = 0; k < pids->list.len; k++)
			below += is_below(pids->list.data[k], pids->list.data[i]);
		if (below == pids->list.len) {
			pids->list.data[0] = pids->list.data[i];
			pids->list.len = 1;
			return 0;
		}
		if (i < NUMBERS_SAID)
			tt_buf_printf(&numbers, "%s%d", i ? ", " : "", (int)pids->list.data[i]);
	}
	return tt_cli_error(cli, "%zu processes are named '%s', and none is above the others: give the number of one (%s%s)",
		pids->list.len, name, tt_buf_str(&numbers), pids->list.len > NUMBERS_SAID ? ", ..." : "");
}

static int find_in_group(const struct tt_cli *cli, const char *cgroup, struct tt_pids *pids)
{
	const struct tt_limits_query query = {.cgroup = cgroup};
	struct tt_limits limits;
	struct tt_err err = {0};
	int status = 0;
	if (tt_limits_read(&query, &limits, &err) < 0)
		status = tt_cli_error(cli, "%s", err.msg);
	else if (!limits.levels.len || tt_pids_by_cgroup_dir(pids, limits.levels.data[0].dir) < 0)
		status = tt_cli_error(cli, "there is no process in control group '%s'", cgroup);
	tt_limits_deinit(&limits);
	return status;
}

int select_processes(const struct tt_cli *cli, const char *pid, bool below_root, const char *cgroup, struct tt_pids *pids)
{
	struct tt_err err = {0};
	uint64_t number;
	if (!pid)
		return cgroup ? find_in_group(cli, cgroup, pids) : 0;
	if (pid[strspn(pid, "0123456789")] != '\0')
		return below_root ? tt_cli_misuse(cli, "--pid: below --root a process is given by its number")
		                  : find_named(cli, pid, pids);
	if (tt_parse_u64(pid, 1, INT32_MAX, &number, &err) < 0)
		return tt_cli_misuse(cli, "--pid: %s", err.msg);
	return tt_vec_push(&pids->list, (pid_t)number) < 0 ? tt_cli_error(cli, "out of memory") : 0;
}
