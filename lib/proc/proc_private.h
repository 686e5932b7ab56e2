/* SPDX-License-Identifier: GPL-3.0-or-later */
/* proc_private.h - what the files of lib/proc share with each other, and nobody else uses. */
#ifndef TT_PROC_PRIVATE_H
#define TT_PROC_PRIVATE_H

#include <errno.h>

#include "lib/proc/fds.h"
#include "lib/proc/syscalls.h"
#include "lib/proc/waits.h"
#include "lib/util/hmap.h"
#include "lib/util/vec.h"

/* ------------------------------------------------------------------ sockets.c */

/* The sockets of one network namespace, as far as somebody asked: a protocol's table is read once, at the first question. */
struct proc_sockets {
	pid_t pid;
	struct tt_hmap by_inode; /* -> struct tt_socket, owned */
	uint64_t loaded;         /* bits: rows of the table of tables in sockets.c */
};

/* protocol: what the kernel calls it ("TCP", "UNIX-STREAM"); "" unknown: all tables are searched. NULL: not found. */
const struct tt_socket *proc_sockets_find(struct proc_sockets *s, uint64_t inode, const char *protocol);
/* Whether a socket that was found and does not listen is one that a listening one has accepted. */
bool proc_sockets_accepted(const struct proc_sockets *s, const struct tt_socket *socket);
void proc_sockets_clear(struct proc_sockets *s);

/* ------------------------------------------------------------------ unixpeer.c */

/* A socket of NETLINK_SOCK_DIAG in the network namespace of pid: a descriptor, or -errno. */
int proc_diag_open(pid_t pid);
/* Asks the kernel for the other end of a connected unix socket: its inode, and its name into name. False: not known. */
bool proc_unix_peer(pid_t pid, uint64_t inode, uint64_t *ret_peer, char *name, size_t size);

/* ------------------------------------------------------------------ inetdiag.c */

struct inet_diag_msg;
/*
 * Calls each() for every TCP socket of the family (AF_INET, AF_INET6) in the network namespace of pid but those that only
 * remember an ended connection: there can be tens of thousands of these, and no process has them open. 0, or -errno when the
 * kernel does not tell: then some may have been told.
 */
int proc_inet_sockets(pid_t pid, int family, void (*each)(void *ctx, const struct inet_diag_msg *m), void *ctx);

/* ------------------------------------------------------------------ files */

/* Reads a small file of /proc whole, at most size - 1 bytes, ended by NUL. Length or -errno. */
int proc_read(const char *path, char *buf, size_t size);

/*
 * The same of a file below a directory, by one read: right for files that the kernel makes in one piece (stat, schedstat,
 * sched, wchan), and half the price.
 */
int proc_read_at(int dir, const char *path, char *buf, size_t size);

/* Reads a text of the target's memory, cut to size - 1 bytes, always ended by NUL. Length or -errno. read may be NULL. */
int proc_read_text(tt_memory_read read, void *ctx, uint64_t address, char *out, size_t size);

/* ------------------------------------------------------------------ waits*.c */

/* What the names on the stack say: NONE and NULL when they say nothing. */
struct wait_hint {
	enum tt_wait_kind kind;
	const char *meaning;
	uint64_t sp;     /* of the call */
	bool named;      /* the innermost function has a name: were it one of the C library's locks, it would be known */
	bool foreign;    /* the kind is of another library than libc: no layout of ours */
	bool plain_wait; /* the operation is FUTEX_WAIT, not FUTEX_WAIT_BITSET or another */
};

static inline int wait_read(const struct tt_wait_env *env, uint64_t address, void *buf, size_t len)
{
	return env->read && address ? env->read(env->ctx, address, buf, len) : -EFAULT;
}

/* Sets timed, left_known and left_ns from a timeout that began with the wait, or from a point in time on a clock. */
void wait_relative(struct tt_wait *w, const struct tt_wait_call *call, uint64_t timeout_ns);
void wait_absolute(struct tt_wait *w, const struct tt_wait_env *env, int clock, uint64_t at_ns);
/* The struct timespec at address as ns; false for NULL and what cannot be read. */
bool wait_timespec(const struct tt_wait_env *env, uint64_t address, uint64_t *ret_ns);

/* What the functions on the stack say of a wait of that kind, which is none for a futex. NULL: nothing. */
const char *wait_meaning(enum tt_wait_kind kind, const struct tt_wait_call *call);
void wait_decode_futex(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env);
/* Which object the futex word w->word with the expected value is part of. */
void wait_decode_lock(struct tt_wait *w, uint32_t expected, const struct wait_hint *hint, const struct tt_wait_env *env);
void wait_decode_fd(
	struct tt_wait *w, enum tt_syscall_class class, const struct tt_wait_call *call, const struct tt_wait_env *env);
void wait_decode_poll(
	struct tt_wait *w, enum tt_syscall_class class, const struct tt_wait_call *call, const struct tt_wait_env *env);
void wait_decode_file_lock(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env);

#endif
