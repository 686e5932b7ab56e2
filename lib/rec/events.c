/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * events.c - the event ring, and what threads have logged for it, in the order of time.
 *
 * A slot that was being filled when the writer died has number 0 and other content: torn, left out and counted. Numbers come
 * dense, so they are sorted by placing; only a damaged file needs a real sort. Then all are sorted by the time of their ends,
 * since threads put many waits at once into the ring; those of one time stay in the order of their numbers.
 */
#include "lib/rec/rec_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct ttrec_event *event_at(const struct tt_rec *rec, uint32_t ref)
{
	return rec_at(rec, ttrec_ref_offset(ref));
}

static uint64_t seq_of(const struct tt_rec *rec, uint32_t ref)
{
	return event_at(rec, ref)->seq;
}

static bool slot_is_empty(const struct ttrec_event *e)
{
	static const struct ttrec_event none;
	return memcmp(e, &none, sizeof(none)) == 0;
}

static uint64_t count_logged(const struct tt_rec *rec)
{
	uint64_t n = 0;
	const struct tt_rec_chunk *c;
	vec_for_each (c, &rec->chunks)
		if (c->type == TTREC_CHUNK_THREAD)
			n += TTREC_LOGGED_MAX;
	return n;
}

/* Collects the refs of whole events of the ring; *low and *high become the range of their numbers. */
static int collect(struct tt_rec *rec, uint64_t *low, uint64_t *high)
{
	uint64_t slots = count_logged(rec);
	const struct tt_rec_chunk *c;
	vec_for_each (c, &rec->chunks)
		if (c->type == TTREC_CHUNK_EVENT)
			slots += (c->size - sizeof(struct ttrec_chunk)) / sizeof(struct ttrec_event);
	rec->events = malloc((slots + 1) * sizeof(rec->events[0]));
	if (!rec->events)
		return -ENOMEM;
	*low = UINT64_MAX;
	*high = 0;
	vec_for_each (c, &rec->chunks) {
		if (c->type != TTREC_CHUNK_EVENT)
			continue;
		const struct ttrec_event *e = rec_at(rec, c->offset + sizeof(struct ttrec_chunk));
		uint64_t n = (c->size - sizeof(struct ttrec_chunk)) / sizeof(*e);
		for (uint64_t i = 0; i < n; i++, e++) {
			if (e->seq == 0 || e->type == 0 || e->type >= TTREC_EVENT_MAX) {
				rec->events_torn += !slot_is_empty(e);
				continue;
			}
			rec->events[rec->event_count++] = tt_rec_ref(rec, e);
			*low = e->seq < *low ? e->seq : *low;
			*high = e->seq > *high ? e->seq : *high;
			rec_saw_time(rec, e->end_ns);
		}
	}
	return 0;
}

/* Two events of one number: the later copy in the file is dropped. */
static int place(struct tt_rec *rec, uint64_t low, uint64_t range)
{
	uint32_t *sorted = calloc(range + count_logged(rec), sizeof(sorted[0]));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < rec->event_count; i++) {
		uint32_t *to = &sorted[seq_of(rec, rec->events[i]) - low];
		if (*to)
			rec->events_torn++;
		else
			*to = rec->events[i];
	}
	size_t n = 0;
	for (uint64_t i = 0; i < range; i++)
		if (sorted[i])
			sorted[n++] = sorted[i];
	free(rec->events);
	rec->events = sorted;
	rec->event_count = n;
	return 0;
}

static int by_seq(const void *a, const void *b, void *rec)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint64_t sx = seq_of(rec, x), sy = seq_of(rec, y);
	return sx != sy ? (sx > sy) - (sx < sy) : (x > y) - (x < y);
}

/* Behind those of the ring. */
static void add_logged(struct tt_rec *rec)
{
	const struct tt_rec_chunk *c;
	vec_for_each (c, &rec->chunks) {
		const struct ttrec_thread *t = rec_at(rec, c->offset);
		const struct ttrec_event *e;
		for (uint32_t i = 0; c->type == TTREC_CHUNK_THREAD && (e = tt_rec_logged(t, i)); i++) {
			if (!e->type)
				continue;
			rec->events[rec->event_count++] = tt_rec_ref(rec, e);
			rec->logged_count++;
		}
	}
}

struct end_key {
	uint64_t end_ns;
	uint32_t ref, order;
};

static int by_end(const void *a, const void *b)
{
	const struct end_key *x = a, *y = b;
	return x->end_ns != y->end_ns ? (x->end_ns > y->end_ns) - (x->end_ns < y->end_ns)
	                              : (x->order > y->order) - (x->order < y->order);
}

static int sort_by_end(struct tt_rec *rec)
{
	size_t n = rec->event_count;
	struct end_key *keys = malloc((n + 1) * sizeof(keys[0]));
	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		keys[i] = (struct end_key){event_at(rec, rec->events[i])->end_ns, rec->events[i], (uint32_t)i};
	qsort(keys, n, sizeof(keys[0]), by_end);
	for (size_t i = 0; i < n; i++)
		rec->events[i] = keys[i].ref;
	free(keys);
	return 0;
}

int tt_rec_sort_events(struct tt_rec *rec, struct tt_err *err)
{
	uint64_t low, high;
	int rc = collect(rec, &low, &high);
	if (rc == 0 && rec->event_count) {
		if (high - low < 2 * (uint64_t)rec->event_count + 1024)
			rc = place(rec, low, high - low + 1);
		else
			qsort_r(rec->events, rec->event_count, sizeof(rec->events[0]), by_seq, rec);
	}
	if (rc == 0) {
		add_logged(rec);
		rc = sort_by_end(rec);
	}
	return rc < 0 ? tt_err_set(err, ENOMEM, "out of memory") : 0;
}

size_t tt_rec_event_count(const struct tt_rec *rec)
{
	return rec->event_count;
}

const struct ttrec_event *tt_rec_event(const struct tt_rec *rec, size_t i)
{
	return i < rec->event_count ? rec_at(rec, ttrec_ref_offset(rec->events[i])) : NULL;
}

uint64_t tt_rec_events_torn(const struct tt_rec *rec)
{
	return rec->events_torn;
}

uint64_t tt_rec_events_lost(const struct tt_rec *rec)
{
	uint64_t claimed = rec->header.event_next, whole = rec->event_count - rec->logged_count;
	return claimed > whole ? claimed - whole : 0;
}
