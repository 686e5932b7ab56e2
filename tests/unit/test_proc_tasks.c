/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_proc_tasks.c - processes and threads of /proc: this very process, its threads and children, by name, descent and group.
 */
#include "lib/proc/tasks.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t sleeper_tid;
static int gate[2];

static void *sleeper(void *arg)
{
	char c;
	(void)arg;
	pthread_setname_np(pthread_self(), "a) S 1 (b");
	__atomic_store_n(&sleeper_tid, gettid(), __ATOMIC_RELEASE);
	return read(gate[0], &c, 1) == 1 ? NULL : NULL;
}

static void test_process(void)
{
	struct tt_proc p;
	struct tt_err err;
	signal(SIGUSR1, SIG_IGN);
	if (!is_int(tt_proc_read(getpid(), &p, &err), 0, "this process"))
		return;
	is_int(p.pid, getpid(), "its number");
	is_int(p.tgid, getpid(), "is that of its main thread");
	is_int(p.ppid, getppid(), "its parent");
	is_int(p.uid, geteuid(), "its user");
	is_str(p.name, "test_proc_tasks", "its name");
	is_int(p.threads, 2, "its threads");
	ok(!p.kernel && p.ns_pid > 0, "it is no kernel thread");
	has_str(p.exe, "test_proc_tasks", "its program");
	has_str(p.command, "test_proc_tasks", "its arguments");
	ok(p.age_ns > 0 && p.started_ns > 0, "its age");
	tt_proc_deinit(&p);
	is_int(tt_proc_read(sleeper_tid, &p, &err), 0, "the number of a thread");
	is_int(p.tgid, getpid(), "leads to its process");
	tt_proc_deinit(&p);
	is_int(tt_proc_read(0, &p, &err), -ESRCH, "process 0 is none");
	is_int(tt_proc_read(4194304 + 5, &p, &err), -ESRCH, "nor is one beyond the last number");
	is_str(err.msg, "no process 4194309", "the words");
}

static bool is_asleep(struct tt_tasks *tasks)
{
	struct tt_err err;
	struct tt_task *t;
	for (int i = 0; i < 5000; i++, usleep(1000)) {
		if (tt_tasks_read(getpid(), tasks, &err) == 0 && (t = tt_tasks_find(tasks, sleeper_tid)) && t->state == 'S')
			return true;
	}
	return false;
}

static void test_threads(void)
{
	struct tt_tasks tasks = {0};
	struct tt_err err;
	if (!ok(is_asleep(&tasks), "the thread is seen asleep"))
		return;
	is_int(tasks.list.len, 2, "both threads are listed");
	const struct tt_task *t = tt_tasks_find(&tasks, sleeper_tid);
	is_str(t->name, "a) S 1 (b", "a name that looks like the rest of the line");
	is_str(tt_task_state(t->state), "sleeping", "its state in words");
	is_str(tt_task_policy(t->policy), "SCHED_OTHER", "its policy");
	is_int(t->ns_tid, sleeper_tid, "its number in its own namespace");
	struct tt_task once = *t, again = *t;
	ok(tt_task_count(getpid(), &once) && once.slices > 0 && once.run_ns > 0, "what the scheduler counts");
	ok(tt_task_count(getpid(), &again) && again.slices == once.slices, "counted again: it did not run");
	usleep(20000);
	tt_tasks_idle(getpid(), &tasks);
	t = tt_tasks_find(&tasks, sleeper_tid);
	skip(t->idle_ns != 0, 2, "the kernel does not tell when a thread last ran")
	{
		ok(t->idle_ns >= 10000000, "it has not run for a while");
		ok(t->idle_ns <= t->age_ns + 20000000 + 1000000000, "but not for longer than it lives");
	}
	ok(!tt_tasks_find(&tasks, 1 << 30), "a thread that does not exist");
	again.tid = 1 << 30;
	ok(!tt_task_count(getpid(), &again), "cannot be read again");
	is_int(tt_tasks_read(4194309, &tasks, &err), -ESRCH, "no process");
	tt_tasks_deinit(&tasks);
	is_str(tt_task_policy(99), "?", "a policy that does not exist");
	is_str(tt_task_state('?'), "?", "a state that does not exist");
}

static bool has(const struct tt_pids *pids, pid_t pid)
{
	for (size_t i = 0; i < pids->list.len; i++)
		if (pids->list.data[i] == pid)
			return true;
	return false;
}

static void test_which(void)
{
	struct tt_pids pids = {0};
	struct tt_err err;
	struct tt_proc p;
	int ready[2];
	char c;
	if (!ok(pipe(ready) == 0, "a pipe"))
		return;
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_NAME, "odd name\x1b");
		c = write(ready[1], "", 1) == 1 ? 0 : 1;
		pause();
		_exit(c);
	}
	ok(read(ready[0], &c, 1) == 1, "a child is there");
	is_int(tt_pids_by_name(&pids, "odd name\x1b"), 0, "by name");
	ok(pids.list.len == 1 && pids.list.data[0] == child, "finds the child alone");
	pids.list.len = 0;
	tt_pids_by_name(&pids, "test_proc_tasks");
	ok(has(&pids, child) && !has(&pids, getpid()), "the name of the program finds it too, but never ourselves");
	pids.list.len = 0;
	tt_vec_push(&pids.list, getpid());
	is_int(tt_pids_add_tree(&pids), 0, "descendants");
	ok(has(&pids, child), "are found");
	pids.list.len = 0;
	is_int(tt_pids_by_cgroup(&pids, "/no such group", &err), -ESRCH, "a control group that does not exist");
	if (tt_proc_read(child, &p, &err) == 0) {
		skip(p.cgroup != NULL, 1, "no unified hierarchy")
		{
			ok(tt_pids_by_cgroup(&pids, p.cgroup, &err) == 0 && has(&pids, child), "its own group");
		}
		tt_proc_deinit(&p);
	}
	/* One hierarchy of several, as version 1 has them. */
	const char *dir = "/sys/fs/cgroup/pids/tt-tasks-test", *procs = "/sys/fs/cgroup/pids/tt-tasks-test/cgroup.procs";
	FILE *f = mkdir(dir, 0700) == 0 ? fopen(procs, "w") : NULL;
	bool moved = f && fprintf(f, "%d", (int)child) > 0;
	moved = f && fclose(f) == 0 && moved;
	skip(moved, 3, "no hierarchy of version 1 that may be changed")
	{
		static const char *const names[] = {"/tt-tasks-test", "tt-tasks-test", "/sys/fs/cgroup/pids/tt-tasks-test/"};
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			pids.list.len = 0;
			ok(tt_pids_by_cgroup(&pids, names[i], &err) == 0 && pids.list.len == 1 && pids.list.data[0] == child,
				"by group '%s'", names[i]);
		}
	}
	kill(child, SIGKILL);
	siginfo_t info;
	waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	pids.list.len = 0;
	tt_pids_by_name(&pids, "odd name\x1b");
	ok(!has(&pids, child), "a zombie is not meant by its name");
	is_int(tt_proc_read(child, &p, &err), 0, "but can be asked for");
	is_int(p.state, 'Z', "and says what it is");
	tt_proc_deinit(&p);
	waitpid(child, NULL, 0);
	rmdir(dir);
	tt_vec_deinit(&pids.list);
}

int main(void)
{
	pthread_t t;
	if (!ok(pipe(gate) == 0 && pthread_create(&t, NULL, sleeper, NULL) == 0, "a thread that sleeps"))
		return done();
	while (!__atomic_load_n(&sleeper_tid, __ATOMIC_ACQUIRE))
		sched_yield();
	test_process();
	test_threads();
	test_which();
	ok(write(gate[1], "", 1) == 1 && pthread_join(t, NULL) == 0, "it ends");
	return done();
}
