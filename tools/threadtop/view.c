/* SPDX-License-Identifier: GPL-3.0-or-later */
/* view.c - a frame as rows: selected, filtered, grouped into processes or pools, sorted. No terminal, no files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/threadtop/top.h"

const char *const top_view_names[] = {"threads", "tree", "pools", "locks", NULL};

void top_view_init(struct top_view *v, const struct top_select *select)
{
	*v = (struct top_view){.select = select,
		.sort = TOP_COL_cpu_pct,
		.pool_sort = TOP_COL_cpu_pct,
		.descending = true,
		.pool_descending = true};
	struct tt_err err;
	top_columns_parse(
		"pid,tid,process,name,state,cpu_pct,run_queue_pct,wait,owner,wait_ns,wait_target,blocked_pct,cpu,user",
		&v->columns, &err);
	top_columns_parse(
		"pid,process,pool,threads,busy,idle,cpu_pct,run_queue_pct,highest_pct,highest_tid,busy_for_ns,throttled_pct",
		&v->pool_columns, &err);
	top_columns_parse("pid,tid,state,waiters,name,wait,wait_target,owner,wait_ns,cpu_pct,process", &v->lock_columns, &err);
}

static void pool_destroy(struct top_pool *p)
{
	if (!p)
		return;
	free(p->name);
	tt_vec_deinit(&p->tasks);
	free(p);
}

static void clear_pools(struct top_view *v)
{
	struct top_pool **p;
	vec_for_each (p, &v->pools)
		pool_destroy(*p);
	vec_for_each (p, &v->procs)
		pool_destroy(*p);
	v->pools.len = v->procs.len = 0;
}

void top_view_deinit(struct top_view *v)
{
	clear_pools(v);
	tt_vec_deinit(&v->pools);
	tt_vec_deinit(&v->procs);
	tt_vec_deinit(&v->rows);
	tt_vec_deinit(&v->tasks);
	tt_vec_deinit(&v->chains);
	tt_hmap_deinit(&v->folded);
	tt_hmap_deinit(&v->saturated);
	free(v->filter);
	free(v->only_pool);
}

const struct top_column_set *top_view_columns(const struct top_view *v)
{
	return v->kind == TOP_VIEW_POOLS ? &v->pool_columns : v->kind == TOP_VIEW_LOCKS ? &v->lock_columns : &v->columns;
}

int top_view_sort(const struct top_view *v)
{
	return v->kind == TOP_VIEW_POOLS ? v->pool_sort : v->sort;
}

bool top_view_descending(const struct top_view *v)
{
	return v->kind == TOP_VIEW_POOLS ? v->pool_descending : v->descending;
}

uint32_t top_view_needs(const struct top_view *v)
{
	return top_columns[top_view_sort(v)].needs | top_select_needs(v->select);
}

/* ------------------------------------------------------------------ groups */

static struct top_pool *group_create(struct tt_top_proc *proc, uint64_t key, const char *name)
{
	struct top_pool *g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->proc = g->sum.proc = proc;
	g->key = key;
	g->name = strdup(name ? name : "");
	if (!g->name) {
		free(g);
		return NULL;
	}
	g->sum.name = g->name;
	g->sum.tid = proc->pid;
	g->sum.known = UINT32_MAX;
	return g;
}

static void max_of(uint64_t *a, uint64_t b)
{
	if (b > *a)
		*a = b;
}

/* Differences add up; each kind over the longest span that one of the threads has for it. */
static int group_add(struct top_pool *g, struct tt_top_task *t)
{
	struct tt_top_task *s = &g->sum;
	double share = top_share(t->d_run_ns, t->span_ns);
	max_of(&s->span_ns, t->span_ns);
	max_of(&s->stat_span_ns, t->stat_span_ns);
	max_of(&s->status_span_ns, t->status_span_ns);
	max_of(&s->io_span_ns, t->io_span_ns);
	s->run_ns += t->run_ns;
	s->wait_ns += t->wait_ns;
	s->d_run_ns += t->d_run_ns;
	s->d_wait_ns += t->d_wait_ns;
	s->d_slices += t->d_slices;
	s->d_user_ns += t->d_user_ns;
	s->d_system_ns += t->d_system_ns;
	s->d_minor_faults += t->d_minor_faults;
	s->d_major_faults += t->d_major_faults;
	s->d_voluntary += t->d_voluntary;
	s->d_involuntary += t->d_involuntary;
	s->d_read_bytes += t->d_read_bytes;
	s->d_write_bytes += t->d_write_bytes;
	if (!s->start_ns || t->start_ns < s->start_ns)
		s->start_ns = t->start_ns;
	s->start_routine = t->start_routine;
	g->count++;
	g->busy += top_is_busy(t);
	if (g->count == 1 || share > g->highest_pct || isnan(g->highest_pct)) {
		g->highest_pct = share;
		g->highest_tid = t->tid;
	}
	return tt_vec_push(&g->tasks, t);
}

static uint64_t pool_key(const struct tt_top_task *t, const char *name)
{
	uint64_t hash = tt_hash_stable(TT_HASH_STABLE_INIT, &t->proc->id, sizeof(t->proc->id));
	return tt_hash_stable(hash, name, strlen(name));
}

static bool same_group(const struct tt_top_task *a, const struct tt_top_task *b, bool by_pool)
{
	if (a->proc != b->proc || !by_pool)
		return a->proc == b->proc;
	return !a->start_routine && !b->start_routine && a->name && b->name && strcmp(a->name, b->name) == 0;
}

/* The tasks that are selected, as groups: by pool or by process. */
static int make_groups(struct top_view *v, bool by_pool)
{
	struct tt_hmap map = TT_HMAP_INIT;
	struct top_row *r;
	struct top_pool *last = NULL; /* of the thread before, which often has the same name */
	const struct tt_top_task *before = NULL;
	int rc = 0;
	vec_for_each (r, &v->tasks) {
		struct tt_top_task *t = (struct tt_top_task *)r->task;
		if (last && same_group(before, t, by_pool)) {
			rc = group_add(last, t);
			if (rc < 0)
				break;
			continue;
		}
		const char *name = by_pool ? top_pool_name(t) : t->proc->name;
		uint64_t key = by_pool ? pool_key(t, name ? name : "") : t->proc->id;
		struct top_pool *g = tt_hmap_ptr(&map, key);
		if (!g) {
			g = group_create(t->proc, key, name);
			if (!g || tt_hmap_put_ptr(&map, key, g) < 0 ||
				(by_pool ? tt_vec_push(&v->pools, g) : tt_vec_push(&v->procs, g)) < 0) {
				pool_destroy(g);
				rc = -ENOMEM;
				break;
			}
		}
		rc = group_add(g, t);
		if (rc < 0)
			break;
		last = g;
		before = t;
	}
	tt_hmap_deinit(&map);
	return rc;
}

/* A pool of at least two threads all of whose threads are busy: since when. */
static int note_saturation(struct top_view *v, const struct tt_top_frame *f)
{
	struct tt_hmap next = TT_HMAP_INIT;
	struct top_pool **p;
	vec_for_each (p, &v->pools) {
		struct top_pool *g = *p;
		uint64_t since;
		if (g->count < 2 || g->busy < g->count)
			continue;
		if (!tt_hmap_get(&v->saturated, g->key, &since))
			since = f->boot_ns - (g->sum.span_ns < f->boot_ns ? g->sum.span_ns : 0);
		g->saturated_ns = f->boot_ns - since;
		if (tt_hmap_put(&next, g->key, since) < 0) {
			tt_hmap_deinit(&next);
			return -ENOMEM;
		}
	}
	tt_hmap_deinit(&v->saturated);
	v->saturated = next;
	return 0;
}

/* ------------------------------------------------------------------ filter */

static bool holds_text(const char *text, const char *part)
{
	return text && strcasestr(text, part);
}

static bool passes_filter(const struct top_view *v, const struct tt_top_task *t)
{
	char ids[32];
	if (v->only_pid && t->proc->pid != v->only_pid)
		return false;
	if (v->only_pool && strcmp(top_pool_name(t) ? top_pool_name(t) : "", v->only_pool) != 0)
		return false;
	if (!v->filter || !*v->filter)
		return true;
	snprintf(ids, sizeof(ids), "%u %u", t->proc->pid, t->tid);
	return holds_text(t->name, v->filter) || holds_text(t->proc->name, v->filter) ||
	       holds_text(t->proc->command, v->filter) || holds_text(t->proc->user, v->filter) || holds_text(ids, v->filter);
}

/* A group is shown when one of its threads is. */
static bool group_passes(const struct top_view *v, const struct top_pool *g)
{
	for (size_t i = 0; i < g->tasks.len; i++)
		if (passes_filter(v, g->tasks.data[i]))
			return true;
	return false;
}

static struct top_row row_of_task(struct tt_top_task *t)
{
	return (struct top_row){
		.kind = TOP_ROW_TASK, .task = t, .proc = t->proc, .id = t->id, .count = 1, .busy = top_is_busy(t)};
}

struct top_row top_row_of_group(struct top_pool *g, enum top_row_kind kind)
{
	return (struct top_row){.kind = kind,
		.task = &g->sum,
		.proc = g->proc,
		.pool = g,
		.id = g->key,
		.count = g->count,
		.busy = g->busy,
		.highest_pct = g->highest_pct,
		.highest_tid = g->highest_tid,
		.saturated_ns = g->saturated_ns};
}

/* ------------------------------------------------------------------ order */

struct keyed {
	struct top_value key;
	struct top_row row;
};
struct order {
	enum top_column_id column;
	bool descending;
};

static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct keyed *x = a, *y = b;
	const struct order *o = ctx;
	int order = top_compare(o->column, x->key, y->key, o->descending);
	if (order)
		return order;
	order = (x->row.proc->pid > y->row.proc->pid) - (x->row.proc->pid < y->row.proc->pid);
	return order ? order : (x->row.task->tid > y->row.task->tid) - (x->row.task->tid < y->row.task->tid);
}

static int sort_rows(struct top_row *rows, size_t count, const struct tt_top_frame *f, int column, bool descending)
{
	struct order o = {(enum top_column_id)column, descending};
	struct keyed *keyed = calloc(count ? count : 1, sizeof(*keyed));
	/* Values of text columns may lie in buffers that are used again: they are copied. */
	bool copy = column == TOP_COL_pool || column == TOP_COL_name;
	if (!keyed)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		keyed[i] = (struct keyed){top_value(f, &rows[i], o.column), rows[i]};
		if (copy && keyed[i].key.text)
			keyed[i].key.text = strdup(keyed[i].key.text);
	}
	qsort_r(keyed, count, sizeof(*keyed), compare_rows, &o);
	for (size_t i = 0; i < count; i++) {
		rows[i] = keyed[i].row;
		if (copy)
			free((char *)keyed[i].key.text);
	}
	free(keyed);
	return 0;
}

/* ------------------------------------------------------------------ the tree */

static int add_tasks_of(struct top_view *v, const struct tt_top_frame *f, struct top_pool *g, unsigned depth)
{
	size_t first = v->rows.len;
	struct tt_top_task **t;
	vec_for_each (t, &g->tasks) {
		struct top_row row = row_of_task(*t);
		if (!passes_filter(v, *t))
			continue;
		row.depth = depth;
		if (tt_vec_push(&v->rows, row) < 0)
			return -ENOMEM;
	}
	int rc = sort_rows(v->rows.data + first, v->rows.len - first, f, v->sort, v->descending);
	if (v->rows.len > first)
		v->rows.data[v->rows.len - 1].last = true;
	return rc;
}

struct tree {
	struct top_view *v;
	const struct tt_top_frame *f;
	struct tt_hmap by_pid; /* pid -> row of its process, among `rows` */
	struct top_row *rows;  /* processes, sorted */
	size_t count;
	size_t *first, *next;  /* of each row: its first child and its next sibling, + 1; 0 none */
	unsigned char *placed; /* of rows */
};

#define MOST_DEPTH 200

/* A process of one thread is one row, which says all that is known of that thread. */
static struct top_row row_of_process(const struct top_row *proc)
{
	if (proc->count != 1)
		return *proc;
	struct top_row row = row_of_task(proc->pool->tasks.data[0]);
	row.whole = true;
	return row;
}

/* A process, its threads, then its children. */
static int place(struct tree *t, size_t i, unsigned depth)
{
	struct top_view *v = t->v;
	uint64_t folded;
	if (t->placed[i])
		return 0;
	t->placed[i] = 1;
	struct top_row row = row_of_process(&t->rows[i]);
	row.depth = depth;
	row.folded = !row.whole && tt_hmap_get(&v->folded, row.proc->id, &folded);
	if (tt_vec_push(&v->rows, row) < 0)
		return -ENOMEM;
	int rc = row.folded || row.whole ? 0 : add_tasks_of(v, t->f, row.pool, depth + 1);
	for (size_t k = t->first[i]; k && rc == 0 && depth < MOST_DEPTH; k = t->next[k - 1])
		rc = place(t, k - 1, depth + 1);
	return rc;
}

/* Children in the order of the rows: from the last on, each becomes the first. */
static void link_children(struct tree *t)
{
	uint64_t parent;
	for (size_t i = 0; i < t->count; i++)
		tt_hmap_put(&t->by_pid, t->rows[i].proc->pid, i);
	for (size_t i = t->count; i-- > 0;) {
		if (!tt_hmap_get(&t->by_pid, t->rows[i].proc->ppid, &parent) || parent == i)
			continue;
		t->next[i] = t->first[parent];
		t->first[parent] = i + 1;
	}
}

/* Roots first: whose parent is not shown; then what is left (a cycle of parents cannot be, but /proc changes while it is read).
 */
static int place_all(struct tree *t)
{
	uint64_t parent;
	int rc = 0;
	for (size_t i = 0; i < t->count && rc == 0; i++)
		if (!tt_hmap_get(&t->by_pid, t->rows[i].proc->ppid, &parent) || parent == i)
			rc = place(t, i, 0);
	for (size_t i = 0; i < t->count && rc == 0; i++)
		rc = place(t, i, 0);
	return rc;
}

static int build_tree(struct top_view *v, const struct tt_top_frame *f)
{
	struct tree t = {.v = v, .f = f};
	TT_VEC(struct top_row) rows = TT_VEC_INIT;
	struct top_pool **g;
	int rc = make_groups(v, false);
	vec_for_each (g, &v->procs)
		if (rc == 0 && group_passes(v, *g))
			rc = tt_vec_push(&rows, top_row_of_group(*g, TOP_ROW_PROC));
	t.rows = rows.data;
	t.count = rows.len;
	t.placed = calloc(rows.len + 1, 1);
	t.first = calloc(rows.len + 1, sizeof(size_t));
	t.next = calloc(rows.len + 1, sizeof(size_t));
	if (!t.placed || !t.first || !t.next)
		rc = -ENOMEM;
	if (rc == 0)
		rc = sort_rows(t.rows, t.count, f, v->sort, v->descending);
	if (rc == 0) {
		link_children(&t);
		rc = place_all(&t);
	}
	free(t.placed);
	free(t.first);
	free(t.next);
	tt_hmap_deinit(&t.by_pid);
	tt_vec_deinit(&rows);
	return rc;
}

/* ------------------------------------------------------------------ all */

static int build_flat(struct top_view *v, const struct tt_top_frame *f)
{
	struct top_row *r;
	vec_for_each (r, &v->tasks)
		if (passes_filter(v, r->task) && tt_vec_push(&v->rows, *r) < 0)
			return -ENOMEM;
	return sort_rows(v->rows.data, v->rows.len, f, v->sort, v->descending);
}

/* Who waits for whom, whole, when one of those threads passes the filter. */
static int build_locks(struct top_view *v)
{
	for (size_t i = 0, end; i < v->chains.len; i = end) {
		bool shown = false;
		end = top_view_chain_end(v, i);
		for (size_t k = i; k < end && !shown; k++)
			shown = passes_filter(v, v->chains.data[k].task);
		for (size_t k = i; k < end && shown; k++)
			if (tt_vec_push(&v->rows, v->chains.data[k]) < 0)
				return -ENOMEM;
	}
	return 0;
}

static int build_pools(struct top_view *v, const struct tt_top_frame *f)
{
	struct top_pool **g;
	vec_for_each (g, &v->pools) {
		struct top_pool *p = *g;
		if ((group_passes(v, p) || (v->filter && holds_text(p->name, v->filter))) &&
			tt_vec_push(&v->rows, top_row_of_group(p, TOP_ROW_POOL)) < 0)
			return -ENOMEM;
	}
	return sort_rows(v->rows.data, v->rows.len, f, v->pool_sort, v->pool_descending);
}

static uint32_t parent_of(void *ctx, uint32_t pid)
{
	const struct tt_top_frame *f = ctx;
	struct tt_top_proc *const *p;
	vec_for_each (p, &f->procs)
		if ((*p)->pid == pid)
			return (*p)->ppid;
	return 0;
}

int top_view_build(struct top_view *v, const struct tt_top_frame *f)
{
	struct tt_top_task **t;
	v->rows.len = v->tasks.len = 0;
	clear_pools(v);
	const struct tt_top_proc *asked = NULL;
	bool wanted = true;
	vec_for_each (t, &f->tasks) {
		if (v->check_procs && (*t)->proc != asked) {
			asked = (*t)->proc;
			wanted = (!asked->kernel || v->select->kernel) &&
			         top_select_proc(v->select, asked, parent_of, (void *)f);
		}
		if (wanted && top_select_task(v->select, f, *t) && tt_vec_push(&v->tasks, row_of_task(*t)) < 0)
			return -ENOMEM;
	}
	int rc = make_groups(v, true);
	if (rc == 0)
		rc = note_saturation(v, f);
	if (rc == 0)
		rc = top_view_chains(v, f);
	if (rc < 0)
		return rc;
	switch (v->kind) {
	case TOP_VIEW_TREE:
		return build_tree(v, f);
	case TOP_VIEW_POOLS:
		return build_pools(v, f);
	case TOP_VIEW_LOCKS:
		return build_locks(v);
	case TOP_VIEW_THREADS:
	case TOP_VIEWS:
	default:
		return build_flat(v, f);
	}
}
