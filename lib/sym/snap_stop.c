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
 * Called by snapshot.c.
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

#define SHORT_NAP_NS 10000u
#define SPIN_NS      300000u /* so long a stop is waited for without sleeping */
#define NAP_NS       100000u
#define ROUNDS       1000 /* of listing threads, with all known ones stopped */

/* One thread on its way into a stop and out of it. */
struct stop {
	struct tt_snap_thread *thread;
	pid_t tid;
	bool seized, stopped;
	int signal; /* to be passed on at the detach */
	uint64_t since_ns;
};

struct session {
	struct tt_snap *snap;
	bool first; /* the tracer runs before all ordinary threads */
	/* snap_stop_each */
	struct tt_snap_thread **threads;
	size_t count, done;
	/* snap_stop_all */
	TT_VEC(struct stop) stops;
	struct tt_hmap seen; /* tid -> 0 */
	int rc;
};

/* ------------------------------------------------------------------ one stop */

static pid_t tracer_of(pid_t tid)
{
	char path[64], line[128];
	int tracer = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "TracerPid: %d", &tracer) != 1)
		;
	if (f)
		fclose(f);
	return tracer;
}

static void stop_failed(struct stop *stop, enum tt_snap_fail fail, int error)
{
	stop->thread->fail = fail;
	stop->thread->error = error;
}

/* Asks for the stop. False: refused, the thread has the reason. */
static bool stop_begin(struct stop *stop)
{
	stop->since_ns = snap_now_ns();
	if (ptrace(PTRACE_SEIZE, stop->tid, NULL, NULL) == 0) {
		stop->seized = true;
		if (ptrace(PTRACE_INTERRUPT, stop->tid, NULL, NULL) == 0)
			return true;
	}
	int error = errno;
	stop->thread->tracer = error == EPERM && !stop->seized ? tracer_of(stop->tid) : 0;
	if (error == ESRCH)
		stop_failed(stop, TT_SNAP_GONE, error);
	else if (stop->thread->tracer)
		stop_failed(stop, TT_SNAP_TRACED, error);
	else
		stop_failed(stop, error == EPERM ? TT_SNAP_DENIED : TT_SNAP_IO, error);
	return false;
}

/* Looks whether it has stopped. False: not yet; when it has ended, seized is false afterwards. */
static bool stop_poll(struct stop *stop)
{
	int status = 0;
	pid_t got = waitpid(stop->tid, &status, __WALL | WNOHANG);
	if (got == 0)
		return false;
	if (got < 0 || !WIFSTOPPED(status)) {
		stop->seized = false;
		stop_failed(stop, TT_SNAP_GONE, got < 0 ? errno : 0);
		return true;
	}
	stop->stopped = true;
	stop->signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
	return true;
}

/* A tracer that goes before all others must sleep, for the thread that is to stop may need its processor. */
static void pause_briefly(const struct session *session, uint64_t waited_ns)
{
	struct timespec nap = {.tv_nsec = waited_ns < SPIN_NS ? SHORT_NAP_NS : NAP_NS};
	if (waited_ns < SPIN_NS && !session->first)
		sched_yield();
	else
		nanosleep(&nap, NULL);
}

static void go_first(struct session *session)
{
	struct sched_param param = {.sched_priority = 1};
	session->first = pthread_setschedparam(pthread_self(), SCHED_FIFO, &param) == 0;
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

/* Reads a stopped thread's registers. */
static bool stop_registers(struct stop *stop)
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

/* Takes note of the copy of its stack. */
static void stop_copied(struct tt_snap *snap, struct stop *stop, enum tt_snap_how how, int rc)
{
	struct tt_snap_thread *thread = stop->thread;
	thread->how = rc ? TT_SNAP_NOT : how;
	if (rc == 0)
		unwind_prefetch(snap, thread);
	stop_failed(stop, rc == 0 ? TT_SNAP_OK : rc == -EFAULT ? TT_SNAP_NO_STACK : TT_SNAP_IO, -rc);
}

static void stop_end(struct tt_snap *snap, struct stop *stop)
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

static uint64_t deadline_of(const struct tt_snap *snap)
{
	return snap->options.deadline_ns ? snap->options.deadline_ns : SNAP_DEADLINE_NS;
}

/* ------------------------------------------------------------------ each for itself */

/* False: it never stopped, and the tracer has to end. */
static bool stop_one(const struct session *session, struct tt_snap_thread *thread)
{
	struct tt_snap *snap = session->snap;
	struct stop stop = {.thread = thread, .tid = thread->tid};
	if (!stop_begin(&stop))
		return !stop.seized;
	while (!stop_poll(&stop)) {
		uint64_t waited_ns = snap_now_ns() - stop.since_ns;
		if (waited_ns > deadline_of(snap)) {
			stop_failed(&stop, TT_SNAP_UNSTOPPABLE, 0);
			return false;
		}
		pause_briefly(session, waited_ns);
	}
	if (stop.stopped && stop_registers(&stop))
		stop_copied(snap, &stop, TT_SNAP_STOPPED, snap_memory_copy_stack(snap, thread));
	stop_end(snap, &stop);
	return true;
}

static void *trace_each(void *arg)
{
	struct session *session = arg;
	bool clean = true;
	go_first(session);
	while (clean && session->done < session->count)
		clean = stop_one(session, session->threads[session->done++]);
	return NULL;
}

/* Runs a tracer to its end. 0 or -errno. */
static int run_tracer(void *(*trace)(void *), struct session *session)
{
	pthread_t tracer;
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&tracer, NULL, trace, session);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		pthread_join(tracer, NULL);
	return -rc;
}

void snap_stop_each(struct tt_snap *snap, struct tt_snap_thread **threads, size_t count)
{
	struct session session = {.snap = snap, .threads = threads, .count = count};
	uint64_t since_ns = snap_now_ns();
	while (session.done < count) {
		int rc = run_tracer(trace_each, &session);
		for (; rc && session.done < count; session.done++) {
			threads[session.done]->fail = TT_SNAP_IO;
			threads[session.done]->error = -rc;
		}
	}
	snap->pause.span_ns += snap_now_ns() - since_ns;
}

/* ------------------------------------------------------------------ all together */

/* Asks all threads that are not known yet to stop. Returns how many were new, or -errno. */
static int begin_new(struct session *session)
{
	snap_tids tids = TT_VEC_INIT;
	int rc = snap_list_tids(session->snap, &tids), fresh = 0;
	const pid_t *tid;
	vec_for_each (tid, &tids) {
		bool is_new = false;
		if (rc || !tt_hmap_insert(&session->seen, (uint64_t)*tid, &is_new))
			rc = rc ? rc : -ENOMEM;
		if (rc || !is_new)
			continue;
		struct stop stop = {.thread = snap_thread_add(session->snap, *tid), .tid = *tid};
		if (!stop.thread || tt_vec_reserve(&session->stops, session->stops.len + 1)) {
			rc = -ENOMEM;
			break;
		}
		stop_begin(&stop);
		tt_vec_push(&session->stops, stop);
		fresh++;
	}
	tt_vec_deinit(&tids);
	return rc ? rc : fresh;
}

/* Waits until all that were asked have stopped, or have ended, or the time is over. */
static void await_all(struct session *session, uint64_t until_ns)
{
	uint64_t since_ns = snap_now_ns();
	for (;;) {
		bool waiting = false;
		struct stop *stop;
		vec_for_each (stop, &session->stops) {
			if (stop->seized && !stop->stopped && !stop_poll(stop))
				waiting = true;
		}
		uint64_t now_ns = snap_now_ns();
		if (!waiting || now_ns > until_ns)
			return;
		pause_briefly(session, now_ns - since_ns);
	}
}

/* What did not stop may be blocked for good: that can be read as it is, and does not change while the others stand. */
static void capture_unstopped(struct tt_snap *snap, const struct stop *stop)
{
	enum tt_snap_fail why = stop->seized ? TT_SNAP_UNSTOPPABLE : stop->thread->fail;
	if (why != TT_SNAP_GONE && !snap_quiet_read(snap, stop->thread))
		stop->thread->fail = why;
}

/* 0 or -ENOMEM. */
static int capture_all(struct session *session)
{
	struct tt_snap *snap = session->snap;
	struct snap_copy *copies = calloc(session->stops.len + 1, sizeof(*copies));
	if (!copies)
		return -ENOMEM;
	for (size_t i = 0; i < session->stops.len; i++) {
		struct stop *stop = &session->stops.data[i];
		if (stop->stopped && stop_registers(stop))
			copies[i].thread = stop->thread;
		else if (!stop->stopped)
			capture_unstopped(snap, stop);
	}
	snap_memory_copy_stacks(snap, copies, session->stops.len);
	for (size_t i = 0; i < session->stops.len; i++) {
		if (copies[i].thread)
			stop_copied(snap, &session->stops.data[i], TT_SNAP_TOGETHER, copies[i].rc);
	}
	free(copies);
	return 0;
}

static void *trace_all(void *arg)
{
	struct session *session = arg;
	struct tt_snap *snap = session->snap;
	go_first(session);
	uint64_t since_ns = snap_now_ns(), until_ns = since_ns + deadline_of(snap);
	int fresh = 1;
	/* A thread that is not stopped yet can create another: until a list holds nothing new. */
	for (unsigned round = 0; fresh > 0 && round < ROUNDS; round++) {
		fresh = begin_new(session);
		await_all(session, until_ns);
		if (snap_now_ns() > until_ns)
			break;
	}
	int rc = capture_all(session);
	if (snap->options.standing)
		snap->options.standing(snap->options.arg, snap);
	struct stop *stop;
	vec_for_each (stop, &session->stops)
		stop_end(snap, stop);
	snap->pause.span_ns += snap_now_ns() - since_ns;
	session->rc = fresh < 0 ? fresh : rc;
	return NULL;
}

int snap_stop_all(struct tt_snap *snap)
{
	struct session session = {.snap = snap};
	int rc = tt_vec_reserve(&session.stops, snap->threads.len + 64);
	rc = rc ? rc : run_tracer(trace_all, &session);
	tt_vec_deinit(&session.stops);
	tt_hmap_deinit(&session.seen);
	return rc ? rc : session.rc;
}
