/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fds.c - descriptors of another process by their links in /proc/PID/fd, what fdinfo adds, and who holds the other end.
 */
#include "lib/proc/proc_private.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/attrs.h"

#define MAX_LINKS 20000u /* read in search of the other end of pipes and sockets */

struct tt_fds {
	pid_t pid;
	struct tt_hmap known;              /* fd -> struct tt_fd, owned */
	struct proc_sockets own, *sockets; /* sockets: own, or those of another that are shared */
	struct tt_hmap holders;            /* inode -> struct tt_holder, owned; of all processes but this one */
	bool searched;
};

static const char *const kind_names[TT_FD_KIND_MAX] = {"fd", "file", "directory", "device", "terminal", "pipe", "socket",
	"eventfd", "timerfd", "signalfd", "inotify", "epoll", "pidfd", "io_uring", "anonymous file"};

const char *tt_fd_kind_name(enum tt_fd_kind kind)
{
	return kind < TT_FD_KIND_MAX ? kind_names[kind] : "?";
}

int proc_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size_t len = 0;
	ssize_t n = 0;
	while (len + 1 < size && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	int rc = n < 0 ? -errno : (int)len;
	close(fd);
	buf[rc < 0 ? 0 : len] = '\0';
	return rc;
}

int proc_read_at(int dir, const char *path, char *buf, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, buf, size - 1);
	int rc = n < 0 ? -errno : (int)n;
	close(fd);
	buf[rc < 0 ? 0 : rc] = '\0';
	return rc;
}

/* ------------------------------------------------------------------ life */

int tt_fds_create(pid_t pid, struct tt_fds **ret)
{
	struct tt_fds *fds = calloc(1, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	fds->pid = pid;
	fds->own.pid = pid;
	fds->sockets = &fds->own;
	*ret = fds;
	return 0;
}

void tt_fds_share(struct tt_fds *fds, const struct tt_fds *with)
{
	char path[64], links[2][64];
	const pid_t pids[] = {fds->pid, with->pid};
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pids[i]);
		ssize_t n = readlink(path, links[i], sizeof(links[i]) - 1);
		if (n <= 0)
			return;
		links[i][n] = '\0';
	}
	if (strcmp(links[0], links[1]) == 0)
		fds->sockets = with->sockets;
}

void tt_fds_clear(struct tt_fds *fds)
{
	struct tt_hmap_entry *it;
	hmap_for_each (it, &fds->known) {
		struct tt_fd *fd = it->ptr;
		free((char *)fd->path);
		free(fd);
	}
	tt_hmap_deinit(&fds->known);
	hmap_for_each (it, &fds->holders)
		free(it->ptr);
	tt_hmap_deinit(&fds->holders);
	fds->searched = false;
	proc_sockets_clear(&fds->own);
}

void tt_fds_destroy(struct tt_fds *fds)
{
	if (!fds)
		return;
	tt_fds_clear(fds);
	free(fds);
}

/* ------------------------------------------------------------------ one descriptor */

static enum tt_fd_kind anon_kind(const char *name)
{
	static const struct {
		const char *name;
		enum tt_fd_kind kind;
	} table[] = {{"[eventpoll]", TT_FD_EPOLL}, {"[eventfd", TT_FD_EVENTFD}, {"[timerfd]", TT_FD_TIMERFD},
		{"[signalfd]", TT_FD_SIGNALFD}, {"inotify", TT_FD_INOTIFY}, {"[inotify]", TT_FD_INOTIFY},
		{"[pidfd]", TT_FD_PIDFD}, {"[io_uring]", TT_FD_URING}};
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strncmp(name, table[i].name, strlen(table[i].name)) == 0)
			return table[i].kind;
	return TT_FD_ANON;
}

/* What a path leads to, without asking the server of a network file system, which may hang. */
static enum tt_fd_kind path_kind(const char *link, const char *path)
{
	struct statx st;
	if (strncmp(path, "/dev/pts/", 9) == 0 || strcmp(path, "/dev/tty") == 0 || strcmp(path, "/dev/console") == 0)
		return TT_FD_TERMINAL;
	if (statx(AT_FDCWD, link, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) < 0)
		return TT_FD_FILE;
	switch (st.stx_mode & S_IFMT) {
	case S_IFDIR:
		return TT_FD_DIRECTORY;
	case S_IFCHR:
	case S_IFBLK:
		return TT_FD_DEVICE;
	case S_IFIFO:
		return TT_FD_PIPE;
	default:
		return TT_FD_FILE;
	}
}

static void identify_socket(struct tt_fds *fds, struct tt_fd *fd, const char *link)
{
	char protocol[32] = "";
	ssize_t n = getxattr(link, "system.sockprotoname", protocol, sizeof(protocol) - 1);
	protocol[n > 0 ? n : 0] = '\0';
	fd->kind = TT_FD_SOCKET;
	fd->socket = proc_sockets_find(fds->sockets, fd->inode, protocol);
}

static void identify(struct tt_fds *fds, struct tt_fd *fd)
{
	char link[64], text[4096];
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)fds->pid, fd->fd);
	ssize_t n = readlink(link, text, sizeof(text) - 1);
	if (n < 0) {
		fd->error = errno == ENOENT ? EBADF : errno;
		return;
	}
	text[n] = '\0';
	fd->path = strdup(text);
	if (sscanf(text, "pipe:[%" SCNu64 "]", &fd->inode) == 1)
		fd->kind = TT_FD_PIPE;
	else if (sscanf(text, "socket:[%" SCNu64 "]", &fd->inode) == 1)
		identify_socket(fds, fd, link);
	else if (strncmp(text, "anon_inode:", 11) == 0)
		fd->kind = anon_kind(text + 11);
	else
		fd->kind = path_kind(link, text);
}

const struct tt_fd *tt_fds_get(struct tt_fds *fds, int number)
{
	struct tt_fd *fd = tt_hmap_ptr(&fds->known, (uint32_t)number);
	if (fd)
		return fd;
	fd = calloc(1, sizeof(*fd));
	if (!fd)
		return NULL;
	fd->fd = number;
	if (number < 0)
		fd->error = EBADF;
	else
		identify(fds, fd);
	if (tt_hmap_put_ptr(&fds->known, (uint32_t)number, fd) == 0)
		return fd;
	free((char *)fd->path);
	free(fd);
	return NULL;
}

/* ------------------------------------------------------------------ the other end */

static void note_holder(struct tt_fds *fds, pid_t pid, int fd, const char *name, uint64_t inode)
{
	bool is_new;
	struct tt_hmap_entry *e = tt_hmap_insert(&fds->holders, inode, &is_new);
	if (!e || !is_new)
		return;
	struct tt_holder *h = calloc(1, sizeof(*h));
	if (!h) {
		tt_hmap_remove(&fds->holders, inode);
		return;
	}
	h->pid = pid;
	h->fd = fd;
	memcpy(h->name, name, sizeof(h->name));
	e->ptr = h;
}

static void search_process(struct tt_fds *fds, const char *pid, unsigned *left)
{
	char path[64], text[64], comm[32] = "";
	uint64_t inode;
	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	int len = proc_read(path, comm, 17);
	if (len > 0 && comm[len - 1] == '\n')
		comm[len - 1] = '\0';
	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	DIR *dir = opendir(path);
	if (!dir)
		return;
	for (struct dirent *d = readdir(dir); d && *left; d = readdir(dir)) {
		ssize_t n =
			isdigit((unsigned char)d->d_name[0]) ? readlinkat(dirfd(dir), d->d_name, text, sizeof(text) - 1) : -1;
		if (n < 0)
			continue;
		(*left)--;
		text[n] = '\0';
		if (sscanf(text, "pipe:[%" SCNu64 "]", &inode) == 1 || sscanf(text, "socket:[%" SCNu64 "]", &inode) == 1)
			note_holder(fds, (pid_t)strtol(pid, NULL, 10), (int)strtol(d->d_name, NULL, 10), comm, inode);
	}
	closedir(dir);
}

static void search(struct tt_fds *fds)
{
	unsigned left = MAX_LINKS;
	fds->searched = true;
	DIR *dir = opendir("/proc");
	if (!dir)
		return;
	for (struct dirent *d = readdir(dir); d && left; d = readdir(dir)) {
		long pid = isdigit((unsigned char)d->d_name[0]) ? strtol(d->d_name, NULL, 10) : 0;
		if (pid > 0 && pid != fds->pid && pid != getpid())
			search_process(fds, d->d_name, &left);
	}
	closedir(dir);
}

bool tt_fds_holder(struct tt_fds *fds, const struct tt_fd *fd, struct tt_holder *ret)
{
	uint64_t inode = fd->kind == TT_FD_PIPE ? fd->inode : fd->socket ? fd->socket->peer_inode : 0;
	if (!inode)
		return false;
	if (!fds->searched)
		search(fds);
	const struct tt_holder *h = tt_hmap_ptr(&fds->holders, inode);
	if (h)
		*ret = *h;
	return h != NULL;
}

bool tt_fds_accepted(struct tt_fds *fds, const struct tt_fd *fd)
{
	return fd->socket && !fd->socket->listening && proc_sockets_accepted(fds->sockets, fd->socket);
}

/* ------------------------------------------------------------------ fdinfo */

static FILE *open_info(const struct tt_fds *fds, int fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)fds->pid, fd);
	return fopen(path, "re");
}

int tt_fds_epoll(struct tt_fds *fds, int fd, void (*each)(void *ctx, int fd, uint32_t events), void *ctx)
{
	char *line = NULL;
	size_t size = 0;
	int watched, count = 0;
	unsigned events;
	FILE *f = open_info(fds, fd);
	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0) {
		if (sscanf(line, "tfd: %d events: %x", &watched, &events) != 2)
			continue;
		each(ctx, watched, events);
		count++;
	}
	free(line);
	fclose(f);
	return count;
}

bool tt_fds_timer(struct tt_fds *fds, int fd, uint64_t *ret_left_ns)
{
	char line[128];
	unsigned long long s = 0, ns = 0;
	bool set = false;
	FILE *f = open_info(fds, fd);
	if (!f)
		return false;
	while (!set && fgets(line, sizeof(line), f))
		set = sscanf(line, "it_value: (%llu, %llu)", &s, &ns) == 2 && (s || ns);
	fclose(f);
	*ret_left_ns = s * UINT64_C(1000000000) + ns;
	return set;
}

/* ------------------------------------------------------------------ words */

static int describe_socket(struct tt_buf *buf, const struct tt_fd *fd)
{
	const struct tt_socket *s = fd->socket;
	if (!s || (!s->local[0] && !s->remote[0] && !s->state))
		return tt_buf_printf(buf, "%s%ssocket", s ? s->protocol : "", s && s->protocol[0] ? " " : "");
	tt_buf_printf(buf, "%s%s", s->protocol, s->protocol[0] ? " " : "");
	if (strcmp(s->protocol, "unix") == 0) {
		const char *name = s->remote[0] ? s->remote : s->local;
		return tt_buf_printf(buf, "%s%s", name[0] ? name : "socket", s->listening ? " (LISTEN)" : "");
	}
	tt_buf_adds(buf, s->remote[0] ? s->remote : s->local[0] ? s->local : "socket");
	return s->state ? tt_buf_printf(buf, " (%s)", s->state) : 0;
}

int tt_fd_describe(struct tt_buf *buf, const struct tt_fd *fd)
{
	switch (fd->kind) {
	case TT_FD_SOCKET:
		return describe_socket(buf, fd);
	case TT_FD_PIPE:
		return fd->inode ? tt_buf_printf(buf, "pipe %" PRIu64, fd->inode)
		                 : tt_buf_printf(buf, "fifo %s", fd->path ? fd->path : "");
	case TT_FD_FILE:
	case TT_FD_DIRECTORY:
	case TT_FD_DEVICE:
	case TT_FD_TERMINAL:
		return tt_buf_adds(buf, fd->path ? fd->path : kind_names[fd->kind]);
	case TT_FD_ANON:
		return tt_buf_adds(
			buf, fd->path && strncmp(fd->path, "anon_inode:", 11) == 0 ? fd->path + 11 : "anonymous file");
	case TT_FD_UNKNOWN:
		return tt_buf_printf(buf, fd->error == EBADF ? "fd %d (not open)" : "fd %d", fd->fd);
	default:
		return tt_buf_adds(buf, tt_fd_kind_name(fd->kind));
	}
}
