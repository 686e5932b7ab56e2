/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check.c - every record looked at once and normalised in the private copy, so that nobody after it needs to check again.
 *
 * What cannot be right is cut to what can (a count, an enumeration), set to 0 (a reference), or emptied (a record). Linear in
 * the file.
 */
#include "lib/rec/rec_private.h"
#include "lib/util/hmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct check {
	struct tt_rec *rec;
	struct tt_hmap tables; /* tables and held stacks already claimed by a thread: by ref */
};

/* ------------------------------------------------------------------ references */

static void fix_stack(struct tt_rec *rec, uint32_t *ref)
{
	if (*ref && !tt_rec_is_var(rec, *ref, TTREC_VAR_STACK)) {
		*ref = 0;
		rec->bad_refs++;
	}
}

static void fix_record(struct tt_rec *rec, uint32_t *ref, enum ttrec_chunk_type type)
{
	if (*ref && !tt_rec_is_record(rec, *ref, type)) {
		*ref = 0;
		rec->bad_refs++;
	}
}

static void check_lock_index(struct tt_rec *rec, uint32_t index)
{
	if (!tt_rec_lock(rec, index))
		rec->bad_refs++;
}

/* A block of `count` records of `size` bytes at ref, inside a chunk of that type and of no other thread. */
static void *claim_block(struct check *k, uint32_t ref, enum ttrec_chunk_type type, uint64_t count, uint64_t size)
{
	uint64_t at = ttrec_ref_offset(ref);
	const struct tt_rec_chunk *c = tt_rec_chunk_at(k->rec, at);
	if (!c || c->type != type || at < c->offset + sizeof(struct ttrec_chunk) || count > (c->offset + c->size - at) / size)
		return NULL;
	bool is_new;
	if (!tt_hmap_insert(&k->tables, c->offset, &is_new) || !is_new)
		return NULL;
	return rec_at(k->rec, at);
}

/* ------------------------------------------------------------------ threads */

static struct ttrec_line *thread_table(struct tt_rec *rec, struct ttrec_thread *t)
{
	return t->table_ref ? rec_at(rec, ttrec_ref_offset(t->table_ref)) : t->table;
}

static void check_table(struct check *k, struct ttrec_thread *t)
{
	uint64_t lines = (uint64_t)t->table_mask + 1;
	bool good = (lines & t->table_mask) == 0;
	if (t->table_ref)
		good = good && claim_block(k, t->table_ref, TTREC_CHUNK_TABLE, lines, sizeof(struct ttrec_line));
	else
		good = good && lines <= TTREC_TABLE_INLINE;
	if (good) {
		const struct ttrec_line *line = thread_table(k->rec, t);
		for (uint32_t i = 0; i <= t->table_mask; i++)
			if (line[i].lock && tt_rec_line_operations(&line[i]))
				check_lock_index(k->rec, TTREC_UID_INDEX(line[i].uid));
		return;
	}
	/* Its counts are lost; the inline table is empty when a larger one is in use. */
	tt_rec_complain(k->rec, true, "the counts of thread slot %u are not readable", t->slot);
	t->table_ref = 0;
	t->table_mask = TTREC_TABLE_INLINE - 1;
}

/*
 * An eviction was under way (ttrec_format.h, struct ttrec_journal). Phase 1: the addition was about to happen; it did if the
 * lsite's tag still names this thread and sequence (whoever overwrites a tag first moves its writer on to phase 2). Phase 2: it
 * happened. In both cases the entry must not count again. Afterwards journal.n says how much was settled here, and word is 0.
 */
static void settle_journal(struct tt_rec *rec, struct ttrec_thread *t)
{
	struct ttrec_journal *j = &t->journal;
	uint64_t phase = j->word & 3, seq = j->word >> 2, moved = 0;
	if (phase == 1) {
		const struct ttrec_lsite *l = tt_rec_lsite(rec, j->lsite);
		uint64_t slot = t->slot + 1 < 4096 ? t->slot + 1 : 0;
		if (!l || (l->count & 0xfffff) != (slot << 8 | (seq & 0xff)))
			phase = 0;
	}
	if (phase && j->entry / 4 <= t->table_mask && j->entry % 4 < TTREC_LINE_COUNTS) {
		thread_table(rec, t)[j->entry / 4].count[j->entry % 4].n = 0;
		moved = j->n;
	}
	j->word = 0;
	j->n = moved;
}

static void check_held(struct check *k, struct ttrec_thread *t)
{
	struct tt_rec *rec = k->rec;
	if (t->held_ref) {
		struct ttrec_held *held = claim_block(k, t->held_ref, TTREC_CHUNK_HELD, t->held_depth, sizeof(*held));
		if (!held) {
			if (t->held_depth)
				tt_rec_complain(rec, true, "the locks held by thread %u are not readable", t->tid);
			t->held_depth = t->held_ref = 0;
		}
	} else if (t->held_depth > TTREC_HELD_INLINE) {
		tt_rec_complain(rec, true, "the locks held by thread %u are not readable", t->tid);
		t->held_depth = 0;
	}
	uint32_t count;
	const struct ttrec_held *h = tt_rec_held(rec, t, &count);
	for (uint32_t i = 0; i < count; i++)
		if (TTREC_HELD_FLAGS(h[i].site) & TTREC_HELD_TIMED)
			rec_saw_time(rec, h[i].since_ns);
}

static void check_waiting(struct tt_rec *rec, struct ttrec_waiting *w)
{
	if ((w->seq & 1) || w->op >= TTREC_OP_MAX || w->kind >= TTREC_KIND_MAX) {
		memset(w, 0, sizeof(*w));
		return;
	}
	fix_stack(rec, &w->stack);
	rec_saw_time(rec, w->since_ns);
}

/* In a copy of a live recording, entries may be newer than the numbers: then they are waits of their own, all the same. */
static void check_logged(struct tt_rec *rec, struct ttrec_thread *t)
{
	uint32_t n = t->logged_next - t->logged_first;
	if (n > TTREC_LOGGED_MAX) {
		rec->bad_records += !rec->copied_live;
		t->logged_next = t->logged_first;
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct ttrec_event *e = &t->logged[(t->logged_first + i) % TTREC_LOGGED_MAX];
		uint32_t stack = TTREC_LOGGED_STACK(e->seq);
		if (e->type != TTREC_EVENT_WAIT || !e->op || e->op >= TTREC_OP_MAX) {
			rec->bad_records += !rec->copied_live;
			memset(e, 0, sizeof(*e));
			continue;
		}
		fix_stack(rec, &stack);
		e->seq = TTREC_LOGGED(TTREC_LOGGED_PAIR(e->seq), stack, TTREC_LOGGED_TIMED_OUT(e->seq));
		rec_saw_time(rec, e->end_ns);
	}
}

static void check_thread(struct check *k, struct ttrec_thread *t)
{
	struct tt_rec *rec = k->rec;
	if (t->state >= TTREC_THREAD_STATE_MAX) {
		t->state = TTREC_THREAD_FREE;
		rec->bad_records++;
	}
	t->name[TTREC_NAME_MAX - 1] = '\0';
	fix_stack(rec, &t->create_stack);
	fix_record(rec, &t->group, TTREC_CHUNK_GROUP);
	fix_record(rec, &t->loop, TTREC_CHUNK_LOOP);
	check_table(k, t);
	settle_journal(rec, t);
	check_held(k, t);
	check_waiting(rec, &t->waiting);
	check_logged(rec, t);
	rec_saw_time(rec, t->created_ns);
	rec_saw_time(rec, t->started_ns);
	rec_saw_time(rec, t->ended_ns);
	rec_saw_time(rec, t->joined_ns);
	rec_saw_time(rec, t->loop_return_ns);
}

/* ------------------------------------------------------------------ locks: their index */

static int index_alloc(struct tt_rec *rec)
{
	const struct tt_rec_chunk *c;
	vec_for_each (c, &rec->chunks) {
		if (c->type != TTREC_CHUNK_LOCK)
			continue;
		uint64_t limit = c->index + (c->size - sizeof(struct ttrec_chunk)) / sizeof(struct ttrec_lock);
		if (limit > TTREC_MAX_LOCKS)
			limit = TTREC_MAX_LOCKS;
		if (limit > rec->lock_limit)
			rec->lock_limit = (uint32_t)limit;
	}
	rec->locks = calloc((size_t)rec->lock_limit + 1, sizeof(rec->locks[0]));
	return rec->locks ? 0 : -ENOMEM;
}

static void check_lock(struct tt_rec *rec, struct ttrec_lock *l, uint64_t index)
{
	if (l->kind >= TTREC_KIND_MAX || index >= rec->lock_limit || rec->locks[index]) {
		l->kind = 0;
		rec->bad_records++;
		return;
	}
	rec->locks[index] = tt_rec_ref(rec, l);
	l->index = (uint32_t)index;
	if (l->type >= TTREC_TYPE_MAX)
		l->type = TTREC_TYPE_UNKNOWN;
	if (l->name && !tt_rec_is_var(rec, l->name, TTREC_VAR_STRING)) {
		l->name = 0;
		rec->bad_refs++;
	}
	fix_stack(rec, &l->birth_stack);
	fix_record(rec, &l->stat_wait, TTREC_CHUNK_STAT);
	if (l->kind == TTREC_KIND_SEM)
		l->stat_rdwait = 0;
	fix_record(rec, &l->stat_rdwait, TTREC_CHUNK_STAT);
	fix_record(rec, &l->stat_hold, TTREC_CHUNK_STAT);
	rec_saw_time(rec, l->birth_ns);
}

static int check_locks(struct tt_rec *rec)
{
	if (index_alloc(rec) < 0)
		return -ENOMEM;
	const struct tt_rec_chunk *c;
	vec_for_each (c, &rec->chunks) {
		if (c->type != TTREC_CHUNK_LOCK)
			continue;
		struct ttrec_lock *l = rec_at(rec, c->offset + sizeof(struct ttrec_chunk));
		uint64_t n = (c->size - sizeof(struct ttrec_chunk)) / sizeof(*l);
		for (uint64_t i = 0; i < n; i++)
			if (l[i].kind)
				check_lock(rec, &l[i], c->index + i);
	}
	return 0;
}

/* ------------------------------------------------------------------ the other slabs */

/* What was counted in the lock's own record. One that has no lsite is damage, and is lost. */
static void fold_tally(const struct tt_rec *rec, struct ttrec_lsite *l)
{
	const struct ttrec_lock *lock = tt_rec_lock(rec, l->lock);
	if (!lock)
		return;
	struct ttrec_tally *t = &((struct ttrec_lock *)rec_at(rec, ttrec_ref_offset(tt_rec_ref(rec, lock))))
	                                 ->tally[ttrec_tally_slot(lock->kind, l->site)];
	if (t->tag != ttrec_tally_tag(l->site))
		return;
	l->count += (uint64_t)t->n << 20;
	t->n = 0;
}

static void check_lsite(struct tt_rec *rec, struct ttrec_lsite *l)
{
	check_lock_index(rec, l->lock);
	fold_tally(rec, l);
	fix_stack(rec, &l->release_stack);
	fix_stack(rec, &l->first_stack);
}

static void check_wait(struct tt_rec *rec, struct ttrec_wait *w)
{
	if (w->lock != TTREC_NO_LOCK)
		check_lock_index(rec, w->lock);
	fix_stack(rec, &w->waiter_stack);
	rec_saw_time(rec, w->max_at_ns);
}

static void check_stat(struct tt_rec *rec, struct ttrec_stat *s)
{
	if (s->mode > 2 || !tt_rec_lock(rec, s->lock - 1)) {
		s->lock = 0;
		rec->bad_records++;
		return;
	}
	rec_saw_time(rec, s->max_at_ns);
}

static void check_group(struct tt_rec *rec, struct ttrec_group *g)
{
	g->name[TTREC_NAME_MAX - 1] = '\0';
	fix_stack(rec, &g->create_stack);
	rec_saw_time(rec, g->last_ns);
}

static void check_lineage(struct tt_rec *rec, struct ttrec_lineage *l)
{
	l->name[TTREC_NAME_MAX - 1] = '\0';
	fix_record(rec, &l->group, TTREC_CHUNK_GROUP);
}

static void check_dep(struct tt_rec *rec, struct ttrec_dep *d)
{
	fix_stack(rec, &d->stack);
	if (d->thread_count > TTREC_DEP_THREADS)
		d->thread_count = TTREC_DEP_THREADS;
	rec_saw_time(rec, d->first_ns);
}

static void check_misuse(struct tt_rec *rec, struct ttrec_misuse *m)
{
	if (m->what == 0 || m->what >= TTREC_MISUSE_MAX) {
		m->var.type = 0;
		rec->bad_records++;
		return;
	}
	fix_stack(rec, &m->stack);
	rec_saw_time(rec, m->first_ns);
}

/* ------------------------------------------------------------------ all of them */

/* Records come from the copy, which is ours to write. */
#define CHECK_EACH(rec, kind, check)                                                                    \
	do {                                                                                            \
		struct tt_rec_iter it_;                                                                 \
		const struct ttrec_##kind *r_;                                                          \
		rec_for_each_##kind(it_, r_, (rec)) check((rec), (struct ttrec_##kind *)(uintptr_t)r_); \
	} while (0)

static void check_threads(struct check *k)
{
	const struct tt_rec_chunk *c;
	vec_for_each (c, &k->rec->chunks)
		if (c->type == TTREC_CHUNK_THREAD)
			check_thread(k, rec_at(k->rec, c->offset));
}

static void sum_up(struct tt_rec *rec)
{
	if (rec->unreadable)
		tt_rec_complain(rec, true, "%llu bytes are not readable", (unsigned long long)rec->unreadable);
	if (rec->bad_records)
		tt_rec_complain(
			rec, true, "%llu records make no sense and were left out", (unsigned long long)rec->bad_records);
	/* While the writer runs, records may refer to what was claimed after the copy ended. */
	if (rec->bad_refs && !rec->copied_live)
		tt_rec_complain(rec, true, "%llu references lead nowhere", (unsigned long long)rec->bad_refs);
}

int tt_rec_check_records(struct tt_rec *rec, struct tt_err *err)
{
	struct check k = {.rec = rec};
	if (check_locks(rec) < 0)
		return tt_err_set(err, ENOMEM, "out of memory");
	check_threads(&k);
	tt_hmap_deinit(&k.tables);
	CHECK_EACH(rec, lsite, check_lsite);
	CHECK_EACH(rec, wait, check_wait);
	CHECK_EACH(rec, stat, check_stat);
	CHECK_EACH(rec, group, check_group);
	CHECK_EACH(rec, lineage, check_lineage);
	CHECK_EACH(rec, dep, check_dep);
	CHECK_EACH(rec, misuse, check_misuse);
	struct tt_rec_iter it;
	const struct ttrec_loop *l;
	rec_for_each_loop(it, l, rec) rec_saw_time(rec, l->max_at_ns);
	sum_up(rec);
	return 0;
}
