/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recorded.c - reads the recording of a live process into the plain list of recorded.h. */
#include "lib/dump/recorded.h"

#include <errno.h>

#include "lib/model/model.h"
#include "lib/rec/find.h"

static int take_held(struct recorded *r, const struct tt_thread *t)
{
	int rc = 0;
	for (unsigned i = 0; i < t->held_count && rc == 0; i++) {
		const struct tt_held *h = &t->held[i];
		uint64_t now = t->process->end_ns;
		struct recorded_held to = {.address = h->address,
			.site = h->site ? h->site->pc : 0,
			.held_ns = h->since_ns && now > h->since_ns ? now - h->since_ns : 0,
			.kind = h->lock ? tt_kind_name(h->lock->kind) : "lock",
			.name = h->lock ? h->lock->name : NULL,
			.shared = h->shared};
		rc = tt_vec_push(&r->held, to);
	}
	return rc;
}

static int take_thread(struct recorded *r, const struct tt_thread *t)
{
	struct recorded_thread to = {.tid = t->tid,
		.waits = t->waiting.op != TTREC_OP_NONE,
		.object = t->waiting.object,
		.wait_ns = t->waiting.dur_ns,
		.lock_name = t->waiting.lock ? t->waiting.lock->name : NULL,
		.holder = t->waiting.target ? t->waiting.target->tid : 0,
		.first_held = (uint32_t)r->held.len,
		.held_count = t->held_count};
	int rc = tt_vec_push(&r->threads, to);
	return rc < 0 ? rc : take_held(r, t);
}

int recorded_open(pid_t pid, struct recorded *ret, struct tt_err *err)
{
	struct tt_rec *rec;
	const struct tt_thread *t;
	*ret = (struct recorded){0};
	int rc = tt_find_open_pid(pid, NULL, &rec, err);
	if (rc < 0)
		return rc;
	rc = tt_model_create(&ret->model, err);
	if (rc < 0) {
		tt_rec_close(rec);
		return rc;
	}
	rc = tt_model_add(ret->model, rec, err);
	if (rc == 0)
		rc = tt_model_finish(ret->model, err);
	if (rc == 0) {
		vec_for_each (t, &ret->model->threads)
			if (rc == 0 && t->alive && t->tid)
				rc = take_thread(ret, t);
		if (rc < 0)
			tt_err_set(err, -rc, "out of memory");
	}
	if (rc < 0)
		recorded_close(ret);
	return rc;
}

void recorded_close(struct recorded *r)
{
	tt_vec_deinit(&r->threads);
	tt_vec_deinit(&r->held);
	tt_model_destroy(r->model);
	*r = (struct recorded){0};
}
