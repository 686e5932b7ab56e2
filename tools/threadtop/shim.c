/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shim.c - what the preloaded recorder knows of live processes: contention, hottest lock, locks held, event loops, start
 * routines.
 *
 * Its recording is mapped by the process and read while it is written (lib/rec). That costs milliseconds, so it is done now and
 * then, and only while a column or view asks for it; processes without the shim are asked again after a while.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/model/model.h"
#include "lib/out/names.h"
#include "lib/rec/find.h"
#include "tools/threadtop/source.h"

#define READ_EVERY 5  /* frames */
#define LOOK_EVERY 60 /* frames, where there was no shim */

struct top_shim {
	struct tt_hmap procs; /* process id -> frame in which it is due */
};

struct top_shim *top_shim_create(void)
{
	return calloc(1, sizeof(struct top_shim));
}

void top_shim_destroy(struct top_shim *s)
{
	if (!s)
		return;
	tt_hmap_deinit(&s->procs);
	free(s);
}

static struct tt_top_task *find_task(const struct tt_top_proc *p, uint32_t tid)
{
	struct tt_top_task *const *t;
	vec_for_each (t, &p->tasks)
		if ((*t)->tid == tid)
			return *t;
	return NULL;
}

/* The lock that the thread waited for longest: from who blocked whom, and from the wait in progress. */
static const struct tt_lock *hottest(const struct tt_model *m, const struct tt_thread *t)
{
	const struct tt_lock *best = t->waiting.lock && !t->waiting.idle ? t->waiting.lock : NULL;
	uint64_t most = best ? t->waiting.dur_ns : 0;
	const struct tt_blocking *b;
	vec_for_each (b, &m->blockings) {
		if (b->waiter != t || b->waits.total_ns <= most)
			continue;
		most = b->waits.total_ns;
		best = b->lock;
	}
	return best;
}

static void take_thread(struct tt_names *names, const struct tt_model *m, const struct tt_thread *t, struct tt_top_task *task)
{
	const struct tt_lock *lock = hottest(m, t);
	task->contention_ppm = t->life_ns ? t->lock_wait_ns * 1000000u / t->life_ns : 0;
	if (task->contention_ppm > 1000000)
		task->contention_ppm = 1000000;
	task->locks_held = t->held_count;
	task->loop_stall_ns = t->loop && t->loop->away_ns >= t->loop->stall_limit_ns ? t->loop->away_ns : 0;
	tt_text_set(&task->hottest_lock, lock ? tt_names_lock(names, lock) : NULL);
	if (t->start_routine && !task->start_routine) {
		struct tt_place place = tt_names_headline(names, t->start_routine, NULL);
		tt_text_set(&task->start_routine, tt_names_text(names, &place));
	}
	task->known |= TT_NEED_SHIM;
}

static void take_model(struct tt_model *m, struct tt_top_proc *p)
{
	struct tt_names *names;
	struct tt_names_opts opts = {.no_inlines = true, .no_lines = true};
	struct tt_err err;
	const struct tt_thread *t;
	if (tt_names_create(m, &opts, &names, &err) < 0)
		return;
	vec_for_each (t, &m->threads) {
		struct tt_top_task *task = t->alive && t->tid ? find_task(p, t->tid) : NULL;
		if (task)
			take_thread(names, m, t, task);
	}
	tt_names_destroy(names);
}

/* False: the shim is not there, or not ours to look at. */
static bool read_proc(struct tt_top_proc *p)
{
	struct tt_rec *rec;
	struct tt_model *m;
	struct tt_err err;
	struct tt_rec_opts opts = {.running = true};
	if (tt_find_open_pid((pid_t)p->pid, &opts, &rec, &err) < 0)
		return false;
	tt_text_set(&p->shim, tt_rec_path(rec));
	if (tt_model_create(&m, &err) < 0) {
		tt_rec_close(rec);
		return true;
	}
	if (tt_model_add(m, rec, &err) == 0 && tt_model_finish(m, &err) == 0)
		take_model(m, p);
	tt_model_destroy(m);
	return true;
}

void top_shim_read(struct top_shim *s, struct tt_top_frame *f)
{
	struct tt_top_proc **p;
	if (s->procs.len > 4 * f->procs.len + 1000)
		tt_hmap_deinit(&s->procs);
	vec_for_each (p, &f->procs) {
		uint64_t due = 0;
		if ((*p)->kernel || (tt_hmap_get(&s->procs, (*p)->id, &due) && f->number < due))
			continue;
		bool there = read_proc(*p);
		tt_hmap_put(&s->procs, (*p)->id, f->number + (there ? READ_EVERY : LOOK_EVERY));
	}
}
