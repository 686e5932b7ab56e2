/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * deadlock.c - rule deadlock: threads that can never go on, as the wait-for graph of each process says (lib/model/waitfor.h).
 * Also of processes that are gone: what their threads waited for at the end is in the recording. What could deadlock on another
 * day is another rule's. Words for the wrapper's own terminal, while the program hangs: lib/launch/deadlock.c.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/findings/detect.h"
#include "lib/model/waitfor.h"
#include "lib/util/text.h"

#define STEPS_MAX 64u /* steps that a finding shows; longer cycles say how long they are */
#define ROLES_MAX 3u  /* of them named in the title */

struct deadlock {
	const struct tt_detect *d;
	const struct tt_process *process;
	const struct tt_waitfor *w;
	const struct tt_knot *knot;
	struct tt_finding *f;
};

/* ------------------------------------------------------------------ threads and locks by name */

static const struct tt_waitfor_thread *step_at(const struct deadlock *k, size_t i)
{
	return &k->w->threads.data[k->knot->steps.data[i % k->knot->steps.len]];
}

static const struct tt_thread *thread_of(const struct deadlock *k, const struct tt_waitfor_thread *t)
{
	return tt_model_thread(k->d->model, k->process, t->serial);
}

static const char *thread_name(const struct deadlock *k, const struct tt_waitfor_thread *t)
{
	return tt_detect_thread_name(k->d, k->process, thread_of(k, t), t->serial);
}

/* What the thread is to the programmer: the same in every run. */
static const char *role(const struct deadlock *k, const struct tt_waitfor_thread *t)
{
	const struct tt_thread *thread = thread_of(k, t);
	if (t->flags & TTREC_THREAD_MAIN)
		return "the main thread";
	if (thread && thread->start_routine) {
		struct tt_place p = k->d->namer->place(k->d->namer->ctx, thread->start_routine, NULL);
		/* What every std::thread begins with tells nothing; where it waits does. */
		if (p.function && !strstr(p.function, "execute_native_thread_routine"))
			return tt_findings_text(k->d->set, "%s", p.function);
		if (thread->waiting.site)
			return tt_detect_name(k->d, thread->waiting.site, thread->waiting.stack);
	}
	return "a thread";
}

static const char *lock_name(const struct deadlock *k, const struct tt_lock *lock)
{
	return tt_detect_lock_name(k->d, lock->class);
}

/* One of several with the same name: with its address. */
static const char *lock_name_exact(const struct deadlock *k, const struct tt_lock *lock)
{
	const char *name = lock_name(k, lock);
	return lock->class->locks.len > 1 ? tt_findings_text(k->d->set, "%s (%#" PRIx64 ")", name, lock->address) : name;
}

static const struct tt_lock *wanted_lock(const struct deadlock *k, const struct tt_waitfor_thread *t)
{
	const struct tt_thread *thread = thread_of(k, t);
	if (thread && thread->waiting.lock)
		return thread->waiting.lock;
	return t->waiting.kind == TTREC_KIND_THREAD ? NULL : tt_model_lock(k->d->model, k->process, t->waiting.uid);
}

/* What a thread waits for, in words; next: who could end that, NULL when nobody in particular. */
static const char *wanted_name(
	const struct deadlock *k, const struct tt_waitfor_thread *t, const struct tt_waitfor_thread *next, bool exact)
{
	const struct tt_lock *lock = wanted_lock(k, t);
	if (t->waiting.op == TTREC_OP_JOIN)
		return next ? tt_findings_text(k->d->set, "the end of %s", exact ? thread_name(k, next) : role(k, next))
		            : "the end of a thread";
	if (lock && lock->class)
		return exact ? lock_name_exact(k, lock) : lock_name(k, lock);
	return tt_findings_text(k->d->set, "%s %#" PRIx64, tt_kind_name((enum ttrec_kind)t->waiting.kind), t->waiting.object);
}

/* ------------------------------------------------------------------ the title */

static bool all_alike(const struct deadlock *k, const char **kind)
{
	*kind = tt_kind_name((enum ttrec_kind)step_at(k, 0)->waiting.kind);
	for (size_t i = 0; i < k->knot->steps.len; i++)
		if (step_at(k, i)->waiting.kind != step_at(k, 0)->waiting.kind || step_at(k, i)->by_preference)
			return false;
	return step_at(k, 0)->waiting.op != TTREC_OP_JOIN;
}

static const char *plural(const char *kind)
{
	if (strcmp(kind, "mutex") == 0)
		return "mutexes";
	if (strcmp(kind, "sem") == 0)
		return "semaphores";
	return strcmp(kind, "rwlock") == 0 ? "rwlocks" : "locks";
}

static const char *title_of_one(const struct deadlock *k)
{
	const struct tt_waitfor_thread *t = step_at(k, 0);
	const char *who = role(k, t), *what = wanted_name(k, t, NULL, false);
	if (t->waiting.kind == TTREC_KIND_RWLOCK)
		return tt_findings_text(k->d->set, "Deadlock: %s waits to write %s, which it holds for reading", who, what);
	return tt_findings_text(k->d->set, "Deadlock: %s waits for %s, which it holds itself", who, what);
}

static const char *title_of_two(const struct deadlock *k)
{
	const struct tt_waitfor_thread *a = step_at(k, 0), *b = step_at(k, 1);
	const char *kind, *x = role(k, a), *y = role(k, b);
	if (a->waiting.op == TTREC_OP_JOIN || b->waiting.op == TTREC_OP_JOIN) {
		bool first = a->waiting.op == TTREC_OP_JOIN;
		return tt_findings_text(k->d->set,
			"Deadlock: %s waits for the end of %s, which waits for %s that the first holds", first ? x : y,
			first ? y : x, wanted_name(k, first ? b : a, NULL, false));
	}
	if (a->by_preference || b->by_preference)
		return tt_findings_text(k->d->set, "Deadlock: %s reads %s again behind a writer that waits for it (%s)",
			a->by_preference ? x : y, wanted_name(k, a, NULL, false), a->by_preference ? y : x);
	const char *what = all_alike(k, &kind) ? plural(kind) : "locks";
	if (strcmp(x, y) == 0)
		return tt_findings_text(k->d->set, "Deadlock: two threads of %s wait for each other's %s", x, what);
	/* In the order of the alphabet: whichever came first. */
	bool turn = strcmp(x, y) > 0;
	return tt_findings_text(k->d->set, "Deadlock: %s and %s wait for each other's %s", turn ? y : x, turn ? x : y, what);
}

/* Different roles, in the order of the cycle. */
static const char *roles(const struct deadlock *k)
{
	const char *text = "", *seen[ROLES_MAX];
	unsigned count = 0;
	for (size_t i = 0; i < k->knot->steps.len; i++) {
		const char *r = role(k, step_at(k, i));
		unsigned same = 0;
		while (same < count && strcmp(seen[same], r) != 0)
			same++;
		if (same < count)
			continue;
		if (count == ROLES_MAX)
			return tt_findings_text(k->d->set, "%s ...", text);
		seen[count] = r;
		text = tt_findings_text(k->d->set, "%s%s%s", text, count ? ", " : "", r);
		count++;
	}
	return text;
}

static const char *title_of_everyone(const struct deadlock *k)
{
	unsigned at_barrier = 0;
	const struct tt_waitfor_thread *first = NULL;
	for (size_t i = 0; i < k->knot->steps.len; i++)
		if (step_at(k, i)->waiting.op == TTREC_OP_BARRIER_WAIT && at_barrier++ == 0)
			first = step_at(k, i);
	if (!first)
		return tt_findings_text(
			k->d->set, "Deadlock: all threads are blocked, and none is left to wake another (%s)", roles(k));
	return tt_findings_text(k->d->set, "Deadlock: %u thread%s at %s for parties that cannot come any more", at_barrier,
		at_barrier == 1 ? " waits" : "s wait", wanted_name(k, first, NULL, false));
}

static const char *title(const struct deadlock *k)
{
	if (k->knot->kind == TT_KNOT_EVERYONE)
		return title_of_everyone(k);
	if (k->knot->kind == TT_KNOT_ORPHAN)
		return tt_findings_text(k->d->set, "Deadlock: %s waits for %s, which %s held when it ended",
			role(k, step_at(k, 0)), wanted_name(k, step_at(k, 0), NULL, false), role(k, step_at(k, 1)));
	if (k->knot->steps.len == 1)
		return title_of_one(k);
	if (k->knot->steps.len == 2)
		return title_of_two(k);
	return tt_findings_text(
		k->d->set, "Deadlock: %zu threads wait for each other in a circle: %s", k->knot->steps.len, roles(k));
}

/* ------------------------------------------------------------------ steps */

/* The entry of an object on the thread's held stack; NULL when it does not hold it. */
static const struct tt_held *held_entry(const struct tt_thread *thread, uint64_t object)
{
	for (unsigned i = thread ? thread->held_count : 0; i; i--)
		if (thread->held[i - 1].address == object)
			return &thread->held[i - 1];
	return NULL;
}

/* What the step before wants of this thread; before NULL: what it holds anyway, the innermost. */
static void fill_hold(const struct deadlock *k, struct tt_finding_edge *e, const struct tt_waitfor_thread *t,
	const struct tt_waitfor_thread *before)
{
	const struct tt_thread *thread = thread_of(k, t);
	const struct tt_held *h = before ? held_entry(thread, before->waiting.object) : NULL;
	if (!before && thread && thread->held_count)
		h = &thread->held[thread->held_count - 1];
	if (h) {
		e->held = h->lock;
		e->held_name = h->lock && h->lock->class ? lock_name_exact(k, h->lock)
		                                         : tt_findings_text(k->d->set, "%#" PRIx64, h->address);
		e->hold = tt_detect_taken(k->d, "took it here", h->lock, h->site);
	} else if (before && before->waiting.op == TTREC_OP_JOIN) {
		e->held_name = "its own end";
	} else if (before && before->by_preference) {
		e->held_name = "its turn, before later readers";
	}
}

static void fill_want(const struct deadlock *k, struct tt_finding_edge *e, const struct tt_waitfor_thread *t,
	const struct tt_waitfor_thread *next)
{
	const struct tt_thread *thread = thread_of(k, t);
	if (!t->waiting.op)
		return; /* it has ended */
	e->wanted = wanted_lock(k, t);
	e->wanted_name = wanted_name(k, t, next, true);
	e->want.label = "waits here";
	if (thread) {
		e->want.site = thread->waiting.site;
		e->want.stack = thread->waiting.stack;
	}
}

static void add_step(const struct deadlock *k, size_t i)
{
	const struct tt_waitfor_thread *t = step_at(k, i);
	const struct tt_waitfor_thread *before = NULL, *next = NULL;
	if (k->knot->kind != TT_KNOT_EVERYONE) {
		before = k->knot->kind == TT_KNOT_CYCLE || i ? step_at(k, i + k->knot->steps.len - 1) : NULL;
		next = k->knot->kind == TT_KNOT_CYCLE || !i ? step_at(k, i + 1) : NULL;
	}
	struct tt_finding_edge e = {.thread = thread_of(k, t), .thread_name = thread_name(k, t)};
	fill_hold(k, &e, t, before);
	fill_want(k, &e, t, next);
	tt_finding_edge(k->d->set, k->f, &e);
	tt_finding_thread(k->d->set, k->f, e.thread);
	if (e.wanted)
		tt_finding_lock(k->d->set, k->f, e.wanted);
}

/* ------------------------------------------------------------------ evidence */

static void add_evidence(const struct deadlock *k)
{
	struct tt_findings *set = k->d->set;
	uint64_t closed_ns = 0, end_ns = k->process->end_ns;
	unsigned borrowed = 0;
	for (size_t i = 0; i < k->knot->steps.len; i++) {
		const struct tt_waitfor_thread *t = step_at(k, i);
		closed_ns = t->waiting.since_ns > closed_ns ? t->waiting.since_ns : closed_ns;
		borrowed += (t->waiting.flags & TTREC_WAITING_BORROWED) != 0;
	}
	uint64_t lasts_ns = end_ns > closed_ns && closed_ns ? end_ns - closed_ns : 0;
	tt_finding_evidence(set, k->f, "%s %s, since %s after the start",
		k->process->end == TT_END_RUNNING ? "it has lasted" : "when the process ended it had lasted", tt_ns(lasts_ns).s,
		tt_ns(closed_ns ? closed_ns - 1 : 0).s);
	if (k->knot->steps.len > STEPS_MAX)
		tt_finding_evidence(set, k->f, "%zu threads are in it; %u of them are shown", k->knot->steps.len, STEPS_MAX);
	if (k->knot->others)
		tt_finding_evidence(set, k->f, "%" PRIu32 " more thread%s in it by the same right as those shown",
			k->knot->others, k->knot->others == 1 ? " is" : "s are");
	if (k->knot->behind)
		tt_finding_evidence(set, k->f, "%" PRIu32 " more thread%s behind it", k->knot->behind,
			k->knot->behind == 1 ? " waits" : "s wait");
	if (borrowed)
		tt_finding_evidence(set, k->f,
			"%u of the stacks of waiting threads %s that of an earlier wait for the same lock at the same place",
			borrowed, borrowed == 1 ? "is" : "are");
	k->f->cost_ns = lasts_ns * (k->knot->steps.len + k->knot->others + k->knot->behind);
	tt_finding_figure(set, k->f, "threads", k->knot->steps.len + k->knot->others);
	tt_finding_figure(set, k->f, "threads_behind", k->knot->behind);
	tt_finding_figure(set, k->f, "lasted_ns", lasts_ns);
}

static void set_confidence(const struct deadlock *k)
{
	bool running = k->process->end == TT_END_RUNNING;
	k->f->confidence = TT_PROVEN;
	if (!k->knot->certain) {
		k->f->confidence = TT_LIKELY;
		k->f->reason = "it is taken for granted that who took a semaphore, or a mutex that was unlocked by another "
			       "thread before, is the one to give it back; any thread could";
	} else if (k->process->end == TT_END_UNKNOWN) {
		k->f->confidence = TT_LIKELY;
		k->f->reason = "the threads were in these waits, but it is not known whether the process lives and goes on";
	} else if (k->knot->kind == TT_KNOT_EVERYONE && !k->w->seen) {
		k->f->confidence = TT_LIKELY;
		k->f->reason = "no recorded thread was left that could run; a thread that was not recorded could have";
	} else if (running) {
		k->f->reason = "two looks at the running process found these threads in the same waits, which nothing but a "
			       "signal handler that jumps out of them can end";
	} else {
		k->f->reason = "the threads were in these waits when the process ended, and nothing but a signal handler that "
			       "jumps out of them could have ended them";
	}
}

/* ------------------------------------------------------------------ identity: what is the same in the next run */

static const char *place_key(const struct deadlock *k, const struct tt_finding_stack *s)
{
	const struct tt_module *m = s->site ? s->site->module : NULL;
	const char *slash = m ? strrchr(m->path, '/') : NULL;
	if (!s->site && !s->stack)
		return "";
	return tt_findings_text(k->d->set, "%s!%s",
		slash ? slash + 1
		: m   ? m->path
		      : "",
		tt_detect_name(k->d, s->site, s->stack));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Each kind of step once, in the order of the alphabet: wherever the cycle was entered, and however many threads it has. */
static void identify(const struct deadlock *k)
{
	const char *steps[STEPS_MAX] = {NULL};
	size_t count = 0;
	static const char *const kinds[] = {"cycle", "orphan", "everyone"};
	bool alone = k->knot->kind == TT_KNOT_CYCLE && k->knot->steps.len == 1;
	const struct tt_finding_edge *e;
	vec_for_each (e, &k->f->edges) {
		const char *kind = e->wanted ? tt_kind_name(e->wanted->kind) : "";
		steps[count++] = tt_findings_text(k->d->set, "%s|%s|%s", kind, place_key(k, &e->hold), place_key(k, &e->want));
	}
	qsort(steps, count, sizeof(*steps), by_text);
	tt_finding_identify(k->f, alone ? "self" : kinds[k->knot->kind]);
	for (size_t i = 0; i < count; i++)
		if (!i || strcmp(steps[i], steps[i - 1]) != 0)
			tt_finding_identify(k->f, steps[i]);
}

/* ------------------------------------------------------------------ the detector */

static void report(struct deadlock *k)
{
	k->f = tt_detect_add(k->d, TT_RULE_DEADLOCK, k->process);
	if (!k->f)
		return;
	k->f->title = title(k);
	for (size_t i = 0; i < k->knot->steps.len && i < STEPS_MAX; i++)
		add_step(k, i);
	add_evidence(k);
	set_confidence(k);
	identify(k);
}

void tt_detect_deadlock(const struct tt_detect *d)
{
	struct tt_process *const *p;
	vec_for_each (p, &d->model->processes) {
		struct tt_waitfor w = {0};
		if (tt_waitfor_read(&w, (*p)->rec) < 0)
			d->set->failed = true;
		const struct tt_knot *knot;
		vec_for_each (knot, &w.knots) {
			struct deadlock k = {.d = d, .process = *p, .w = &w, .knot = knot};
			report(&k);
		}
		tt_waitfor_deinit(&w);
	}
}
