/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cond.c - scenarios of condition variables. An "acquisition" of a condition is a wait that returned 0. */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <errno.h>

#define MAX_WAITERS 64

static pthread_mutex_t cond_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

MK_NAMED static void cond_locks(void)
{
	MK_MUST(pthread_mutex_lock(&cond_mutex));
}

MK_NAMED static void cond_waits(struct mk_pair *p)
{
	uint64_t t0 = mk_now();
	MK_MUST(pthread_cond_wait(&cond, &cond_mutex));
	mk_waited(p, mk_now() - t0);
}

static void cond_unlocks(void)
{
	MK_MUST(pthread_mutex_unlock(&cond_mutex));
}

/* ------------------------------------------------------------------ ping-pong */

struct pingpong {
	struct mk_lock *cond, *mutex;
	struct mk_pair *pair;
	long turn, rounds;
};

static void pingpong_play(struct pingpong *p, long me)
{
	cond_locks();
	for (long r = 0; r < p->rounds; r++) {
		while (p->turn % 2 != me)
			cond_waits(p->pair);
		p->turn++;
		MK_MUST(pthread_cond_signal(&cond));
	}
	cond_unlocks();
	mk_count(p->cond, "signals", (uint64_t)p->rounds);
	mk_took(p->mutex, 1);
}

static void *pingpong_main(void *arg)
{
	mk_enter("pingpong_main");
	pingpong_play(arg, 1);
	return NULL;
}

int cond_pingpong(void)
{
	pthread_t t;
	struct pingpong p = {.rounds = mk_arg("rounds")};
	p.cond = mk_add_lock("turn", "cond", &cond, sizeof(cond));
	p.mutex = mk_add_lock("turn-mutex", "mutex", &cond_mutex, sizeof(cond_mutex));
	mk_contended_unknown(p.mutex);
	p.pair = mk_add_pair(p.cond, "cond_waits", NULL);
	mk_count(p.cond, "signals", 0); /* the entry exists before two threads look for it */
	MK_CREATE(&t, NULL, pingpong_main, &p);
	pingpong_play(&p, 0);
	MK_JOIN(t, NULL);
	return 0;
}

/* ------------------------------------------------------------------ timeouts */

MK_NAMED static int cond_timed_waits(const struct timespec *until)
{
	int rc = pthread_cond_timedwait(&cond, &cond_mutex, until);
	MK_KEEP_FRAME();
	return rc;
}

MK_NAMED static int cond_clock_waits(const struct timespec *until)
{
	int rc = pthread_cond_clockwait(&cond, &cond_mutex, CLOCK_MONOTONIC, until);
	MK_KEEP_FRAME();
	return rc;
}

static void time_out(struct mk_pair *p, int (*wait)(const struct timespec *), clockid_t clock, long us)
{
	int rc;
	struct timespec until = mk_deadline(clock, us);
	do { /* a spurious wakeup is an ordinary wait */
		uint64_t t0 = mk_now();
		rc = wait(&until);
		uint64_t ns = mk_now() - t0;
		if (rc == ETIMEDOUT)
			mk_timed_out(p, ns);
		else
			mk_waited(p, ns);
	} while (rc == 0);
	MK_TRUE(rc == ETIMEDOUT);
}

/* Half by timedwait, half by clockwait. */
int cond_timedwait_timeouts(void)
{
	long rounds = mk_arg("rounds"), us = mk_arg("timeout_us");
	struct mk_lock *l = mk_add_lock("timed", "cond", &cond, sizeof(cond));
	struct mk_pair *timed = mk_add_pair(l, "cond_timed_waits", NULL), *clocked = mk_add_pair(l, "cond_clock_waits", NULL);
	cond_locks();
	for (long r = 0; r < rounds; r++) {
		time_out(timed, cond_timed_waits, CLOCK_REALTIME, us);
		time_out(clocked, cond_clock_waits, CLOCK_MONOTONIC, us);
	}
	cond_unlocks();
	return 0;
}

/* The signal comes before the wait and no predicate remembers it: the waiter sleeps until its deadline. */
static void *lost_main(void *arg)
{
	mk_enter("lost_main");
	cond_locks();
	time_out(arg, cond_timed_waits, CLOCK_REALTIME, mk_arg("timeout_us"));
	cond_unlocks();
	return NULL;
}

int lost_wakeup(void)
{
	pthread_t t;
	struct mk_lock *l = mk_add_lock("lost", "cond", &cond, sizeof(cond));
	MK_MUST(pthread_cond_signal(&cond));
	mk_count(l, "signals", 1);
	mk_count(l, "signals_without_waiter", 1);
	MK_CREATE(&t, NULL, lost_main, mk_add_pair(l, "cond_timed_waits", NULL));
	MK_JOIN(t, NULL);
	return 0;
}

/* ------------------------------------------------------------------ broadcast */

struct crowd {
	struct mk_pair *pair;
	int tid[MAX_WAITERS];
	struct mk_gate ready, done;
	int go, rounds; /* go: written and read under cond_mutex */
};

static void *crowd_main(void *arg)
{
	struct crowd *c = arg;
	mk_enter("crowd_main");
	int slot = __atomic_fetch_add(&c->ready.n, 1, __ATOMIC_ACQ_REL);
	__atomic_store_n(&c->tid[slot], mk_tid(), __ATOMIC_RELEASE);
	for (int r = 1; r <= c->rounds; r++) {
		cond_locks();
		while (c->go < r)
			cond_waits(c->pair);
		cond_unlocks();
		mk_gate_add(&c->done);
		mk_gate_wait(&c->done, r * c->ready.n);
	}
	return NULL;
}

/* Everybody is seen asleep before each broadcast. */
int cond_broadcast(void)
{
	int waiters = (int)mk_arg("waiters");
	pthread_t t[MAX_WAITERS];
	struct crowd c = {.rounds = (int)mk_arg("rounds")};
	MK_TRUE(waiters >= 1 && waiters <= MAX_WAITERS);
	struct mk_lock *l = mk_add_lock("crowd", "cond", &cond, sizeof(cond));
	c.pair = mk_add_pair(l, "cond_waits", NULL);
	for (int i = 0; i < waiters; i++)
		MK_CREATE(&t[i], NULL, crowd_main, &c);
	mk_gate_wait(&c.ready, waiters);
	for (int r = 1; r <= c.rounds; r++) {
		for (int i = 0; i < waiters; i++) {
			while (!__atomic_load_n(&c.tid[i], __ATOMIC_ACQUIRE))
				mk_sleep_us(30);
			mk_wait_blocked(0, c.tid[i], &cond, sizeof(cond));
		}
		cond_locks();
		c.go = r;
		MK_MUST(pthread_cond_broadcast(&cond));
		cond_unlocks();
		mk_gate_wait(&c.done, r * waiters);
	}
	mk_count(l, "broadcasts", (uint64_t)c.rounds);
	for (int i = 0; i < waiters; i++)
		MK_JOIN(t[i], NULL);
	return 0;
}
