/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* init.h - process-wide events that hooks report to init.c. */
#ifndef TT_PRELOAD_INIT_H
#define TT_PRELOAD_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tt_self;

/* As tt_enter(), for calls that are no reason to begin a recording or to register a thread. The real functions are known after
 * it. */
struct tt_self *tt_enter_if_known(void);
bool tt_is_recording_here(void);                     /* false in a vfork child */
void tt_process_ends(uint32_t state, int exit_code); /* enum ttrec_state; the first call counts */
void tt_process_exit_code(int code);                 /* exit() was called with it */
void tt_sandbox_ahead(void);                         /* before a seccomp filter is set ... */
void tt_sandbox_entered(void);                       /* ... and once it is */
void tt_process_quiet(void);                         /* not even the clock may be read any more */
void tt_process_goes_on(void);                       /* an exec failed */

#endif
