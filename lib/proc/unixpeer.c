/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unixpeer.c - the other end of a unix socket, by NETLINK_SOCK_DIAG (sock_diag(7)): /proc/net/unix does not tell it, and the
 * name of the server is known only there, for a client's own socket has none.
 */
#include "lib/proc/proc_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

static int diag_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return -errno;
	return fd;
}

int proc_diag_open(pid_t pid)
{
	char path[64];
	struct stat own, other;
	int rc = -EPERM;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat("/proc/self/ns/net", &own) < 0 || stat(path, &other) < 0)
		return -errno;
	if (own.st_ino == other.st_ino)
		return diag_socket();
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there = open(path, O_RDONLY | O_CLOEXEC);
	if (home >= 0 && there >= 0 && setns(there, CLONE_NEWNET) == 0) { /* for the one call: only with CAP_SYS_ADMIN */
		rc = diag_socket();
		if (setns(home, CLONE_NEWNET) < 0 && rc >= 0) {
			close(rc);
			rc = -EPERM;
		}
	}
	if (home >= 0)
		close(home);
	if (there >= 0)
		close(there);
	return rc;
}

static int diag_ask(int fd, uint64_t inode)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req body;
	} ask = {
		.head = {.nlmsg_len = sizeof(ask), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
		.body = {.sdiag_family = AF_UNIX,
			.udiag_ino = (uint32_t)inode,
			.udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_NAME,
			.udiag_cookie = {UINT32_MAX, UINT32_MAX}},
	};
	struct timeval limit = {.tv_usec = 200000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n = sendto(fd, &ask, sizeof(ask), 0, (struct sockaddr *)&kernel, sizeof(kernel));
	return n < 0 ? -errno : 0;
}

static void copy_name(char *name, size_t size, const struct rtattr *a)
{
	const char *from = RTA_DATA(a);
	size_t n = RTA_PAYLOAD(a);
	if (n && from[n - 1] == '\0' && from[0])
		n--;
	if (n >= size)
		n = size - 1;
	for (size_t i = 0; i < n; i++)
		name[i] = from[i] ? from[i] : '@'; /* an abstract name, as /proc/net/unix shows it */
	name[n] = '\0';
}

/* peer and name may be NULL. */
static bool diag_read(int fd, uint32_t *peer, char *name, size_t size)
{
	char buf[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t got = recv(fd, buf, sizeof(buf), 0);
	struct nlmsghdr *h = (struct nlmsghdr *)buf;
	if (got < 0 || !NLMSG_OK(h, (unsigned)got) || h->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return false;
	struct unix_diag_msg *m = NLMSG_DATA(h);
	long left = (long)h->nlmsg_len - (long)NLMSG_LENGTH(sizeof(*m));
	bool found = false;
	for (struct rtattr *a = (struct rtattr *)(m + 1); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == UNIX_DIAG_PEER && peer && RTA_PAYLOAD(a) >= sizeof(*peer)) {
			memcpy(peer, RTA_DATA(a), sizeof(*peer));
			found = true;
		} else if (a->rta_type == UNIX_DIAG_NAME && name) {
			copy_name(name, size, a);
		}
	}
	return found || !peer;
}

bool proc_unix_peer(pid_t pid, uint64_t inode, uint64_t *ret_peer, char *name, size_t size)
{
	uint32_t peer = 0;
	int fd = proc_diag_open(pid);
	if (fd < 0)
		return false;
	bool known = diag_ask(fd, inode) == 0 && diag_read(fd, &peer, NULL, 0) && peer;
	if (known) {
		*ret_peer = peer;
		if (diag_ask(fd, peer) == 0)
			diag_read(fd, NULL, name, size);
	}
	close(fd);
	return known;
}
