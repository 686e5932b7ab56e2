/* SPDX-License-Identifier: GPL-3.0-or-later */
/* loop.c - scenarios of event loops that stall, and of signals that arrive all the time. */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------------ event loops */

static int loop_fd[2], epoll_fd;

MK_NAMED static int loop_epoll(void)
{
	struct epoll_event ev;
	int n = epoll_wait(epoll_fd, &ev, 1, -1);
	MK_KEEP_FRAME();
	return n;
}

MK_NAMED static int loop_poll(void)
{
	struct pollfd p = {.fd = loop_fd[0], .events = POLLIN};
	int n = poll(&p, 1, -1);
	MK_KEEP_FRAME();
	return n;
}

MK_NAMED static int loop_select(void)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(loop_fd[0], &set);
	int n = select(loop_fd[0] + 1, &set, NULL, NULL, NULL);
	MK_KEEP_FRAME();
	return n;
}

MK_NAMED static int loop_ppoll(void)
{
	struct pollfd p = {.fd = loop_fd[0], .events = POLLIN};
	int n = ppoll(&p, 1, NULL, NULL);
	MK_KEEP_FRAME();
	return n;
}

MK_NAMED static int loop_epoll_pwait(void)
{
	struct epoll_event ev;
	int n = epoll_pwait(epoll_fd, &ev, 1, -1, NULL);
	MK_KEEP_FRAME();
	return n;
}

static const struct loop_kind {
	const char *name;
	int (*wait)(void);
} loop_kinds[] = {
	{"loop_epoll", loop_epoll},
	{"loop_poll", loop_poll},
	{"loop_select", loop_select},
	{"loop_ppoll", loop_ppoll},
	{"loop_epoll_pwait", loop_epoll_pwait},
};

/* Work of one event: short, but long every `every`th time. */
MK_NAMED static void loop_handles_event(bool stall)
{
	char c;
	MK_TRUE(read(loop_fd[0], &c, 1) == 1);
	mk_sleep_us(mk_arg(stall ? "stall_us" : "work_us"));
}

static void *loop_main(void *arg)
{
	const struct loop_kind *kind = arg;
	long events = mk_arg("events"), every = mk_arg("every"), stalls = 0;
	uint64_t busy = 0, longest = 0;
	mk_enter("loop_main");
	for (long i = 1; i <= events; i++) {
		MK_TRUE(kind->wait() == 1);
		uint64_t t0 = mk_now();
		bool stall = i % every == 0;
		loop_handles_event(stall);
		stalls += stall;
		uint64_t away = mk_now() - t0;
		busy += away;
		longest = away > longest ? away : longest;
	}
	MK_TRUE(kind->wait() == 1); /* ends the last time away */
	mk_fact("loop_tid", mk_tid());
	mk_fact("calls", events + 1);
	mk_fact("stalls", stalls);
	mk_fact("max_away_ns", (long long)longest);
	mk_fact("busy_ns", (long long)busy);
	mk_fact_text("waits_in", kind->name);
	return NULL;
}

int event_loop_stall(void)
{
	pthread_t t;
	long kind = mk_arg("kind");
	MK_TRUE(kind >= 0 && kind < (long)(sizeof(loop_kinds) / sizeof(*loop_kinds)));
	MK_MUST(pipe(loop_fd));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = {.events = EPOLLIN};
	MK_MUST(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, loop_fd[0], &ev));
	MK_CREATE(&t, NULL, loop_main, (void *)&loop_kinds[kind]);
	for (long i = 0; i <= mk_arg("events"); i++)
		MK_TRUE(write(loop_fd[1], "x", 1) == 1);
	MK_JOIN(t, NULL);
	return 0;
}

/* ------------------------------------------------------------------ signals */

static sem_t storm_sem;
static pthread_mutex_t storm_mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t storm_posts;

static void storm_handler(int sig)
{
	(void)sig;
	int saved = errno;
	if (sem_post(&storm_sem) == 0)
		storm_posts++;
	errno = saved;
}

MK_NAMED static void storm_pair(void)
{
	MK_MUST(pthread_mutex_lock(&storm_mutex));
	MK_MUST(pthread_mutex_unlock(&storm_mutex));
}

MK_NAMED static int storm_try(void)
{
	int rc = sem_trywait(&storm_sem);
	MK_KEEP_FRAME();
	return rc;
}

static void storm_timer(long us)
{
	struct itimerval it = {{0, us}, {0, us}};
	MK_MUST(setitimer(ITIMER_REAL, &it, NULL));
}

/* A timer's signals, whose handler posts a semaphore, while the one thread locks, posts and takes. Uses SIGALRM itself. */
int signal_storm(void)
{
	long rounds = mk_arg("rounds");
	uint64_t units = 0, posts = 0, failed = 0;
	struct sigaction sa = {.sa_handler = storm_handler, .sa_flags = SA_RESTART};
	MK_MUST(sem_init(&storm_sem, 0, 0));
	MK_MUST(sigaction(SIGALRM, &sa, NULL));
	storm_timer(mk_arg("period_us"));
	for (long i = 0; i < rounds; i++) {
		storm_pair();
		MK_MUST(sem_post(&storm_sem));
		posts++;
		while (storm_try() == 0)
			units++;
		failed++;
	}
	storm_timer(0);
	while (storm_try() == 0)
		units++;
	failed++;
	MK_TRUE(units == posts + (uint64_t)storm_posts);
	struct mk_lock *m = mk_add_lock("storm-mutex", "mutex", &storm_mutex, sizeof(storm_mutex));
	struct mk_lock *s = mk_add_lock("storm-sem", "sem", &storm_sem, sizeof(storm_sem));
	mk_took(m, (uint64_t)rounds);
	mk_took(s, units);
	mk_try_failed(s, failed);
	mk_count(s, "posts", posts + (uint64_t)storm_posts);
	mk_fact("signals", storm_posts);
	return 0;
}
