/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * command.c - see command.h.
 */
#include "lib/launch/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/bin:/usr/bin" /* what the C library takes when PATH is not set */

/* 0 or -errno, as execve would answer for the file itself. */
static int check_file(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

/* "folder/name" of one element of PATH; an empty element is the current directory. */
static int join(const char *folder, size_t folder_len, const char *name, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%.*s%s%s", (int)folder_len, folder, folder_len ? "/" : "./", name);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int search(const char *name, const char *path, char *buf, size_t size)
{
	int result = -ENOENT;
	for (const char *at = path;; at++) {
		size_t len = strcspn(at, ":");
		int rc = join(at, len, name, buf, size);
		if (rc == 0)
			rc = check_file(buf);
		if (rc == 0)
			return 0;
		if (rc == -EACCES) /* one that cannot be run counts only if no other can */
			result = rc;
		at += len;
		if (!*at)
			return result;
	}
}

int tt_command_find(const char *name, const char *path, char *buf, size_t size, struct tt_err *err)
{
	int rc;
	if (!*name)
		rc = -ENOENT;
	else if (!strchr(name, '/'))
		rc = search(name, path ? path : DEFAULT_PATH, buf, size);
	else
		rc = (size_t)snprintf(buf, size, "%s", name) < size ? check_file(buf) : -ENAMETOOLONG;
	return rc < 0 ? tt_err_set(err, -rc, "'%s': %s", name, strerror(-rc)) : 0;
}
