/* SPDX-License-Identifier: GPL-3.0-or-later */
/* threads.c - scenarios of thread life: many short ones, many at once, leaked, detached, ways to end, names. */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A small stack: thousands of threads must fit. */
static pthread_attr_t *small_stack(void)
{
	static pthread_attr_t attr;
	static bool ready;
	if (!ready) {
		MK_MUST(pthread_attr_init(&attr));
		MK_MUST(pthread_attr_setstacksize(&attr, 128 * 1024));
		ready = true;
	}
	return &attr;
}

static void *short_main(void *arg)
{
	mk_enter("short_main");
	return arg;
}

MK_NAMED static void short_create(pthread_t *t)
{
	MK_CREATE(t, small_stack(), short_main, NULL);
}

int threads_short(void)
{
	long n = mk_arg("threads");
	for (long i = 0; i < n; i++) {
		pthread_t t;
		short_create(&t);
		MK_JOIN(t, NULL);
	}
	return 0;
}

/* ------------------------------------------------------------------ many at once */

static struct mk_gate live_in, live_out;

static void *live_main(void *arg)
{
	mk_enter("live_main");
	mk_gate_add(&live_in);
	mk_gate_sleep(&live_out);
	return arg;
}

MK_NAMED static void live_create(pthread_t *t)
{
	MK_CREATE(t, small_stack(), live_main, NULL);
}

int threads_live(void)
{
	long n = mk_arg("threads");
	pthread_t *t = calloc((size_t)n, sizeof(*t));
	MK_TRUE(t);
	for (long i = 0; i < n; i++)
		live_create(&t[i]);
	mk_gate_wait(&live_in, (int)n);
	mk_fact("peak", mk_thread_count());
	mk_sleep_us(mk_arg("hold_us"));
	mk_gate_open(&live_out);
	for (long i = 0; i < n; i++)
		MK_JOIN(t[i], NULL);
	free(t);
	return 0;
}

/* ------------------------------------------------------------------ leaks */

static int leaked_tid;

static void *leaked_main(void *arg)
{
	mk_enter("leaked_main");
	__atomic_store_n(&leaked_tid, mk_tid(), __ATOMIC_RELEASE);
	return arg;
}

static void *forever_main(void *arg)
{
	mk_enter("forever_main");
	mk_gate_add(&live_in);
	for (;;)
		pause();
	return arg;
}

MK_NAMED static void leak_create(void)
{
	pthread_t t;
	MK_CREATE(&t, small_stack(), leaked_main, NULL);
	while (!__atomic_load_n(&leaked_tid, __ATOMIC_ACQUIRE))
		mk_sleep_us(30);
	mk_wait_gone(leaked_tid);
	leaked_tid = 0;
}

MK_NAMED static void forever_create(void)
{
	pthread_t t;
	MK_CREATE(&t, small_stack(), forever_main, NULL);
}

int leaked_thread(void)
{
	long n = mk_arg("threads");
	for (long i = 0; i < n; i++)
		leak_create();
	mk_fact("unjoined_ended", n);
	return 0;
}

int leaked_running(void)
{
	long n = mk_arg("threads");
	for (long i = 0; i < n; i++)
		forever_create();
	mk_gate_wait(&live_in, (int)n);
	mk_fact("running_at_exit", n);
	return 0;
}

/* One more of both sorts each step, from one creation site each. */
int leak_growth(void)
{
	long steps = mk_arg("steps");
	for (long i = 0; i < steps; i++) {
		leak_create();
		forever_create();
		mk_sleep_us(mk_arg("step_us"));
	}
	mk_gate_wait(&live_in, (int)steps);
	mk_fact("unjoined_ended", steps);
	mk_fact("running_at_exit", steps);
	return 0;
}

/* ------------------------------------------------------------------ detached */

static void *self_detached_main(void *arg)
{
	mk_enter("self_detached_main");
	MK_MUST(pthread_detach(pthread_self()));
	mk_detached(1);
	__atomic_store_n((int *)arg, mk_tid(), __ATOMIC_RELEASE);
	return NULL;
}

static void *born_detached_main(void *arg)
{
	mk_enter("born_detached_main");
	__atomic_store_n((int *)arg, mk_tid(), __ATOMIC_RELEASE);
	return NULL;
}

static void wait_end(const int *tid)
{
	while (!__atomic_load_n(tid, __ATOMIC_ACQUIRE))
		mk_sleep_us(30);
	mk_wait_gone(*tid);
}

/* A third each: detached by attribute, by their creator after they ended, by themselves. */
int detached(void)
{
	pthread_attr_t attr;
	MK_MUST(pthread_attr_init(&attr));
	MK_MUST(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED));
	for (long i = 0; i < mk_arg("threads"); i++) {
		pthread_t a, b, c;
		int ta = 0, tc = 0;
		MK_CREATE(&a, &attr, born_detached_main, &ta);
		mk_detached(1);
		wait_end(&ta);
		MK_CREATE(&b, NULL, leaked_main, NULL);
		wait_end(&leaked_tid);
		leaked_tid = 0;
		MK_MUST(pthread_detach(b));
		mk_detached(1);
		MK_CREATE(&c, NULL, self_detached_main, &tc);
		wait_end(&tc);
	}
	MK_MUST(pthread_attr_destroy(&attr));
	return 0;
}

/* ------------------------------------------------------------------ ways to end */

static pthread_mutex_t exit_mutex = PTHREAD_MUTEX_INITIALIZER;

static void unlock_mutex(void *m)
{
	MK_MUST(pthread_mutex_unlock(m));
}

static void *exit_return_main(void *arg)
{
	mk_enter("exit_return_main");
	return arg;
}

static void *exit_call_main(void *arg)
{
	mk_enter("exit_call_main");
	pthread_exit(arg);
}

MK_NAMED static void exit_deep(void *arg, int depth)
{
	MK_MUST(pthread_mutex_lock(&exit_mutex));
	pthread_cleanup_push(unlock_mutex, &exit_mutex);
	if (depth)
		pthread_exit(arg);
	pthread_cleanup_pop(1);
}

static void *exit_unwound_main(void *arg)
{
	mk_enter("exit_unwound_main");
	exit_deep(arg, 1);
	return NULL;
}

static void *exit_cancelled_main(void *arg)
{
	mk_enter("exit_cancelled_main");
	__atomic_store_n((int *)arg, mk_tid(), __ATOMIC_RELEASE);
	MK_MUST(pthread_mutex_lock(&exit_mutex));
	pthread_cleanup_push(unlock_mutex, &exit_mutex);
	for (;;)
		pause();
	pthread_cleanup_pop(1);
	return NULL;
}

static void *create_and_join(void *(*start)(void *), void *arg)
{
	pthread_t t;
	void *ret;
	MK_CREATE(&t, NULL, start, arg);
	MK_JOIN(t, &ret);
	return ret;
}

/* Return, pthread_exit, pthread_exit through a frame with a cleanup handler, cancellation. */
int thrd_exit_variants(void)
{
	char mark;
	long n = mk_arg("threads");
	for (long i = 0; i < n; i++) {
		pthread_t t;
		void *ret;
		int tid = 0;
		MK_TRUE(create_and_join(exit_return_main, &mark) == &mark);
		MK_TRUE(create_and_join(exit_call_main, &mark) == &mark);
		MK_TRUE(create_and_join(exit_unwound_main, &mark) == &mark);
		MK_CREATE(&t, NULL, exit_cancelled_main, &tid);
		while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
			mk_sleep_us(30);
		mk_wait_syscall(0, tid, SYS_pause);
		MK_MUST(pthread_cancel(t));
		MK_JOIN(t, &ret);
		MK_TRUE(ret == PTHREAD_CANCELED);
	}
	mk_took(mk_add_lock("unwound", "mutex", &exit_mutex, sizeof(exit_mutex)), (uint64_t)(2 * n));
	return 0;
}

/* ------------------------------------------------------------------ names */

static const char *const hostile_names[] = {
	"worker-1",
	"\033[31mred\033[0m",
	"</script><b>",
	"a\tb\nc",
	"\xff\xfe bad utf8",
	"\"quote\\",
	("\xe2\x80\xae"
	 "rtl"),
	"",
};

static void *name_main(void *arg)
{
	mk_enter("name_main");
	if (mk_tid() % 2)
		MK_MUST(pthread_setname_np(pthread_self(), arg));
	else
		MK_MUST(prctl(PR_SET_NAME, arg, 0, 0, 0));
	mk_gate_add(&live_in);
	mk_gate_sleep(&live_out);
	return NULL;
}

/* Ordinary and hostile names, set by themselves and by others. */
int thread_names(void)
{
	enum { N = sizeof(hostile_names) / sizeof(*hostile_names) };
	pthread_t t[N];
	for (int i = 0; i < N; i++)
		MK_CREATE(&t[i], NULL, name_main, (void *)hostile_names[i]);
	mk_gate_wait(&live_in, N);
	MK_MUST(pthread_setname_np(t[0], "renamed"));
	MK_EXPECT(pthread_setname_np(t[0], "much too long a name"), ERANGE);
	mk_fact_text("first_name", "renamed");
	mk_fact("names", N);
	mk_sleep_us(mk_arg("hold_us"));
	mk_gate_open(&live_out);
	for (int i = 0; i < N; i++)
		MK_JOIN(t[i], NULL);
	return 0;
}
