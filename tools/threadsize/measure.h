/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * measure.h - measures a process over a window, or a command that is run under the recorder until it ends. Called by main.c.
 */
#ifndef TT_THREADSIZE_MEASURE_H
#define TT_THREADSIZE_MEASURE_H

#include <sys/types.h>

#include "lib/proc/limits.h"
#include "lib/proc/pools.h"
#include "lib/proc/usage.h"
#include "lib/util/cli.h"

struct measurement {
	struct tt_limits before, after; /* after is what is reported; both with throttling */
	struct tt_usage from, to;
	uint64_t own_ns; /* CPU time that measuring a process took meanwhile */
	struct tt_pools *pools;
	char executable[4096]; /* of the process; "" not known */
	double lock_share;     /* of the computing under the hottest lock, from the recording; 0: not known */
	int status;            /* of the command */
};

/*
 * cgroup: whose limits are read; NULL: those of the first process. progress: say on standard error how far it is. 0 or an exit
 * status, with words said.
 */
int measure_process(const struct tt_cli *cli, const struct tt_pools_subject *subject, const char *cgroup, uint64_t window_ns,
	bool progress, struct measurement *ret);

/* argv[0] is looked for in PATH. window_ns 0: until the command ends; else it is ended after it. */
int measure_command(const struct tt_cli *cli, char **argv, bool children, uint64_t window_ns, struct measurement *ret);

void measurement_deinit(struct measurement *m);

#endif
