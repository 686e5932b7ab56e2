// SPDX-License-Identifier: GPL-3.0-or-later
// corpus.h - what the programs of the corpus share: how they order their threads without a lock that could be recorded.
//
// What it is not: a framework. A program locks, waits and creates threads by the library's own calls wherever that matters.
// Threads are put in order by one counter: reach(n) says that step n was done, until(n) waits for that. Both are plain
// atomics and sched_yield(), which no recorder takes for an order.
#ifndef CORPUS_H
#define CORPUS_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

// The call must return 0, else the program ends with status 3, which no verdict allows.
#define MUST(call)                                              \
	do {                                                    \
		if ((call) != 0) {                              \
			fprintf(stderr, "failed: %s\n", #call); \
			_exit(3);                               \
		}                                               \
	} while (0)
#define MUST_BE(call, want) MUST((call) != (want))

static int corpus_step;

static inline void reach(int step)
{
	__atomic_store_n(&corpus_step, step, __ATOMIC_RELEASE);
}

static inline void until(int step)
{
	while (__atomic_load_n(&corpus_step, __ATOMIC_ACQUIRE) < step)
		sched_yield();
}

// All of n threads come here before one goes on; each *count serves one meeting.
static inline void meet(int *count, int n)
{
	__atomic_add_fetch(count, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(count, __ATOMIC_ACQUIRE) < n)
		sched_yield();
}

static inline pthread_t spawn(void *(*routine)(void *), void *arg)
{
	pthread_t t;
	MUST(pthread_create(&t, NULL, routine, arg));
	return t;
}

static inline void join(pthread_t t)
{
	MUST(pthread_join(t, NULL));
}

// Somebody waits for this plain mutex: glibc's word is 2 then.
static inline void until_wanted(pthread_mutex_t *m)
{
	while (__atomic_load_n(&m->__data.__lock, __ATOMIC_ACQUIRE) != 2)
		sched_yield();
}

static inline void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	while (nanosleep(&t, &t) != 0)
		;
}

// CLOCK_REALTIME, ms from now: a deadline.
static inline struct timespec after_ms(long ms)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

#endif
