/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dlopen_deadlock - hangs under any tool that takes a lock of the loader in order to capture a stack.
 *
 * glibc has two. One thread is in a constructor or destructor (dlopen and dlclose hold the one that dladdr and dlsym take), or
 * in a callback of dl_iterate_phdr (holds the other), and wants mutex M there. The main thread holds M, and keeps it until it
 * is done with everything that makes a recorder look at its stack: waits, nested locks, new threads. Alone it always finishes.
 * Prints one line for each part; status 0. The library lies beside it: dlopen_ctor.so.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

pthread_mutex_t wanted_mutex = PTHREAD_MUTEX_INITIALIZER;
int constructor_tid;
void publish_tid(int *tid);

static pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static int main_tid;
static char library[4096];

#define MUST(call)                                                              \
	do {                                                                    \
		if ((call) != 0) {                                              \
			fprintf(stderr, "dlopen_deadlock: %s failed\n", #call); \
			exit(3);                                                \
		}                                                               \
	} while (0)

void publish_tid(int *tid)
{
	__atomic_store_n(tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
}

/* Until the thread sleeps in a futex call on a word of the object. */
static void wait_blocked(const int *tid, const void *object, size_t size)
{
	char path[64], buf[128];
	struct timespec pause = {0, 50000};
	for (;; nanosleep(&pause, NULL)) {
		int id = __atomic_load_n(tid, __ATOMIC_ACQUIRE);
		snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", id);
		int fd = id ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		ssize_t n = fd >= 0 ? read(fd, buf, sizeof(buf) - 1) : -1;
		if (fd >= 0)
			close(fd);
		if (n <= 0 || buf[0] < '0' || buf[0] > '9')
			continue;
		buf[n] = '\0';
		char *end;
		long nr = strtol(buf, &end, 10);
		unsigned long long arg = strtoull(end, NULL, 16), low = (unsigned long)object;
		if (nr == SYS_futex && arg >= low && arg < low + size)
			return;
	}
}

static void *loads(void *arg)
{
	(void)arg;
	void *handle = dlopen(library, RTLD_NOW);
	if (!handle) {
		fprintf(stderr, "dlopen_deadlock: %s\n", dlerror());
		exit(3);
	}
	return handle;
}

static void *unloads(void *handle)
{
	MUST(dlclose(handle));
	return NULL;
}

static int wants_in_callback(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info;
	(void)size;
	(void)arg;
	publish_tid(&constructor_tid);
	MUST(pthread_mutex_lock(&wanted_mutex));
	MUST(pthread_mutex_unlock(&wanted_mutex));
	return 1;
}

static void *iterates(void *arg)
{
	dl_iterate_phdr(wants_in_callback, NULL);
	return arg;
}

/* ------------------------------------------------------------------ what makes a recorder look at the stack */

static int helper_ready;

static void *holds_other(void *arg)
{
	(void)arg;
	MUST(pthread_mutex_lock(&other));
	MUST(pthread_rwlock_wrlock(&rw));
	__atomic_store_n(&helper_ready, 1, __ATOMIC_RELEASE);
	wait_blocked(&main_tid, &other, sizeof(other));
	MUST(pthread_mutex_unlock(&other));
	wait_blocked(&main_tid, &rw, sizeof(rw));
	MUST(pthread_rwlock_unlock(&rw));
	wait_blocked(&main_tid, &sem, sizeof(sem));
	MUST(sem_post(&sem));
	return NULL;
}

__attribute__((noinline)) static void waits_for_everything(void)
{
	MUST(pthread_mutex_lock(&other));
	MUST(pthread_mutex_unlock(&other));
	MUST(pthread_rwlock_rdlock(&rw));
	MUST(pthread_rwlock_unlock(&rw));
	MUST(sem_wait(&sem));
}

__attribute__((noinline)) static void nests(int depth)
{
	static pthread_mutex_t deep[32];
	MUST(pthread_mutex_lock(&deep[depth]));
	if (depth < 31)
		nests(depth + 1);
	MUST(pthread_mutex_unlock(&deep[depth]));
}

static void *returns(void *arg)
{
	return arg;
}

static void does_everything(void)
{
	pthread_t helper, t;
	helper_ready = 0;
	MUST(pthread_create(&helper, NULL, holds_other, NULL));
	while (!__atomic_load_n(&helper_ready, __ATOMIC_ACQUIRE))
		sched_yield();
	waits_for_everything();
	MUST(pthread_join(helper, NULL));
	nests(0);
	if (pthread_cond_timedwait(&cond, &wanted_mutex, &(struct timespec){1, 0}) != ETIMEDOUT)
		exit(3);
	for (int i = 0; i < 4; i++) {
		MUST(pthread_create(&t, NULL, returns, NULL));
		MUST(pthread_join(t, NULL));
	}
	MUST(pthread_mutex_trylock(&other));
	MUST(pthread_mutex_unlock(&other));
}

/* Holds M while the other thread is inside the loader and wants it. */
static void *hold_during(void *(*loader)(void *), void *arg)
{
	pthread_t t;
	void *ret;
	constructor_tid = 0;
	MUST(pthread_mutex_lock(&wanted_mutex));
	MUST(pthread_create(&t, NULL, loader, arg));
	wait_blocked(&constructor_tid, &wanted_mutex, sizeof(wanted_mutex));
	does_everything();
	MUST(pthread_mutex_unlock(&wanted_mutex));
	MUST(pthread_join(t, &ret));
	return ret;
}

int main(void)
{
	alarm(60);
	publish_tid(&main_tid);
	ssize_t n = readlink("/proc/self/exe", library, sizeof(library) - 32);
	if (n < 0)
		return 3;
	library[n] = '\0';
	strcpy(strrchr(library, '/'), "/dlopen_ctor.so");
	MUST(sem_init(&sem, 0, 0));
	for (int i = 0; i < 5; i++) {
		void *handle = hold_during(loads, NULL);
		printf("%d: in dlopen\n", i);
		hold_during(unloads, handle);
		printf("%d: in dlclose\n", i);
		hold_during(iterates, NULL);
		printf("%d: in dl_iterate_phdr\n", i);
	}
	return 0;
}
