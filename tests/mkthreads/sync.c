/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sync.c - scenarios of barriers, spinlocks, once, and a lock that a program makes itself of a futex. */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_THREADS 64

/* ------------------------------------------------------------------ barrier */

static pthread_barrier_t barrier;

struct meeting {
	struct mk_pair *pair;
	uint64_t serial;
	long rounds, late_us;
};

MK_NAMED static int barrier_waits(void)
{
	int rc = pthread_barrier_wait(&barrier);
	MK_KEEP_FRAME();
	return rc;
}

static void meet(struct meeting *m)
{
	for (long r = 0; r < m->rounds; r++) {
		uint64_t t0 = mk_now();
		int rc = barrier_waits();
		mk_waited(m->pair, mk_now() - t0);
		MK_TRUE(rc == 0 || rc == PTHREAD_BARRIER_SERIAL_THREAD);
		if (rc)
			__atomic_add_fetch(&m->serial, 1, __ATOMIC_RELAXED);
	}
}

static void *barrier_main(void *arg)
{
	mk_enter("barrier_main");
	meet(arg);
	return NULL;
}

int barrier_scenario(void)
{
	int threads = (int)mk_arg("threads");
	pthread_t t[MAX_THREADS];
	struct meeting m = {.rounds = mk_arg("rounds")};
	MK_TRUE(threads >= 1 && threads <= MAX_THREADS);
	MK_MUST(pthread_barrier_init(&barrier, NULL, (unsigned)threads));
	struct mk_lock *l = mk_add_lock("barrier", "barrier", &barrier, sizeof(barrier));
	m.pair = mk_add_pair(l, "barrier_waits", NULL);
	for (int i = 1; i < threads; i++)
		MK_CREATE(&t[i], NULL, barrier_main, &m);
	meet(&m);
	for (int i = 1; i < threads; i++)
		MK_JOIN(t[i], NULL);
	MK_TRUE(m.serial == (uint64_t)m.rounds);
	mk_count(l, "parties", (uint64_t)threads);
	return 0;
}

/* ------------------------------------------------------------------ spinlock */

static pthread_spinlock_t spinlock;

MK_NAMED static void spin_holder(void *s)
{
	MK_MUST(pthread_spin_lock(s));
}

MK_NAMED static void spin_waiter(void *s)
{
	MK_MUST(pthread_spin_lock(s));
}

static void spin_release(void *s)
{
	MK_MUST(pthread_spin_unlock(s));
}

int spin(void)
{
	MK_MUST(pthread_spin_init(&spinlock, PTHREAD_PROCESS_PRIVATE));
	mk_run_contend(&(struct mk_contend){
		.object = (void *)&spinlock,
		.size = sizeof(spinlock),
		.hold = spin_holder,
		.want = spin_waiter,
		.release = spin_release,
		.hold_name = "spin_holder",
		.want_name = "spin_waiter",
		.name = "spin",
		.kind = "spin",
		.waiters = 1,
		.rounds = (int)mk_arg("rounds"),
		.hold_us = mk_arg("hold_us"),
		.spins = true,
	});
	return 0;
}

/* ------------------------------------------------------------------ once */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct {
	struct mk_pair *pair;
	struct mk_gate asking;
	int tid[MAX_THREADS];
	int waiters;
	long hold_us;
} onces;

MK_NAMED static void once_routine(void)
{
	mk_gate_add(&onces.asking);
	mk_gate_wait(&onces.asking, onces.waiters + 1);
	for (int i = 0; i < onces.waiters; i++) {
		while (!__atomic_load_n(&onces.tid[i], __ATOMIC_ACQUIRE))
			mk_sleep_us(30);
		mk_wait_blocked(0, onces.tid[i], &once, sizeof(once));
	}
	mk_sleep_us(onces.hold_us);
}

MK_NAMED static void once_calls(void)
{
	MK_MUST(pthread_once(&once, once_routine));
}

static void *once_main(void *arg)
{
	mk_enter("once_main");
	mk_gate_wait(&onces.asking, 1);
	__atomic_store_n((int *)arg, mk_tid(), __ATOMIC_RELEASE);
	mk_gate_add(&onces.asking);
	uint64_t t0 = mk_now();
	once_calls();
	mk_waited(onces.pair, mk_now() - t0);
	return NULL;
}

/* The routine runs until everybody else is seen waiting for it. */
int once_contended(void)
{
	pthread_t t[MAX_THREADS];
	onces.waiters = (int)mk_arg("waiters");
	onces.hold_us = mk_arg("hold_us");
	MK_TRUE(onces.waiters >= 1 && onces.waiters <= MAX_THREADS);
	struct mk_lock *l = mk_add_lock("once", "once", &once, sizeof(once));
	onces.pair = mk_add_pair(l, "once_calls", NULL);
	for (int i = 0; i < onces.waiters; i++)
		MK_CREATE(&t[i], NULL, once_main, &onces.tid[i]);
	once_calls();
	mk_took(l, 1);
	for (int i = 0; i < onces.waiters; i++)
		MK_JOIN(t[i], NULL);
	return 0;
}

/* ------------------------------------------------------------------ raw futex */

static int futex_word; /* 0 free, 1 taken, 2 taken and somebody may sleep */

static struct {
	struct mk_lock *lock;
	struct mk_pair *pair;
} raw;

/* As Rust's std does it: libc's syscall(), of which a preload sees only waits and wakes. */
MK_NAMED static void futex_sleeps(void)
{
	uint64_t t0 = mk_now();
	long rc = syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
	uint64_t ns = mk_now() - t0;
	MK_TRUE(rc == 0 || errno == EAGAIN || errno == EINTR);
	if (rc == 0)
		mk_waited(raw.pair, ns);
	else
		mk_count(raw.lock, "waits_refused", 1);
}

MK_NAMED static void futex_wakes(void)
{
	MK_TRUE(syscall(SYS_futex, &futex_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) >= 0);
	mk_count(raw.lock, "wakes", 1);
}

static void futex_lock(void *object)
{
	(void)object;
	int free_word = 0;
	if (__atomic_compare_exchange_n(&futex_word, &free_word, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&futex_word, 2, __ATOMIC_ACQUIRE))
		futex_sleeps();
}

static void futex_unlock(void *object)
{
	(void)object;
	if (__atomic_exchange_n(&futex_word, 0, __ATOMIC_RELEASE) == 2)
		futex_wakes();
}

struct futex_run {
	struct mk_gate round, asking, done;
	int tid;
	long rounds;
};

static void *futex_main(void *arg)
{
	struct futex_run *f = arg;
	mk_enter("futex_main");
	__atomic_store_n(&f->tid, mk_tid(), __ATOMIC_RELEASE);
	for (int r = 1; r <= f->rounds; r++) {
		mk_gate_wait(&f->round, r);
		mk_gate_add(&f->asking);
		futex_lock(NULL);
		futex_unlock(NULL);
		mk_gate_add(&f->done);
	}
	return NULL;
}

/* A recorder can know the waits and wakes of the word, not the lock that it stands for: acquisitions are completed waits. */
int futex_raw(void)
{
	pthread_t t;
	struct futex_run f = {.rounds = mk_arg("rounds")};
	raw.lock = mk_add_lock("futex", "futex", &futex_word, sizeof(futex_word));
	raw.pair = mk_add_pair(raw.lock, "futex_sleeps", NULL);
	mk_count(raw.lock, "wakes", 0);
	mk_count(raw.lock, "waits_refused", 0);
	MK_CREATE(&t, NULL, futex_main, &f);
	for (int r = 1; r <= f.rounds; r++) {
		futex_lock(NULL);
		mk_gate_add(&f.round);
		mk_gate_wait(&f.asking, r);
		mk_wait_blocked(0, __atomic_load_n(&f.tid, __ATOMIC_ACQUIRE), &futex_word, sizeof(futex_word));
		mk_sleep_us(mk_arg("hold_us"));
		futex_unlock(NULL);
		mk_gate_wait(&f.done, r);
	}
	MK_JOIN(t, NULL);
	return 0;
}
