/* SPDX-License-Identifier: GPL-3.0-or-later */
/* waits_fd.c - waits for descriptors: input, output, connections, sets of them, and locks on files. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/core/attrs.h"
#include "lib/proc/proc_private.h"

#define SHOWN 4u /* members of a set that are named */

static const struct tt_fd *fd_of(struct tt_wait *w, int fd, const struct tt_wait_env *env)
{
	w->fd = fd;
	w->at = env->fds ? tt_fds_get(env->fds, fd) : NULL;
	w->listens |= w->at && w->at->socket && w->at->socket->listening;
	return w->at;
}

static enum tt_wait_kind kind_of(const struct tt_fd *fd, enum tt_wait_kind otherwise)
{
	if (!fd)
		return otherwise;
	switch (fd->kind) {
	case TT_FD_SOCKET:
		return TT_WAIT_SOCKET;
	case TT_FD_PIPE:
		return TT_WAIT_PIPE;
	case TT_FD_FILE:
	case TT_FD_DIRECTORY:
		return TT_WAIT_FILE;
	case TT_FD_TERMINAL:
		return TT_WAIT_TERMINAL;
	case TT_FD_DEVICE:
		return TT_WAIT_DEVICE;
	case TT_FD_EVENTFD:
	case TT_FD_TIMERFD:
	case TT_FD_SIGNALFD:
	case TT_FD_INOTIFY:
		return TT_WAIT_EVENT;
	case TT_FD_URING:
		return TT_WAIT_AIO;
	default:
		return otherwise;
	}
}

static void add_fd(struct tt_buf *buf, int fd, const struct tt_fd *at)
{
	if (at)
		tt_fd_describe(buf, at);
	else
		tt_buf_printf(buf, "fd %d", fd);
}

/* ------------------------------------------------------------------ one descriptor */

/* connect() says itself where to: the socket's table names it only once the connection is on its way. */
static bool add_sockaddr(struct tt_buf *buf, uint64_t address, uint64_t len, const struct tt_wait_env *env)
{
	union {
		sa_family_t family;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} a = {0};
	char text[INET6_ADDRSTRLEN];
	len = len < sizeof(a) - 1 ? len : sizeof(a) - 1; /* keeps a NUL at the end */
	if (len < sizeof(a.family) || wait_read(env, address, &a, len) < 0)
		return false;
	if (a.family == AF_INET)
		tt_buf_printf(buf, "%s:%u", inet_ntop(AF_INET, &a.in.sin_addr, text, sizeof(text)), ntohs(a.in.sin_port));
	else if (a.family == AF_INET6)
		tt_buf_printf(
			buf, "[%s]:%u", inet_ntop(AF_INET6, &a.in6.sin6_addr, text, sizeof(text)), ntohs(a.in6.sin6_port));
	else if (a.family == AF_UNIX)
		tt_buf_printf(
			buf, "unix %s%s", a.un.sun_path[0] ? "" : "@", a.un.sun_path[0] ? a.un.sun_path : a.un.sun_path + 1);
	else
		return false;
	return true;
}

static void decode_connect(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	const struct tt_fd *fd = fd_of(w, (int)call->args[0], env);
	w->kind = TT_WAIT_SOCKET;
	tt_buf_adds(&w->text, "connect to ");
	if (!add_sockaddr(&w->text, call->args[1], call->args[2], env))
		add_fd(&w->text, w->fd, fd);
	else if (fd && fd->socket && fd->socket->state)
		tt_buf_printf(&w->text, " (%s)", fd->socket->state);
}

static void note_timer(struct tt_wait *w, const struct tt_wait_env *env)
{
	uint64_t left;
	if (w->at && w->at->kind == TT_FD_TIMERFD && tt_fds_timer(env->fds, w->fd, &left)) {
		w->timed = w->left_known = true;
		w->left_ns = left;
	}
}

static void note_peer(struct tt_wait *w, const struct tt_wait_env *env)
{
	if (env->thorough && w->at && env->fds && (w->at->kind == TT_FD_PIPE || (w->at->socket && !w->at->socket->listening)))
		tt_fds_holder(env->fds, w->at, &w->peer);
}

static const char *preposition(enum tt_syscall_class class)
{
	switch (class) {
	case TT_SYSCALL_INPUT:
	case TT_SYSCALL_RECV:
		return "from";
	case TT_SYSCALL_OUTPUT:
	case TT_SYSCALL_SEND:
		return "to";
	case TT_SYSCALL_SYNC:
		return "of";
	default:
		return "on";
	}
}

void wait_decode_fd(
	struct tt_wait *w, enum tt_syscall_class class, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	if (class == TT_SYSCALL_CONNECT) {
		decode_connect(w, call, env);
		return;
	}
	if (class == TT_SYSCALL_FCNTL || class == TT_SYSCALL_FLOCK) {
		wait_decode_file_lock(w, call, env);
		return;
	}
	/* splice() and its kin read from the first and write to another: the first is as good a name as any. */
	const struct tt_fd *fd = fd_of(w, (int)call->args[0], env);
	bool socket = class == TT_SYSCALL_RECV || class == TT_SYSCALL_SEND || class == TT_SYSCALL_ACCEPT;
	w->kind = kind_of(fd, class == TT_SYSCALL_URING ? TT_WAIT_AIO : socket ? TT_WAIT_SOCKET : TT_WAIT_CALL);
	tt_buf_printf(&w->text, "%s %s ", w->call, preposition(class));
	add_fd(&w->text, w->fd, fd);
	note_timer(w, env);
	note_peer(w, env);
}

/* ------------------------------------------------------------------ sets of descriptors */

struct members {
	struct tt_buf *buf;
	struct tt_wait *wait;
	const struct tt_wait_env *env;
	unsigned count;
};

static void add_member(void *ctx, int fd, uint32_t events)
{
	struct members *m = ctx;
	(void)events;
	if (m->count++ >= SHOWN)
		return;
	const struct tt_fd *at = m->env->fds ? tt_fds_get(m->env->fds, fd) : NULL;
	m->wait->listens |= at && at->socket && at->socket->listening;
	tt_buf_adds(m->buf, m->count > 1 ? ", " : ": ");
	add_fd(m->buf, fd, at);
}

static void end_members(const struct members *m)
{
	if (m->count > SHOWN)
		tt_buf_printf(m->buf, " and %u more", m->count - SHOWN);
}

/* A negative number of milliseconds is no timeout. */
static void timeout_ms(struct tt_wait *w, const struct tt_wait_call *call, int ms)
{
	if (ms >= 0)
		wait_relative(w, call, (uint64_t)ms * 1000000);
}

static void timeout_at(
	struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env, uint64_t at, bool timeval)
{
	int64_t t[2];
	if (!at)
		return;
	w->timed = true;
	if (wait_read(env, at, t, sizeof(t)) == 0 && t[0] >= 0 && t[0] < INT64_MAX / 1000000000 - 1 && t[1] >= 0)
		wait_relative(w, call, (uint64_t)t[0] * 1000000000 + (uint64_t)t[1] * (timeval ? 1000 : 1));
}

static void decode_epoll(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	struct members m = {.buf = &w->text, .wait = w, .env = env};
	w->kind = TT_WAIT_EPOLL;
	fd_of(w, (int)call->args[0], env);
	tt_buf_printf(&w->text, "%s on epoll fd %d", w->call, w->fd);
	if (env->fds && env->thorough)
		tt_fds_epoll(env->fds, w->fd, add_member, &m);
	end_members(&m);
	if (strcmp(w->call, "epoll_pwait2") == 0)
		timeout_at(w, call, env, call->args[3], false);
	else
		timeout_ms(w, call, (int)call->args[3]);
}

static void decode_poll(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	struct members m = {.buf = &w->text, .wait = w, .env = env};
	unsigned count = (unsigned)call->args[1];
	struct pollfd p;
	w->kind = TT_WAIT_POLL;
	if (count == 0) { /* a portable way to sleep */
		w->kind = TT_WAIT_SLEEP;
		tt_buf_printf(&w->text, "%s of no descriptor", w->call);
	} else {
		tt_buf_printf(&w->text, "%s of %u descriptor%s", w->call, count, count == 1 ? "" : "s");
	}
	for (unsigned i = 0; i < count && i < SHOWN && wait_read(env, call->args[0] + i * sizeof(p), &p, sizeof(p)) == 0; i++) {
		if (count == 1) {
			fd_of(w, p.fd, env);
			note_peer(w, env);
		}
		add_member(&m, p.fd, 0);
	}
	if (m.count && count > m.count)
		tt_buf_printf(&w->text, " and %u more", count - m.count);
	if (strcmp(w->call, "ppoll") == 0)
		timeout_at(w, call, env, call->args[2], false);
	else
		timeout_ms(w, call, (int)call->args[2]);
}

static void decode_select(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	struct members m = {.buf = &w->text, .wait = w, .env = env};
	int count = (int)call->args[0];
	bool any = false;
	w->kind = TT_WAIT_POLL;
	tt_buf_adds(&w->text, w->call);
	for (int base = 0; base < count && base < 65536; base += 64) {
		uint64_t all = 0, bits;
		for (unsigned set = 1; set <= 3; set++)
			if (wait_read(env, call->args[set] ? call->args[set] + (unsigned)base / 8 : 0, &bits, sizeof(bits)) ==
				0)
				all |= bits;
		for (int bit = 0; bit < 64 && base + bit < count; bit++)
			if (all & UINT64_C(1) << bit)
				add_member(&m, base + bit, 0);
		any |= all != 0;
	}
	if (!any && !call->args[1] && !call->args[2] && !call->args[3]) {
		w->kind = TT_WAIT_SLEEP;
		tt_buf_adds(&w->text, " of no descriptor");
	}
	end_members(&m);
	timeout_at(w, call, env, call->args[4], strcmp(w->call, "select") == 0);
}

void wait_decode_poll(
	struct tt_wait *w, enum tt_syscall_class class, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	if (class == TT_SYSCALL_EPOLL)
		decode_epoll(w, call, env);
	else if (class == TT_SYSCALL_POLL)
		decode_poll(w, call, env);
	else
		decode_select(w, call, env);
}

/* ------------------------------------------------------------------ locks on files */

/*
 * /proc/locks: "1: POSIX  ADVISORY  WRITE 4711 fe:00:1234 0 EOF" for who holds, and below it "1: -> POSIX ..." for who waits
 * for that one. A blocked process waits for one lock at a time.
 */
static bool find_lock_holder(pid_t pid, pid_t *ret)
{
	char line[256];
	int holder = 0, who;
	bool found = false;
	FILE *f = fopen("/proc/locks", "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		char *arrow = strstr(line, "-> ");
		if (sscanf(arrow ? arrow + 3 : strchr(line, ' ') ? strchr(line, ' ') : line, " %*s %*s %*s %d", &who) != 1)
			continue;
		found = arrow && who == pid;
		if (!arrow)
			holder = who;
	}
	fclose(f);
	*ret = holder;
	return found && holder > 0;
}

void wait_decode_file_lock(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env)
{
	char path[64], name[20] = "";
	pid_t holder;
	const struct tt_fd *fd = fd_of(w, (int)call->args[0], env);
	bool lock = strcmp(w->call, "flock") == 0 || call->args[1] == F_SETLKW || call->args[1] == F_OFD_SETLKW;
	w->kind = lock ? TT_WAIT_FILE_LOCK : kind_of(fd, TT_WAIT_CALL);
	tt_buf_printf(&w->text, lock ? "%s: lock on " : "%s on ", w->call);
	add_fd(&w->text, w->fd, fd);
	if (!lock || !env->pid || !find_lock_holder(env->pid, &holder))
		return;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)holder);
	int n = proc_read(path, name, 17);
	if (n > 0 && name[n - 1] == '\n')
		name[n - 1] = '\0';
	w->peer.pid = holder;
	w->peer.fd = -1;
	memcpy(w->peer.name, name, sizeof(w->peer.name));
}
