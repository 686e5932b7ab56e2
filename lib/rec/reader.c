/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reader.c - opening a recording, and the accessors of reader.h. The steps themselves: see rec_private.h.
 */
#include "lib/rec/rec_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ opening */

static int rec_create(const char *name, struct tt_rec **ret, struct tt_err *err)
{
	struct tt_rec *rec = calloc(1, sizeof(*rec));
	char *copy = strdup(name);
	if (!rec || !copy) {
		free(rec);
		free(copy);
		return tt_err_set(err, ENOMEM, "out of memory");
	}
	rec->name = copy;
	*ret = rec;
	return 0;
}

void tt_rec_close(struct tt_rec *rec)
{
	if (!rec)
		return;
	tt_rec_copy_free(rec);
	tt_vec_deinit(&rec->chunks);
	tt_hmap_deinit(&rec->steady);
	tt_life_tasks_deinit(&rec->tasks);
	for (size_t i = 0; i < rec->problem_count; i++)
		free(rec->problems[i]);
	free(rec->vars);
	free(rec->locks);
	free(rec->events);
	free(rec->name);
	free(rec);
}

/* fd < 0: the copy was made from memory, there is nothing to look at again. */
static int rec_load(struct tt_rec *rec, int fd, const struct tt_rec_opts *opts, struct tt_err *err)
{
	int rc = tt_rec_check_header(rec, opts, err);
	if (rc < 0)
		return rc;
	rec->copied_live = fd >= 0 && rec->life != TT_REC_ENDED && rec->life != TT_REC_KILLED;
	rc = tt_rec_walk_chunks(rec, err);
	if (rc == 0 && rec->copied_live)
		tt_rec_refine_live(rec, fd);
	if (rc == 0 && rec->copied_live && opts && opts->steady_ns)
		rc = tt_rec_look_again(rec, fd, opts->steady_ns);
	if (rc == 0)
		rc = tt_rec_check_records(rec, err);
	if (rc == 0)
		rc = tt_rec_sort_events(rec, err);
	if (rc == 0)
		tt_rec_settle_end(rec, opts);
	return rc;
}

static int rec_finish(struct tt_rec *rec, int rc, struct tt_rec **ret, struct tt_err *err)
{
	if (rc < 0) {
		if (err)
			tt_err_prefix(err, "cannot open '%s'", rec->name);
		tt_rec_close(rec);
		return rc;
	}
	*ret = rec;
	return 0;
}

int tt_rec_open_fd(int fd, const char *name, const struct tt_rec_opts *opts, struct tt_rec **ret, struct tt_err *err)
{
	struct tt_rec *rec;
	int rc = rec_create(name, &rec, err);
	if (rc < 0)
		return rc;
	rc = tt_rec_copy_fd(rec, fd, err);
	if (rc == 0)
		rc = rec_load(rec, fd, opts, err);
	return rec_finish(rec, rc, ret, err);
}

int tt_rec_open_memory(const void *data, size_t size, const char *name, const struct tt_rec_opts *opts, struct tt_rec **ret,
	struct tt_err *err)
{
	struct tt_rec *rec;
	int rc = rec_create(name, &rec, err);
	if (rc < 0)
		return rc;
	rc = tt_rec_copy_memory(rec, data, size, err);
	if (rc == 0)
		rc = rec_load(rec, -1, opts, err);
	return rec_finish(rec, rc, ret, err);
}

int tt_rec_open(const char *path, const struct tt_rec_opts *opts, struct tt_rec **ret, struct tt_err *err)
{
	/* O_NONBLOCK: a FIFO in the place of a recording must not hang us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return tt_err_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
	int rc = tt_rec_open_fd(fd, path, opts, ret, err);
	close(fd);
	return rc;
}

/* ------------------------------------------------------------------ problems */

void tt_rec_complain(struct tt_rec *rec, bool partial, const char *fmt, ...)
{
	rec->partial |= partial;
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	if (rec->problem_count >= TT_REC_MAX_PROBLEMS - 1 || vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text) {
		rec->problems[rec->problem_count++] = text;
		return;
	}
	rec->problems_more++;
}

const char *tt_rec_problem(const struct tt_rec *rec, size_t i)
{
	if (i < rec->problem_count)
		return rec->problems[i];
	return i == rec->problem_count && rec->problems_more ? "and more of the kind" : NULL;
}

bool tt_rec_partial(const struct tt_rec *rec)
{
	return rec->partial;
}

uint64_t tt_rec_unreadable(const struct tt_rec *rec)
{
	return rec->unreadable;
}

const char *tt_rec_full_text(uint32_t full)
{
	static const char *const texts[] = {
#define FULL_TEXT(id, n, text) [n] = text,
		TTREC_FULLS(FULL_TEXT)
#undef FULL_TEXT
	};
	if (full == TTREC_FULL_NOT)
		return NULL;
	return full < TTREC_FULL_MAX ? texts[full] : "the recording ran out of space";
}

const char *tt_rec_drop_text(enum ttrec_drop drop)
{
	static const char *const text[TTREC_DROP_MAX] = {
#define DROP_TEXT(name, value, words) [value] = words,
		TTREC_DROPS(DROP_TEXT)
#undef DROP_TEXT
	};
	return drop < TTREC_DROP_MAX ? text[drop] : NULL;
}

/* ------------------------------------------------------------------ about the recording */

const char *tt_rec_path(const struct tt_rec *rec)
{
	return rec->name;
}

int tt_rec_moved(struct tt_rec *rec, const char *path)
{
	char *name = strdup(path ? path : "");
	if (!name)
		return -ENOMEM;
	free(rec->name);
	rec->name = name;
	return 0;
}

enum tt_rec_life tt_rec_life(const struct tt_rec *rec)
{
	return rec->life;
}

const struct ttrec_header *tt_rec_header(const struct tt_rec *rec)
{
	return &rec->header;
}

uint64_t tt_rec_end_ns(const struct tt_rec *rec, bool *estimated)
{
	if (estimated)
		*estimated = rec->end_estimated;
	return rec->end_ns;
}

/* ------------------------------------------------------------------ references */

uint32_t tt_rec_ref(const struct tt_rec *rec, const void *record)
{
	return (uint32_t)((uint64_t)((const uint8_t *)record - rec->base) >> 4);
}

uint32_t tt_rec_lock_limit(const struct tt_rec *rec)
{
	return rec->lock_limit;
}

const struct ttrec_lock *tt_rec_lock(const struct tt_rec *rec, uint32_t index)
{
	if (index >= rec->lock_limit || !rec->locks[index])
		return NULL;
	return rec_at(rec, ttrec_ref_offset(rec->locks[index]));
}

const struct ttrec_lock *tt_rec_lock_by_uid(const struct tt_rec *rec, uint32_t uid)
{
	return tt_rec_lock(rec, TTREC_UID_INDEX(uid));
}

const struct ttrec_stack *tt_rec_stack(const struct tt_rec *rec, uint32_t ref)
{
	return tt_rec_is_var(rec, ref, TTREC_VAR_STACK) ? rec_at(rec, ttrec_ref_offset(ref)) : NULL;
}

const char *tt_rec_string(const struct tt_rec *rec, uint32_t ref)
{
	if (!tt_rec_is_var(rec, ref, TTREC_VAR_STRING))
		return NULL;
	const struct ttrec_string *s = rec_at(rec, ttrec_ref_offset(ref));
	return s->text;
}

static const void *slab_record(const struct tt_rec *rec, uint32_t ref, enum ttrec_chunk_type type)
{
	return tt_rec_is_record(rec, ref, type) ? rec_at(rec, ttrec_ref_offset(ref)) : NULL;
}

const struct ttrec_group *tt_rec_group(const struct tt_rec *rec, uint32_t ref)
{
	const struct ttrec_group *g = slab_record(rec, ref, TTREC_CHUNK_GROUP);
	return g && g->start_routine ? g : NULL;
}

const struct ttrec_loop *tt_rec_loop(const struct tt_rec *rec, uint32_t ref)
{
	const struct ttrec_loop *l = slab_record(rec, ref, TTREC_CHUNK_LOOP);
	return l && l->site ? l : NULL;
}

const struct ttrec_lsite *tt_rec_lsite(const struct tt_rec *rec, uint32_t ref)
{
	const struct ttrec_lsite *l = slab_record(rec, ref, TTREC_CHUNK_LSITE);
	return l && l->site ? l : NULL;
}

/* ------------------------------------------------------------------ threads; all normalised by check.c */

struct tt_rec_counts tt_rec_counts(const struct tt_rec *rec, const struct ttrec_thread *t)
{
	return (struct tt_rec_counts){
		.table = t->table_ref ? rec_at(rec, ttrec_ref_offset(t->table_ref)) : t->table,
		.len = t->table_mask + 1,
		.moved = t->journal.n,
	};
}

uint64_t tt_rec_line_operations(const struct ttrec_line *line)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < TTREC_LINE_COUNTS; i++)
		sum += line->count[i].n;
	return sum;
}

uint64_t tt_rec_thread_operations(const struct tt_rec *rec, const struct ttrec_thread *t)
{
	struct tt_rec_counts c = tt_rec_counts(rec, t);
	uint64_t sum = t->evicted + c.moved;
	for (uint32_t i = 0; i < c.len; i++)
		sum += tt_rec_line_operations(&c.table[i]);
	return sum > t->base ? sum - t->base : 0;
}

const struct ttrec_held *tt_rec_held(const struct tt_rec *rec, const struct ttrec_thread *t, uint32_t *count)
{
	*count = t->held_depth;
	if (!t->held_depth)
		return NULL;
	return t->held_ref ? rec_at(rec, ttrec_ref_offset(t->held_ref)) : t->held;
}

const struct ttrec_waiting *tt_rec_waiting(const struct tt_rec *rec, const struct ttrec_thread *t)
{
	(void)rec;
	return t->waiting.op ? &t->waiting : NULL;
}

bool tt_rec_steady(const struct tt_rec *rec, const struct ttrec_thread *t)
{
	return !rec->copied_live || tt_hmap_find(&rec->steady, ttrec_ref_offset(tt_rec_ref(rec, t)));
}

const struct tt_life_tasks *tt_rec_tasks(const struct tt_rec *rec)
{
	return &rec->tasks;
}

const struct ttrec_event *tt_rec_logged(const struct ttrec_thread *t, uint32_t i)
{
	return i < t->logged_next - t->logged_first ? &t->logged[(t->logged_first + i) % TTREC_LOGGED_MAX] : NULL;
}
