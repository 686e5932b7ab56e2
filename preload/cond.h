/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cond.h - what hook_c11.c shares with hook_cond.c. */
#ifndef TT_PRELOAD_COND_H
#define TT_PRELOAD_COND_H

#include "preload/mutex.h"

extern const struct tt_birth tt_cond_birth;

/* One condition wait in progress. Its cleanup runs when the wait is cancelled: the mutex is then held again. */
struct tt_cond_wait {
	struct tt_wait_for w;
	pthread_mutex_t *m;
	uint64_t acquired; /* site word of the mutex's held entry, 0: it was not held as far as is known */
	uint32_t uid;      /* of that entry */
};
void tt_cond_begin(
	struct tt_cond_wait *k, struct tt_self *s, pthread_cond_t *c, pthread_mutex_t *m, uint64_t site, uintptr_t cfa);
void tt_cond_end(struct tt_cond_wait *k, int r);
void tt_cond_cancelled(struct tt_cond_wait *k);
/* Around the real destroy call. begin returns the time for end, 0 when nobody waits. */
uint64_t tt_cond_destroy_begin(struct tt_self *s, pthread_cond_t *c, uint64_t site, uintptr_t cfa);
void tt_cond_destroy_end(struct tt_self *s, pthread_cond_t *c, uint64_t site, uint64_t since);
void tt_cond_notify(struct tt_self *s, pthread_cond_t *c, uint64_t site, uintptr_t cfa);

#endif
