/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rootfile.h - reads the small text files of /proc and /sys, of this system or below a folder that stands for its root
 * (fixtures, another container's tree). What it is not: parsing. Called by the readers of lib/proc.
 */
#ifndef TT_PROC_ROOTFILE_H
#define TT_PROC_ROOTFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/util/buf.h"

#define TT_ROOTFILE_MAX ((size_t)16 << 20) /* bytes; what is longer is no file of the kernel's that we read */

/*
 * Replaces *out by the content of root + path (root NULL or "": the real root). At most TT_ROOTFILE_MAX bytes; the content may
 * hold NULs when the file does. 0 or -errno (-EFBIG: longer; -EISDIR; -ENOMEM); *out is empty then.
 */
int tt_rootfile_read(const char *root, const char *path, struct tt_buf *out);

/* True when root + path is a directory; *error (may be NULL) gets 0, or the errno of stat. */
bool tt_rootfile_is_dir(const char *root, const char *path, int *error);

/* True when root + path exists, of whatever kind. */
bool tt_rootfile_exists(const char *root, const char *path);

#endif
