/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * minstack.c - threads with the smallest stack that there is can be made, and can do everything, also wait. See tr.h.
 * Their results are printed by the main thread: printf would need more stack than they have.
 */
#include "tests/transparency/tr.h"

#include <limits.h>
#include <semaphore.h>
#include <threads.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER, held = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER, held_rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t s, empty;
static mtx_t mtx;
static cnd_t cnd;
static once_flag flag = ONCE_FLAG_INIT;
static int tid, go;
static struct timespec past = {1, 0};

static void nothing(void)
{
}

static int r_mutex(void)
{
	return pthread_mutex_lock(&m) | pthread_mutex_unlock(&m) | pthread_mutex_trylock(&m) | pthread_mutex_unlock(&m) |
	       pthread_mutex_timedlock(&m, &past) | pthread_mutex_unlock(&m) |
	       pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &past) | pthread_mutex_unlock(&m);
}

static int r_nested(void)
{
	static pthread_mutex_t deep[40];
	int rc = 0;
	for (int i = 0; i < 40; i++)
		rc |= pthread_mutex_lock(&deep[i]);
	for (int i = 39; i >= 0; i--)
		rc |= pthread_mutex_unlock(&deep[i]);
	return rc;
}

static int r_init(void)
{
	pthread_mutex_t tmp;
	pthread_cond_t tmp_cond;
	pthread_rwlock_t tmp_rw;
	return pthread_mutex_init(&tmp, NULL) | pthread_mutex_lock(&tmp) | pthread_mutex_unlock(&tmp) |
	       pthread_mutex_destroy(&tmp) | pthread_cond_init(&tmp_cond, NULL) | pthread_cond_destroy(&tmp_cond) |
	       pthread_rwlock_init(&tmp_rw, NULL) | pthread_rwlock_destroy(&tmp_rw);
}

static int r_rwlock(void)
{
	return pthread_rwlock_rdlock(&rw) | pthread_rwlock_unlock(&rw) | pthread_rwlock_wrlock(&rw) |
	       pthread_rwlock_unlock(&rw) | pthread_rwlock_tryrdlock(&rw) | pthread_rwlock_unlock(&rw) |
	       pthread_rwlock_timedwrlock(&rw, &past) | pthread_rwlock_unlock(&rw);
}

static int r_cond(void)
{
	int rc = pthread_mutex_lock(&m);
	rc |= pthread_cond_signal(&c) | pthread_cond_broadcast(&c);
	rc |= pthread_cond_timedwait(&c, &m, &past) ^ ETIMEDOUT;
	rc |= pthread_cond_clockwait(&c, &m, CLOCK_MONOTONIC, &past) ^ ETIMEDOUT;
	return rc | pthread_mutex_unlock(&m);
}

static int r_sem(void)
{
	return sem_post(&s) | sem_wait(&s) | sem_post(&s) | sem_trywait(&s) | sem_post(&s) | sem_timedwait(&s, &past);
}

static int r_spin_once_barrier(void)
{
	int rc = pthread_spin_lock(&spin) | pthread_spin_unlock(&spin) | pthread_once(&once, nothing);
	return rc | (pthread_barrier_wait(&barrier) ^ PTHREAD_BARRIER_SERIAL_THREAD);
}

static int r_c11(void)
{
	int rc = mtx_lock(&mtx) | cnd_signal(&cnd) | (cnd_timedwait(&cnd, &mtx, &past) ^ thrd_timedout) | mtx_unlock(&mtx);
	call_once(&flag, nothing);
	return rc;
}

static int r_futex(void)
{
	static int word;
	return (int)syscall(SYS_futex, &word, 1, 1, NULL, NULL, 0);
}

static int r_name(void)
{
	return pthread_setname_np(pthread_self(), "small");
}

/* The waiting ones: the main thread holds what they want until they are seen blocked. */
static int w_mutex(void)
{
	tr_publish(&tid);
	return pthread_mutex_lock(&held) | pthread_mutex_unlock(&held);
}

static int w_rwlock(void)
{
	tr_publish(&tid);
	return pthread_rwlock_rdlock(&held_rw) | pthread_rwlock_unlock(&held_rw);
}

static int w_sem(void)
{
	tr_publish(&tid);
	return sem_wait(&empty);
}

static int w_cond(void)
{
	int rc = pthread_mutex_lock(&m);
	tr_publish(&tid);
	while (!go)
		rc |= pthread_cond_wait(&c, &m);
	return rc | pthread_mutex_unlock(&m);
}

static const struct {
	const char *name;
	int (*run)(void);
	bool waits;
} cases[] = {
	{"mutex", r_mutex, false},
	{"nested", r_nested, false},
	{"init and destroy", r_init, false},
	{"rwlock", r_rwlock, false},
	{"cond", r_cond, false},
	{"sem", r_sem, false},
	{"spin, once, barrier", r_spin_once_barrier, false},
	{"c11", r_c11, false},
	{"futex", r_futex, false},
	{"setname", r_name, false},
	{"waits for a mutex", w_mutex, true},
	{"waits for a rwlock", w_rwlock, true},
	{"waits for a semaphore", w_sem, true},
	{"waits for a condition", w_cond, true},
};

static void *small_main(void *arg)
{
	return (void *)(long)((int (*)(void))arg)();
}

static void *small_exit(void *arg)
{
	pthread_exit(arg);
}

static void let_go(void)
{
	tr_blocked(&tid);
	TR_MUST(pthread_mutex_lock(&m));
	go = 1;
	TR_MUST(pthread_cond_broadcast(&c));
	TR_MUST(pthread_mutex_unlock(&m));
	TR_MUST(pthread_mutex_unlock(&held));
	TR_MUST(pthread_rwlock_unlock(&held_rw));
	TR_MUST(sem_post(&empty));
}

static void run_case(size_t i, pthread_attr_t *a)
{
	pthread_t t;
	void *ret = (void *)-1;
	tid = go = 0;
	TR_MUST(sem_init(&empty, 0, 0));
	TR_MUST(pthread_mutex_lock(&held));
	TR_MUST(pthread_rwlock_wrlock(&held_rw));
	TR("create", pthread_create(&t, a, small_main, (void *)cases[i].run));
	if (cases[i].waits) {
		let_go();
	} else {
		TR_MUST(pthread_mutex_unlock(&held));
		TR_MUST(pthread_rwlock_unlock(&held_rw));
	}
	tr_join("joined", t, &ret);
	TR(cases[i].name, (long)ret);
}

int main(void)
{
	pthread_attr_t a;
	pthread_t t;
	void *ret = NULL;
	tr_begin();
	TR_MUST(pthread_attr_init(&a));
	TR("setstacksize", pthread_attr_setstacksize(&a, (size_t)PTHREAD_STACK_MIN));
	TR("setstacksize less", pthread_attr_setstacksize(&a, (size_t)PTHREAD_STACK_MIN - 1));
	TR_MUST(pthread_spin_init(&spin, 0));
	TR_MUST(pthread_barrier_init(&barrier, NULL, 1));
	TR_MUST(sem_init(&s, 0, 0));
	TR_MUST(mtx_init(&mtx, mtx_timed) != thrd_success);
	TR_MUST(cnd_init(&cnd) != thrd_success);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		run_case(i, &a);
	TR("create", pthread_create(&t, &a, small_exit, &m));
	tr_join("joined", t, &ret);
	TR_TRUE("pthread_exit", ret == &m);
	return tr_end();
}
