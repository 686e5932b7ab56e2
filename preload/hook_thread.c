/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_thread.c - pthread_create, join, detach, exit, names.
 *
 * The new thread starts in thread_main() with its record as argument; the record was taken before the real create, so that
 * nothing is allocated that could fail where the program would not. Its end is seen by a cleanup handler in thread_main's
 * frame: return, pthread_exit and cancellation all pass there. No thread-specific key, no atexit.
 */
#include "preload/mutex.h"
#include "preload/thread.h"

bool tt_cancel_used;

#define STACKS_FIRST 16u
#define STACKS_EVERY 64u

/* ------------------------------------------------------------------ create */

/* Before the real create: afterwards the thread may already have ended. attr may be NULL. */
static void create_attr(struct ttrec_thread *t, const pthread_attr_t *attr)
{
	int detached = PTHREAD_CREATE_JOINABLE;
	size_t stack = 0;
	if (attr) {
		pthread_attr_getdetachstate(attr, &detached);
		pthread_attr_getstacksize(attr, &stack);
	}
	if (detached == PTHREAD_CREATE_DETACHED)
		t->flags |= TTREC_THREAD_DETACHED;
	t->stack_low = stack ? stack : tt_g.default_stack; /* a size until the thread knows where it is */
}

void tt_create_begin(struct tt_self *s, struct tt_create *k, uint64_t routine, uint64_t arg, const pthread_attr_t *attr,
	uint64_t site, uintptr_t cfa)
{
	struct tt_caller c = tt_caller_of(site, cfa);
	tt_busy_begin(s);
	struct ttrec_thread *t = tt_thread_alloc();
	k->t = t;
	if (t) {
		t->start_routine = routine;
		t->create_site = TTREC_SITE_PC(site);
		t->creator = s->t->serial;
		t->creator_segment = s->t->segment;
		__builtin_memcpy(t->name, s->t->name, sizeof(t->name));
		tt_module_seen(routine);
		struct ttrec_group *g = k->group = tt_group_get(routine, t->create_site);
		uint64_t before = g ? tt_load_relaxed(&g->created) : 0;
		/* The first of a kind all keep their stack; later ones mostly take over the latest. */
		if (before < STACKS_FIRST || before % STACKS_EVERY == 0)
			t->create_stack = tt_stack_capture(s, &c);
		if (g) {
			if (t->create_stack)
				tt_store_relaxed(&g->create_stack, t->create_stack);
			else
				t->create_stack = tt_load_relaxed(&g->create_stack);
			t->group = tt_ref(g);
			tt_add_relaxed(&g->created, 1);
			uint64_t live = tt_add_relaxed(&g->live, 1) + 1;
			tt_max_relaxed(&g->peak, live);
			tt_store_relaxed(&g->last_ns, t->created_ns);
		}
		tt_g.p->start_arg[t->slot] = arg;
		create_attr(t, attr);
		k->serial = t->serial;
		k->routine = routine;
		k->detached = t->flags & TTREC_THREAD_DETACHED;
	}
	tt_busy_end(s);
}

/* r: what the real create returned. thread: where the program wants the handle. */
void tt_create_end(struct tt_self *s, struct tt_create *k, int r, const pthread_t *thread, uint64_t site)
{
	struct ttrec_thread *t = k->t;
	if (!t)
		return;
	tt_busy_begin(s);
	struct ttrec_group *g = k->group;
	if (r == 0) {
		/*
		 * `t` belongs to the new thread now, and if that is detached it may already be somebody else's: only what the
		 * creator must say is said, and only while the slot still speaks of this thread. One that runs has told its
		 * handle itself, and may have given back the memory that `thread` points to.
		 */
		if (!k->detached && tt_load_acquire(&t->serial) == k->serial &&
			tt_load_acquire(&t->state) == TTREC_THREAD_CREATING)
			tt_thread_set_pthread(t, (uint64_t)*thread);
		tt_add_relaxed(&tt_g.h->threads_created, 1);
		if (k->detached) {
			tt_add_relaxed(&tt_g.h->threads_detached, 1);
			if (g)
				tt_add_relaxed(&g->detached, 1);
		}
		s->t->segment++;
		tt_order_forget(s);
		tt_event(s, TTREC_EVENT_CREATE,
			&(struct ttrec_event){
				.end_ns = tt_now(), .site = TTREC_SITE_PC(site), .a = k->serial, .b = k->routine});
	} else {
		if (g) {
			tt_sub_relaxed(&g->created, 1);
			tt_sub_relaxed(&g->live, 1);
			tt_add_relaxed(&g->failed, 1);
		}
		t->serial = 0; /* it never was */
		tt_thread_free(t);
	}
	tt_busy_end(s);
}

/* The new thread's first words. */
void tt_thread_begins(struct ttrec_thread *t)
{
	struct tt_self *s = &tt_self;
	tt_busy_begin(s);
	if (s->t)
		tt_thread_unadopt(s);
	uint64_t top = (uint64_t)pthread_self(); /* glibc keeps its descriptor at the outer end of the stack */
	uint64_t size = t->stack_low;
	t->stack_high = top;
	t->stack_low = top > size ? top - size : 0;
	tt_thread_bind(s, t, top);
	tt_event(s, TTREC_EVENT_START, &(struct ttrec_event){.end_ns = t->started_ns, .b = t->start_routine});
	tt_busy_end(s);
}

/* Cleanup handler of the trampolines' frames. */
void tt_thread_leaves(void *unused)
{
	(void)unused;
	struct tt_self *s = tt_enter();
	if (!s || !s->t || tt_load_relaxed(&s->t->state) != TTREC_THREAD_RUNNING)
		return;
	tt_busy_begin(s);
	tt_log_charge(s->t);
	for (uint32_t i = s->t->held_depth; i; i--) {
		struct ttrec_lock *l = tt_lock_find(s->held[i - 1].lock);
		if (!l || l->kind == TTREC_KIND_SEM)
			continue;
		s->t->flags |= TTREC_THREAD_EXIT_HOLDING;
		tt_misuse(s, TTREC_MISUSE_EXIT_HOLDING, l, TTREC_SITE_WORD(s->held[i - 1].site), s->t->serial,
			s->t->start_routine, 0, NULL);
		/* A release is to be noticed: see tt_released(). */
		tt_or_relaxed(&s->held[i - 1].site, TTREC_HELD_FLAG(TTREC_HELD_WANT));
	}
	tt_event(s, TTREC_EVENT_END, &(struct ttrec_event){.end_ns = tt_now()});
	tt_order_free(s);
	tt_stacks_free(s);
	tt_thread_ending(s);
	tt_busy_end(s);
}

static void *thread_main(void *arg)
{
	struct ttrec_thread *t = arg;
	void *(*routine)(void *) = (void *(*)(void *))(uintptr_t)t->start_routine;
	void *routine_arg = (void *)(uintptr_t)tt_g.p->start_arg[t->slot];
	tt_thread_begins(t);
	int frame __attribute__((cleanup(tt_thread_leaves_frame), unused)) = 0;
	return routine(routine_arg);
}

TT_EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*routine)(void *), void *arg)
{
	struct tt_self *s = tt_enter();
	if (!s)
		return REAL(pthread_create)(thread, attr, routine, arg);
	uint64_t site = HOOK_SITE(OP_CREATE);
	struct tt_create k;
	tt_create_begin(s, &k, (uintptr_t)routine, (uintptr_t)arg, attr, site, HOOK_CFA());
	if (!k.t)
		return REAL(pthread_create)(thread, attr, routine, arg);
	int r = REAL(pthread_create)(thread, attr, thread_main, k.t);
	tt_create_end(s, &k, r, thread, site);
	return r;
}

/* ------------------------------------------------------------------ join, detach */

/* A cancelled join waits no more; its thread is not joined. */
static void join_cancelled(struct tt_join *j)
{
	struct tt_self *s = j->s;
	if (!s)
		return;
	tt_busy_begin(s);
	uint64_t now = tt_block_end(s, &j->b);
	tt_block_over(s, &j->b, now, false);
	tt_held_while_blocked(s, 0, j->site, now - j->b.t0, NULL);
	if (j->t)
		tt_and_relaxed(&j->t->flags, ~(uint32_t)TTREC_THREAD_JOINING);
	tt_busy_end(s);
}

void tt_join_cleanup(struct tt_join *j)
{
	join_cancelled(j);
}

void tt_join_begin(struct tt_self *s, struct tt_join *j, pthread_t thread, uint64_t site, uintptr_t cfa)
{
	struct tt_caller c = tt_caller_of(site, cfa);
	tt_busy_begin(s);
	j->t = tt_thread_by_pthread((uint64_t)thread);
	j->site = site;
	j->second = j->t && tt_load_relaxed(&j->t->flags) & TTREC_THREAD_JOINING;
	if (j->t && !(j->t->flags & TTREC_THREAD_DETACHED)) {
		j->t->joiner = s->t->serial;
		tt_or_relaxed(&j->t->flags, TTREC_THREAD_JOINING);
	}
	j->serial = j->t ? j->t->serial : 0;
	tt_block_begin(s, &j->b, NULL, TTREC_KIND_THREAD, (uint64_t)thread, site, TTREC_WAIT_JOIN, NULL, j->serial, &c);
	tt_busy_end(s);
	j->s = s; /* from here on the cleanup has something to undo */
}

/* r: what the real function returned. */
void tt_join_end(struct tt_join *j, int r, uintptr_t cfa)
{
	struct tt_self *s = j->s;
	struct ttrec_thread *t = j->t;
	struct tt_caller c = tt_caller_of(j->site, cfa);
	j->s = NULL;
	tt_busy_begin(s);
	uint64_t now = tt_block_end(s, &j->b);
	tt_block_over(s, &j->b, now, r == ETIMEDOUT);
	tt_held_while_blocked(s, 0, j->site, now - j->b.t0, &c);
	if (r == 0 && !t) {
		/* Joined before it had said who it is, by another thread than its creator. It has by now. */
		t = tt_thread_by_pthread(j->b.object);
		if (t && tt_load_acquire(&t->state) != TTREC_THREAD_ENDING)
			t = NULL;
	}
	if (t && j->serial && (t->serial != j->serial || tt_load_relaxed(&t->state) == TTREC_THREAD_FREE))
		t = NULL; /* an adopted thread, put away meanwhile */
	if (r == 0)
		tt_thread_joined(s, t, now, j->b.t0, j->site);
	else if (t)
		tt_and_relaxed(&t->flags, ~(uint32_t)TTREC_THREAD_JOINING);
	if (r == EDEADLK)
		tt_misuse(s, TTREC_MISUSE_JOIN_SELF, NULL, j->site, j->serial, 0, 0, &c);
	else if (r == EINVAL && t && t->flags & TTREC_THREAD_DETACHED)
		tt_misuse(s, TTREC_MISUSE_JOIN_DETACHED, NULL, j->site, j->serial, 0, 0, &c);
	else if (r == EINVAL && (!t || j->second)) /* else its deadline was odd */
		tt_misuse(s, TTREC_MISUSE_DOUBLE_JOIN, NULL, j->site, j->serial, 0, 0, &c);
	else if (r == ESRCH)
		tt_misuse(s, TTREC_MISUSE_DOUBLE_JOIN, NULL, j->site, j->serial, 0, 0, &c);
	tt_busy_end(s);
}

/* The thread is joined: what it did comes before all that this one does from now on. */
void tt_thread_joined(struct tt_self *s, struct ttrec_thread *t, uint64_t now, uint64_t since, uint64_t site)
{
	tt_add_relaxed(&tt_g.h->threads_joined, 1);
	s->t->segment++;
	tt_order_forget(s);
	tt_event(s, TTREC_EVENT_JOIN,
		&(struct ttrec_event){
			.end_ns = now, .dur_ns = now - since, .site = TTREC_SITE_PC(site), .a = t ? t->serial : 0});
	if (!t)
		return;
	t->joined_ns = now;
	t->joiner = s->t->serial;
	t->joiner_segment = s->t->segment;
	struct ttrec_group *g = t->group ? tt_at(t->group) : NULL;
	if (g)
		tt_add_relaxed(&g->joined, 1);
	tt_thread_gone(t);
}

TT_EXPORT int pthread_join(pthread_t thread, void **ret)
{
	struct tt_self *s = tt_enter();
	if (!s)
		return REAL(pthread_join)(thread, ret);
	struct tt_join j __attribute__((cleanup(tt_join_cleanup))) = {0};
	tt_join_begin(s, &j, thread, HOOK_SITE(OP_JOIN), HOOK_CFA());
	int r = REAL(pthread_join)(thread, ret);
	tt_join_end(&j, r, HOOK_CFA());
	return r;
}

TT_EXPORT int pthread_timedjoin_np(pthread_t thread, void **ret, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	if (!s)
		return REAL(pthread_timedjoin_np)(thread, ret, until);
	struct tt_join j __attribute__((cleanup(tt_join_cleanup))) = {0};
	tt_join_begin(s, &j, thread, HOOK_SITE(OP_JOIN), HOOK_CFA());
	if (until)
		tt_waiting_timed(s);
	int r = REAL(pthread_timedjoin_np)(thread, ret, until);
	tt_join_end(&j, r, HOOK_CFA());
	return r;
}

TT_EXPORT int pthread_clockjoin_np(pthread_t thread, void **ret, clockid_t clock, const struct timespec *until)
{
	struct tt_self *s = tt_enter();
	if (!s)
		return REAL(pthread_clockjoin_np)(thread, ret, clock, until);
	struct tt_join j __attribute__((cleanup(tt_join_cleanup))) = {0};
	tt_join_begin(s, &j, thread, HOOK_SITE(OP_JOIN), HOOK_CFA());
	if (until)
		tt_waiting_timed(s);
	int r = REAL(pthread_clockjoin_np)(thread, ret, clock, until);
	tt_join_end(&j, r, HOOK_CFA());
	return r;
}

TT_EXPORT int pthread_tryjoin_np(pthread_t thread, void **ret)
{
	struct tt_self *s = tt_enter();
	struct ttrec_thread *t = s ? tt_thread_by_pthread((uint64_t)thread) : NULL;
	int r = REAL(pthread_tryjoin_np)(thread, ret);
	if (s && r == 0) {
		tt_busy_begin(s);
		uint64_t now = tt_now();
		tt_thread_joined(s, t, now, now, HOOK_SITE(OP_JOIN));
		tt_busy_end(s);
	}
	return r;
}

/* t may be NULL: a thread that has no record. */
void tt_detached(struct tt_self *s, struct ttrec_thread *t, uint64_t site)
{
	tt_busy_begin(s);
	tt_add_relaxed(&tt_g.h->threads_detached, 1);
	if (t) {
		struct ttrec_group *g = t->group ? tt_at(t->group) : NULL;
		if (g)
			tt_add_relaxed(&g->detached, 1);
		tt_event(s, TTREC_EVENT_DETACH,
			&(struct ttrec_event){.end_ns = tt_now(), .site = TTREC_SITE_PC(site), .a = t->serial});
		tt_or_relaxed(&t->flags, TTREC_THREAD_DETACHED);
		tt_thread_reap_later(t);
	}
	tt_busy_end(s);
}

TT_EXPORT int pthread_detach(pthread_t thread)
{
	struct tt_self *s = tt_enter();
	struct ttrec_thread *t = s ? tt_thread_by_pthread((uint64_t)thread) : NULL;
	int r = REAL(pthread_detach)(thread);
	if (s && r == 0)
		tt_detached(s, t, HOOK_SITE(OP_NONE));
	return r;
}

/* ------------------------------------------------------------------ exit, names */

TT_EXPORT void pthread_exit(void *ret)
{
	struct tt_self *s = tt_enter();
	/* Threads of ours are seen by their trampoline; the main thread and adopted ones have none. */
	if (s && s->t->flags & (TTREC_THREAD_MAIN | TTREC_THREAD_ADOPTED))
		tt_thread_leaves(NULL);
	REAL(pthread_exit)(ret);
	__builtin_unreachable();
}

TT_EXPORT int pthread_cancel(pthread_t thread)
{
	struct tt_self *s = tt_enter();
	struct ttrec_thread *t = s ? tt_thread_by_pthread((uint64_t)thread) : NULL;
	tt_store_relaxed(&tt_cancel_used, true);
	tt_store_relaxed(&tt_inline.sem_wait, 0u);
	int r = REAL(pthread_cancel)(thread);
	if (r == 0 && t)
		tt_or_relaxed(&t->flags, TTREC_THREAD_CANCELLED);
	return r;
}

TT_EXPORT int pthread_setname_np(pthread_t thread, const char *name)
{
	struct tt_self *s = tt_enter();
	int r = REAL(pthread_setname_np)(thread, name);
	struct ttrec_thread *t = s && r == 0 ? tt_thread_by_pthread((uint64_t)thread) : NULL;
	if (t) {
		size_t n = __builtin_strlen(name);
		__builtin_memset(t->name, 0, sizeof(t->name));
		__builtin_memcpy(t->name, name, n < sizeof(t->name) ? n : sizeof(t->name) - 1);
	}
	return r;
}
