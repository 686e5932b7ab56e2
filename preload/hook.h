/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hook.h - what every hook_<family>.c includes, and the vocabulary that hooks are written in. */
#ifndef TT_PRELOAD_HOOK_H
#define TT_PRELOAD_HOOK_H

#include "preload/shim.h"
#include "preload/real.h"
#include "preload/init.h"

/* The site word and the CFA of the hook's caller; only valid in the exported function itself. */
#define HOOK_SITE(op) TTREC_SITE((uintptr_t)__builtin_return_address(0), TTREC_##op)
#define HOOK_SITE_ONCE(op)                                                                           \
	({ /* computed once, not anew wherever it is used: in hooks that have no register to save */ \
		uint64_t site_ = HOOK_SITE(op);                                                      \
		__asm__("" : "+r"(site_));                                                           \
		site_;                                                                               \
	})
#define HOOK_CFA() ((uintptr_t)__builtin_dwarf_cfa())

TT_INLINE struct tt_caller tt_caller_of(uint64_t site, uintptr_t cfa)
{
	return (struct tt_caller){(uintptr_t)TTREC_SITE_PC(site), cfa};
}

/* The same call, counted as another operation: a failed try, a timeout. */
TT_INLINE uint64_t tt_site_as(uint64_t site, enum ttrec_op op)
{
	return TTREC_SITE(TTREC_SITE_PC(site), op);
}

/* A hook whose first instructions are to be in as few cache lines as can be: elsewhere three nested mutexes cost a tenth more.
 */
#define TT_LINE_ALIGNED __attribute__((aligned(64)))

/* A second exported name of a hook. */
#if __has_attribute(copy)
#define ALIAS_OF(name) __attribute__((visibility("default"), alias(#name), copy(name)))
#else
#define ALIAS_OF(name) __attribute__((visibility("default"), alias(#name)))
#endif

#endif
