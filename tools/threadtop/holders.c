/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * holders.c - who holds a lock of which memory keeps no owner: a reader-writer lock held by readers, a semaphore used as a
 * lock. Only the preloaded recorder knows.
 *
 * Its recording is looked at in every frame (lib/rec/glance.h), but only of processes in which a thread waits for such a lock.
 * A wait counts when it was the same in the look before, and the kernel says that the thread waits at that very address.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/model/waitfor.h"
#include "lib/proc/waits.h"
#include "lib/rec/find.h"
#include "tools/threadtop/source.h"

#define LOOK_EVERY 60 /* frames, where there is no recording */

struct watched {
	uint64_t id; /* of the process */
	char *path;  /* of its recording; NULL: none is known */
	uint64_t due, used;
	bool seen; /* the glance knows the look before */
	struct tt_glance glance;
};

struct top_holders {
	struct tt_hmap procs; /* process id -> struct watched */
};

struct top_holders *top_holders_create(void)
{
	return calloc(1, sizeof(struct top_holders));
}

static void watched_destroy(struct watched *w)
{
	tt_glance_deinit(&w->glance);
	free(w->path);
	free(w);
}

void top_holders_destroy(struct top_holders *h)
{
	struct tt_hmap_entry *e;
	if (!h)
		return;
	hmap_for_each (e, &h->procs)
		watched_destroy(e->ptr);
	tt_hmap_deinit(&h->procs);
	free(h);
}

/* Processes that are gone, and those that have had no such wait for a while. */
static void forget(struct top_holders *h, uint64_t now)
{
	for (size_t i = 0; i < h->procs.len;) {
		struct watched *w = h->procs.entries[i].ptr;
		if (now - w->used < LOOK_EVERY) {
			i++;
			continue;
		}
		tt_hmap_remove(&h->procs, w->id);
		watched_destroy(w);
	}
}

static struct watched *watched_of(struct top_holders *h, uint64_t id)
{
	struct watched *w = tt_hmap_ptr(&h->procs, id);
	if (w)
		return w;
	w = calloc(1, sizeof(*w));
	if (w && tt_hmap_put_ptr(&h->procs, id, w) < 0) {
		free(w);
		w = NULL;
	}
	if (w)
		w->id = id;
	return w;
}

/* It waits for what somebody holds, maybe (a semaphore), and nobody knows who. */
static bool lacks_owner(const struct tt_top_task *t)
{
	const char *sem = tt_wait_kind_name(TT_WAIT_SEM);
	if (!(t->known & TT_NEED_WAIT) || t->owner_tid || !t->wait_object || !t->wait)
		return false;
	return t->wait_class == TOP_WAIT_LOCK || strncmp(t->wait, sem, strlen(sem)) == 0;
}

static bool has_question(const struct tt_top_proc *p)
{
	struct tt_top_task *const *t;
	vec_for_each (t, &p->tasks)
		if (lacks_owner(*t))
			return true;
	return false;
}

static void find_recording(struct watched *w, const struct tt_top_proc *p, uint64_t now)
{
	struct tt_rec *rec;
	struct tt_err err;
	struct tt_rec_opts opts = {.running = true};
	w->due = now + LOOK_EVERY;
	if (tt_find_open_pid((pid_t)p->pid, &opts, &rec, &err) < 0)
		return;
	w->path = strdup(tt_rec_path(rec));
	tt_rec_close(rec);
}

static struct tt_top_task *task_of(const struct tt_top_proc *p, const struct tt_waitfor_thread *t)
{
	struct tt_top_task *const *task;
	vec_for_each (task, &p->tasks)
		if ((*task)->tid == t->tid)
			return t->gone ? NULL : *task;
	return NULL;
}

/* Of several readers the one that will never give it back, if there is one. */
static const struct tt_waitfor_thread *holder_of(const struct tt_waitfor *w, const struct tt_waitfor_thread *t)
{
	const uint32_t *targets = w->targets.data + t->first_target;
	for (uint32_t i = 0; i < t->target_count && t->stuck; i++)
		if (w->threads.data[targets[i]].stuck)
			return &w->threads.data[targets[i]];
	return &w->threads.data[targets[0]];
}

static void take(const struct tt_waitfor *w, const struct tt_top_proc *p)
{
	const struct tt_waitfor_thread *t;
	vec_for_each (t, &w->threads) {
		struct tt_top_task *task = t->needs == TT_NEEDS_ALL && t->target_count ? task_of(p, t) : NULL;
		if (!task || !lacks_owner(task) || task->wait_object != t->waiting.object)
			continue;
		const struct tt_top_task *holder = task_of(p, holder_of(w, t));
		if (!holder)
			continue;
		task->owner_tid = holder->tid;
		task->wait_class = TOP_WAIT_LOCK;
	}
}

static bool glance(struct watched *w)
{
	return tt_glance_take(&w->glance, w->path, NULL) == 0 && w->glance.life == TT_REC_RUNNING;
}

/* The first time twice: what lasts is to be known at once. */
static void look(struct watched *w, const struct tt_top_proc *p)
{
	struct tt_waitfor waits = {0};
	bool there = w->seen || glance(w);
	if (!w->seen)
		tt_glance_close(&w->glance);
	there = there && glance(w);
	w->seen = there;
	if (there && w->glance.steady && tt_waitfor_glance(&waits, &w->glance) == 0)
		take(&waits, p);
	tt_waitfor_deinit(&waits);
	tt_glance_close(&w->glance);
	if (there)
		return;
	/* It runs another program by now. */
	free(w->path);
	w->path = NULL;
	tt_glance_deinit(&w->glance);
	w->glance = (struct tt_glance){0};
}

void top_holders_read(struct top_holders *h, struct tt_top_frame *f)
{
	struct tt_top_proc **p;
	vec_for_each (p, &f->procs) {
		struct watched *w = !(*p)->kernel && has_question(*p) ? watched_of(h, (*p)->id) : NULL;
		if (!w)
			continue;
		w->used = f->number;
		if (!w->path && f->number >= w->due)
			find_recording(w, *p, f->number);
		if (w->path)
			look(w, *p);
	}
	forget(h, f->number);
}
