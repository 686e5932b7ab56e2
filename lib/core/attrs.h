/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attrs.h - compiler attributes and small macros shared by the shim and the library. Headers only. */
#ifndef TT_CORE_ATTRS_H
#define TT_CORE_ATTRS_H

#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)
#define TT_INLINE     static inline __attribute__((always_inline))
#define TT_NOINLINE   __attribute__((noinline))
#define TT_COLD       __attribute__((noinline, cold))
#define TT_UNUSED     __attribute__((unused))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
