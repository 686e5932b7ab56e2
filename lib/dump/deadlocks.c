/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * deadlocks.c - rings of threads each of which waits for what the next one holds, in a process that never asked to be watched.
 *
 * Each thread waits for at most one owner, so the graph is a set of chains that may end in a ring. A ring in one look might be
 * made of moments that did not go together. It is proven by a second look: none of its threads was given a processor since its
 * stack was read (its count of time slices is the same), so none can have let go of anything, and each waits for the same owner
 * still.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/dump/dump_private.h"

/*
 * An owner counts when a function of the C library says what the word is; or its memory alone, when the innermost function has
 * no name: libraries without a symbol table still name what they export, but not the functions in which they sleep.
 */
static bool is_certain(const struct tt_dump_thread *t)
{
	if (t->wait.sure == TT_WAIT_NAMED)
		return true;
	return t->wait.sure == TT_WAIT_LAYOUT && (!t->frames.len || !t->frames.data[0].function);
}

static uint32_t next_of(const struct tt_dump *d, uint32_t i)
{
	const struct tt_dump_thread *t = &d->threads.data[i];
	bool waits = tt_wait_is_lock(t->wait.kind) || t->wait.kind == TT_WAIT_JOIN;
	return waits && is_certain(t) && t->task.state != 'R' ? t->owner : TT_DUMP_NONE;
}

bool dump_has_edges(const struct tt_dump *d)
{
	for (uint32_t i = 0; i < d->threads.len; i++)
		if (next_of(d, i) != TT_DUMP_NONE)
			return true;
	return false;
}

/* Nothing of a core moves. */
static bool is_unmoved(struct tt_dump *d, struct tt_dump_thread *t)
{
	struct tt_wait again = TT_WAIT_INIT;
	if (d->core)
		return true;
	bool same = t->steady && dump_wait(d, t, &again) == 0 && again.kind == t->wait.kind &&
	            (again.owner == t->wait.owner || t->owner_recorded) && again.address == t->wait.address &&
	            tt_snap_unmoved(d->snap, t->snap);
	tt_wait_deinit(&again);
	return same;
}

static int settle_ring(struct tt_dump *d, uint32_t first)
{
	struct tt_dump_deadlock ring = {.left_ns = 0};
	int rc = 0;
	bool proven = true;
	uint32_t i = first;
	do {
		struct tt_dump_thread *t = &d->threads.data[i];
		proven = proven && is_unmoved(d, t);
		if (t->wait.timed) {
			bool sooner = t->wait.left_known && (!ring.left_ns || t->wait.left_ns < ring.left_ns);
			ring.left_ns = sooner ? t->wait.left_ns : ring.left_ns;
			ring.ends = true;
		}
		rc = tt_vec_push(&ring.threads, i);
		i = next_of(d, i);
	} while (rc == 0 && proven && i != first);
	if (rc < 0 || !proven) {
		tt_vec_deinit(&ring.threads);
		return rc;
	}
	for (size_t k = 0; k < ring.threads.len; k++)
		d->threads.data[ring.threads.data[k]].deadlock = (uint32_t)d->deadlocks.len;
	rc = tt_vec_push(&d->deadlocks, ring);
	if (rc < 0)
		tt_vec_deinit(&ring.threads);
	return rc;
}

/* A mutex whose owner has ended without giving it back: nobody ever will. One shared between processes may have its owner
 * elsewhere. */
static bool is_orphan(struct tt_dump *d, struct tt_dump_thread *t)
{
	char path[64];
	const struct tt_wait *w = &t->wait;
	if (w->kind != TT_WAIT_MUTEX || w->owner || !w->owner_word || w->shared || w->sure != TT_WAIT_NAMED || w->timed ||
		d->proc.ns_pid != d->proc.pid || d->core)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/task/%u", (int)d->proc.pid, w->owner_word);
	return access(path, F_OK) < 0 && errno == ENOENT && is_unmoved(d, t); /* else it came after the list was made */
}

static int find_orphans(struct tt_dump *d)
{
	int rc = 0;
	for (uint32_t i = 0; i < d->threads.len && rc == 0; i++) {
		struct tt_dump_thread *t = &d->threads.data[i];
		if (!is_orphan(d, t))
			continue;
		struct tt_dump_deadlock stuck = {.gone = t->wait.owner_word};
		rc = tt_vec_push(&stuck.threads, i);
		if (rc == 0 && (rc = tt_vec_push(&d->deadlocks, stuck)) == 0)
			t->deadlock = (uint32_t)d->deadlocks.len - 1;
		else
			tt_vec_deinit(&stuck.threads);
	}
	return rc;
}

/* Counts threads whose chain of owners leads into a ring. */
static void count_behind(struct tt_dump *d)
{
	for (uint32_t i = 0; i < d->threads.len; i++) {
		uint32_t at = i, steps = 0;
		while (at != TT_DUMP_NONE && d->threads.data[at].deadlock == TT_DUMP_NONE && steps++ < d->threads.len)
			at = next_of(d, at);
		if (at != i && at != TT_DUMP_NONE && d->threads.data[at].deadlock != TT_DUMP_NONE)
			d->deadlocks.data[d->threads.data[at].deadlock].behind++;
	}
}

int dump_deadlocks(struct tt_dump *d)
{
	int rc = 0;
	TT_VEC(uint32_t) mark = TT_VEC_INIT; /* 0: not seen; else 1 + the thread that the walk began at */
	for (size_t i = 0; i < d->threads.len && rc == 0; i++)
		rc = tt_vec_push(&mark, 0);
	for (uint32_t i = 0; i < d->threads.len && rc == 0; i++) {
		uint32_t at = i;
		while (at != TT_DUMP_NONE && !mark.data[at]) {
			mark.data[at] = i + 1;
			at = next_of(d, at);
		}
		if (at != TT_DUMP_NONE && mark.data[at] == i + 1)
			rc = settle_ring(d, at);
	}
	tt_vec_deinit(&mark);
	rc = rc < 0 ? rc : find_orphans(d);
	if (rc == 0)
		count_behind(d);
	return rc;
}
