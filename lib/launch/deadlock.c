/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * deadlock.c - see deadlock.h.
 *
 * Why two looks prove it: a thread's held locks change only by its own doing, and a thread that is in the same wait in both
 * looks did nothing in between. So all edges of the cycle were there at one moment, whatever the order they were read in.
 */
#include "lib/launch/deadlock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/rec/find.h"
#include "lib/rec/reader.h"
#include "lib/util/vec.h"

#define COST_SHARE 50u /* a look may take one in so many parts of the time */

struct member {
	const struct ttrec_thread *thread;
	const struct ttrec_waiting *waiting; /* for a lock or a join, without a deadline; else NULL */
	enum { NEW, ON_PATH, DONE } state;
};
struct hold {
	uint64_t lock;
	uint32_t member;
	bool shared;
};
struct look {
	const struct tt_rec *rec;
	struct tt_deadlock_watch *watch;
	struct tt_hmap now; /* cycles of this look */
	struct tt_buf *words;
	int found;
	bool failed;
	TT_VEC(struct member) members;
	TT_VEC(struct hold) holds; /* by lock */
	TT_VEC(uint32_t) path;
};

/* ------------------------------------------------------------------ who waits for what, who holds what */

static bool is_shared(enum ttrec_op op)
{
	return op == TTREC_OP_RDLOCK || op == TTREC_OP_TRYRDLOCK || op == TTREC_OP_TIMEDRDLOCK;
}

static const struct ttrec_waiting *endless_wait(const struct tt_rec *rec, const struct ttrec_thread *t)
{
	const struct ttrec_waiting *w = tt_rec_waiting(rec, t);
	return w && (w->op == TTREC_OP_LOCK || w->op == TTREC_OP_RDLOCK || w->op == TTREC_OP_JOIN) ? w : NULL;
}

static int by_lock(const void *a, const void *b)
{
	const struct hold *x = a, *y = b;
	if (x->lock != y->lock)
		return x->lock < y->lock ? -1 : 1;
	return x->member < y->member ? -1 : x->member > y->member;
}

static int take_thread(struct look *l, const struct ttrec_thread *t)
{
	uint32_t held_count = 0, number = (uint32_t)l->members.len;
	const struct ttrec_held *held = tt_rec_held(l->rec, t, &held_count);
	if (tt_vec_push(&l->members, ((struct member){.thread = t, .waiting = endless_wait(l->rec, t)})) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; held && i < held_count; i++) {
		bool shared = is_shared((enum ttrec_op)TTREC_SITE_OP(held[i].site));
		if (tt_vec_push(&l->holds, ((struct hold){held[i].lock, number, shared})) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int take_threads(struct look *l)
{
	struct tt_rec_iter it;
	const struct ttrec_thread *t;
	l->members.len = l->holds.len = 0;
	rec_for_each_thread(it, t, l->rec) if ((t->state == TTREC_THREAD_RUNNING || t->state == TTREC_THREAD_ENDING) &&
					       take_thread(l, t) < 0) return -ENOMEM;
	tt_vec_sort(&l->holds, by_lock);
	return 0;
}

/* The holds of one lock: *count of them. */
static const struct hold *holds_of(const struct look *l, uint64_t lock, size_t *count)
{
	size_t low = 0, high = l->holds.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (l->holds.data[mid].lock < lock)
			low = mid + 1;
		else
			high = mid;
	}
	for (*count = 0; low + *count < l->holds.len && l->holds.data[low + *count].lock == lock;)
		++*count;
	return l->holds.data + low;
}

/* Two that hold one lock for themselves: some entry is stale (longjmp, unlocked by another thread), and nothing is certain. */
static bool is_plausible(const struct hold *holds, size_t count)
{
	bool exclusive = false;
	for (size_t i = 0; i < count; i++)
		if (!holds[i].shared)
			exclusive = true;
	for (size_t i = 1; i < count && exclusive; i++)
		if (holds[i].member != holds[0].member)
			return false;
	return true;
}

/* ------------------------------------------------------------------ cycles */

static void say_thread(const struct look *l, const struct member *m)
{
	tt_buf_printf(l->words, "thread %" PRIu32, m->thread->tid);
	if (m->thread->name[0])
		tt_buf_printf(l->words, " (%.*s)", TTREC_NAME_MAX, m->thread->name);
}

static void say_cycle(const struct look *l, size_t from)
{
	static const char *const kinds[TTREC_KIND_MAX] = {
		[TTREC_KIND_MUTEX] = "mutex", [TTREC_KIND_RWLOCK] = "rwlock", [TTREC_KIND_SPIN] = "spinlock"};
	tt_buf_printf(l->words, "process %" PRIu32 ": ", tt_rec_header(l->rec)->pid);
	for (size_t i = from; i < l->path.len; i++) {
		const struct member *m = &l->members.data[l->path.data[i]];
		size_t next = i + 1 < l->path.len ? i + 1 : from;
		if (i == from)
			say_thread(l, m);
		if (m->waiting->op == TTREC_OP_JOIN) {
			tt_buf_adds(l->words, " waits for the end of ");
			say_thread(l, &l->members.data[l->path.data[next]]);
		} else {
			const char *kind = m->waiting->kind < TTREC_KIND_MAX ? kinds[m->waiting->kind] : NULL;
			tt_buf_printf(l->words, " waits for %s %#" PRIx64 ", which is held by ", kind ? kind : "lock",
				m->waiting->object);
			say_thread(l, &l->members.data[l->path.data[next]]);
		}
		tt_buf_adds(l->words, i + 1 < l->path.len ? ", which" : "\n");
	}
}

/* The same for the same threads in the same waits, wherever the cycle is entered. */
static uint64_t signature(const struct look *l, size_t from)
{
	uint64_t sum = tt_rec_header(l->rec)->pid;
	for (size_t i = from; i < l->path.len; i++) {
		const struct member *m = &l->members.data[l->path.data[i]];
		uint64_t part[] = {
			m->thread->serial, m->waiting->seq, m->waiting->object, tt_rec_header(l->rec)->start_mono_ns};
		sum += tt_hash_bytes(part, sizeof(part));
	}
	return sum;
}

static void take_cycle(struct look *l, uint32_t entry)
{
	size_t from = l->path.len;
	while (from && l->path.data[--from] != entry)
		;
	uint64_t key = signature(l, from);
	bool is_new = false;
	if (!tt_hmap_insert(&l->now, key, NULL))
		l->failed = true;
	if (!tt_hmap_find(&l->watch->seen, key))
		return;
	if (!tt_hmap_insert(&l->watch->told, key, &is_new))
		l->failed = true;
	if (!is_new)
		return;
	say_cycle(l, from);
	l->found++;
}

static void visit(struct look *l, uint32_t number);

static void follow(struct look *l, uint32_t to)
{
	if (l->members.data[to].state == ON_PATH)
		take_cycle(l, to);
	else if (l->members.data[to].state == NEW)
		visit(l, to);
}

static void follow_join(struct look *l, const struct ttrec_waiting *w)
{
	for (uint32_t i = 0; w->other && i < l->members.len; i++)
		if (l->members.data[i].thread->serial == w->other)
			follow(l, i);
}

static void follow_lock(struct look *l, const struct ttrec_waiting *w)
{
	size_t count;
	const struct hold *holds = holds_of(l, w->object, &count);
	if (!is_plausible(holds, count))
		return;
	for (size_t i = 0; i < count; i++)
		if (!holds[i].shared || w->op != TTREC_OP_RDLOCK)
			follow(l, holds[i].member);
}

/* As deep as the longest chain of waiting threads. */
static void visit(struct look *l, uint32_t number)
{
	struct member *m = &l->members.data[number];
	m->state = DONE;
	if (!m->waiting)
		return;
	if (tt_vec_push(&l->path, number) < 0) {
		l->failed = true;
		return;
	}
	m->state = ON_PATH;
	if (m->waiting->op == TTREC_OP_JOIN)
		follow_join(l, m->waiting);
	else
		follow_lock(l, m->waiting);
	m->state = DONE;
	l->path.len--;
}

/* ------------------------------------------------------------------ a look */

static void look_at(struct look *l, const char *path)
{
	struct tt_rec *rec;
	if (tt_rec_open(path, NULL, &rec, NULL) < 0)
		return;
	l->rec = rec;
	if (take_threads(l) < 0)
		l->failed = true;
	for (uint32_t i = 0; i < l->members.len && !l->failed; i++)
		if (l->members.data[i].state == NEW)
			visit(l, i);
	tt_rec_close(rec);
}

static uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

int tt_deadlock_look(struct tt_deadlock_watch *watch, const char *folder, struct tt_buf *words)
{
	struct tt_found_list list = {0};
	struct look l = {.watch = watch, .words = words};
	uint64_t begin = now_ns();
	if (begin < watch->not_before)
		return 0;
	int rc = tt_find_list(folder, &list, NULL);
	const struct tt_found *f;
	vec_for_each (f, &list.items)
		if (!f->error && f->life == TT_REC_RUNNING)
			look_at(&l, f->path);
	tt_found_list_deinit(&list);
	tt_vec_deinit(&l.members);
	tt_vec_deinit(&l.holds);
	tt_vec_deinit(&l.path);
	tt_hmap_deinit(&watch->seen);
	watch->seen = l.now;
	uint64_t end = now_ns();
	watch->not_before = end + (end - begin) * COST_SHARE;
	if (rc < 0)
		return rc;
	return l.failed || tt_buf_failed(words) ? -ENOMEM : l.found;
}

void tt_deadlock_deinit(struct tt_deadlock_watch *watch)
{
	tt_hmap_deinit(&watch->seen);
	tt_hmap_deinit(&watch->told);
}
