/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unseen.c - see unseen.h.
 */
#include "lib/launch/unseen.h"

#include <fcntl.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/launch/elf.h"

#define SCRIPT_DEPTH 4            /* scripts that are run by scripts */
#define LEAST_FILE   (1u << 20)   /* the shim records into nothing smaller */
#define LEAST_SPACE  (128u << 10) /* what it takes at once */

void tt_unseen_deinit(struct tt_unseen *unseen)
{
	tt_buf_deinit(&unseen->why);
}

/* The program behind "#! program argument"; false when it is no script. */
static bool script_interpreter(const char *path, char *buf, size_t size)
{
	char line[512];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n < 2 || line[0] != '#' || line[1] != '!')
		return false;
	line[n] = '\0';
	const char *at = line + 2 + strspn(line + 2, " \t");
	size_t len = strcspn(at, " \t\r\n");
	if (len == 0 || len >= size)
		return false;
	memcpy(buf, at, len);
	buf[len] = '\0';
	return true;
}

/* Would the loader ignore LD_PRELOAD, because running this file raises privileges? */
static bool raises_privileges(const char *path)
{
	struct stat st;
	struct statvfs fs;
	if (stat(path, &st) < 0 || (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOSUID)))
		return false;
	if ((st.st_mode & S_ISUID) && st.st_uid != getuid())
		return true;
	if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getgid())
		return true;
	return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

/* The file that the kernel will load in the end; names: two buffers, one of which may get its path. */
static const char *loaded_file(const char *path, char names[2][PATH_MAX])
{
	for (int i = 0; i < SCRIPT_DEPTH && script_interpreter(path, names[i & 1], PATH_MAX); i++)
		path = names[i & 1];
	return path;
}

bool tt_unseen_harmful(const char *path)
{
	char names[2][PATH_MAX];
	struct tt_elf elf;
	if (tt_elf_read(loaded_file(path, names), &elf) < 0)
		return false;
	return elf.kind == TT_ELF_OTHER_BITS || (elf.kind == TT_ELF_NATIVE && strstr(elf.interpreter, "/ld-musl"));
}

static bool explain_file(const char *path, struct tt_unseen *ret)
{
	struct tt_elf elf;
	if (tt_elf_read(path, &elf) < 0)
		return false;
	if (raises_privileges(path)) {
		tt_buf_printf(
			&ret->why, "'%s' runs with other privileges than yours, so that the loader preloads nothing", path);
		ret->advice = "Run it as the user it becomes, or a copy without the set-user-ID bit and capabilities.";
	} else if (elf.kind == TT_ELF_OTHER_BITS) {
		tt_buf_printf(&ret->why, "'%s' is a 32-bit program", path);
		ret->advice = "Check a 64-bit build of it.";
	} else if (elf.kind == TT_ELF_FOREIGN) {
		tt_buf_printf(&ret->why, "'%s' is a program for another kind of machine", path);
		ret->advice = "Check it on a machine of that kind.";
	} else if (elf.kind == TT_ELF_NATIVE && !elf.interpreter[0]) {
		tt_buf_printf(&ret->why, "'%s' is statically linked, so that no library can be preloaded into it", path);
		ret->advice = "Check a dynamically linked build of it.";
	} else if (elf.kind == TT_ELF_NATIVE && strstr(elf.interpreter, "/ld-musl")) {
		tt_buf_printf(&ret->why, "'%s' uses the C library musl, and the recorder is made for the GNU C library", path);
		ret->advice = "Check a build for the GNU C library.";
	} else if (elf.kind == TT_ELF_NATIVE && !strstr(elf.interpreter, "/ld-linux")) {
		tt_buf_printf(
			&ret->why, "'%s' uses another loader than that of the GNU C library: '%s'", path, elf.interpreter);
		ret->advice = "Check a build for the GNU C library.";
	}
	return ret->why.len > 0;
}

static bool explain_folder(const char *folder, struct tt_unseen *ret)
{
	struct rlimit file = {RLIM_INFINITY, RLIM_INFINITY};
	struct statvfs fs;
	if (access(folder, F_OK) < 0) {
		tt_buf_printf(&ret->why, "the folder for recordings '%s' is gone", folder);
		ret->advice = "Find out what removed it.";
	} else if (statvfs(folder, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < LEAST_SPACE) {
		tt_buf_printf(&ret->why, "there is no space left in '%s'", folder);
		ret->advice = "Make room there: threadreport --clean removes old recordings.";
	} else if (getrlimit(RLIMIT_FSIZE, &file) == 0 && file.rlim_cur < LEAST_FILE) {
		tt_buf_adds(&ret->why, "the limit of file sizes (ulimit -f) leaves no room for a recording");
		ret->advice = "Raise the limit to a few megabytes.";
	}
	return ret->why.len > 0;
}

int tt_unseen_explain(const char *path, const char *folder, struct tt_unseen *ret)
{
	char names[2][PATH_MAX];
	*ret = (struct tt_unseen){.advice = ""};
	path = loaded_file(path, names);
	if (!explain_file(path, ret) && !explain_folder(folder, ret)) {
		tt_buf_printf(&ret->why, "'%s' did not load the recorder, or ended before it could begin", path);
		ret->advice = "See whether it starts at all, and whether something empties its environment (LD_PRELOAD).";
	}
	return tt_buf_failed(&ret->why) ? -ENOMEM : 0;
}
