/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sem.c - results of semaphores: counts, limits, names, interruption, posts from handlers. See tr.h. */
#include "tests/transparency/tr.h"

#include <limits.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static sem_t s;
static struct timespec past = {1, 0}, nsec_high = {1, 1000000000};

static void results(void)
{
	int value = -1;
	struct timespec rt = tr_in_ms(CLOCK_REALTIME, 20), mono = tr_in_ms(CLOCK_MONOTONIC, 20);
	TR("init", sem_init(&s, 0, 2));
	TR("init too high", sem_init(&s, 0, (unsigned)SEM_VALUE_MAX + 1u));
	TR("getvalue", sem_getvalue(&s, &value));
	TR_NUM("value", value);
	TR("wait", sem_wait(&s));
	TR("trywait", sem_trywait(&s));
	TR("trywait empty", sem_trywait(&s));
	TR("timedwait", sem_timedwait(&s, &rt));
	TR("timedwait past", sem_timedwait(&s, &past));
	TR("timedwait bad nsec", sem_timedwait(&s, &nsec_high));
	TR("clockwait", sem_clockwait(&s, CLOCK_MONOTONIC, &mono));
	TR("clockwait other clock", sem_clockwait(&s, CLOCK_BOOTTIME, &mono));
	TR("post", sem_post(&s));
	TR("timedwait past, one there", sem_timedwait(&s, &past));
	TR("post", sem_post(&s));
	TR("clockwait, one there", sem_clockwait(&s, CLOCK_MONOTONIC, &past));
	TR("destroy", sem_destroy(&s));
	TR("init at the limit", sem_init(&s, 0, SEM_VALUE_MAX));
	TR("post at the limit", sem_post(&s));
	TR("getvalue", sem_getvalue(&s, &value));
	TR_TRUE("value is the limit", value == SEM_VALUE_MAX);
	TR("destroy", sem_destroy(&s));
}

/* The same call again and again: what is done the first time is not what is done later. */
static void tried(sem_t *sem, int times)
{
	while (times--)
		TR("trywait again", sem_trywait(sem));
}

static void again(void)
{
	sem_t taken, none;
	TR("init", sem_init(&taken, 0, 1));
	TR("init", sem_init(&none, 0, 0));
	for (int i = 0; i < 4; i++) {
		tried(&taken, 4);
		TR("post", sem_post(&taken));
	}
	tried(&none, 4);
	TR("post", sem_post(&none));
	tried(&none, 3);
	TR("destroy", sem_destroy(&taken));
	TR("destroy", sem_destroy(&none));
}

static void named(void)
{
	char name[64];
	snprintf(name, sizeof(name), "/tt-transparency-%d", (int)getpid());
	TR_TRUE("open what is not there", sem_open(name, 0) == SEM_FAILED && errno == ENOENT);
	sem_t *n = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
	TR_TRUE("open", n != SEM_FAILED);
	TR_TRUE("open again gives the same", sem_open(name, 0) == n);
	TR_TRUE("exclusive", sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED && errno == EEXIST);
	TR("wait", sem_wait(n));
	TR("trywait", sem_trywait(n));
	TR("post", sem_post(n));
	TR("close", sem_close(n));
	TR("close", sem_close(n));
	TR("unlink", sem_unlink(name));
	TR("unlink again", sem_unlink(name));
}

/* ------------------------------------------------------------------ interruption */

static int tid, handled;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELEASE);
}

struct outcome {
	int result, error;
};

static void *waits(void *arg)
{
	struct outcome *o = arg;
	tr_publish(&tid);
	errno = TR_SENTINEL;
	o->result = sem_wait(&s);
	o->error = errno;
	return NULL;
}

static void *waits_timed(void *arg)
{
	struct outcome *o = arg;
	struct timespec until = tr_in_ms(CLOCK_REALTIME, 20000);
	tr_publish(&tid);
	errno = TR_SENTINEL;
	o->result = sem_timedwait(&s, &until);
	o->error = errno;
	return NULL;
}

static void *waits_clock(void *arg)
{
	struct outcome *o = arg;
	struct timespec until = tr_in_ms(CLOCK_MONOTONIC, 20000);
	tr_publish(&tid);
	errno = TR_SENTINEL;
	o->result = sem_clockwait(&s, CLOCK_MONOTONIC, &until);
	o->error = errno;
	return NULL;
}

/* A waiter gets a signal. If that does not end its wait, a post does. */
static void interrupted(const char *name, void *(*waiter)(void *), int flags)
{
	pthread_t t;
	struct outcome o = {-2, 0};
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};
	struct timespec soon = tr_in_ms(CLOCK_REALTIME, flags ? 50 : 5000);
	int before = handled;
	TR_MUST(sem_init(&s, 0, 0));
	TR_MUST(sigaction(SIGUSR1, &sa, NULL));
	tid = 0;
	TR_MUST(pthread_create(&t, NULL, waiter, &o));
	tr_blocked(&tid);
	TR_MUST(pthread_kill(t, SIGUSR1));
	tr_until(&handled, before + 1);
	bool ended = pthread_timedjoin_np(t, NULL, &soon) == 0;
	tr_say("%s: the signal ended it: %s", name, ended ? "yes" : "no");
	if (!ended) {
		TR_MUST(sem_post(&s));
		tr_join("the post ended it", t, NULL);
	}
	tr_result(name, o.result, o.error);
}

/* ------------------------------------------------------------------ posts from a handler */

static sem_t posted;

static void posts(int sig)
{
	(void)sig;
	sem_post(&posted);
}

/* The signal arrives in the middle of everything, also in the middle of sem_post itself. */
static void posts_from_handler(void)
{
	timer_t timer;
	struct sigaction sa = {.sa_handler = posts, .sa_flags = SA_RESTART};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	struct itimerspec every = {{0, 20000}, {0, 20000}};
	long bad = 0;
	TR_MUST(sem_init(&posted, 0, 0));
	TR_MUST(sigaction(SIGUSR2, &sa, NULL));
	TR("wake by raise", raise(SIGUSR2) || sem_wait(&posted));
	TR_MUST(timer_create(CLOCK_MONOTONIC, &ev, &timer));
	TR_MUST(timer_settime(timer, 0, &every, NULL));
	for (int i = 0; i < 300000; i++) {
		bad += sem_post(&posted) != 0;
		bad += sem_wait(&posted) != 0 && errno != EINTR;
	}
	TR_MUST(timer_delete(timer));
	TR_NUM("posted and waited under signals, wrong results", bad);
}

static void between_processes(void)
{
	sem_t *two = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TR_MUST(two == MAP_FAILED);
	TR("shared init", sem_init(&two[0], 1, 0));
	TR("shared init", sem_init(&two[1], 1, 0));
	pid_t pid = fork();
	if (!pid) {
		int bad = 0;
		for (int i = 0; i < 100; i++)
			bad += (sem_wait(&two[0]) != 0) + (sem_post(&two[1]) != 0);
		_exit(bad);
	}
	int bad = 0, status;
	for (int i = 0; i < 100; i++)
		bad += (sem_post(&two[0]) != 0) + (sem_wait(&two[1]) != 0);
	TR_MUST(waitpid(pid, &status, 0) != pid);
	TR_NUM("parent's wrong results", bad);
	TR_NUM("child's wrong results", WEXITSTATUS(status));
}

int main(void)
{
	tr_begin();
	results();
	again();
	named();
	interrupted("sem_wait", waits, 0);
	interrupted("sem_wait, SA_RESTART", waits, SA_RESTART);
	interrupted("sem_timedwait", waits_timed, 0);
	interrupted("sem_clockwait", waits_clock, 0);
	posts_from_handler();
	between_processes();
	return tr_end();
}
