/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * waitfor_solve.c - from who waits for whom to who is stuck, and to the knots that do it. See waitfor.h.
 *
 * In passes. First without the waits that are stuck only as long as semaphores are used as locks, so that what needs no such
 * assumption is certain. Then with those. Last with all waits for semaphores: that tells only whether any thread is left that
 * could post one, and if none is, that what was assumed is certain. Linear in threads and targets, but for the search of the
 * shortest cycle within a knot.
 */
#include "lib/model/waitfor.h"

#include <errno.h>
#include <string.h>

#define NONE   UINT32_MAX
#define STARTS 64u /* members of a knot from which its shortest cycle is looked for */

typedef TT_VEC(uint32_t) numbers_t;

struct solve {
	struct tt_waitfor *w;
	uint32_t n;
	unsigned soft;        /* waits that are softer are not taken for stuck */
	uint32_t *left;       /* per thread: targets that are stuck or gone */
	uint32_t *first_back; /* waiters of thread i: back[first_back[i] .. first_back[i + 1]) */
	uint32_t *back;
	uint32_t *index, *low; /* Tarjan's numbers; index NONE: not visited */
	uint32_t *at;          /* the target that is to be visited next */
	uint32_t *from;        /* breadth-first search: whence it was reached */
	bool *on_stack, *in_cycle, *seen;
	numbers_t queue, stack, path;
	size_t outside; /* threads that live and are not stuck */
};

static struct tt_waitfor_thread *thread_at(const struct solve *s, uint32_t i)
{
	return &s->w->threads.data[i];
}

/* ------------------------------------------------------------------ room */

static void *zeroed(size_t count, size_t size)
{
	return calloc(count + 1, size);
}

static void solve_deinit(struct solve *s)
{
	free(s->left);
	free(s->first_back);
	free(s->back);
	free(s->index);
	free(s->low);
	free(s->at);
	free(s->from);
	free(s->on_stack);
	free(s->in_cycle);
	free(s->seen);
	tt_vec_deinit(&s->queue);
	tt_vec_deinit(&s->stack);
	tt_vec_deinit(&s->path);
}

static int solve_init(struct solve *s, struct tt_waitfor *w)
{
	size_t n = w->threads.len;
	*s = (struct solve){.w = w, .n = (uint32_t)n};
	s->left = zeroed(n, sizeof(*s->left));
	s->first_back = zeroed(n + 1, sizeof(*s->first_back));
	s->back = zeroed(w->targets.len, sizeof(*s->back));
	s->index = zeroed(n, sizeof(*s->index));
	s->low = zeroed(n, sizeof(*s->low));
	s->at = zeroed(n, sizeof(*s->at));
	s->from = zeroed(n, sizeof(*s->from));
	s->on_stack = zeroed(n, sizeof(*s->on_stack));
	s->in_cycle = zeroed(n, sizeof(*s->in_cycle));
	s->seen = zeroed(n, sizeof(*s->seen));
	bool good = s->left && s->first_back && s->back && s->index && s->low && s->at && s->from && s->on_stack &&
	            s->in_cycle && s->seen;
	return good && n < NONE && w->targets.len < NONE ? 0 : -ENOMEM;
}

/* Who waits for whom, the other way round: a counting sort by target. */
static void turn_round(struct solve *s)
{
	for (size_t k = 0; k < s->w->targets.len; k++)
		s->first_back[s->w->targets.data[k] + 1]++;
	for (uint32_t i = 0; i < s->n; i++)
		s->first_back[i + 1] += s->first_back[i];
	for (uint32_t i = 0; i < s->n; i++)
		s->at[i] = s->first_back[i];
	for (uint32_t i = 0; i < s->n; i++) {
		const struct tt_waitfor_thread *t = thread_at(s, i);
		for (uint32_t k = 0; k < t->target_count; k++)
			s->back[s->at[s->w->targets.data[t->first_target + k]]++] = i;
	}
}

/* ------------------------------------------------------------------ who is stuck */

static int release(struct solve *s, uint32_t i)
{
	thread_at(s, i)->stuck = false;
	s->outside++;
	return tt_vec_push(&s->queue, i);
}

/* Those that anyone can help: as soon as there is someone. */
static int release_helped(struct solve *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (thread_at(s, i)->stuck && thread_at(s, i)->needs == TT_NEEDS_ANYONE && release(s, i) < 0)
			return -ENOMEM;
	return 0;
}

static int spread(struct solve *s)
{
	for (size_t done = 0; done < s->queue.len; done++) {
		uint32_t i = s->queue.data[done];
		for (uint32_t k = s->first_back[i]; k < s->first_back[i + 1]; k++) {
			const struct tt_waitfor_thread *waiter = thread_at(s, s->back[k]);
			if (waiter->stuck && --s->left[s->back[k]] == 0 && release(s, s->back[k]) < 0)
				return -ENOMEM;
		}
	}
	s->queue.len = 0;
	return 0;
}

/* The largest set in which each has its reason: begin with all that wait, and take out those that have none. */
static int find_stuck(struct solve *s)
{
	s->outside = 0;
	s->queue.len = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		struct tt_waitfor_thread *t = thread_at(s, i);
		s->left[i] = t->target_count;
		t->stuck = t->needs != TT_NEEDS_NOTHING && t->soft <= s->soft;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		const struct tt_waitfor_thread *t = thread_at(s, i);
		if (!t->stuck && !t->gone && release(s, i) < 0)
			return -ENOMEM;
	}
	if (spread(s) < 0)
		return -ENOMEM;
	bool waits = s->outside == 0 && s->w->complete && s->n > 0;
	s->w->everyone_waits |= waits;
	/* Who ended a wait may have ended himself since, while those that he woke wait for a processor. */
	s->w->everyone = waits && !s->w->awake;
	if (!s->w->everyone && (release_helped(s) < 0 || spread(s) < 0))
		return -ENOMEM;
	return 0;
}

/* ------------------------------------------------------------------ knots */

static int by_kind(const void *a, const void *b)
{
	const struct tt_knot *x = a, *y = b;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->steps.data[0] > y->steps.data[0]) - (x->steps.data[0] < y->steps.data[0]);
}

/* Counts the stuck threads that come to wait for the members, which are marked `seen`; unmarks all. */
static uint32_t count_behind(struct solve *s, const uint32_t *members, size_t count)
{
	s->queue.len = 0;
	for (size_t i = 0; i < count; i++)
		if (tt_vec_push(&s->queue, members[i]) < 0)
			return 0;
	for (size_t done = 0; done < s->queue.len; done++) {
		uint32_t i = s->queue.data[done];
		for (uint32_t k = s->first_back[i]; k < s->first_back[i + 1]; k++) {
			uint32_t waiter = s->back[k];
			if (s->seen[waiter] || !thread_at(s, waiter)->stuck || tt_vec_push(&s->queue, waiter) < 0)
				continue;
			s->seen[waiter] = true;
		}
	}
	size_t behind = s->queue.len - count;
	for (size_t i = 0; i < s->queue.len; i++)
		s->seen[s->queue.data[i]] = false;
	return (uint32_t)behind;
}

static struct tt_knot *add_knot(struct solve *s, enum tt_knot_kind kind, const uint32_t *steps, size_t count)
{
	struct tt_knot *k = tt_vec_add(&s->w->knots);
	if (!k || tt_vec_reserve(&k->steps, count) < 0)
		return NULL;
	k->kind = kind;
	k->steps.len = count;
	for (size_t i = 0; i < count; i++) {
		k->steps.data[i] = steps[i];
		k->key += tt_waitfor_identity(thread_at(s, steps[i]));
	}
	return k;
}

/* The shortest way from `start` back to itself among the members (marked `on_stack`), into s->path; false: none. */
static bool shortest_from(struct solve *s, uint32_t start, const uint32_t *members, size_t count)
{
	for (size_t i = 0; i < count; i++)
		s->from[members[i]] = NONE;
	s->queue.len = 0;
	if (tt_vec_push(&s->queue, start) < 0)
		return false;
	for (size_t done = 0; done < s->queue.len; done++) {
		uint32_t i = s->queue.data[done];
		const struct tt_waitfor_thread *t = thread_at(s, i);
		for (uint32_t k = 0; k < t->target_count; k++) {
			uint32_t to = s->w->targets.data[t->first_target + k];
			if (!s->on_stack[to] || s->from[to] != NONE)
				continue;
			s->from[to] = i;
			if (to != start) {
				if (tt_vec_push(&s->queue, to) < 0)
					return false;
				continue;
			}
			s->path.len = 0;
			uint32_t step = start;
			do {
				if (tt_vec_push(&s->path, s->from[step]) < 0)
					return false;
				step = s->from[step];
			} while (step != start);
			return true;
		}
	}
	return false;
}

/* From the end to the beginning, turned so that the lowest serial comes first. */
static void put_in_order(numbers_t *path)
{
	size_t n = path->len, lowest = 0;
	for (size_t i = 0; i < n / 2; i++) {
		uint32_t swap = path->data[i];
		path->data[i] = path->data[n - 1 - i];
		path->data[n - 1 - i] = swap;
	}
	for (size_t i = 0; i < n; i++)
		lowest = path->data[i] < path->data[lowest] ? i : lowest;
	while (lowest--) {
		uint32_t first = path->data[0];
		memmove(path->data, path->data + 1, (n - 1) * sizeof(first));
		path->data[n - 1] = first;
	}
}

static bool waits_for(const struct solve *s, uint32_t i, uint32_t to)
{
	const struct tt_waitfor_thread *t = thread_at(s, i);
	for (uint32_t k = 0; k < t->target_count; k++)
		if (s->w->targets.data[t->first_target + k] == to)
			return true;
	return false;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* One strongly connected component. What was told in the first pass is not told again in the second. */
static int take_component(struct solve *s, uint32_t *members, size_t count)
{
	if (count == 1 && !waits_for(s, members[0], members[0]))
		return 0;
	numbers_t best = TT_VEC_INIT;
	bool known = false, failed = false;
	qsort(members, count, sizeof(*members), by_number);
	for (size_t i = 0; i < count; i++) {
		known |= s->in_cycle[members[i]];
		s->on_stack[members[i]] = true;
	}
	for (size_t i = 0; i < count && i < STARTS && !known && best.len != 1 && best.len != 2; i++) {
		if (!shortest_from(s, members[i], members, count) || (best.len && s->path.len >= best.len))
			continue;
		best.len = 0;
		for (size_t k = 0; k < s->path.len; k++)
			failed |= tt_vec_push(&best, s->path.data[k]) < 0;
	}
	for (size_t i = 0; i < count; i++)
		s->on_stack[members[i]] = false;
	if (best.len && !failed) {
		put_in_order(&best);
		struct tt_knot *k = add_knot(s, TT_KNOT_CYCLE, best.data, best.len);
		failed = !k;
		for (size_t i = 0; i < count && k; i++)
			s->in_cycle[members[i]] = s->seen[members[i]] = true;
		if (k) {
			k->certain = !s->soft || s->w->everyone;
			k->others = (uint32_t)(count - best.len);
			k->behind = count_behind(s, members, count);
		}
	}
	tt_vec_deinit(&best);
	return failed ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------ components: Tarjan, without recursion */

static int enter(struct solve *s, uint32_t i, uint32_t number)
{
	s->index[i] = s->low[i] = number;
	s->at[i] = 0;
	s->on_stack[i] = true;
	return tt_vec_push(&s->path, i) < 0 || tt_vec_push(&s->stack, i) < 0 ? -ENOMEM : 0;
}

/* All targets of i were visited: it hands its number on, and closes its component when it is the first of it. */
static int leave(struct solve *s, uint32_t i, numbers_t *component)
{
	s->path.len--;
	if (s->path.len) {
		uint32_t parent = s->path.data[s->path.len - 1];
		s->low[parent] = s->low[i] < s->low[parent] ? s->low[i] : s->low[parent];
	}
	if (s->low[i] != s->index[i])
		return 0;
	uint32_t member;
	do {
		member = s->stack.data[--s->stack.len];
		s->on_stack[member] = false;
		if (tt_vec_push(component, member) < 0)
			return -ENOMEM;
	} while (member != i);
	return tt_vec_push(component, NONE); /* the end of it */
}

static int visit(struct solve *s, uint32_t root, uint32_t *number, numbers_t *components)
{
	if (enter(s, root, (*number)++) < 0)
		return -ENOMEM;
	while (s->path.len) {
		uint32_t i = s->path.data[s->path.len - 1];
		const struct tt_waitfor_thread *t = thread_at(s, i);
		if (s->at[i] == t->target_count) {
			if (leave(s, i, components) < 0)
				return -ENOMEM;
			continue;
		}
		uint32_t to = s->w->targets.data[t->first_target + s->at[i]++];
		if (!thread_at(s, to)->stuck)
			continue;
		if (s->index[to] == NONE) {
			if (enter(s, to, (*number)++) < 0)
				return -ENOMEM;
		} else if (s->on_stack[to]) {
			s->low[i] = s->index[to] < s->low[i] ? s->index[to] : s->low[i];
		}
	}
	return 0;
}

static int find_cycles(struct solve *s)
{
	numbers_t components = TT_VEC_INIT; /* each ended by NONE */
	uint32_t number = 0;
	int rc = 0;
	s->stack.len = s->path.len = 0;
	for (uint32_t i = 0; i < s->n; i++)
		s->index[i] = NONE;
	for (uint32_t i = 0; i < s->n && rc == 0; i++)
		if (thread_at(s, i)->stuck && s->index[i] == NONE)
			rc = visit(s, i, &number, &components);
	/* Only now: a search for the shortest cycle uses the same words. */
	for (size_t from = 0, i = 0; i < components.len && rc == 0; i++) {
		if (components.data[i] != NONE)
			continue;
		rc = take_component(s, components.data + from, i - from);
		from = i + 1;
	}
	tt_vec_deinit(&components);
	return rc;
}

/* ------------------------------------------------------------------ the other knots */

/* One for each thread that ended without giving back what others wait for. */
static int find_orphans(struct solve *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t waiter = NONE;
		if (!thread_at(s, i)->gone)
			continue;
		for (uint32_t k = s->first_back[i]; k < s->first_back[i + 1]; k++)
			if (thread_at(s, s->back[k])->stuck && s->back[k] < waiter)
				waiter = s->back[k];
		if (waiter == NONE)
			continue;
		uint32_t steps[] = {waiter, i};
		struct tt_knot *knot = add_knot(s, TT_KNOT_ORPHAN, steps, 2);
		if (!knot)
			return -ENOMEM;
		knot->certain = true;
		s->seen[i] = true;
		knot->behind = count_behind(s, &i, 1) - 1;
	}
	return 0;
}

/*
 * Nobody is left, and no cycle explains it. Threads that only wait for conditions tell another story; here somebody also waits
 * at a barrier, or for a lock whose holder waits.
 */
static int find_everyone(struct solve *s)
{
	bool tells = false;
	s->queue.len = 0;
	s->path.len = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct tt_waitfor_thread *t = thread_at(s, i);
		tells |= t->stuck && (t->waiting.op == TTREC_OP_BARRIER_WAIT || t->waiting.op == TTREC_OP_LOCK ||
					     t->waiting.op == TTREC_OP_RDLOCK);
		if (t->stuck && t->needs == TT_NEEDS_ANYONE && tt_vec_push(&s->path, i) < 0)
			return -ENOMEM;
	}
	if (!tells || !s->path.len)
		return 0;
	struct tt_knot *k = add_knot(s, TT_KNOT_EVERYONE, s->path.data, s->path.len);
	if (!k)
		return -ENOMEM;
	for (size_t i = 0; i < s->path.len; i++)
		s->seen[s->path.data[i]] = true;
	k->behind = count_behind(s, s->path.data, s->path.len);
	/* Any thread could still have come: all of them are part of the proof. */
	k->key = 0;
	for (uint32_t i = 0; i < s->n; i++)
		k->key += tt_waitfor_identity(thread_at(s, i));
	k->certain = true;
	return 0;
}

static int run_pass(struct solve *s, unsigned soft)
{
	s->soft = soft;
	int rc = find_stuck(s);
	return rc < 0 ? rc : find_cycles(s);
}

static void drop_knots(struct solve *s)
{
	struct tt_knot *k;
	vec_for_each (k, &s->w->knots)
		tt_vec_deinit(&k->steps);
	s->w->knots.len = 0;
	memset(s->in_cycle, 0, s->n * sizeof(*s->in_cycle));
}

/* When all waits for semaphores are taken for what they seem to be: is anybody left? If not, then they are. */
static int run_last_pass(struct solve *s)
{
	s->soft = 2;
	int rc = find_stuck(s);
	if (rc < 0 || !s->w->everyone)
		return rc < 0 ? rc : run_pass(s, 1);
	drop_knots(s);
	rc = find_cycles(s);
	return rc < 0 ? rc : find_orphans(s);
}

int waitfor_solve(struct tt_waitfor *w)
{
	struct solve s;
	int rc = solve_init(&s, w);
	if (rc == 0) {
		turn_round(&s);
		rc = run_pass(&s, 0);
	}
	if (rc == 0)
		rc = find_orphans(&s);
	if (rc == 0)
		rc = run_pass(&s, 1);
	if (rc == 0 && !w->everyone)
		rc = run_last_pass(&s);
	if (rc == 0 && w->everyone && !w->knots.len)
		rc = find_everyone(&s);
	tt_vec_sort(&w->knots, by_kind);
	solve_deinit(&s);
	return rc;
}
