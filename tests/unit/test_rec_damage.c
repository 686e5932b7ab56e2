/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c tests/unit/recwalk.c */
/*
 * test_rec_damage.c - recordings that are cut at every length, have flipped bits, or hold noise: an error in words, or a
 * recording and a model that can be walked through to the end. Meant to be run with SAN=address,undefined too. Deterministic.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/recwalk.h"
#include "tests/unit/tap.h"

#include <stdlib.h>

static const struct tt_rec_opts offline = {.offline = true};

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
		refused += (size_t)rec_survive(copy, len);
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
		read += !rec_survive(copy, size);
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
		read += !rec_survive(copy, size);
	}
	free(copy);
	is_int(read, rounds, "records full of noise");
}

int main(void)
{
	struct recbuild *rb = rb_sample();
	is_int(rec_survive(rb_data(rb), rb_size(rb)), 0, "the sample is good");
	diag("%zu bytes", rb_size(rb));
	test_truncation(rb);
	test_bit_flips(rb, 10000, 1);
	test_bit_flips(rb, 2000, 50);
	test_noise(rb, 1000);
	rb_destroy(rb);
	return done();
}
