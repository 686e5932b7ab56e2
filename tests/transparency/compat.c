/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compat.c - names that only older binaries call: __pthread_mutex_lock and its kin, bound as such binaries bind them. See tr.h.
 */
#include "tests/transparency/tr.h"

#ifdef __x86_64__
#define OLD(name) __asm__(".symver old_" #name ", __pthread_" #name "@GLIBC_2.2.5")
int old_mutex_init(pthread_mutex_t *, const pthread_mutexattr_t *);
int old_mutex_lock(pthread_mutex_t *);
int old_mutex_trylock(pthread_mutex_t *);
int old_mutex_unlock(pthread_mutex_t *);
int old_mutex_destroy(pthread_mutex_t *);
int old_mutexattr_init(pthread_mutexattr_t *);
int old_mutexattr_settype(pthread_mutexattr_t *, int);
int old_mutexattr_destroy(pthread_mutexattr_t *);
int old_rwlock_init(pthread_rwlock_t *, const pthread_rwlockattr_t *);
int old_rwlock_rdlock(pthread_rwlock_t *);
int old_rwlock_wrlock(pthread_rwlock_t *);
int old_rwlock_tryrdlock(pthread_rwlock_t *);
int old_rwlock_trywrlock(pthread_rwlock_t *);
int old_rwlock_unlock(pthread_rwlock_t *);
int old_rwlock_destroy(pthread_rwlock_t *);
int old_once(pthread_once_t *, void (*)(void));
int old_key_create(pthread_key_t *, void (*)(void *));
OLD(mutex_init);
OLD(mutex_lock);
OLD(mutex_trylock);
OLD(mutex_unlock);
OLD(mutex_destroy);
OLD(mutexattr_init);
OLD(mutexattr_settype);
OLD(mutexattr_destroy);
OLD(rwlock_init);
OLD(rwlock_rdlock);
OLD(rwlock_wrlock);
OLD(rwlock_tryrdlock);
OLD(rwlock_trywrlock);
OLD(rwlock_unlock);
OLD(rwlock_destroy);
OLD(once);
OLD(key_create);

static int runs;

static void routine(void)
{
	runs++;
}

static pthread_mutex_t m;

static void *others_view(void *arg)
{
	TR("another's trylock", old_mutex_trylock(&m));
	TR("another's unlock", old_mutex_unlock(&m));
	return arg;
}

static void mutexes(void)
{
	pthread_mutexattr_t a;
	TR("mutexattr_init", old_mutexattr_init(&a));
	TR("mutexattr_settype", old_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK));
	TR("mutex_init", old_mutex_init(&m, &a));
	TR("mutexattr_destroy", old_mutexattr_destroy(&a));
	TR("mutex_lock", old_mutex_lock(&m));
	TR("mutex_lock again", old_mutex_lock(&m));
	TR("mutex_trylock", old_mutex_trylock(&m));
	TR("mutex_destroy while locked", old_mutex_destroy(&m));
	tr_elsewhere(others_view, NULL);
	TR("unlock by the new name", pthread_mutex_unlock(&m));
	TR("lock by the new name", pthread_mutex_lock(&m));
	TR("mutex_unlock", old_mutex_unlock(&m));
	TR("mutex_unlock again", old_mutex_unlock(&m));
	TR("mutex_trylock", old_mutex_trylock(&m));
	TR("mutex_unlock", old_mutex_unlock(&m));
	TR("mutex_destroy", old_mutex_destroy(&m));
}

static void rwlocks(void)
{
	pthread_rwlock_t rw;
	TR("rwlock_init", old_rwlock_init(&rw, NULL));
	TR("rwlock_rdlock", old_rwlock_rdlock(&rw));
	TR("rwlock_tryrdlock", old_rwlock_tryrdlock(&rw));
	TR("rwlock_trywrlock", old_rwlock_trywrlock(&rw));
	TR("rwlock_unlock", old_rwlock_unlock(&rw));
	TR("rwlock_unlock", old_rwlock_unlock(&rw));
	TR("rwlock_wrlock", old_rwlock_wrlock(&rw));
	TR("rwlock_wrlock again", old_rwlock_wrlock(&rw));
	TR("rwlock_rdlock as writer", old_rwlock_rdlock(&rw));
	TR("rwlock_tryrdlock", old_rwlock_tryrdlock(&rw));
	TR("unlock by the new name", pthread_rwlock_unlock(&rw));
	TR("rwlock_trywrlock", old_rwlock_trywrlock(&rw));
	TR("rwlock_unlock", old_rwlock_unlock(&rw));
	TR("rwlock_destroy", old_rwlock_destroy(&rw));
}

int main(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_key_t key;
	tr_begin();
	mutexes();
	rwlocks();
	TR("once", old_once(&once, routine));
	TR("once by the new name", pthread_once(&once, routine));
	TR_NUM("runs", runs);
	TR("key_create", old_key_create(&key, NULL));
	TR("key_delete", pthread_key_delete(key));
	return tr_end();
}
#else
int main(void)
{
	tr_say("no older names on this machine");
	return tr_end();
}
#endif
