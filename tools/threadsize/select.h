/* SPDX-License-Identifier: GPL-3.0-or-later */
/* select.h - which processes threadsize measures: by number, by name, by control group. Called by main.c. */
#ifndef TT_THREADSIZE_SELECT_H
#define TT_THREADSIZE_SELECT_H

#include "lib/proc/tasks.h"
#include "lib/util/cli.h"

/*
 * pid: a number, or a name: then, of several, the process above all others; NULL: cgroup, all in that group and below it; both
 * NULL: none. below_root: names cannot be looked up. 0 or an exit status, with words said.
 */
int select_processes(const struct tt_cli *cli, const char *pid, bool below_root, const char *cgroup, struct tt_pids *pids);

#endif
