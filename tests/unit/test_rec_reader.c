/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_rec_reader.c - the reader: what it accepts, what it refuses and in which words, every rule of normalising.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tt_rec_opts offline = {.offline = true};

static bool has_problem(const struct tt_rec *rec, const char *part)
{
	for (size_t i = 0; tt_rec_problem(rec, i); i++)
		if (strstr(tt_rec_problem(rec, i), part))
			return true;
	return false;
}

static int refuse(const void *data, size_t size, struct tt_err *err)
{
	struct tt_rec *rec = NULL;
	*err = (struct tt_err){0};
	int rc = tt_rec_open_memory(data, size, "x", &offline, &rec, err);
	tt_rec_close(rec);
	return rc;
}

static size_t count_all(const struct tt_rec *rec, enum ttrec_chunk_type chunk, enum ttrec_var_type var)
{
	size_t n = 0;
	struct tt_rec_iter it = tt_rec_iter(rec, chunk, var);
	while (tt_rec_next(&it))
		n++;
	return n;
}

/* ------------------------------------------------------------------ */

static void test_sample(void)
{
	struct recbuild *rb = rb_sample();
	struct tt_rec *rec = rb_open(rb);
	ok(!tt_rec_partial(rec) && !tt_rec_problem(rec, 0), "a good recording has no problems");
	is_int(count_all(rec, TTREC_CHUNK_THREAD, 0), 3, "threads");
	is_int(count_all(rec, TTREC_CHUNK_LOCK, 0), 3, "locks");
	is_int(count_all(rec, TTREC_CHUNK_LSITE, 0), 1, "lock sites");
	is_int(count_all(rec, TTREC_CHUNK_WAIT, 0), 2, "waits");
	is_int(count_all(rec, TTREC_CHUNK_STAT, 0), 1, "histograms");
	is_int(count_all(rec, TTREC_CHUNK_GROUP, 0), 1, "groups");
	is_int(count_all(rec, TTREC_CHUNK_LOOP, 0), 1, "loops");
	is_int(count_all(rec, TTREC_CHUNK_LINEAGE, 0), 1, "lineages");
	is_int(count_all(rec, TTREC_CHUNK_VAR, TTREC_VAR_STACK), 1, "stacks");
	is_int(count_all(rec, TTREC_CHUNK_VAR, TTREC_VAR_MODULE), 1, "modules");
	is_int(count_all(rec, TTREC_CHUNK_VAR, TTREC_VAR_STRING), 1, "strings");
	is_int(count_all(rec, TTREC_CHUNK_VAR, TTREC_VAR_DEP), 1, "lock-order facts");
	is_int(count_all(rec, TTREC_CHUNK_VAR, TTREC_VAR_MISUSE), 1, "misuse");
	is_int(tt_rec_event_count(rec), 6, "events, with the one that a thread has logged");
	is_u64(tt_rec_events_lost(rec), 0, "which has no number yet");
	is_str(tt_rec_string(rec, tt_rec_lock(rec, 0)->name), "big lock", "a lock's name");
	is_int(tt_rec_stack(rec, tt_rec_lock(rec, 0)->birth_stack)->count, 3, "a lock's birth stack");
	is_u64(tt_rec_end_ns(rec, NULL), 1000000001, "the end");
	is_int(tt_rec_life(rec), TT_REC_ENDED, "ended");
	ok(!tt_rec_lock(rec, 3) && !tt_rec_lock(rec, 1u << 20) && !tt_rec_stack(rec, 0) && !tt_rec_string(rec, 12345) &&
			!tt_rec_stack(rec, 0xffffffffu),
		"references to nothing give nothing");
	tt_rec_close(rec);
	rb_destroy(rb);
}

static void test_refused(void)
{
	struct recbuild *rb = rb_sample();
	struct ttrec_header good = *rb->header;
	struct tt_err err;
	is_int(refuse("", 0, &err), -EINVAL, "an empty file is refused");
	has_str(err.msg, "cannot open 'x': not a recording: only 0 bytes", "in words");
	is_int(refuse("#!/bin/sh\necho a long enough text", 30, &err), -EINVAL, "so is a text");
	is_int(refuse(rb_data(rb), 100, &err), -EINVAL, "so is a cut header");
	has_str(err.msg, "cut off within its header: 100 of", "in words");

	memcpy(rb->header->magic, "TTREC\n\x1a\0", 8);
	is_int(refuse(rb_data(rb), rb_size(rb), &err), -EINVAL, "text-mode damage");
	has_str(err.msg, "text mode", "is named");
	*rb->header = good;
	rb->header->major = 7;
	rb->header->minor = 3;
	is_int(refuse(rb_data(rb), rb_size(rb), &err), -ENOTSUP, "another major version is refused");
	has_str(err.msg, "version 7.3, this program reads version 0", "and both versions are named");
	*rb->header = good;
	rb->header->endian = 0x04030201;
	is_int(refuse(rb_data(rb), rb_size(rb), &err), -ENOTSUP, "the other byte order is refused");
	*rb->header = good;
	rb->header->word_size = 4;
	is_int(refuse(rb_data(rb), rb_size(rb), &err), -ENOTSUP, "another word size is refused");
	*rb->header = good;
	rb->header->ready = 0;
	is_int(refuse(rb_data(rb), rb_size(rb), &err), -EAGAIN, "an unfinished header asks to try again");
	memset(rb->header->magic, 0, sizeof(rb->header->magic));
	is_int(refuse(rb_data(rb), rb_size(rb), &err), -EAGAIN, "and so does one of which nothing is written yet");
	*rb->header = good;
	rb->header->minor = 99;
	is_int(refuse(rb_data(rb), rb_size(rb), &err), 0, "a later minor version is read");

	struct tt_rec *rec;
	is_int(tt_rec_open("/nonexistent", NULL, &rec, &err), -ENOENT, "a missing file");
	is_int(tt_rec_open("/dev/zero", NULL, &rec, &err), -EINVAL, "a device is refused");
	is_int(tt_rec_open("/tmp", NULL, &rec, &err), -EINVAL, "a directory is refused");
	is_int(tt_rec_open("/nonexistent", NULL, &rec, NULL), -ENOENT, "words may be unwanted");
	rb_destroy(rb);
}

static void test_header_damage(void)
{
	struct recbuild *rb = rb_sample();
	size_t size = rb_size(rb);
	struct ttrec_header *h = rb->header;
	memset(h->exe, 'x', sizeof(h->exe));
	h->command_len = 1u << 30;
	h->state = 77;
	h->header_size = 13;
	h->next = 5;
	h->hold_period = 0;
	h->exe_build_id_len = 200;
	struct tt_rec *rec;
	struct tt_err err = {0};
	if (!ok(tt_rec_open_memory(rb_data(rb), size, "x", &offline, &rec, &err) == 0, "a damaged header is read: %s", err.msg))
		return;
	const struct ttrec_header *r = tt_rec_header(rec);
	is_int(strlen(r->exe), sizeof(r->exe) - 1, "texts end");
	is_int(r->command_len, sizeof(r->command), "the command line is cut");
	is_int(r->hold_period, 1, "the hold period is usable");
	is_int(r->exe_build_id_len, 0, "a build-id that cannot be is none");
	is_int(tt_rec_life(rec), TT_REC_KILLED, "an unreadable end is none");
	is_int(count_all(rec, TTREC_CHUNK_THREAD, 0), 3, "the chunks are found");
	ok(has_problem(rec, "header does not tell how much"), "and it says so");
	tt_rec_close(rec);
	rb_destroy(rb);
}

/* The word that says how much is used was damaged, to the beginning or the middle of a chunk: in memory and in a file. */
static void test_next_damage(uint64_t beyond_first)
{
	char path[] = "/tmp/test_rec_reader.XXXXXX";
	int fd = mkstemp(path);
	struct recbuild *rb = rb_sample();
	struct ttrec_chunk *first = (void *)(rb->base + TTREC_HEADER_SIZE);
	size_t size = rb_size(rb);
	rb_write(rb, path);
	rb->header->next = TTREC_HEADER_SIZE + first->size + beyond_first;
	ok(pwrite(fd, rb->header, TTREC_HEADER_SIZE, 0) == TTREC_HEADER_SIZE,
		"a file whose header knows only of its beginning");
	struct tt_rec *rec[2] = {NULL};
	struct tt_err err = {0};
	ok(tt_rec_open_memory(rb_data(rb), size, "x", &offline, &rec[0], &err) == 0 &&
			tt_rec_open(path, &offline, &rec[1], &err) == 0,
		"opens: %s", err.msg);
	for (unsigned i = 0; i < 2 && rec[i]; i++) {
		is_int(count_all(rec[i], TTREC_CHUNK_THREAD, 0), 3, "what lies behind is found");
		ok(has_problem(rec[i], "header does not tell how much"), "and it says so");
		tt_rec_close(rec[i]);
	}
	close(fd);
	unlink(path);
	rb_destroy(rb);
}

/* ------------------------------------------------------------------ chunks */

static void test_resync(void)
{
	struct recbuild *rb = rb_create("x", 1);
	rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_thread *bad = rb_thread(rb, 2, TTREC_THREAD_RUNNING);
	rb_thread(rb, 3, TTREC_THREAD_RUNNING);
	bad->chunk.check ^= 1;
	memset(bad->name, 0x55, sizeof(bad->name));
	struct tt_rec *rec = rb_open(rb);
	is_int(count_all(rec, TTREC_CHUNK_THREAD, 0), 2, "the chunk behind a damaged one is found");
	ok(tt_rec_partial(rec) && has_problem(rec, "bytes are not readable"), "the recording is partial");
	ok(tt_rec_unreadable(rec) >= 64 && tt_rec_unreadable(rec) <= sizeof(*bad), "lost bytes are counted: %" PRIu64,
		tt_rec_unreadable(rec));
	tt_rec_close(rec);

	bad->chunk.check ^= 1;
	bad->chunk.type = 999;
	rec = rb_open(rb);
	is_int(count_all(rec, TTREC_CHUNK_THREAD, 0), 2, "a chunk of a later kind is stepped over by its size");
	ok(has_problem(rec, "1 parts are of kinds"), "and it says so");
	tt_rec_close(rec);
	rb_destroy(rb);
}

static void test_unpublished(void)
{
	struct recbuild *rb = rb_create("x", 1);
	rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	/* Claimed by a writer that died before its last store, and one that did not come to any store. */
	struct ttrec_chunk *c = rb_chunk(rb, TTREC_CHUNK_WAIT, 6400, 0);
	c->magic = 0;
	memset(rb_chunk(rb, TTREC_CHUNK_WAIT, 6400, 0), 0, sizeof(*c));
	struct ttrec_stack *s = rb_at(rb, rb_stack(rb, (const uint64_t[]){1, 2}, 2));
	s->var.type = 0;
	rb_stack(rb, (const uint64_t[]){3}, 1);
	struct ttrec_string *t = rb_at(rb, rb_string(rb, ""));
	t->var.type = 0;
	t->var.size = 0; /* died between claim and size */
	rb_stack(rb, (const uint64_t[]){4}, 1);
	struct tt_rec *rec = rb_open(rb);
	ok(!tt_rec_partial(rec) && !tt_rec_problem(rec, 0), "what was claimed and never published is no problem");
	is_int(count_all(rec, TTREC_CHUNK_WAIT, 0), 0, "and is not seen");
	is_int(count_all(rec, TTREC_CHUNK_VAR, TTREC_VAR_STACK), 2, "records behind it are found");
	tt_rec_close(rec);
	rb_destroy(rb);
}

static void test_var_damage(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_stack *s = rb_at(rb, rb_stack(rb, (const uint64_t[]){1, 2}, 2));
	s->count = 4000;
	struct ttrec_module *m = rb_module(rb, "/bin/a", 0x1000, 0x1000, 0);
	m->path_len = 0x10000;
	struct ttrec_string *t = rb_at(rb, rb_string(rb, "abc"));
	memset(t->text, 'a', t->var.size - sizeof(*t));
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x10, 1);
	l->name = rb_ref(rb, t);
	l->birth_stack = rb_ref(rb, s);
	struct tt_rec *rec = rb_open(rb);
	is_int(count_all(rec, TTREC_CHUNK_VAR, TTREC_VAR_STACK), 0, "a stack longer than its record is left out");
	is_int(count_all(rec, TTREC_CHUNK_VAR, TTREC_VAR_MODULE), 0, "a module with a path beyond its record too");
	is_int(count_all(rec, TTREC_CHUNK_VAR, TTREC_VAR_STRING), 0, "a text without end too");
	ok(tt_rec_lock(rec, 0)->name == 0 && tt_rec_lock(rec, 0)->birth_stack == 0, "references to them are none");
	ok(has_problem(rec, "3 records make no sense") && has_problem(rec, "2 references lead nowhere"), "all of it is said");
	tt_rec_close(rec);
	rb_destroy(rb);
}

/* ------------------------------------------------------------------ threads */

static void test_tables(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x10, RB_SITE(0x1000, LOCK));
	struct ttrec_thread *in = rb_thread(rb, 1, TTREC_THREAD_RUNNING), *grown = rb_thread(rb, 2, TTREC_THREAD_RUNNING),
			    *thief = rb_thread(rb, 3, TTREC_THREAD_RUNNING), *odd = rb_thread(rb, 4, TTREC_THREAD_RUNNING);
	rb_count(rb, in, l, RB_SITE(0x1000, LOCK), 5);
	rb_count(rb, grown, l, RB_SITE(0x1000, LOCK), 7);
	rb_grow_table(rb, grown, 256);
	rb_count(rb, grown, l, RB_SITE(0x2000, LOCK), 11);
	thief->table_ref = grown->table_ref;
	thief->table_mask = grown->table_mask;
	odd->table_mask = 100;
	in->base = 2;
	rb_count(rb, in, l, RB_SITE(0x3000, LOCK), 0)->uid = 77; /* of no lock, but it counts nothing */
	in->evicted = 10;
	struct tt_rec *rec = rb_open(rb);
	struct tt_rec_iter it;
	const struct ttrec_thread *t;
	uint64_t want[] = {13, 18, 0, 0}, i = 0;
	rec_for_each_thread(it, t, rec)
	{
		is_u64(tt_rec_thread_operations(rec, t), want[i], "operations of thread %" PRIu64, t->serial);
		i++;
	}
	ok(!has_problem(rec, "references"), "an entry that counts nothing may refer to nothing");
	ok(has_problem(rec, "counts of thread slot 2") && has_problem(rec, "counts of thread slot 3"),
		"a table used twice and a size that is none are said");
	tt_rec_close(rec);
	rb_destroy(rb);
}

/* One eviction interrupted at the given point; returns the acquisitions that reader and lsite give together. */
static uint64_t evicted_sum(unsigned phase, bool added, bool cleared, uint32_t slot, uint64_t *ops)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x10, RB_SITE(0x1000, LOCK));
	struct ttrec_thread *t = rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	t->slot = slot;
	rb_count(rb, t, l, RB_SITE(0x3000, LOCK), 0);
	struct ttrec_line *line = rb_count(rb, t, l, RB_SITE(0x2000, LOCK), 1);
	struct ttrec_count *e = &line->count[2];
	*e = (struct ttrec_count){.site = RB_SITE(0x1000, LOCK), .n = 40};
	struct ttrec_lsite *s = rb_lsite(rb, l, RB_SITE(0x1000, LOCK), added ? 140 : 100);
	uint64_t seq = 0x301, tag = slot + 1 < 4096 ? slot + 1 : 0;
	s->count |= added ? tag << 8 | (seq & 0xff) : 3 << 8 | 9;
	t->journal = (struct ttrec_journal){
		.word = seq << 2 | phase, .n = 40, .lsite = rb_ref(rb, s), .entry = (uint32_t)(line - t->table) * 4 + 2};
	if (cleared)
		e->site = e->n = 0;
	struct tt_rec *rec = rb_open(rb);
	struct tt_rec_iter it;
	const struct ttrec_lsite *ls;
	uint64_t sum = 0;
	rec_for_each_lsite(it, ls, rec) sum += tt_rec_lsite_count(ls);
	const struct ttrec_thread *rt;
	rec_for_each_thread(it, rt, rec)
	{
		struct tt_rec_counts c = tt_rec_counts(rec, rt);
		for (uint32_t i = 0; i < c.len; i++)
			sum += c.table[i].lock ? tt_rec_line_operations(&c.table[i]) : 0;
		*ops = tt_rec_thread_operations(rec, rt);
	}
	tt_rec_close(rec);
	rb_destroy(rb);
	return sum;
}

static void test_journal(void)
{
	uint64_t ops;
	is_u64(evicted_sum(0, false, false, 0, &ops), 141, "no eviction under way: table and lsite add up");
	is_u64(ops, 41, "for the thread too");
	is_u64(evicted_sum(1, false, false, 0, &ops), 141, "killed before the addition: the entry still counts");
	is_u64(ops, 41, "for the thread too");
	is_u64(evicted_sum(1, true, false, 0, &ops), 141, "killed right after the addition: the entry does not count again");
	is_u64(ops, 41, "but does for the thread");
	is_u64(evicted_sum(2, true, false, 0, &ops), 141, "killed after noting the addition: likewise");
	is_u64(evicted_sum(2, true, true, 0, &ops), 141, "killed after emptying the entry");
	is_u64(evicted_sum(1, true, false, 70000, &ops), 141, "slots beyond the tag's range");
}

static void test_held(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_thread *a = rb_thread(rb, 1, TTREC_THREAD_RUNNING), *b = rb_thread(rb, 2, TTREC_THREAD_RUNNING),
			    *c = rb_thread(rb, 3, TTREC_THREAD_RUNNING);
	for (uint64_t i = 0; i < 20; i++)
		rb_held(rb, a, 0x1000 + i, RB_SITE(0x2000, LOCK), 0, 0);
	b->held_depth = 17;
	c->held_depth = 5000;
	c->held_ref = a->held_ref;
	struct tt_rec *rec = rb_open(rb);
	struct tt_rec_iter it;
	const struct ttrec_thread *t;
	uint32_t n[3] = {9, 9, 9}, i = 0;
	rec_for_each_thread(it, t, rec)
	{
		const struct ttrec_held *h = tt_rec_held(rec, t, &n[i]);
		if (i++ == 0)
			is_u64(h[19].lock, 0x1013, "a grown held stack is read");
	}
	ok(n[0] == 20 && n[1] == 0 && n[2] == 0, "depths beyond the stack are none: %u %u %u", n[0], n[1], n[2]);
	ok(has_problem(rec, "locks held by thread"), "and it says so");
	tt_rec_close(rec);
	rb_destroy(rb);
}

static void test_waiting(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x10, RB_SITE(0x1000, LOCK));
	struct ttrec_thread *t[4];
	for (unsigned i = 0; i < 4; i++) {
		t[i] = rb_thread(rb, i + 1, TTREC_THREAD_RUNNING);
		rb_waiting(t[i], l, RB_SITE(0x1000, LOCK), 5, 0);
	}
	t[1]->waiting.seq = 3;
	t[2]->waiting.op = 200;
	t[3]->waiting.stack = 77;
	struct tt_rec *rec = rb_open(rb);
	struct tt_rec_iter it;
	const struct ttrec_thread *r;
	bool waits[4];
	unsigned i = 0;
	rec_for_each_thread(it, r, rec) waits[i++] = tt_rec_waiting(rec, r);
	ok(waits[0] && !waits[1] && !waits[2] && waits[3], "half-written or impossible waits are none");
	tt_rec_close(rec);
	rb_destroy(rb);
}

/* ------------------------------------------------------------------ locks, events, end */

static void test_lock_index(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_lock *a = rb_lock(rb, TTREC_KIND_MUTEX, 0x10, 1), *b = rb_lock(rb, TTREC_KIND_MUTEX, 0x20, 1);
	a->index = 5; /* damage: the place decides */
	b->kind = 99;
	rb->slab[TTREC_CHUNK_LOCK]->used = TTREC_SLAB_LOCKS;
	struct ttrec_lock *far = rb_lock(rb, TTREC_KIND_MUTEX, 0x30, 1);
	rb->slab[TTREC_CHUNK_LOCK]->index = TTREC_MAX_LOCKS - 1;
	rb_wait(rb, far, RB_SITE(1, LOCK), 0, 1, 1, 1)->lock = 0xfffffff0;
	rb_count(rb, rb_thread(rb, 1, TTREC_THREAD_RUNNING), far, RB_SITE(1, LOCK), 5)->uid = 9;
	struct tt_rec *rec = rb_open(rb);
	ok(tt_rec_lock(rec, 0) && tt_rec_lock(rec, 0)->index == 0, "a lock's index is its place");
	ok(!tt_rec_lock(rec, 1), "an impossible kind is no lock");
	is_u64(tt_rec_lock(rec, TTREC_MAX_LOCKS - 1)->address, 0x30, "the last index");
	ok(tt_rec_lock_by_uid(rec, TTREC_UID(TTREC_MAX_LOCKS - 1, 7)), "by uid, whatever its generation");
	ok(has_problem(rec, "2 references lead nowhere"), "a wait for no lock, and counts of none, are said");
	tt_rec_close(rec);
	rb_destroy(rb);
}

static void test_events(void)
{
	struct recbuild *rb = rb_create("x", 1);
	rb->header->event_bytes = 2 * TTREC_EVENT_SEGMENT;
	uint32_t ring = 2 * rb->header->events_per_segment;
	struct ttrec_event *last = NULL;
	for (uint64_t i = 0; i < ring + 100; i++)
		last = rb_event(rb, TTREC_EVENT_WAIT, 1, 1000 + i, 1);
	last->seq = 0; /* its writer died */
	struct tt_rec *rec = rb_open(rb);
	is_u64(tt_rec_event_count(rec), ring - 1, "the ring keeps the newest");
	is_u64(tt_rec_event(rec, 0)->seq, 101, "oldest first");
	is_u64(tt_rec_event(rec, ring - 2)->seq, ring + 99, "newest last");
	is_u64(tt_rec_events_torn(rec), 1, "a half-written one is left out and counted");
	is_u64(tt_rec_events_lost(rec), 101, "so are overwritten ones");
	bool sorted = true;
	for (size_t i = 1; i < tt_rec_event_count(rec); i++)
		sorted &= tt_rec_event(rec, i)->seq == tt_rec_event(rec, i - 1)->seq + 1;
	ok(sorted, "in the order of their numbers");
	ok(!tt_rec_event(rec, ring), "none beyond the last");
	tt_rec_close(rec);

	last->seq = UINT64_MAX - 5; /* numbers far apart need a real sort */
	rec = rb_open(rb);
	is_u64(tt_rec_event(rec, tt_rec_event_count(rec) - 1)->seq, UINT64_MAX - 5, "a wild number does not cost memory");
	tt_rec_close(rec);
	rb_destroy(rb);
}

/* Waits that threads have logged, and no ring has. */
static void test_logged(void)
{
	struct recbuild *rb = rb_create("x", 1);
	struct ttrec_thread *a = rb_thread(rb, 1, TTREC_THREAD_RUNNING), *b = rb_thread(rb, 2, TTREC_THREAD_RUNNING);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x10, RB_SITE(1, LOCK));
	uint64_t pc[] = {1, 2};
	uint32_t stack = rb_stack(rb, pc, 2);
	a->logged_first = a->logged_next = UINT32_MAX - 3; /* numbers wrap */
	for (uint64_t i = 0; i < TTREC_LOGGED_MAX; i++)
		rb_logged(a, l, RB_SITE(1, LOCK), 0, 5000 - i, 7)->seq = TTREC_LOGGED(0, stack, i == 1);
	rb_logged(b, l, RB_SITE(1, LOCK), 0, 3000, 7)->seq = TTREC_LOGGED(0, stack + 1, false);
	rb_event(rb, TTREC_EVENT_START, 1, 4990, 0);
	struct tt_rec *rec = rb_open(rb);
	is_u64(tt_rec_event_count(rec), TTREC_LOGGED_MAX + 2, "they are among the events");
	is_u64(tt_rec_event(rec, 0)->end_ns, 3000, "which come in the order of their ends");
	bool sorted = true;
	for (size_t i = 1; i < tt_rec_event_count(rec); i++)
		sorted &= tt_rec_event(rec, i)->end_ns >= tt_rec_event(rec, i - 1)->end_ns;
	ok(sorted && tt_rec_event(rec, TTREC_LOGGED_MAX + 1)->end_ns == 5000, "whatever their numbers say");
	is_u64(tt_rec_events_lost(rec), 0, "and none is lost");
	is_u64(TTREC_LOGGED_STACK(tt_rec_event(rec, 0)->seq), 0, "a stack that is none is taken away");
	uint64_t timed = tt_rec_event(rec, TTREC_LOGGED_MAX)->seq;
	ok(TTREC_LOGGED_TIMED_OUT(timed) && TTREC_LOGGED_STACK(timed) == stack,
		"another, and the deadline that passed, are kept");
	tt_rec_close(rec);

	struct ttrec_event good = a->logged[0];
	a->logged[0].type = TTREC_EVENT_FORK;
	a->logged[1].op = 200;
	b->logged_next += TTREC_LOGGED_MAX;
	rec = rb_open(rb);
	is_u64(tt_rec_event_count(rec), TTREC_LOGGED_MAX - 1, "what cannot have been logged is left out");
	ok(tt_rec_partial(rec) || tt_rec_problem(rec, 0), "and said");
	tt_rec_close(rec);
	a->logged[0] = good;
	rb_destroy(rb);
}

/* Operations that were counted in a lock's record belong to the total of their site. */
static void test_tally(void)
{
	struct recbuild *rb = rb_create("x", 1);
	uint64_t post = RB_SITE(0x100, SEM_POST), try = RB_SITE(0x200, SEM_TRYWAIT), other = RB_SITE(0x300, SEM_POST);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_SEM, 0x10, post), *m = rb_lock(rb, TTREC_KIND_MUTEX, 0x20, post);
	m->stat_rdwait = 12345; /* of a mutex it is a ref; of a semaphore it is none */
	l->signals = 12345;
	rb_lsite(rb, l, post, 200);
	rb_lsite(rb, l, other, 7);
	rb_lsite(rb, l, try, 30);
	l->tally[ttrec_tally_slot(l->kind, post)] = (struct ttrec_tally){ttrec_tally_tag(post), 5};
	l->tally[ttrec_tally_slot(l->kind, try)] = (struct ttrec_tally){ttrec_tally_tag(try), UINT32_MAX};
	l->tally[ttrec_tally_slot(l->kind, RB_SITE(1, SEM_WAIT))] = (struct ttrec_tally){77, 1000};
	struct tt_rec *rec = rb_open(rb);
	struct tt_rec_iter it;
	const struct ttrec_lsite *s;
	uint64_t sum[3] = {0};
	rec_for_each_lsite(it, s, rec) sum[s->site == post ? 0 : s->site == try ? 1 : 2] += tt_rec_lsite_count(s);
	is_u64(sum[0], 205, "what a lock's record counted is in the site's total");
	is_u64(sum[1], 30 + (uint64_t)UINT32_MAX, "however much it is");
	is_u64(sum[2], 7, "and in no other's");
	ok(has_problem(rec, "1 references lead nowhere"), "a semaphore has no histogram of readers");
	tt_rec_close(rec);
	rb_destroy(rb);
}

static void test_end(void)
{
	struct recbuild *rb = rb_create("x", 1);
	rb->header->state = TTREC_STATE_RUNNING;
	rb->header->end_ns = 0;
	struct ttrec_thread *t = rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	t->started_ns = 300;
	rb_lock(rb, TTREC_KIND_MUTEX, 0x10, 1)->birth_ns = 7000;
	rb_event(rb, TTREC_EVENT_START, 1, 6500, 0);
	rb_lock(rb, TTREC_KIND_MUTEX, 0x20, 1)->birth_ns = UINT64_C(1) << 63; /* a flipped bit */
	struct tt_rec *rec = rb_open(rb);
	bool estimated = false;
	is_u64(tt_rec_end_ns(rec, &estimated), 7000, "a killed process ended at its last fact");
	ok(estimated && tt_rec_life(rec) == TT_REC_KILLED, "which is an estimate");
	tt_rec_close(rec);
	rb_destroy(rb);
}

/* ------------------------------------------------------------------ files */

/* A recording of this very process, as a live one would be. */
static void test_live(void)
{
	char path[] = "/tmp/test_rec_reader.XXXXXX";
	int fd = mkstemp(path);
	struct recbuild *rb = rb_create("x", (uint32_t)getpid());
	struct ttrec_header *h = rb->header;
	struct stat st;
	h->state = TTREC_STATE_RUNNING;
	h->proc_start_ticks = 0;
	h->pid_ns = stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
	struct ttrec_thread *t = rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x10, RB_SITE(0x1000, LOCK));
	rb_waiting(t, l, RB_SITE(0x1000, LOCK), 5, 0);
	rb_held(rb, t, 0x20, RB_SITE(0x1000, LOCK), 0, 0);
	rb_write(rb, path);
	ok(ftruncate(fd, 64 << 20) == 0, "a file longer than its used part");

	struct tt_rec *rec;
	struct tt_err err = {0};
	struct tt_rec_opts opts = {.now_mono_ns = h->start_mono_ns + 999};
	if (ok(tt_rec_open(path, &opts, &rec, &err) == 0, "opens: %s", err.msg)) {
		is_int(tt_rec_life(rec), TT_REC_RUNNING, "its process lives");
		is_u64(tt_rec_end_ns(rec, NULL), 1000, "its end is now");
		struct tt_rec_iter it = tt_rec_iter(rec, TTREC_CHUNK_THREAD, 0);
		const struct ttrec_thread *r = tt_rec_next(&it);
		uint32_t n = 0;
		ok(tt_rec_waiting(rec, r) && tt_rec_held(rec, r, &n) && n == 1, "what a thread waits for and holds");
		tt_rec_close(rec);
	}
	h->proc_start_ticks = 1;
	rb_write(rb, path);
	if (ok(tt_rec_open(path, NULL, &rec, &err) == 0, "opens")) {
		is_int(tt_rec_life(rec), TT_REC_KILLED, "another process with its pid is not it");
		tt_rec_close(rec);
	}
	h->pid_ns = 1;
	rb_write(rb, path);
	if (ok(tt_rec_open(path, NULL, &rec, &err) == 0, "opens")) {
		is_int(tt_rec_life(rec), TT_REC_UNKNOWN, "a pid of another namespace tells nothing");
		tt_rec_close(rec);
	}
	close(fd);
	unlink(path);
	rb_destroy(rb);
}

/* A sparse file that claims to be huge costs no memory and no time. */
static void test_sparse(void)
{
	char path[] = "/tmp/test_rec_reader.XXXXXX";
	int fd = mkstemp(path);
	struct recbuild *rb = rb_sample();
	rb->header->next = rb->header->file_size = UINT64_C(1) << 40;
	ok(write(fd, rb_data(rb), 1 << 20) == 1 << 20 && ftruncate(fd, INT64_C(1) << 40) == 0, "a file of a tebibyte");
	struct tt_rec *rec;
	struct tt_err err = {0};
	if (ok(tt_rec_open(path, &offline, &rec, &err) == 0, "opens: %s", err.msg)) {
		is_int(count_all(rec, TTREC_CHUNK_THREAD, 0), 3, "its records are there");
		tt_rec_close(rec);
	}
	close(fd);
	unlink(path);
	rb_destroy(rb);
}

int main(void)
{
	test_sample();
	test_refused();
	test_header_damage();
	test_next_damage(0);
	test_next_damage(128);
	test_resync();
	test_unpublished();
	test_var_damage();
	test_tables();
	test_journal();
	test_held();
	test_waiting();
	test_lock_index();
	test_events();
	test_logged();
	test_tally();
	test_end();
	test_live();
	test_sparse();
	return done();
}
