/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * deep.c - the subject of the dump part: deep THREADS FRAMES [tick] - threads that block, each with that many frames on its
 * stack; with "tick" also one that runs and looks at the clock all the time, so that it sees when it could not run.
 * Prints "ready TID", TID being the running thread's, or 0. For each line on stdin it prints the longest gap in ns since the
 * last.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static pthread_barrier_t ready;
static volatile pid_t ticking_tid;
static uint64_t longest_ns;

/* The frames that are there besides: pause, deep_thread, start_thread, clone3. */
#define OTHER_FRAMES 4

__attribute__((noinline)) static int deep_call(int left)
{
	volatile int kept = left;
	if (left > 1)
		return deep_call(left - 1) + kept;
	pthread_barrier_wait(&ready);
	for (;;)
		pause();
}

static void *deep_thread(void *arg)
{
	return (void *)(intptr_t)deep_call((int)(intptr_t)arg);
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *ticking_thread(void *arg)
{
	ticking_tid = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&ready);
	for (uint64_t before = now_ns();;) {
		uint64_t now = now_ns();
		if (now - before > __atomic_load_n(&longest_ns, __ATOMIC_RELAXED))
			__atomic_store_n(&longest_ns, now - before, __ATOMIC_RELAXED);
		before = now;
	}
	return arg;
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? atoi(argv[1]) : 1000, frames = argc > 2 ? atoi(argv[2]) : 40;
	pthread_attr_t small;
	pthread_t thread;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 128 << 10);
	int tick = argc > 3;
	pthread_barrier_init(&ready, NULL, (unsigned)(threads + tick) + 1);
	for (int i = 0; i < threads; i++) {
		if (pthread_create(&thread, &small, deep_thread, (void *)(intptr_t)(frames - OTHER_FRAMES)))
			return 1;
	}
	if (tick && pthread_create(&thread, NULL, ticking_thread, NULL))
		return 1;
	pthread_barrier_wait(&ready);
	printf("ready %d\n", (int)ticking_tid);
	fflush(stdout);
	for (int c; (c = getchar()) != EOF;) {
		if (c == '\n') {
			printf("%llu\n", (unsigned long long)__atomic_exchange_n(&longest_ns, 0, __ATOMIC_RELAXED));
			fflush(stdout);
		}
	}
	return 0;
}
