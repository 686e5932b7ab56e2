/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sem.c - scenarios of semaphores. An "acquisition" is a unit got. */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <errno.h>
#include <semaphore.h>

static sem_t sem, sem_free, sem_full;

MK_NAMED static void sem_holder(void *s)
{
	MK_MUST(sem_wait(s));
}

MK_NAMED static void sem_waiter(void *s)
{
	MK_MUST(sem_wait(s));
}

MK_NAMED static void sem_poster(void *s)
{
	MK_MUST(sem_post(s));
}

/* One unit, taken and given back by the same thread: a lock, as CPython's are. */
int sem_as_lock(void)
{
	MK_MUST(sem_init(&sem, 0, 1));
	struct mk_lock *l = mk_run_contend(&(struct mk_contend){
		.object = &sem,
		.size = sizeof(sem),
		.hold = sem_holder,
		.want = sem_waiter,
		.release = sem_poster,
		.hold_name = "sem_holder",
		.want_name = "sem_waiter",
		.name = "binary",
		.kind = "sem",
		.waiters = (int)mk_arg("waiters"),
		.rounds = (int)mk_arg("rounds"),
		.hold_us = mk_arg("hold_us"),
	});
	mk_count(l, "posts", (uint64_t)(mk_arg("rounds") * (mk_arg("waiters") + 1)));
	return 0;
}

/* Is it free? Asked from one place, as CPython asks whether a lock is its own. Returns how often it was not. */
MK_NAMED static uint64_t sem_tries(sem_t *s, long times)
{
	uint64_t failed = 0;
	while (times--) {
		errno = 0;
		if (sem_trywait(s)) {
			MK_TRUE(errno == EAGAIN);
			failed++;
		}
	}
	return failed;
}

/* Tries: of one that was taken before it was tried in vain, of one that was taken last, and of one that is no lock. */
int sem_tries_scenario(void)
{
	long tries = mk_arg("tries");
	sem_t first, last, signal;
	MK_MUST(sem_init(&first, 0, 1));
	MK_MUST(sem_init(&last, 0, 1));
	MK_MUST(sem_init(&signal, 0, 0));
	struct mk_lock *l = mk_add_lock("taken first", "sem", &first, sizeof(first));
	for (int i = 0; i < 10; i++) {
		mk_try_failed(l, sem_tries(&first, tries + 1));
		sem_poster(&first);
	}
	mk_took(l, 10);
	l = mk_add_lock("taken last", "sem", &last, sizeof(last));
	sem_holder(&last);
	mk_try_failed(l, sem_tries(&last, tries));
	sem_poster(&last);
	mk_try_failed(l, sem_tries(&last, 1));
	sem_poster(&last);
	mk_took(l, 2);
	l = mk_add_lock("no lock", "sem", &signal, sizeof(signal));
	mk_try_failed(l, sem_tries(&signal, tries));
	sem_poster(&signal);
	mk_try_failed(l, sem_tries(&signal, tries));
	mk_took(l, 1);
	return 0;
}

/* ------------------------------------------------------------------ producer and consumer */

static uint64_t consumed;

static void *consumer_main(void *arg)
{
	long items = *(long *)arg;
	mk_enter("consumer_main");
	for (long i = 0; i < items; i++) {
		sem_waiter(&sem_full);
		consumed++;
		sem_poster(&sem_free);
	}
	return NULL;
}

int sem_producer_consumer(void)
{
	pthread_t t;
	long items = mk_arg("items"), slots = mk_arg("slots");
	MK_MUST(sem_init(&sem_free, 0, (unsigned)slots));
	MK_MUST(sem_init(&sem_full, 0, 0));
	struct mk_lock *f = mk_add_lock("free", "sem", &sem_free, sizeof(sem)),
		       *u = mk_add_lock("full", "sem", &sem_full, sizeof(sem));
	MK_CREATE(&t, NULL, consumer_main, &items);
	for (long i = 0; i < items; i++) {
		sem_holder(&sem_free);
		sem_poster(&sem_full);
	}
	MK_JOIN(t, NULL);
	MK_TRUE(consumed == (uint64_t)items);
	mk_took(f, (uint64_t)items);
	mk_took(u, (uint64_t)items);
	mk_count(f, "posts", (uint64_t)items);
	mk_count(u, "posts", (uint64_t)items);
	mk_contended_unknown(f);
	mk_contended_unknown(u);
	return 0;
}

/* ------------------------------------------------------------------ timed */

MK_NAMED static int sem_timed_waits(const struct timespec *until)
{
	int rc = sem_timedwait(&sem, until) ? errno : 0;
	MK_KEEP_FRAME();
	return rc;
}

MK_NAMED static int sem_clock_waits(const struct timespec *until)
{
	int rc = sem_clockwait(&sem, CLOCK_MONOTONIC, until) ? errno : 0;
	MK_KEEP_FRAME();
	return rc;
}

static void sem_timed_out(struct mk_pair *p, int (*wait)(const struct timespec *), clockid_t clock)
{
	struct timespec until = mk_deadline(clock, mk_arg("timeout_us"));
	uint64_t t0 = mk_now();
	MK_EXPECT(wait(&until), ETIMEDOUT);
	mk_timed_out(p, mk_now() - t0);
}

struct timed {
	struct mk_pair *pair;
	struct mk_gate asking, done;
	int tid;
	long rounds;
};

static void *sem_timed_main(void *arg)
{
	struct timed *s = arg;
	mk_enter("sem_timed_main");
	__atomic_store_n(&s->tid, mk_tid(), __ATOMIC_RELEASE);
	for (long r = 0; r < s->rounds; r++) {
		struct timespec until = mk_deadline(CLOCK_REALTIME, 60 * 1000000L);
		mk_gate_add(&s->asking);
		uint64_t t0 = mk_now();
		MK_MUST(sem_timed_waits(&until));
		mk_waited(s->pair, mk_now() - t0);
		mk_gate_add(&s->done);
	}
	return NULL;
}

/* Each round: two waits that end by their deadline, then one that a post ends. */
int sem_timedwait_scenario(void)
{
	pthread_t t;
	struct timed s = {.rounds = mk_arg("rounds")};
	MK_MUST(sem_init(&sem, 0, 0));
	struct mk_lock *l = mk_add_lock("timed", "sem", &sem, sizeof(sem));
	struct mk_pair *clocked = mk_add_pair(l, "sem_clock_waits", NULL);
	s.pair = mk_add_pair(l, "sem_timed_waits", NULL);
	for (long r = 0; r < s.rounds; r++) {
		sem_timed_out(s.pair, sem_timed_waits, CLOCK_REALTIME);
		sem_timed_out(clocked, sem_clock_waits, CLOCK_MONOTONIC);
	}
	MK_CREATE(&t, NULL, sem_timed_main, &s);
	for (int r = 1; r <= s.rounds; r++) {
		mk_gate_wait(&s.asking, r);
		mk_wait_blocked(0, __atomic_load_n(&s.tid, __ATOMIC_ACQUIRE), &sem, sizeof(sem));
		sem_poster(&sem);
		mk_gate_wait(&s.done, r);
	}
	mk_count(l, "posts", (uint64_t)s.rounds);
	MK_JOIN(t, NULL);
	return 0;
}
