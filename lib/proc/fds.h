/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fds.h - what the descriptors of another process are: files, pipes, sockets with their addresses and state, epoll sets,
 * timers; and who holds the other end.
 *
 * Everything is read from /proc/PID/{fd,fdinfo,net} (and sock_diag for the peer of a unix socket): no descriptor of the target
 * is opened or duplicated. Answers are kept until tt_fds_clear(), so that a thousand threads in one socket cost one look-up.
 * Needs the permission that ptrace needs. All texts are hostile: escape them on output.
 * Called by waits.c, threaddump, threadtop. Not for threads.
 */
#ifndef TT_PROC_FDS_H
#define TT_PROC_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/util/buf.h"

enum tt_fd_kind {
	TT_FD_UNKNOWN, /* see error */
	TT_FD_FILE,
	TT_FD_DIRECTORY,
	TT_FD_DEVICE,
	TT_FD_TERMINAL,
	TT_FD_PIPE,
	TT_FD_SOCKET,
	TT_FD_EVENTFD,
	TT_FD_TIMERFD,
	TT_FD_SIGNALFD,
	TT_FD_INOTIFY,
	TT_FD_EPOLL,
	TT_FD_PIDFD,
	TT_FD_URING,
	TT_FD_ANON, /* another file of the kernel without a name: path says which */
	TT_FD_KIND_MAX
};
/* "file", "pipe", "socket" ... */
const char *tt_fd_kind_name(enum tt_fd_kind kind);

struct tt_socket {
	uint64_t inode;
	char protocol[24];              /* "tcp", "udp", "unix", "netlink" ...: lower case; "" unknown */
	char local[128];                /* "10.0.0.7:4711", "[::1]:80", a unix socket's path or "@name"; "" none */
	char remote[128];               /* likewise; "" none: not connected, or not known */
	const char *state;              /* "ESTABLISHED", "LISTEN" ... ; NULL: none, or not known */
	bool listening;                 /* accept() waits for clients on it */
	uint64_t peer_inode;            /* of the other end when it is on this machine; 0: not known */
	uint32_t queued_in, queued_out; /* bytes not yet read by the program, not yet taken by the peer (TCP, UDP) */
};

struct tt_fd {
	int fd;
	enum tt_fd_kind kind;
	int error;        /* errno value with TT_FD_UNKNOWN: EBADF not open, EACCES, ... */
	uint64_t inode;   /* pipes and sockets; 0 none */
	const char *path; /* what its link in /proc says: a path, "pipe:[123]", "anon_inode:[eventpoll]"; NULL unknown */
	const struct tt_socket *socket; /* sockets only; NULL: nothing more is known */
};

struct tt_fds;

/* For process pid (as we number it). Nothing is read yet. 0 or -ENOMEM. */
int tt_fds_create(pid_t pid, struct tt_fds **ret);
void tt_fds_destroy(struct tt_fds *fds);

/*
 * When both processes are in one network namespace, fds uses the tables of sockets that `with` has read, which can be long.
 * with must live longer; what both have answered is invalid after tt_fds_clear() of with.
 */
void tt_fds_share(struct tt_fds *fds, const struct tt_fds *with);

/* Forgets all answers; earlier ones are invalid. */
void tt_fds_clear(struct tt_fds *fds);

/* What fd is. Never NULL but when out of memory; valid until tt_fds_clear() or destroy. */
const struct tt_fd *tt_fds_get(struct tt_fds *fds, int fd);

/* Another process that holds the pipe, or the socket that is this inode. False: none was found (within 20,000 links). */
struct tt_holder {
	pid_t pid;
	int fd;
	char name[16]; /* of the process: not ended by NUL when 16 bytes long */
};
bool tt_fds_holder(struct tt_fds *fds, const struct tt_fd *fd, struct tt_holder *ret);

/*
 * True for a connection that came in: a TCP connection whose local port something listens to in its network namespace, or a
 * unix socket that has the name of a listening one. A program's own connections have ports and names of no such kind.
 */
bool tt_fds_accepted(struct tt_fds *fds, const struct tt_fd *fd);

/* Calls each(watched fd, its events as in epoll(7)) for what the epoll set fd watches. Count, or -errno. */
int tt_fds_epoll(struct tt_fds *fds, int fd, void (*each)(void *ctx, int fd, uint32_t events), void *ctx);

/* Time until the timerfd expires, in ns; false when it is not set, or unknown. */
bool tt_fds_timer(struct tt_fds *fds, int fd, uint64_t *ret_left_ns);

/*
 * Appends words: "/var/log/x", "pipe 123", "tcp 10.0.0.5:5432 (ESTABLISHED)", "tcp *:80 (LISTEN)", "unix /run/x.sock",
 * "eventfd", "fd 7" when nothing is known. Raw: not escaped.
 */
int tt_fd_describe(struct tt_buf *buf, const struct tt_fd *fd);

#endif
