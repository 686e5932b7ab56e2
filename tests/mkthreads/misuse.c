/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * misuse.c - scenarios that break one rule of the thread library each (misuse), and scenarios that only look like it (proper).
 * The rule is a parameter: the tables below name them, and the truth says which.
 */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t victim = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rw;
static struct mk_gate ready, leave;
static int waiter_tid;

struct way {
	const char *rule;
	void (*run)(void);
};

static struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;
	clock_gettime(clock, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* Runs fn in a thread and joins it. */
static void elsewhere(void *(*fn)(void *))
{
	pthread_t t;
	MK_CREATE(&t, NULL, fn, NULL);
	MK_JOIN(t, NULL);
}

MK_NAMED static void victim_locks(void)
{
	MK_MUST(pthread_mutex_lock(&victim));
}

MK_NAMED static int victim_unlocks(void)
{
	int rc = pthread_mutex_unlock(&victim);
	MK_KEEP_FRAME();
	return rc;
}

static void *holder_main(void *unused)
{
	victim_locks();
	mk_gate_add(&ready);
	mk_gate_wait(&leave, 1);
	return unused;
}

static void *unlock_main(void *unused)
{
	victim_unlocks();
	return unused;
}

/* ------------------------------------------------------------------ what is wrong */

static void unlock_not_owner(void)
{
	victim_locks();
	elsewhere(unlock_main);
}

static void unlock_unlocked(void)
{
	victim_locks();
	victim_unlocks();
	victim_unlocks();
}

MK_NAMED static int victim_destroyed(void)
{
	int rc = pthread_mutex_destroy(&victim);
	MK_KEEP_FRAME();
	return rc;
}

static void destroy_locked(void)
{
	victim_locks();
	MK_EXPECT(victim_destroyed(), EBUSY);
	victim_unlocks();
}

static void use_after_destroy(void)
{
	victim_locks();
	victim_unlocks();
	MK_MUST(victim_destroyed());
	MK_EXPECT(pthread_mutex_lock(&victim), EINVAL);
}

static void *forgets_main(void *unused)
{
	victim_locks();
	return unused;
}

static void exit_holding(void)
{
	elsewhere(forgets_main);
}

static void *cancelled_main(void *unused)
{
	victim_locks();
	mk_gate_add(&ready);
	for (;;)
		pause();
	return unused;
}

static void exit_holding_cancelled(void)
{
	pthread_t t;
	MK_CREATE(&t, NULL, cancelled_main, NULL);
	mk_gate_wait(&ready, 1);
	MK_MUST(pthread_cancel(t));
	MK_JOIN(t, NULL);
}

static void *nothing_main(void *unused)
{
	return unused;
}

static void double_join(void)
{
	pthread_t t;
	MK_CREATE(&t, NULL, nothing_main, NULL);
	MK_JOIN(t, NULL);
	MK_EXPECT(pthread_join(t, NULL), ESRCH); /* glibc keeps the descriptor of the last thread that ended */
}

static void join_self(void)
{
	MK_EXPECT(pthread_join(pthread_self(), NULL), EDEADLK);
}

static void *waits_to_leave(void *unused)
{
	mk_gate_wait(&leave, 1);
	return unused;
}

static void join_detached(void)
{
	pthread_t t;
	MK_CREATE(&t, NULL, waits_to_leave, NULL);
	MK_MUST(pthread_detach(t));
	mk_detached(1);
	MK_EXPECT(pthread_join(t, NULL), EINVAL);
	mk_gate_add(&leave);
}

MK_NAMED static int cond_waits(pthread_mutex_t *m, long ms)
{
	struct timespec until = in_ms(CLOCK_REALTIME, ms);
	int rc = pthread_cond_timedwait(&cond, m, &until);
	MK_KEEP_FRAME();
	return rc;
}

static void wait_without_lock(void)
{
	MK_EXPECT(cond_waits(&victim, 5), ETIMEDOUT);
	victim_unlocks();
}

static void *waiter_main(void *unused)
{
	victim_locks();
	__atomic_store_n(&waiter_tid, mk_tid(), __ATOMIC_RELEASE);
	mk_gate_add(&ready);
	cond_waits(&victim, 200);
	victim_unlocks();
	return unused;
}

static pthread_t start_waiter(void)
{
	pthread_t t;
	MK_CREATE(&t, NULL, waiter_main, NULL);
	mk_gate_wait(&ready, 1);
	mk_wait_blocked(0, waiter_tid, &cond, sizeof(cond));
	return t;
}

static void wait_mixed(void)
{
	pthread_t t = start_waiter();
	MK_MUST(pthread_mutex_lock(&second));
	cond_waits(&second, 5);
	MK_MUST(pthread_mutex_unlock(&second));
	MK_JOIN(t, NULL);
}

static void destroy_waited(void)
{
	pthread_t t = start_waiter();
	MK_MUST(pthread_cond_destroy(&cond)); /* until its deadline has woken the waiter */
	MK_JOIN(t, NULL);
}

static void init_rwlock(int kind)
{
	pthread_rwlockattr_t a;
	MK_MUST(pthread_rwlockattr_init(&a));
	MK_MUST(pthread_rwlockattr_setkind_np(&a, kind));
	MK_MUST(pthread_rwlock_init(&rw, &a));
	MK_MUST(pthread_rwlockattr_destroy(&a));
}

MK_NAMED static void reads_again(void)
{
	MK_MUST(pthread_rwlock_rdlock(&rw));
}

static void read_twice(int kind)
{
	init_rwlock(kind);
	MK_MUST(pthread_rwlock_wrlock(&rw));
	MK_MUST(pthread_rwlock_unlock(&rw));
	MK_MUST(pthread_rwlock_rdlock(&rw));
	reads_again();
	MK_MUST(pthread_rwlock_unlock(&rw));
	MK_MUST(pthread_rwlock_unlock(&rw));
}

static void recursive_read(void)
{
	read_twice(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
}

MK_NAMED static int victim_again(void)
{
	struct timespec until = in_ms(CLOCK_REALTIME, 5);
	int rc = pthread_mutex_timedlock(&victim, &until);
	MK_KEEP_FRAME();
	return rc;
}

static void relock(void)
{
	victim_locks();
	MK_EXPECT(victim_again(), ETIMEDOUT);
	victim_unlocks();
}

static void reinit_locked(void)
{
	victim_locks();
	MK_MUST(pthread_mutex_init(&victim, NULL));
}

static void freed_locked(void)
{
	pthread_mutex_t *m = malloc(sizeof(*m));
	void *volatile other = malloc(100);
	MK_TRUE(m && other);
	MK_MUST(pthread_mutex_init(m, NULL));
	free(other); /* from the first free on the recorder knows whose allocator it is */
	MK_MUST(pthread_mutex_lock(m));
	free(m);
}

static void call_failed(void)
{
	init_rwlock(PTHREAD_RWLOCK_PREFER_READER_NP);
	MK_MUST(pthread_rwlock_wrlock(&rw));
	MK_EXPECT(pthread_rwlock_wrlock(&rw), EDEADLK);
	MK_MUST(pthread_rwlock_unlock(&rw));
}

static void cond_after_destroy(void)
{
	victim_locks();
	cond_waits(&victim, 1);
	victim_unlocks();
	MK_MUST(pthread_cond_destroy(&cond));
	pthread_cond_signal(&cond);
	MK_KEEP_FRAME();
}

/* ------------------------------------------------------------------ what is right */

static void errorcheck_tells(void)
{
	pthread_mutex_t m = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
	MK_EXPECT(pthread_mutex_unlock(&m), EPERM);
	MK_MUST(pthread_mutex_lock(&m));
	MK_EXPECT(pthread_mutex_lock(&m), EDEADLK);
	MK_MUST(pthread_mutex_unlock(&m));
	MK_MUST(pthread_mutex_destroy(&m));
}

static pthread_mutex_t robust;

static void *dies_main(void *unused)
{
	MK_MUST(pthread_mutex_lock(&robust));
	return unused;
}

static void robust_used(void)
{
	pthread_mutexattr_t a;
	MK_MUST(pthread_mutexattr_init(&a));
	MK_MUST(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST));
	MK_MUST(pthread_mutex_init(&robust, &a));
	elsewhere(dies_main);
	MK_EXPECT(pthread_mutex_lock(&robust), EOWNERDEAD);
	MK_MUST(pthread_mutex_consistent(&robust));
	MK_MUST(pthread_mutex_unlock(&robust));
	elsewhere(dies_main);
	MK_EXPECT(pthread_mutex_lock(&robust), EOWNERDEAD);
	MK_MUST(pthread_mutex_unlock(&robust));
	MK_EXPECT(pthread_mutex_lock(&robust), ENOTRECOVERABLE);
	MK_MUST(pthread_mutex_destroy(&robust));
}

static sem_t sem;

static void *posts_main(void *unused)
{
	MK_MUST(sem_post(&sem));
	return unused;
}

static void sem_posted(void)
{
	MK_MUST(sem_init(&sem, 0, 1));
	MK_MUST(sem_wait(&sem));
	elsewhere(posts_main);
	MK_MUST(sem_wait(&sem));
}

static void *tries_main(void *unused)
{
	MK_EXPECT(pthread_mutex_trylock(&victim), EBUSY);
	MK_EXPECT(victim_again(), ETIMEDOUT);
	return unused;
}

static void tries(void)
{
	victim_locks();
	elsewhere(tries_main);
	victim_unlocks();
	pthread_mutex_t m = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
	MK_MUST(pthread_mutex_lock(&m));
	MK_MUST(pthread_mutex_lock(&m));
	MK_MUST(pthread_mutex_unlock(&m));
	MK_MUST(pthread_mutex_unlock(&m));
}

static void reads_twice(void)
{
	read_twice(PTHREAD_RWLOCK_PREFER_READER_NP);
}

static pthread_key_t key;

static void key_unlocks(void *unused)
{
	(void)unused;
	victim_unlocks();
}

static void *key_main(void *unused)
{
	victim_locks();
	MK_MUST(pthread_setspecific(key, &key));
	return unused;
}

static void unlocked_by_destructor(void)
{
	MK_MUST(pthread_key_create(&key, key_unlocks));
	elsewhere(key_main);
	victim_locks();
	victim_unlocks();
}

static bool woken;

static void *woken_main(void *unused)
{
	victim_locks();
	mk_gate_add(&ready);
	while (!woken)
		MK_MUST(pthread_cond_wait(&cond, &victim));
	victim_unlocks();
	return unused;
}

/* The condition may go as soon as its waiters are woken, the mutex be made anew by assignment once it was destroyed. */
static void destroyed_in_order(void)
{
	pthread_t t;
	MK_CREATE(&t, NULL, woken_main, NULL);
	mk_gate_wait(&ready, 1);
	victim_locks();
	woken = true;
	MK_MUST(pthread_cond_broadcast(&cond));
	victim_unlocks();
	MK_MUST(pthread_cond_destroy(&cond));
	MK_JOIN(t, NULL);
	MK_MUST(victim_destroyed());
	victim = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	cond = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	victim_locks();
	cond_waits(&victim, 1);
	MK_MUST(pthread_cond_signal(&cond));
	victim_unlocks();
}

/* A mutex that one process locks and the other unlocks, as some protocols over shared memory do. */
static void shared_handed_over(void)
{
	pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t a;
	int status = 0;
	MK_TRUE(m != MAP_FAILED);
	MK_MUST(pthread_mutexattr_init(&a));
	MK_MUST(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
	MK_MUST(pthread_mutex_init(m, &a));
	MK_MUST(pthread_mutex_lock(m));
	pid_t pid = fork();
	MK_TRUE(pid >= 0);
	if (pid == 0)
		_exit(pthread_mutex_unlock(m));
	MK_TRUE(waitpid(pid, &status, 0) == pid && status == 0);
	MK_MUST(pthread_mutex_lock(m));
}

/* The child of a fork has its parent's locks, and gives back those that its own thread held. */
static void fork_unlocks(void)
{
	int status = 0;
	elsewhere(nothing_main);
	victim_locks();
	pid_t pid = fork();
	MK_TRUE(pid >= 0);
	if (pid == 0) {
		pthread_t t;
		victim_unlocks();
		victim_locks();
		victim_unlocks();
		if (pthread_create(&t, NULL, nothing_main, NULL) == 0)
			pthread_join(t, NULL);
		_exit(0);
	}
	victim_unlocks(); /* not while it waits: that would be another finding, if the child gets no processor */
	MK_TRUE(waitpid(pid, &status, 0) == pid && status == 0);
}

/* A detached thread holds a lock when the program ends. */
static void ends_held(void)
{
	pthread_t t;
	MK_CREATE(&t, NULL, holder_main, NULL);
	MK_MUST(pthread_detach(t));
	mk_detached(1);
	mk_gate_wait(&ready, 1);
}

/* ------------------------------------------------------------------ the tables */

static int run_way(const struct way *ways, size_t count)
{
	long kind = mk_arg("kind");
	MK_TRUE(kind >= 0 && (size_t)kind < count);
	mk_fact_text("rule", ways[kind].rule);
	ways[kind].run();
	return 0;
}

int misuse(void)
{
	static const struct way ways[] = {
		{"unlock-not-owner", unlock_not_owner},
		{"unlock-unlocked", unlock_unlocked},
		{"destroy-locked", destroy_locked},
		{"use-after-destroy", use_after_destroy},
		{"exit-holding-lock", exit_holding},
		{"exit-holding-lock", exit_holding_cancelled},
		{"double-join", double_join},
		{"join-self", join_self},
		{"join-detached", join_detached},
		{"wait-without-lock", wait_without_lock},
		{"wait-mixed-mutexes", wait_mixed},
		{"destroy-waited", destroy_waited},
		{"recursive-read-lock", recursive_read},
		{"relock", relock},
		{"reinit-locked", reinit_locked},
		{"freed-locked", freed_locked},
		{"lock-call-failed", call_failed},
		{"use-after-destroy", cond_after_destroy},
	};
	return run_way(ways, sizeof(ways) / sizeof(*ways));
}

/* With a second thread before all else: a program of one thread with nothing to tell leaves no recording. */
int proper(void)
{
	static const struct way ways[] = {
		{"errorcheck", errorcheck_tells},
		{"robust", robust_used},
		{"semaphore-posted-elsewhere", sem_posted},
		{"tries-and-deadlines", tries},
		{"reads-twice", reads_twice},
		{"unlocked-by-destructor", unlocked_by_destructor},
		{"destroyed-in-order", destroyed_in_order},
		{"shared-handed-over", shared_handed_over},
		{"fork-unlocks", fork_unlocks},
		{"ends-held", ends_held},
	};
	elsewhere(nothing_main);
	return run_way(ways, sizeof(ways) / sizeof(*ways));
}
