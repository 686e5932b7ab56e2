/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rootfile.c - small text files of /proc and /sys below a root (rootfile.h). */
#include "lib/proc/rootfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int full_path(const char *root, const char *path, struct tt_buf *out)
{
	if (root && tt_buf_adds(out, root) < 0)
		return -ENOMEM;
	while (out->len && out->data[out->len - 1] == '/')
		tt_buf_truncate(out, out->len - 1);
	return tt_buf_adds(out, path);
}

static int read_all(int fd, struct tt_buf *out)
{
	for (;;) {
		if (out->len >= TT_ROOTFILE_MAX)
			return -EFBIG;
		if (tt_buf_reserve(out, 4096) < 0)
			return -ENOMEM;
		ssize_t n = read(fd, out->data + out->len, out->cap - out->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
		if (n == 0)
			return 0;
	}
}

int tt_rootfile_read(const char *root, const char *path, struct tt_buf *out)
{
	TT_BUF_AUTO(name);
	tt_buf_clear(out);
	if (full_path(root, path, &name) < 0)
		return -ENOMEM;
	/* A fixture may hold anything: a FIFO must not hang us. */
	int fd = open(tt_buf_str(&name), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	int rc = read_all(fd, out);
	close(fd);
	if (rc < 0)
		tt_buf_clear(out);
	return rc;
}

bool tt_rootfile_is_dir(const char *root, const char *path, int *error)
{
	TT_BUF_AUTO(name);
	struct stat st;
	int rc = full_path(root, path, &name) < 0 ? ENOMEM : stat(tt_buf_str(&name), &st) < 0 ? errno : 0;
	if (error)
		*error = rc;
	return rc == 0 && S_ISDIR(st.st_mode);
}

bool tt_rootfile_exists(const char *root, const char *path)
{
	TT_BUF_AUTO(name);
	return full_path(root, path, &name) == 0 && access(tt_buf_str(&name), F_OK) == 0;
}
