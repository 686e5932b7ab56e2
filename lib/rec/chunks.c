/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * chunks.c - where the records are: the list of chunks, the map of variable records, iteration over both.
 *
 * A damaged chunk header costs what lies between it and the next good one: the walk steps on in TTREC_ALIGN bytes, and counts
 * what it stepped over unless it is zero (claimed by a writer that died, or a hole of the file).
 */
#include "lib/rec/rec_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Record size, and the word that is non-zero in a published record. */
static const struct slab {
	uint32_t size, key_offset, key_bytes;
} slabs[TTREC_CHUNK_MAX] = {
#define SLAB(type, field)                                                                            \
	{                                                                                            \
		sizeof(struct type), offsetof(struct type, field), sizeof(((struct type *)0)->field) \
	}
	[TTREC_CHUNK_LOCK] = SLAB(ttrec_lock, kind),
	[TTREC_CHUNK_LSITE] = SLAB(ttrec_lsite, site),
	[TTREC_CHUNK_WAIT] = SLAB(ttrec_wait, waiter_site),
	[TTREC_CHUNK_STAT] = SLAB(ttrec_stat, lock),
	[TTREC_CHUNK_GROUP] = SLAB(ttrec_group, start_routine),
	[TTREC_CHUNK_EVENT] = SLAB(ttrec_event, seq),
	[TTREC_CHUNK_LOOP] = SLAB(ttrec_loop, site),
	[TTREC_CHUNK_LINEAGE] = SLAB(ttrec_lineage, serial),
};

uint32_t tt_rec_record_size(enum ttrec_chunk_type type)
{
	return type < TTREC_CHUNK_MAX ? slabs[type].size : 0;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	uint64_t any = 0, word;
	for (size_t i = 0; i < n; i += 8) {
		memcpy(&word, p + i, 8);
		any |= word;
	}
	return any == 0;
}

/* ------------------------------------------------------------------ variable records */

static bool var_is_whole(const struct ttrec_var *v)
{
	const void *p = v;
	const struct ttrec_stack *stack = p;
	const struct ttrec_module *module = p;
	const struct ttrec_string *string = p;
	const struct ttrec_dep *dep = p;

	switch (v->type) {
	case TTREC_VAR_STACK:
		return v->size >= sizeof(*stack) && stack->count <= (v->size - sizeof(*stack)) / sizeof(stack->pc[0]);
	case TTREC_VAR_MODULE:
		return v->size > sizeof(*module) && module->path_len < v->size - sizeof(*module) &&
		       module->build_id_len <= sizeof(module->build_id) && module->start < module->end &&
		       module->path[module->path_len] == '\0';
	case TTREC_VAR_STRING:
		return v->size > sizeof(*string) && string->length < v->size - sizeof(*string) &&
		       string->text[string->length] == '\0';
	case TTREC_VAR_DEP:
		return v->size >= sizeof(*dep) && dep->held_count <= (v->size - sizeof(*dep)) / sizeof(dep->held[0]);
	case TTREC_VAR_MISUSE:
		return v->size >= sizeof(struct ttrec_misuse);
	default:
		return false; /* a later kind of record: stepped over by its size */
	}
}

static void var_mark(struct tt_rec *rec, uint64_t offset)
{
	rec->vars[offset / 1024] |= UINT64_C(1) << (offset / 16 % 64);
}

static void walk_vars(struct tt_rec *rec, const struct tt_rec_chunk *c)
{
	uint64_t at = c->offset + sizeof(struct ttrec_chunk), end = c->offset + c->size;
	while (at + 16 <= end) {
		const struct ttrec_var *v = rec_at(rec, at);
		if (v->size == 0 && v->type == 0) { /* not claimed, or its writer died before the first store */
			at += 16;
			continue;
		}
		if (v->size < 16 || v->size % 16 || v->size > end - at) {
			rec->unreadable += end - at;
			return;
		}
		if (v->type && v->type < TTREC_VAR_MAX) {
			if (var_is_whole(v))
				var_mark(rec, at);
			else
				rec->bad_records++;
		}
		at += v->size;
	}
}

bool tt_rec_is_var(const struct tt_rec *rec, uint32_t ref, enum ttrec_var_type type)
{
	uint64_t at = ttrec_ref_offset(ref);
	if (!ref || at >= rec->size || !(rec->vars[at / 1024] >> (at / 16 % 64) & 1))
		return false;
	return ((const struct ttrec_var *)rec_at(rec, at))->type == type;
}

/* ------------------------------------------------------------------ chunks */

static bool chunk_is_good(const struct ttrec_chunk *c)
{
	return c->magic == TTREC_CHUNK_MAGIC && c->check == ~c->size && c->size >= sizeof(*c) && c->size % TTREC_ALIGN == 0;
}

/* A line without a good header: count it unless it is empty, or the head of a chunk whose writer died before its last store. */
static void pass_line(struct tt_rec *rec, uint64_t at)
{
	const uint8_t *line = rec_at(rec, at);
	uint64_t n = rec->size - at < TTREC_ALIGN ? rec->size - at : TTREC_ALIGN;
	if (is_zero(line, n & ~UINT64_C(7)))
		return;
	bool unpublished = ((const struct ttrec_chunk *)(const void *)line)->magic == 0 && n == TTREC_ALIGN &&
	                   is_zero(line + sizeof(struct ttrec_chunk), TTREC_ALIGN - sizeof(struct ttrec_chunk));
	if (!unpublished)
		rec->unreadable += n;
}

/* The next position at or behind `at` that is not in a hole; *extent is the walk's cursor. */
static uint64_t skip_hole(const struct tt_rec *rec, uint64_t at, size_t *extent)
{
	while (*extent < rec->extents.len && rec->extents.data[*extent].end <= at)
		(*extent)++;
	if (*extent == rec->extents.len)
		return rec->size;
	uint64_t start = rec->extents.data[*extent].start / TTREC_ALIGN * TTREC_ALIGN;
	return start > at ? start : at;
}

static int chunk_add(struct tt_rec *rec, uint64_t at, uint64_t *unknown)
{
	const struct ttrec_chunk *c = rec_at(rec, at);
	uint64_t size = c->size;
	if (size > rec->size - at)
		size = rec->size - at;
	if (c->type == TTREC_CHUNK_FREE)
		return 0;
	if (c->type >= TTREC_CHUNK_MAX || c->version != 0) {
		(*unknown)++;
		return 0;
	}
	if (c->type == TTREC_CHUNK_THREAD && size < sizeof(struct ttrec_thread)) {
		rec->bad_records++;
		return 0;
	}
	return tt_vec_push(&rec->chunks, ((struct tt_rec_chunk){at, size, c->type, c->index}));
}

static int list_chunks(struct tt_rec *rec)
{
	uint64_t at = rec->header.header_size, unknown = 0;
	size_t extent = 0;
	while (at < rec->size) {
		at = skip_hole(rec, at, &extent);
		if (at >= rec->size)
			break;
		const struct ttrec_chunk *c = rec_at(rec, at);
		if (rec->size - at < sizeof(*c) || !chunk_is_good(c)) {
			pass_line(rec, at);
			at += TTREC_ALIGN;
			continue;
		}
		if (chunk_add(rec, at, &unknown) < 0)
			return -ENOMEM;
		at = c->size < rec->size - at ? at + c->size : rec->size;
	}
	if (unknown)
		tt_rec_complain(
			rec, true, "%llu parts are of kinds that this version does not know", (unsigned long long)unknown);
	return 0;
}

int tt_rec_walk_chunks(struct tt_rec *rec, struct tt_err *err)
{
	rec->vars = calloc(rec->size / 1024 + 1, sizeof(rec->vars[0]));
	if (!rec->vars || list_chunks(rec) < 0)
		return tt_err_set(err, ENOMEM, "out of memory");
	const struct tt_rec_chunk *c;
	vec_for_each (c, &rec->chunks)
		if (c->type == TTREC_CHUNK_VAR)
			walk_vars(rec, c);
	return 0;
}

const struct tt_rec_chunk *tt_rec_chunk_at(const struct tt_rec *rec, uint64_t offset)
{
	size_t low = 0, high = rec->chunks.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct tt_rec_chunk *c = &rec->chunks.data[mid];
		if (offset < c->offset)
			high = mid;
		else if (offset - c->offset >= c->size)
			low = mid + 1;
		else
			return c;
	}
	return NULL;
}

bool tt_rec_is_record(const struct tt_rec *rec, uint32_t ref, enum ttrec_chunk_type type)
{
	uint64_t at = ttrec_ref_offset(ref);
	const struct tt_rec_chunk *c = ref ? tt_rec_chunk_at(rec, at) : NULL;
	if (!c || c->type != type || at < c->offset + sizeof(struct ttrec_chunk))
		return false;
	uint32_t size = slabs[type].size;
	return (at - c->offset - sizeof(struct ttrec_chunk)) % size == 0 && c->offset + c->size - at >= size;
}

/* ------------------------------------------------------------------ iteration */

struct tt_rec_iter tt_rec_iter(const struct tt_rec *rec, enum ttrec_chunk_type chunk, enum ttrec_var_type var)
{
	return (struct tt_rec_iter){.rec = rec, .chunk_type = (uint16_t)chunk, .var_type = (uint16_t)var};
}

static bool is_published(const uint8_t *record, const struct slab *s)
{
	uint64_t key = 0;
	memcpy(&key, record + s->key_offset, s->key_bytes);
	return key != 0;
}

static const void *next_in_slab(struct tt_rec_iter *it, const struct tt_rec_chunk *c)
{
	const struct slab *s = &slabs[c->type];
	while (s->size && c->offset + c->size - it->next >= s->size) {
		const uint8_t *record = rec_at(it->rec, it->next);
		it->next += s->size;
		if (is_published(record, s))
			return record;
	}
	return NULL;
}

static const void *next_var(struct tt_rec_iter *it, const struct tt_rec_chunk *c)
{
	const struct tt_rec *rec = it->rec;
	while (it->next < c->offset + c->size) {
		uint64_t at = it->next, bits = rec->vars[at / 1024] >> (at / 16 % 64);
		if (!bits) {
			it->next = (at / 1024 + 1) * 1024;
			continue;
		}
		at += 16 * (uint64_t)__builtin_ctzll(bits);
		it->next = at + 16;
		if (at < c->offset + c->size && ((const struct ttrec_var *)rec_at(rec, at))->type == it->var_type)
			return rec_at(rec, at);
	}
	return NULL;
}

const void *tt_rec_next(struct tt_rec_iter *it)
{
	for (; it->chunk < it->rec->chunks.len; it->chunk++, it->next = 0) {
		const struct tt_rec_chunk *c = &it->rec->chunks.data[it->chunk];
		if (c->type != it->chunk_type)
			continue;
		const void *found = NULL;
		bool fresh = it->next == 0;
		if (fresh)
			it->next = c->offset + sizeof(struct ttrec_chunk);
		if (c->type == TTREC_CHUNK_THREAD) {
			if (fresh)
				return rec_at(it->rec, c->offset);
		} else if (c->type == TTREC_CHUNK_VAR) {
			found = next_var(it, c);
		} else {
			found = next_in_slab(it, c);
		}
		if (found)
			return found;
	}
	return NULL;
}
