/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recbuild.h - builds recordings by hand, record by record, as the shim would write them: what tests of readers and reports
 * read.
 *
 *   struct recbuild *rb = rb_create("demo", 4242);
 *   struct ttrec_thread *t = rb_thread(rb, 1, TTREC_THREAD_RUNNING);
 *   struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x5000, RB_SITE(0x401000, LOCK));
 *   rb_count(rb, t, l, RB_SITE(0x401010, LOCK), 1000);
 *   struct tt_rec *rec = rb_open(rb);
 *
 * Pointers stay valid until rb_destroy(). Errors abort: this is for tests. A test uses it by a first line
 * "LINK: tests/unit/recbuild.c" in a comment of its own.
 */
#ifndef TT_TESTS_RECBUILD_H
#define TT_TESTS_RECBUILD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/ttrec_format.h"
#include "lib/model/model.h"
#include "lib/rec/reader.h"

#define RB_SITE(pc, op) TTREC_SITE((pc), TTREC_OP_##op)
#define RB_MAX          (UINT64_C(1) << 30)

struct recbuild {
	uint8_t *base; /* RB_MAX bytes, zero */
	struct ttrec_header *header;
	struct ttrec_chunk *slab[TTREC_CHUNK_MAX];
	bool small; /* chunks of few records, where a recording of few bytes is wanted */
};

/* A recording of program `exe` with that pid; ended by exit(0) after 1 s, by default. */
struct recbuild *rb_create(const char *exe, uint32_t pid);
void rb_destroy(struct recbuild *rb);

/* The bytes: header.next of them count. */
const void *rb_data(const struct recbuild *rb);
size_t rb_size(const struct recbuild *rb);

/* Opens it (offline unless opts says else) and expects success; the recording's name is the exe. */
struct tt_rec *rb_open(const struct recbuild *rb);
/* The finished model of one or two recordings (b may be NULL). */
struct tt_model *rb_model(const struct recbuild *a, const struct recbuild *b);
/* Writes it to a file (created or replaced, of header.file_size bytes). */
void rb_write(const struct recbuild *rb, const char *path);

uint32_t rb_ref(const struct recbuild *rb, const void *record);
void *rb_at(const struct recbuild *rb, uint32_t ref);

/* ------------------------------------------------------------------ space */

struct ttrec_chunk *rb_chunk(struct recbuild *rb, enum ttrec_chunk_type type, uint64_t size, uint32_t index);
void *rb_slab(struct recbuild *rb, enum ttrec_chunk_type type, uint32_t record_size, uint32_t capacity);
void *rb_var(struct recbuild *rb, enum ttrec_var_type type, uint32_t size);

/* ------------------------------------------------------------------ records */

struct ttrec_thread *rb_thread(struct recbuild *rb, uint64_t serial, enum ttrec_thread_state state);
/* Gives the thread a larger table, as table_grow() does. lines: power of two. */
void rb_grow_table(struct recbuild *rb, struct ttrec_thread *t, uint32_t lines);
/* The same for its held stack. */
void rb_grow_held(struct recbuild *rb, struct ttrec_thread *t, uint32_t entries);
/* In a line of its own, as its first entry. */
struct ttrec_line *rb_count(struct recbuild *rb, struct ttrec_thread *t, const struct ttrec_lock *l, uint64_t site, uint32_t n);
/* since_ns 0: not timed. flags: enum ttrec_held_flag besides TIMED. */
void rb_held(struct recbuild *rb, struct ttrec_thread *t, uint64_t address, uint64_t site, uint64_t since_ns, unsigned flags);
void rb_waiting(struct ttrec_thread *t, const struct ttrec_lock *l, uint64_t site, uint64_t since_ns, uint64_t other);

struct ttrec_lock *rb_lock(struct recbuild *rb, enum ttrec_kind kind, uint64_t address, uint64_t birth_site);
/* count as operations; the tag is 0. */
struct ttrec_lsite *rb_lsite(struct recbuild *rb, const struct ttrec_lock *l, uint64_t site, uint64_t count);
/* l NULL: TTREC_NO_LOCK. */
struct ttrec_wait *rb_wait(struct recbuild *rb, const struct ttrec_lock *l, uint64_t waiter, uint64_t holder, uint64_t count,
	uint64_t total_ns, uint64_t max_ns);
struct ttrec_stat *rb_stat(struct recbuild *rb, const struct ttrec_lock *l, uint32_t mode);
void rb_stat_add(struct ttrec_stat *s, uint64_t ns, uint64_t times);

struct ttrec_group *rb_group(struct recbuild *rb, uint64_t start_routine, uint64_t create_site);
struct ttrec_lineage *rb_lineage(struct recbuild *rb, uint64_t serial);
struct ttrec_loop *rb_loop(struct recbuild *rb, uint64_t thread, uint64_t site);

uint32_t rb_stack(struct recbuild *rb, const uint64_t *pc, unsigned count);
/* build_id_byte: 20 times this byte; 0: no build-id. bias = start. */
struct ttrec_module *rb_module(struct recbuild *rb, const char *path, uint64_t start, uint64_t size, uint8_t build_id_byte);
uint32_t rb_string(struct recbuild *rb, const char *text);
struct ttrec_dep *rb_dep(struct recbuild *rb, const struct ttrec_lock *wanted, uint64_t site,
	const struct ttrec_lock *const *held, const uint64_t *held_sites, unsigned held_count, const struct ttrec_thread *t);
struct ttrec_misuse *rb_misuse(struct recbuild *rb, enum ttrec_misuse_type what, const struct ttrec_lock *l, uint64_t site);
/* The ring has `events_per_segment` events per segment and header.event_bytes / TTREC_EVENT_SEGMENT segments. */
/* A wait that the thread has logged, and that is not charged yet. l NULL: a join. */
struct ttrec_event *rb_logged(
	struct ttrec_thread *t, const struct ttrec_lock *l, uint64_t waiter, uint64_t holder, uint64_t end_ns, uint64_t dur_ns);
struct ttrec_event *rb_event(
	struct recbuild *rb, enum ttrec_event_type type, uint64_t thread, uint64_t end_ns, uint64_t dur_ns);

/* A recording with one of everything that is written: for truncation, bit flips, the fuzzer's seed. */
struct recbuild *rb_sample(void);

#endif
