/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mutex_types.c - scenarios of mutex attributes: recursive, errorcheck, adaptive, robust, PI, PP, process-shared; reuse. */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t typed;

static void init_mutex(pthread_mutex_t *m, int type, int protocol, int robust, int pshared)
{
	pthread_mutexattr_t a;
	MK_MUST(pthread_mutexattr_init(&a));
	MK_MUST(pthread_mutexattr_settype(&a, type));
	MK_MUST(pthread_mutexattr_setprotocol(&a, protocol));
	MK_MUST(pthread_mutexattr_setrobust(&a, robust));
	MK_MUST(pthread_mutexattr_setpshared(&a, pshared));
	if (protocol == PTHREAD_PRIO_PROTECT)
		MK_MUST(pthread_mutexattr_setprioceiling(&a, 1));
	MK_MUST(pthread_mutex_init(m, &a));
	MK_MUST(pthread_mutexattr_destroy(&a));
}

MK_NAMED static void again_locks(pthread_mutex_t *m)
{
	MK_MUST(pthread_mutex_lock(m));
}

/* Contended, and locked to a known depth by one thread: each level is an acquisition. */
int recursive(void)
{
	long depth = mk_arg("depth");
	init_mutex(&typed, PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	struct mk_lock *l = contend_mutex(&typed, "recursive");
	for (long i = 0; i < depth; i++)
		again_locks(&typed);
	for (long i = 0; i < depth; i++)
		MK_MUST(pthread_mutex_unlock(&typed));
	mk_took(l, (uint64_t)depth);
	mk_count(l, "depth", (uint64_t)depth);
	return 0;
}

MK_NAMED static int errorcheck_relock(void)
{
	int rc = pthread_mutex_lock(&typed);
	MK_KEEP_FRAME();
	return rc;
}

MK_NAMED static int errorcheck_unlock_foreign(void)
{
	int rc = pthread_mutex_unlock(&typed);
	MK_KEEP_FRAME();
	return rc;
}

/* Contended; then a relock by its owner (EDEADLK) and an unlock without owning it (EPERM): neither is an acquisition. */
int errorcheck(void)
{
	init_mutex(&typed, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	struct mk_lock *l = contend_mutex(&typed, "errorcheck");
	MK_MUST(pthread_mutex_lock(&typed));
	mk_took(l, 1);
	MK_EXPECT(errorcheck_relock(), EDEADLK);
	MK_MUST(pthread_mutex_unlock(&typed));
	MK_EXPECT(errorcheck_unlock_foreign(), EPERM);
	mk_count(l, "relock_errors", 1);
	mk_count(l, "unlock_errors", 1);
	return 0;
}

int adaptive(void)
{
	init_mutex(&typed, PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	contend_mutex(&typed, "adaptive");
	return 0;
}

int pi(void)
{
	init_mutex(&typed, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	contend_mutex(&typed, "pi");
	return 0;
}

/* Needs the right to real-time priorities; without it the truth says so and nothing is locked. */
int pp(void)
{
	init_mutex(&typed, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_PROTECT, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	int rc = pthread_mutex_lock(&typed);
	mk_fact("permitted", rc == 0);
	if (rc)
		return 0;
	MK_MUST(pthread_mutex_unlock(&typed));
	mk_took(contend_mutex(&typed, "pp"), 1);
	return 0;
}

/* ------------------------------------------------------------------ robust */

MK_NAMED static void robust_dies_holding(void)
{
	MK_MUST(pthread_mutex_lock(&typed));
}

MK_NAMED static int robust_takes_over(void)
{
	int rc = pthread_mutex_lock(&typed);
	MK_KEEP_FRAME();
	return rc;
}

static void *robust_main(void *lock)
{
	mk_enter("robust_main");
	robust_dies_holding();
	mk_took(lock, 1);
	return NULL;
}

/* Contended; then each round a thread ends while it holds the lock, and the next one to lock takes it over. */
int robust_owner_died(void)
{
	init_mutex(&typed, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
	struct mk_lock *l = contend_mutex(&typed, "robust");
	for (long r = 0; r < mk_arg("deaths"); r++) {
		pthread_t t;
		MK_CREATE(&t, NULL, robust_main, l);
		MK_JOIN(t, NULL);
		MK_EXPECT(robust_takes_over(), EOWNERDEAD);
		mk_took(l, 1);
		mk_count(l, "owner_died", 1);
		MK_MUST(pthread_mutex_consistent(&typed));
		MK_MUST(pthread_mutex_unlock(&typed));
	}
	return 0;
}

/* ------------------------------------------------------------------ between processes */

struct shared {
	pthread_mutex_t mutex;
	struct mk_gate round, asking, done;
};

MK_NAMED static void shared_holder(pthread_mutex_t *m)
{
	MK_MUST(pthread_mutex_lock(m));
}

MK_NAMED static void shared_waiter(pthread_mutex_t *m)
{
	MK_MUST(pthread_mutex_lock(m));
}

static void shared_child(struct shared *s, long rounds)
{
	struct mk_lock *l = mk_add_lock("shared", "mutex", &s->mutex, sizeof(s->mutex));
	struct mk_pair *p = mk_add_pair(l, "shared_waiter", NULL); /* its holder is in another recording */
	/* A recorder may begin a child's recording at its first lock: not inside a wait that is measured. */
	pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
	MK_MUST(pthread_mutex_lock(&first));
	MK_MUST(pthread_mutex_unlock(&first));
	for (int r = 1; r <= rounds; r++) {
		mk_gate_wait(&s->round, r);
		mk_gate_add(&s->asking);
		uint64_t t0 = mk_now();
		shared_waiter(&s->mutex);
		mk_waited(p, mk_now() - t0);
		MK_MUST(pthread_mutex_unlock(&s->mutex));
		mk_gate_add(&s->done);
	}
}

/* The parent holds, its child waits. */
int process_shared(void)
{
	long rounds = mk_arg("rounds");
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MK_TRUE(s != MAP_FAILED);
	init_mutex(&s->mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_SHARED);
	struct mk_lock *l = mk_add_lock("shared", "mutex", &s->mutex, sizeof(s->mutex));
	pid_t child = fork();
	MK_TRUE(child >= 0);
	if (!child) {
		shared_child(s, rounds);
		_exit(0);
	}
	for (int r = 0; r < rounds; r++) {
		shared_holder(&s->mutex);
		mk_took(l, 1);
		mk_gate_add(&s->round);
		mk_gate_wait(&s->asking, r + 1);
		mk_wait_blocked(child, child, &s->mutex, sizeof(s->mutex));
		mk_sleep_us(mk_arg("hold_us"));
		MK_MUST(pthread_mutex_unlock(&s->mutex));
		mk_gate_wait(&s->done, r + 1);
	}
	int status;
	MK_TRUE(waitpid(child, &status, 0) == child && status == 0);
	mk_fact("child_pid", child);
	return 0;
}

/* ------------------------------------------------------------------ reuse */

MK_NAMED static void reuse_pair(pthread_mutex_t *m)
{
	MK_MUST(pthread_mutex_lock(m));
	MK_MUST(pthread_mutex_unlock(m));
}

/* One address, destroyed and initialised again: every generation is another lock, all at one place in the code. */
int destroy_reinit(void)
{
	long generations = mk_arg("generations"), rounds = mk_arg("rounds");
	struct mk_lock *l = mk_add_lock("reborn", "mutex", &typed, sizeof(typed));
	for (long g = 0; g < generations; g++) {
		MK_MUST(pthread_mutex_init(&typed, NULL));
		for (long r = 0; r < rounds; r++)
			reuse_pair(&typed);
		MK_MUST(pthread_mutex_destroy(&typed));
	}
	mk_took(l, (uint64_t)(generations * rounds));
	mk_count(l, "generations", (uint64_t)generations);
	return 0;
}
