/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_rec_damage.c - recordings that are cut at every length, have flipped bits, or hold noise: an error in words, or a
 * recording and a model that can be walked through to the end. Meant to be run with SAN=address,undefined too. Deterministic.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <stdlib.h>

static const struct tt_rec_opts offline = {.offline = true};
static uint64_t sink; /* everything that is touched, so that the compiler must touch it */

static void touch(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sink += ((const uint8_t *)p)[i];
}
#define TOUCH(x) touch((x), sizeof(*(x)))

static void touch_stack(const struct tt_stack *s)
{
	for (unsigned i = 0; s && i < s->count; i++)
		TOUCH(&s->frames[i]);
}

static void walk_lock(const struct tt_lock *l)
{
	TOUCH(l);
	sink += l->class->id + (l->name ? strlen(l->name) : 0) + (l->owner ? l->owner->id : 0) + (l->mutex ? l->mutex->id : 0);
	touch_stack(l->birth_stack);
	for (unsigned i = 0; i < l->site_count; i++)
		TOUCH(l->sites[i].site);
	for (unsigned i = 0; i < l->pair_count; i++) {
		TOUCH(&l->pairs[i]);
		TOUCH(l->pairs[i].waiter);
		touch_stack(l->pairs[i].waiter_stack);
		touch_stack(l->pairs[i].holder_stack);
	}
	if (l->wait.hist)
		touch(l->wait.hist, TTREC_HIST_BUCKETS * 8);
}

static void walk_thread(const struct tt_thread *t)
{
	TOUCH(t);
	sink += strlen(t->name) + (t->group ? t->group->id : 0) + (t->loop ? t->loop->serial : 0);
	touch_stack(t->create_stack);
	touch_stack(t->waiting.stack);
	for (unsigned i = 0; i < t->held_count; i++)
		TOUCH(&t->held[i]);
}

/* Reads everything that a report could. */
static void walk_model(struct tt_model *m)
{
	const struct tt_thread *t;
	vec_for_each (t, &m->threads)
		walk_thread(t);
	const struct tt_lock *l;
	vec_for_each (l, &m->locks)
		walk_lock(l);
	const struct tt_lock_class *c;
	vec_for_each (c, &m->classes) {
		TOUCH(c);
		for (unsigned i = 0; i < c->pair_count; i++)
			TOUCH(&c->pairs[i]);
		for (unsigned i = 0; i < c->site_count; i++)
			TOUCH(&c->sites[i]);
	}
	const struct tt_group *g;
	vec_for_each (g, &m->groups)
		sink += strlen(g->name) + g->threads.len + g->parts.data[0].created;
	const struct tt_dep *d;
	vec_for_each (d, &m->deps)
		for (unsigned i = 0; i < d->held_count; i++)
			TOUCH(&d->held[i]);
	const struct tt_misuse *f;
	vec_for_each (f, &m->misuses)
		sink += (uintptr_t)tt_misuse_name(f->what) + (uintptr_t)tt_op_name(f->op);
	struct tt_process *const *p;
	vec_for_each (p, &m->processes) {
		sink += strlen((*p)->exe) + strlen((*p)->command);
		for (uint64_t i = 0; i < (*p)->events; i++) {
			struct tt_event e;
			tt_model_event(m, *p, i, &e);
			TOUCH(&e);
		}
	}
}

/* Opens damaged bytes and walks through all that is left. 1: refused, 0: read. Anything else is a crash. */
static int survive(const void *data, size_t size)
{
	struct tt_rec *rec;
	struct tt_model *m;
	struct tt_err err = {0};
	if (tt_rec_open_memory(data, size, "damaged", &offline, &rec, &err) < 0) {
		if (!err.msg[0] || !err.code)
			abort();
		return 1;
	}
	for (size_t i = 0; tt_rec_problem(rec, i); i++)
		sink += strlen(tt_rec_problem(rec, i));
	if (tt_rec_partial(rec) && !tt_rec_problem(rec, 0))
		abort();
	if (tt_model_create(&m, &err) < 0 || tt_model_add(m, rec, &err) < 0 || tt_model_finish(m, &err) < 0)
		abort();
	walk_model(m);
	tt_model_destroy(m);
	return 0;
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void test_truncation(const struct recbuild *rb)
{
	size_t size = rb_size(rb), refused = 0, partial_silent = 0;
	for (size_t len = 0; len <= size; len++) {
		/* A copy of exactly that length: the sanitizer sees any read beyond. */
		uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, rb_data(rb), len);
		refused += (size_t)survive(copy, len);
		struct tt_rec *rec = NULL;
		if (len % 97 == 0 && tt_rec_open_memory(copy, len, "cut", &offline, &rec, NULL) == 0)
			partial_silent += len < size && !tt_rec_partial(rec);
		tt_rec_close(rec);
		free(copy);
	}
	is_u64(refused, sizeof(struct ttrec_header), "cut within the header: refused; anywhere behind it: read");
	is_u64(partial_silent, 0, "a recording that is cut says that it is partial");
}

static void test_bit_flips(const struct recbuild *rb, unsigned rounds, unsigned flips)
{
	size_t size = rb_size(rb);
	uint8_t *copy = malloc(size);
	uint64_t state = 0x9e3779b97f4a7c15u + flips;
	unsigned read = 0;
	for (unsigned i = 0; i < rounds; i++) {
		memcpy(copy, rb_data(rb), size);
		for (unsigned k = 0; k < flips; k++) {
			uint64_t at = random_next(&state) % (size * 8);
			copy[at / 8] ^= (uint8_t)(1u << at % 8);
		}
		read += !survive(copy, size);
	}
	free(copy);
	ok(read > rounds / 4, "%u recordings with %u flipped bits each: %u were read, none crashed", rounds, flips, read);
}

/* Random bytes over everything behind the header, chunk headers left whole. */
static void test_noise(const struct recbuild *rb, unsigned rounds)
{
	size_t size = rb_size(rb);
	uint8_t *copy = malloc(size);
	uint64_t state = 42;
	unsigned read = 0;
	for (unsigned i = 0; i < rounds; i++) {
		memcpy(copy, rb_data(rb), size);
		for (uint64_t at = TTREC_HEADER_SIZE; at < size;) {
			struct ttrec_chunk *c = (void *)(copy + at);
			uint64_t end = at + c->size;
			for (at += sizeof(*c); at < end; at += 8) {
				uint64_t word = random_next(&state);
				if (word % 4 == 0) /* small numbers go further than large ones */
					word = word >> 8 & 0xff;
				if (word % 3)
					memcpy(copy + at, &word, 8);
			}
		}
		read += !survive(copy, size);
	}
	free(copy);
	is_int(read, rounds, "records full of noise");
}

int main(void)
{
	struct recbuild *rb = rb_sample();
	is_int(survive(rb_data(rb), rb_size(rb)), 0, "the sample is good");
	diag("%zu bytes", rb_size(rb));
	test_truncation(rb);
	test_bit_flips(rb, 10000, 1);
	test_bit_flips(rb, 2000, 50);
	test_noise(rb, 1000);
	rb_destroy(rb);
	return done();
}
