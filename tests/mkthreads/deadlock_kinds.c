/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * deadlock_kinds.c - deadlocks of every kind beside rings of mutexes, and what only looks like one. The hanging ones print the
 * truth once every member is seen blocked: its edges are the members, and what each waits for.
 */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <semaphore.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64

static struct {
	struct mk_gate ready, go;
	int n, kind;
	int tid[MAX_THREADS];
	pthread_t thread[MAX_THREADS];
} kinds;

static int tid_of(int i)
{
	int value;
	while (!(value = __atomic_load_n(&kinds.tid[i], __ATOMIC_ACQUIRE)))
		mk_sleep_us(30);
	return value;
}

/* The calling thread is number i, and everybody may know. */
static void is_number(int i)
{
	__atomic_store_n(&kinds.tid[i], mk_tid(), __ATOMIC_RELEASE);
}

/* Member i is blocked on the object, which `owner` holds (0: nobody in particular). */
static void member(int i, const void *object, size_t size, int owner)
{
	mk_wait_blocked(0, tid_of(i), object, size);
	mk_edge(tid_of(i), object, owner);
}

static int hang(int threads)
{
	mk_fact("deadlock", 1);
	mk_print();
	for (int i = 0; i < threads; i++)
		MK_JOIN(kinds.thread[i], NULL);
	return 1;
}

/* ------------------------------------------------------------------ a thread waits for itself */

static pthread_mutex_t own_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t own_rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t own_spin;
static mtx_t own_mtx;

MK_NAMED static void takes_its_own_again(int kind)
{
	switch (kind) {
	case 0:
		MK_MUST(pthread_mutex_lock(&own_mutex));
		break;
	case 1:
		MK_MUST(pthread_rwlock_wrlock(&own_rw));
		break;
	case 2:
		MK_MUST(pthread_spin_lock(&own_spin));
		break;
	default:
		MK_MUST(mtx_lock(&own_mtx));
	}
}

static void *own_main(void *arg)
{
	mk_enter("own_main");
	(void)arg;
	if (kinds.kind == 1)
		MK_MUST(pthread_rwlock_rdlock(&own_rw));
	else
		takes_its_own_again(kinds.kind);
	is_number(0);
	takes_its_own_again(kinds.kind);
	return NULL;
}

int deadlock_own(void)
{
	pthread_mutexattr_t adaptive;
	const void *objects[] = {&own_mutex, &own_rw, (const void *)&own_spin, &own_mtx};
	const size_t sizes[] = {sizeof(own_mutex), sizeof(own_rw), sizeof(own_spin), sizeof(own_mtx)};
	kinds.kind = (int)mk_arg("kind");
	MK_TRUE(kinds.kind >= 0 && kinds.kind < 4);
	MK_MUST(pthread_mutexattr_init(&adaptive));
	MK_MUST(pthread_mutexattr_settype(&adaptive, PTHREAD_MUTEX_ADAPTIVE_NP));
	MK_MUST(pthread_mutex_init(&own_mutex, &adaptive));
	MK_MUST(pthread_spin_init(&own_spin, PTHREAD_PROCESS_PRIVATE));
	MK_MUST(mtx_init(&own_mtx, mtx_plain));
	MK_CREATE(&kinds.thread[0], NULL, own_main, NULL);
	if (kinds.kind == 2) {
		mk_wait_ran(tid_of(0), 2000);
		mk_edge(tid_of(0), objects[2], tid_of(0));
	} else {
		member(0, objects[kinds.kind], sizes[kinds.kind], tid_of(0));
	}
	return hang(1);
}

/* ------------------------------------------------------------------ readers and writers */

static pthread_rwlock_t shared_rw;
static pthread_mutex_t far_mutex = PTHREAD_MUTEX_INITIALIZER;

static void rw_init(int kind)
{
	pthread_rwlockattr_t attr;
	MK_MUST(pthread_rwlockattr_init(&attr));
	MK_MUST(pthread_rwlockattr_setkind_np(&attr, kind));
	MK_MUST(pthread_rwlock_init(&shared_rw, &attr));
}

static void *rw_writer(void *arg)
{
	int me = (int)(intptr_t)arg;
	mk_enter("rw_writer");
	MK_MUST(pthread_mutex_lock(&far_mutex));
	mk_gate_add(&kinds.ready);
	mk_gate_wait(&kinds.go, 1);
	is_number(me);
	MK_MUST(pthread_rwlock_wrlock(&shared_rw));
	MK_MUST(pthread_rwlock_unlock(&shared_rw));
	MK_MUST(pthread_mutex_unlock(&far_mutex));
	return NULL;
}

static void *rw_reader(void *arg)
{
	int me = (int)(intptr_t)arg;
	mk_enter("rw_reader");
	MK_MUST(pthread_rwlock_rdlock(&shared_rw));
	mk_gate_add(&kinds.ready);
	mk_gate_wait(&kinds.go, 1);
	is_number(me);
	MK_MUST(pthread_mutex_lock(&far_mutex));
	return NULL;
}

/* A writer waits for all readers, and the first of them for what the writer holds; the others come out. */
int deadlock_readers(void)
{
	int readers = (int)mk_arg("readers");
	MK_TRUE(readers >= 1 && readers < MAX_THREADS);
	rw_init(PTHREAD_RWLOCK_PREFER_READER_NP);
	MK_CREATE(&kinds.thread[0], NULL, rw_writer, (void *)(intptr_t)0);
	for (int i = 1; i <= readers; i++)
		MK_CREATE(&kinds.thread[i], NULL, rw_reader, (void *)(intptr_t)i);
	mk_gate_wait(&kinds.ready, readers + 1);
	mk_gate_add(&kinds.go);
	for (int i = 1; i <= readers; i++)
		member(i, &far_mutex, sizeof(far_mutex), tid_of(0));
	member(0, &shared_rw, sizeof(shared_rw), tid_of(1));
	return hang(readers + 1);
}

static void *rw_again(void *arg)
{
	(void)arg;
	mk_enter("rw_again");
	MK_MUST(pthread_rwlock_rdlock(&shared_rw));
	mk_gate_add(&kinds.go);
	mk_wait_blocked(0, tid_of(0), &shared_rw, sizeof(shared_rw));
	is_number(1);
	MK_MUST(pthread_rwlock_rdlock(&shared_rw));
	if (kinds.kind)
		return NULL;
	MK_MUST(pthread_rwlock_unlock(&shared_rw));
	mk_sleep_us(mk_arg("hold_us"));
	MK_MUST(pthread_rwlock_unlock(&shared_rw));
	return NULL;
}

static void run_again(int kind)
{
	rw_init(kind);
	MK_CREATE(&kinds.thread[0], NULL, rw_writer, (void *)(intptr_t)0);
	MK_CREATE(&kinds.thread[1], NULL, rw_again, NULL);
}

/* Reads again what it reads, while a writer that comes first waits for it. */
int deadlock_preference(void)
{
	kinds.kind = 1;
	run_again(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	member(0, &shared_rw, sizeof(shared_rw), tid_of(1));
	member(1, &shared_rw, sizeof(shared_rw), tid_of(0));
	return hang(2);
}

/* The same where the lock prefers readers: nobody hangs. */
int quiet_preference(void)
{
	run_again(PTHREAD_RWLOCK_PREFER_READER_NP);
	MK_JOIN(kinds.thread[0], NULL);
	MK_JOIN(kinds.thread[1], NULL);
	mk_fact("deadlock", 0);
	return 0;
}

/* ------------------------------------------------------------------ ends */

static void *join_ring_main(void *arg)
{
	int me = (int)(intptr_t)arg;
	mk_enter("join_ring_main");
	mk_gate_wait(&kinds.go, 1);
	is_number(me);
	MK_MUST(pthread_join(kinds.thread[(me + 1) % kinds.n], NULL));
	return NULL;
}

/* Threads that wait for each other's end; the C library sees through two of them, but not through more. */
int deadlock_join_ring(void)
{
	kinds.n = (int)mk_arg("threads");
	MK_TRUE(kinds.n >= 3 && kinds.n <= MAX_THREADS);
	for (int i = 0; i < kinds.n; i++)
		MK_CREATE(&kinds.thread[i], NULL, join_ring_main, (void *)(intptr_t)i);
	mk_gate_add(&kinds.go);
	for (int i = 0; i < kinds.n; i++)
		mk_edge(tid_of(i), NULL, tid_of((i + 1) % kinds.n));
	mk_fact("deadlock", 1);
	mk_print();
	for (;;)
		mk_sleep_us(100000); /* not part of it: joined threads cannot be joined again */
}

static void *leaves_locked(void *arg)
{
	mk_enter("leaves_locked");
	MK_MUST(pthread_mutex_lock(&own_mutex));
	return arg;
}

static void *wants_left(void *arg)
{
	mk_enter("wants_left");
	is_number(0);
	MK_MUST(pthread_mutex_lock(&own_mutex));
	return arg;
}

/* A thread ended with a mutex that another wants. */
int deadlock_orphan(void)
{
	MK_CREATE(&kinds.thread[1], NULL, leaves_locked, NULL);
	while (mk_thread_count() > 1)
		mk_sleep_us(100);
	MK_CREATE(&kinds.thread[0], NULL, wants_left, NULL);
	member(0, &own_mutex, sizeof(own_mutex), 0);
	return hang(1);
}

/* ------------------------------------------------------------------ barriers, conditions, semaphores */

static pthread_barrier_t meeting;

static void *meets(void *arg)
{
	int me = (int)(intptr_t)arg;
	mk_enter("meets");
	is_number(me);
	pthread_barrier_wait(&meeting);
	return NULL;
}

static void run_meeting(int come)
{
	kinds.n = (int)mk_arg("parties");
	MK_TRUE(kinds.n >= 2 && kinds.n <= MAX_THREADS);
	MK_MUST(pthread_barrier_init(&meeting, NULL, (unsigned)kinds.n));
	for (int i = 0; i < come; i++)
		MK_CREATE(&kinds.thread[i], NULL, meets, (void *)(intptr_t)i);
}

/* One party too few, and the thread that should be it joins the others. */
int deadlock_barrier(void)
{
	run_meeting((int)mk_arg("parties") - 1);
	for (int i = 0; i < kinds.n - 1; i++)
		member(i, &meeting, sizeof(meeting), 0);
	return hang(kinds.n - 1);
}

/* The last one comes late. */
int quiet_barrier(void)
{
	run_meeting((int)mk_arg("parties") - 1);
	mk_sleep_us(mk_arg("hold_us"));
	meets((void *)(intptr_t)(kinds.n - 1));
	for (int i = 0; i < kinds.n - 1; i++)
		MK_JOIN(kinds.thread[i], NULL);
	mk_fact("deadlock", 0);
	return 0;
}

static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t news_mutex = PTHREAD_MUTEX_INITIALIZER;

static void *waits_for_news(void *arg)
{
	mk_enter("waits_for_news");
	MK_MUST(pthread_mutex_lock(&far_mutex));
	MK_MUST(pthread_mutex_lock(&news_mutex));
	is_number(0);
	MK_MUST(pthread_cond_wait(&news, &news_mutex));
	return arg;
}

static void *brings_news(void *arg)
{
	mk_enter("brings_news");
	is_number(1);
	MK_MUST(pthread_mutex_lock(&far_mutex));
	MK_MUST(pthread_cond_signal(&news));
	return arg;
}

/* Waits for a condition while it holds what whoever would signal it needs first. */
int deadlock_cond(void)
{
	MK_CREATE(&kinds.thread[0], NULL, waits_for_news, NULL);
	mk_wait_blocked(0, tid_of(0), &news, sizeof(news));
	MK_CREATE(&kinds.thread[1], NULL, brings_news, NULL);
	mk_wait_blocked(0, tid_of(1), &far_mutex, sizeof(far_mutex));
	mk_edge(tid_of(0), &news, 0);
	return hang(2);
}

static sem_t sems[2];

static void *sem_main(void *arg)
{
	int me = (int)(intptr_t)arg;
	mk_enter("sem_main");
	for (int i = 0; i < 3; i++) { /* used as a lock */
		MK_MUST(sem_wait(&sems[me]));
		MK_MUST(sem_post(&sems[me]));
	}
	MK_MUST(sem_wait(&sems[me]));
	mk_gate_add(&kinds.ready);
	mk_gate_wait(&kinds.ready, 2);
	is_number(me);
	MK_MUST(sem_wait(&sems[1 - me]));
	return NULL;
}

/* Two semaphores as locks, in opposite order. runs: another thread goes on, and could post. */
int deadlock_sem(void)
{
	for (int i = 0; i < 2; i++) {
		MK_MUST(sem_init(&sems[i], 0, 1));
		MK_CREATE(&kinds.thread[i], NULL, sem_main, (void *)(intptr_t)i);
	}
	for (int i = 0; i < 2; i++)
		member(i, &sems[1 - i], sizeof(sems[0]), tid_of(1 - i));
	mk_fact("deadlock", 1);
	mk_print();
	if (mk_arg("runs"))
		mk_sleep_us(mk_arg("hold_us"));
	else
		MK_JOIN(kinds.thread[0], NULL);
	_exit(0);
}

/* ------------------------------------------------------------------ where and when */

static pthread_mutex_t pair[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

MK_NAMED static void works(pthread_mutex_t *m)
{
	MK_MUST(pthread_mutex_lock(m));
	MK_KEEP_FRAME();
}

/* Both wait for the mutex at the same place, in turn, each as often as the other. */
static void contend_in_turn(int me, pthread_mutex_t *m, int *step)
{
	for (int i = 0; i < kinds.n; i++, *step += 2) {
		if (i % 2 == me) {
			works(m);
			mk_gate_add(&kinds.ready);
			mk_wait_blocked(0, tid_of(1 - me), m, sizeof(*m));
			MK_MUST(pthread_mutex_unlock(m));
			mk_gate_wait(&kinds.ready, *step + 2);
		} else {
			mk_gate_wait(&kinds.ready, *step + 1);
			works(m);
			MK_MUST(pthread_mutex_unlock(m));
			mk_gate_add(&kinds.ready);
		}
	}
}

static void *pair_main(void *arg)
{
	int me = (int)(intptr_t)arg, step = 0;
	mk_enter("pair_main");
	is_number(me);
	contend_in_turn(me, &pair[0], &step);
	contend_in_turn(me, &pair[1], &step);
	works(&pair[me]);
	mk_gate_add(&kinds.go);
	mk_gate_wait(&kinds.go, 2);
	works(&pair[1 - me]);
	return NULL;
}

static void run_pair(void)
{
	for (int i = 0; i < 2; i++)
		MK_CREATE(&kinds.thread[i], NULL, pair_main, (void *)(intptr_t)i);
	mk_gate_wait(&kinds.go, 2);
	for (int i = 0; i < 2; i++)
		member(i, &pair[1 - i], sizeof(pair[0]), tid_of(1 - i));
}

/* After many waits for the same locks, so that their sites are well known. */
int deadlock_late(void)
{
	kinds.n = (int)mk_arg("rounds");
	run_pair();
	return hang(2);
}

/* In a child; the parent waits for it. */
int deadlock_child(void)
{
	pid_t child = fork();
	MK_TRUE(child >= 0);
	if (!child) {
		run_pair();
		mk_fact("deadlock", 1);
		mk_print();
		MK_JOIN(kinds.thread[0], NULL);
		_exit(0);
	}
	int status;
	MK_TRUE(waitpid(child, &status, 0) == child);
	_exit(WIFEXITED(status) ? 0 : 9);
}

static void *gives_up_main(void *arg)
{
	int me = (int)(intptr_t)arg;
	mk_enter("gives_up_main");
	struct timespec until;
	works(&pair[me]);
	mk_gate_add(&kinds.ready);
	mk_gate_wait(&kinds.ready, 2);
	clock_gettime(CLOCK_REALTIME, &until);
	uint64_t ns = (uint64_t)until.tv_nsec + (uint64_t)mk_arg("hold_us") * 1000;
	until.tv_sec += (time_t)(ns / 1000000000u);
	until.tv_nsec = (long)(ns % 1000000000u);
	if (me)
		works(&pair[0]);
	else if (pthread_mutex_timedlock(&pair[1], &until) == 0)
		MK_MUST(pthread_mutex_unlock(&pair[1]));
	MK_MUST(pthread_mutex_unlock(&pair[me]));
	if (me)
		MK_MUST(pthread_mutex_unlock(&pair[0]));
	return NULL;
}

/* A cycle that one member leaves, because its wait has a deadline. */
int quiet_timed(void)
{
	for (int i = 0; i < 2; i++)
		MK_CREATE(&kinds.thread[i], NULL, gives_up_main, (void *)(intptr_t)i);
	for (int i = 0; i < 2; i++)
		MK_JOIN(kinds.thread[i], NULL);
	mk_fact("deadlock", 0);
	return 0;
}
