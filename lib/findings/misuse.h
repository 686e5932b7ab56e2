/* SPDX-License-Identifier: GPL-3.0-or-later */
/* misuse.h - what the detectors of misuse and of blocking share: words for locks, holders and places. Only for those. */
#ifndef TT_FINDINGS_MISUSE_H
#define TT_FINDINGS_MISUSE_H

#include "lib/findings/detect.h"

/* "mutex cache_lock", or "a lock" when it has no record. */
const char *tt_misuse_lock_name(const struct tt_detect *d, const struct tt_lock *l);

/* "twice", "12 times": how often a fact was seen, for a title's end or a line of evidence; "once". */
const char *tt_misuse_times(const struct tt_detect *d, uint64_t count);

/* "EINVAL", or "error 4711". */
const char *tt_misuse_errno(const struct tt_detect *d, uint64_t error);

/* Did it happen below exit(): in a handler, or in a destructor of a static object? */
bool tt_misuse_at_exit(const struct tt_detect *d, const struct tt_misuse *f);

#endif
