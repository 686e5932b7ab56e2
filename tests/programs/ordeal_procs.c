/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ordeal_procs - processes and threads made in every other way, and surroundings that change under a running program.
 * `ordeal_procs SCENARIO [ARGUMENT]`.
 *
 * What it is: situations that are legal, or that work with every C library, and that a recorder inside the process must
 * survive. Each prints one line that is the same on every run, and ends with status 0. Called by tests/faults.bats, alone and
 * under the shim.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MUST(call)                                                                                \
	do {                                                                                      \
		if (!(call)) {                                                                    \
			fprintf(stderr, "ordeal_procs: %s failed: %s\n", #call, strerror(errno)); \
			_exit(3);                                                                 \
		}                                                                                 \
	} while (0)

static pthread_mutex_t m[64] = {[0 ... 63] = PTHREAD_MUTEX_INITIALIZER};
static const char *argument;

static void *locks(void *arg)
{
	for (unsigned i = 0; i < 500; i++)
		MUST(pthread_mutex_lock(&m[i % 64]) == 0 && pthread_mutex_unlock(&m[i % 64]) == 0);
	return arg;
}

/* Everything that a process may want to do afterwards. */
static void go_on(void)
{
	pthread_t t[4];
	for (unsigned i = 0; i < 4; i++)
		MUST(pthread_create(&t[i], NULL, locks, NULL) == 0);
	locks(NULL);
	for (unsigned i = 0; i < 4; i++)
		MUST(pthread_join(t[i], NULL) == 0);
}

static void reap(pid_t pid, int wanted)
{
	int status;
	MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == wanted);
}

/* ------------------------------------------------------------------ forks */

static int stop;
static void *locks_on(void *arg)
{
	pthread_mutex_t mine = PTHREAD_MUTEX_INITIALIZER;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		MUST(pthread_mutex_lock(&mine) == 0 && pthread_mutex_unlock(&mine) == 0);
	return arg;
}

static void do_fork_loop(void)
{
	pthread_t t;
	MUST(pthread_create(&t, NULL, locks_on, NULL) == 0);
	int n = argument ? atoi(argument) : 1000;
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			locks(NULL);
			_exit(i % 100);
		}
		reap(pid, i % 100);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	MUST(pthread_join(t, NULL) == 0);
}

/* Children that have threads, and children of their own. */
static void do_fork_tree(void)
{
	go_on();
	for (int depth = 0; depth < 12; depth++) {
		pid_t pid = fork();
		if (pid) {
			reap(pid, 7);
			if (depth)
				_exit(7);
			return;
		}
		go_on();
	}
	_exit(7);
}

static void do_raw_fork(void)
{
	go_on();
	for (int i = 0; i < 50; i++) {
		pid_t pid = (pid_t)(i % 2 ? syscall(SYS_fork) : syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
		if (pid == 0) {
			go_on();
			syscall(SYS_exit_group, 5);
		}
		reap(pid, 5);
	}
	go_on();
}

static void do_vfork_exec(void)
{
	go_on();
	for (int i = 0; i < 300; i++) {
		pid_t pid = vfork();
		if (pid == 0) {
			if (i % 3 == 0)
				execl("/nonexistent", "nonexistent", (char *)NULL);
			if (i % 3 == 1)
				execl("/bin/true", "true", (char *)NULL);
			_exit(0);
		}
		reap(pid, 0);
	}
	go_on();
}

static void do_daemon(void)
{
	int fd[2];
	char c = 0;
	go_on();
	MUST(pipe(fd) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		MUST(setsid() > 0);
		if (fork() > 0)
			_exit(0);
		for (int i = 0; i < 1024; i++)
			if (i != fd[1])
				close(i);
		MUST(chdir("/") == 0);
		go_on();
		MUST(write(fd[1], "d", 1) == 1);
		_exit(0);
	}
	reap(pid, 0);
	close(fd[1]);
	MUST(read(fd[0], &c, 1) == 1 && c == 'd');
	go_on();
}

/* ------------------------------------------------------------------ threads by clone, the end of main */

static int raw_ran;
static int raw_thread(void *arg)
{
	for (unsigned i = 0; i < 1000; i++)
		__atomic_add_fetch(&raw_ran, 1, __ATOMIC_RELAXED);
	syscall(SYS_gettid);
	syscall(SYS_futex, arg, 1 /* FUTEX_WAKE */, 1, NULL, NULL, 0);
	return 0;
}

/* Without thread-local storage of their own, as runtimes and sandboxes make them. They use system calls only. */
static void do_raw_clone(void)
{
	enum { SIZE = 64 << 10 };
	go_on();
	for (int i = 0; i < 20; i++) {
		char *stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
		pid_t tid = 1;
		int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
		            CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
		MUST(stack != MAP_FAILED);
		MUST(clone(raw_thread, stack + SIZE, flags, &tid, &tid, NULL, &tid) > 0);
		while (__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
			sched_yield();
		MUST(munmap(stack, SIZE) == 0);
	}
	MUST(raw_ran == 20000);
	go_on();
}

static pthread_t main_thread;
static void *outlives_main(void *arg)
{
	MUST(pthread_join(main_thread, NULL) == 0);
	go_on();
	printf("exit-main: survived\n");
	return arg;
}

static void do_exit_main(void)
{
	pthread_t t;
	main_thread = pthread_self();
	MUST(pthread_create(&t, NULL, outlives_main, NULL) == 0);
	MUST(pthread_mutex_lock(&m[0]) == 0 && pthread_mutex_unlock(&m[0]) == 0);
	pthread_exit(NULL);
}

static void *ends_process(void *arg)
{
	printf("exit-thread: survived\n");
	exit(0);
	return arg;
}

static void do_exit_thread(void)
{
	pthread_t t;
	MUST(pthread_create(&t, NULL, ends_process, NULL) == 0);
	for (;;)
		locks(NULL);
}

/* ------------------------------------------------------------------ surroundings */

static void do_closed_fds(void)
{
	int out = dup(1);
	for (int i = 0; i < 256; i++)
		if (i != out)
			close(i);
	go_on();
	pid_t pid = fork();
	if (pid == 0) {
		go_on();
		_exit(4);
	}
	reap(pid, 4);
	MUST(dup2(out, 1) == 1);
}

static void do_full_fds(void)
{
	struct rlimit rl = {32, 32};
	int fds[64], n = 0;
	MUST(setrlimit(RLIMIT_NOFILE, &rl) == 0);
	while (n < 64 && (fds[n] = open("/dev/null", O_RDONLY)) >= 0)
		n++;
	MUST(errno == EMFILE);
	go_on();
	pid_t pid = fork();
	if (pid == 0) {
		go_on();
		_exit(4);
	}
	reap(pid, 4);
	while (n)
		MUST(close(fds[--n]) == 0);
}

/* argument: a directory. */
static void give_up_privileges(void)
{
	MUST(setgroups(0, NULL) == 0 && setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
}

static void do_chroot(void)
{
	go_on();
	MUST(chroot(argument) == 0 && chdir("/") == 0);
	give_up_privileges();
	go_on();
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			go_on();
			_exit(6);
		}
		reap(pid, 6);
	}
}

/* The first event comes after privileges and root are gone. */
static void do_chroot_first(void)
{
	MUST(chroot(argument) == 0 && chdir("/") == 0);
	give_up_privileges();
	go_on();
}

static void do_privileges(void)
{
	go_on();
	give_up_privileges();
	go_on();
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			go_on();
			_exit(6);
		}
		reap(pid, 6);
	}
}

static void do_mlock(void)
{
	go_on();
	MUST(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
	go_on();
}

static void do_mlock_first(void)
{
	MUST(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
	go_on();
	MUST(mlockall(MCL_CURRENT) == 0);
	go_on();
}

/* argument: the folder of recordings; all of them go away while threads run. */
static void do_unlinked(void)
{
	char command[4096];
	go_on();
	snprintf(command, sizeof(command), "rm -f '%s'/*", argument);
	MUST(system(command) == 0);
	go_on();
	for (int i = 0; i < 20; i++)
		go_on();
}

static void do_limits(void)
{
	struct rlimit none = {64 << 10, 64 << 10}, little = {64 << 20, RLIM_INFINITY};
	MUST(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
	go_on();
	MUST(setrlimit(RLIMIT_FSIZE, &none) == 0);
	MUST(setrlimit(RLIMIT_STACK, &little) == 0);
	for (int i = 0; i < 20; i++)
		go_on();
	pid_t pid = fork();
	if (pid == 0) {
		go_on();
		_exit(6);
	}
	reap(pid, 6);
}

/* The working directory is removed; then the first event. */
static void do_no_directory(void)
{
	char dir[] = "/tmp/ordealXXXXXX";
	MUST(mkdtemp(dir) && chdir(dir) == 0 && rmdir(dir) == 0);
	go_on();
}

static void do_plain(void)
{
	for (int i = 0; i < 20; i++)
		go_on();
}

static void *real_time(void *arg)
{
	struct sched_param p = {.sched_priority = 2};
	MUST(pthread_setschedparam(pthread_self(), SCHED_FIFO, &p) == 0);
	return locks(arg);
}

static void do_fifo(void)
{
	pthread_t t[4];
	for (unsigned i = 0; i < 4; i++)
		MUST(pthread_create(&t[i], NULL, real_time, NULL) == 0);
	for (unsigned i = 0; i < 4; i++)
		MUST(pthread_join(t[i], NULL) == 0);
}

/* ------------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{"plain", do_plain},
	{"fork-loop", do_fork_loop},
	{"fork-tree", do_fork_tree},
	{"raw-fork", do_raw_fork},
	{"vfork-exec", do_vfork_exec},
	{"daemon", do_daemon},
	{"raw-clone", do_raw_clone},
	{"exit-main", do_exit_main},
	{"exit-thread", do_exit_thread},
	{"closed-fds", do_closed_fds},
	{"full-fds", do_full_fds},
	{"chroot", do_chroot},
	{"chroot-first", do_chroot_first},
	{"privileges", do_privileges},
	{"mlock", do_mlock},
	{"mlock-first", do_mlock_first},
	{"unlinked", do_unlinked},
	{"limits", do_limits},
	{"no-directory", do_no_directory},
	{"fifo", do_fifo},
};

int main(int argc, char **argv)
{
	argument = argc == 3 ? argv[2] : NULL;
	for (unsigned i = 0; argc >= 2 && i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(argv[1], scenarios[i].name) == 0) {
			scenarios[i].run();
			printf("%s: survived\n", argv[1]);
			return 0;
		}
	return 2;
}
