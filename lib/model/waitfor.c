/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * waitfor.c - who waits for whom, from the records of threads and locks. What follows from it: waitfor_solve.c.
 *
 * When anything contradicts the held stacks (two threads hold one lock for themselves: an entry is stale, because another
 * thread unlocked it or a longjmp passed over the unlock), nobody is taken to wait for that lock's holder.
 */
#include "lib/model/waitfor.h"

#include <errno.h>
#include <string.h>

#include "lib/model/model.h"

/* A thread and an object that it holds or waits for. */
struct tie {
	uint64_t object;
	uint32_t thread;
	bool shared;
};
typedef TT_VEC(struct tie) ties_t;

struct build {
	struct tt_waitfor *w;
	ties_t holds, waits;
	ties_t handles; /* threads that live, by their pthread_t */
};

/* More is not followed: a file may be made so that every thread waits for every other. Fewer targets, fewer that are stuck. */
#define TARGETS_MAX (1u << 22)

void tt_waitfor_deinit(struct tt_waitfor *w)
{
	struct tt_knot *k;
	vec_for_each (k, &w->knots)
		tt_vec_deinit(&k->steps);
	tt_vec_deinit(&w->knots);
	tt_vec_deinit(&w->threads);
	tt_vec_deinit(&w->held);
	tt_vec_deinit(&w->targets);
}

/* ------------------------------------------------------------------ ties */

static int by_object(const void *a, const void *b)
{
	const struct tie *x = a, *y = b;
	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return x->shared - y->shared; /* held both ways: the exclusive one comes first */
}

/* The ties of one object: *count of them. */
static const struct tie *ties_of(const ties_t *ties, uint64_t object, size_t *count)
{
	size_t low = 0, high = ties->len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (ties->data[mid].object < object)
			low = mid + 1;
		else
			high = mid;
	}
	for (*count = 0; low + *count < ties->len && ties->data[low + *count].object == object;)
		++*count;
	return ties->data + low;
}

/* A lock held several times by one thread counts once. */
static void sort_ties(ties_t *ties)
{
	tt_vec_sort(ties, by_object);
	size_t n = 0;
	for (size_t i = 0; i < ties->len; i++) {
		const struct tie *last = n ? &ties->data[n - 1] : NULL;
		if (!last || last->object != ties->data[i].object || last->thread != ties->data[i].thread)
			ties->data[n++] = ties->data[i];
	}
	ties->len = n;
}

static int take_ties(struct build *b)
{
	struct tt_waitfor *w = b->w;
	for (uint32_t i = 0; i < w->threads.len; i++) {
		const struct tt_waitfor_thread *t = &w->threads.data[i];
		for (uint32_t k = 0; k < t->held_count; k++) {
			const struct ttrec_held *h = &w->held.data[t->first_held + k];
			struct tie tie = {h->lock, i, tt_op_is_shared((enum ttrec_op)TTREC_SITE_OP(h->site))};
			if (tt_vec_push(&b->holds, tie) < 0)
				return -ENOMEM;
		}
		struct tie tie = {t->waiting.object, i, tt_op_is_shared((enum ttrec_op)t->waiting.op)};
		if (t->waiting.op && tt_vec_push(&b->waits, tie) < 0)
			return -ENOMEM;
		if (t->pthread && !t->gone && tt_vec_push(&b->handles, ((struct tie){t->pthread, i, false})) < 0)
			return -ENOMEM;
	}
	sort_ties(&b->holds);
	sort_ties(&b->waits);
	sort_ties(&b->handles);
	return 0;
}

/* ------------------------------------------------------------------ targets */

static int add_target(struct build *b, struct tt_waitfor_thread *t, uint32_t to)
{
	if (b->w->targets.len >= TARGETS_MAX)
		return 0;
	t->needs = TT_NEEDS_ALL;
	t->target_count++;
	return tt_vec_push(&b->w->targets, to);
}

/* The holders of what t waits for; 0 when they contradict each other. */
static size_t holders_of(const struct build *b, const struct tt_waitfor_thread *t, const struct tie **holds)
{
	size_t count;
	bool exclusive = false;
	*holds = ties_of(&b->holds, t->waiting.object, &count);
	for (size_t i = 0; i < count; i++)
		exclusive |= !(*holds)[i].shared;
	return exclusive && count > 1 ? 0 : count;
}

/*
 * Readers wait for writers that wait before them, where the lock's kind prefers writers and readers hold it. All these writers
 * wait for the same readers: one stands for them.
 */
static int prefer_writers(struct build *b, struct tt_waitfor_thread *t)
{
	size_t count;
	const struct tie *waits = ties_of(&b->waits, t->waiting.object, &count);
	for (size_t i = 0; i < count; i++) {
		if (waits[i].shared || b->w->threads.data[waits[i].thread].waiting.op != TTREC_OP_LOCK)
			continue;
		t->by_preference = true;
		return add_target(b, t, waits[i].thread);
	}
	return 0;
}

static int wait_for_lock(struct build *b, struct tt_waitfor_thread *t, const struct ttrec_lock *l)
{
	const struct tie *holds;
	size_t count = holders_of(b, t, &holds);
	uint32_t self = (uint32_t)(t - b->w->threads.data);
	bool reads = t->waiting.op == TTREC_OP_RDLOCK;
	/* Used to wake others, against the rules: whoever holds it need not be the one who gives it back. */
	t->soft = l && (l->flags & TTREC_LOCK_HANDED_OVER) ? 1 : 0;
	if (reads && count && holds[0].shared)
		return l && l->type == TTREC_TYPE_PREFER_WRITER_NR ? prefer_writers(b, t) : 0;
	/* Its holder stayed behind in the parent process, or was joined after its end: any thread might still unlock it. */
	size_t known;
	ties_of(&b->holds, t->waiting.object, &known);
	if (!known && l && !(l->flags & (TTREC_LOCK_PSHARED | TTREC_LOCK_ROBUST)))
		t->needs = TT_NEEDS_ANYONE;
	for (size_t i = 0; i < count; i++) {
		const struct tt_waitfor_thread *holder = &b->w->threads.data[holds[i].thread];
		/* These know their owner, and would not wait. */
		if (holds[i].thread == self && l && (l->type == TTREC_TYPE_RECURSIVE || l->type == TTREC_TYPE_ERRORCHECK))
			continue;
		/* The system gives a robust mutex back when its owner ends. */
		if (holder->gone && (!l || (l->flags & TTREC_LOCK_ROBUST)))
			continue;
		if (add_target(b, t, holds[i].thread) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int by_serial(const void *a, const void *b)
{
	const struct tt_waitfor_thread *x = a, *y = b;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Who took its only unit is to give it back, as long as nobody else ever did. */
static int wait_for_semaphore(struct build *b, struct tt_waitfor_thread *t, const struct ttrec_lock *l)
{
	const struct tie *holds;
	if (!l || !(l->flags & TTREC_LOCK_SEM_BINARY) || (l->flags & (TTREC_LOCK_SEM_FOREIGN | TTREC_LOCK_PSHARED)))
		return 0;
	size_t known;
	ties_of(&b->holds, t->waiting.object, &known);
	const struct tt_waitfor_thread *holder = NULL, key = {.serial = t->waiting.other};
	if (holders_of(b, t, &holds) == 1)
		holder = &b->w->threads.data[holds[0].thread];
	else if (!known && l->flags & TTREC_LOCK_SEM_GUESSED && key.serial) /* on no held stack, but its taker was seen */
		holder = bsearch(&key, b->w->threads.data, b->w->threads.len, sizeof(key), by_serial);
	if (!holder || holder == t || holder->gone) /* it waits for another's post */
		return 0;
	t->soft = l->flags & TTREC_LOCK_SEM_LOCKED && !(l->flags & TTREC_LOCK_SEM_GUESSED) ? 1 : 2;
	return add_target(b, t, (uint32_t)(holder - b->w->threads.data));
}

/* The thread that is joined, by its serial, or by its handle when the joiner did not know that. NULL: not known. */
static const struct tt_waitfor_thread *joined(const struct build *b, const struct ttrec_waiting *waiting)
{
	const struct tt_waitfor *w = b->w;
	const struct tt_waitfor_thread key = {.serial = waiting->other};
	if (key.serial)
		return bsearch(&key, w->threads.data, w->threads.len, sizeof(key), by_serial);
	size_t count;
	const struct tie *handles = ties_of(&b->handles, waiting->object, &count);
	return count == 1 ? &w->threads.data[handles->thread] : NULL;
}

static int wait_for_end(struct build *b, struct tt_waitfor_thread *t)
{
	const struct tt_waitfor_thread *o = joined(b, &t->waiting);
	return o && !o->gone ? add_target(b, t, (uint32_t)(o - b->w->threads.data)) : 0;
}

static bool misses_parties(const struct build *b, const struct tt_waitfor_thread *t, const struct ttrec_lock *l)
{
	size_t arrived;
	ties_of(&b->waits, t->waiting.object, &arrived);
	return l && !(l->flags & TTREC_LOCK_PSHARED) && arrived < l->other;
}

/* Cancellation was asked for, and the wait is a place where it acts. */
static bool is_about_to_leave(const struct tt_waitfor_thread *t)
{
	return (t->flags & TTREC_THREAD_CANCELLED) &&
	       (t->waiting.op == TTREC_OP_COND_WAIT || t->waiting.op == TTREC_OP_SEM_WAIT || t->waiting.op == TTREC_OP_JOIN);
}

static int find_targets(struct build *b, struct tt_waitfor_thread *t)
{
	struct ttrec_lock record;
	const struct ttrec_lock *l = b->w->lock(b->w->ctx, t->waiting.uid, &record) ? &record : NULL;
	t->first_target = (uint32_t)b->w->targets.len;
	if (!t->waiting.op || t->gone || (t->waiting.flags & TTREC_WAITING_TIMED) || is_about_to_leave(t))
		return 0;
	switch ((enum ttrec_op)t->waiting.op) {
	case TTREC_OP_LOCK:
	case TTREC_OP_RDLOCK:
		return wait_for_lock(b, t, l);
	case TTREC_OP_SEM_WAIT:
		return wait_for_semaphore(b, t, l);
	case TTREC_OP_JOIN:
		return wait_for_end(b, t);
	case TTREC_OP_BARRIER_WAIT:
		t->needs = misses_parties(b, t, l) ? TT_NEEDS_ANYONE : TT_NEEDS_NOTHING;
		return 0;
	case TTREC_OP_COND_WAIT:
		t->needs = l && !(l->flags & TTREC_LOCK_PSHARED) ? TT_NEEDS_ANYONE : TT_NEEDS_NOTHING;
		return 0;
	case TTREC_OP_ONCE:
		t->needs = TT_NEEDS_ANYONE;
		return 0;
	default:
		return 0;
	}
}

static int build(struct tt_waitfor *w)
{
	struct build b = {.w = w};
	tt_vec_sort(&w->threads, by_serial);
	int rc = take_ties(&b);
	for (size_t i = 0; i < w->threads.len && rc == 0; i++)
		rc = find_targets(&b, &w->threads.data[i]);
	tt_vec_deinit(&b.holds);
	tt_vec_deinit(&b.waits);
	tt_vec_deinit(&b.handles);
	return rc < 0 ? rc : waitfor_solve(w);
}

/* ------------------------------------------------------------------ from where */

uint64_t tt_waitfor_identity(const struct tt_waitfor_thread *t)
{
	uint64_t words[] = {t->serial, t->waiting.seq, t->waiting.object, t->waiting.op};
	return tt_hash_stable(TT_HASH_STABLE_INIT, words, sizeof(words));
}

static int add_thread(struct tt_waitfor *w, const struct tt_waitfor_thread *t, const struct ttrec_held *held, uint32_t count)
{
	struct tt_waitfor_thread copy = *t;
	copy.first_held = (uint32_t)w->held.len;
	copy.held_count = count;
	if (count && tt_vec_reserve(&w->held, w->held.len + count) < 0)
		return -ENOMEM;
	if (count)
		memcpy(w->held.data + w->held.len, held, count * sizeof(*held));
	w->held.len += count;
	return tt_vec_push(&w->threads, copy);
}

/* A process that lives says itself who is there, or was asked when it did; of another the states of its threads tell. */
static bool is_gone(const struct tt_life_tasks *tasks, const struct tt_waitfor_thread *t, bool running)
{
	if (running || tasks->known)
		return tasks->known && t->state != TTREC_THREAD_CREATING && !tt_life_has_task(tasks, t->tid);
	return t->state >= TTREC_THREAD_ENDING && !t->waiting.op;
}

/* Every task is a thread that is known. A thread that is being created has no tid yet: it is no task, and it will run. */
static bool knows_all(const struct tt_waitfor *w, const struct tt_life_tasks *tasks)
{
	size_t found = 0;
	const struct tt_waitfor_thread *t;
	vec_for_each (t, &w->threads)
		found += !t->gone && t->tid && tt_life_has_task(tasks, t->tid);
	return tasks->known && found == tasks->tids.len;
}

static bool lock_of_rec(const void *ctx, uint32_t uid, struct ttrec_lock *ret)
{
	const struct ttrec_lock *l = uid == 0xffffffffu ? NULL : tt_rec_lock_by_uid(ctx, uid);
	if (l)
		*ret = *l;
	return l;
}

int tt_waitfor_read(struct tt_waitfor *w, const struct tt_rec *rec)
{
	struct tt_rec_iter it;
	const struct ttrec_thread *r;
	bool running = tt_rec_life(rec) == TT_REC_RUNNING;
	const struct tt_life_tasks *tasks = tt_rec_tasks(rec);
	w->lock = lock_of_rec;
	w->ctx = rec;
	rec_for_each_thread(it, r, rec)
	{
		uint32_t count;
		const struct ttrec_held *held = tt_rec_held(rec, r, &count);
		const struct ttrec_waiting *waiting = tt_rec_waiting(rec, r);
		struct tt_waitfor_thread t = {
			.serial = r->serial, .pthread = r->pthread, .tid = r->tid, .state = r->state, .flags = r->flags};
		if (!r->serial || r->state == TTREC_THREAD_FREE)
			continue;
		memcpy(t.name, r->name, sizeof(t.name));
		if (waiting && (!running || tt_rec_steady(rec, r)))
			t.waiting = *waiting;
		t.gone = is_gone(tasks, &t, running);
		if (add_thread(w, &t, held, count) < 0)
			return -ENOMEM;
	}
	w->seen = running || tasks->known;
	w->awake = w->seen && !tasks->asleep;
	w->complete = w->seen ? knows_all(w, tasks) : tt_rec_life(rec) != TT_REC_UNKNOWN;
	return build(w);
}

int tt_waitfor_glance(struct tt_waitfor *w, const struct tt_glance *g)
{
	const struct tt_glance_thread *from;
	w->lock = tt_glance_lock;
	w->ctx = g;
	vec_for_each (from, &g->threads) {
		struct tt_waitfor_thread t = {.serial = from->serial,
			.pthread = from->pthread,
			.tid = from->tid,
			.state = from->state,
			.flags = from->flags};
		memcpy(t.name, from->name, sizeof(t.name));
		if (from->steady)
			t.waiting = from->waiting;
		t.gone = is_gone(&g->tasks, &t, true);
		const struct ttrec_held *held = from->held_count ? g->held.data + from->first_held : NULL;
		if (add_thread(w, &t, held, from->held_count) < 0)
			return -ENOMEM;
	}
	w->seen = true;
	w->awake = !g->tasks.asleep;
	w->complete = knows_all(w, &g->tasks);
	return build(w);
}
