/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recorded.c - what the recorder saw of a command (recorded.h). */
#include "tools/threadsize/recorded.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/launch/gather.h"

int recorded_prepare(struct recorded *r, struct tt_err *err)
{
	int rc = tt_session_create(&r->session, err);
	if (rc == 0)
		rc = tt_session_library(&r->session, getenv("THREADCHECK_LIBRARY"), err);
	if (rc == 0)
		rc = tt_session_environment(&r->session, environ, "", &r->env, err);
	return rc;
}

/* The model takes the recordings over, those that it was not given too. */
static int make_model(struct recorded *r, struct tt_rec_set *set, struct tt_err *err)
{
	int rc = tt_model_create(&r->model, err);
	size_t taken = 0;
	while (rc == 0 && taken < set->recs.len)
		rc = tt_model_add(r->model, set->recs.data[taken++], err);
	for (size_t i = taken; i < set->recs.len; i++)
		tt_rec_close(set->recs.data[i]);
	set->recs.len = 0;
	return rc < 0 ? rc : tt_model_finish(r->model, err);
}

int recorded_read(struct recorded *r, const struct tt_child_result *child, struct tt_err *err)
{
	struct tt_gather g = {0};
	int rc = tt_gather_finish(&g, &r->session, child, err);
	if (rc == 0)
		rc = make_model(r, &g.recs, err);
	tt_gather_deinit(&g);
	if (rc < 0)
		return rc;
	/* After an exec there are several of one pid: the latest is the program. */
	struct tt_process *const *p;
	vec_for_each (p, &r->model->processes)
		if ((pid_t)(*p)->pid == child->pid)
			r->process = *p;
	r->seen = r->process;
	struct tt_thread *t;
	vec_for_each (t, &r->model->threads)
		if (t->process == r->process && t->tid && t->group && !t->past && tt_hmap_put_ptr(&r->by_tid, t->tid, t) < 0)
			return tt_err_set(err, ENOMEM, "out of memory");
	return 0;
}

bool recorded_thread(void *ctx, pid_t tid, struct tt_pools_record *ret)
{
	static const enum ttrec_wait_class locks[] = {TTREC_WAIT_LOCK, TTREC_WAIT_RDLOCK},
					   idles[] = {TTREC_WAIT_COND, TTREC_WAIT_SEM, TTREC_WAIT_BARRIER, TTREC_WAIT_JOIN,
						   TTREC_WAIT_FUTEX, TTREC_WAIT_LOOP};
	const struct recorded *r = ctx;
	const struct tt_thread *found = tt_hmap_ptr(&r->by_tid, (uint64_t)tid);
	if (!found)
		return false;
	*ret = (struct tt_pools_record){.group = found->group->id};
	for (size_t i = 0; i < sizeof(locks) / sizeof(*locks); i++) {
		ret->lock_ns += found->waits[locks[i]].ns;
		ret->lock_count += found->waits[locks[i]].count;
	}
	for (size_t i = 0; i < sizeof(idles) / sizeof(*idles); i++) {
		ret->idle_ns += found->waits[idles[i]].ns;
		ret->idle_count += found->waits[idles[i]].count;
	}
	return true;
}

double recorded_lock_share(const struct recorded *r, const struct tt_pools *pools)
{
	const struct tt_pool *pool;
	uint64_t wanted = 0;
	vec_for_each (pool, &pools->list)
		if (pool->lock_ns * 20 > pool->run_ns)
			wanted += pool->run_ns + pool->delay_ns;
	if (!r->process || !wanted || !r->model->classes_by_wait.len)
		return 0;
	/* Holds last by the clock: also while the holder waits for a processor, as often as threads do outside of them. */
	double share = (double)r->model->classes_by_wait.data[0]->hold.total_ns / (double)wanted;
	return share < 1 ? share : 1;
}

void recorded_deinit(struct recorded *r)
{
	tt_hmap_deinit(&r->by_tid);
	tt_model_destroy(r->model);
	tt_environment_deinit(&r->env);
	if (*r->session.dir)
		tt_session_remove(&r->session);
}
