/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * gather.c - see gather.h.
 */
#include "lib/launch/gather.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/rec/find.h"

/* Of processes that still run: two looks, so that deadlocks among their threads are certain. */
static const struct tt_rec_opts steady = {.steady_ns = TT_REC_STEADY_NS};

void tt_gather_deinit(struct tt_gather *g)
{
	tt_rec_set_deinit(&g->recs);
	tt_rec_set_deinit(&g->snapshot);
}

void tt_gather_snapshot(struct tt_gather *g, const struct tt_session *s)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	g->snapshot_mono_ns = (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
	if (tt_rec_set_add(&g->snapshot, s->dir, &steady, NULL) < 0)
		tt_rec_set_deinit(&g->snapshot);
}

/* The program's own death was seen; what ran when the snapshot was taken was ended then. 0: not known. */
static uint64_t end_seen(const struct tt_gather *g, const struct tt_child_result *child, uint32_t pid)
{
	struct tt_rec *const *rec;
	vec_for_each (rec, &g->snapshot.recs)
		if (tt_rec_header(*rec)->pid == pid && tt_rec_life(*rec) == TT_REC_RUNNING)
			return g->snapshot_mono_ns;
	return (pid_t)pid == child->pid ? child->ended_mono_ns : 0;
}

/* Looks over the folder, newest first: is everything there, does somebody go on, who could not note its end or its status? */
static void survey(struct tt_gather *g, const struct tt_child_result *child, const struct tt_found_list *list)
{
	const struct tt_found *f;
	vec_for_each (f, &list->items) {
		if (f->error)
			continue;
		if ((pid_t)f->pid == child->pid && !g->seen) {
			g->seen = true;
			g->lost_sight = f->state == TTREC_STATE_EXEC;
			if (WIFEXITED(child->status) && !child->survived)
				tt_rec_note_exit(f->path, WEXITSTATUS(child->status), NULL);
		}
		g->running += f->life == TT_REC_RUNNING;
		uint64_t end = f->life == TT_REC_KILLED ? end_seen(g, child, f->pid) : 0;
		if (end)
			tt_rec_note_end(f->path, end, NULL);
	}
}

/* A process that ended in good order when it was told to is shown as it was before; one that was killed needs no other proof.
 */
static void prefer_snapshot(struct tt_gather *g)
{
	struct tt_rec **now, **then;
	vec_for_each (now, &g->recs.recs) {
		const struct ttrec_header *h = tt_rec_header(*now);
		vec_for_each (then, &g->snapshot.recs) {
			const struct ttrec_header *old = tt_rec_header(*then);
			if (old->pid != h->pid || old->start_mono_ns != h->start_mono_ns ||
				tt_rec_life(*then) != TT_REC_RUNNING)
				continue;
			if (tt_rec_life(*now) == TT_REC_KILLED) {
				tt_rec_confirm(*now, *then);
				break;
			}
			struct tt_rec *swap = *now;
			*now = *then;
			*then = swap;
			break;
		}
	}
}

/*
 * A step on the way to the program that had one thread and did nothing worth telling. The shim leaves no file for such
 * processes, but for our direct child, which must show that it was there.
 */
static bool is_prelude(const struct tt_rec *rec)
{
	const struct ttrec_header *h = tt_rec_header(rec);
	if (h->state != TTREC_STATE_EXEC || h->threads_created || h->threads_adopted || h->event_next)
		return false;
	struct tt_rec_iter loops = tt_rec_iter(rec, TTREC_CHUNK_LOOP, (enum ttrec_var_type)0);
	return tt_rec_next(&loops) == NULL;
}

static void drop_preludes(struct tt_gather *g, const struct tt_child_result *child)
{
	size_t n = 0;
	for (size_t i = 0; i < g->recs.recs.len; i++) {
		struct tt_rec *rec = g->recs.recs.data[i];
		if ((pid_t)tt_rec_header(rec)->pid == child->pid && !g->lost_sight && is_prelude(rec)) {
			unlink(tt_rec_path(rec));
			tt_rec_close(rec);
		} else {
			g->recs.recs.data[n++] = rec;
		}
	}
	g->recs.recs.len = n;
}

int tt_gather_finish(struct tt_gather *g, const struct tt_session *s, const struct tt_child_result *child, struct tt_err *err)
{
	struct tt_found_list list = {0};
	int rc = tt_find_list(s->dir, &list, err);
	if (rc == 0)
		survey(g, child, &list);
	if (rc == 0 && list.items.len) /* an empty folder is no error here */
		rc = tt_rec_set_add(&g->recs, s->dir, &steady, err);
	tt_found_list_deinit(&list);
	if (rc == 0) {
		drop_preludes(g, child);
		prefer_snapshot(g);
	}
	tt_rec_set_settle(&g->recs);
	return rc;
}
