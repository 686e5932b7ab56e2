/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * passthrough.so - the least that an interposer can do: calls the real function through a pointer, records nothing. What it
 * costs, every recorder of this kind costs at least, unless it does better than a call. A peer of the benchmark.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>

#define PASS1(name, type)                                                       \
	static int (*real_##name)(type *);                                      \
	__attribute__((visibility("default"))) int name(type *object)           \
	{                                                                       \
		if (__builtin_expect(!real_##name, 0))                          \
			real_##name = (int (*)(type *))dlsym(RTLD_NEXT, #name); \
		return real_##name(object);                                     \
	}
PASS1(pthread_mutex_lock, pthread_mutex_t)
PASS1(pthread_mutex_unlock, pthread_mutex_t)
PASS1(pthread_rwlock_rdlock, pthread_rwlock_t)
PASS1(pthread_rwlock_wrlock, pthread_rwlock_t)
PASS1(pthread_rwlock_unlock, pthread_rwlock_t)
PASS1(sem_wait, sem_t)
PASS1(sem_post, sem_t)

static void (*real_free)(void *);
__attribute__((visibility("default"))) void free(void *p)
{
	if (__builtin_expect(!real_free, 0))
		real_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	real_free(p);
}
