/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real.h - the functions behind the hooks, one typed pointer for each row of hooks.def. */
#ifndef TT_PRELOAD_REAL_H
#define TT_PRELOAD_REAL_H

#include "preload/hooked.h"

struct tt_real {
#define HOOK(name, version, need, family) __typeof__(&name) name;
#include "preload/hooks.def"
};
extern struct tt_real tt_real __attribute__((visibility("hidden")));

/*
 * Fills tt_real. Called from the constructor, or from the first hook when another library's constructor comes before ours;
 * again is harmless: it stores the same values. False: a required function is missing, and the shim stays inert.
 */
bool tt_real_resolve(void);
extern bool tt_real_ready;

#define TT_EXPORT __attribute__((visibility("default")))

#endif
