/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_loop.c - epoll_wait, poll, select: event loops.
 *
 * The time between the return of one such call and the next is time away from the loop: nothing is served meanwhile. Two clock
 * readings per call, beside a system call that costs several times as much.
 */
#include "preload/acquire.h"

struct loop_wait {
	struct tt_self *s; /* NULL: nothing to undo */
	uint64_t t0, pc;
	bool may_wait, single; /* its timeout is not 0; it is a poll of one descriptor, or none */
	struct tt_caller caller;
};

static void loop_away(struct tt_self *s, uint64_t ns, uint64_t now, uint64_t pc)
{
	struct ttrec_thread *t = s->t;
	struct ttrec_loop *l = t->loop ? tt_at(t->loop) : tt_loop_alloc(t, pc);
	if (!l)
		return;
	l->calls++;
	l->site = pc;
	l->busy_ns += ns;
	l->hist[ttrec_hist_bucket(ns)]++;
	if (ns > l->max_ns) {
		l->max_ns = ns;
		l->max_at_ns = now;
	}
	if (ns >= tt_g.h->loop_stall_ns) {
		l->stalls++;
		tt_event(s, TTREC_EVENT_STALL, &(struct ttrec_event){.end_ns = now, .dur_ns = ns, .site = pc});
	}
}

static void loop_begin(struct loop_wait *w, struct tt_self *s, uint64_t pc, uintptr_t cfa)
{
	w->pc = pc;
	w->caller = (struct tt_caller){pc, cfa};
	tt_busy_begin(s);
	w->t0 = tt_now();
	if (s->t->loop_return_ns)
		loop_away(s, w->t0 - s->t->loop_return_ns, w->t0, pc);
	s->t->loop_return_ns = 0;
	tt_module_seen(pc);
	tt_waiting_loop(s->t, pc, w->t0);
	tt_busy_end(s);
	w->s = s;
}

static void loop_end(struct loop_wait *w)
{
	struct tt_self *s = w->s;
	w->s = NULL;
	struct ttrec_thread *t = s->t;
	tt_busy_begin(s);
	uint64_t now = tt_now();
	tt_waiting_over(t);
	t->waits[TTREC_WAIT_LOOP].count++;
	t->waits[TTREC_WAIT_LOOP].ns += now - w->t0;
	if (t->loop) {
		struct ttrec_loop *l = tt_at(t->loop);
		l->wait_ns += now - w->t0;
		l->may_wait += w->may_wait;
		l->single += w->single;
	}
	t->loop_return_ns = now;
	if (w->may_wait && t->held_depth)
		tt_held_while_blocked(s, 0, TTREC_SITE(w->pc, TTREC_OP_LOOP_WAIT), now - w->t0, &w->caller);
	tt_busy_end(s);
}

static void loop_cancelled(struct loop_wait *w)
{
	if (w->s)
		loop_end(w);
}

static bool has_time(const struct timespec *timeout)
{
	return !timeout || timeout->tv_sec || timeout->tv_nsec;
}

/* The shape of all of them. `call` is evaluated once, inside; the other two before it, since select() changes its timeout. */
#define LOOP_WAIT(timeout_is_not_0, is_single, call)                           \
	struct tt_self *s = tt_enter();                                        \
	if (!s)                                                                \
		return call;                                                   \
	struct loop_wait w __attribute__((cleanup(loop_cancelled)));           \
	w.s = NULL;                                                            \
	w.may_wait = (timeout_is_not_0);                                       \
	w.single = (is_single);                                                \
	loop_begin(&w, s, (uintptr_t)__builtin_return_address(0), HOOK_CFA()); \
	int r = call;                                                          \
	loop_end(&w);                                                          \
	return r

TT_EXPORT int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	LOOP_WAIT(timeout != 0, false, REAL(epoll_wait)(epfd, events, max, timeout));
}

TT_EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
	LOOP_WAIT(timeout != 0, false, REAL(epoll_pwait)(epfd, events, max, timeout, mask));
}

TT_EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int max, const struct timespec *timeout, const sigset_t *mask)
{
	LOOP_WAIT(has_time(timeout), false, REAL(epoll_pwait2)(epfd, events, max, timeout, mask));
}

TT_EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	LOOP_WAIT(timeout != 0, n <= 1, REAL(poll)(fds, n, timeout));
}

TT_EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	LOOP_WAIT(has_time(timeout), n <= 1, REAL(ppoll)(fds, n, timeout, mask));
}

TT_EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
	LOOP_WAIT(timeout != 0, n <= 1, REAL(__poll_chk)(fds, n, timeout, size));
}

TT_EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t size)
{
	LOOP_WAIT(has_time(timeout), n <= 1, REAL(__ppoll_chk)(fds, n, timeout, mask, size));
}

TT_EXPORT int select(int n, fd_set *rd, fd_set *wr, fd_set *ex, struct timeval *timeout)
{
	LOOP_WAIT(!timeout || timeout->tv_sec || timeout->tv_usec, false, REAL(select)(n, rd, wr, ex, timeout));
}

TT_EXPORT int pselect(int n, fd_set *rd, fd_set *wr, fd_set *ex, const struct timespec *timeout, const sigset_t *mask)
{
	LOOP_WAIT(has_time(timeout), false, REAL(pselect)(n, rd, wr, ex, timeout, mask));
}
