/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * population - many threads, many locks, many waits: what does a recorder need for them?
 *
 *   population locks THREADS LOCKS    all threads alive, each has locked every lock once
 *   population short THREADS          threads that come and go, one after the other
 *   population live THREADS           threads that are all alive, each has locked one lock
 *   population waits WAITS LOCKS      waits for held locks, from four places; all time out
 *
 * Prints one JSON object: resident memory in KiB at the fullest moment, and seconds. Called by tests/bench/scale.py and
 * tests/scale.bats, natively and under the shim. It knows nothing of that.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAITERS   4
#define HOLD_EACH 500 /* locks held by one thread */

static pthread_mutex_t *locks;
static size_t lock_count;
static pthread_barrier_t all_there, all_done;
static uint64_t waits_each;

static void die(const char *what, int error)
{
	fprintf(stderr, "population: %s: %s\n", what, strerror(error));
	exit(2);
}

static void check(const char *what, int error)
{
	if (error)
		die(what, error);
}

static double seconds(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Read without stdio: its buffer would come and go with the measurement. */
static long resident_kib(void)
{
	char text[256] = {0};
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || !fgets(text, sizeof(text), f))
		die("/proc/self/statm", errno);
	fclose(f);
	char *second = strchr(text, ' ');
	return second ? strtol(second, NULL, 10) * (sysconf(_SC_PAGESIZE) / 1024) : 0;
}

static void locks_make(size_t n)
{
	lock_count = n;
	locks = calloc(n, sizeof(*locks));
	if (!locks)
		die("calloc", errno);
	for (size_t i = 0; i < n; i++)
		pthread_mutex_init(&locks[i], NULL);
}

/* For so many threads and the main one. */
static void barriers_make(size_t threads)
{
	check("pthread_barrier_init", pthread_barrier_init(&all_there, NULL, (unsigned)threads + 1));
	check("pthread_barrier_init", pthread_barrier_init(&all_done, NULL, (unsigned)threads + 1));
}

static pthread_t *threads_make(size_t n, void *(*routine)(void *))
{
	pthread_attr_t a;
	pthread_t *t = calloc(n, sizeof(*t));
	if (!t)
		die("calloc", errno);
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 64 << 10);
	for (size_t i = 0; i < n; i++)
		check("pthread_create", pthread_create(&t[i], &a, routine, (void *)(uintptr_t)i));
	pthread_attr_destroy(&a);
	return t;
}

static void threads_join(pthread_t *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check("pthread_join", pthread_join(t[i], NULL));
	free(t);
}

static void *locks_all(void *arg)
{
	for (size_t i = 0; i < lock_count; i++) {
		pthread_mutex_t *m = &locks[(i + (uintptr_t)arg * 97) % lock_count];
		pthread_mutex_lock(m);
		pthread_mutex_unlock(m);
	}
	pthread_barrier_wait(&all_there);
	pthread_barrier_wait(&all_done);
	return NULL;
}

static void *locks_one(void *arg)
{
	pthread_mutex_t *m = &locks[(uintptr_t)arg % lock_count];
	pthread_mutex_lock(m);
	pthread_mutex_unlock(m);
	pthread_barrier_wait(&all_there);
	pthread_barrier_wait(&all_done);
	return NULL;
}

/* Threads that work, meet, are measured, and end. */
static long together(size_t threads, size_t n, void *(*routine)(void *))
{
	locks_make(n);
	barriers_make(threads);
	pthread_t *t = threads_make(threads, routine);
	pthread_barrier_wait(&all_there);
	long kib = resident_kib();
	pthread_barrier_wait(&all_done);
	threads_join(t, threads);
	return kib;
}

static void *short_one(void *arg)
{
	pthread_mutex_lock(&locks[0]);
	pthread_mutex_unlock(&locks[0]);
	return arg;
}

static long in_turn(size_t threads)
{
	locks_make(1);
	for (size_t i = 0; i < threads; i++) {
		pthread_t t;
		check("pthread_create", pthread_create(&t, NULL, short_one, NULL));
		check("pthread_join", pthread_join(t, NULL));
	}
	return resident_kib();
}

/* One function for each place, so that they are four. */
#define PLACE(name)                                                                       \
	static __attribute__((noinline)) int name(pthread_mutex_t *m, struct timespec *t) \
	{                                                                                 \
		int r = pthread_mutex_timedlock(m, t);                                    \
		__asm__ volatile("" : "+r"(r));                                           \
		return r;                                                                 \
	}
PLACE(place_a)
PLACE(place_b)
PLACE(place_c)
PLACE(place_d)

static void *waiter(void *arg)
{
	static int (*const place[WAITERS])(pthread_mutex_t *, struct timespec *) = {place_a, place_b, place_c, place_d};
	struct timespec past = {.tv_sec = 1};
	size_t k = (uintptr_t)arg;
	for (uint64_t i = 0; i < waits_each; i++)
		if (place[(i + k) % WAITERS](&locks[(i * 7 + k) % lock_count], &past) != ETIMEDOUT)
			die("a held lock was not waited for", 0);
	return NULL;
}

/* Holds its share of the locks. */
static void *holder(void *arg)
{
	size_t from = (uintptr_t)arg * HOLD_EACH, to = from + HOLD_EACH < lock_count ? from + HOLD_EACH : lock_count;
	for (size_t i = from; i < to; i++)
		pthread_mutex_lock(&locks[i]);
	pthread_barrier_wait(&all_there);
	pthread_barrier_wait(&all_done);
	for (size_t i = to; i-- > from;)
		pthread_mutex_unlock(&locks[i]);
	return NULL;
}

static long wait_much(uint64_t waits, size_t n)
{
	size_t holders = (n + HOLD_EACH - 1) / HOLD_EACH;
	locks_make(n);
	barriers_make(holders);
	pthread_t *t = threads_make(holders, holder);
	pthread_barrier_wait(&all_there);
	waits_each = waits / WAITERS;
	threads_join(threads_make(WAITERS, waiter), WAITERS);
	long kib = resident_kib();
	pthread_barrier_wait(&all_done);
	threads_join(t, holders);
	return kib;
}

int main(int argc, char **argv)
{
	size_t a = argc > 2 ? strtoul(argv[2], NULL, 10) : 0, b = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	const char *what = argc > 2 && a ? argv[1] : "";
	double start = seconds();
	long kib;
	if (strcmp(what, "locks") == 0 && b)
		kib = together(a, b, locks_all);
	else if (strcmp(what, "live") == 0)
		kib = together(a, 100, locks_one);
	else if (strcmp(what, "short") == 0)
		kib = in_turn(a);
	else if (strcmp(what, "waits") == 0 && b)
		kib = wait_much(a, b);
	else {
		fprintf(stderr, "usage: population locks THREADS LOCKS | short THREADS | live THREADS | waits WAITS LOCKS\n");
		return 2;
	}
	printf("{\"resident_kib\": %ld, \"seconds\": %.3f}\n", kib, seconds() - start);
	return 0;
}
