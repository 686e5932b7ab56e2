/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ordeal_signals - signals, jumps, cancellation and foreign stacks in the middle of locking. `ordeal_signals SCENARIO`.
 *
 * What it is: situations that are legal, or that work with every C library, and that a recorder inside the process must
 * survive. Each prints one line that is the same on every run, and ends with status 0. What it is not: a check of results of
 * single calls (tests/transparency). Called by tests/faults.bats, alone and under the shim.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define MUST(call)                                                                                  \
	do {                                                                                        \
		if (!(call)) {                                                                      \
			fprintf(stderr, "ordeal_signals: %s failed: %s\n", #call, strerror(errno)); \
			exit(3);                                                                    \
		}                                                                                   \
	} while (0)

#define THREADS 3
static pthread_mutex_t m[64] = {[0 ... 63] = PTHREAD_MUTEX_INITIALIZER};
static sem_t posted, unit;
static uint64_t posts, stop;

static uint64_t get(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* ------------------------------------------------------------------ handlers that post, while everything is locked */

static void posts_one(int sig)
{
	(void)sig;
	int error = errno;
	if (sem_post(&posted) == 0)
		__atomic_add_fetch(&posts, 1, __ATOMIC_RELAXED);
	errno = error;
}

/* Locks of ever new places and objects, so that the slow paths run all the time. */
static void *locks_much(void *arg)
{
	uint64_t n = 0;
	while (!get(&stop)) {
		pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
		unsigned i = (unsigned)(n++ + (uintptr_t)arg) % 64, j = (i + 1 + n % 7) % 64;
		unsigned low = i < j ? i : j, high = i < j ? j : i;
		MUST(pthread_mutex_lock(&m[low]) == 0);
		MUST(pthread_mutex_lock(&m[high]) == 0);
		MUST(pthread_mutex_lock(&fresh) == 0);
		MUST(pthread_mutex_unlock(&fresh) == 0);
		MUST(pthread_mutex_unlock(&m[low]) == 0); /* out of order */
		MUST(pthread_mutex_unlock(&m[high]) == 0);
		MUST(pthread_mutex_destroy(&fresh) == 0);
		while (sem_wait(&unit))
			MUST(errno == EINTR);
		MUST(sem_post(&unit) == 0);
	}
	return NULL;
}

static void start_storm(void (*handler)(int), int flags, unsigned us)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
	struct itimerval it = {.it_interval.tv_usec = us, .it_value.tv_usec = us};
	MUST(sigaction(SIGALRM, &sa, NULL) == 0 && sigaction(SIGUSR1, &sa, NULL) == 0);
	MUST(setitimer(ITIMER_REAL, &it, NULL) == 0);
}

/* Runs `routine` in some threads, all of them bombarded, for n signals. */
static void storm(void *(*routine)(void *), uint64_t n)
{
	pthread_t t[THREADS];
	for (uintptr_t i = 0; i < THREADS; i++)
		MUST(pthread_create(&t[i], NULL, routine, (void *)(i * 20)) == 0);
	for (uint64_t i = 0; i < n; i++) {
		MUST(pthread_kill(t[i % THREADS], SIGUSR1) == 0);
		nanosleep(&(struct timespec){0, 1000}, NULL);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < THREADS; i++)
		MUST(pthread_join(t[i], NULL) == 0);
	struct itimerval none = {{0, 0}, {0, 0}};
	MUST(setitimer(ITIMER_REAL, &none, NULL) == 0);
}

static void drain(void)
{
	uint64_t n = 0;
	while (sem_trywait(&posted) == 0)
		n++;
	MUST(errno == EAGAIN && n == get(&posts) && n > 0);
}

static void do_storm(void)
{
	start_storm(posts_one, SA_RESTART, 200);
	storm(locks_much, 5000);
	drain();
}

/* ------------------------------------------------------------------ the same on alternative stacks */

static void *with_own_altstack(void *arg)
{
	stack_t ss = {
		.ss_size = 64 << 10, .ss_sp = mmap(NULL, 64 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
	MUST(ss.ss_sp != MAP_FAILED && sigaltstack(&ss, NULL) == 0);
	return locks_much(arg);
}

/* The alternative stack lies inside the ordinary one, above whatever it interrupts. */
static void *with_inner_altstack(void *arg)
{
	char room[64 << 10];
	stack_t ss = {.ss_size = sizeof(room), .ss_sp = room}, none = {.ss_flags = SS_DISABLE};
	MUST(sigaltstack(&ss, NULL) == 0);
	locks_much(arg);
	MUST(sigaltstack(&none, NULL) == 0);
	return room[0] == 1 ? arg : NULL;
}

/* A handler that waits and is nested is legal here: the lock is one that no other code takes in this thread. */
static __thread sig_atomic_t handling;
static pthread_mutex_t handlers = PTHREAD_MUTEX_INITIALIZER;
static void locks_one(int sig)
{
	int error = errno;
	if (!handling) {
		handling = 1;
		MUST(pthread_mutex_lock(&handlers) == 0);
		MUST(pthread_mutex_unlock(&handlers) == 0);
		handling = 0;
	}
	posts_one(sig);
	errno = error;
}

static void do_altstack(void)
{
	start_storm(locks_one, SA_RESTART | SA_ONSTACK, 200);
	storm(with_own_altstack, 3000);
	drain();
}

static void do_inner_altstack(void)
{
	start_storm(locks_one, SA_RESTART | SA_ONSTACK, 200);
	storm(with_inner_altstack, 3000);
	drain();
}

/* ------------------------------------------------------------------ leaving a handler by siglongjmp */

static __thread sigjmp_buf back;
static __thread volatile sig_atomic_t may_jump;

static void jumps(int sig)
{
	posts_one(sig);
	if (may_jump)
		siglongjmp(back, 1);
}

/* Torn out of lock calls on objects of its own; those may be left locked, and are given up. */
static void *is_torn_out(void *arg)
{
	volatile uint64_t rounds = 0;
	(void)arg;
	while (!get(&stop)) {
		pthread_mutex_t mine[8];
		sem_t s;
		memset(mine, 0, sizeof(mine));
		memset(&s, 0, sizeof(s));
		if (sigsetjmp(back, 1) == 0) {
			may_jump = 1;
			for (unsigned i = 0; i < 64 && !get(&stop); i++) {
				pthread_mutex_lock(&mine[i % 8]);
				sem_post(&s);
				pthread_mutex_unlock(&mine[i % 8]);
			}
		}
		may_jump = 0;
		rounds++;
	}
	/* And afterwards all works as ever. */
	for (unsigned i = 0; i < 1000; i++)
		MUST(pthread_mutex_lock(&m[i % 64]) == 0 && pthread_mutex_unlock(&m[i % 64]) == 0);
	MUST(rounds);
	return NULL;
}

static void do_siglongjmp(void)
{
	start_storm(jumps, 0, 500);
	storm(is_torn_out, 5000);
	drain();
}

/* ------------------------------------------------------------------ coroutines */

#define COROUTINES 16
#define STACK      (32u << 10)
static ucontext_t scheduler[THREADS], coroutine[THREADS][COROUTINES];
static pthread_mutex_t common = PTHREAD_MUTEX_INITIALIZER;

/* Blocks, contended, on a stack that is not the thread's; comes back while other coroutines of the thread hold nothing. */
static void runs(int thread, int number)
{
	for (int i = 0; i < 200; i++) {
		MUST(pthread_mutex_lock(&common) == 0);
		MUST(pthread_mutex_lock(&m[number]) == 0);
		if (i % 16 == 0)
			nanosleep(&(struct timespec){0, 20000}, NULL);
		MUST(pthread_mutex_unlock(&m[number]) == 0);
		MUST(pthread_mutex_unlock(&common) == 0);
		MUST(swapcontext(&coroutine[thread][number], &scheduler[thread]) == 0);
	}
}

static void prepare(int thread, int number, char *stack)
{
	ucontext_t *c = &coroutine[thread][number];
	MUST(getcontext(c) == 0);
	c->uc_stack.ss_sp = stack;
	c->uc_stack.ss_size = STACK;
	c->uc_link = &scheduler[thread];
	makecontext(c, (void (*)(void))(uintptr_t)runs, 2, thread, number);
}

static void schedule(int thread, char *stacks)
{
	for (int k = 0; k < COROUTINES; k++)
		prepare(thread, k, stacks + (size_t)k * STACK);
	for (int i = 0; i < 201 * COROUTINES; i++)
		MUST(swapcontext(&scheduler[thread], &coroutine[thread][i % COROUTINES]) == 0);
}

static void *on_heap_stacks(void *arg)
{
	char *stacks = malloc((size_t)COROUTINES * STACK);
	MUST(stacks);
	schedule((int)(uintptr_t)arg, stacks);
	free(stacks);
	return NULL;
}

static void *on_inner_stacks(void *arg)
{
	char stacks[COROUTINES * STACK] __attribute__((aligned(64)));
	schedule((int)(uintptr_t)arg, stacks);
	return stacks[0] == 1 ? arg : NULL;
}

static void coroutines(void *(*routine)(void *))
{
	pthread_t t[THREADS];
	for (uintptr_t i = 0; i < THREADS; i++)
		MUST(pthread_create(&t[i], NULL, routine, (void *)i) == 0);
	for (unsigned i = 0; i < THREADS; i++)
		MUST(pthread_join(t[i], NULL) == 0);
}

static void do_coroutines(void)
{
	coroutines(on_heap_stacks);
}

static void do_inner_coroutines(void)
{
	coroutines(on_inner_stacks);
}

/* ------------------------------------------------------------------ cancellation */

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void unlocks(void *mutex)
{
	MUST(pthread_mutex_unlock(mutex) == 0);
}

static void *waits_somehow(void *arg)
{
	pthread_mutex_t mine = PTHREAD_MUTEX_INITIALIZER;
	sem_t s;
	MUST(sem_init(&s, 0, 0) == 0);
	if ((uintptr_t)arg % 5 == 0) {
		/* No lock is taken while cancellation is asynchronous: that would be undefined. */
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
		for (volatile uint64_t i = 0;; i++)
			;
	}
	for (;;) {
		switch ((uintptr_t)arg % 5) {
		case 1:
			pthread_mutex_lock(&mine);
			pthread_cleanup_push(unlocks, &mine);
			pthread_cond_wait(&cond, &mine);
			pthread_cleanup_pop(1);
			break;
		case 2:
			sem_wait(&s);
			break;
		case 3:
			MUST(pthread_mutex_lock(&m[0]) == 0);
			MUST(pthread_mutex_unlock(&m[0]) == 0);
			pthread_testcancel();
			break;
		default:
			nanosleep(&(struct timespec){10, 0}, NULL);
		}
	}
	return NULL;
}

static void do_cancel(void)
{
	unsigned cancelled = 0;
	for (unsigned round = 0; round < 200; round++) {
		pthread_t t[10];
		for (uintptr_t i = 0; i < 10; i++)
			MUST(pthread_create(&t[i], NULL, waits_somehow, (void *)i) == 0);
		for (unsigned i = 0; i < 10; i++)
			MUST(pthread_cancel(t[i]) == 0);
		for (unsigned i = 0; i < 10; i++) {
			void *ret;
			MUST(pthread_join(t[i], &ret) == 0);
			cancelled += ret == PTHREAD_CANCELED;
		}
	}
	MUST(cancelled == 2000);
}

/*
 * Cancelled asynchronously in the middle of lock calls: undefined by the standard, but it does not crash. What is locked stays
 * locked, and belongs to the thread alone.
 */
static void *is_cut_off(void *arg)
{
	pthread_mutex_t *mine = arg;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (unsigned i = 0;; i++) {
		pthread_mutex_lock(&mine[i % 8]);
		pthread_mutex_unlock(&mine[i % 8]);
	}
	return NULL;
}

static void do_async_cancel(void)
{
	unsigned cancelled = 0;
	for (unsigned round = 0; round < 500; round++) {
		static pthread_mutex_t mine[4][8];
		pthread_t t[4];
		memset(mine, 0, sizeof(mine));
		for (unsigned i = 0; i < 4; i++)
			MUST(pthread_create(&t[i], NULL, is_cut_off, mine[i]) == 0);
		nanosleep(&(struct timespec){0, 20000 + 1000 * (round % 50)}, NULL);
		for (unsigned i = 0; i < 4; i++)
			MUST(pthread_cancel(t[i]) == 0);
		for (unsigned i = 0; i < 4; i++) {
			void *ret;
			MUST(pthread_join(t[i], &ret) == 0);
			cancelled += ret == PTHREAD_CANCELED;
		}
	}
	MUST(cancelled == 2000);
}

/* ------------------------------------------------------------------ a post within a post */

/* The processor's trap flag: SIGTRAP after each instruction. */
#define STEPS(on) __asm__ volatile("pushfq; " on " (%%rsp); popfq" ::: "memory", "cc")

static volatile sig_atomic_t step, post_at;

static void post_again(int sig)
{
	(void)sig;
	if (++step == post_at)
		sem_post(&unit);
}

static __attribute__((noinline)) void post_unit(void)
{
	sem_post(&unit);
	__asm__ volatile("");
}

/* Holds the semaphore as a lock, and at one instruction of its post a handler posts it, too. False: the post has fewer. */
static bool post_within_post(unsigned holds)
{
	MUST(sem_init(&unit, 0, 1) == 0);
	for (unsigned i = 1; i <= holds; i++) {
		MUST(sem_wait(&unit) == 0);
		step = 0;
		if (i == holds)
			STEPS("orl $0x100,");
		post_unit();
		if (i == holds)
			STEPS("andl $~0x100,");
	}
	bool reached = step >= post_at;
	int value;
	MUST(sem_getvalue(&unit, &value) == 0 && value == 1 + reached);
	for (unsigned i = 0; i < 8; i++) {
		pthread_mutex_lock(&m[i]);
		pthread_mutex_unlock(&m[i]);
	}
	return reached;
}

static void *nothing(void *arg)
{
	return arg;
}

/* Each point in a process of its own: after what must not be, none would be sound. The first holds are timed, later ones not.
 */
static void do_post_in_post(void)
{
	static const struct {
		unsigned holds, stride;
	} rounds[] = {{40, 1}, {2, 11}};
	pthread_t t;
	MUST(pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0);
	MUST(signal(SIGTRAP, post_again) != SIG_ERR);
	for (unsigned r = 0; r < 2; r++)
		for (post_at = 1;; post_at += (int)rounds[r].stride) {
			int status;
			pid_t pid = fork();
			if (pid == 0)
				_exit(post_within_post(rounds[r].holds) ? 0 : 9);
			MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
			if (WIFEXITED(status) && WEXITSTATUS(status) == 9)
				break;
			if (status)
				printf("post-in-post: at instruction %d of one: status %d\n", (int)post_at, status);
		}
}

/* ------------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{"storm", do_storm},
	{"altstack", do_altstack},
	{"inner-altstack", do_inner_altstack},
	{"siglongjmp", do_siglongjmp},
	{"coroutines", do_coroutines},
	{"inner-coroutines", do_inner_coroutines},
	{"cancel", do_cancel},
	{"async-cancel", do_async_cancel},
	{"post-in-post", do_post_in_post},
};

int main(int argc, char **argv)
{
	MUST(sem_init(&posted, 0, 0) == 0 && sem_init(&unit, 0, 2) == 0);
	for (unsigned i = 0; argc == 2 && i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(argv[1], scenarios[i].name) == 0) {
			scenarios[i].run();
			printf("%s: survived\n", argv[1]);
			return 0;
		}
	return 2;
}
