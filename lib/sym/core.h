/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * core.h - core files of x86-64 Linux, written by the kernel or by gcore, as a source of snapshots (snapshot.h).
 *
 * A core holds the threads' registers and the memory that was dumped; code that lies unchanged in files is left out, and is
 * read from those files, if they are still the same (build-id). It has no thread names, no descriptors, no times.
 * A damaged or hostile file gives an error or less to see, never more. Called by threaddump.
 */
#ifndef TT_SYM_CORE_H
#define TT_SYM_CORE_H

#include "lib/sym/snapshot.h"

/* Whether a file looks like a core: for telling it from a process's name. False also when it cannot be read. */
bool tt_snap_is_core(const char *path);

/*
 * Opens a core file as a snapshot: unwind.h and all of snapshot.h work on it; retaking a thread does not. sysroot: a prefix of
 * the paths of files that belong to it; NULL: none. 0, errors of open, -ENOEXEC not a core, -ENOTSUP a core of another kind of
 * machine, -ENOMEM.
 */
int tt_snap_open_core(const char *path, const char *sysroot, struct tt_snap **ret, struct tt_err *err);

struct tt_snap_core_info {
	pid_t pid;
	const char *name;    /* of the program, at most 15 bytes; hostile text */
	const char *command; /* its command line, cut off; hostile text */
	int signal;          /* that ended it; 0: none (gcore) */
	pid_t signal_tid;    /* the thread that had it */
	int code;            /* si_code */
	uint64_t address;    /* si_addr, of a fault; 0: unknown */
	bool truncated;      /* the file is shorter than it says */
};

/* False: the snapshot is not from a core. Strings live as long as it does. */
bool tt_snap_core_info(const struct tt_snap *snap, struct tt_snap_core_info *ret);

#endif
