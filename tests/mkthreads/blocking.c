/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * blocking.c - scenarios of a thread that is blocked elsewhere while it holds a lock, and of conditions that nobody signals.
 * What it is blocked in is a parameter; another thread ends it (a post, a byte, a signal) after block_us.
 */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, own = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t sem;
static int pipe_fd[2], pair_fd[2];
static bool done;
static struct mk_gate about;
static pthread_t helper;

static long block_us(void)
{
	return mk_arg("block_us");
}

static struct timespec block_time(void)
{
	return (struct timespec){.tv_sec = block_us() / 1000000, .tv_nsec = block_us() % 1000000 * 1000};
}

/* Ends all kinds of waiting, some time after the other thread began. */
static void *helper_main(void *unused)
{
	mk_gate_wait(&about, 1);
	mk_sleep_us(block_us());
	MK_TRUE(write(pipe_fd[1], "x", 1) == 1);
	MK_TRUE(send(pair_fd[1], "x", 1, 0) == 1);
	MK_MUST(sem_post(&sem));
	MK_MUST(pthread_mutex_lock(&own));
	done = true;
	MK_MUST(pthread_cond_signal(&cond));
	MK_MUST(pthread_mutex_unlock(&own));
	if (mk_arg("kind") == 6)
		pthread_barrier_wait(&barrier);
	return unused;
}

static void k_usleep(void)
{
	usleep((useconds_t)block_us());
}
static void k_nanosleep(void)
{
	struct timespec t = block_time();
	nanosleep(&t, NULL);
}
static void k_read(void)
{
	char c;
	MK_TRUE(read(pipe_fd[0], &c, 1) == 1);
}
static void k_recv(void)
{
	char c;
	MK_TRUE(recv(pair_fd[0], &c, 1, 0) == 1);
}
static void k_cond(void)
{
	MK_MUST(pthread_mutex_lock(&own));
	while (!done)
		MK_MUST(pthread_cond_wait(&cond, &own));
	MK_MUST(pthread_mutex_unlock(&own));
}
static void k_sem(void)
{
	MK_MUST(sem_wait(&sem));
}
static void k_barrier(void)
{
	pthread_barrier_wait(&barrier);
}
static void k_join(void)
{
	MK_JOIN(helper, NULL);
}
static void k_child(void)
{
	char text[32], *const argv[] = {"sleep", text, NULL};
	pid_t pid;
	int status;
	MK_TRUE(snprintf(text, sizeof(text), "%.3f", (double)block_us() / 1e6) > 0);
	MK_MUST(posix_spawnp(&pid, "sleep", NULL, NULL, argv, environ));
	MK_TRUE(waitpid(pid, &status, 0) == pid);
}
static void k_system(void)
{
	char text[64];
	MK_TRUE(snprintf(text, sizeof(text), "sleep %.3f", (double)block_us() / 1e6) > 0);
	MK_MUST(system(text));
}
static void k_poll(void)
{
	struct pollfd fd = {.fd = pipe_fd[0], .events = POLLIN};
	MK_TRUE(poll(&fd, 1, -1) == 1);
}
static void k_thrd_sleep(void)
{
	struct timespec t = block_time();
	thrd_sleep(&t, NULL);
}

static void (*const kinds[])(void) = {
	k_usleep, k_nanosleep, k_read, k_recv, k_cond, k_sem, k_barrier, k_join, k_child, k_system, k_poll, k_thrd_sleep};
#define KINDS (long)(sizeof(kinds) / sizeof(*kinds))

static void *wants_main(void *unused)
{
	mk_gate_wait(&about, 1);
	MK_MUST(pthread_mutex_lock(&held));
	MK_MUST(pthread_mutex_unlock(&held));
	return unused;
}

MK_NAMED static void blocks_holding(long kind)
{
	kinds[kind]();
	MK_KEEP_FRAME();
}

/* with: the lock is held meanwhile. Another thread wants it if `contended`. */
static void block(bool with)
{
	long kind = mk_arg("kind");
	pthread_t wants;
	MK_TRUE(kind >= 0 && kind < KINDS);
	MK_TRUE(pipe(pipe_fd) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair_fd) == 0);
	MK_MUST(sem_init(&sem, 0, 0));
	MK_MUST(pthread_barrier_init(&barrier, NULL, 2));
	MK_CREATE(&helper, NULL, helper_main, NULL);
	MK_CREATE(&wants, NULL, wants_main, NULL);
	if (with)
		MK_MUST(pthread_mutex_lock(&held));
	mk_gate_add(&about);
	blocks_holding(kind);
	if (with)
		MK_MUST(pthread_mutex_unlock(&held));
	if (kind != 7)
		MK_JOIN(helper, NULL);
	MK_JOIN(wants, NULL);
}

int held_blocking(void)
{
	block(true);
	return 0;
}

int free_blocking(void)
{
	block(false);
	return 0;
}

/* ------------------------------------------------------------------ conditions */

static void *timed_main(void *unused)
{
	long rounds = mk_arg("rounds"), signals = mk_arg("signals");
	MK_MUST(pthread_mutex_lock(&own));
	for (long i = 0; i < rounds; i++) {
		if (i < signals)
			MK_MUST(pthread_cond_signal(&cond)); /* before the wait: lost */
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += mk_arg("timeout_us") * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		int rc = pthread_cond_timedwait(&cond, &own, &until);
		MK_TRUE(rc == 0 || rc == ETIMEDOUT);
	}
	MK_MUST(pthread_mutex_unlock(&own));
	return unused;
}

/* Waits that all end by their deadline; the first `signals` of them just after a signal that nobody waited for. */
int cond_deadlines(void)
{
	pthread_t t;
	MK_CREATE(&t, NULL, timed_main, NULL);
	MK_JOIN(t, NULL);
	return 0;
}

static void *consumer_main(void *unused)
{
	MK_MUST(pthread_mutex_lock(&own));
	while (!done)
		MK_MUST(pthread_cond_wait(&cond, &own));
	return unused;
}

static void *producer_main(void *unused)
{
	MK_MUST(pthread_mutex_lock(&own));
	MK_MUST(pthread_cond_signal(&cond));
	MK_MUST(pthread_mutex_unlock(&own));
	return unused; /* and never says that it is done */
}

int cond_no_waker(void)
{
	pthread_t consumer, producer;
	MK_CREATE(&consumer, NULL, consumer_main, NULL);
	MK_CREATE(&producer, NULL, producer_main, NULL);
	MK_JOIN(producer, NULL);
	mk_print();
	MK_JOIN(consumer, NULL);
	return 0;
}
