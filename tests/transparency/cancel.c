/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cancel.c - cancellation points in every hooked call that is one, and none in those that are not; cleanup handlers find the
 * mutex held. See tr.h.
 */
#include "tests/transparency/tr.h"

#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static sem_t s;
static pthread_barrier_t barrier;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_t never;
static int tid, cleaned, in_cleanup, epoll_fd;

static struct timespec far(clockid_t clock)
{
	return tr_in_ms(clock, 60000);
}

static void cleanup(void *arg)
{
	(void)arg;
	cleaned++;
}

/* By the owner of a normal mutex trylock gives EBUSY, as it would for a stranger: so the test is that unlock frees it. */
static void cleanup_unlock(void *arg)
{
	cleaned++;
	in_cleanup = pthread_mutex_trylock(arg);
	in_cleanup = in_cleanup * 1000 + pthread_mutex_unlock(arg);
}

/* ------------------------------------------------------------------ what blocks and can be cancelled */

static void w_sem_wait(void)
{
	sem_wait(&s);
}

static void w_sem_timedwait(void)
{
	struct timespec until = far(CLOCK_REALTIME);
	sem_timedwait(&s, &until);
}

static void w_sem_clockwait(void)
{
	struct timespec until = far(CLOCK_MONOTONIC);
	sem_clockwait(&s, CLOCK_MONOTONIC, &until);
}

static void w_join(void)
{
	pthread_join(never, NULL);
}

static void w_timedjoin(void)
{
	struct timespec until = far(CLOCK_REALTIME);
	pthread_timedjoin_np(never, NULL, &until);
}

static void w_clockjoin(void)
{
	struct timespec until = far(CLOCK_MONOTONIC);
	pthread_clockjoin_np(never, NULL, CLOCK_MONOTONIC, &until);
}

static void w_testcancel(void)
{
	for (;;) {
		pthread_testcancel();
		sched_yield();
	}
}

static void w_epoll(void)
{
	struct epoll_event ev;
	epoll_wait(epoll_fd, &ev, 1, -1);
}

static void w_poll(void)
{
	poll(NULL, 0, -1);
}

static void w_ppoll(void)
{
	ppoll(NULL, 0, NULL, NULL);
}

static void w_select(void)
{
	select(0, NULL, NULL, NULL, NULL);
}

static void w_pselect(void)
{
	pselect(0, NULL, NULL, NULL, NULL, NULL);
}

static const struct point {
	const char *name;
	void (*wait)(void);
	long blocks_in; /* system call; -1: spins */
} points[] = {
	{"sem_wait", w_sem_wait, SYS_futex},
	{"sem_timedwait", w_sem_timedwait, SYS_futex},
	{"sem_clockwait", w_sem_clockwait, SYS_futex},
	{"pthread_join", w_join, SYS_futex},
	{"pthread_timedjoin_np", w_timedjoin, SYS_futex},
	{"pthread_clockjoin_np", w_clockjoin, SYS_futex},
	{"pthread_testcancel", w_testcancel, -1},
	{"epoll_wait", w_epoll, SYS_epoll_wait},
	{"poll", w_poll, SYS_poll},
	{"ppoll", w_ppoll, SYS_ppoll},
	{"select", w_select, SYS_pselect6},
	{"pselect", w_pselect, SYS_pselect6},
};

static void *point_main(void *arg)
{
	const struct point *p = arg;
	pthread_cleanup_push(cleanup, NULL);
	tr_publish(&tid);
	for (;;)
		p->wait();
	pthread_cleanup_pop(0);
	return NULL;
}

/* Pending before it blocks: the thread is told to cancel itself, then calls. */
static void *pending_main(void *arg)
{
	const struct point *p = arg;
	pthread_cleanup_push(cleanup, NULL);
	pthread_cancel(pthread_self());
	p->wait();
	pthread_cleanup_pop(0);
	return NULL;
}

static void end(const char *name, pthread_t t, int cleanups)
{
	void *ret = NULL;
	bool joined = tr_join(" ended", t, &ret);
	tr_say("%s: %s, cleanups %d", name, joined && ret == PTHREAD_CANCELED ? "cancelled" : "NOT CANCELLED",
		cleaned - cleanups);
}

static void point_view(const struct point *p)
{
	pthread_t t;
	int before = cleaned;
	tid = 0;
	TR_MUST(pthread_create(&t, NULL, point_main, (void *)p));
	if (p->blocks_in >= 0)
		tr_blocked_in(&tid, p->blocks_in);
	TR("cancel", pthread_cancel(t));
	end(p->name, t, before);
	before = cleaned;
	TR_MUST(pthread_create(&t, NULL, pending_main, (void *)p));
	end("pending", t, before);
}

/* ------------------------------------------------------------------ condition waits */

static int cond_how;

static void *cond_main(void *arg)
{
	pthread_mutex_t *mutex = arg;
	struct timespec rt = far(CLOCK_REALTIME), mono = far(CLOCK_MONOTONIC);
	TR_MUST(pthread_mutex_lock(mutex));
	pthread_cleanup_push(cleanup_unlock, mutex);
	tr_publish(&tid);
	for (;;) {
		if (cond_how == 0)
			pthread_cond_wait(&c, mutex);
		else if (cond_how == 1)
			pthread_cond_timedwait(&c, mutex, &rt);
		else
			pthread_cond_clockwait(&c, mutex, CLOCK_MONOTONIC, &mono);
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static void cond_view(const char *name, pthread_mutex_t *mutex, int how)
{
	pthread_t t;
	int before = cleaned;
	cond_how = how;
	tid = 0;
	TR_MUST(pthread_create(&t, NULL, cond_main, mutex));
	tr_blocked(&tid);
	TR("cancel", pthread_cancel(t));
	end(name, t, before);
	TR_NUM("in the handler: trylock, unlock", in_cleanup);
	TR("free afterwards", pthread_mutex_trylock(mutex));
	TR("unlock", pthread_mutex_unlock(mutex));
}

/* ------------------------------------------------------------------ what must not be a cancellation point */

static int passed;

static void *no_points(void *arg)
{
	struct timespec soon = tr_in_ms(CLOCK_REALTIME, 10), past = {1, 0};
	(void)arg;
	pthread_cleanup_push(cleanup, NULL);
	pthread_cancel(pthread_self());
	pthread_mutex_lock(&m);
	pthread_mutex_trylock(&m);
	pthread_mutex_timedlock(&m, &soon);
	pthread_mutex_unlock(&m);
	pthread_rwlock_rdlock(&rw);
	pthread_rwlock_trywrlock(&rw);
	pthread_rwlock_timedwrlock(&rw, &past);
	pthread_rwlock_unlock(&rw);
	pthread_cond_signal(&c);
	pthread_cond_broadcast(&c);
	sem_post(&s);
	sem_trywait(&s);
	pthread_barrier_wait(&barrier);
	pthread_tryjoin_np(never, NULL);
	pthread_setname_np(pthread_self(), "no-point");
	passed = 1;
	pthread_testcancel();
	passed = 2;
	pthread_cleanup_pop(0);
	return NULL;
}

/* A mutex wait goes on after the cancellation; the thread ends at its next cancellation point. */
static void *waits_for_mutex(void *arg)
{
	(void)arg;
	tr_publish(&tid);
	pthread_mutex_lock(&m);
	passed = 3;
	pthread_mutex_unlock(&m);
	pthread_testcancel();
	passed = 4;
	return NULL;
}

/* A cancellation point is one also when nothing has to be waited for. */
static void *has_a_unit(void *arg)
{
	pthread_cleanup_push(cleanup, NULL);
	TR_MUST(sem_post(&s));
	pthread_cancel(pthread_self());
	((const struct point *)arg)->wait();
	pthread_cleanup_pop(0);
	return NULL;
}

/* Also after many calls from the same place that were not cancelled. Eight semaphores: a recorder may know some better. */
static sem_t warm[8];

__attribute__((noinline)) static void wait_warm(sem_t *unit)
{
	sem_wait(unit);
	__asm__ volatile(""); /* a call, not a jump: made from this place, whoever calls */
}

static void *has_had_units(void *arg)
{
	pthread_cleanup_push(cleanup, NULL);
	for (int i = 0; i <= 20; i++) {
		TR_MUST(sem_post(arg));
		if (i == 20)
			pthread_cancel(pthread_self());
		wait_warm(arg);
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static void *disabled(void *arg)
{
	int old = -1;
	(void)arg;
	TR("disable", pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old));
	TR_TRUE("was enabled", old == PTHREAD_CANCEL_ENABLE);
	pthread_cancel(pthread_self());
	sem_post(&s);
	TR("sem_wait while disabled", sem_wait(&s));
	pthread_testcancel();
	TR("enable", pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old));
	TR_TRUE("was disabled", old == PTHREAD_CANCEL_DISABLE);
	pthread_testcancel();
	return NULL;
}

static void *asynchronous(void *arg)
{
	int old = -1;
	(void)arg;
	TR("asynchronous", pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old));
	TR_TRUE("was deferred", old == PTHREAD_CANCEL_DEFERRED);
	tr_publish(&tid);
	for (;;)
		__asm__ volatile("");
	return NULL;
}

static void others(void)
{
	pthread_t t;
	int before = cleaned;
	TR_MUST(pthread_barrier_init(&barrier, NULL, 1));
	TR_MUST(pthread_create(&t, NULL, no_points, NULL));
	end("calls that are no cancellation points", t, before);
	TR_NUM("passed", passed);
	TR_MUST(pthread_mutex_lock(&m));
	tid = 0;
	TR_MUST(pthread_create(&t, NULL, waits_for_mutex, NULL));
	tr_blocked(&tid);
	TR("cancel one that waits for a mutex", pthread_cancel(t));
	TR_MUST(pthread_mutex_unlock(&m));
	end("after the mutex", t, cleaned);
	TR_NUM("passed", passed);
	static const struct point semaphores[] = {{"sem_wait with a unit", w_sem_wait, 0},
		{"sem_timedwait with a unit", w_sem_timedwait, 0}, {"sem_clockwait with a unit", w_sem_clockwait, 0}};
	for (unsigned i = 0; i < 3; i++) {
		before = cleaned;
		TR_MUST(pthread_create(&t, NULL, has_a_unit, (void *)&semaphores[i]));
		end(semaphores[i].name, t, before);
		TR("the unit is still there", sem_trywait(&s));
	}
	for (unsigned i = 0; i < 8; i++) {
		before = cleaned;
		TR_MUST(sem_init(&warm[i], 0, 0));
		TR_MUST(pthread_create(&t, NULL, has_had_units, &warm[i]));
		end("sem_wait with a unit, once more", t, before);
		TR("the unit is still there", sem_trywait(&warm[i]));
	}
	TR_MUST(pthread_create(&t, NULL, disabled, NULL));
	end("disabled, then enabled", t, cleaned);
	tid = 0;
	TR_MUST(pthread_create(&t, NULL, asynchronous, NULL));
	while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
		tr_pause();
	TR("cancel asynchronously", pthread_cancel(t));
	end("asynchronous", t, cleaned);
}

/* Destructors of thread data run after the cleanup handlers, and may lock. */
static pthread_key_t key;
static int destroyed;

static void destructor(void *value)
{
	pthread_mutex_lock(&m);
	destroyed += *(int *)value;
	pthread_mutex_unlock(&m);
}

static void *with_data(void *arg)
{
	TR_MUST(pthread_setspecific(key, arg));
	tr_publish(&tid);
	sem_wait(&s);
	return NULL;
}

static void thread_data(void)
{
	pthread_t t;
	int one = 1;
	TR_MUST(pthread_key_create(&key, destructor));
	tid = 0;
	TR_MUST(pthread_create(&t, NULL, with_data, &one));
	tr_blocked(&tid);
	TR("cancel", pthread_cancel(t));
	end("with thread data", t, cleaned);
	TR_NUM("destructors that ran", destroyed);
}

static void *forever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

int main(void)
{
	static pthread_mutex_t rec = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP, err = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
	tr_begin();
	TR_MUST(sem_init(&s, 0, 0));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	TR_MUST(pthread_create(&never, NULL, forever, NULL));
	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
		point_view(&points[i]);
	cond_view("pthread_cond_wait", &m, 0);
	cond_view("pthread_cond_timedwait", &m, 1);
	cond_view("pthread_cond_clockwait", &m, 2);
	cond_view("pthread_cond_wait, recursive", &rec, 0);
	cond_view("pthread_cond_wait, errorcheck", &err, 0);
	others();
	thread_data();
	return tr_end();
}
