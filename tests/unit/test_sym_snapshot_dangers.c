/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_sym_snapshot_dangers.c - what a snapshot must not do to its target, in whatever state that is: interrupt its calls, lose
 * its signals, let it run when it was stopped, leave it stopped when it ran; and what must not block the one who takes it.
 */
#include "lib/sym/unwind.h"
#include "tests/unit/snap_subject.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

static struct tt_snap *take(pid_t pid, enum tt_snap_mode mode)
{
	struct tt_snap_options options = {.mode = mode, .deadline_ns = 50000000};
	struct tt_snap *snap = NULL;
	struct tt_err err = {0};
	if (tt_snap_take(pid, &options, &snap, &err))
		diag("%s", err.msg);
	return snap;
}

static enum tt_snap_how how_of(struct tt_snap *snap, pid_t tid)
{
	struct tt_snap_thread *thread = snap ? tt_snap_thread_by_tid(snap, tid) : NULL;
	return thread ? thread->how : TT_SNAP_NOT;
}

static char state_of(pid_t pid)
{
	char path[64], state = '?';
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	if (f)
		fclose(f);
	return state;
}

static void await_state(pid_t pid, char state)
{
	while (state_of(pid) != state)
		sched_yield();
}

/* ------------------------------------------------------------------ calls that a stop would interrupt */

static long call_epoll(void)
{
	struct epoll_event event;
	return epoll_wait(epoll_create1(0), &event, 1, -1);
}

static long call_recv(void)
{
	int pair[2];
	char byte;
	struct timeval timeout = {.tv_sec = 1000};
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		_exit(1);
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	return recv(pair[0], &byte, 1, 0);
}

static long call_sigtimedwait(void)
{
	sigset_t set;
	struct timespec timeout = {.tv_sec = 1000};
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return sigtimedwait(&set, NULL, &timeout);
}

static long call_semop(void)
{
	static int set;
	struct sembuf wait = {.sem_op = -1};
	if (!set) {
		set = semget(IPC_PRIVATE, 1, 0600);
		subject_shared->beats[SUBJECT_MAX - 1] = (uint64_t)set;
	}
	return semop(set, &wait, 1);
}

static long (*const calls[])(void) = {call_epoll, call_recv, call_sigtimedwait, call_semop};

static void wait_in_call(size_t index)
{
	for (;;) {
		if (calls[index]() < 0 && errno == EINTR)
			__atomic_add_fetch(&subject_shared->beats[index], 1, __ATOMIC_RELAXED);
	}
}

static void test_interrupted_calls(void)
{
	static const char *const words[] = {"epoll_wait", "recv with a timeout", "sigtimedwait", "semop"};
	subject_own = wait_in_call;
	struct subject subject = subject_start(SUBJECT_OWN, 4);
	for (size_t i = 0; i < 4; i++) {
		while (!subject_blocks(subject.pid, subject.tids[i]))
			sched_yield();
	}
	size_t quiet = 0, shows = 0;
	for (int round = 0; round < 20; round++) {
		struct tt_snap *snap = take(subject.pid, TT_SNAP_AUTO);
		for (size_t i = 0; i < 4; i++) {
			quiet += how_of(snap, subject.tids[i]) == TT_SNAP_QUIET;
			shows += snap && tt_snap_stop_shows(tt_snap_thread_by_tid(snap, subject.tids[i]));
		}
		tt_snap_destroy(snap);
	}
	is_int(quiet, 80, "threads in calls that a stop would interrupt are read without one");
	is_int(shows, 80, "it is known of them that a stop would show");
	struct tt_snap *snap = take(subject.pid, TT_SNAP_CONSISTENT);
	for (size_t i = 0; i < 4; i++)
		is_int(how_of(snap, subject.tids[i]), TT_SNAP_QUIET, "%s is left alone for one moment of all, too", words[i]);
	tt_snap_destroy(snap);
	for (size_t i = 0; i < 4; i++)
		is_int(subject.shared->beats[i], 0, "%s saw no EINTR", words[i]);
	snap = take(subject.pid, TT_SNAP_AUTO);
	tt_snap_retake(snap, tt_snap_thread_by_tid(snap, subject.tids[0]), true);
	tt_snap_destroy(snap);
	while (__atomic_load_n(&subject.shared->beats[0], __ATOMIC_RELAXED) == 0)
		sched_yield();
	pass("the test would have seen one: a stop makes epoll_wait return it");
	semctl((int)subject.shared->beats[SUBJECT_MAX - 1], 0, IPC_RMID);
	subject_end(&subject);
}

/* ------------------------------------------------------------------ stopped, traced, vfork */

static void test_group_stop(void)
{
	struct subject subject = subject_start(SUBJECT_SPINNING, 2);
	kill(subject.pid, SIGSTOP);
	await_state(subject.pid, 'T');
	await_state(subject.tids[0], 'T');
	struct tt_snap *snap = take(subject.pid, TT_SNAP_AUTO);
	is_int(how_of(snap, subject.tids[0]), TT_SNAP_QUIET, "a thread of a stopped process is read as it is");
	tt_snap_destroy(snap);
	snap = take(subject.pid, TT_SNAP_CONSISTENT);
	is_int(how_of(snap, subject.tids[0]), TT_SNAP_QUIET, "also as a part of one moment");
	tt_snap_destroy(snap);
	await_state(subject.pid, 'T');
	pass("afterwards the process is still stopped");
	kill(subject.pid, SIGCONT);
	ok(subject_runs_on(&subject), "and continues when it is told to");
	subject_end(&subject);
}

static void test_traced(void)
{
	struct subject subject = subject_start(SUBJECT_SPINNING, 1);
	int ready[2];
	char byte;
	if (pipe(ready))
		return;
	pid_t tracer = fork();
	if (tracer == 0) {
		byte = ptrace(PTRACE_SEIZE, subject.tids[0], NULL, NULL) == 0;
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(0);
	}
	ok(read(ready[0], &byte, 1) == 1 && byte, "another process traces a thread");
	struct tt_snap *snap = take(subject.pid, TT_SNAP_AUTO);
	struct tt_snap_thread *thread = snap ? tt_snap_thread_by_tid(snap, subject.tids[0]) : NULL;
	ok(thread && thread->how == TT_SNAP_NOT && thread->fail == TT_SNAP_TRACED, "it cannot be stopped, and that is said");
	is_int(thread ? thread->tracer : 0, tracer, "with the tracer's number");
	tt_snap_destroy(snap);
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	subject_end(&subject);
}

static void vfork_and_wait(size_t index)
{
	int status;
	pid_t pid = vfork();
	if (pid == 0) {
		/* The parent stands still until this ends. */
		while (__atomic_load_n(&subject_shared->beats[1], __ATOMIC_RELAXED) == 0)
			usleep(1000);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	__atomic_store_n(&subject_shared->beats[index], 2, __ATOMIC_RELEASE);
}

static void test_vfork(void)
{
	char text[300] = "";
	subject_own = vfork_and_wait;
	struct subject subject = subject_start(SUBJECT_OWN, 1);
	while (state_of(subject.tids[0]) != 'D' || !subject_blocks(subject.pid, subject.tids[0]))
		sched_yield();
	struct tt_snap *snap = take(subject.pid, TT_SNAP_AUTO);
	is_int(how_of(snap, subject.tids[0]), TT_SNAP_QUIET, "a thread that waits for its vfork child is read as it is");
	tt_snap_destroy(snap);
	snap = take(subject.pid, TT_SNAP_CONSISTENT);
	is_int(how_of(snap, subject.tids[0]), TT_SNAP_QUIET, "it never stops, which blocks nobody");
	struct tt_snap_thread *thread = tt_snap_thread_by_tid(snap, subject.tids[0]);
	ok(!tt_snap_retake(snap, thread, true) && thread->fail == TT_SNAP_UNSTOPPABLE,
		"asked for a stop it is told why there is none");
	is_int(thread->how, TT_SNAP_QUIET, "and what was known stays");
	tt_snap_destroy(snap);
	__atomic_store_n(&subject.shared->beats[1], 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&subject.shared->beats[0], __ATOMIC_ACQUIRE) != 2)
		sched_yield();
	snprintf(text, sizeof(text), "afterwards it goes on (%c)", state_of(subject.tids[0]));
	pass("%s", text);
	subject_end(&subject);
}

/* ------------------------------------------------------------------ threads that come and go */

static void leave_main(void)
{
	pthread_exit(NULL);
}

static void test_leader_gone(void)
{
	subject_main_own = leave_main;
	struct subject subject = subject_start(SUBJECT_SPINNING, 2);
	subject_main_own = NULL;
	await_state(subject.pid, 'Z');
	struct tt_snap *snap = take(subject.pid, TT_SNAP_AUTO);
	struct tt_sym *sym = NULL;
	struct tt_unwinder *u = NULL;
	struct tt_unwind_stack stack = TT_STACK_INIT;
	is_int(how_of(snap, subject.tids[1]), TT_SNAP_STOPPED, "a process whose main thread has ended is read");
	bool good = snap && tt_sym_create(NULL, &sym, NULL) == 0 && tt_snap_add_modules(snap, sym, NULL) == 0 &&
	            tt_unwinder_create(snap, sym, &u, NULL) == 0 &&
	            tt_unwind(u, tt_snap_thread_by_tid(snap, subject.tids[1]), 0, &stack) == 0;
	ok(good && stack.end == TT_STACK_COMPLETE, "with complete stacks");
	tt_stack_deinit(&stack);
	tt_unwinder_destroy(u);
	tt_sym_destroy(sym);
	tt_snap_destroy(snap);
	subject_end(&subject);
}

static void *come_and_go(void *arg)
{
	if (arg)
		usleep((useconds_t)(uintptr_t)arg);
	return NULL;
}

static void make_threads(size_t index)
{
	for (uintptr_t i = 0;; i++) {
		pthread_t threads[4];
		for (size_t j = 0; j < 4; j++) {
			if (pthread_create(&threads[j], NULL, come_and_go, (void *)(i % 3 * 100)))
				_exit(1);
		}
		for (size_t j = 0; j < 4; j++)
			pthread_join(threads[j], NULL);
		__atomic_add_fetch(&subject_shared->beats[index], 1, __ATOMIC_RELAXED);
	}
}

static void test_churn(void)
{
	subject_own = make_threads;
	struct subject subject = subject_start(SUBJECT_OWN, 2);
	unsigned good = 0, seen = 0;
	for (unsigned i = 0; i < 60; i++) {
		struct tt_snap *snap = take(subject.pid, i % 2 ? TT_SNAP_AUTO : TT_SNAP_CONSISTENT);
		good += snap != NULL;
		seen += snap && tt_snap_thread_by_tid(snap, subject.tids[0]) && tt_snap_thread_by_tid(snap, subject.tids[1]);
		tt_snap_destroy(snap);
	}
	is_int(good, 60, "a process whose threads come and go is read each time");
	is_int(seen, 60, "with those that stay");
	ok(subject_runs_on(&subject), "it runs on");
	subject_end(&subject);
}

/* ------------------------------------------------------------------ signals */

static void count_signal(int number)
{
	(void)number;
	__atomic_add_fetch(&subject_shared->beats[1], 1, __ATOMIC_RELAXED);
}

static void spin_and_count(size_t index)
{
	struct sigaction action = {.sa_handler = count_signal};
	sigaction(SIGRTMIN, &action, NULL);
	for (;;)
		__atomic_add_fetch(&subject_shared->beats[index], 1, __ATOMIC_RELAXED);
}

static void test_signals(void)
{
	subject_own = spin_and_count;
	struct subject subject = subject_start(SUBJECT_OWN, 1);
	while (__atomic_load_n(&subject.shared->beats[0], __ATOMIC_RELAXED) == 0)
		sched_yield();
	pid_t sender = fork();
	if (sender == 0) {
		int sent = 0;
		for (int i = 0; i < 3000; i++)
			sent += syscall(SYS_tgkill, subject.pid, subject.tids[0], SIGRTMIN) == 0;
		__atomic_store_n(&subject.shared->beats[2], (uint64_t)sent, __ATOMIC_RELEASE);
		_exit(0);
	}
	unsigned stops = 0;
	while (waitpid(sender, NULL, WNOHANG) == 0 || stops < 50) {
		struct tt_snap *snap = take(subject.pid, TT_SNAP_CONSISTENT);
		stops += how_of(snap, subject.tids[0]) == TT_SNAP_TOGETHER;
		tt_snap_destroy(snap);
	}
	uint64_t sent = __atomic_load_n(&subject.shared->beats[2], __ATOMIC_ACQUIRE);
	while (__atomic_load_n(&subject.shared->beats[1], __ATOMIC_RELAXED) < sent && state_of(subject.pid) != 'Z')
		sched_yield();
	is_int(subject.shared->beats[1], sent, "signals that arrive while a thread is stopped are all delivered");
	subject_end(&subject);
}

/* ------------------------------------------------------------------ a killed dumper */

static void stand_for_ever(void *arg, struct tt_snap *snap)
{
	(void)snap;
	if (write(*(int *)arg, "", 1) == 1)
		pause();
}

static void kill_while_standing(struct subject *subject)
{
	int ready[2];
	char byte;
	if (pipe(ready))
		return;
	pid_t dumper = fork();
	if (dumper == 0) {
		struct tt_snap_options options = {.mode = TT_SNAP_CONSISTENT, .standing = stand_for_ever, .arg = &ready[1]};
		struct tt_snap *snap;
		tt_snap_take(subject->pid, &options, &snap, NULL);
		_exit(0);
	}
	ok(read(ready[0], &byte, 1) == 1, "all threads stand still");
	kill(dumper, SIGKILL);
	waitpid(dumper, NULL, 0);
	close(ready[0]);
	close(ready[1]);
}

static void test_killed_dumper(void)
{
	struct subject subject = subject_start(SUBJECT_SPINNING, 3);
	kill_while_standing(&subject);
	ok(subject_runs_on(&subject), "when the one who stopped them is killed they run on");
	kill(subject.pid, SIGSTOP);
	await_state(subject.pid, 'T');
	kill_while_standing(&subject);
	await_state(subject.pid, 'T');
	pass("a process that was stopped before stays so");
	kill(subject.pid, SIGCONT);
	ok(subject_runs_on(&subject), "until it is told to continue");
	subject_end(&subject);
}

/* ------------------------------------------------------------------ no ptrace; permissions */

/* Whoever calls ptrace after this dies. */
static bool forbid_ptrace(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int status_of(pid_t pid)
{
	int status = -1;
	waitpid(pid, &status, 0);
	return status;
}

static pid_t take_without_ptrace(pid_t target, enum tt_snap_mode mode)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		if (!forbid_ptrace())
			_exit(2);
		struct tt_snap *snap = take(target, mode);
		tt_snap_destroy(snap);
		_exit(snap ? 0 : 1);
	}
	return pid;
}

static void test_never_stop(void)
{
	struct subject subject = subject_start(SUBJECT_SPINNING, 2);
	is_int(status_of(take_without_ptrace(subject.pid, TT_SNAP_NEVER_STOP)), 0, "never-stop makes no ptrace call");
	int status = status_of(take_without_ptrace(subject.pid, TT_SNAP_AUTO));
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "the test would have seen one");
	subject_end(&subject);
}

/* Takes a snapshot as user nobody, and checks the words of the refusal. */
static int refused_with(pid_t target, const char *words)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct tt_snap *snap;
		struct tt_err err = {0};
		if (setgid(65534) || setuid(65534))
			_exit(3);
		int rc = tt_snap_take(target, NULL, &snap, &err);
		bool right = (rc == -EPERM || rc == -EACCES) && strstr(err.msg, words);
		if (!right)
			diag("%d: %s", rc, err.msg);
		_exit(right ? 0 : 1);
	}
	return status_of(pid);
}

static void become_undumpable(void)
{
	if (setgid(65534) || setuid(65534) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		_exit(1);
	subject_shared->beats[5] = 1;
	for (;;)
		pause();
}

static void test_refused(void)
{
	skip(geteuid() == 0, 2, "needs root, to become others")
	{
		struct subject subject = subject_start(SUBJECT_BLOCKED, 1);
		is_int(refused_with(subject.pid, "belongs to user 0"), 0, "another user's process: the user is named");
		subject_end(&subject);
		subject_main_own = become_undumpable;
		subject = subject_start(SUBJECT_BLOCKED, 1);
		subject_main_own = NULL;
		while (__atomic_load_n(&subject.shared->beats[5], __ATOMIC_RELAXED) == 0)
			sched_yield();
		is_int(refused_with(subject.pid, "not dumpable"), 0, "a process that may not be dumped: that is named");
		subject_end(&subject);
	}
	char flags[256] = "";
	unsigned long value = 0;
	FILE *f = fopen("/proc/2/stat", "r");
	if (f && fgets(flags, sizeof(flags), f))
		sscanf(flags, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %lu", &value);
	if (f)
		fclose(f);
	skip(value & 0x00200000, 2, "kernel threads are not seen here")
	{
		struct tt_snap *snap;
		struct tt_err err = {0};
		is_int(tt_snap_take(2, NULL, &snap, &err), -ENOTSUP, "a kernel thread has no stack of a program");
		has_str(err.msg, "kernel thread", "is said");
	}
}

int main(void)
{
	test_interrupted_calls();
	test_group_stop();
	test_traced();
	test_vfork();
	test_leader_gone();
	test_churn();
	test_signals();
	test_killed_dumper();
	test_never_stop();
	test_refused();
	return done();
}
