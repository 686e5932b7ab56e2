/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * command.h - which file a command name means, found as execvp() finds it, before anything is started.
 *
 * Why not leave it to execvp: a wrapper must tell "not found" (status 127) from "cannot be run" (126) and from failures of its
 * own, and needs the file to explain why a library could not be preloaded into it. Called by threadcheck.
 */
#ifndef TT_LAUNCH_COMMAND_H
#define TT_LAUNCH_COMMAND_H

#include <stddef.h>

#include "lib/util/err.h"

/*
 * Puts the path of the command into buf. name with a slash: that file; without: the first executable in the folders of
 * `path` (the value of PATH; NULL: the system's default). 0; -ENOENT: there is none; -EACCES, -ENOTDIR ...: there is one that
 * cannot be run; -ENAMETOOLONG. Words in err: "'name': No such file or directory".
 */
int tt_command_find(const char *name, const char *path, char *buf, size_t size, struct tt_err *err);

#endif
