/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recwalk.c - see recwalk.h.
 */
#include "tests/unit/recwalk.h"

#include <stdlib.h>
#include <string.h>

#include "lib/model/model.h"

static const struct tt_rec_opts offline = {.offline = true};
static uint64_t sink; /* everything that is touched, so that the compiler must touch it */

static void touch(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sink += ((const uint8_t *)p)[i];
}
#define TOUCH(x) touch((x), sizeof(*(x)))

static void touch_stack(const struct tt_stack *s)
{
	for (unsigned i = 0; s && i < s->count; i++)
		TOUCH(&s->frames[i]);
}

static void walk_lock(const struct tt_lock *l)
{
	TOUCH(l);
	sink += l->class->id + (l->name ? strlen(l->name) : 0) + (l->owner ? l->owner->id : 0) + (l->mutex ? l->mutex->id : 0);
	touch_stack(l->birth_stack);
	for (unsigned i = 0; i < l->site_count; i++)
		TOUCH(l->sites[i].site);
	for (unsigned i = 0; i < l->pair_count; i++) {
		TOUCH(&l->pairs[i]);
		TOUCH(l->pairs[i].waiter);
		touch_stack(l->pairs[i].waiter_stack);
		touch_stack(l->pairs[i].holder_stack);
	}
	if (l->wait.hist)
		touch(l->wait.hist, TTREC_HIST_BUCKETS * 8);
}

static void walk_thread(const struct tt_thread *t)
{
	TOUCH(t);
	sink += strlen(t->name) + (t->group ? t->group->id : 0) + (t->loop ? t->loop->serial : 0);
	touch_stack(t->create_stack);
	touch_stack(t->waiting.stack);
	for (unsigned i = 0; i < t->held_count; i++)
		TOUCH(&t->held[i]);
}

/* Reads everything that a report could. */
static void walk_model(struct tt_model *m)
{
	const struct tt_thread *t;
	vec_for_each (t, &m->threads)
		walk_thread(t);
	const struct tt_lock *l;
	vec_for_each (l, &m->locks)
		walk_lock(l);
	const struct tt_lock_class *c;
	vec_for_each (c, &m->classes) {
		TOUCH(c);
		for (unsigned i = 0; i < c->pair_count; i++)
			TOUCH(&c->pairs[i]);
		for (unsigned i = 0; i < c->site_count; i++)
			TOUCH(&c->sites[i]);
	}
	const struct tt_group *g;
	vec_for_each (g, &m->groups)
		sink += strlen(g->name) + g->threads.len + g->parts.data[0].created;
	const struct tt_dep *d;
	vec_for_each (d, &m->deps)
		for (unsigned i = 0; i < d->held_count; i++)
			TOUCH(&d->held[i]);
	const struct tt_misuse *f;
	vec_for_each (f, &m->misuses)
		sink += (uintptr_t)tt_misuse_name(f->what) + (uintptr_t)tt_op_name(f->op);
	struct tt_process *const *p;
	vec_for_each (p, &m->processes) {
		sink += strlen((*p)->exe) + strlen((*p)->command);
		for (uint64_t i = 0; i < (*p)->events; i++) {
			struct tt_event e;
			tt_model_event(m, *p, i, &e);
			TOUCH(&e);
		}
	}
}

int rec_survive(const void *data, size_t size)
{
	struct tt_rec *rec;
	struct tt_model *m;
	struct tt_err err = {0};
	if (tt_rec_open_memory(data, size, "damaged", &offline, &rec, &err) < 0) {
		if (!err.msg[0] || !err.code)
			abort();
		return 1;
	}
	for (size_t i = 0; tt_rec_problem(rec, i); i++)
		sink += strlen(tt_rec_problem(rec, i));
	if (tt_rec_partial(rec) && !tt_rec_problem(rec, 0))
		abort();
	if (tt_model_create(&m, &err) < 0 || tt_model_add(m, rec, &err) < 0 || tt_model_finish(m, &err) < 0)
		abort();
	walk_model(m);
	tt_model_destroy(m);
	return 0;
}
