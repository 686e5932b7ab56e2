/* SPDX-License-Identifier: GPL-3.0-or-later */
/* process.c - scenarios of processes: fork, vfork, exec, ways to exit, daemons, closed descriptors, other directories. */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t process_mutex = PTHREAD_MUTEX_INITIALIZER;

MK_NAMED static void process_pair(void)
{
	MK_MUST(pthread_mutex_lock(&process_mutex));
	MK_MUST(pthread_mutex_unlock(&process_mutex));
}

/* The lock of the calling process, taken so often. */
static struct mk_lock *take(const char *name, long rounds)
{
	struct mk_lock *l = mk_add_lock(name, "mutex", &process_mutex, sizeof(process_mutex));
	for (long i = 0; i < rounds; i++)
		process_pair();
	mk_took(l, (uint64_t)rounds);
	return l;
}

static void *process_main(void *arg)
{
	mk_enter("process_main");
	for (long i = 0; i < *(long *)arg; i++)
		process_pair();
	return NULL;
}

static void must_exit(pid_t pid, int want)
{
	int status;
	MK_TRUE(pid > 0 && waitpid(pid, &status, 0) == pid);
	MK_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == want);
}

/* ------------------------------------------------------------------ fork */

static void take_in_thread(struct mk_lock *l, long rounds)
{
	pthread_t t;
	MK_CREATE(&t, NULL, process_main, &rounds);
	MK_JOIN(t, NULL);
	mk_took(l, (uint64_t)rounds);
}

/* Another place that takes it: then the recorder looks for what it knows already. */
MK_NAMED static void process_pair_again(void)
{
	MK_MUST(pthread_mutex_lock(&process_mutex));
	MK_MUST(pthread_mutex_unlock(&process_mutex));
}

/*
 * The child makes a thread of its own and ends by exit(). What its parent looked for last it takes itself, too: in its own
 * recording that is another lock.
 */
int fork_child(void)
{
	long rounds = mk_arg("rounds");
	struct mk_lock *l = take("parent", rounds);
	process_pair_again();
	mk_took(l, 1);
	pid_t child = fork();
	if (!child) {
		take_in_thread(take("child", rounds), rounds);
		exit(7); /* runs destructors; only main() prints the truth */
	}
	must_exit(child, 7);
	mk_fact("child_pid", child);
	return 0;
}

struct looping {
	struct mk_gate started;
	int stop;
	uint64_t done;
};

static void *fork_loop_main(void *arg)
{
	struct looping *s = arg;
	mk_enter("fork_loop_main");
	mk_gate_add(&s->started);
	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		process_pair();
		__atomic_add_fetch(&s->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

MK_NAMED static void fork_loop_pair(pthread_mutex_t *m)
{
	MK_MUST(pthread_mutex_lock(m));
	MK_MUST(pthread_mutex_unlock(m));
}

/* What a child may do after a fork of a threaded process: a mutex that nobody else had. */
static void fork_loop_child(long i)
{
	static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
	for (int r = 0; r < 100; r++)
		fork_loop_pair(&own);
	_exit((int)(i & 1));
}

/* Threads lock all the time while the main thread forks. */
int fork_threads_loop(void)
{
	pthread_t t[2];
	struct looping s = {.stop = 0};
	struct mk_lock *l = mk_add_lock("busy", "mutex", &process_mutex, sizeof(process_mutex));
	mk_contended_unknown(l);
	for (int i = 0; i < 2; i++)
		MK_CREATE(&t[i], NULL, fork_loop_main, &s);
	mk_gate_wait(&s.started, 2);
	for (long i = 0; i < mk_arg("forks"); i++) {
		pid_t child = fork();
		if (!child)
			fork_loop_child(i);
		must_exit(child, (int)(i & 1));
	}
	__atomic_store_n(&s.stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 2; i++)
		MK_JOIN(t[i], NULL);
	mk_took(l, s.done);
	mk_fact("forks", mk_arg("forks"));
	return 0;
}

MK_NAMED static pid_t vfork_true(void)
{
	pid_t child = vfork();
	if (!child) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	return child;
}

int vfork_exec(void)
{
	long rounds = mk_arg("rounds");
	struct mk_lock *l = mk_add_lock("parent", "mutex", &process_mutex, sizeof(process_mutex));
	for (long i = 0; i < rounds; i++) {
		process_pair();
		must_exit(vfork_true(), 0);
	}
	mk_took(l, (uint64_t)rounds);
	mk_fact("vforks", rounds);
	return 0;
}

/* The truth of this image is printed first, then the same pid becomes `mkthreads uncontended-mutex`: two lines of JSON. */
int exec_scenario(void)
{
	char rounds[32];
	take("before", mk_arg("rounds"));
	mk_print();
	snprintf(rounds, sizeof(rounds), "rounds=%ld", 2 * mk_arg("rounds"));
	execl("/proc/self/exe", "mkthreads", "uncontended-mutex", "threads=1", rounds, (char *)NULL);
	mk_die("exec", errno);
}

/* ------------------------------------------------------------------ ways to exit */

static void *exit_from_thread(void *arg)
{
	(void)arg;
	mk_enter("exit_from_thread");
	exit(5);
}

static void run_exit_from_thread(void)
{
	pthread_t t;
	MK_MUST(pthread_create(&t, NULL, exit_from_thread, NULL)); /* counted before the truth was printed */
	for (;;)
		pause();
}

/* The truth is printed before the end. Status: 5, or 128+signal as a shell sees it. */
int exit_kinds(void)
{
	long kind = mk_arg("kind");
	struct mk_lock *l = take("before-exit", mk_arg("rounds"));
	if (mk_arg("hold")) {
		MK_MUST(pthread_mutex_lock(&process_mutex));
		mk_took(l, 1);
	}
	mk_fact("kind", kind);
	mk_created(kind == 5);
	mk_print();
	switch (kind) {
	case 0:
		exit(5);
	case 1:
		_exit(5);
	case 2:
		abort();
	case 3:
		raise(SIGKILL);
		break;
	case 4:
		quick_exit(5);
	case 5:
		run_exit_from_thread();
		break;
	case 6:
		pthread_exit(NULL); /* the last thread to end: status 0 */
	case 7:
		raise(SIGTERM);
		break;
	case 8:
		raise(SIGSEGV);
		break;
	default:
		return 5;
	}
	return 4;
}

/* ------------------------------------------------------------------ daemons, descriptors, directories */

static void become_daemon(void)
{
	MK_TRUE(setsid() > 0);
	pid_t pid = fork();
	MK_TRUE(pid >= 0);
	if (pid)
		_exit(0);
	umask(077);
	MK_MUST(chdir("/"));
	int null = open("/dev/null", O_RDWR);
	MK_TRUE(null >= 0);
	for (int fd = 0; fd < 3; fd++)
		MK_TRUE(dup2(null, fd) == fd);
	MK_MUST(close_range(3, ~0u, 0));
}

static void daemon_work(struct mk_gate *done, long *daemon_pid, long rounds)
{
	become_daemon();
	take_in_thread(take("daemon", 0), rounds);
	*daemon_pid = getpid();
	mk_gate_add(done);
	mk_sleep_us(mk_arg("hold_us")); /* outlives the parent */
	_exit(0);
}

int daemonise(void)
{
	struct shared {
		struct mk_gate done;
		long pid;
	} *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MK_TRUE(s != MAP_FAILED);
	take("parent", mk_arg("rounds"));
	pid_t child = fork();
	if (!child)
		daemon_work(&s->done, &s->pid, 2 * mk_arg("rounds"));
	must_exit(child, 0);
	mk_gate_wait(&s->done, 1);
	mk_fact("daemon_pid", s->pid);
	return 0;
}

/* The first half of the work, then every descriptor but the standard ones is closed and its number used again. */
int close_all_fds(void)
{
	char path[] = "/tmp/mkthreads.XXXXXX";
	long rounds = mk_arg("rounds");
	struct mk_lock *l = mk_add_lock("across", "mutex", &process_mutex, sizeof(process_mutex));
	for (long i = 0; i < rounds; i++)
		process_pair();
	MK_MUST(close_range(3, ~0u, 0));
	int fd = mkstemp(path);
	MK_TRUE(fd == 3);
	for (long i = 0; i < rounds; i++)
		process_pair();
	struct stat st;
	MK_TRUE(fstat(fd, &st) == 0 && st.st_size == 0);
	MK_MUST(unlink(path));
	mk_took(l, (uint64_t)(2 * rounds));
	return 0;
}

/* Works on in a directory that is gone, and as root in an empty root directory. */
int chdir_scenario(void)
{
	char dir[] = "/tmp/mkthreads.XXXXXX";
	MK_TRUE(mkdtemp(dir));
	struct mk_lock *l = take("across", mk_arg("rounds"));
	MK_MUST(chdir(dir));
	bool rooted = mk_arg("chroot") && chroot(dir) == 0;
	MK_TRUE(rooted || rmdir(dir) == 0);
	for (long i = 0; i < mk_arg("rounds"); i++)
		process_pair();
	mk_took(l, (uint64_t)mk_arg("rounds"));
	mk_fact("chroot", rooted);
	if (rooted)
		mk_fact_text("left_behind", dir); /* an empty directory that only the caller can remove */
	return 0;
}

/* ------------------------------------------------------------------ dlopen */

/* Becomes tests/programs/dlopen_deadlock, from its place in the build directory. */
int dlopen_constructor_lock(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	MK_TRUE(n > 0);
	path[n] = '\0';
	strcpy(strrchr(path, '/'), "/../programs/dlopen_deadlock");
	mk_print();
	execl(path, path, (char *)NULL);
	mk_die(path, errno);
}
