/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * threads.c - threads and their groups (pools).
 *
 * A group's own record sums over what is gone: life and CPU time from a thread's end on, waits and operations from its slot's
 * return on (preload/threads.c). The rest is added here from the records of threads that still have one.
 */
#include "lib/model/model_private.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ groups */

struct group_key {
	uint32_t program;
	uint32_t start, create; /* site ids + 1; 0: none */
	uint32_t special;       /* 1: main threads, 2: adopted ones */
};

static struct tt_group *group_intern(struct tt_model *m, const struct tt_process *p, const struct tt_site *start,
	const struct tt_site *create, uint32_t special)
{
	struct group_key key = {p->program, start ? start->id + 1 : 0, create ? create->id + 1 : 0, special};
	bool is_new;
	struct tt_smap_entry *e = tt_smap_insert(&m->private->groups, (const char *)&key, sizeof(key), &is_new);
	if (!e)
		return model_fail(m), NULL;
	if (!is_new)
		return &m->groups.data[e->value];
	e->value = m->groups.len;
	struct tt_group *g = tt_vec_add(&m->groups); /* room was reserved: it does not move */
	if (!g)
		return model_fail(m), NULL;
	g->program = p->program;
	g->start_routine = start;
	g->create_site = create;
	g->name = "";
	return g;
}

static struct tt_group_part *group_part(struct tt_model *m, struct tt_group *g, struct tt_process *p)
{
	struct tt_group_part *last = g->parts.len ? &g->parts.data[g->parts.len - 1] : NULL;
	if (last && last->process == p) /* processes are read one after another, each with its groups and threads */
		return last;
	struct tt_group_part *part = tt_vec_add(&g->parts);
	if (!part)
		return model_fail(m), NULL;
	part->process = p;
	return part;
}

static void group_read(struct tt_model *m, struct model_process *mp, const struct ttrec_group *r)
{
	struct tt_site *start = model_entry(m, mp, r->start_routine),
		       *create = model_site(m, mp, TTREC_SITE_PC(r->create_site));
	struct tt_group *g = group_intern(m, mp->p, start, create, 0);
	struct tt_group_part *part = g ? group_part(m, g, mp->p) : NULL;
	if (!part || tt_hmap_put_ptr(&mp->groups, tt_rec_ref(mp->rec, r), g) < 0) {
		model_fail(m);
		return;
	}
	if (!g->create_stack)
		g->create_stack = model_stack(m, mp, r->create_stack);
	if (!g->name[0] && r->name[0])
		g->name = r->name;
	part->created += r->created;
	part->failed += r->failed;
	part->started += r->started;
	part->ended += r->ended;
	part->joined += r->joined;
	part->detached += r->detached;
	part->live += r->live;
	part->peak = r->peak > part->peak ? r->peak : part->peak;
	if (r->first_ns && (!part->first_ns || r->first_ns < part->first_ns))
		part->first_ns = r->first_ns;
	part->last_ns = r->last_ns > part->last_ns ? r->last_ns : part->last_ns;
	g->life_ns += r->life_ns;
	g->cpu_ns += r->cpu_ns;
	g->operations += r->operations;
	mp->p->thread_ns += r->life_ns;
	mp->p->cpu_ns += r->cpu_ns;
	mp->p->operations += r->operations;
	for (unsigned i = 0; i < TTREC_WAIT_SLOTS; i++) {
		g->waits[i].count += r->waits[i].count;
		g->waits[i].ns += r->waits[i].ns;
		mp->p->waits[i].count += r->waits[i].count;
		mp->p->waits[i].ns += r->waits[i].ns;
	}
}

static void read_groups(struct tt_model *m, struct model_process *mp)
{
	struct tt_rec_iter it;
	const struct ttrec_group *r;
	rec_for_each_group(it, r, mp->rec) group_read(m, mp, r);
}

/* The main thread is called like the program, unless it was renamed; its record learns that only at its end. */
static void name_main(struct tt_thread *t)
{
	if (t->name[0] || !(t->flags & TTREC_THREAD_MAIN))
		return;
	const char *slash = strrchr(t->process->exe, '/');
	const char *base = slash ? slash + 1 : t->process->exe;
	memcpy(t->name, base, strnlen(base, TTREC_NAME_MAX - 1));
}

/* Main and adopted threads have no record of a group: theirs is counted from their own. */
static struct tt_group *group_of_special(struct tt_model *m, struct model_process *mp, struct tt_thread *t)
{
	bool is_main = t->flags & TTREC_THREAD_MAIN;
	struct tt_group **slot = is_main ? &mp->main_group : &mp->adopted_group;
	if (!*slot)
		*slot = group_intern(m, mp->p, NULL, NULL, is_main ? 1 : 2);
	struct tt_group_part *part = *slot ? group_part(m, *slot, mp->p) : NULL;
	if (!part)
		return NULL;
	part->created++;
	part->started++;
	part->ended += !t->alive;
	part->live += t->alive;
	part->peak = part->live > part->peak ? part->live : part->peak;
	if (!t->alive) {
		(*slot)->life_ns += t->life_ns;
		(*slot)->cpu_ns += t->cpu_ns;
		mp->p->thread_ns += t->life_ns;
		mp->p->cpu_ns += t->cpu_ns;
	}
	return *slot;
}

/* ------------------------------------------------------------------ threads */

static void thread_fill(struct tt_model *m, struct model_process *mp, struct tt_thread *t, const struct ttrec_thread *r)
{
	struct tt_process *p = mp->p;
	t->process = p;
	t->serial = r->serial;
	t->tid = r->tid;
	t->slot = r->slot;
	t->state = (enum ttrec_thread_state)r->state;
	t->flags = r->flags;
	t->alive = r->state == TTREC_THREAD_CREATING || r->state == TTREC_THREAD_RUNNING;
	t->gone = r->state == TTREC_THREAD_FREE;
	t->unjoined = !t->alive && !t->gone && !(r->flags & (TTREC_THREAD_DETACHED | TTREC_THREAD_JOINING | TTREC_THREAD_MAIN));
	memcpy(t->name, r->name, TTREC_NAME_MAX);
	name_main(t);
	t->pthread = r->pthread;
	t->start_routine = model_entry(m, mp, r->start_routine);
	t->create_site = model_site(m, mp, TTREC_SITE_PC(r->create_site));
	t->create_stack = model_stack(m, mp, r->create_stack);
	t->creator_serial = r->creator;
	t->joiner_serial = r->joiner;
	t->creator_segment = r->creator_segment;
	t->segment = r->segment;
	t->joiner_segment = r->joiner_segment;
	t->end_segment = r->end_segment;
	t->created_ns = r->created_ns;
	t->started_ns = r->started_ns;
	t->ended_ns = r->ended_ns;
	t->joined_ns = r->joined_ns;
	t->life_ns = span(r->started_ns ? r->started_ns : r->created_ns, r->ended_ns ? r->ended_ns : p->end_ns);
	t->cpu_ns = r->cpu_ns;
	t->stack_bytes = r->started_ns ? span(r->stack_low, r->stack_high) : 0;
	t->operations = tt_rec_thread_operations(mp->rec, r);
	t->contended = r->contended;
	memcpy(t->waits, r->waits, sizeof(t->waits));
}

static void thread_join_group(struct tt_model *m, struct model_process *mp, struct tt_thread *t, uint32_t ref)
{
	t->group = tt_hmap_ptr(&mp->groups, ref);
	if (!t->group)
		t->group = group_of_special(m, mp, t);
	struct tt_group_part *part = t->group ? group_part(m, t->group, mp->p) : NULL;
	if (!part || tt_vec_push(&t->group->threads, t) < 0) {
		model_fail(m);
		return;
	}
	part->unjoined += t->unjoined;
	part->running += t->alive;
	if (t->alive) {
		t->group->life_ns += t->life_ns;
		mp->p->thread_ns += t->life_ns;
	}
}

static void thread_from_lineage(struct tt_model *m, struct model_process *mp, const struct ttrec_lineage *r)
{
	bool is_new;
	struct tt_hmap_entry *e = tt_hmap_insert(&mp->threads, r->serial, &is_new);
	struct tt_thread *t = e && is_new ? tt_vec_add(&m->threads) : NULL;
	if (!e || (is_new && !t)) {
		model_fail(m);
		return;
	}
	if (!t)
		return;
	e->ptr = t;
	t->id = (unsigned)m->threads.len - 1;
	t->process = mp->p;
	t->serial = r->serial;
	t->past = true;
	memcpy(t->name, r->name, TTREC_NAME_MAX);
	t->start_routine = model_entry(m, mp, r->start_routine);
	t->creator_serial = r->creator;
	t->joiner_serial = r->joiner;
	t->creator_segment = r->creator_segment;
	t->joiner_segment = r->joiner_segment;
	t->end_segment = r->end_segment;
	t->group = tt_hmap_ptr(&mp->groups, r->group);
}

static int by_serial(const void *a, const void *b)
{
	const struct ttrec_thread *x = *(const struct ttrec_thread *const *)a, *y = *(const struct ttrec_thread *const *)b;
	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	return (x > y) - (x < y);
}

/* Records of threads that exist, by serial, each serial once. */
static void collect_records(struct tt_model *m, struct model_process *mp)
{
	struct tt_rec_iter it;
	const struct ttrec_thread *r;
	rec_for_each_thread(it, r, mp->rec) if (r->serial && tt_vec_push(&mp->records, r) < 0) model_fail(m);
	tt_vec_sort(&mp->records, by_serial);
	size_t n = 0;
	for (size_t i = 0; i < mp->records.len; i++)
		if (!n || mp->records.data[n - 1]->serial != mp->records.data[i]->serial)
			mp->records.data[n++] = mp->records.data[i];
	mp->records.len = n;
}

static void link_kin(struct model_process *mp, struct tt_thread *t)
{
	t->creator = tt_hmap_ptr(&mp->threads, t->creator_serial);
	t->joiner = tt_hmap_ptr(&mp->threads, t->joiner_serial);
}

void model_read_threads(struct tt_model *m, struct model_process *mp)
{
	read_groups(m, mp);
	collect_records(m, mp);
	mp->first_thread = m->threads.len;
	for (size_t i = 0; i < mp->records.len; i++) {
		struct tt_thread *t = tt_vec_add(&m->threads); /* room was reserved: they do not move */
		if (!t || tt_hmap_put_ptr(&mp->threads, mp->records.data[i]->serial, t) < 0) {
			model_fail(m);
			return;
		}
		t->id = (unsigned)m->threads.len - 1;
		thread_fill(m, mp, t, mp->records.data[i]);
		thread_join_group(m, mp, t, mp->records.data[i]->group);
		if (t->flags & TTREC_THREAD_MAIN)
			mp->p->main_thread = t;
	}
	struct tt_rec_iter it;
	const struct ttrec_lineage *l;
	rec_for_each_lineage(it, l, mp->rec) thread_from_lineage(m, mp, l);
	for (size_t i = mp->first_thread; i < m->threads.len; i++)
		link_kin(mp, &m->threads.data[i]);
}

/* ------------------------------------------------------------------ sums */

static void add_totals(struct ttrec_total *to, const struct ttrec_total *from)
{
	for (unsigned i = 0; i < TTREC_WAIT_SLOTS; i++) {
		to[i].count += from[i].count;
		to[i].ns += from[i].ns;
	}
}

static void group_sum(struct tt_group *g)
{
	const struct tt_group_part *part;
	vec_for_each (part, &g->parts) {
		g->created += part->created;
		g->failed += part->failed;
		g->started += part->started;
		g->ended += part->ended;
		g->joined += part->joined;
		g->detached += part->detached;
		g->live += part->live;
		g->unjoined += part->unjoined;
		g->running += part->running;
		g->peak = part->peak > g->peak ? part->peak : g->peak;
	}
	struct tt_thread **t;
	vec_for_each (t, &g->threads)
		if (!g->name[0])
			g->name = (*t)->name;
}

static int by_created(const void *a, const void *b)
{
	const struct tt_group *x = a, *y = b;
	if (x->created != y->created)
		return x->created > y->created ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* Once waits in progress are in the threads' own totals. Sorts the groups and mends the threads' pointers to them. */
void model_sum_groups(struct tt_model *m)
{
	struct tt_thread *t;
	vec_for_each (t, &m->threads) {
		if (t->past || (t->gone && t->create_site)) /* a gone thread's are in its group's record */
			continue;
		add_totals(t->process->waits, t->waits);
		t->process->operations += t->operations;
		if (t->group) {
			add_totals(t->group->waits, t->waits);
			t->group->operations += t->operations;
		}
	}
	for (size_t i = 0; i < m->groups.len; i++) {
		m->groups.data[i].id = (unsigned)i;
		group_sum(&m->groups.data[i]);
	}
	uint32_t *place = calloc(m->groups.len + 1, sizeof(place[0]));
	if (!place) {
		model_fail(m);
		return;
	}
	tt_vec_sort(&m->groups, by_created);
	for (size_t i = 0; i < m->groups.len; i++)
		place[m->groups.data[i].id] = (uint32_t)i;
	vec_for_each (t, &m->threads)
		if (t->group)
			t->group = &m->groups.data[place[t->group - m->groups.data]];
	for (size_t i = 0; i < m->groups.len; i++)
		m->groups.data[i].id = (unsigned)i;
	free(place);
}
