/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_proc_pools.c - names of pools, the files that a measurement reads, and this process measured. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/attrs.h"
#include "lib/proc/pools_private.h"
#include "lib/proc/usage.h"
#include "tests/unit/tap.h"

static void test_names(void)
{
	static const char *const rows[][2] = {{"worker-12", "worker-#"}, {"pool-1-thread-27", "pool-#-thread-#"},
		{"node", "node"}, {"", ""}, {"0123", "#"}, {"a1b22", "a#b#"}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		TT_BUF_AUTO(out);
		tt_pools_normal_name(&out, rows[i][0]);
		is_str(tt_buf_str(&out), rows[i][1], "the name '%s'", rows[i][0]);
	}
}

static void test_parsers(void)
{
	uint64_t run = 0, delay = 0, slices = 0;
	struct tt_usage u = {0};
	ok(tt_pools_parse_schedstat("12 34 56\n", &run, &delay, &slices) && run == 12 && delay == 34 && slices == 56,
		"schedstat");
	ok(!tt_pools_parse_schedstat("12 34", &run, &delay, &slices) && !tt_pools_parse_schedstat("", &run, &delay, &slices) &&
			!tt_pools_parse_schedstat("-1 2 3", &run, &delay, &slices) &&
			!tt_pools_parse_schedstat("1 2 99999999999999999999999", &run, &delay, &slices),
		"half a schedstat is none");
	ok(tt_usage_parse_stat("cpu  100 0 50 1000 10 5 5 40 0 0\ncpu0 1\n", &u), "/proc/stat");
	ok(u.busy_ns * 4 == u.steal_ns * 16 && u.total_ns > u.busy_ns + u.steal_ns, "busy without idle and steal");
	ok(!tt_usage_parse_stat("cpu 1 2 3\n", &u) && !tt_usage_parse_stat("intr 1\n", &u), "half a line is none");
}

/* ------------------------------------------------------------------ this process */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t begun;
static int fds[2];

static void *idler(void *tid)
{
	*(pid_t *)tid = gettid();
	prctl(PR_SET_NAME, "idler-1");
	pthread_mutex_lock(&lock);
	pthread_barrier_wait(&begun);
	while (fds[0] >= 0)
		pthread_cond_wait(&never, &lock);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void *reader(void *tid)
{
	char c;
	*(pid_t *)tid = gettid();
	prctl(PR_SET_NAME, "reader-1");
	pthread_barrier_wait(&begun);
	while (read(fds[0], &c, 1) < 0 && errno == EINTR)
		;
	return tid;
}

/* Whoever let a lock go to wait is not asleep yet. */
static bool is_asleep(pid_t tid)
{
	char path[64], text[256];
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	FILE *f = fopen(path, "re");
	text[f ? fread(text, 1, sizeof(text) - 1, f) : 0] = '\0';
	if (f)
		fclose(f);
	const char *name_end = strrchr(text, ')');
	return name_end && name_end[1] == ' ' && name_end[2] == 'S';
}

static const struct tt_pool *find(const struct tt_pools *p, const char *name)
{
	const struct tt_pool *pool;
	vec_for_each (pool, &p->list)
		if (strcmp(pool->name, name) == 0)
			return pool;
	return NULL;
}

static int begin(pid_t pid, uint64_t window_ns, struct tt_pools **ret, struct tt_err *err)
{
	const struct tt_pools_subject subject = {&pid, 1, false};
	return tt_pools_begin(&subject, window_ns, ret, err);
}

static void look(struct tt_pools *p, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		int64_t next = tt_pools_look(p);
		struct timespec ts = {0, next > 0 && next < 50000000 ? (long)next : 10000000};
		if (!ok(next >= 0, "look %u", i))
			return;
		nanosleep(&ts, NULL);
	}
}

/* Who looks may have to wait for a processor between two threads: each has the time at which it was read itself. */
static void read_apart(struct tt_pools *p)
{
	const struct timespec pause = {0, 30000000};
	struct tt_pools_thread *a = &p->private->threads.data[0], *b = &p->private->threads.data[1];
	bool both = tt_pools_read_thread(p, a);
	nanosleep(&pause, NULL);
	both = tt_pools_read_thread(p, b) && both;
	ok(both && b->last_ns - a->last_ns >= 30000000, "the time of a thread is that at which it was read");
}

static void test_self(void)
{
	pthread_t threads[5];
	pid_t tids[5];
	struct tt_pools *p;
	struct tt_err err = {0};
	if (!ok(pipe(fds) == 0, "a pipe"))
		return;
	pthread_barrier_init(&begun, NULL, 2);
	for (size_t i = 0; i < 5; i++) {
		pthread_create(&threads[i], NULL, i < 3 ? idler : reader, &tids[i]);
		pthread_barrier_wait(&begun);
		pthread_mutex_lock(&lock); /* the idler has let go: it is about to wait */
		pthread_mutex_unlock(&lock);
		while (!is_asleep(tids[i]))
			sched_yield();
	}
	if (ok(begin(getpid(), 0, &p, &err) == 0, "this process is measured: %s", err.msg)) {
		look(p, 12);
		read_apart(p);
		ok(tt_pools_finish(p, NULL, NULL, &err) == 0, "and grouped: %s", err.msg);
		const struct tt_pool *idle = find(p, "idler-#"), *work = find(p, "reader-#");
		if (ok(idle && work, "there are two pools") && !p->syscall_error) {
			is_u64(idle->threads, 3, "three idlers");
			ok(idle->idle_ns * 10 > idle->wall_ns * 9 && idle->work_ns == 0,
				"who waits at a shared condition is idle");
			ok(work->work_ns * 10 > work->wall_ns * 9 && work->idle_ns == 0, "who reads from a pipe works");
			is_u64(idle->busy_max, 0, "no idler was busy");
			is_u64(work->busy_max, 2, "both readers were");
		}
		ok(p->syscall_error || (work->run_ns + work->delay_ns + work->blocked_ns <= work->wall_ns + 1000000),
			"the parts are the whole");
	}
	tt_pools_destroy(p);
	ok(begin(4194000, 0, &p, &err) == -ESRCH, "a process that is not there: %s", err.msg);
	tt_pools_destroy(p);
	pthread_mutex_lock(&lock);
	int end = fds[1];
	fds[0] = -1;
	pthread_cond_broadcast(&never);
	pthread_mutex_unlock(&lock);
	close(end);
	for (size_t i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
}

/* ------------------------------------------------------------------ threads that wait for a processor only */

#define SPINNERS 6
static atomic_uint spinning;
static atomic_bool enough;

static void *spinner(void *arg)
{
	prctl(PR_SET_NAME, "spinner-1");
	atomic_fetch_add(&spinning, 1);
	while (!atomic_load(&enough))
		;
	return arg;
}

/* What the kernel has not credited yet, in the middle of the window as at its end, is delay: nobody was blocked in either half.
 */
static void test_halves(void)
{
	pthread_t threads[SPINNERS];
	pthread_attr_t attr;
	cpu_set_t one;
	struct tt_pools *p;
	struct tt_err err = {0};
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(one), &one);
	for (size_t i = 0; i < SPINNERS; i++)
		pthread_create(&threads[i], &attr, spinner, NULL);
	while (atomic_load(&spinning) < SPINNERS)
		sched_yield();
	if (ok(begin(getpid(), 160000000, &p, &err) == 0, "threads that share a processor: %s", err.msg)) {
		look(p, 16);
		ok(tt_pools_finish(p, NULL, NULL, &err) == 0, "are grouped: %s", err.msg);
		const struct tt_pool *busy = find(p, "spinner-#");
		if (ok(busy && busy->half_run_ns[0] + busy->half_run_ns[1], "and have halves") && !p->syscall_error) {
			is_u64(busy->half_blocked_ns[0], 0, "nobody was blocked in the first");
			is_u64(busy->half_blocked_ns[1], 0, "nor in the second");
		}
	}
	tt_pools_destroy(p);
	atomic_store(&enough, true);
	for (size_t i = 0; i < SPINNERS; i++)
		pthread_join(threads[i], NULL);
	pthread_attr_destroy(&attr);
}

/* ------------------------------------------------------------------ a process that is stopped */

/* It waits for nothing: its time is its own kind, and nobody in it is busy. */
static void test_stopped(void)
{
	struct tt_pools *p;
	struct tt_err err = {0};
	int status = 0, ends[2];
	if (!ok(pipe(ends) == 0, "a pipe"))
		return;
	pid_t child = fork();
	if (child == 0) {
		char c;
		close(ends[1]); /* the test's end ends it, too */
		_exit(read(ends[0], &c, 1) < 0);
	}
	close(ends[0]);
	kill(child, SIGSTOP);
	ok(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status), "a child is stopped");
	if (ok(begin(child, 0, &p, &err) == 0, "and measured: %s", err.msg)) {
		look(p, 4);
		ok(tt_pools_finish(p, NULL, NULL, &err) == 0, "and grouped: %s", err.msg);
		if (ok(p->list.len == 1, "it is there")) {
			const struct tt_pool *pool = &p->list.data[0];
			is_u64(pool->blocked_ns, 0, "a stopped process is not blocked");
			is_u64(pool->wall_ns, 0, "its time is not the pool's");
			is_u64(pool->busy_max, 0, "nor is it busy");
			ok(pool->stopped_ns * 10 > p->window_ns * 9, "it was stopped all the time");
			is_u64(pool->stopped, 1, "one thread is");
		}
	}
	tt_pools_destroy(p);
	kill(child, SIGCONT);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	close(ends[1]);
}

int main(void)
{
	test_names();
	test_parsers();
	test_self();
	test_halves();
	test_stopped();
	return done();
}
