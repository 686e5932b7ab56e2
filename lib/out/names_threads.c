/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * names_threads.c - what threads are called, also those whose record was used again: by the event of their creation.
 * Part of names.h.
 */
#include <inttypes.h>

#include "lib/out/names_private.h"

/* A thread that is gone: process and serial in one word. Serials beyond 40 bits do not occur in practice. */
static uint64_t key_of(const struct tt_process *p, uint64_t serial)
{
	return (uint64_t)p->id << 40 ^ serial;
}

/* Once per process: serial -> start routine, of all creations that the ring still has. */
static void read_creations(struct tt_names *n, const struct tt_process *p)
{
	bool is_new = false;
	struct tt_hmap_entry *done = tt_hmap_insert(&n->creations_read, p->id, &is_new);
	if (!done || !is_new)
		return;
	for (uint64_t i = 0; i < p->events; i++) {
		struct tt_event e;
		tt_model_event(n->model, p, i, &e);
		/* Out of memory costs a name. */
		if (e.type == TTREC_EVENT_CREATE && e.a && e.b)
			(void)tt_hmap_put(&n->creations, key_of(p, e.a), e.b);
	}
}

static const char *name_of_gone(struct tt_names *n, const struct tt_process *p, uint64_t serial)
{
	uint64_t routine = 0;
	if (p) {
		read_creations(n, p);
		tt_hmap_get(&n->creations, key_of(p, serial), &routine);
	}
	const char *function = routine ? tt_names_function(n, p, routine) : NULL;
	return tt_names_format(n, "%s #%" PRIu64, function ? function : "thread", serial);
}

const char *tt_names_thread(struct tt_names *n, const struct tt_process *p, const struct tt_thread *thread, uint64_t serial)
{
	if (thread && thread->name[0] && thread->tid)
		return tt_names_format(n, "%s (%u)", thread->name, thread->tid);
	if (thread && thread->tid)
		return tt_names_format(n, "thread %u", thread->tid);
	return name_of_gone(n, p, serial);
}
