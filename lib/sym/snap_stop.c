/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snap_stop.c - stops threads of the target by ptrace for as long as it takes to copy registers and stack.
 *
 * What must hold, whatever happens:
 *   - The target runs on. Threads are seized (PTRACE_SEIZE), so the kernel lets them go when their tracer ends, killed or
 *     not; one that was in a group-stop stays in it.
 *   - Nothing blocks: a thread in an uninterruptible wait (or a vfork parent) never stops. Waiting is polling, with a
 *     deadline. A thread that missed it cannot be detached either, for that needs a stopped thread; so the tracer is a
 *     thread of its own here, which then ends: that makes the kernel take back the request.
 *   - No signal is lost: one that arrives in place of our stop is passed on at the detach.
 * Where that is allowed, the tracer runs before all ordinary threads (SCHED_FIFO), so that on a busy machine the target does
 * not stand while the tracer waits for a processor.
 * No LISTEN is needed for a group-stop: nothing is resumed but by the detach, which leads back into it.
 * Called by snapshot.c and snap_together.c.
 */
#include "lib/sym/snap_private.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#define AWAKE_NS     20000u
#define SHORT_NAP_NS 10000u
#define SPIN_NS      300000u /* so long a stop is waited for without sleeping */
#define NAP_NS       100000u
#define STOP_NS      2000u /* what one thread needs to come to its stop */
#define HOLD_NS      300000u
#define TOUCH        ((size_t)32 << 10)
#define QUEUE        16u /* so many threads that run may need as long again until each had its turn */

/* ------------------------------------------------------------------ one stop */

/* Who traces a thread already; whether it has ended. */
static void look_why(pid_t tid, pid_t *ret_tracer, bool *ret_ended)
{
	char path[64], line[128], state = 'X';
	int tracer = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "TracerPid: %d", &tracer) != 1)
		(void)sscanf(line, "State: %c", &state);
	if (f)
		fclose(f);
	*ret_tracer = tracer;
	*ret_ended = state == 'X' || state == 'Z';
}

static void stop_failed(struct snap_stop *stop, enum tt_snap_fail fail, int error)
{
	stop->thread->fail = fail;
	stop->thread->error = error;
}

static void refused(struct snap_stop *stop, int error)
{
	bool ended = error == ESRCH;
	stop->thread->tracer = 0;
	if (error == EPERM && !stop->seized)
		look_why(stop->tid, &stop->thread->tracer, &ended);
	if (ended)
		stop_failed(stop, TT_SNAP_GONE, error);
	else if (stop->thread->tracer)
		stop_failed(stop, TT_SNAP_TRACED, error);
	else
		stop_failed(stop, error == EPERM ? TT_SNAP_DENIED : TT_SNAP_IO, error);
}

void snap_stop_seize(struct snap_stop *stop)
{
	stop->seized = ptrace(PTRACE_SEIZE, stop->tid, NULL, NULL) == 0;
	if (!stop->seized)
		refused(stop, errno);
}

void snap_stop_ask(struct snap_stop *stop)
{
	stop->since_ns = snap_now_ns();
	if (stop->seized && ptrace(PTRACE_INTERRUPT, stop->tid, NULL, NULL)) {
		refused(stop, errno);
		stop->seized = false;
	}
}

bool snap_stop_poll(struct snap_stop *stop)
{
	int status = 0;
	uint64_t now_ns = snap_now_ns();
	pid_t got = waitpid(stop->tid, &status, __WALL | WNOHANG);
	if (got == 0) {
		stop->since_ns = now_ns;
		return false;
	}
	if (got < 0 || !WIFSTOPPED(status)) {
		stop->seized = false;
		stop_failed(stop, TT_SNAP_GONE, got < 0 ? errno : 0);
		return true;
	}
	stop->stopped = true;
	stop->signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
	return true;
}

void snap_stop_pause(bool first, uint64_t waited_ns, size_t left)
{
	struct timespec nap = {.tv_nsec = waited_ns < SPIN_NS ? SHORT_NAP_NS : NAP_NS};
	if (left > NAP_NS / STOP_NS)
		nap.tv_nsec = left < SPIN_NS / STOP_NS ? (long)left * STOP_NS : SPIN_NS;
	if (waited_ns < AWAKE_NS)
		return; /* on another processor it comes to its stop at once, which a nap would miss by far */
	if (waited_ns < SPIN_NS && !first)
		sched_yield();
	else
		nanosleep(&nap, NULL);
}

/* A new thread's stack has no pages: it gets them now, not while others stand. */
static __attribute__((noinline)) void touch_stack(void)
{
	volatile char bytes[TOUCH];
	for (size_t i = 0; i < sizeof(bytes); i += SNAP_PAGE)
		bytes[i] = 0;
}

bool snap_stop_go_first(void)
{
	touch_stack();
	struct sched_param param = {.sched_priority = 1};
	return pthread_setschedparam(pthread_self(), SCHED_FIFO, &param) == 0;
}

void snap_set_registers(struct tt_snap_thread *thread, const struct user_regs_struct *r)
{
	const uint64_t value[TT_REG_MAX] = {r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp, r->rsp, r->r8, r->r9,
		r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip};
	memcpy(thread->regs.value, value, sizeof(value));
	thread->regs.known = (UINT32_C(1) << TT_REG_MAX) - 1;
	thread->fs_base = r->fs_base;
	/* The kernel's own "restart this call" codes, ERESTARTSYS to ERESTART_RESTARTBLOCK, or a call that our stop ended. */
	int64_t result = (int64_t)r->rax;
	thread->syscall = (int64_t)r->orig_rax;
	thread->in_syscall = thread->syscall >= 0 && ((result <= -512 && result >= -516) || result == -EINTR);
	const uint64_t args[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
	memcpy(thread->args, args, sizeof(args));
}

bool snap_stop_registers(struct snap_stop *stop)
{
	struct tt_snap_thread *thread = stop->thread;
	struct user_regs_struct regs;
	struct iovec iov = {&regs, sizeof(regs)};
	if (ptrace(PTRACE_GETREGSET, stop->tid, NT_PRSTATUS, &iov) || iov.iov_len != sizeof(regs)) {
		stop_failed(stop, errno == ESRCH ? TT_SNAP_GONE : TT_SNAP_IO, errno);
		return false;
	}
	snap_memory_forget_late(thread);
	snap_set_registers(thread, &regs);
	thread->captured_ns = snap_now_ns();
	thread->slices = 0;
	return true;
}

void snap_stop_copied(struct tt_snap *snap, struct snap_stop *stop, enum tt_snap_how how, int rc)
{
	struct tt_snap_thread *thread = stop->thread;
	thread->how = rc ? TT_SNAP_NOT : how;
	if (rc == 0)
		unwind_prefetch(snap, thread);
	stop_failed(stop, rc == 0 ? TT_SNAP_OK : rc == -EFAULT ? TT_SNAP_NO_STACK : TT_SNAP_IO, -rc);
}

void snap_stop_end(struct tt_snap *snap, struct snap_stop *stop)
{
	if (!stop->stopped)
		return;
	ptrace(PTRACE_DETACH, stop->tid, NULL, (void *)(uintptr_t)stop->signal);
	uint64_t took_ns = snap_now_ns() - stop->since_ns;
	stop->thread->stopped_ns += took_ns;
	snap->pause.stops++;
	snap->pause.sum_ns += took_ns;
	if (took_ns > snap->pause.max_ns)
		snap->pause.max_ns = took_ns;
	stop->stopped = stop->seized = false;
}

uint64_t snap_stop_deadline(const struct tt_snap *snap)
{
	return snap->options.deadline_ns ? snap->options.deadline_ns : SNAP_DEADLINE_NS;
}

int snap_stop_trace(void *(*trace)(void *), void *arg)
{
	pthread_t tracer;
	sigset_t all, before;
	sigfillset(&all);
	sigdelset(&all, SIGCHLD); /* blocked it would not be ignored: each stop would wake whoever may take it */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&tracer, NULL, trace, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		pthread_join(tracer, NULL);
	return -rc;
}

/* ------------------------------------------------------------------ each for itself */

struct each {
	struct tt_snap *snap;
	bool first; /* the tracer runs before all ordinary threads */
	struct snap_stop *stops;
	struct snap_copy *copies;
	size_t count;
	size_t left; /* of which it is not known yet what becomes of them */
	size_t held; /* stopped */
	uint64_t held_since_ns;
};

/* Reads those that have come to their stop. Returns how many have, or have ended. */
static size_t look(struct each *e)
{
	size_t before = e->left;
	for (size_t i = 0; i < e->count; i++) {
		struct snap_stop *stop = &e->stops[i];
		e->copies[i].thread = NULL;
		if (!stop->seized || stop->stopped || !snap_stop_poll(stop))
			continue;
		e->left--;
		if (stop->stopped && e->held++ == 0)
			e->held_since_ns = stop->since_ns;
		if (stop->stopped && snap_stop_registers(stop))
			e->copies[i].thread = stop->thread;
	}
	if (e->left == before)
		return 0;
	snap_memory_copy_stacks(e->snap, e->copies, e->count);
	for (size_t i = 0; i < e->count; i++) {
		if (e->copies[i].thread)
			snap_stop_copied(e->snap, &e->stops[i], TT_SNAP_STOPPED, e->copies[i].rc);
	}
	return before - e->left;
}

static void release(struct each *e)
{
	for (size_t i = 0; i < e->count; i++)
		snap_stop_end(e->snap, &e->stops[i]);
	e->held = 0;
}

/*
 * All are asked at once: a thread that waits for a processor comes to its stop when it is given one, which among many such
 * takes long, but then at once gives it to the next. What has stopped is released when no other follows, or soon.
 */
static void *trace_each(void *arg)
{
	struct each *e = arg;
	e->first = snap_stop_go_first();
	for (size_t i = 0; i < e->count; i++) {
		snap_stop_seize(&e->stops[i]);
		e->left += e->stops[i].seized;
	}
	for (size_t i = 0; i < e->count; i++) {
		bool seized = e->stops[i].seized;
		snap_stop_ask(&e->stops[i]);
		e->left -= seized && !e->stops[i].seized;
	}
	uint64_t last_ns = snap_now_ns();
	while (e->left) {
		bool came = look(e);
		uint64_t now_ns = snap_now_ns();
		if (e->held && (!came || !e->left || now_ns - e->held_since_ns > HOLD_NS))
			release(e);
		if (came)
			last_ns = now_ns;
		else if (now_ns - last_ns > snap_stop_deadline(e->snap) * (1 + e->count / QUEUE))
			break;
		if (e->left)
			snap_stop_pause(e->first, now_ns - last_ns, e->left);
	}
	for (size_t i = 0; i < e->count && e->left; i++) {
		if (e->stops[i].seized)
			stop_failed(&e->stops[i], TT_SNAP_UNSTOPPABLE, 0);
	}
	return NULL;
}

void snap_stop_each(struct tt_snap *snap, struct tt_snap_thread **threads, size_t count)
{
	struct each e = {.snap = snap, .count = count};
	unwind_prepare(snap);
	uint64_t since_ns = snap_now_ns();
	e.stops = calloc(count + 1, sizeof(*e.stops));
	e.copies = calloc(count + 1, sizeof(*e.copies));
	for (size_t i = 0; i < count && e.stops; i++)
		e.stops[i] = (struct snap_stop){.thread = threads[i], .tid = threads[i]->tid};
	snap_room_open(snap);
	int rc = e.stops && e.copies ? snap_stop_trace(trace_each, &e) : -ENOMEM;
	snap_room_close(snap);
	for (size_t i = 0; i < count && rc; i++) {
		threads[i]->fail = TT_SNAP_IO;
		threads[i]->error = -rc;
	}
	free(e.stops);
	free(e.copies);
	snap->pause.span_ns += snap_now_ns() - since_ns;
}
