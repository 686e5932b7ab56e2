/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mutex_timed.c - scenarios of trylock, timedlock and clocklock: got at once, got after a wait, not got. */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <errno.h>

static pthread_mutex_t timed_mutex = PTHREAD_MUTEX_INITIALIZER;

struct timespec mk_deadline(clockid_t clock, long us)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	long ns = ts.tv_nsec + us % 1000000 * 1000;
	ts.tv_sec += us / 1000000 + ns / 1000000000;
	ts.tv_nsec = ns % 1000000000;
	return ts;
}

/* ------------------------------------------------------------------ trylock */

struct tries {
	struct mk_lock *lock;
	struct mk_gate held, tried;
	long rounds, tries;
};

MK_NAMED static int try_fails(void)
{
	int rc = pthread_mutex_trylock(&timed_mutex);
	MK_KEEP_FRAME();
	return rc;
}

MK_NAMED static void try_succeeds(void)
{
	MK_MUST(pthread_mutex_trylock(&timed_mutex));
}

static void *trylock_main(void *arg)
{
	struct tries *s = arg;
	mk_enter("trylock_main");
	for (int r = 1; r <= s->rounds; r++) {
		mk_gate_wait(&s->held, r);
		for (long i = 0; i < s->tries; i++)
			MK_EXPECT(try_fails(), EBUSY);
		mk_try_failed(s->lock, (uint64_t)s->tries);
		mk_gate_add(&s->tried);
	}
	return NULL;
}

/* One thread takes the lock by trylock; while it holds it, the other tries a known number of times. Nobody waits. */
int contended_trylock(void)
{
	pthread_t t;
	struct tries s = {.rounds = mk_arg("rounds"), .tries = mk_arg("tries")};
	s.lock = mk_add_lock("tried", "mutex", &timed_mutex, sizeof(timed_mutex));
	MK_CREATE(&t, NULL, trylock_main, &s);
	for (int r = 1; r <= s.rounds; r++) {
		try_succeeds();
		mk_took(s.lock, 1);
		mk_gate_add(&s.held);
		mk_gate_wait(&s.tried, r);
		MK_MUST(pthread_mutex_unlock(&timed_mutex));
	}
	MK_JOIN(t, NULL);
	return 0;
}

/* ------------------------------------------------------------------ timed */

static clockid_t timed_clock;

static inline __attribute__((always_inline)) int lock_until(const struct timespec *until)
{
	return timed_clock == CLOCK_REALTIME ? pthread_mutex_timedlock(&timed_mutex, until)
	                                     : pthread_mutex_clocklock(&timed_mutex, timed_clock, until);
}

MK_NAMED static void timed_holder(void *object)
{
	(void)object;
	MK_MUST(pthread_mutex_lock(&timed_mutex));
}

/* lock_until() is inlined here: this is the caller of the libc function. */
MK_NAMED static void timed_waiter(void *object)
{
	(void)object;
	struct timespec until = mk_deadline(timed_clock, 60 * 1000000L);
	MK_MUST(lock_until(&until));
}

MK_NAMED static int timed_loser(const struct timespec *until)
{
	int rc = lock_until(until);
	MK_KEEP_FRAME();
	return rc;
}

static void timed_release(void *object)
{
	(void)object;
	MK_MUST(pthread_mutex_unlock(&timed_mutex));
}

struct losing {
	struct mk_pair *pair;
	long rounds, timeout_us;
};

static void *timed_main(void *arg)
{
	struct losing *s = arg;
	mk_enter("timed_main");
	for (long r = 0; r < s->rounds; r++) {
		struct timespec until = mk_deadline(timed_clock, s->timeout_us);
		uint64_t t0 = mk_now();
		MK_EXPECT(timed_loser(&until), ETIMEDOUT);
		mk_timed_out(s->pair, mk_now() - t0);
	}
	return NULL;
}

/* First waits that succeed, then the same number that end by their deadline. */
static void timed_scenario(clockid_t clock, const char *name)
{
	pthread_t t;
	timed_clock = clock;
	struct mk_lock *lock = mk_run_contend(&(struct mk_contend){
		.object = &timed_mutex,
		.size = sizeof(timed_mutex),
		.hold = timed_holder,
		.want = timed_waiter,
		.release = timed_release,
		.hold_name = "timed_holder",
		.want_name = "timed_waiter",
		.name = name,
		.kind = "mutex",
		.waiters = 1,
		.rounds = (int)mk_arg("rounds"),
		.hold_us = mk_arg("hold_us"),
	});
	struct losing s = {.rounds = mk_arg("rounds"), .timeout_us = mk_arg("timeout_us")};
	s.pair = mk_add_pair(lock, "timed_loser", "timed_holder");
	timed_holder(NULL);
	mk_took(lock, 1);
	MK_CREATE(&t, NULL, timed_main, &s);
	MK_JOIN(t, NULL);
	timed_release(NULL);
}

int timedlock(void)
{
	timed_scenario(CLOCK_REALTIME, "timed");
	return 0;
}

int clocklock(void)
{
	timed_scenario(CLOCK_MONOTONIC, "clocked");
	return 0;
}
