/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mallochook.c - a program with an allocator of its own, which locks a mutex: no lock call may allocate, or the lock inside the
 * allocator would be taken again. Counts what is allocated where; see tr.h.
 */
#include "tests/transparency/tr.h"

#include <malloc.h>
#include <semaphore.h>
#include <sys/wait.h>

/* ------------------------------------------------------------------ the allocator: bump, never reuses */

static pthread_mutex_t heap_mutex = PTHREAD_MUTEX_INITIALIZER;
static _Alignas(64) char heap[32 << 20];
static size_t heap_used;
static long allocations, frees;
static __thread int inside __attribute__((tls_model("initial-exec")));

static void *take(size_t size, size_t align)
{
	if (inside) { /* a lock call allocated: this would have been a deadlock */
		static const char text[] = "RE-ENTERED the allocator\n";
		if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
			_exit(95);
		_exit(94);
	}
	inside = 1;
	pthread_mutex_lock(&heap_mutex);
	allocations++;
	size_t at = (heap_used + 16 + align - 1) / align * align;
	void *p = at + size < sizeof(heap) ? heap + at : NULL;
	if (p) {
		heap_used = at + size;
		((size_t *)p)[-1] = size;
	}
	pthread_mutex_unlock(&heap_mutex);
	inside = 0;
	return p;
}

void *malloc(size_t size)
{
	return take(size, 16);
}

void *calloc(size_t n, size_t size)
{
	return take(n * size, 16); /* never reused: zero */
}

void *realloc(void *old, size_t size)
{
	void *p = take(size, 16);
	if (p && old)
		memcpy(p, old, ((size_t *)old)[-1] < size ? ((size_t *)old)[-1] : size);
	return p;
}

void *memalign(size_t align, size_t size)
{
	return take(size, align < 16 ? 16 : align);
}

void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
	*out = memalign(align, size);
	return *out ? 0 : ENOMEM;
}

void free(void *p)
{
	if (p)
		__atomic_add_fetch(&frees, 1, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------ the calls */

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t s;
static int tid;

static void locks(void)
{
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
	}
}

static void many_locks(void)
{
	static pthread_mutex_t many[3000];
	for (int i = 0; i < 3000; i++)
		pthread_mutex_lock(&many[i]);
	for (int i = 2999; i >= 0; i--)
		pthread_mutex_unlock(&many[i]);
}

static void rwlocks(void)
{
	pthread_rwlock_rdlock(&rw);
	pthread_rwlock_unlock(&rw);
	pthread_rwlock_wrlock(&rw);
	pthread_rwlock_unlock(&rw);
}

static void conds(void)
{
	struct timespec past = {1, 0};
	pthread_mutex_lock(&m);
	pthread_cond_timedwait(&c, &m, &past);
	pthread_cond_signal(&c);
	pthread_cond_broadcast(&c);
	pthread_mutex_unlock(&m);
}

static void sems(void)
{
	sem_post(&s);
	sem_wait(&s);
}

static void barriers(void)
{
	pthread_barrier_wait(&barrier);
}

static void inits(void)
{
	static pthread_mutex_t fresh[200];
	for (int i = 0; i < 200; i++)
		pthread_mutex_init(&fresh[i], NULL);
	for (int i = 0; i < 200; i++)
		pthread_mutex_destroy(&fresh[i]);
}

static void *waits(void *arg)
{
	tr_publish(&tid);
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	return arg;
}

/* Alone: with what pthread_create allocates itself. */
static void threads(void)
{
	for (int i = 0; i < 20; i++)
		tr_elsewhere(waits, NULL);
}

static pthread_t waiter;

static void contended(void)
{
	tid = 0;
	tr_blocked(&tid);
	pthread_mutex_unlock(&m);
	TR_MUST(pthread_join(waiter, NULL));
}

static void *starts_contended(void *arg)
{
	tr_until(&tid, 0);
	return waits(arg);
}

static void count(const char *name, void (*run)(void))
{
	long before = allocations, freed = frees;
	run();
	tr_say("%s: allocations %ld, frees %ld", name, allocations - before, frees - freed);
}

static void *churns(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		void *volatile p = malloc(32);
		free(p);
		locks();
	}
	return arg;
}

int main(void)
{
	pthread_t t[4];
	tr_begin();
	TR_NUM("allocations before main", allocations);
	TR_MUST(sem_init(&s, 0, 0));
	TR_MUST(pthread_barrier_init(&barrier, NULL, 1));
	count("locks", locks);
	count("many locks", many_locks);
	count("rwlocks", rwlocks);
	count("conditions", conds);
	count("semaphores", sems);
	count("barriers", barriers);
	count("inits", inits);
	count("threads", threads);
	tid = 1;
	pthread_mutex_lock(&m);
	TR_MUST(pthread_create(&waiter, NULL, starts_contended, NULL));
	count("contended", contended);
	for (int i = 0; i < 4; i++)
		TR_MUST(pthread_create(&t[i], NULL, churns, NULL));
	for (int i = 0; i < 4; i++)
		TR_MUST(pthread_join(t[i], NULL));
	pid_t pid = fork();
	if (!pid) {
		long before = allocations;
		locks();
		_exit(allocations != before);
	}
	int status;
	TR_MUST(waitpid(pid, &status, 0) != pid);
	TR_NUM("allocations by locks of a child", WEXITSTATUS(status));
	return tr_end();
}
