/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: preload/stack.c preload/stack_rule.c preload/stack_find.c preload/stack_cfi.c preload/stack_expr.c */
/* LINK: preload/stack_last.c */
/* LINK: tests/unit/stack_take.c */
/*
 * test_stack_threads.c - many threads walk stacks of twice as many code addresses as the cache can hold, while one of them
 * flushes it: all results must be right all the time. Meant for SAN=thread too. And: a walk does not wait for the loader's
 * locks.
 */
#include <link.h>
#include <pthread.h>
#include <unistd.h>

#include "lib/core/ttrec_format.h"
#include "tests/unit/stack_take.h"
#include "tests/unit/tap.h"

#define THREADS 8u
#define ROUNDS  4000u

static _Alignas(64) char cache[TT_STACK_CACHE_MIN];

/* ------------------------------------------------------------------ 512 call sites */

typedef int node_fn(unsigned depth, uint64_t seed, struct stack_pair *p);
static node_fn *const nodes[8];

#define SITE(k)                                                                                       \
	case (k):                                                                                     \
		r = nodes[next >> 61](depth - 1, next, p) + (k);                                      \
		__asm__ volatile("# %0" ::"i"(k)); /* so that no two sites are one to the compiler */ \
		break;
#define SITES8(k) SITE(k) SITE(k + 1) SITE(k + 2) SITE(k + 3) SITE(k + 4) SITE(k + 5) SITE(k + 6) SITE(k + 7)
#define SITES64(k) \
	SITES8(k) SITES8(k + 8) SITES8(k + 16) SITES8(k + 24) SITES8(k + 32) SITES8(k + 40) SITES8(k + 48) SITES8(k + 56)
#define NODE(name, size)                                                                               \
	static __attribute__((noinline)) int name(unsigned depth, uint64_t seed, struct stack_pair *p) \
	{                                                                                              \
		volatile char space[size];                                                             \
		uint64_t next = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;           \
		int r = 0;                                                                             \
		space[0] = (char)depth;                                                                \
		if (depth == 0) {                                                                      \
			stack_take(p);                                                                 \
			return space[0];                                                               \
		}                                                                                      \
		switch (next >> 40 & 63) {                                                             \
			SITES64(0)                                                                     \
		}                                                                                      \
		return r + space[0];                                                                   \
	}
NODE(node0, 8)
NODE(node1, 24)
NODE(node2, 40)
NODE(node3, 56)
NODE(node4, 100)
NODE(node5, 200)
NODE(node6, 300)
NODE(node7, 1000)
static node_fn *const nodes[8] = {node0, node1, node2, node3, node4, node5, node6, node7};

/* ------------------------------------------------------------------ threads */

struct worker {
	pthread_t thread;
	unsigned number;
	unsigned long walks, wrong, frames;
	struct stack_pair pair, first_wrong;
};
static struct worker workers[THREADS];
static pthread_barrier_t start;

static void *work(void *arg)
{
	struct worker *w = arg;
	pthread_barrier_wait(&start);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t seed = (uint64_t)(w->number + 1) * UINT64_C(0x9e3779b97f4a7c15) + i / 2; /* each stack twice */
		nodes[i & 7](4 + i % 20, seed, &w->pair);
		w->walks++;
		w->frames += w->pair.n;
		bool good = w->pair.n == w->pair.want_n && stack_equal(&w->pair) == w->pair.n &&
		            w->pair.flags == TTREC_STACK_COMPLETE;
		if (!good && !w->wrong++)
			w->first_wrong = w->pair;
		if (w->number == 0 && i % 16 == 0)
			tt_stack_flush();
	}
	return NULL;
}

static void check_threads(void)
{
	unsigned long walks = 0, wrong = 0, frames = 0;
	pthread_barrier_init(&start, NULL, THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].number = i;
		pthread_create(&workers[i].thread, NULL, work, workers + i);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		walks += workers[i].walks;
		wrong += workers[i].wrong;
		frames += workers[i].frames;
		if (workers[i].wrong)
			stack_print(&workers[i].first_wrong);
	}
	pthread_barrier_destroy(&start);
	is_int(walks, THREADS * ROUNDS, "%u threads walked, %lu frames", THREADS, frames);
	is_int(wrong, 0, "all stacks are right, whoever wrote the cache");
}

/* ------------------------------------------------------------------ the loader's locks */

static pthread_barrier_t held;

/* glibc calls this with the lock held that guards its list of objects. */
static int hold_list(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)info;
	(void)size;
	(void)unused;
	pthread_barrier_wait(&held); /* it is held */
	pthread_barrier_wait(&held); /* it was walked */
	return 1;
}

static void *iterate(void *unused)
{
	dl_iterate_phdr(hold_list, NULL);
	return unused;
}

static __attribute__((noinline)) unsigned walk_cold(uint64_t *pcs, unsigned max, uint16_t *flags)
{
	tt_stack_flush();
	return tt_stack_walk_caller(TT_STACK_PC(), TT_STACK_CFA(), stack_bounds(), pcs, max, flags, NULL);
}

static void check_loader_lock(void)
{
	pthread_t t;
	uint64_t pcs[64];
	uint16_t flags = 0;
	alarm(30); /* the walk waits for ever if it takes that lock */
	stack_bounds();
	pthread_barrier_init(&held, NULL, 2);
	pthread_create(&t, NULL, iterate, NULL);
	pthread_barrier_wait(&held);
	unsigned n = walk_cold(pcs, 64, &flags);
	pthread_barrier_wait(&held);
	pthread_join(t, NULL);
	pthread_barrier_destroy(&held);
	alarm(0);
	ok(n >= 3 && flags == TTREC_STACK_COMPLETE, "a walk with a cold cache does not wait for the loader's list");
}

int main(void)
{
	tt_stack_init(cache, sizeof(cache));
	check_threads();
	check_loader_lock();
	return done();
}
