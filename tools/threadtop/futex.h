/* SPDX-License-Identifier: GPL-3.0-or-later */
/* futex.h - what the futexes of one process are that nothing but stacks tells. Called by waiting.c. */
#ifndef TT_TOP_FUTEX_H
#define TT_TOP_FUTEX_H

#include "lib/proc/waits.h"

struct top_futexes;
void top_futexes_destroy(struct top_futexes *f);

/*
 * Sets kind and meaning of a wait for a futex whose memory told nothing: by what is known of its word, else by the stack of
 * thread tid, a few times in each round. *futexes is made at the first call; call and env are those that w was decoded with.
 */
void top_futexes_name(struct top_futexes **futexes, uint64_t round, struct tt_wait *w, const struct tt_wait_call *call,
	const struct tt_wait_env *env, pid_t tid);

#endif
