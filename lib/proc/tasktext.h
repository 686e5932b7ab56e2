/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tasktext.h - the texts of /proc/PID/task/TID/{schedstat,stat,status,io} as numbers. Pure functions on NUL-terminated text: no
 * file is opened here, so that tests can feed them anything. Layouts: proc(5) and the kernel's fs/proc/array.c, base.c.
 * Each returns 0, or -EINVAL when the text is not what it should be (*ret may be half filled then).
 */
#ifndef TT_PROC_TASKTEXT_H
#define TT_PROC_TASKTEXT_H

#include <stdint.h>

/* schedstat: time on a CPU, time waiting for one, both in ns, and how often it was put on a CPU. */
struct tt_schedstat {
	uint64_t run_ns, wait_ns, slices;
};
int tt_schedstat_parse(const char *text, struct tt_schedstat *ret);

#define TT_PF_KTHREAD 0x00200000u /* in flags; linux/sched.h */

struct tt_stat {
	char name[68]; /* as in the file, at most 63 bytes (kernel threads); hostile */
	char state;
	uint32_t ppid, flags;
	uint64_t minor_faults, major_faults;
	uint64_t user_ticks, system_ticks, start_ticks; /* of sysconf(_SC_CLK_TCK) */
	uint64_t children_ticks;                        /* likewise: of children that ended and were waited for */
	int32_t priority, nice;
	uint32_t cpu, rt_priority, policy;
};
/* stat. The name may hold blanks, newlines and ')': it ends at the last ')'. */
int tt_stat_parse(const char *text, struct tt_stat *ret);

struct tt_status {
	uint32_t uid; /* effective */
	uint64_t voluntary, involuntary;
	char affinity[64]; /* "0-3,5"; cut with "..." when longer */
};
/* status; what it does not name stays 0 or "". */
int tt_status_parse(const char *text, struct tt_status *ret);

struct tt_io {
	uint64_t read_bytes, write_bytes; /* that went to or came from a block device */
	uint64_t rchar, wchar;            /* through read() and write() and their kin, also pipes and sockets */
};
int tt_io_parse(const char *text, struct tt_io *ret);

/* A container's id in a cgroup path: the last component that holds 32 to 64 hexadecimal digits in one run; its first 12 are
 * copied. Returns ret, or NULL when there is none. */
const char *tt_container_id(const char *cgroup, char ret[13]);

#endif
