/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * live.c - a second look at the threads of a running process: what they wait for and hold, read until it holds still.
 *
 * The copy of a file that is being written may show a half-made "waiting on" or held stack. Both carry sequence numbers (see
 * ttrec_format.h); reading twice with equal results in between proves that the first one was whole. A thread that is too busy
 * to be caught keeps what the copy holds, without "waiting on": it evidently does not wait.
 *
 * And, when asked for, a third one some time later: who is then still in the same wait did nothing in between.
 */
#include "lib/rec/rec_private.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#define TRIES 64

/* The words of ttrec_thread from held_depth to held_seq. */
struct held_head {
	uint32_t depth, cap, ref, seq;
};
_Static_assert(offsetof(struct ttrec_thread, held_seq) == offsetof(struct ttrec_thread, held_depth) + 12, "held head");

static void refine_waiting(struct ttrec_thread *t, int fd, uint64_t offset)
{
	uint64_t at = offset + offsetof(struct ttrec_thread, waiting);
	struct ttrec_waiting first, second;
	for (int i = 0; i < TRIES; i++) {
		if (!tt_rec_pread(fd, &first, sizeof(first), at) || !tt_rec_pread(fd, &second, sizeof(second), at))
			break;
		if (!(first.seq & 1) && first.seq == second.seq) {
			t->waiting = first;
			return;
		}
	}
	memset(&t->waiting, 0, sizeof(t->waiting));
}

/* Where `depth` entries lie in the file; 0: not within the copy. */
static uint64_t held_place(const struct tt_rec *rec, uint64_t offset, const struct held_head *h)
{
	uint64_t bytes = (uint64_t)h->depth * sizeof(struct ttrec_held);
	if (h->depth > h->cap)
		return 0;
	if (!h->ref)
		return h->depth <= TTREC_HELD_INLINE ? offset + offsetof(struct ttrec_thread, held) : 0;
	uint64_t at = ttrec_ref_offset(h->ref);
	const struct tt_rec_chunk *c = tt_rec_chunk_at(rec, at);
	return c && c->type == TTREC_CHUNK_HELD && at >= c->offset + sizeof(struct ttrec_chunk) &&
	                       bytes <= c->offset + c->size - at
	               ? at
	               : 0;
}

static void refine_held(struct tt_rec *rec, struct ttrec_thread *t, int fd, uint64_t offset)
{
	uint64_t at = offset + offsetof(struct ttrec_thread, held_depth);
	struct held_head first, second;
	for (int i = 0; i < TRIES; i++) {
		if (!tt_rec_pread(fd, &first, sizeof(first), at))
			return;
		uint64_t place = held_place(rec, offset, &first);
		if (!place || (first.seq & 1))
			continue;
		if (!tt_rec_pread(fd, rec_at(rec, place), (uint64_t)first.depth * sizeof(struct ttrec_held), place) ||
			!tt_rec_pread(fd, &second, sizeof(second), at))
			return;
		if (memcmp(&first, &second, sizeof(first)) == 0) {
			memcpy((uint8_t *)t + offsetof(struct ttrec_thread, held_depth), &first, sizeof(first));
			return;
		}
	}
}

void tt_rec_refine_live(struct tt_rec *rec, int fd)
{
	const struct tt_rec_chunk *c;
	vec_for_each (c, &rec->chunks) {
		if (c->type != TTREC_CHUNK_THREAD)
			continue;
		struct ttrec_thread *t = rec_at(rec, c->offset);
		refine_waiting(t, fd, c->offset);
		refine_held(rec, t, fd, c->offset);
	}
}

static bool some_wait(const struct tt_rec *rec)
{
	const struct tt_rec_chunk *c;
	vec_for_each (c, &rec->chunks)
		if (c->type == TTREC_CHUNK_THREAD && ((const struct ttrec_thread *)rec_at(rec, c->offset))->waiting.op)
			return true;
	return false;
}

int tt_rec_look_again(struct tt_rec *rec, int fd, uint64_t wait_ns)
{
	struct timespec pause = {(time_t)(wait_ns / 1000000000u), (long)(wait_ns % 1000000000u)};
	if (!some_wait(rec))
		return 0;
	nanosleep(&pause, NULL);
	/* Between the looks, so that no thread that came and went in the meantime is overlooked. */
	if (rec->life == TT_REC_RUNNING && tt_life_list_tasks(rec->header.pid, true, &rec->tasks) == -ENOMEM)
		return -ENOMEM;
	const struct tt_rec_chunk *c;
	vec_for_each (c, &rec->chunks) {
		const struct ttrec_thread *t = rec_at(rec, c->offset);
		struct ttrec_waiting now;
		if (c->type != TTREC_CHUNK_THREAD || !t->waiting.op ||
			!tt_rec_pread(fd, &now, sizeof(now), c->offset + offsetof(struct ttrec_thread, waiting)))
			continue;
		if (now.seq == t->waiting.seq && tt_hmap_put(&rec->steady, c->offset, 1) < 0)
			return -ENOMEM;
	}
	return 0;
}

void tt_rec_confirm(struct tt_rec *rec, struct tt_rec *earlier)
{
	const struct tt_rec_chunk *c;
	if (!earlier->tasks.known || rec->header.pid != earlier->header.pid ||
		rec->header.start_mono_ns != earlier->header.start_mono_ns)
		return;
	/* Chunks never move: a thread's offset is its name in both. */
	vec_for_each (c, &rec->chunks) {
		const struct ttrec_thread *now = rec_at(rec, c->offset), *then = rec_at(earlier, c->offset);
		if (c->type != TTREC_CHUNK_THREAD || !now->waiting.op || now->state == TTREC_THREAD_FREE)
			continue;
		if (!tt_hmap_find(&earlier->steady, c->offset) || now->serial != then->serial ||
			now->waiting.seq != then->waiting.seq)
			return;
	}
	tt_life_tasks_deinit(&rec->tasks);
	rec->tasks = earlier->tasks;
	earlier->tasks = (struct tt_life_tasks){0};
}
