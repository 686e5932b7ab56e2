/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * find.h - where recordings are: the folders the shim writes to, their content with the state of each process, the recording
 * of a live process (also when its file was unlinked or lies in a container), removal of ended ones.
 *
 * What it is not: reading records (reader.h) and putting several recordings together (set.h). Called by threadreport,
 * threadcheck and set.c. Never prints.
 */
#ifndef TT_REC_FIND_H
#define TT_REC_FIND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/rec/reader.h"
#include "lib/util/err.h"
#include "lib/util/vec.h"

/* One file of a recordings folder, by its header alone. */
struct tt_found {
	char *path;
	uint64_t size_bytes; /* used part */
	uint64_t disk_bytes; /* what it takes: memory, on tmpfs */
	uint64_t changed_ns; /* CLOCK_REALTIME of its last change; orders files that cannot be read */
	int error;           /* 0: the header is good; else an errno value: EAGAIN (not ready), EINVAL, ENOTSUP, EACCES ... */
	char *reason;        /* words for error, NULL when there is none */
	/* with error == 0: */
	enum tt_rec_life life;
	uint32_t state; /* enum ttrec_state */
	int exit_code;
	uint32_t pid;
	uint64_t start_real_ns, end_ns; /* end_ns as in the header: relative, + 1; 0 unknown */
	char *exe, *command;            /* hostile text; arguments joined by blanks */
};
struct tt_found_list {
	TT_VEC(struct tt_found) items; /* newest first, unreadable ones by their last change */
};
void tt_found_list_deinit(struct tt_found_list *list);

/*
 * The recordings in folder `dir` (files named *.ttrec or *.ttrec.N), or, dir == NULL, in all default folders that exist:
 * $XDG_RUNTIME_DIR/threadcheck and /dev/shm/threadcheck-UID, both only when they belong to this user. list must be zeroed.
 * A default folder that does not exist is empty; a named one is an error.
 */
int tt_find_list(const char *dir, struct tt_found_list *list, struct tt_err *err);

/* The newest readable recording of those; *ret is its path, to be freed. -ENOENT with words when there is none. */
int tt_find_newest(const char *dir, char **ret, struct tt_err *err);

/* A default folder for messages: the one a shim of this user would write to now. buf gets it; false: it would be the current
 * directory. */
bool tt_find_folder(char *buf, size_t size);

/*
 * Opens the recording that the live process pid writes, found through its mappings: by /proc/PID/map_files (root), else by
 * its path below /proc/PID/root when device and inode are the same. -ENOENT: no such process, or the shim is not loaded
 * in it, or it has not recorded anything since it was forked (the words say which); -EACCES or -EPERM: not ours to look at.
 */
int tt_find_open_pid(pid_t pid, const struct tt_rec_opts *opts, struct tt_rec **ret, struct tt_err *err);

/*
 * Removes the recordings of processes that are no more from dir (NULL: default folders). Those of running processes, of
 * processes that we cannot know to be gone, and damaged files stay. *removed and *bytes may be NULL.
 */
int tt_find_clean(const char *dir, unsigned *removed, uint64_t *bytes, struct tt_err *err);

#endif
