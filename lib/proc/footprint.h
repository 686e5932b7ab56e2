/* SPDX-License-Identifier: GPL-3.0-or-later */
/* footprint.h - what memory a process takes for itself, and what it shares. Called by pools*.c, tests. */
#ifndef TT_PROC_FOOTPRINT_H
#define TT_PROC_FOOTPRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tt_footprint {
	uint64_t private_bytes;    /* that another process like it would cost: in no other process */
	uint64_t pss_bytes;        /* with its part of what is shared; 0: not known */
	uint64_t page_table_bytes; /* 0: not known */
	bool rough;                /* private_bytes is RssAnon: with what is still shared with its parent since the fork */
};

/*
 * Private_Clean, Private_Dirty, Private_Hugetlb and Pss of smaps_rollup (Linux 4.14; needs the permission that ptrace needs),
 * else RssAnon of status. False: neither can be read.
 */
bool tt_footprint_read(pid_t pid, struct tt_footprint *ret);

/* The number behind a key of such a file ("Pss:   123 kB"), in bytes. False: there is none. */
bool tt_footprint_parse(const char *text, const char *key, uint64_t *ret_bytes);

#endif
