/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * session.h - the folder in which the recordings of one run gather, and the environment that makes the program record there.
 *
 * The folder lies on tmpfs where there is one: a mapping on a disk file system may stall its writer. It is removed at the end;
 * recordings that shall stay are copied out. What it is not: running the program (child.h), reading recordings (lib/rec).
 * Called by threadcheck.
 */
#ifndef TT_LAUNCH_SESSION_H
#define TT_LAUNCH_SESSION_H

#include <limits.h>
#include <stdbool.h>

#include "lib/rec/set.h"
#include "lib/util/err.h"
#include "lib/util/vec.h"

struct tt_session {
	char dir[512];          /* "" before create and after remove */
	char library[PATH_MAX]; /* what LD_PRELOAD will name; "": it stays as it is */
	int lock;               /* descriptor that tells others that the session is in use */
};

/*
 * Makes the folder, for this user alone; made by root, everybody may put files into it (but not look), because programs that
 * begin as root give that up and go on recording. Sweeps away what dead sessions of this user left. 0 or -errno.
 */
int tt_session_create(struct tt_session *s, struct tt_err *err);

/*
 * Finds libthreadcheck.so: `given` (the value of THREADCHECK_LIBRARY) when not NULL or empty, else beside the running tool
 * (../lib/threadtools/, ../lib/). A path that LD_PRELOAD cannot hold is reached through a link in the folder. 0 or -errno.
 */
int tt_session_library(struct tt_session *s, const char *given, struct tt_err *err);

struct tt_environment {
	TT_VEC(char *) vars; /* with a NULL at the end: vars.data is an envp */
};
void tt_environment_deinit(struct tt_environment *env);

/*
 * The environment of the program: base, with LD_PRELOAD naming the library first and then what stood there, and
 * THREADCHECK_OPTIONS holding what stood there without output and root, then `settings` ("key=value:..." or ""), then these
 * two; ASAN_OPTIONS, so that a program with gcc's libasan runs behind the library. -EINVAL: a quote in THREADCHECK_OPTIONS is
 * not closed.
 */
int tt_session_environment(
	const struct tt_session *s, char *const *base, const char *settings, struct tt_environment *ret, struct tt_err *err);

/* ------------------------------------------------------------------ what stays */

struct tt_kept {
	unsigned kept;        /* copied out */
	unsigned running;     /* left in the folder, because their processes go on writing */
	char first[PATH_MAX]; /* where the first one is now */
};

/*
 * Can recordings be put there? To ask before a long run. An existing folder, or a name that ends in '/' (which is made):
 * recordings keep their names; else the name of a file. 0 or -errno with words.
 */
int tt_session_check_output(const char *output, struct tt_err *err);

/* Likewise for a report: a file that may exist or not, in a folder that must. */
int tt_session_check_file(const char *path, struct tt_err *err);

/*
 * Copies the finished recordings to `output`, oldest first; to a file, all beyond the first get the endings .2, .3 ... An
 * existing file is replaced. Those in recs learn their new paths. On an error the folder holds all that was not copied.
 */
int tt_session_keep(
	const struct tt_session *s, const char *output, struct tt_rec_set *recs, struct tt_kept *ret, struct tt_err *err);

/* Removes the folder with all it holds. Processes that still record into it are not disturbed. */
void tt_session_remove(struct tt_session *s);

/* Leaves the folder where it is, and marks it so that no later session sweeps it away. */
void tt_session_leave(struct tt_session *s);

#endif
