/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * syscalls.h - system calls of 64-bit x86 Linux: number -> name and arguments, also those of a core file made elsewhere.
 * Called by waits.c, threaddump, threadtop.
 */
#ifndef TT_PROC_SYSCALLS_H
#define TT_PROC_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/util/buf.h"

/* What a thread that is blocked in it waits for: see waits.c. */
enum tt_syscall_class {
	TT_SYSCALL_OTHER,
	TT_SYSCALL_INPUT,
	TT_SYSCALL_OUTPUT,
	TT_SYSCALL_RECV,
	TT_SYSCALL_SEND,
	TT_SYSCALL_ACCEPT,
	TT_SYSCALL_CONNECT,
	TT_SYSCALL_SYNC,
	TT_SYSCALL_IOCTL,
	TT_SYSCALL_PATH,
	TT_SYSCALL_POLL,
	TT_SYSCALL_SELECT,
	TT_SYSCALL_EPOLL,
	TT_SYSCALL_SLEEP,
	TT_SYSCALL_FUTEX,
	TT_SYSCALL_FUTEX_WAIT,
	TT_SYSCALL_FUTEX_WAITV,
	TT_SYSCALL_CHILD,
	TT_SYSCALL_FORK,
	TT_SYSCALL_SIGNAL,
	TT_SYSCALL_FLOCK,
	TT_SYSCALL_FCNTL,
	TT_SYSCALL_SEMOP,
	TT_SYSCALL_MSGSND,
	TT_SYSCALL_MSGRCV,
	TT_SYSCALL_AIO,
	TT_SYSCALL_URING,
	TT_SYSCALL_RESTART,
};

struct tt_syscall {
	const char *name;
	const char *args; /* one letter each: see syscalls_x86_64.def */
	int nr;
	enum tt_syscall_class class;
};

/* NULL for a number that is not in the table. */
const struct tt_syscall *tt_syscall_find(long nr);

/*
 * Reads len bytes of the target's memory at address. 0, or -errno when not all of them can be read.
 */
typedef int (*tt_memory_read)(void *ctx, uint64_t address, void *buf, size_t len);

/*
 * Appends the call as strace would show it: "read(3, 0x7ffd0010, 4096)", "openat(AT_FDCWD, "/etc/passwd", 0x0, 0x0)". Texts are
 * raw, at most 60 bytes of each. read may be NULL: addresses are shown instead of what they point to. 0 or -ENOMEM.
 */
int tt_syscall_describe(struct tt_buf *buf, long nr, const uint64_t args[6], tt_memory_read read, void *ctx);

#endif
