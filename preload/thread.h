/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* thread.h - what hook_c11.c shares with hook_thread.c: thread creation and join. */
#ifndef TT_PRELOAD_THREAD_H
#define TT_PRELOAD_THREAD_H

#include "preload/hook.h"

/* One create in progress. All but t are copies: the record belongs to the new thread as soon as it runs. */
struct tt_create {
	struct ttrec_thread *t;    /* NULL: no record, the thread is adopted at its first event */
	struct ttrec_group *group; /* may be NULL */
	uint64_t serial, routine;
	bool detached;
};
/* attr may be NULL. */
void tt_create_begin(struct tt_self *s, struct tt_create *k, uint64_t routine, uint64_t arg, const pthread_attr_t *attr,
	uint64_t site, uintptr_t cfa);
void tt_create_end(struct tt_self *s, struct tt_create *k, int r, const pthread_t *thread, uint64_t site);
void tt_thread_begins(struct ttrec_thread *t);
void tt_thread_leaves(void *unused);
static inline void tt_thread_leaves_frame(int *unused)
{
	tt_thread_leaves(unused);
}

/* One join in progress; its cleanup runs when the join is cancelled. */
struct tt_join {
	struct tt_self *s; /* NULL: nothing to undo */
	struct ttrec_thread *t;
	uint64_t serial, site;
	struct tt_block b;
	bool second; /* another thread was joining it already */
};
void tt_join_begin(struct tt_self *s, struct tt_join *j, pthread_t thread, uint64_t site, uintptr_t cfa);
void tt_join_end(struct tt_join *j, int r, uintptr_t cfa);
void tt_join_cleanup(struct tt_join *j);
void tt_detached(struct tt_self *s, struct ttrec_thread *t, uint64_t site);
void tt_thread_joined(struct tt_self *s, struct ttrec_thread *t, uint64_t now, uint64_t since, uint64_t site);

#endif
