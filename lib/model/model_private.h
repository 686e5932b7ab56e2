/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * model_private.h - what the files of lib/model share while a model is computed. Not for others.
 *
 * Running out of memory is sticky (private->failed): helpers then return NULL or drop what they were given, every step
 * tolerates that, and tt_model_finish() reports it in the end.
 */
#ifndef TT_MODEL_PRIVATE_H
#define TT_MODEL_PRIVATE_H

#include "lib/model/model.h"
#include "lib/util/hmap.h"

/* Look-ups of one process: from numbers of its recording to objects of the model. */
struct model_process {
	struct tt_process *p;
	struct tt_rec *rec;
	struct tt_hmap sites;     /* site word -> struct tt_site *; entries (functions) under word | SITE_ENTRY */
	struct tt_hmap stacks;    /* ref -> struct tt_stack * */
	struct tt_hmap threads;   /* serial -> struct tt_thread * */
	struct tt_hmap groups;    /* ref of ttrec_group -> struct tt_group * */
	struct tt_hmap addresses; /* address -> struct tt_lock *, the youngest living one */
	struct tt_lock **locks;   /* by index */
	uint32_t lock_limit;
	struct tt_group *main_group, *adopted_group;
	TT_VEC(const struct ttrec_thread *) records; /* of threads, by serial; parallel to them from first_thread on */
	size_t first_thread;
	TT_VEC(struct tt_held) held; /* scratch */
	struct {
		uint64_t key;
		struct tt_site *site;
	} recent[256]; /* in front of `sites` */
};
#define SITE_ENTRY (UINT64_C(1) << 63)

struct model_block {
	struct model_block *next;
	size_t used, size;
	_Alignas(16) uint8_t bytes[];
};

/* A (lock, site) while counts come in from many tables. */
struct model_lock_site {
	struct tt_lock *lock;
	struct tt_lock_site s;
	uint64_t holding; /* held now, so not completed */
	uint64_t ongoing_hold_ns;
};

struct tt_model_private {
	bool finished, failed;
	struct model_block *blocks;
	struct model_process *procs; /* parallel to model->processes */
	struct tt_smap programs, modules, sites, groups, classes;
	struct tt_hmap lock_sites; /* lock id << 32 | site id -> position in acc */
	TT_VEC(struct model_lock_site) acc;
	uint64_t (*class_key)(void *ctx, const struct tt_lock *lock); /* NULL but inside tt_model_regroup() */
	void *class_ctx;
};

/* Zeroed memory that lives as long as the model; NULL (and failed) when there is none. */
void *model_alloc(struct tt_model *m, size_t bytes);
char *model_text(struct tt_model *m, const char *text, size_t len);
static inline bool model_failed(const struct tt_model *m)
{
	return m->private->failed;
}
static inline void model_fail(struct tt_model *m)
{
	m->private->failed = true;
}
static inline struct model_process *model_of(const struct tt_model *m, const struct tt_process *p)
{
	return &m->private->procs[p->id];
}
static inline uint64_t span(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

/* code.c */
void model_read_modules(struct tt_model *m, struct model_process *mp);
struct tt_site *model_site(struct tt_model *m, struct model_process *mp, uint64_t word); /* NULL for address 0 */
struct tt_site *model_entry(struct tt_model *m, struct model_process *mp, uint64_t address);
const struct tt_stack *model_stack(struct tt_model *m, struct model_process *mp, uint32_t ref);
/* The static object at an address: its module and offset; false when it is on a heap or stack. */
bool model_static(const struct tt_process *p, uint64_t address, const struct tt_module **module, uint64_t *offset);

/* processes.c */
int model_open_processes(struct tt_model *m);
void model_sum_processes(struct tt_model *m);

/* threads.c */
void model_read_threads(struct tt_model *m, struct model_process *mp);
void model_sum_groups(struct tt_model *m);
/* The class of the wait in progress; TTREC_WAIT_MAX: none, or one that no class counts. */
enum ttrec_wait_class model_wait_class(const struct tt_thread *t);
/* state.c: what threads hold and wait for; needs locks. */
void model_read_states(struct tt_model *m, struct model_process *mp);
void model_read_loops(struct tt_model *m, struct model_process *mp);
void model_sort_loops(struct tt_model *m);

/* locks.c */
void model_read_locks(struct tt_model *m, struct model_process *mp);
void model_read_counts(struct tt_model *m, struct model_process *mp);
struct model_lock_site *model_lock_site(struct tt_model *m, struct tt_lock *l, const struct tt_site *site);
void model_settle_sites(struct tt_model *m);
/* For qsort of struct tt_lock_site: most wait caused or suffered first, then by count. */
int model_by_weight(const void *x, const void *y);
void model_add_ops(struct tt_ops *to, enum ttrec_op op, uint64_t n);
void model_merge_ops(struct tt_ops *to, const struct tt_ops *from);
void model_merge_hold(struct tt_hold *to, const struct tt_hold *from);

/* life_locks.c: needs counts; changes the use of locks, and the threads' own sums. */
void model_find_life_locks(struct tt_model *m, struct model_process *mp);

/* waits.c */
void model_read_waits(struct tt_model *m);
void model_merge_waits(struct tt_waits *to, const struct tt_waits *from);
void model_merge_pair(struct tt_wait *to, const struct tt_wait *from);
void model_order_pairs(struct tt_wait *pairs, size_t count);

/* dist.c */
void model_read_stats(struct tt_model *m, struct model_process *mp);
void model_dist_merge(struct tt_model *m, struct tt_dist *to, const struct tt_dist *from);
void model_dist_add(struct tt_model *m, struct tt_dist *to, uint64_t ns, uint64_t at_ns);
void model_dist_settle(struct tt_dist *d);
uint64_t model_hist_rank(const uint64_t *hist, uint64_t max_ns, double p);

/* classes.c */
void model_make_classes(struct tt_model *m);

/* facts.c */
void model_read_deps(struct tt_model *m, struct model_process *mp);
void model_read_misuses(struct tt_model *m, struct model_process *mp);
void model_read_blockings(struct tt_model *m);

#endif
