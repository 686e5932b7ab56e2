/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_proc_sample.c - the sampler on threads of this process, and on a tree of files that plays /proc: who came, who went,
 * whose figures are whose. Order is made by barriers and by what the frames say, never by waiting for a guessed time.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/proc/sample.h"
#include "lib/proc/tasks.h"
#include "tests/unit/tap.h"

/* ------------------------------------------------------------------ threads of our own */

#define IDLE 40

static struct {
	pthread_barrier_t started;
	pthread_mutex_t gate;
	_Atomic bool spin;
	_Atomic pid_t spinner;
	_Atomic size_t coming; /* idle threads that have only the gate before them */
	pthread_t threads[IDLE], hot;
} own;

static void *idle(void *arg)
{
	pthread_barrier_wait(&own.started);
	own.coming++;
	pthread_mutex_lock(&own.gate);
	pthread_mutex_unlock(&own.gate);
	return arg;
}

static void *spin(void *arg)
{
	own.spinner = (pid_t)syscall(SYS_gettid);
	pthread_setname_np(pthread_self(), "spi)nner \x1b[1m");
	pthread_barrier_wait(&own.started);
	while (own.spin)
		;
	return arg;
}

/* Those that have only the gate before them wait at it. */
static bool all_wait(void)
{
	struct tt_tasks tasks = {0};
	const struct tt_task *t;
	size_t n = 0;
	if (own.coming == IDLE && tt_tasks_read(getpid(), &tasks, NULL) == 0)
		vec_for_each (t, &tasks.list)
			n += t->state == 'S';
	tt_tasks_deinit(&tasks);
	return n == IDLE; /* we and the spinner run */
}

static void start_threads(void)
{
	own.spin = true;
	own.coming = 0;
	pthread_barrier_init(&own.started, NULL, IDLE + 2);
	pthread_mutex_init(&own.gate, NULL);
	pthread_mutex_lock(&own.gate);
	for (int i = 0; i < IDLE; i++)
		pthread_create(&own.threads[i], NULL, idle, NULL);
	pthread_create(&own.hot, NULL, spin, NULL);
	pthread_barrier_wait(&own.started);
	while (!all_wait())
		poll(NULL, 0, 1); /* only the kernel tells */
}

static void stop_threads(void)
{
	own.spin = false;
	pthread_mutex_unlock(&own.gate);
	for (int i = 0; i < IDLE; i++)
		pthread_join(own.threads[i], NULL);
	pthread_join(own.hot, NULL);
}

static struct tt_top_task *find(struct tt_sampler *s, pid_t tid)
{
	struct tt_top_task **t;
	vec_for_each (t, &tt_sampler_frame(s)->tasks)
		if ((*t)->tid == (uint32_t)tid)
			return *t;
	return NULL;
}

static size_t count(struct tt_sampler *s)
{
	return tt_sampler_frame(s)->tasks.len;
}

/* Refreshes until the thread has run that long within one refresh. */
static struct tt_top_task *refresh_until_ran(struct tt_sampler *s, pid_t tid, uint64_t ns)
{
	struct tt_err err;
	for (;;) {
		if (tt_sampler_refresh(s, &err) < 0)
			return NULL;
		struct tt_top_task *t = find(s, tid);
		if (!t || t->d_run_ns >= ns)
			return t;
		/* Twice as long as asked, whatever the processor's speed. */
		struct timespec from, now;
		clock_gettime(CLOCK_MONOTONIC, &from);
		do
			clock_gettime(CLOCK_MONOTONIC, &now);
		while ((uint64_t)(now.tv_sec - from.tv_sec) * 1000000000u + (uint64_t)now.tv_nsec - (uint64_t)from.tv_nsec <
			2 * ns);
	}
}

static void check_own(struct tt_sampler *s, bool sched)
{
	struct tt_err err;
	uint32_t tid = (uint32_t)own.spinner;
	is_int(tt_sampler_refresh(s, &err), 0, "a first frame");
	is_int(count(s), IDLE + 2, "has all threads");
	struct tt_top_task *t = find(s, own.spinner);
	if (!ok(t, "the spinning one among them"))
		return;
	uint64_t id = t->id;
	is_str(t->name, "spi)nner \x1b[1m", "its name is as it was set, however hostile");
	is_u64(t->span_ns, 0, "a first frame has no span");
	is_u64(t->d_run_ns, 0, "and no differences");
	t = refresh_until_ran(s, (pid_t)tid, 20000000);
	ok(t && t->id == id, "it stays the same thread");
	if (!t)
		return;
	ok(t->d_run_ns <= t->span_ns + 20000000, "it cannot run for longer than the span");
	is_int(t->state, 'R', "it is seen running");
	ok(t->start_ns > 0 && t->start_ns <= tt_sampler_frame(s)->boot_ns, "its start is in the past");
	ok(!sched || t->d_slices > 0 || t->d_run_ns > 0, "slices or run time were counted");
	is_int(tt_sampler_frame(s)->machine.started, 0, "nobody came");
	size_t idle_seen = 0, wrong = 0;
	struct tt_top_task **i;
	vec_for_each (i, &tt_sampler_frame(s)->tasks)
		if ((*i)->tid != tid && (*i)->tid != (uint32_t)getpid()) {
			idle_seen += tt_sampler_idle(*i);
			wrong += (*i)->d_run_ns != 0 || (*i)->state != 'S';
		}
	is_int(idle_seen, IDLE, "those that wait are idle");
	is_int(wrong, 0, "and get nothing of the spinner's time");
}

/* They have blocked for longer than this sampler lives. */
static void check_since(void)
{
	struct tt_sampler_opts opts = {.needs = TT_NEED_SCHED | TT_NEED_STAT};
	struct tt_sampler *s = NULL;
	struct tt_err err;
	uint32_t pid = (uint32_t)getpid();
	opts.pids = &pid;
	opts.pid_count = 1;
	cpu_set_t before, after;
	sched_getaffinity(0, sizeof(before), &before);
	if (!ok(tt_sampler_create(&opts, &s, &err) == 0 && tt_sampler_refresh(s, &err) == 0 && tt_sampler_refresh(s, &err) == 0,
		    "a second sampler"))
		return;
	sched_getaffinity(0, sizeof(after), &after);
	ok(CPU_EQUAL(&before, &after), "leaves us on the processors that were ours");
	size_t right = 0, known = 0;
	struct tt_top_task **i;
	vec_for_each (i, &tt_sampler_frame(s)->tasks) {
		if ((*i)->state != 'S')
			continue;
		known += (*i)->blocked_ns > (*i)->span_ns;
		right += (*i)->blocked_ns >= 15000000 && (*i)->blocked_ns <= (*i)->proc->at_ns - (*i)->start_ns;
	}
	skip(known != 0, 1, "the kernel does not tell when a thread last ran")
	{
		is_int(right, IDLE, "since when threads block that did so before it began");
	}
	tt_sampler_destroy(s);
}

static void check_more(struct tt_sampler *s)
{
	struct tt_err err;
	struct tt_top_task *t = find(s, own.spinner);
	tt_sampler_read(s, t, TT_NEED_STATUS | TT_NEED_IO | TT_NEED_CGROUP);
	ok(t->known & TT_NEED_STATUS && t->affinity && *t->affinity, "affinity is read on request");
	ok(!(t->known & TT_NEED_RATE_STATUS), "one reading is no rate");
	t = refresh_until_ran(s, own.spinner, 1);
	tt_sampler_read(s, t, TT_NEED_STATUS);
	ok(t->known & TT_NEED_RATE_STATUS && t->status_span_ns > 0, "two are");
	ok(t->proc->cgroup, "the cgroup of its process");
	ok(t->proc->user, "the user of its process");
	struct tt_top_task *blocked = NULL, **i;
	vec_for_each (i, &tt_sampler_frame(s)->tasks)
		if (tt_sampler_idle(*i))
			blocked = *i;
	tt_sampler_refresh(s, &err);
	tt_sampler_read(s, blocked, TT_NEED_STACK | TT_NEED_WCHAN);
	ok(blocked->known & TT_NEED_STACK, "the stack of a blocked thread");
	ok(blocked->stack_used_bytes > 0 && blocked->stack_used_bytes < blocked->stack_reserved_bytes, "is used in part");
}

/* How often directories were read tells whether the link count did its work. */
static void check_cost(struct tt_sampler *s)
{
	struct tt_err err;
	tt_sampler_refresh(s, &err);
	tt_sampler_refresh(s, &err);
	is_int(tt_sampler_stats(s).listed, 0, "no directory is read while no thread comes or goes");
	ok(tt_sampler_stats(s).ran <= 3, "of the idle threads none is read");
}

static void check_gone(struct tt_sampler *s)
{
	struct tt_err err;
	pid_t tid = own.spinner;
	stop_threads();
	is_int(tt_sampler_refresh(s, &err), 0, "a frame after they ended");
	is_int(count(s), 1, "has only the main thread");
	ok(!find(s, tid), "the spinner is gone");
	is_int(tt_sampler_frame(s)->machine.ended, IDLE + 1, "all ends were counted");
}

static void test_own(const struct tt_sampler_opts *more, const char *how)
{
	uint32_t pid = (uint32_t)getpid();
	struct tt_err err;
	struct tt_sampler *s;
	struct tt_sampler_opts opts = *more;
	opts.pids = &pid;
	opts.pid_count = 1;
	diag("%s", how);
	start_threads();
	if (!is_int(tt_sampler_create(&opts, &s, &err), 0, "a sampler of this process"))
		return;
	check_own(s, !opts.no_schedstat);
	if (!opts.no_schedstat)
		check_since();
	check_more(s);
	if (!opts.no_schedstat)
		check_cost(s);
	if (opts.max_open == 4)
		ok(tt_sampler_stats(s).open <= 5, "few descriptors are kept");
	check_gone(s);
	tt_sampler_destroy(s);
}

/* ------------------------------------------------------------------ a tree of files */

static char root[PATH_MAX];

__attribute__((format(printf, 2, 3))) static void put(const char *path, const char *fmt, ...)
{
	char full[PATH_MAX + 64], fresh[PATH_MAX + 80];
	va_list ap;
	snprintf(full, sizeof(full), "%s/%s", root, path);
	snprintf(fresh, sizeof(fresh), "%s.new", full);
	FILE *f = fopen(fresh, "w");
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fclose(f);
	rename(fresh, full);
}

static void put_thread(unsigned pid, unsigned tid, const char *name, unsigned start, unsigned long long run, unsigned slices)
{
	char path[128], dir[PATH_MAX + 128];
	snprintf(dir, sizeof(dir), "%s/%u", root, pid);
	mkdir(dir, 0755);
	snprintf(dir, sizeof(dir), "%s/%u/task", root, pid);
	mkdir(dir, 0755);
	snprintf(dir, sizeof(dir), "%s/%u/task/%u", root, pid, tid);
	mkdir(dir, 0755);
	snprintf(path, sizeof(path), "%u/task/%u/schedstat", pid, tid);
	put(path, "%llu 0 %u\n", run, slices);
	snprintf(path, sizeof(path), "%u/task/%u/stat", pid, tid);
	put(path, "%u (%s) S 1 1 1 0 -1 64 0 0 0 0 0 0 0 0 20 0 1 0 %u 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n", tid,
		name, start);
	if (pid != tid)
		return;
	snprintf(path, sizeof(path), "%u/stat", pid);
	put(path, "%u (%s) S 1 1 1 0 -1 64 0 0 0 0 0 0 0 0 20 0 1 0 %u 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n", tid,
		name, start);
	snprintf(path, sizeof(path), "%u/status", pid);
	put(path, "Uid:\t0\t0\t0\t0\n");
}

static void remove_tree(const char *what)
{
	char command[PATH_MAX + 64];
	snprintf(command, sizeof(command), "rm -rf '%s/%s'", root, what);
	if (system(command) != 0)
		diag("cannot remove %s", what);
}

/* A tid that another thread has by the next refresh: never the old one's figures. */
static void test_reuse(void)
{
	struct tt_err err;
	struct tt_sampler *s;
	struct tt_sampler_opts opts = {.root = root, .max_open = 1};
	put_thread(100, 100, "main", 5000, 1000, 1);
	put_thread(100, 101, "old", 5001, 900000, 50);
	is_int(tt_sampler_create(&opts, &s, &err), 0, "a sampler of a tree");
	tt_sampler_refresh(s, &err);
	is_int(count(s), 2, "two threads");
	uint64_t id = find(s, 101)->id;
	ok(tt_sampler_stats(s).by_name > 0, "their files are opened by name");
	put_thread(100, 101, "old", 5001, 1900000, 51);
	tt_sampler_refresh(s, &err);
	is_u64(find(s, 101)->d_run_ns, 1000000, "a difference");
	put_thread(100, 101, "new", 9001, 2900000, 60);
	tt_sampler_refresh(s, &err);
	struct tt_top_task *t = find(s, 101);
	if (ok(t, "the tid is there again")) {
		ok(t->id != id, "as another thread");
		is_str(t->name, "new", "with its own name");
		is_u64(t->d_run_ns, 0, "and none of the differences");
	}
	remove_tree("100/task/101");
	tt_sampler_refresh(s, &err);
	ok(!find(s, 101) && count(s) == 1, "it ends");
	remove_tree("100");
	tt_sampler_refresh(s, &err);
	is_int(count(s), 0, "its process ends");
	tt_sampler_destroy(s);
}

/* The same of a process, in every order in which files can vanish. */
static void test_pid_reuse(void)
{
	struct tt_err err;
	struct tt_sampler *s;
	struct tt_sampler_opts opts = {.root = root};
	put_thread(200, 200, "first", 5000, 1000, 1);
	tt_sampler_create(&opts, &s, &err);
	tt_sampler_refresh(s, &err);
	uint64_t proc = find(s, 200)->proc->id;
	remove_tree("200");
	put_thread(200, 200, "second", 6000, 5000, 2);
	tt_sampler_refresh(s, &err);
	struct tt_top_task *t = find(s, 200);
	if (ok(t, "the new process is there in the same refresh")) {
		ok(t->proc->id != proc, "as another process");
		is_str(t->proc->name, "second", "with its name");
		is_u64(t->d_run_ns, 0, "and no difference to the old one");
	}
	remove_tree("200/task/200/stat");
	remove_tree("200/stat");
	put("200/task/200/schedstat", "9000 0 9\n");
	is_int(tt_sampler_refresh(s, &err), 0, "files may vanish one by one");
	remove_tree("200/task");
	is_int(tt_sampler_refresh(s, &err), 0, "or the directory");
	is_int(count(s), 0, "then the process is gone");
	remove_tree("200");
	tt_sampler_destroy(s);
}

static char unwanted[] = "b";

static bool not_it(void *ctx, const struct tt_top_proc *p)
{
	return strcmp(p->name, ctx) != 0;
}

static void test_wanted(void)
{
	struct tt_err err;
	struct tt_sampler *s;
	struct tt_sampler_opts opts = {.root = root, .want = not_it, .ctx = unwanted};
	put_thread(300, 300, "a", 5000, 1, 1);
	put_thread(301, 301, "b", 5000, 1, 1);
	tt_sampler_create(&opts, &s, &err);
	tt_sampler_refresh(s, &err);
	ok(find(s, 300) && !find(s, 301), "only what is wanted");
	remove_tree("301");
	put_thread(301, 301, "c", 5000, 2, 2);
	for (int i = 0; i < 10; i++)
		tt_sampler_refresh(s, &err);
	ok(find(s, 301), "a process that is another program by now is asked for again");
	tt_sampler_destroy(s);
	remove_tree("300");
	remove_tree("301");
}

/* ------------------------------------------------------------------ coming and going at every moment */

static void *blink(void *arg)
{
	return arg;
}

static void *churn(void *arg)
{
	while (own.spin) {
		pthread_t t;
		if (pthread_create(&t, NULL, blink, NULL) == 0)
			pthread_join(t, NULL);
	}
	return arg;
}

static void test_churn(void)
{
	uint32_t pid = (uint32_t)getpid();
	struct tt_err err;
	struct tt_sampler *s;
	struct tt_sampler_opts opts = {.pids = &pid, .pid_count = 1, .needs = TT_NEED_STATUS | TT_NEED_IO | TT_NEED_WCHAN};
	pthread_t threads[3];
	int bad = 0;
	uint64_t come = 0;
	own.spin = true;
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, churn, NULL);
	tt_sampler_create(&opts, &s, &err);
	for (int i = 0; i < 200; i++) {
		bad += tt_sampler_refresh(s, &err) < 0;
		struct tt_top_task **t;
		vec_for_each (t, &tt_sampler_frame(s)->tasks) {
			tt_sampler_read(s, *t, TT_NEED_STAT | TT_NEED_STATUS | TT_NEED_STACK);
			bad += !(*t)->name || (*t)->proc->pid != pid || (*t)->d_run_ns > (*t)->span_ns + 50000000;
		}
		come += tt_sampler_frame(s)->machine.started;
	}
	own.spin = false;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	is_int(bad, 0, "200 frames while threads come and go: none wrong");
	ok(come > 0, "some of them were met");
	tt_sampler_refresh(s, &err);
	is_int(count(s), 1, "in the end nobody is left over");
	is_int(tt_sampler_stats(s).open, count(s) == 1 && tt_sampler_stats(s).open == 3 ? 3 : 2, "nor a descriptor");
	tt_sampler_destroy(s);
}

static int open_descriptors(void)
{
	int n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(root, sizeof(root), "%s/sampleXXXXXX", tmp ? tmp : "/tmp");
	int before = open_descriptors();
	test_own(&(struct tt_sampler_opts){0}, "with schedstat");
	test_own(&(struct tt_sampler_opts){.max_open = 4}, "with few descriptors");
	test_own(&(struct tt_sampler_opts){.no_schedstat = true}, "without schedstat");
	if (!mkdtemp(root))
		return 1;
	test_reuse();
	test_pid_reuse();
	test_wanted();
	rmdir(root);
	test_churn();
	is_int(open_descriptors(), before, "no descriptor is left open");
	return done();
}
