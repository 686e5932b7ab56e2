/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * life.c - see life.h.
 */
#include "lib/rec/life.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int tt_life_start_ticks(uint32_t pid, uint64_t *ret, bool *zombie)
{
	char path[64], text[1024];
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	int code = n < 0 ? errno : EINVAL;
	close(fd);
	if (n <= 0)
		return -code;
	text[n] = '\0';
	/* The name in parentheses may hold anything, also parentheses: fields count from the last one. */
	char *at = strrchr(text, ')');
	if (!at || at[1] != ' ')
		return -EINVAL;
	at += 2;
	if (zombie)
		*zombie = *at == 'Z' || *at == 'X';
	for (int field = 3; field < 22; field++) {
		at = strchr(at, ' ');
		if (!at)
			return -EINVAL;
		at++;
	}
	*ret = strtoull(at, NULL, 10);
	return 0;
}

enum tt_rec_life tt_life_of(uint32_t state, uint32_t pid, uint64_t start_ticks, uint64_t pid_ns)
{
	if (state != TTREC_STATE_RUNNING)
		return TT_REC_ENDED;
	struct stat st;
	if (pid_ns && stat("/proc/self/ns/pid", &st) == 0 && st.st_ino != pid_ns)
		return TT_REC_UNKNOWN;
	uint64_t ticks = 0;
	bool zombie = false;
	int rc = tt_life_start_ticks(pid, &ticks, &zombie);
	if (rc == -ENOENT || rc == -ESRCH)
		return TT_REC_KILLED;
	if (rc < 0)
		return TT_REC_UNKNOWN;
	return zombie || (start_ticks && ticks != start_ticks) ? TT_REC_KILLED : TT_REC_RUNNING;
}
