/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scenarios.h - declares every scenario of scenarios.def, and the few functions that scenario files share. C and C++. */
#ifndef MK_SCENARIOS_H
#define MK_SCENARIOS_H

#include "tests/mkthreads/mk.h"

#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MK_SCENARIO(fn, ...) int fn(void);
#include "tests/mkthreads/scenarios.def"
#undef MK_SCENARIO

/* Contends an initialised mutex of any type between mutex_holder and mutex_waiter; parameters waiters, rounds, hold_us. */
struct mk_lock *contend_mutex(pthread_mutex_t *m, const char *name);
/* Now + us on a clock. */
struct timespec mk_deadline(clockid_t clock, long us);

#ifdef __cplusplus
}
#endif
#endif
