/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ordeal_sandbox - goes on locking after it forbade itself most system calls. `ordeal_sandbox SCENARIO [first]`.
 *
 * What it is: a program that does not call what it forbade, so that alone it prints "SCENARIO: survived". With `first`, the
 * sandbox comes before the first lock; else a recorder has begun before. Called by tests/faults.bats, alone and under the shim.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(call)                                                      \
	do {                                                            \
		if (!(call)) {                                          \
			fprintf(stderr, "ordeal_sandbox: %s\n", #call); \
			_exit(3);                                       \
		}                                                       \
	} while (0)

#define COUNT 5000
static pthread_mutex_t m[2 * COUNT]; /* zero is the initialiser */

/* Ever new locks, nested: nothing that was prepared suffices. */
static void lock_new_ones(int from)
{
	for (int i = from; i < from + COUNT; i++) {
		MUST(pthread_mutex_lock(&m[i]) == 0);
		if (i > from)
			MUST(pthread_mutex_lock(&m[i - 1]) == 0 && pthread_mutex_unlock(&m[i - 1]) == 0);
		MUST(pthread_mutex_unlock(&m[i]) == 0);
	}
}

static void *locks(void *arg)
{
	lock_new_ones(COUNT);
	return arg;
}

static void run_thread(void)
{
	pthread_t t;
	MUST(pthread_create(&t, NULL, locks, NULL) == 0 && pthread_join(t, NULL) == 0);
}

/* Whoever calls one of these is killed. */
static void forbid(const int *numbers, unsigned n, int by_syscall)
{
	struct sock_filter f[64];
	unsigned k = 0;
	f[k++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < n; i++) {
		f[k++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)numbers[i], 0, 1);
		f[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	}
	f[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {(unsigned short)k, f};
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (by_syscall)
		MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
	else
		MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
}

/* What neither locks nor threads need. madvise is among what ending threads of the C library call: only without threads. */
static const int unneeded[] = {SYS_openat, SYS_open, SYS_gettid, SYS_tgkill, SYS_getpid, SYS_prlimit64, SYS_readlinkat,
	SYS_ftruncate, SYS_mkdirat, SYS_getcwd, SYS_sigaltstack, SYS_unlinkat, SYS_prctl, SYS_clock_gettime, SYS_madvise};
#define UNNEEDED (sizeof(unneeded) / sizeof(unneeded[0]))

static void do_filter(void)
{
	forbid(unneeded, UNNEEDED, 0);
	lock_new_ones(0);
}

static void do_filter_threads(void)
{
	forbid(unneeded, UNNEEDED - 1, 1);
	lock_new_ones(0);
	for (int i = 0; i < 50; i++)
		run_thread();
}

static void do_child(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct pollfd none = {.fd = -1};
		forbid(unneeded, UNNEEDED, 0);
		MUST(poll(&none, 1, 1) == 0);
		lock_new_ones(0);
		_exit(4);
	}
	MUST(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 4);
}

static void do_filter_fork(void)
{
	int status;
	forbid(unneeded, UNNEEDED, 0);
	pid_t pid = fork();
	if (pid == 0) {
		lock_new_ones(0);
		_exit(4);
	}
	MUST(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 4);
}

static void do_strict(void)
{
	static const char text[] = "strict: survived\n";
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
	lock_new_ones(0);
	MUST(write(STDOUT_FILENO, text, sizeof(text) - 1) > 0);
	syscall(SYS_exit, 0);
}

/* The time stamp counter is forbidden, and with it clock_gettime. */
static void do_no_clock(void)
{
	MUST(prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) == 0);
	lock_new_ones(0);
	run_thread();
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{"filter", do_filter},
	{"filter-threads", do_filter_threads},
	{"filter-fork", do_filter_fork},
	{"child", do_child},
	{"strict", do_strict},
	{"no-clock", do_no_clock},
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc >= 2 && i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(argv[1], scenarios[i].name) == 0) {
			if (argc == 2)
				run_thread();
			memset(m, 0, sizeof(m));
			scenarios[i].run();
			printf("%s: survived\n", argv[1]);
			fflush(stdout);
			return 0;
		}
	return 2;
}
