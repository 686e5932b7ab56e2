/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree.h - the descendants of a process, as /proc shows them now: to end a whole program, not only its first process.
 *
 * What it is not: a watch over them; who is forked or adopted meanwhile is met by the next call. Called by child.c.
 */
#ifndef TT_LAUNCH_TREE_H
#define TT_LAUNCH_TREE_H

#include <sys/types.h>

/*
 * Sends sig (0: none) to every process below `root`, but not to root itself. Returns how many of them are no zombies, or
 * -errno when /proc cannot be read.
 */
int tt_tree_signal(pid_t root, int sig);

/* The state letter of /proc/PID/stat; 0 when there is no such process. */
char tt_process_state(pid_t pid);

#endif
