/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * usage.h - CPU time of the machine and of a control group so far: two readings tell what others took, and steal. Called by
 * threadsize.
 */
#ifndef TT_PROC_USAGE_H
#define TT_PROC_USAGE_H

#include "lib/proc/limits.h"

struct tt_usage {
	bool machine_known, group_known;
	uint64_t busy_ns, steal_ns, total_ns; /* of all processors: busy has user, nice, system, irq, softirq */
	uint64_t group_ns;                    /* of the group whose quota binds, or of the process's own group */
};

/* Reads both, below root (NULL: the real one). What cannot be read is not known. */
void tt_usage_read(const char *root, const struct tt_limits *limits, struct tt_usage *ret);

/* Parses the first line of /proc/stat. False: not in that form. */
bool tt_usage_parse_stat(const char *text, struct tt_usage *ret);

#endif
