/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limits_private.h - what the files limits*.c share: a reading in progress. */
#ifndef TT_PROC_LIMITS_PRIVATE_H
#define TT_PROC_LIMITS_PRIVATE_H

#include "lib/proc/cgroup.h"
#include "lib/proc/limits.h"
#include "lib/util/buf.h"

struct tt_limits_reading {
	const char *root;
	struct tt_limits *out;
	struct tt_cgroups groups;
	const char *mounts_why; /* mountinfo could not be read; NULL: it was */
	const char *lines_why;  /* likewise /proc/PID/cgroup */
	char proc[32];          /* "/proc/self", "/proc/123" */
	const char *cgroup;     /* the query's; NULL: of the process */
	bool no_cgroups;        /* the kernel has none at all */
	bool failed;            /* out of memory: sticky */
	struct tt_buf text;     /* of the latest file */
};

/* A string that lives as long as the limits; "" when out of memory (r->failed). */
const char *tt_limits_text(struct tt_limits_reading *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tt_limits_note(struct tt_limits_reading *r, const char *text);

/* Reads dir/name into r->text. 0 or -errno. dir may be "". */
int tt_limits_file(struct tt_limits_reading *r, const char *dir, const char *name);

/* "cannot read 'dir/name': reason". */
const char *tt_limits_unreadable(struct tt_limits_reading *r, const char *dir, const char *name, int error);
/* "'dir/name' holds 'text', which is not CPUs": what an odd file is called. */
const char *tt_limits_odd(struct tt_limits_reading *r, const char *dir, const char *name);

/* The groups of one controller, from the leaf up. dir and path are allocated; depth 0 is the leaf. */
struct tt_limits_walk {
	bool found, v2;
	const char *why; /* not found: in words */
	bool absent;     /* not found, because the kernel has no such controller in use: no limit */
	const struct tt_cgroup_mount *mount;
	const char *relative;    /* behind the mount's root: "" or "/a/b" */
	struct tt_buf dir, path; /* of the current level */
	size_t point_len;        /* dir is at the top when it has this length */
	char *wanted;            /* the path that was looked for */
};

/* Begins at the group itself. Out of memory shows in r->failed. */
void tt_limits_walk_init(struct tt_limits_reading *r, const char *controller, struct tt_limits_walk *w);
/* One level up; false at the top. */
bool tt_limits_walk_up(struct tt_limits_walk *w);
void tt_limits_walk_deinit(struct tt_limits_walk *w);

/* The parts: each fills its fields of r->out. */
void tt_limits_read_quota(struct tt_limits_reading *r);
void tt_limits_read_cpusets(struct tt_limits_reading *r);
void tt_limits_read_memory(struct tt_limits_reading *r);
void tt_limits_read_system(struct tt_limits_reading *r);

#endif
