/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_sym_snapshot.c - snapshots of a live process: blocked threads without a stop, running ones with one, all at once. */
#include "lib/sym/unwind.h"
#include "tests/unit/snap_subject.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct tt_snap *take(const struct subject *subject, enum tt_snap_mode mode)
{
	struct tt_snap_options options = {.mode = mode};
	struct tt_snap *snap = NULL;
	struct tt_err err = {0};
	if (tt_snap_take(subject->pid, &options, &snap, &err))
		diag("%s", err.msg);
	return snap;
}

static size_t count_how(struct tt_snap *snap, enum tt_snap_how how)
{
	size_t count = 0;
	for (size_t i = 0; i < tt_snap_thread_count(snap); i++)
		count += tt_snap_thread(snap, i)->how == how;
	return count;
}

static void test_blocked(void)
{
	struct subject subject = subject_start(SUBJECT_BLOCKED, 8);
	struct tt_snap *snap = take(&subject, TT_SNAP_AUTO);
	if (!ok(snap, "a process with blocked threads is read"))
		return subject_end(&subject);
	is_int(tt_snap_thread_count(snap), 9, "all its threads are there");
	is_int(count_how(snap, TT_SNAP_QUIET), 9, "each was read without a stop");
	is_int(tt_snap_pause(snap).stops, 0, "nothing was stopped");
	for (size_t i = 0; i < subject.count; i++) {
		struct tt_snap_thread *thread = tt_snap_thread_by_tid(snap, subject.tids[i]);
		ok(thread && thread->in_syscall && thread->syscall == SYS_pause, "its system call is told");
		ok(thread && tt_snap_unmoved(snap, thread), "it has not moved since");
	}
	tt_snap_destroy(snap);
	subject_end(&subject);
}

static void test_running(void)
{
	struct subject subject = subject_start(SUBJECT_SPINNING, 2);
	struct tt_snap *snap = take(&subject, TT_SNAP_NEVER_STOP);
	for (size_t i = 0; snap && i < subject.count; i++) {
		const struct tt_snap_thread *thread = tt_snap_thread_by_tid(snap, subject.tids[i]);
		ok(thread && thread->how == TT_SNAP_NOT && thread->fail == TT_SNAP_RUNNING,
			"without stops a running thread is unknown");
	}
	tt_snap_destroy(snap);
	snap = take(&subject, TT_SNAP_AUTO);
	for (size_t i = 0; snap && i < subject.count; i++) {
		const struct tt_snap_thread *thread = tt_snap_thread_by_tid(snap, subject.tids[i]);
		ok(thread && thread->how == TT_SNAP_STOPPED && thread->stopped_ns > 0, "with stops it is known");
		ok(thread && !thread->in_syscall && thread->fs_base, "it is in no system call, its thread pointer is known");
	}
	is_int(tt_snap_pause(snap).stops, 2, "only the running threads were stopped");
	tt_snap_destroy(snap);
	ok(subject_runs_on(&subject), "the threads run on");
	subject_end(&subject);
}

/*
 * Far more threads than processors run: each comes to its stop when it is given one, which one after the other takes too long.
 * On a busy machine a thread may get none in its time; then once more, which would not help a snapshot that stops one by one.
 */
static void test_many_run(void)
{
	struct subject subject = subject_start(SUBJECT_SPINNING, 16);
	struct tt_snap_options options = {.mode = TT_SNAP_AUTO, .deadline_ns = 20000000};
	size_t stopped = 0, stops = 0;
	for (int i = 0; i < 20 && stopped < 16; i++) {
		struct tt_snap *snap = NULL;
		if (!tt_snap_take(subject.pid, &options, &snap, NULL)) {
			stopped = count_how(snap, TT_SNAP_STOPPED);
			stops = tt_snap_pause(snap).stops;
		}
		tt_snap_destroy(snap);
	}
	is_int(stopped, 16, "of a process whose threads all want a processor, each was stopped, and captured");
	is_int(stops, 16, "once");
	subject_end(&subject);
}

static void look_while_standing(void *arg, struct tt_snap *snap)
{
	*(size_t *)arg = tt_snap_thread_count(snap);
}

static void test_consistent(void)
{
	struct subject subject = subject_start(SUBJECT_SPINNING, 3);
	size_t seen = 0;
	struct tt_snap_options options = {.mode = TT_SNAP_CONSISTENT, .standing = look_while_standing, .arg = &seen};
	struct tt_snap *snap = NULL;
	struct tt_err err = {0};
	is_int(tt_snap_take(subject.pid, &options, &snap, &err), 0, "a consistent snapshot %s", err.msg);
	if (snap) {
		is_int(count_how(snap, TT_SNAP_TOGETHER), 3, "all threads that run were stopped together");
		is_int(count_how(snap, TT_SNAP_QUIET), 1, "the one that blocks was left alone");
		is_int(seen, 4, "they are there while everything stands");
		is_int(tt_snap_pause(snap).stops, 3, "each was stopped once");
		is_int(tt_snap_pause(snap).loose, 0, "none ran on");
	}
	tt_snap_destroy(snap);
	ok(subject_runs_on(&subject), "the threads run on");
	subject_end(&subject);
}

/* The first runs all the time; the others block, but the clock wakes them again and again, whatever the first does. */
static void come_awake(size_t index)
{
	static const struct timespec nap = {.tv_nsec = 100000};
	for (;;) {
		if (index)
			nanosleep(&nap, NULL);
		__atomic_add_fetch(&subject_shared->beats[index], 1, __ATOMIC_RELAXED);
	}
}

static bool standing_moves;

static void watch_beats(void *arg, struct tt_snap *snap)
{
	static const struct timespec nap = {.tv_nsec = 2000000};
	uint64_t before[SUBJECT_MAX];
	memcpy(before, subject_shared->beats, sizeof(before));
	nanosleep(&nap, NULL);
	standing_moves = memcmp(before, subject_shared->beats, sizeof(before)) != 0;
	*(int *)arg += 1;
	(void)snap;
}

/* What the last call saw is what counts: the ones before it were found void. */
static void test_one_moment(void)
{
	subject_own = come_awake;
	struct subject subject = subject_start(SUBJECT_OWN, 8);
	int calls = 0, moved = 0, loose = 0;
	struct tt_snap_options options = {
		.mode = TT_SNAP_CONSISTENT, .standing = watch_beats, .arg = &calls, .deadline_ns = 5000000000};
	for (int i = 0; i < 50; i++) {
		struct tt_snap *snap = NULL;
		if (tt_snap_take(subject.pid, &options, &snap, NULL) == 0)
			loose += (int)tt_snap_pause(snap).loose;
		moved += standing_moves;
		tt_snap_destroy(snap);
	}
	ok(calls >= 50 && moved == 0, "threads that wake by themselves stand still at the moment that is shown");
	is_int(loose, 0, "all of them");
	ok(subject_runs_on(&subject), "the threads run on");
	subject_end(&subject);
}

static void test_errors(void)
{
	struct tt_snap *snap = NULL;
	struct tt_err err = {0};
	is_int(tt_snap_take(getpid(), NULL, &snap, &err), -EINVAL, "it does not look into itself");
	is_int(tt_snap_take(0x3ffffffe, NULL, &snap, &err), -ESRCH, "no such process");
	has_str(err.msg, "no process", "is said");
	is_int(tt_snap_take(-1, NULL, &snap, &err), -ESRCH, "nor one of a negative number");
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	is_int(tt_snap_take(pid, NULL, &snap, &err), -ECHILD, "a zombie has no threads");
	has_str(err.msg, "zombie", "is said");
	waitpid(pid, NULL, 0);
}

int main(void)
{
	test_blocked();
	test_running();
	test_many_run();
	test_consistent();
	test_one_moment();
	test_errors();
	return done();
}
