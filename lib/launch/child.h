/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * child.h - runs one program as a wrapper must: as if the wrapper were not there.
 *
 * The program gets the caller's descriptors, signal mask and dispositions, process group and terminal. Signals sent to the
 * wrapper reach it; those of the terminal do anyway, and are not sent twice. When the program stops (^Z), so does the wrapper.
 * What it is not: recordings, environment (session.h), words. Called by threadcheck. Not for threads: it uses the signal
 * mask and waits for all children of the caller.
 */
#ifndef TT_LAUNCH_CHILD_H
#define TT_LAUNCH_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/util/err.h"

struct tt_child_opts {
	const char *path;    /* the file; one that the kernel does not know is run by /bin/sh, as execvp does */
	char *const *argv;   /* NULL-terminated */
	char *const *envp;   /* NULL-terminated */
	uint64_t timeout_ns; /* end the program after this; 0 never */
	uint64_t grace_ns;   /* between SIGTERM and SIGKILL */
	bool wait_all;       /* wait for its descendants too, also for those that left it (daemons) */
	/*
	 * Looks at the program now and then, every watch_ns (0: never); true ends it like a timeout. before_end is called once,
	 * when either is about to end it and it is still as it was. Both may be NULL.
	 */
	bool (*watch)(void *data);
	void (*before_end)(void *data);
	uint64_t watch_ns;
	void *data;
};

enum tt_child_end { TT_CHILD_BY_ITSELF, TT_CHILD_TIMEOUT, TT_CHILD_WATCH };

struct tt_child_result {
	pid_t pid;
	uint64_t ended_mono_ns; /* CLOCK_MONOTONIC when its end was noticed */
	int status;             /* of waitpid, for the program itself */
	enum tt_child_end ended;
	bool killed;   /* SIGTERM was not enough */
	bool survived; /* not even SIGKILL was (a process in an uninterruptible call): status is not known */
};

/*
 * Starts the program and returns when it ended (with wait_all: when all did). 0; -errno of execve with words "'path': reason"
 * and ret->pid == 0 when it could not be run; other errors likewise with ret->pid == -1. On return the signals that were
 * passed on are still blocked, until tt_child_leave().
 */
int tt_child_run(const struct tt_child_opts *opts, struct tt_child_result *ret, struct tt_err *err);

/*
 * Gives the caller its signals back. Forgets those that arrived since: they were meant for the program, which is no more.
 */
void tt_child_leave(void);

/* The exit status a shell would show: the status itself, or 128 + signal. */
int tt_child_exit_status(int status);

#endif
