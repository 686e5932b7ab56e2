/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jams.c - threads that wait for the same thing, so that the first lines of a dump can say what a program hangs on. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dump/dump_private.h"
#include "lib/util/buf.h"

/*
 * Locks are told apart by address. What threads wait for from each other (conditions, semaphores) often is one object for each
 * of them, so there the function that waits says more; descriptors by what is behind them: ten connections to one database are
 * one.
 */
static int jam_key(struct tt_dump *d, const struct tt_dump_thread *t, struct tt_buf *key, const char **place)
{
	TT_BUF_AUTO(where);
	bool of_each =
		t->wait.word || t->wait.kind == TT_WAIT_SLEEP || t->wait.kind == TT_WAIT_EPOLL || t->wait.kind == TT_WAIT_POLL;
	tt_buf_clear(key);
	*place = NULL;
	tt_buf_printf(key, "%d ", (int)t->wait.kind);
	if (t->managed_wait) {
		tt_buf_adds(key, t->managed_wait);
		if (!strchr(t->managed_wait, '<')) /* no object: where it is says more */
			tt_dump_where(t, key);
	} else if (tt_wait_is_lock(t->wait.kind) || t->wait.kind == TT_WAIT_JOIN || t->wait.kind == TT_WAIT_BARRIER) {
		tt_buf_printf(key, "%" PRIx64, t->wait.address);
	} else if (t->wait.meaning) {
		tt_buf_adds(key, t->wait.meaning);
		if (strncmp(t->wait.meaning, "a lock of ", 10) == 0) /* which one */
			tt_buf_printf(key, "%" PRIx64, t->wait.address);
	} else if (of_each && tt_dump_where(t, &where) == 0 && where.len) {
		*place = dump_text(d, tt_buf_str(&where));
		tt_buf_adds(key, tt_buf_str(&where));
	} else if (t->wait.word) {
		tt_buf_printf(key, "%" PRIx64, t->wait.address);
	} else {
		tt_buf_adds(key, tt_buf_str(&t->wait.text));
	}
	return tt_buf_failed(key) ? -ENOMEM : 0;
}

/* What is said of threads each of which waits for an object of its own: the wait without the object. */
static int say_without_object(const struct tt_dump_thread *t, struct tt_buf *text)
{
	const char *object = t->managed_wait ? strchr(t->managed_wait, '<') : NULL, *end = object ? strstr(object, "> ") : NULL;
	tt_buf_clear(text);
	if (end) {
		tt_buf_add(text, t->managed_wait, (size_t)(object - t->managed_wait));
		tt_buf_adds(text, end + 2);
	} else {
		tt_buf_adds(text, t->wait.meaning);
	}
	tt_buf_adds(text, ", each its own, in ");
	size_t len = text->len;
	tt_dump_where(t, text);
	if (text->len == len)
		tt_buf_truncate(text, len - strlen(", in "));
	return tt_buf_failed(text) ? -ENOMEM : 0;
}

/* Whether it is one thread's wait for an object of which there may be one for each: a queue's, a Python lock. */
static bool is_single(const struct tt_dump *d, const struct tt_dump_jam *j)
{
	const struct tt_dump_thread *t = &d->threads.data[j->first];
	return j->threads.len == 1 && t->owner == TT_DUMP_NONE && t->doing != TT_DOING_LOCK &&
	       (t->managed_wait ? strchr(t->managed_wait, '<') != NULL : t->wait.word && t->wait.meaning);
}

static int join_one(struct tt_dump *d, struct tt_smap *keys, size_t i, struct tt_buf *text)
{
	struct tt_dump_jam *j = &d->jams.data[i], *to;
	bool is_new;
	int rc = say_without_object(&d->threads.data[j->first], text);
	struct tt_smap_entry *e = rc == 0 ? tt_smap_insert(keys, text->data, text->len, &is_new) : NULL;
	if (!e)
		return -ENOMEM;
	if (is_new) {
		e->value = i;
		return 0;
	}
	to = &d->jams.data[e->value];
	to->each = dump_text(d, tt_buf_str(text));
	to->longest_ns = j->longest_ns > to->longest_ns ? j->longest_ns : to->longest_ns;
	if (!to->each || tt_vec_push(&to->threads, j->first))
		return -ENOMEM;
	j->threads.len = 0;
	return 0;
}

/* A hundred threads with a queue each are one line, not a hundred. */
static int join_singles(struct tt_dump *d)
{
	struct tt_smap keys = TT_SMAP_INIT;
	TT_BUF_AUTO(text);
	size_t kept = 0;
	int rc = 0;
	for (size_t i = 0; i < d->jams.len && rc == 0; i++)
		if (is_single(d, &d->jams.data[i]))
			rc = join_one(d, &keys, i, &text);
	tt_smap_deinit(&keys);
	for (size_t i = 0; i < d->jams.len && rc == 0; i++) {
		if (d->jams.data[i].threads.len)
			d->jams.data[kept++] = d->jams.data[i];
		else
			tt_vec_deinit(&d->jams.data[i].threads);
	}
	d->jams.len = rc ? d->jams.len : kept;
	return rc;
}

static int add_to_jam(struct tt_dump *d, struct tt_smap *keys, uint32_t i, struct tt_buf *key)
{
	struct tt_dump_thread *t = &d->threads.data[i];
	const char *place;
	bool is_new;
	int rc = jam_key(d, t, key, &place);
	struct tt_smap_entry *e = rc == 0 ? tt_smap_insert(keys, key->data, key->len, &is_new) : NULL;
	if (!e || (is_new && !tt_vec_add(&d->jams)))
		return -ENOMEM;
	if (is_new) {
		e->value = d->jams.len - 1;
		d->jams.data[e->value].first = i;
		d->jams.data[e->value].place = place;
		d->jams.data[e->value].root = TT_DUMP_NONE;
	}
	struct tt_dump_jam *j = &d->jams.data[e->value];
	j->longest_ns = t->since_ns > j->longest_ns ? t->since_ns : j->longest_ns;
	return tt_vec_push(&j->threads, i);
}

/* Who holds what the owner waits for, and so on: the thread that all of them wait for in the end. */
static uint32_t root_of(const struct tt_dump *d, uint32_t i)
{
	uint32_t at = d->threads.data[i].owner;
	for (size_t steps = 0; at != TT_DUMP_NONE && d->threads.data[at].owner != TT_DUMP_NONE && steps < d->threads.len;
		steps++)
		at = d->threads.data[at].owner;
	return at;
}

static int by_weight(const void *a, const void *b, void *ctx)
{
	const struct tt_dump *d = ctx;
	const struct tt_dump_jam *x = a, *y = b;
	bool lock_x = d->threads.data[x->first].doing == TT_DOING_LOCK,
	     lock_y = d->threads.data[y->first].doing == TT_DOING_LOCK;
	if (lock_x != lock_y)
		return lock_x ? -1 : 1;
	if (x->threads.len != y->threads.len)
		return x->threads.len > y->threads.len ? -1 : 1;
	return x->first < y->first ? -1 : 1;
}

int dump_jams(struct tt_dump *d)
{
	struct tt_smap keys = TT_SMAP_INIT;
	TT_BUF_AUTO(key);
	int rc = 0;
	for (uint32_t i = 0; i < d->threads.len && rc == 0; i++)
		if (d->threads.data[i].wait.kind != TT_WAIT_NONE && d->threads.data[i].doing != TT_DOING_RUNNING)
			rc = add_to_jam(d, &keys, i, &key);
	tt_smap_deinit(&keys);
	rc = rc < 0 ? rc : join_singles(d);
	if (rc < 0)
		return rc;
	struct tt_dump_jam *j;
	vec_for_each (j, &d->jams)
		j->root = root_of(d, j->first);
	if (d->jams.len)
		qsort_r(d->jams.data, d->jams.len, sizeof(*d->jams.data), by_weight, d);
	return 0;
}
