/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * model.c - the model's life, and the order in which its parts are computed. See model.h and model_private.h.
 */
#include "lib/model/model_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE (256u << 10)

/* ------------------------------------------------------------------ memory */

void *model_alloc(struct tt_model *m, size_t bytes)
{
	struct tt_model_private *v = m->private;
	bytes = (bytes + 15) & ~(size_t)15;
	struct model_block *b = v->blocks;
	if (!b || b->size - b->used < bytes) {
		size_t size = bytes > BLOCK_SIZE ? bytes : BLOCK_SIZE;
		b = calloc(1, sizeof(*b) + size);
		if (!b) {
			v->failed = true;
			return NULL;
		}
		b->size = size;
		/* A large block is full at once: the current one stays in front. */
		if (bytes > BLOCK_SIZE / 4 && v->blocks) {
			b->next = v->blocks->next;
			v->blocks->next = b;
		} else {
			b->next = v->blocks;
			v->blocks = b;
		}
	}
	void *p = b->bytes + b->used;
	b->used += bytes;
	return p;
}

char *model_text(struct tt_model *m, const char *text, size_t len)
{
	char *copy = model_alloc(m, len + 1);
	if (copy)
		memcpy(copy, text, len);
	return copy;
}

/* ------------------------------------------------------------------ life */

int tt_model_create(struct tt_model **ret, struct tt_err *err)
{
	struct tt_model *m = calloc(1, sizeof(*m));
	struct tt_model_private *v = calloc(1, sizeof(*v));
	if (!m || !v) {
		free(m);
		free(v);
		return tt_err_set(err, ENOMEM, "out of memory");
	}
	m->private = v;
	*ret = m;
	return 0;
}

static void process_deinit(struct model_process *mp)
{
	tt_hmap_deinit(&mp->sites);
	tt_hmap_deinit(&mp->stacks);
	tt_hmap_deinit(&mp->threads);
	tt_hmap_deinit(&mp->groups);
	tt_hmap_deinit(&mp->addresses);
	tt_vec_deinit(&mp->records);
	free(mp->locks);
}

static void private_deinit(struct tt_model *m)
{
	struct tt_model_private *v = m->private;
	for (size_t i = 0; v->procs && i < m->processes.len; i++)
		process_deinit(&v->procs[i]);
	free(v->procs);
	tt_smap_deinit(&v->programs);
	tt_smap_deinit(&v->modules);
	tt_smap_deinit(&v->sites);
	tt_smap_deinit(&v->groups);
	tt_smap_deinit(&v->classes);
	tt_hmap_deinit(&v->lock_sites);
	tt_vec_deinit(&v->acc);
	while (v->blocks) {
		struct model_block *next = v->blocks->next;
		free(v->blocks);
		v->blocks = next;
	}
	free(v);
}

void tt_model_destroy(struct tt_model *m)
{
	if (!m)
		return;
	private_deinit(m);
	struct tt_process **p;
	vec_for_each (p, &m->processes) {
		tt_rec_close((*p)->rec);
		tt_vec_deinit(&(*p)->mappings);
		free(*p);
	}
	struct tt_group *g;
	vec_for_each (g, &m->groups) {
		tt_vec_deinit(&g->threads);
		tt_vec_deinit(&g->parts);
	}
	struct tt_lock_class *c;
	vec_for_each (c, &m->classes)
		tt_vec_deinit(&c->locks);
	tt_vec_deinit(&m->processes);
	tt_vec_deinit(&m->modules);
	tt_vec_deinit(&m->sites);
	tt_vec_deinit(&m->threads);
	tt_vec_deinit(&m->groups);
	tt_vec_deinit(&m->loops);
	tt_vec_deinit(&m->locks);
	tt_vec_deinit(&m->locks_by_wait);
	tt_vec_deinit(&m->classes);
	tt_vec_deinit(&m->classes_by_wait);
	tt_vec_deinit(&m->joins);
	tt_vec_deinit(&m->blockings);
	tt_vec_deinit(&m->deps);
	tt_vec_deinit(&m->misuses);
	free(m);
}

int tt_model_add(struct tt_model *m, struct tt_rec *rec, struct tt_err *err)
{
	struct tt_process *p = calloc(1, sizeof(*p));
	if (!p || m->private->finished || tt_vec_push(&m->processes, p) < 0) {
		free(p);
		tt_rec_close(rec);
		if (m->private->finished)
			return tt_err_set(err, EBUSY, "the model is finished");
		return tt_err_set(err, ENOMEM, "out of memory");
	}
	p->rec = rec;
	return 0;
}

/* ------------------------------------------------------------------ computing */

/* Room for everything that others will point at, so that it never moves. */
static int reserve(struct tt_model *m)
{
	size_t threads = 0, groups = 0, locks = 0;
	for (size_t i = 0; i < m->processes.len; i++) {
		const struct tt_rec *rec = m->processes.data[i]->rec;
		struct tt_rec_iter it;
		const void *r;
		rec_for_each_thread(it, r, rec) threads++;
		rec_for_each_lineage(it, r, rec) threads++;
		rec_for_each_group(it, r, rec) groups++;
		rec_for_each_lock(it, r, rec) locks++;
		groups += 2; /* main, adopted */
	}
	return tt_vec_reserve(&m->threads, threads + 1) < 0 || tt_vec_reserve(&m->groups, groups + 1) < 0 ||
	                       tt_vec_reserve(&m->locks, locks + 1) < 0
	               ? -ENOMEM
	               : 0;
}

static void each_process(struct tt_model *m, void (*step)(struct tt_model *, struct model_process *))
{
	for (size_t i = 0; i < m->processes.len && !model_failed(m); i++)
		step(m, &m->private->procs[i]);
}

static void all_processes(struct tt_model *m, void (*step)(struct tt_model *))
{
	if (!model_failed(m))
		step(m);
}

int tt_model_finish(struct tt_model *m, struct tt_err *err)
{
	m->private->finished = true;
	if (model_open_processes(m) < 0 || reserve(m) < 0)
		return tt_err_set(err, ENOMEM, "out of memory");
	each_process(m, model_read_modules);
	each_process(m, model_read_threads);
	each_process(m, model_read_locks);
	each_process(m, model_read_stats);
	each_process(m, model_read_counts);
	each_process(m, model_find_life_locks);
	each_process(m, model_read_states); /* needs locks; adds waits in progress to threads */
	all_processes(m, model_read_waits); /* needs states; adds to sites */
	all_processes(m, model_settle_sites);
	all_processes(m, model_make_classes);
	each_process(m, model_read_loops);
	all_processes(m, model_sort_loops);
	each_process(m, model_read_deps);
	each_process(m, model_read_misuses);
	all_processes(m, model_read_blockings);
	all_processes(m, model_sum_groups);
	all_processes(m, model_sum_processes);
	return model_failed(m) ? tt_err_set(err, ENOMEM, "out of memory") : 0;
}

int tt_model_load(const char *path, const struct tt_rec_opts *opts, struct tt_model **ret, struct tt_err *err)
{
	struct tt_rec *rec;
	struct tt_model *m;
	int rc = tt_rec_open(path, opts, &rec, err);
	if (rc < 0)
		return rc;
	rc = tt_model_create(&m, err);
	if (rc < 0) {
		tt_rec_close(rec);
		return rc;
	}
	rc = tt_model_add(m, rec, err);
	if (rc == 0)
		rc = tt_model_finish(m, err);
	if (rc < 0) {
		tt_model_destroy(m);
		return rc;
	}
	*ret = m;
	return 0;
}

/* ------------------------------------------------------------------ look-ups */

struct tt_thread *tt_model_thread(const struct tt_model *m, const struct tt_process *p, uint64_t serial)
{
	return tt_hmap_ptr(&model_of(m, p)->threads, serial);
}

struct tt_lock *tt_model_lock(const struct tt_model *m, const struct tt_process *p, uint32_t uid)
{
	const struct model_process *mp = model_of(m, p);
	uint32_t index = TTREC_UID_INDEX(uid);
	return index < mp->lock_limit ? mp->locks[index] : NULL;
}
