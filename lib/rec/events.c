/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * events.c - the event ring in the order of its numbers.
 *
 * A slot that was being filled when the writer died has number 0 and other content: torn, left out and counted. Numbers come
 * dense, so they are sorted by placing; only a damaged file needs a real sort.
 */
#include "lib/rec/rec_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seq_of(const struct tt_rec *rec, uint32_t ref)
{
	return ((const struct ttrec_event *)rec_at(rec, ttrec_ref_offset(ref)))->seq;
}

static bool slot_is_empty(const struct ttrec_event *e)
{
	static const struct ttrec_event none;
	return memcmp(e, &none, sizeof(none)) == 0;
}

/* Collects the refs of whole events; *low and *high become the range of their numbers. */
static int collect(struct tt_rec *rec, uint64_t *low, uint64_t *high)
{
	uint64_t slots = 0;
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
	uint32_t *sorted = calloc(range, sizeof(sorted[0]));
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
	uint64_t claimed = rec->header.event_next;
	return claimed > rec->event_count ? claimed - rec->event_count : 0;
}
