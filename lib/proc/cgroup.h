/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cgroup.h - where the control groups of a process lie: the texts of /proc/PID/cgroup and /proc/PID/mountinfo, and the path
 * from one to the other. Formats: cgroups(7), proc_pid_cgroup(5), proc_pid_mountinfo(5).
 *
 * What it is not: reading limits (limits.h). The parsers take untrusted text of any length, keep what they understand, and
 * count lines that are odd. Called by limits.c, tests, the fuzzer.
 */
#ifndef TT_PROC_CGROUP_H
#define TT_PROC_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/util/vec.h"

/* One line of /proc/PID/cgroup: "4:cpu,cpuacct:/docker/abc"; of version 2: "0::/user.slice". */
struct tt_cgroup_line {
	char *controllers; /* "" for version 2; split at commas only when compared */
	char *path;
	bool v2, removed; /* removed: the group is gone (" (deleted)", which path does not hold) */
};

/* A mounted hierarchy: a line of mountinfo with file system cgroup or cgroup2. */
struct tt_cgroup_mount {
	char *root;    /* path within the hierarchy that is seen at point; may begin with "/.." */
	char *point;   /* where */
	char *options; /* of the super block: the controllers of version 1 */
	bool v2;
};

struct tt_cgroups {
	TT_VEC(struct tt_cgroup_line) lines;
	TT_VEC(struct tt_cgroup_mount) mounts;
	unsigned odd_lines, odd_mounts; /* not understood, and left out */
};

void tt_cgroups_deinit(struct tt_cgroups *g);

/* Each appends what it finds in text (NUL-terminated). 0 or -ENOMEM. */
int tt_cgroups_parse_lines(struct tt_cgroups *g, const char *text);
int tt_cgroups_parse_mounts(struct tt_cgroups *g, const char *mountinfo);

/*
 * The line that governs a controller ("cpu"): the line of version 1 that names it, else version 2's. NULL when there is
 * neither: the kernel does not control it.
 */
const struct tt_cgroup_line *tt_cgroups_line(const struct tt_cgroups *g, const char *controller);

enum tt_cgroup_place {
	TT_CGROUP_FOUND,
	TT_CGROUP_NOT_MOUNTED, /* no mount has this hierarchy */
	TT_CGROUP_OUTSIDE,     /* the path, or the mount's root, lies outside the cgroup namespace ("..") */
	TT_CGROUP_NOT_VISIBLE, /* mounted, but only a part that does not hold the path */
};

/*
 * Finds the mount through which `path` of the hierarchy can be reached; of several the one below /sys/fs/cgroup, then the
 * one that shows most ancestors, then the one mounted last. *relative points into path, behind the mount's root: "" or
 * "/a/b". For anything but FOUND, *mount is the best wrong one or NULL.
 */
enum tt_cgroup_place tt_cgroups_place(const struct tt_cgroups *g, const char *controller, bool v2, const char *path,
	const struct tt_cgroup_mount **mount, const char **relative);

/* True when the comma-separated list holds the word exactly. */
bool tt_cgroup_list_has(const char *list, const char *word);

/* path without the prefix of whole components ("/docker/ab" is none of "/docker/abc"): "" or "/rest"; NULL: no prefix. */
const char *tt_cgroup_strip(const char *path, const char *prefix);

#endif
