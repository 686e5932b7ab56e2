/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * find.c - recordings folders: listing, newest, cleaning. See find.h; the recording of a live process is in find_pid.c.
 */
#include "lib/rec/find.h"
#include "lib/rec/life.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------ one file */

static void found_deinit(struct tt_found *f)
{
	free(f->path);
	free(f->reason);
	free(f->exe);
	free(f->command);
}

void tt_found_list_deinit(struct tt_found_list *list)
{
	struct tt_found *f;
	vec_for_each (f, &list->items)
		found_deinit(f);
	tt_vec_deinit(&list->items);
}

static char *command_text(const struct ttrec_header *h)
{
	size_t len = h->command_len < sizeof(h->command) ? h->command_len : sizeof(h->command);
	while (len && h->command[len - 1] == '\0')
		len--;
	char *text = malloc(len + 1);
	if (!text)
		return NULL;
	memcpy(text, h->command, len);
	text[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	return text;
}

static void found_fill(struct tt_found *f, const struct ttrec_header *h)
{
	f->life = tt_life_of(h->state, h->pid, h->proc_start_ticks, h->pid_ns);
	f->state = h->state;
	f->exit_code = h->exit_code;
	f->pid = h->pid;
	f->start_real_ns = h->start_real_ns;
	f->end_ns = h->end_ns;
	if (h->next < f->size_bytes)
		f->size_bytes = h->next;
	f->exe = strndup(h->exe, sizeof(h->exe));
	f->command = command_text(h);
}

/* Reads the header of dirfd/name. Only regular files count: false for others and for what vanished. */
static bool found_read(int dirfd, const char *name, struct tt_found *f)
{
	struct stat st;
	struct ttrec_header h;
	struct tt_err err = {0};
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		if (errno == ENOENT || errno == ELOOP || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode))
			return false;
		f->error = EACCES;
		f->reason = strdup("not readable");
		return true;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return false;
	}
	f->size_bytes = (uint64_t)st.st_size;
	f->disk_bytes = (uint64_t)st.st_blocks * 512;
	f->changed_ns = (uint64_t)st.st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)st.st_mtim.tv_nsec;
	if (tt_rec_peek_fd(fd, &h, &err) < 0) {
		f->error = err.code;
		f->reason = strdup(err.msg);
	} else {
		found_fill(f, &h);
	}
	close(fd);
	return true;
}

/* ------------------------------------------------------------------ folders */

/* "x.ttrec", "x.ttrec.3" (a name that was taken). */
static bool is_recording_name(const char *name)
{
	const char *at = NULL, *next = name;
	while ((next = strstr(next, ".ttrec")))
		at = next++;
	if (!at || name[0] == '.')
		return false;
	at += strlen(".ttrec");
	return *at == '\0' || (*at == '.' && at[1] && strspn(at + 1, "0123456789") == strlen(at + 1));
}

static uint64_t time_of(const struct tt_found *f)
{
	return f->error ? f->changed_ns : f->start_real_ns;
}

static int newest_first(const void *a, const void *b)
{
	const struct tt_found *x = a, *y = b;
	if (time_of(x) != time_of(y))
		return time_of(x) > time_of(y) ? -1 : 1;
	return strcmp(x->path, y->path);
}

static int list_entry(int dirfd, const char *dir, const char *name, struct tt_found_list *list)
{
	struct tt_found f = {0};
	if (!found_read(dirfd, name, &f))
		return 0;
	if (asprintf(&f.path, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name) < 0) {
		f.path = NULL;
		found_deinit(&f);
		return -ENOMEM;
	}
	if (tt_vec_push(&list->items, f) < 0) {
		found_deinit(&f);
		return -ENOMEM;
	}
	return 0;
}

/* ours: the folder must belong to this user, or it does not count. */
static int list_dir(const char *dir, bool ours, struct tt_found_list *list)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (ours ? O_NOFOLLOW : 0));
	if (fd < 0)
		return -errno;
	struct stat st;
	if (ours && (fstat(fd, &st) < 0 || st.st_uid != geteuid())) {
		close(fd);
		return 0;
	}
	DIR *d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	int rc = 0;
	for (const struct dirent *e; rc == 0 && (e = readdir(d));)
		if (is_recording_name(e->d_name))
			rc = list_entry(fd, dir, e->d_name, list);
	closedir(d);
	return rc;
}

/* The i-th default folder; false beyond the last. "": not set. */
static bool default_folder(unsigned i, char *buf, size_t size)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	buf[0] = '\0';
	if (i == 0 && run && run[0] == '/' && strlen(run) + sizeof("/threadcheck") <= size)
		snprintf(buf, size, "%s/threadcheck", run);
	else if (i == 1)
		snprintf(buf, size, "/dev/shm/threadcheck-%u", (unsigned)geteuid());
	return i < 2;
}

bool tt_find_folder(char *buf, size_t size)
{
	/* The shim makes the folder when its parent exists and is writable. */
	for (unsigned i = 0; default_folder(i, buf, size); i++) {
		char *slash = strrchr(buf, '/');
		if (!slash)
			continue;
		*slash = '\0';
		bool can = access(buf, W_OK | X_OK) == 0;
		*slash = '/';
		if (can)
			return true;
	}
	snprintf(buf, size, ".");
	return false;
}

int tt_find_list(const char *dir, struct tt_found_list *list, struct tt_err *err)
{
	char path[4096];
	int rc = 0;
	if (dir) {
		rc = list_dir(dir[0] ? dir : ".", false, list);
	} else {
		for (unsigned i = 0; rc == 0 && default_folder(i, path, sizeof(path)); i++) {
			rc = path[0] ? list_dir(path, true, list) : 0;
			if (rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP || rc == -EACCES)
				rc = 0;
		}
	}
	if (rc < 0)
		return tt_err_set(err, -rc, "cannot list '%s': %s", dir ? dir : "recordings", strerror(-rc));
	tt_vec_sort(&list->items, newest_first);
	return 0;
}

int tt_find_newest(const char *dir, char **ret, struct tt_err *err)
{
	struct tt_found_list list = {0};
	char folder[4096];
	int rc = tt_find_list(dir, &list, err);
	if (rc == 0) {
		rc = -ENOENT;
		struct tt_found *f;
		vec_for_each (f, &list.items)
			if (!f->error) {
				*ret = f->path;
				f->path = NULL;
				rc = 0;
				break;
			}
		if (rc < 0) {
			tt_find_folder(folder, sizeof(folder));
			tt_err_set(err, ENOENT, "no recordings in '%s'", dir ? dir : folder);
		}
	}
	tt_found_list_deinit(&list);
	return rc;
}

int tt_find_clean(const char *dir, unsigned *removed, uint64_t *bytes, struct tt_err *err)
{
	struct tt_found_list list = {0};
	unsigned n = 0;
	uint64_t freed = 0;
	int rc = tt_find_list(dir, &list, err);
	struct tt_found *f;
	vec_for_each (f, &list.items) {
		if (rc < 0 || f->error || (f->life != TT_REC_ENDED && f->life != TT_REC_KILLED))
			continue;
		if (unlink(f->path) == 0) {
			n++;
			freed += f->disk_bytes;
		} else if (errno != ENOENT) {
			rc = tt_err_set(err, errno, "cannot remove '%s': %s", f->path, strerror(errno));
		}
	}
	tt_found_list_deinit(&list);
	if (removed)
		*removed = n;
	if (bytes)
		*bytes = freed;
	return rc;
}
