/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real.h - the functions behind the hooks: REAL(name)(...) for each row of hooks.def.
 *
 * REAL(name) is a stub in our own text. It begins as a jump through tt_real.name; once that is known it is rewritten to a
 * direct jump, when the C library is within reach and the system lets us write our own text. Where indirect branches are not
 * predicted (IBRS, common on cloud machines) one costs 7 ns, as much as the locked instruction of a mutex; a direct one
 * nothing.
 */
#ifndef TT_PRELOAD_REAL_H
#define TT_PRELOAD_REAL_H

#include "preload/hooked.h"

struct tt_real {
#define HOOK(name, version, need, family) __typeof__(&name) name;
#include "preload/hooks.def"
};
extern struct tt_real tt_real __attribute__((visibility("hidden")));

#define HOOK(name, version, need, family) extern __typeof__(name) tt_call_##name __attribute__((visibility("hidden")));
#include "preload/hooks.def"
#define REAL(name) tt_call_##name

/*
 * Fills tt_real and, with direct, rewrites the stubs. Called from the constructor, or from the first hook when another
 * library's constructor comes before ours; again is harmless: it stores the same values. False: a required function is missing,
 * and the shim stays inert.
 */
bool tt_real_resolve(bool direct);
extern bool tt_real_ready;

#define TT_EXPORT __attribute__((visibility("default")))

#endif
