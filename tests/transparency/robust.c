/* SPDX-License-Identifier: GPL-3.0-or-later */
/* robust.c - EOWNERDEAD and ENOTRECOVERABLE by every way to lock; PI, PP and process-shared mutexes. See tr.h. */
#include "tests/transparency/tr.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

static pthread_mutex_t m;

static void init(pthread_mutex_t *mutex, int type, int robust, int protocol, int shared)
{
	pthread_mutexattr_t a;
	TR_MUST(pthread_mutexattr_init(&a));
	TR_MUST(pthread_mutexattr_settype(&a, type));
	TR_MUST(pthread_mutexattr_setrobust(&a, robust));
	TR_MUST(pthread_mutexattr_setprotocol(&a, protocol));
	TR_MUST(pthread_mutexattr_setpshared(&a, shared));
	TR("init", pthread_mutex_init(mutex, &a));
	TR_MUST(pthread_mutexattr_destroy(&a));
}

static void *dies_holding(void *arg)
{
	TR_MUST(pthread_mutex_lock(arg));
	return NULL;
}

static int by_lock(pthread_mutex_t *mutex)
{
	return pthread_mutex_lock(mutex);
}

static int by_trylock(pthread_mutex_t *mutex)
{
	return pthread_mutex_trylock(mutex);
}

static int by_timedlock(pthread_mutex_t *mutex)
{
	struct timespec until = tr_in_ms(CLOCK_REALTIME, 100);
	return pthread_mutex_timedlock(mutex, &until);
}

static int by_clocklock(pthread_mutex_t *mutex)
{
	struct timespec until = tr_in_ms(CLOCK_MONOTONIC, 100);
	return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
}

typedef int (*locker)(pthread_mutex_t *);
static const struct {
	const char *name;
	locker lock;
} lockers[] = {{"lock", by_lock}, {"trylock", by_trylock}, {"timedlock", by_timedlock}, {"clocklock", by_clocklock}};

/* Owner dies; taken over and made consistent; owner dies again; not made consistent; then not recoverable. */
static void robust_view(const char *name, locker lock, int type, int protocol, int shared)
{
	tr_say("robust %s type %d protocol %d shared %d", name, type, protocol, shared);
	init(&m, type, PTHREAD_MUTEX_ROBUST, protocol, shared);
	TR(" consistent while sound", pthread_mutex_consistent(&m));
	tr_elsewhere(dies_holding, &m);
	TR(" takes over", lock(&m));
	TR(" consistent", pthread_mutex_consistent(&m));
	TR(" consistent again", pthread_mutex_consistent(&m));
	TR(" unlock", pthread_mutex_unlock(&m));
	TR(" sound again", lock(&m));
	TR(" unlock", pthread_mutex_unlock(&m));
	tr_elsewhere(dies_holding, &m);
	TR(" takes over", lock(&m));
	TR(" unlock without consistent", pthread_mutex_unlock(&m));
	TR(" lock", pthread_mutex_lock(&m));
	TR(" trylock", pthread_mutex_trylock(&m));
	TR(" timedlock", by_timedlock(&m));
	TR(" destroy", pthread_mutex_destroy(&m));
}

/* The owner dies while somebody waits for it. */
static int waiter_tid;

static void *waits_for_dead(void *arg)
{
	tr_publish(&waiter_tid);
	long rc = by_lock(arg);
	if (rc == EOWNERDEAD) {
		TR_MUST(pthread_mutex_consistent(arg));
		TR_MUST(pthread_mutex_unlock(arg));
	}
	return (void *)rc;
}

static void *dies_while_waited_for(void *arg)
{
	TR_MUST(pthread_mutex_lock(arg));
	tr_set(&waiter_tid, 0);
	pthread_t t;
	TR_MUST(pthread_create(&t, NULL, waits_for_dead, arg));
	tr_blocked(&waiter_tid);
	return (void *)t;
}

static void contended_robust(void)
{
	void *ret;
	init(&m, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, PTHREAD_PROCESS_PRIVATE);
	pthread_t t = (pthread_t)tr_elsewhere(dies_while_waited_for, &m);
	if (tr_join("the waiter got it", t, &ret))
		TR("the waiter's result", (long)ret);
	TR("sound afterwards", pthread_mutex_trylock(&m));
	TR("unlock", pthread_mutex_unlock(&m));
}

static void process_dies(void)
{
	pthread_mutex_t *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TR_MUST(s == MAP_FAILED);
	init(s, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, PTHREAD_PROCESS_SHARED);
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();
		if (!pid) {
			dies_holding(s);
			_exit(0);
		}
		TR_MUST(waitpid(pid, NULL, 0) != pid);
		tr_say("process died, then %s", lockers[i].name);
		TR(" takes over", lockers[i].lock(s));
		TR(" consistent", pthread_mutex_consistent(s));
		TR(" lock again", pthread_mutex_lock(s));
		TR(" unlock", pthread_mutex_unlock(s));
	}
}

static void pi_view(void)
{
	init(&m, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT, PTHREAD_PROCESS_PRIVATE);
	TR("pi lock", pthread_mutex_lock(&m));
	TR("pi trylock", pthread_mutex_trylock(&m));
	TR("pi unlock", pthread_mutex_unlock(&m));
	TR("pi timedlock", by_timedlock(&m));
	TR("pi unlock", pthread_mutex_unlock(&m));
	TR("pi destroy", pthread_mutex_destroy(&m));
	init(&m, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT, PTHREAD_PROCESS_PRIVATE);
	TR("pi errorcheck lock", pthread_mutex_lock(&m));
	TR("pi errorcheck lock again", pthread_mutex_lock(&m));
	TR("pi errorcheck unlock", pthread_mutex_unlock(&m));
	TR("pi errorcheck unlock again", pthread_mutex_unlock(&m));
}

/* Without the right to real-time priorities it fails with EPERM. */
static void pp_lock(const char *name, int (*lock)(pthread_mutex_t *))
{
	errno = TR_SENTINEL;
	int rc = lock(&m);
	tr_result(name, rc, errno);
	if (rc == 0)
		TR(" unlock", pthread_mutex_unlock(&m));
}

static void pp_view(void)
{
	int ceiling = -1, old = -1;
	pthread_mutexattr_t a;
	TR_MUST(pthread_mutexattr_init(&a));
	TR_MUST(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_PROTECT));
	TR("pp ceiling", pthread_mutexattr_setprioceiling(&a, 10));
	TR("pp init", pthread_mutex_init(&m, &a));
	TR("pp getprioceiling", pthread_mutex_getprioceiling(&m, &ceiling));
	TR_NUM("pp ceiling", ceiling);
	pp_lock("pp lock", pthread_mutex_lock);
	pp_lock("pp trylock", pthread_mutex_trylock);
	TR("pp setprioceiling", pthread_mutex_setprioceiling(&m, 12, &old));
	TR_NUM("pp old ceiling", old);
}

int main(void)
{
	tr_begin();
	for (int i = 0; i < 4; i++) {
		robust_view(lockers[i].name, lockers[i].lock, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_PROCESS_PRIVATE);
		robust_view(
			lockers[i].name, lockers[i].lock, PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, PTHREAD_PROCESS_PRIVATE);
		robust_view(
			lockers[i].name, lockers[i].lock, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, PTHREAD_PROCESS_SHARED);
		robust_view(
			lockers[i].name, lockers[i].lock, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_PROCESS_PRIVATE);
	}
	contended_robust();
	process_dies();
	pi_view();
	pp_view();
	return tr_end();
}
