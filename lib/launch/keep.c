/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * keep.c - session.h's recordings that stay: copied out of the session's folder, without the space that they did not use.
 */
#include "lib/launch/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/rec/find.h"

#define BLOCK 65536u

/* ------------------------------------------------------------------ where to */

static bool is_folder_name(const char *output)
{
	struct stat st;
	size_t len = strlen(output);
	return (len && output[len - 1] == '/') || (stat(output, &st) == 0 && S_ISDIR(st.st_mode));
}

static int check_folder(const char *output, struct tt_err *err)
{
	if (mkdir(output, 0777) < 0 && errno != EEXIST)
		return tt_err_set(err, errno, "cannot make the folder '%s': %s", output, strerror(errno));
	if (access(output, W_OK | X_OK) < 0)
		return tt_err_set(err, errno, "cannot write into '%s': %s", output, strerror(errno));
	return 0;
}

int tt_session_check_file(const char *path, struct tt_err *err)
{
	char parent[PATH_MAX];
	struct stat st;
	if (!*path || strlen(path) >= sizeof(parent) - 16)
		return tt_err_set(err, EINVAL, "'%s' is no name for a file", path);
	const char *ask = path;
	if (stat(path, &st) < 0) {
		snprintf(parent, sizeof(parent), "%s", strchr(path, '/') ? path : "./");
		char *slash = strrchr(parent, '/');
		slash[slash == parent] = '\0';
		ask = parent;
	} else if (S_ISDIR(st.st_mode)) {
		return tt_err_set(err, EISDIR, "cannot write '%s': %s", path, strerror(EISDIR));
	}
	if (access(ask, W_OK) < 0)
		return tt_err_set(err, errno, "cannot write '%s': %s", path, strerror(errno));
	return 0;
}

int tt_session_check_output(const char *output, struct tt_err *err)
{
	struct stat st;
	if (is_folder_name(output))
		return check_folder(output, err);
	if (stat(output, &st) == 0 && !S_ISREG(st.st_mode))
		return tt_err_set(err, EINVAL, "'%s' is neither a folder nor a regular file", output);
	return tt_session_check_file(output, err);
}

/* ------------------------------------------------------------------ copying */

static bool is_zero(const char *data, size_t len)
{
	return len == 0 || (data[0] == 0 && memcmp(data, data + 1, len - 1) == 0);
}

static int write_all(int fd, const char *data, size_t len, off_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The first `size` bytes; blocks of zeros stay holes. */
static int copy_bytes(int from, int to, uint64_t size)
{
	static char block[BLOCK];
	uint64_t at = 0;
	while (at < size) {
		size_t want = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
		ssize_t n = pread(from, block, want, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		int rc = is_zero(block, (size_t)n) ? 0 : write_all(to, block, (size_t)n, (off_t)at);
		if (rc < 0)
			return rc;
		at += (uint64_t)n;
	}
	return ftruncate(to, (off_t)at) < 0 ? -errno : 0;
}

static int copy_file(const char *from, const char *to, uint64_t size, struct tt_err *err)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0)
		return tt_err_set(err, errno, "cannot open '%s': %s", from, strerror(errno));
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc = out < 0 ? -errno : copy_bytes(in, out, size);
	close(in);
	if (out >= 0 && close(out) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0)
		return 0;
	if (out >= 0)
		unlink(to);
	return tt_err_set(err, -rc, "cannot write '%s': %s", to, strerror(-rc));
}

static int target_name(const char *output, const char *from, unsigned number, char *buf, size_t size)
{
	const char *slash = strrchr(from, '/');
	int n;
	if (is_folder_name(output))
		n = snprintf(
			buf, size, "%s%s%s", output, output[strlen(output) - 1] == '/' ? "" : "/", slash ? slash + 1 : from);
	else if (number > 1)
		n = snprintf(buf, size, "%s.%u", output, number);
	else
		n = snprintf(buf, size, "%s", output);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* Whoever has the recording open is told where it is now. */
static int moved(struct tt_rec_set *recs, const char *from, const char *to)
{
	struct tt_rec *const *rec;
	vec_for_each (rec, &recs->recs)
		if (strcmp(tt_rec_path(*rec), from) == 0)
			return tt_rec_moved(*rec, to);
	return 0;
}

static int keep_one(
	const char *output, const struct tt_found *f, struct tt_rec_set *recs, struct tt_kept *ret, struct tt_err *err)
{
	char to[PATH_MAX];
	int rc = target_name(output, f->path, ret->kept + 1, to, sizeof(to));
	if (rc < 0)
		return tt_err_set(err, -rc, "cannot write into '%s': %s", output, strerror(-rc));
	rc = copy_file(f->path, to, f->size_bytes, err);
	if (rc < 0)
		return rc;
	unlink(f->path);
	if (moved(recs, f->path, to) < 0)
		return tt_err_set(err, ENOMEM, "out of memory");
	if (ret->kept++ == 0)
		snprintf(ret->first, sizeof(ret->first), "%s", to);
	return 0;
}

int tt_session_keep(
	const struct tt_session *s, const char *output, struct tt_rec_set *recs, struct tt_kept *ret, struct tt_err *err)
{
	struct tt_found_list list = {0};
	*ret = (struct tt_kept){0};
	/* The folder of --keep may not be there yet; like the shim's, it is for this user alone. */
	size_t len = strlen(output);
	if (len && output[len - 1] == '/')
		mkdir(output, 0700);
	int rc = tt_find_list(s->dir, &list, err);
	for (size_t i = list.items.len; rc == 0 && i-- > 0;) {
		const struct tt_found *f = &list.items.data[i];
		if (!f->error && (f->life == TT_REC_RUNNING || f->life == TT_REC_UNKNOWN))
			ret->running++;
		else
			rc = keep_one(output, f, recs, ret, err);
	}
	tt_found_list_deinit(&list);
	return rc;
}
