/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * child.c - see child.h.
 *
 * No signal handler is ever installed: the signals are blocked and taken with sigtimedwait(), so that the program inherits
 * exactly the dispositions that the wrapper was started with. Signals that were ignored then stay ignored, and are not taken.
 */
#include "lib/launch/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/launch/tree.h"

#define NS_PER_S     UINT64_C(1000000000)
#define NEVER        UINT64_MAX
#define KILL_STEP_NS UINT64_C(10000000) /* between rounds of SIGKILL: new children may have been forked meanwhile */
#define KILL_ROUNDS  200

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGTSTP};

static sigset_t taken, original_mask;
static struct sigaction original_chld;

struct run {
	const struct tt_child_opts *opts;
	struct tt_child_result *ret;
	uint64_t end_at, kill_at, watch_at;
	unsigned rounds; /* of SIGKILL */
	bool done;       /* the program itself ended */
	bool none_left;  /* no child at all is left */
};

static uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t after(uint64_t ns)
{
	uint64_t now = now_ns();
	return ns > NEVER - now ? NEVER : now + ns;
}

/* ------------------------------------------------------------------ signals */

static void take_signals(void)
{
	struct sigaction sa;
	sigemptyset(&taken);
	sigaddset(&taken, SIGCHLD);
	for (unsigned i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++)
		if (sigaction(passed_on[i], NULL, &sa) == 0 && sa.sa_handler != SIG_IGN)
			sigaddset(&taken, passed_on[i]);
	sigprocmask(SIG_BLOCK, &taken, &original_mask);
	/* Ignored, children would vanish without a status. */
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	sigaction(SIGCHLD, &sa, &original_chld);
}

void tt_child_leave(void)
{
	const struct timespec none = {0, 0};
	while (sigtimedwait(&taken, NULL, &none) > 0)
		;
	sigprocmask(SIG_SETMASK, &original_mask, NULL);
}

/* A signal from the terminal went to the whole foreground group, and so to the program. */
static bool came_to_the_group(const siginfo_t *info)
{
	if (info->si_code != SI_KERNEL)
		return false;
	/* A terminal that hangs up tells the leader of its session only. */
	return info->si_signo != SIGHUP || getsid(0) != getpid();
}

static void pass_on(const struct run *r, int sig)
{
	if (r->done)
		tt_tree_signal(getpid(), sig);
	else
		kill(r->ret->pid, sig);
}

static void handle_signal(const struct run *r, const siginfo_t *info)
{
	if (info->si_signo == SIGCHLD || came_to_the_group(info))
		return;
	/* A shell continues the whole group; the program is told only if it was left out. */
	if (info->si_signo == SIGCONT && tt_process_state(r->ret->pid) != 'T')
		return;
	pass_on(r, info->si_signo);
}

/* ------------------------------------------------------------------ start */

/* In the child. Not exit(): nothing of the caller may run here. */
static void become(const struct tt_child_opts *opts, int tell)
{
	sigaction(SIGCHLD, &original_chld, NULL);
	sigprocmask(SIG_SETMASK, &original_mask, NULL);
	execve(opts->path, opts->argv, opts->envp);
	if (errno == ENOEXEC) {
		size_t n = 0;
		while (opts->argv[n])
			n++;
		char *args[n + 2];
		args[0] = (char *)(uintptr_t) "/bin/sh";
		args[1] = (char *)(uintptr_t)opts->path;
		for (size_t i = 1; i <= n; i++)
			args[i + 1] = opts->argv[i];
		execve(args[0], args, opts->envp);
	}
	int error = errno;
	while (write(tell, &error, sizeof(error)) < 0 && errno == EINTR)
		;
	syscall(SYS_exit_group, 127);
}

/* A pipe whose ends the program does not see, and that does not take the number of a standard stream that is closed. */
static int hidden_pipe(int fds[2])
{
	int low[2];
	if (pipe2(low, O_CLOEXEC) < 0)
		return -errno;
	int rc = 0;
	for (int i = 0; i < 2; i++) {
		fds[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 3);
		if (fds[i] < 0)
			rc = -errno;
		close(low[i]);
	}
	if (rc < 0) {
		for (int i = 0; i < 2; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	return rc;
}

static int start(const struct tt_child_opts *opts, struct tt_child_result *ret, struct tt_err *err)
{
	int fds[2], error = 0;
	ret->pid = -1;
	int rc = hidden_pipe(fds);
	if (rc < 0)
		return tt_err_set(err, -rc, "cannot make a pipe: %s", strerror(-rc));
	pid_t pid = fork();
	if (pid == 0)
		become(opts, fds[1]);
	int fork_error = errno;
	close(fds[1]);
	ssize_t n = 0;
	while (pid > 0 && (n = read(fds[0], &error, sizeof(error))) < 0 && errno == EINTR)
		;
	close(fds[0]);
	if (pid < 0)
		return tt_err_set(err, fork_error, "cannot start a process: %s", strerror(fork_error));
	if (n == (ssize_t)sizeof(error)) {
		waitpid(pid, NULL, 0);
		ret->pid = 0;
		return tt_err_set(err, error, "'%s': %s", opts->path, strerror(error));
	}
	ret->pid = pid;
	return 0;
}

/* ------------------------------------------------------------------ wait */

/* The program was stopped by the terminal: so is everything that stands for it, or the shell would not get its prompt back. */
static void follow_stop(int sig)
{
	if (sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)
		kill(getpid(), SIGSTOP);
}

static void reap(struct run *r)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != r->ret->pid)
			continue;
		if (WIFSTOPPED(status)) {
			follow_stop(WSTOPSIG(status));
			continue;
		}
		r->ret->status = status;
		r->ret->ended_mono_ns = now_ns();
		r->done = true;
	}
	r->none_left = pid < 0 && errno == ECHILD;
}

static void end_program(struct run *r, enum tt_child_end why)
{
	if (r->opts->before_end)
		r->opts->before_end(r->opts->data);
	r->ret->ended = why;
	r->end_at = r->watch_at = NEVER;
	r->kill_at = after(r->opts->grace_ns);
	tt_tree_signal(getpid(), SIGTERM);
	tt_tree_signal(getpid(), SIGCONT); /* what is stopped would never know */
}

static void kill_program(struct run *r)
{
	r->ret->killed = true;
	if (r->rounds++ < KILL_ROUNDS) {
		tt_tree_signal(getpid(), SIGKILL);
		r->kill_at = after(KILL_STEP_NS);
	} else {
		r->ret->survived = !r->done;
		r->done = r->none_left = true;
	}
}

static void keep_time(struct run *r)
{
	uint64_t now = now_ns();
	if (now >= r->end_at) {
		end_program(r, TT_CHILD_TIMEOUT);
	} else if (now >= r->watch_at) {
		if (r->opts->watch(r->opts->data))
			end_program(r, TT_CHILD_WATCH);
		else
			r->watch_at = after(r->opts->watch_ns);
	} else if (now >= r->kill_at) {
		kill_program(r);
	}
}

static bool finished(const struct run *r)
{
	bool all = r->opts->wait_all || r->ret->ended != TT_CHILD_BY_ITSELF;
	return r->done && (!all || r->none_left);
}

static void wait_a_while(const struct run *r)
{
	uint64_t until = r->end_at, now = now_ns();
	if (r->watch_at < until)
		until = r->watch_at;
	if (r->kill_at < until)
		until = r->kill_at;
	siginfo_t info;
	int sig;
	if (until == NEVER) {
		sig = sigwaitinfo(&taken, &info);
	} else {
		uint64_t ns = until > now ? until - now : 0;
		struct timespec ts = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
		sig = sigtimedwait(&taken, &info, &ts);
	}
	if (sig > 0)
		handle_signal(r, &info);
}

int tt_child_run(const struct tt_child_opts *opts, struct tt_child_result *ret, struct tt_err *err)
{
	memset(ret, 0, sizeof(*ret));
	take_signals();
	/* Orphans come to us, so that they can be waited for, and ended with the rest. */
	if (opts->wait_all || opts->timeout_ns)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	int rc = start(opts, ret, err);
	if (rc < 0)
		return rc;
	struct run r = {.opts = opts,
		.ret = ret,
		.end_at = opts->timeout_ns ? after(opts->timeout_ns) : NEVER,
		.watch_at = opts->watch && opts->watch_ns ? after(opts->watch_ns) : NEVER,
		.kill_at = NEVER};
	for (reap(&r); !finished(&r); reap(&r)) {
		wait_a_while(&r);
		keep_time(&r);
	}
	return 0;
}

int tt_child_exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
