/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * misuse.c - facts about broken rules of the API become findings, unless the program used what it used as it is meant to be
 * used.
 *
 * As designed, and so no finding or a note: what a robust mutex is for (owners that die holding it), what an error-checking
 * mutex is for (the call says that it would be wrong), locks that processes hand over to each other, deadlines that pass,
 * destructors that run while the program ends. A lock call that waits for itself for ever is rule deadlock.
 */
#include <errno.h>
#include <inttypes.h>

#include "lib/findings/misuse.h"

/* One finding in the making. */
struct say {
	const struct tt_detect *d;
	const struct tt_misuse *f;
	struct tt_finding *out;
	const char *who;  /* function that did it */
	const char *lock; /* name */
};

static bool has(const struct tt_misuse *f, unsigned flag)
{
	return f->lock && f->lock->flags & flag;
}

static bool is_type(const struct tt_misuse *f, enum ttrec_type type)
{
	return f->lock && f->lock->kind == TTREC_KIND_MUTEX && f->lock->type == type;
}

/* The thread that `other` names, as far as it has a record; NULL: nobody, or not known, or `other` is something else. */
static const struct tt_thread *other_thread(const struct say *s)
{
	switch (s->f->what) {
	case TTREC_MISUSE_UNLOCK_NOT_OWNER:
	case TTREC_MISUSE_DESTROY_LOCKED:
	case TTREC_MISUSE_FREED_LOCKED:
	case TTREC_MISUSE_DOUBLE_JOIN:
	case TTREC_MISUSE_JOIN_SELF:
	case TTREC_MISUSE_JOIN_DETACHED:
		return s->f->other ? tt_model_thread(s->d->model, s->f->process, s->f->other) : NULL;
	default:
		return NULL;
	}
}

static const char *other_name(const struct say *s)
{
	if (!s->f->other)
		return "another thread";
	return tt_detect_thread_name(s->d, s->f->process, other_thread(s), s->f->other);
}

static bool other_is_self(const struct tt_misuse *f)
{
	return f->other && f->other == f->thread_serial;
}

/*
 * The finding, with all that every rule shows: who, how often, the stack of the misuse, where the lock was taken (or what else
 * other_site is: label), the lock and the threads. False: out of memory.
 */
static bool begin(struct say *s, enum tt_rule rule, const char *label)
{
	const struct tt_detect *d = s->d;
	const struct tt_misuse *f = s->f;
	struct tt_finding *out = s->out = tt_detect_add(d, rule, f->process);
	if (!out)
		return false;
	out->reason = "the call was seen";
	if (f->lock) {
		tt_finding_identify(out, tt_kind_name(f->lock->kind));
		tt_detect_identify(d, out, f->lock->birth_site, f->lock->birth_stack);
		tt_finding_lock(d->set, out, f->lock);
	}
	tt_detect_identify(d, out, f->site, f->stack);
	tt_finding_evidence(d->set, out, "seen %s, first by %s", tt_misuse_times(d, f->count),
		tt_detect_thread_name(d, f->process, f->thread, f->thread_serial));
	tt_finding_figure(d->set, out, "count", f->count);
	tt_finding_thread(d->set, out, f->thread);
	const struct tt_thread *other = other_thread(s);
	if (other != f->thread)
		tt_finding_thread(d->set, out, other);
	tt_finding_stack(d->set, out, "here", f->site, f->stack);
	struct tt_finding_stack taken = tt_detect_taken(d, label, f->lock, f->other_site);
	tt_finding_stack_as(d->set, out, &taken);
	return true;
}

#define TITLE(s, ...) ((s)->out->title = tt_findings_text((s)->d->set, __VA_ARGS__))
#define ADD(s, ...)   tt_finding_evidence((s)->d->set, (s)->out, __VA_ARGS__)

/* The call told the program, as this kind of lock is there to do: worth knowing, no more. */
static void told(struct say *s, const char *what, const char *error)
{
	if (!begin(s, TT_RULE_LOCK_CALL_FAILED, "it had been taken here"))
		return;
	s->out->level = TT_LEVEL_NOTE;
	tt_finding_identify(s->out, error);
	TITLE(s, "%s %s %s: the call failed with %s", s->who, what, s->lock, error);
	ADD(s, "%s is %s %s: it is made to find this out", s->lock, tt_type_name(s->f->lock->type)[0] == 'e' ? "an" : "a",
		tt_type_name(s->f->lock->type));
}

/* ------------------------------------------------------------------ rules about a lock */

static void unlock_not_owner(struct say *s)
{
	if (has(s->f, TTREC_LOCK_PSHARED)) /* its holder may be in another process */
		return;
	if (is_type(s->f, TTREC_TYPE_ERRORCHECK)) {
		told(s, "unlocks, without holding it,", "EPERM");
		return;
	}
	if (!begin(s, TT_RULE_UNLOCK_NOT_OWNER, "its holder had taken it here"))
		return;
	TITLE(s, "%s unlocks %s, which %s holds", s->who, s->lock, other_name(s));
	if (is_type(s->f, TTREC_TYPE_RECURSIVE) || has(s->f, TTREC_LOCK_ROBUST))
		ADD(s, "the call failed with EPERM: the lock stays as it is");
}

static void unlock_unlocked(struct say *s)
{
	if (has(s->f, TTREC_LOCK_PSHARED))
		return;
	if (is_type(s->f, TTREC_TYPE_ERRORCHECK)) {
		told(s, "unlocks, while nobody holds it,", "EPERM");
		return;
	}
	if (begin(s, TT_RULE_UNLOCK_UNLOCKED, ""))
		TITLE(s, "%s unlocks %s, which nobody holds", s->who, s->lock);
}

static void destroy_locked(struct say *s)
{
	if (!begin(s, TT_RULE_DESTROY_LOCKED, "it had been taken here"))
		return;
	if (other_is_self(s->f))
		TITLE(s, "%s destroys %s, which it holds itself", s->who, s->lock);
	else if (s->f->other)
		TITLE(s, "%s destroys %s while %s holds it", s->who, s->lock, other_name(s));
	else
		TITLE(s, "%s destroys %s while it is in use", s->who, s->lock);
	if (!s->f->other && s->f->lock && s->f->lock->kind == TTREC_KIND_MUTEX)
		ADD(s, "no thread holds it: one waits on a condition with it, or the holder is not known");
	if (!tt_misuse_at_exit(s->d, s->f))
		return;
	s->out->level = TT_LEVEL_NOTE;
	s->out->confidence = TT_POSSIBLE;
	s->out->reason = "the program was ending: other threads are stopped soon, whatever they hold";
}

/*
 * Of mutexes and conditions the C library leaves in their memory that they were destroyed. Of the others it is only known that
 * no init call came between, and that their memory was not given back; a read-write lock or a spinlock can also be made anew by
 * an assignment, which nobody sees.
 */
static void not_seen_in_memory(struct say *s)
{
	enum ttrec_kind kind = s->f->lock ? s->f->lock->kind : TTREC_KIND_NONE;
	if (kind != TTREC_KIND_SEM && kind != TTREC_KIND_BARRIER && kind != TTREC_KIND_RWLOCK && kind != TTREC_KIND_SPIN)
		return;
	s->out->confidence = TT_LIKELY;
	s->out->reason = "no call initialised it again, and its memory was not freed meanwhile";
	if (kind != TTREC_KIND_RWLOCK && kind != TTREC_KIND_SPIN)
		return;
	s->out->level = TT_LEVEL_WARNING;
	ADD(s, "if the program sets it up again by an assignment (PTHREAD_RWLOCK_INITIALIZER), all is well");
}

static void use_after_destroy(struct say *s)
{
	if (!begin(s, TT_RULE_USE_AFTER_DESTROY, "destroyed here"))
		return;
	TITLE(s, "%s uses %s after it was destroyed", s->who, s->lock);
	not_seen_in_memory(s);
	if (s->f->other)
		ADD(s, "the call failed with %s", tt_misuse_errno(s->d, s->f->other));
	if (!tt_misuse_at_exit(s->d, s->f))
		return;
	s->out->level = TT_LEVEL_WARNING;
	ADD(s, "it happened while the program ended: destructors run in an order that forgets who still needs what");
}

/*
 * The thread was not joined, nobody waits for the lock, and the program was over soon: as where a virtual machine stops its
 * threads by a lock that it never gives back.
 */
#define ENDING_NS UINT64_C(1000000000)
static bool was_ending(const struct tt_misuse *f)
{
	const struct tt_process *p = f->process;
	bool over = p->end == TT_END_EXITED || p->end == TT_END_FORCED;
	return over && f->count == 1 && !(f->lock && f->lock->waiters) && !(f->thread && f->thread->joined_ns) &&
	       p->end_ns - f->first_ns < ENDING_NS;
}

static void exit_holding(struct say *s)
{
	const struct tt_misuse *f = s->f;
	if (has(f, TTREC_LOCK_ROBUST)) /* the next thread gets EOWNERDEAD: that is what they are for */
		return;
	/* The site is where the lock was taken; other_site the thread's start routine. */
	struct tt_misuse at = *f;
	struct tt_finding_stack taken = tt_detect_taken(s->d, "taken here", f->lock, f->site);
	at.stack = taken.stack;
	at.other_site = NULL;
	at.other = 0;
	s->f = &at;
	if (begin(s, TT_RULE_EXIT_HOLDING, "")) {
		const char *start = f->other_site ? tt_detect_name(s->d, f->other_site, NULL) : "the main thread";
		TITLE(s, "A thread of %s ended holding %s, taken in %s", start, s->lock, s->who);
		if (f->other_site)
			tt_detect_identify(s->d, s->out, f->other_site, NULL);
		if (f->thread && f->thread->flags & TTREC_THREAD_CANCELLED)
			ADD(s, "it had been cancelled: a cleanup handler is missing");
		if (f->thread && f->thread->flags & TTREC_THREAD_DETACHED)
			ADD(s, "it was detached");
		if (f->lock && f->lock->waiters)
			ADD(s, "%u thread%s for it for ever", f->lock->waiters, f->lock->waiters == 1 ? " waits" : "s wait");
		if (s->out->stacks.len) /* a thread that was torn out of a lock call may not know where */
			s->out->stacks.data[0].label = taken.label;
		if (was_ending(f)) {
			s->out->level = TT_LEVEL_WARNING;
			ADD(s, "nobody waits for it, and the program ended soon after");
		}
	}
	s->f = f;
}

static void wait_without_lock(struct say *s)
{
	if (!begin(s, TT_RULE_WAIT_WITHOUT_LOCK, ""))
		return;
	TITLE(s, "%s waits on %s without holding the mutex", s->who, s->lock);
	ADD(s, "the wait unlocks a mutex that this thread does not hold, and a signal before it sleeps is lost");
}

static void wait_mixed(struct say *s)
{
	if (!begin(s, TT_RULE_WAIT_MIXED, ""))
		return;
	TITLE(s, "%s waits on %s with another mutex than those that already wait", s->who, s->lock);
}

static void recursive_read(struct say *s)
{
	const struct tt_lock *l = s->f->lock;
	/* glibc lets a reader in again unless the lock prefers writers without recursion and a writer waits. */
	if (!l || l->type != TTREC_TYPE_PREFER_WRITER_NR || !l->ops.exclusive)
		return;
	if (!begin(s, TT_RULE_RECURSIVE_READ, "first taken here"))
		return;
	s->out->confidence = TT_LIKELY;
	s->out->reason = "it did not meet a writer in this run; a writer that comes between the two stops both";
	TITLE(s, "%s takes %s for reading again while it holds it", s->who, s->lock);
	ADD(s, "the lock prefers writers (PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) and is written %s",
		tt_misuse_times(s->d, l->ops.exclusive));
}

static void relock(struct say *s)
{
	const struct tt_misuse *f = s->f;
	/* Error-checking: the failed call is a fact of its own. Still waiting: that is rule deadlock. */
	if (is_type(f, TTREC_TYPE_ERRORCHECK))
		return;
	if (f->thread && f->thread->waiting.op && f->thread->waiting.lock == f->lock && !tt_op_is_timed(f->thread->waiting.op))
		return;
	if (!begin(s, TT_RULE_RELOCK, "it had been taken here"))
		return;
	TITLE(s, "%s locks %s, which its own thread holds", s->who, s->lock);
	if (tt_op_is_timed(f->op))
		ADD(s, "the call waits for its deadline: nobody can unlock meanwhile");
	else
		ADD(s, "the call waits until another thread unlocks what it does not hold");
}

static void call_failed(struct say *s)
{
	const struct tt_misuse *f = s->f;
	bool not_recoverable = f->other == ENOTRECOVERABLE && has(f, TTREC_LOCK_ROBUST);
	bool ceiling = has(f, TTREC_LOCK_PP) && (f->other == EINVAL || f->other == EPERM);
	if (not_recoverable || ceiling || f->other == EINTR)
		return;
	const char *error = tt_misuse_errno(s->d, f->other);
	if (f->other == EDEADLK && is_type(f, TTREC_TYPE_ERRORCHECK)) {
		told(s, "locks again, while it holds it,", error);
		return;
	}
	if (!begin(s, TT_RULE_LOCK_CALL_FAILED, ""))
		return;
	tt_finding_identify(s->out, error);
	const char *op = f->op ? tt_op_name(f->op) : "a call";
	TITLE(s, "%s in %s failed for %s: %s", op, s->who, s->lock, error);
	if (f->other == EDEADLK)
		ADD(s, "the thread already holds it");
	else if (f->other == EAGAIN)
		ADD(s, "a limit of the lock is reached: too many readers, or too many levels");
	else if (f->other == EINVAL)
		ADD(s, "it is no valid lock there, or the time given is none");
}

static void freed_locked(struct say *s)
{
	if (!begin(s, TT_RULE_FREED_LOCKED, "it had been taken here"))
		return;
	if (other_is_self(s->f)) {
		s->out->level = TT_LEVEL_WARNING;
		TITLE(s, "%s frees the memory of %s, which it holds itself", s->who, s->lock);
	} else {
		TITLE(s, "%s frees the memory of %s while %s holds it", s->who, s->lock, other_name(s));
	}
}

static void reinit_locked(struct say *s)
{
	if (begin(s, TT_RULE_REINIT_LOCKED, "it had been taken here"))
		TITLE(s, "%s initialises %s again while it holds it", s->who, s->lock);
}

static void destroy_waited(struct say *s)
{
	if (!begin(s, TT_RULE_DESTROY_WAITED, ""))
		return;
	TITLE(s, "%s destroys %s while threads wait on it", s->who, s->lock);
	if (s->f->lock && s->f->lock->kind == TTREC_KIND_COND)
		ADD(s, "the call returns only once they have left");
}

/* ------------------------------------------------------------------ rules about threads */

static void double_join(struct say *s)
{
	if (begin(s, TT_RULE_DOUBLE_JOIN, ""))
		TITLE(s, "%s joins %s, which was joined already or is being joined", s->who,
			s->f->other ? other_name(s) : "a thread");
}

static void join_self(struct say *s)
{
	if (!begin(s, TT_RULE_JOIN_SELF, ""))
		return;
	if (other_is_self(s->f))
		TITLE(s, "%s joins its own thread", s->who);
	else
		TITLE(s, "%s joins %s, which joins this thread", s->who, other_name(s));
	ADD(s, "the call failed with EDEADLK");
}

static void join_detached(struct say *s)
{
	if (begin(s, TT_RULE_JOIN_DETACHED, ""))
		TITLE(s, "%s joins %s, which is detached", s->who, s->f->other ? other_name(s) : "a thread");
}

void tt_detect_misuse(const struct tt_detect *d)
{
	static void (*const rules[TTREC_MISUSE_MAX])(struct say *) = {
		[TTREC_MISUSE_UNLOCK_NOT_OWNER] = unlock_not_owner,
		[TTREC_MISUSE_UNLOCK_UNLOCKED] = unlock_unlocked,
		[TTREC_MISUSE_DESTROY_LOCKED] = destroy_locked,
		[TTREC_MISUSE_USE_AFTER_DESTROY] = use_after_destroy,
		[TTREC_MISUSE_EXIT_HOLDING] = exit_holding,
		[TTREC_MISUSE_DOUBLE_JOIN] = double_join,
		[TTREC_MISUSE_JOIN_SELF] = join_self,
		[TTREC_MISUSE_JOIN_DETACHED] = join_detached,
		[TTREC_MISUSE_WAIT_WITHOUT_LOCK] = wait_without_lock,
		[TTREC_MISUSE_WAIT_MIXED] = wait_mixed,
		[TTREC_MISUSE_RECURSIVE_READ] = recursive_read,
		[TTREC_MISUSE_RELOCK] = relock,
		[TTREC_MISUSE_ERROR] = call_failed,
		[TTREC_MISUSE_FREED_LOCKED] = freed_locked,
		[TTREC_MISUSE_REINIT_LOCKED] = reinit_locked,
		[TTREC_MISUSE_DESTROY_WAITED] = destroy_waited,
		/* HELD_BLOCKING: held_blocking.c */
	};
	const struct tt_misuse *f;
	vec_for_each (f, &d->model->misuses) {
		/* Taken back: a lock that a thread gave back after its routine had left. */
		if ((unsigned)f->what >= TTREC_MISUSE_MAX || !rules[f->what] || !f->count)
			continue;
		struct say s = {d, f, NULL, tt_detect_name(d, f->site, f->stack), tt_misuse_lock_name(d, f->lock)};
		rules[f->what](&s);
	}
}
