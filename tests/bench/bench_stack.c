/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: preload/stack.c preload/stack_rule.c preload/stack_find.c preload/stack_cfi.c preload/stack_expr.c */
/* LINK: preload/stack_last.c */
/*
 * bench_stack - what capturing a stack costs, beside libgcc's _Unwind_Backtrace and glibc's backtrace().
 *
 * Many short rounds, interleaved, the median of each; a warm cache, except in the row that flushes it. Prints a table, or one
 * JSON object with --json. The walk goes through different functions, as in a program, not through one that calls itself.
 */
#include <execinfo.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unwind.h>

#include "preload/stack.h"

#define ROUNDS    201
#define PER_ROUND 200
#define DEPTH_MAX 128

static struct tt_stack_bounds bounds;
static uint64_t pcs[DEPTH_MAX];
static void *frames[DEPTH_MAX];
static unsigned walked; /* frames seen by the latest walk */
static _Alignas(64) char cache[TT_STACK_CACHE_BYTES];

static double now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static _Unwind_Reason_Code one_frame(struct _Unwind_Context *c, void *unused)
{
	(void)unused;
	pcs[walked++] = _Unwind_GetIP(c);
	return walked == DEPTH_MAX ? _URC_END_OF_STACK : _URC_NO_REASON;
}

static __attribute__((noinline)) void by_walker(void)
{
	uint16_t flags;
	walked = tt_stack_walk_caller(TT_STACK_PC(), TT_STACK_CFA(), bounds, pcs, DEPTH_MAX, &flags, NULL);
}
static __attribute__((noinline)) void by_walker_cold(void)
{
	tt_stack_flush();
	by_walker();
}
static __attribute__((noinline)) void by_libgcc(void)
{
	walked = 0;
	_Unwind_Backtrace(one_frame, NULL);
}
static __attribute__((noinline)) void by_glibc(void)
{
	walked = (unsigned)backtrace(frames, DEPTH_MAX);
}

static struct method {
	const char *name;
	void (*capture)(void);
	unsigned per_round, frames;
	double ns[ROUNDS];
} methods[] = {
	{"threadtools, warm", by_walker, PER_ROUND, 0, {0}},
	{"threadtools, cold", by_walker_cold, 3, 0, {0}},
	{"_Unwind_Backtrace", by_libgcc, PER_ROUND / 4, 0, {0}},
	{"backtrace()", by_glibc, PER_ROUND / 4, 0, {0}},
};
#define METHODS (sizeof(methods) / sizeof(methods[0]))

static void measure(void)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (struct method *m = methods; m < methods + METHODS; m++) {
			m->capture();
			double start = now_ns();
			for (unsigned i = 0; i < m->per_round; i++)
				m->capture();
			m->ns[round] = (now_ns() - start) / m->per_round;
			m->frames = walked;
		}
	}
}

/* Functions of different frames; each keeps its own to itself, so that no call can be a jump. */
static volatile int sink;
#define FUNCTION(n, size)                                                                  \
	static __attribute__((noinline)) void call_##n(unsigned depth, unsigned long seed) \
	{                                                                                  \
		volatile char space[size];                                                 \
		space[0] = (char)seed;                                                     \
		descend(depth, seed * 6364136223846793005ul + n);                          \
		sink += space[0];                                                          \
	}
static void descend(unsigned depth, unsigned long seed);
FUNCTION(1, 8)
FUNCTION(2, 40)
FUNCTION(3, 200)
FUNCTION(4, 72)
FUNCTION(5, 1000)
FUNCTION(6, 24)
FUNCTION(7, 5000)
FUNCTION(8, 16)
static void (*const calls[])(unsigned, unsigned long) = {call_1, call_2, call_3, call_4, call_5, call_6, call_7, call_8};

static __attribute__((noinline)) void descend(unsigned depth, unsigned long seed)
{
	if (depth < 2)
		measure();
	else
		calls[seed >> 61](depth - 2, seed);
	sink++;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void report(unsigned depth, bool json, bool last)
{
	for (struct method *m = methods; m < methods + METHODS; m++) {
		qsort(m->ns, ROUNDS, sizeof(double), compare);
		double median = m->ns[ROUNDS / 2];
		if (json)
			printf("  {\"depth\": %u, \"method\": \"%s\", \"frames\": %u, \"ns\": %.1f}%s\n", depth, m->name,
				m->frames, median, last && m == methods + METHODS - 1 ? "" : ",");
		else
			printf("%6u  %-20s %8u %10.1f %10.2f %9.2f\n", depth, m->name, m->frames, median, median / m->frames,
				median / methods[0].ns[ROUNDS / 2]);
	}
}

static void *measure_depths(void *json)
{
	static const unsigned depths[] = {8, 20, 64};
	pthread_attr_t attr;
	void *low;
	size_t size;
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &low, &size);
	pthread_attr_destroy(&attr);
	bounds = (struct tt_stack_bounds){(uintptr_t)low, (uintptr_t)low + size};
	for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		descend(depths[i] - 4, 88172645463325252ul); /* capture's caller, measure_depths, start_thread, clone3 */
		report(depths[i], json != NULL, i == sizeof(depths) / sizeof(depths[0]) - 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
	pthread_t t;
	tt_stack_init(cache, sizeof(cache));
	if (json)
		printf("{\"bench\": \"stack\", \"rows\": [\n");
	else
		printf("%6s  %-20s %8s %10s %10s %9s\n", "DEPTH", "METHOD", "FRAMES", "NS", "NS/FRAME", "RATIO");
	if (pthread_create(&t, NULL, measure_depths, json ? argv[1] : NULL) != 0)
		return 2;
	pthread_join(t, NULL);
	if (json)
		printf("]}\n");
	return 0;
}
