/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * find_pid.c - the recording that a live process writes, through its mappings.
 *
 * A child inherits its parent's mapping and makes a file of its own only when it first uses a lock: a mapped recording counts
 * only when it names this very process, by any of the pids that it has in nested namespaces.
 */
#include "lib/rec/find.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_NAMESPACES 34 /* the kernel allows 32 levels */

struct target {
	pid_t pid;
	uint32_t pids[MAX_NAMESPACES]; /* its number in each namespace, outermost first */
	unsigned levels;
};

/* One line of /proc/PID/maps. */
struct region {
	uint64_t start, end, offset;
	dev_t dev;
	ino_t inode;
	bool shared;
	const char *path; /* escaped as the kernel does */
};

static int target_read(pid_t pid, struct target *t)
{
	char path[64], line[1024];
	*t = (struct target){.pid = pid};
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "NSpid:", 6) != 0)
			continue;
		for (char *at = line + 6, *end; t->levels < MAX_NAMESPACES; at = end) {
			unsigned long n = strtoul(at, &end, 10);
			if (end == at)
				break;
			t->pids[t->levels++] = (uint32_t)n;
		}
	}
	fclose(f);
	if (!t->levels) /* before Linux 4.1 */
		t->pids[t->levels++] = (uint32_t)pid;
	return 0;
}

static bool region_parse(char *line, struct region *r)
{
	char perms[5] = "";
	unsigned long long start, end, offset, inode;
	unsigned major, minor;
	int path = 0;
	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, perms, &offset, &major, &minor, &inode, &path) < 7 ||
		!path)
		return false;
	line[strcspn(line, "\n")] = '\0';
	*r = (struct region){start, end, offset, makedev(major, minor), (ino_t)inode, perms[3] == 's', line + path};
	return true;
}

/* Opens a regular file without waiting and without following a device: -errno, or a descriptor. */
static int open_regular(const char *path)
{
	char self[64];
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = -EINVAL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		rc = open(self, O_RDONLY | O_CLOEXEC);
		rc = rc < 0 ? -errno : rc;
	}
	close(fd);
	return rc;
}

static int region_open(const struct target *t, const struct region *r)
{
	char path[4200];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)t->pid, (unsigned long long)r->start,
		(unsigned long long)r->end);
	int fd = open_regular(path);
	if (fd >= 0 || r->path[0] != '/')
		return fd;
	int first = fd;
	if ((size_t)snprintf(path, sizeof(path), "/proc/%d/root%s", (int)t->pid, r->path) >= sizeof(path))
		return first;
	fd = open_regular(path);
	if (fd < 0)
		return fd == -ENOENT ? first : fd;
	if (fstat(fd, &st) < 0 || st.st_dev != r->dev || st.st_ino != r->inode) {
		close(fd); /* another file has its name now */
		return first;
	}
	return fd;
}

static bool is_of(const struct target *t, uint32_t pid)
{
	for (unsigned i = 0; i < t->levels; i++)
		if (t->pids[i] == pid)
			return true;
	return false;
}

struct search {
	int fd; /* of the newest recording that names the process; -1 none */
	uint64_t start_real_ns;
	char path[4096];
	bool foreign; /* a recording of another process is mapped */
	int error;    /* the last failure to open one */
};

static void try_region(const struct target *t, const struct region *r, struct search *s)
{
	struct ttrec_header h;
	int fd = region_open(t, r);
	if (fd < 0) {
		if (strstr(r->path, ".ttrec"))
			s->error = -fd;
		return;
	}
	if (tt_rec_peek_fd(fd, &h, NULL) < 0) {
		close(fd);
		return;
	}
	if (!is_of(t, h.pid)) {
		s->foreign = true;
		close(fd);
		return;
	}
	/* After exec only the new image's file is mapped; two of one process are the parent's with a reused pid, and its own.
	 */
	if (s->fd >= 0 && h.start_real_ns <= s->start_real_ns) {
		close(fd);
		return;
	}
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	s->start_real_ns = h.start_real_ns;
	snprintf(s->path, sizeof(s->path), "%s", r->path);
}

/* Every shared file mapping that begins at offset 0 may be one: `output=` allows any name. */
static int search_maps(const struct target *t, struct search *s)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)t->pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return -errno;
	char *line = NULL;
	size_t size = 0;
	struct region r;
	errno = 0;
	while (getline(&line, &size, f) > 0) {
		if (region_parse(line, &r) && r.shared && r.offset == 0 && r.inode &&
			r.end - r.start >= sizeof(struct ttrec_header))
			try_region(t, &r, s);
		errno = 0;
	}
	int code = errno;
	free(line);
	fclose(f);
	return -code;
}

static int say_none(const struct target *t, const struct search *s, int rc, struct tt_err *err)
{
	int pid = (int)t->pid;
	if (rc < 0)
		return tt_err_set(err, -rc, "cannot read the mappings of process %d: %s", pid, strerror(-rc));
	if (s->error)
		return tt_err_set(err, s->error, "cannot open the recording of process %d: %s", pid, strerror(s->error));
	if (s->foreign)
		return tt_err_set(err, ENOENT, "process %d has not used any lock or thread since it was forked", pid);
	return tt_err_set(err, ENOENT, "process %d does not record: libthreadcheck.so is not loaded, or could not write", pid);
}

int tt_find_open_pid(pid_t pid, const struct tt_rec_opts *opts, struct tt_rec **ret, struct tt_err *err)
{
	struct target t;
	int rc = target_read(pid, &t);
	if (rc < 0)
		return tt_err_set(err, rc == -ENOENT ? ENOENT : -rc, "no process %d", (int)pid);
	struct search s = {.fd = -1};
	rc = search_maps(&t, &s);
	if (s.fd < 0)
		return say_none(&t, &s, rc, err);
	struct tt_rec_opts live = opts ? *opts : (struct tt_rec_opts){0};
	live.running = true;
	rc = tt_rec_open_fd(s.fd, s.path, &live, ret, err);
	close(s.fd);
	return rc;
}
