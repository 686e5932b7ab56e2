/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * session.c - see session.h: the folder's life. Its environment is in environment.c, what stays of it in keep.c.
 */
#include "lib/launch/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/core/ttrec_format.h"
#include "lib/rec/find.h"

#define ENOUGH_BYTES (UINT64_C(16) << 20) /* below that another place is looked for first */
#define LEFT_MARK    "left-on-purpose"

/* ------------------------------------------------------------------ places */

static const char *place(unsigned i)
{
	switch (i) {
	case 0:
		return "/dev/shm";
	case 1:
		return getenv("XDG_RUNTIME_DIR");
	case 2:
		return getenv("TMPDIR");
	default:
		return "/tmp";
	}
}
#define PLACES 4u

/* Characters that the shim's option syntax or a pattern would take for its own. */
static bool usable_name(const char *dir)
{
	return dir && dir[0] == '/' && strlen(dir) < 400 && !strpbrk(dir, "\"'%\n");
}

static bool roomy(const char *dir)
{
	struct statvfs fs;
	return statvfs(dir, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize >= ENOUGH_BYTES;
}

/* ------------------------------------------------------------------ removal */

static void remove_content(int fd)
{
	int copy = dup(fd);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	if (!d) {
		if (copy >= 0)
			close(copy);
		return;
	}
	rewinddir(d);
	for (const struct dirent *e; (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(fd, e->d_name, 0);
	closedir(d);
}

static bool has_running(const char *dir)
{
	struct tt_found_list list = {0};
	bool running = tt_find_list(dir, &list, NULL) < 0;
	const struct tt_found *f;
	vec_for_each (f, &list.items)
		if (!f->error && (f->life == TT_REC_RUNNING || f->life == TT_REC_UNKNOWN))
			running = true;
	tt_found_list_deinit(&list);
	return running;
}

/* A session whose threadcheck is gone (it holds no lock any more) and that nobody wanted to keep or still writes to. */
static void sweep_one(int parent, const char *parent_name, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	snprintf(path, sizeof(path), "%s/%s", parent_name, name);
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
		faccessat(fd, LEFT_MARK, F_OK, 0) < 0 && !has_running(path)) {
		remove_content(fd);
		unlinkat(parent, name, AT_REMOVEDIR);
	}
	close(fd);
}

static void sweep(const char *parent, const char *prefix)
{
	DIR *d = opendir(parent);
	if (!d)
		return;
	for (const struct dirent *e; (e = readdir(d));)
		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0)
			sweep_one(dirfd(d), parent, e->d_name);
	closedir(d);
}

/* ------------------------------------------------------------------ the folder's life */

/* Not where a closed standard stream would be: what is written to that must not land here. */
static int open_folder(const char *dir)
{
	int low = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 3);
	if (low >= 0)
		close(low);
	return fd;
}

/* What the processes of the run count together. Without it each program that is executed begins to count anew: no error. */
static void make_tree_page(int folder)
{
	static const char zeros[TTREC_TREE_BYTES];
	int fd = openat(folder, TTREC_TREE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	bool whole = write(fd, zeros, sizeof(zeros)) == (ssize_t)sizeof(zeros);
	close(fd);
	if (!whole)
		unlinkat(folder, TTREC_TREE_NAME, 0);
}

/* mkdtemp and flock are two steps: a sweeper may come between them. Then the folder is gone, and is made again. */
static int make(struct tt_session *s, const char *parent, const char *prefix)
{
	for (int turn = 0; turn < 8; turn++) {
		struct stat st;
		snprintf(s->dir, sizeof(s->dir), "%s/%sXXXXXX", parent, prefix);
		if (!mkdtemp(s->dir))
			return -errno;
		s->lock = open_folder(s->dir);
		if (s->lock >= 0 && flock(s->lock, LOCK_EX | LOCK_NB) == 0 && fstat(s->lock, &st) == 0 && st.st_nlink > 0) {
			if (geteuid() == 0)
				fchmod(s->lock, 01733);
			make_tree_page(s->lock);
			return 0;
		}
		if (s->lock >= 0)
			close(s->lock);
		rmdir(s->dir);
	}
	return -EAGAIN;
}

int tt_session_create(struct tt_session *s, struct tt_err *err)
{
	char prefix[64];
	int first_error = 0;
	const char *first_place = "/dev/shm";
	*s = (struct tt_session){.lock = -1};
	snprintf(prefix, sizeof(prefix), "threadcheck-%u.", (unsigned)geteuid());
	for (unsigned i = 0; i < 2 * PLACES; i++) {
		const char *parent = place(i % PLACES);
		if (!usable_name(parent) || (i < PLACES && !roomy(parent)))
			continue;
		sweep(parent, prefix);
		int rc = make(s, parent, prefix);
		if (rc == 0)
			return 0;
		if (!first_error) {
			first_error = -rc;
			first_place = parent;
		}
	}
	s->dir[0] = '\0';
	return tt_err_set(err, first_error ? first_error : ENOENT, "cannot make a folder for recordings in '%s': %s",
		first_place, strerror(first_error ? first_error : ENOENT));
}

static void forget(struct tt_session *s)
{
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
	s->dir[0] = '\0';
}

void tt_session_remove(struct tt_session *s)
{
	if (!s->dir[0])
		return;
	remove_content(s->lock);
	rmdir(s->dir);
	forget(s);
}

void tt_session_leave(struct tt_session *s)
{
	if (!s->dir[0])
		return;
	int fd = openat(s->lock, LEFT_MARK, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		close(fd);
	forget(s);
}
