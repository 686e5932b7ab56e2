/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ordeal_scale - very many, very deep, very small, very short. `ordeal_scale SCENARIO [ARGUMENT]`.
 *
 * What it is: situations that are legal, or that work with every C library, and that a recorder inside the process must
 * survive. Each prints one line that is the same on every run, and ends with status 0. Called by tests/faults.bats, alone and
 * under the shim.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MUST(call)                                                                                \
	do {                                                                                      \
		if (!(call)) {                                                                    \
			fprintf(stderr, "ordeal_scale: %s failed: %s\n", #call, strerror(errno)); \
			exit(3);                                                                  \
		}                                                                                 \
	} while (0)

#define MANY 10000
static pthread_mutex_t many[MANY]; /* zero is the initialiser */
static pthread_mutex_t common = PTHREAD_MUTEX_INITIALIZER;
static const char *argument;

static void take(pthread_mutex_t *m)
{
	MUST(pthread_mutex_lock(m) == 0);
	MUST(pthread_mutex_unlock(m) == 0);
}

/* KiB of memory that the process has in use. */
static long resident(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	MUST(f && fscanf(f, "%*d %ld", &pages) == 1);
	fclose(f);
	return pages * 4;
}

/* ------------------------------------------------------------------ threads */

static void *is_short(void *arg)
{
	take(&common);
	return arg;
}

/* argument: how many. Every other one detached, some with names, some with locks of their own. */
static void do_short_threads(void)
{
	int n = argument ? atoi(argument) : 50000;
	long before = 0;
	for (int i = 0; i < n; i++) {
		pthread_t t;
		MUST(pthread_create(&t, NULL, is_short, &many[i % 64]) == 0);
		if (i % 2)
			MUST(pthread_join(t, NULL) == 0);
		else
			MUST(pthread_detach(t) == 0);
		if (i == n / 2)
			before = resident();
	}
	/* What the first half took is enough for the second. */
	MUST(resident() < before + (8 << 10));
}

static pthread_key_t key;

/* Locks, nested, when all else of the thread is over. */
static void at_the_end(void *arg)
{
	MUST(pthread_mutex_lock(&common) == 0);
	take(arg);
	MUST(pthread_mutex_unlock(&common) == 0);
}

static void *has_data(void *arg)
{
	MUST(pthread_setspecific(key, arg) == 0);
	return NULL;
}

/* argument: how many threads. */
static void do_destructors(void)
{
	long before = 0;
	MUST(pthread_key_create(&key, at_the_end) == 0);
	int n = argument ? atoi(argument) : 20000;
	for (int i = 0; i < n; i++) {
		pthread_t t;
		MUST(pthread_create(&t, NULL, has_data, &many[i % 4]) == 0);
		MUST(pthread_join(t, NULL) == 0);
		if (i == n / 4)
			before = resident();
	}
	MUST(resident() < before + (4 << 10));
}

static pthread_barrier_t all;
static void *is_one_of_many(void *arg)
{
	take(arg);
	take(&common);
	pthread_barrier_wait(&all);
	take(arg);
	return arg;
}

static void do_live_threads(void)
{
	unsigned n = argument ? (unsigned)atoi(argument) : 5000;
	pthread_t *t = calloc(n, sizeof(*t));
	pthread_attr_t attr;
	MUST(t && pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, 64 << 10) == 0);
	MUST(pthread_barrier_init(&all, NULL, n + 1) == 0);
	for (unsigned i = 0; i < n; i++)
		MUST(pthread_create(&t[i], &attr, is_one_of_many, &many[i]) == 0);
	pthread_barrier_wait(&all);
	for (unsigned i = 0; i < n; i++)
		MUST(pthread_join(t[i], NULL) == 0);
	free(t);
}

static int waiters;
static void *waits_small(void *arg)
{
	__atomic_add_fetch(&waiters, 1, __ATOMIC_RELEASE);
	take(&common);
	MUST(pthread_mutex_lock(&many[0]) == 0);
	take(&many[1]);
	MUST(pthread_mutex_unlock(&many[0]) == 0);
	return arg;
}

/* The smallest stacks, at the bottom of which something blocks, is recorded with its stack, and is interrupted. */
static void do_small_stacks(void)
{
	pthread_attr_t attr;
	MUST(pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN) == 0);
	for (int round = 0; round < 20; round++) {
		pthread_t t[8];
		waiters = 0;
		MUST(pthread_mutex_lock(&common) == 0);
		for (int i = 0; i < 8; i++)
			MUST(pthread_create(&t[i], &attr, waits_small, NULL) == 0);
		while (__atomic_load_n(&waiters, __ATOMIC_ACQUIRE) < 8)
			nanosleep(&(struct timespec){0, 100000}, NULL);
		MUST(pthread_mutex_unlock(&common) == 0);
		for (int i = 0; i < 8; i++)
			MUST(pthread_join(t[i], NULL) == 0);
	}
}

/*
 * The thread gives back the memory that holds its own pthread_t, before pthread_create returned to its creator or after: the C
 * library stores the id first, and so this is safe.
 */
struct starting {
	pthread_t id;
};
static void *unmaps_its_start(void *arg)
{
	struct starting *s = arg;
	MUST(pthread_equal(s->id, pthread_self()));
	MUST(munmap(s, 4096) == 0);
	return NULL;
}

static void do_create_unmap(void)
{
	pthread_attr_t detached;
	MUST(pthread_attr_init(&detached) == 0);
	MUST(pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED) == 0);
	for (int i = 0; i < 20000; i++) {
		struct starting *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		int r;
		MUST(s != MAP_FAILED);
		while ((r = pthread_create(&s->id, &detached, unmaps_its_start, s)) == EAGAIN)
			nanosleep(&(struct timespec){0, 1000000}, NULL);
		MUST(r == 0);
	}
	nanosleep(&(struct timespec){0, 100000000}, NULL);
}

/* ------------------------------------------------------------------ locks */

static void nest(int i, int depth)
{
	MUST(pthread_mutex_lock(&many[i]) == 0);
	if (i + 1 < depth)
		nest(i + 1, depth);
	MUST(pthread_mutex_unlock(&many[i]) == 0);
}

static void *nests(void *arg)
{
	nest(0, 64);
	nest(0, 1000);
	/* Let go in the order of taking. */
	for (int i = 0; i < 300; i++)
		MUST(pthread_mutex_lock(&many[i]) == 0);
	for (int i = 0; i < 300; i++)
		MUST(pthread_mutex_unlock(&many[i]) == 0);
	return arg;
}

static void do_nested(void)
{
	pthread_t t;
	nests(NULL);
	MUST(pthread_create(&t, NULL, nests, NULL) == 0);
	MUST(pthread_join(t, NULL) == 0);
	/* More than is kept. */
	nest(0, 6000);
}

static void *takes_all(void *arg)
{
	for (int round = 0; round < 5; round++)
		for (int i = 0; i < MANY; i++)
			take(&many[i]);
	return arg;
}

static void do_many_locks(void)
{
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&t[i], NULL, takes_all, NULL) == 0);
	for (int i = 0; i < 4; i++)
		MUST(pthread_join(t[i], NULL) == 0);
}

/* One thread unlocks, and the next one that gets the lock unmaps it, thousands of times. */
struct page {
	pthread_mutex_t mutex;
	sem_t given;
	int users;
};
static void *uses_page(void *arg)
{
	struct page *p = arg;
	MUST(pthread_mutex_lock(&p->mutex) == 0);
	int left = --p->users;
	MUST(pthread_mutex_unlock(&p->mutex) == 0);
	if (!left)
		MUST(munmap(p, 4096) == 0);
	return NULL;
}

static void do_unlock_unmap(void)
{
	for (int i = 0; i < 3000; i++) {
		pthread_t t[2];
		struct page *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		MUST(p != MAP_FAILED);
		p->users = 3;
		for (int k = 0; k < 2; k++)
			MUST(pthread_create(&t[k], NULL, uses_page, p) == 0);
		uses_page(p);
		for (int k = 0; k < 2; k++)
			MUST(pthread_join(t[k], NULL) == 0);
	}
}

/* ------------------------------------------------------------------ memory and modules */

static void *allocates(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	void *block[256] = {0};
	for (int i = 0; i < 200000; i++) {
		unsigned k = (unsigned)rand_r(&seed) % 256, size = 1u << (unsigned)rand_r(&seed) % 16;
		if (i % 7 == 0) {
			block[k] = realloc(block[k], size);
		} else {
			free(block[k]);
			block[k] = i % 5 ? malloc(size) : aligned_alloc(64, size + 64);
		}
		MUST(block[k]);
		if (size >= sizeof(pthread_mutex_t)) {
			MUST(pthread_mutex_init(block[k], NULL) == 0);
			take(block[k]);
		}
	}
	for (int k = 0; k < 256; k++)
		free(block[k]);
	return NULL;
}

static void do_malloc(void)
{
	pthread_t t[3];
	for (uintptr_t i = 0; i < 3; i++)
		MUST(pthread_create(&t[i], NULL, allocates, (void *)(i + 1)) == 0);
	for (int i = 0; i < 3; i++)
		MUST(pthread_join(t[i], NULL) == 0);
	MUST(munmap((void *)1, 4096) == -1 && errno == EINVAL);
	MUST(munmap(NULL, 0) == -1 && errno == EINVAL);
	MUST(munmap((void *)-4096L, 8192) == -1 && errno == EINVAL);
}

/* argument: a library whose functions lock. */
static void *loads(void *arg)
{
	for (int i = 0; i < 300; i++) {
		void *h = dlopen(argument, RTLD_NOW);
		void (*use)(void) = h ? (void (*)(void))dlsym(h, "ordeal_use") : NULL;
		MUST(use);
		use();
		MUST(dlclose(h) == 0);
	}
	return arg;
}

static void do_dlopen(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		MUST(pthread_create(&t[i], NULL, loads, NULL) == 0);
	for (int i = 0; i < 3; i++)
		MUST(pthread_join(t[i], NULL) == 0);
}

/* argument: a directory with copies of that library: more modules than anybody keeps a table for. */
static void do_many_modules(void)
{
	char path[4096];
	pthread_t t; /* a program of one thread that never waits leaves no recording */
	MUST(pthread_create(&t, NULL, is_short, NULL) == 0);
	MUST(pthread_join(t, NULL) == 0);
	for (int i = 0; i < 600; i++) {
		snprintf(path, sizeof(path), "%s/%d.so", argument, i);
		void *h = dlopen(path, RTLD_NOW);
		void (*use)(void) = h ? (void (*)(void))dlsym(h, "ordeal_use") : NULL;
		MUST(use);
		use();
	}
}

/* argument: MiB of memory that the program needs under its limit. */
static void do_memory_limit(void)
{
	size_t size = (size_t)atoi(argument) << 20;
	pthread_t t;
	take(&common);
	MUST(pthread_create(&t, NULL, is_short, NULL) == 0);
	MUST(pthread_join(t, NULL) == 0);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(p != MAP_FAILED);
	MUST(munmap(p, size) == 0);
}

/* ------------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{"short-threads", do_short_threads},
	{"destructors", do_destructors},
	{"live-threads", do_live_threads},
	{"small-stacks", do_small_stacks},
	{"create-unmap", do_create_unmap},
	{"nested", do_nested},
	{"many-locks", do_many_locks},
	{"unlock-unmap", do_unlock_unmap},
	{"malloc", do_malloc},
	{"dlopen", do_dlopen},
	{"many-modules", do_many_modules},
	{"memory-limit", do_memory_limit},
};

int main(int argc, char **argv)
{
	argument = argc == 3 ? argv[2] : NULL;
	for (unsigned i = 0; argc >= 2 && i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(argv[1], scenarios[i].name) == 0) {
			scenarios[i].run();
			printf("%s: survived\n", argv[1]);
			return 0;
		}
	return 2;
}
