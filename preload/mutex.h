/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mutex.h - what the condition and C11 hooks share with hook_mutex.c. */
#ifndef TT_PRELOAD_MUTEX_H
#define TT_PRELOAD_MUTEX_H

#include "preload/hook.h"

extern const struct tt_birth tt_mutex_birth;

#endif
