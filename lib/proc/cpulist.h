/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cpulist.h - sets of processors in the kernel's list format ("0-3,8"). Called by limits.c and by what shows limits.
 */
#ifndef TT_PROC_CPULIST_H
#define TT_PROC_CPULIST_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/util/buf.h"

#define TT_CPUS_MAX 8192 /* the kernel's own largest NR_CPUS on x86-64 */

struct tt_cpus {
	uint64_t bits[TT_CPUS_MAX / 64];
};

/*
 * Parses "0-3,8", with blanks and a newline allowed around it, and strides "0-31:2/4" as the kernel writes them for huge
 * machines. An empty text is the empty set. 0, or -EINVAL; *ret is untouched then.
 */
int tt_cpus_parse(const char *text, struct tt_cpus *ret);

unsigned tt_cpus_count(const struct tt_cpus *set);
bool tt_cpus_has(const struct tt_cpus *set, unsigned cpu);
void tt_cpus_and(struct tt_cpus *set, const struct tt_cpus *other);

/* Appends the list format: "0-3,8"; "" for the empty set. */
int tt_cpus_format(const struct tt_cpus *set, struct tt_buf *out);

#endif
