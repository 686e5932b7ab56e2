/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hotspot.c - HotSpot's attach protocol, as src/hotspot/os/posix/attachListener_posix.cpp of JDK 17 defines it: the JVM listens
 * on /tmp/.java_pidN once it was told to by /tmp/.attach_pidN (owned by its user or root) and SIGQUIT. A request is "1", the
 * command and three arguments, each ended by NUL; the answer a status line, then text until the end.
 */
#include "lib/proc/hotspot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_ANSWER ((size_t)64 << 20)
#define BEAT_MS    10

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

bool tt_hotspot_is(pid_t pid)
{
	char path[64], *line = NULL;
	size_t size = 0;
	bool found = false;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *f = fopen(path, "re");
	while (f && !found && getline(&line, &size, f) > 0)
		found = strstr(line, "/libjvm.so") != NULL;
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* A socket connected to the JVM: a descriptor, or -errno (-ENOENT, -ECONNREFUSED: it does not listen). */
static int join_socket(const struct tt_proc *p)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/%d/root/tmp/.java_pid%d", (int)p->pid, (int)p->ns_pid);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	int rc = -errno;
	close(fd);
	return rc;
}

static int check_signal(const struct tt_proc *p, struct tt_err *err)
{
	if (p->state == 'T' || p->state == 't')
		return tt_err_set(err, ENOTSUP, "the JVM is stopped, and cannot answer");
	if (!(p->caught & UINT64_C(1) << (SIGQUIT - 1)))
		return tt_err_set(
			err, ENOTSUP, "the JVM does not handle SIGQUIT (-Xrs, or it is starting): it cannot be asked");
	if (p->command && strstr(p->command, "+DisableAttachMechanism"))
		return tt_err_set(err, ENOTSUP, "the JVM was started with -XX:+DisableAttachMechanism");
	return 0;
}

/* An empty new file. JVMs before 11 want it to be their user's own. */
static int make_file(const char *path, uid_t uid)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (geteuid() == 0)
		(void)!fchown(fd, uid, (gid_t)-1);
	close(fd);
	return 0;
}

/* Makes the JVM listen, and connects. The process is held by a pidfd meanwhile, so that no other can get the signal. */
static int make_listen(const struct tt_proc *p, uint64_t until_ns, struct tt_err *err)
{
	char path[96];
	int rc = check_signal(p, err);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "/proc/%d/root/tmp/.attach_pid%d", (int)p->pid, (int)p->ns_pid);
	int pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (pidfd < 0 || !tt_hotspot_is(p->pid)) {
		if (pidfd >= 0)
			close(pidfd);
		return tt_err_set(err, ESRCH, "the JVM is gone");
	}
	rc = make_file(path, p->uid);
	bool ours = rc == 0;
	if (!ours && rc != -EEXIST) {
		close(pidfd);
		return tt_err_set(err, -rc, "cannot create %s: %s", path, strerror(-rc));
	}
	rc = syscall(SYS_pidfd_send_signal, pidfd, SIGQUIT, NULL, 0) < 0 ? -errno : -ENOENT;
	while ((rc == -ENOENT || rc == -ECONNREFUSED) && now_ns() < until_ns) {
		poll(NULL, 0, BEAT_MS);
		rc = join_socket(p);
	}
	if (ours)
		unlink(path);
	close(pidfd);
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return tt_err_set(err, ETIMEDOUT, "the JVM did not open its attach socket in time");
	return rc < 0 ? tt_err_set(err, -rc, "cannot ask the JVM: %s", strerror(-rc)) : rc;
}

/* Waits until fd is ready. False: time is over. */
static bool ready(int fd, short events, uint64_t until_ns)
{
	struct pollfd p = {.fd = fd, .events = events};
	uint64_t now = now_ns();
	return now < until_ns && poll(&p, 1, (int)((until_ns - now) / 1000000) + 1) > 0;
}

static int ask(int fd, uint64_t until_ns, struct tt_buf *out, struct tt_err *err)
{
	static const char request[] = "1\0threaddump\0\0\0"; /* and the NUL behind it */
	size_t sent = 0;
	while (sent < sizeof(request)) {
		ssize_t n = ready(fd, POLLOUT, until_ns) ? send(fd, request + sent, sizeof(request) - sent, MSG_NOSIGNAL) : -1;
		if (n <= 0)
			return tt_err_set(err, ETIMEDOUT, "the JVM does not take the request");
		sent += (size_t)n;
	}
	for (char part[65536];;) {
		if (!ready(fd, POLLIN, until_ns))
			return tt_err_set(err, ETIMEDOUT, "the JVM did not answer in time (is it out of memory, or stopped?)");
		ssize_t n = recv(fd, part, sizeof(part), 0);
		if (n == 0)
			return 0;
		if (n < 0 || tt_buf_add(out, part, (size_t)n) < 0)
			return tt_err_set(err, n < 0 ? errno : ENOMEM, "cannot read the JVM's answer");
		if (out->len > MAX_ANSWER)
			return tt_err_set(err, EFBIG, "the JVM's answer is longer than 64 MiB");
	}
}

/* The first line is a number, 0 when all is well; else the JVM's words follow. */
static int take_status(struct tt_buf *answer, struct tt_err *err)
{
	const char *text = tt_buf_str(answer), *end = strchr(text, '\n');
	if (!end || text[0] != '0' || end != text + 1)
		return tt_err_set(err, EPROTO, "the JVM refused: %.200s", end ? end + 1 : text);
	return 0;
}

int tt_hotspot_dump(const struct tt_proc *p, uint64_t limit_ns, struct tt_buf *out, struct tt_err *err)
{
	uint64_t until_ns = now_ns() + limit_ns;
	TT_BUF_AUTO(answer);
	if (geteuid() != 0 && geteuid() != p->uid)
		return tt_err_set(err, EPERM, "only root and the user that it runs as may ask a JVM");
	int fd = join_socket(p);
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		fd = make_listen(p, until_ns, err);
	else if (fd < 0)
		return tt_err_set(err, -fd, "cannot connect to the JVM: %s", strerror(-fd));
	if (fd < 0)
		return fd;
	int rc = ask(fd, until_ns, &answer, err);
	close(fd);
	rc = rc < 0 ? rc : take_status(&answer, err);
	return rc < 0 ? rc : tt_buf_add(out, tt_buf_str(&answer) + strlen("0\n"), answer.len - strlen("0\n"));
}
