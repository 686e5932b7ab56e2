/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * deadlock.c - scenarios that hang for good, and orders of locking that could. The hanging ones print the truth once every
 * member is seen blocked, then wait for --timeout's alarm.
 */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <stdlib.h>
#include <unistd.h>

#define MAX_RING 64

static pthread_mutex_t ring_mutex[MAX_RING];
static pthread_mutex_t gate_mutex = PTHREAD_MUTEX_INITIALIZER;

static struct {
	struct mk_gate held;
	int n;
	int tid[MAX_RING];
} ring;

MK_NAMED static void takes_first(pthread_mutex_t *m)
{
	MK_MUST(pthread_mutex_lock(m));
}

MK_NAMED static void takes_second(pthread_mutex_t *m)
{
	MK_MUST(pthread_mutex_lock(m));
}

static int published(const int *tid)
{
	int value;
	while (!(value = __atomic_load_n(tid, __ATOMIC_ACQUIRE)))
		mk_sleep_us(30);
	return value;
}

/* ------------------------------------------------------------------ rings of mutexes */

static void *ring_main(void *arg)
{
	int me = (int)(intptr_t)arg;
	mk_enter("ring_main");
	takes_first(&ring_mutex[me]);
	mk_gate_add(&ring.held);
	mk_gate_wait(&ring.held, ring.n);
	__atomic_store_n(&ring.tid[me], mk_tid(), __ATOMIC_RELEASE);
	takes_second(&ring_mutex[(me + 1) % ring.n]);
	return NULL;
}

/* n threads: each holds its mutex and wants the next one's. n = 1 locks its own twice. */
static int run_ring(int n)
{
	pthread_t t[MAX_RING];
	ring.n = n;
	MK_TRUE(n >= 1 && n <= MAX_RING);
	for (int i = 0; i < n; i++) {
		MK_MUST(pthread_mutex_init(&ring_mutex[i], NULL));
		mk_took(mk_add_lock("ring", "mutex", &ring_mutex[i], sizeof(ring_mutex[i])), 1);
	}
	for (int i = 0; i < n; i++)
		MK_CREATE(&t[i], NULL, ring_main, (void *)(intptr_t)i);
	for (int i = 0; i < n; i++)
		mk_wait_blocked(0, published(&ring.tid[i]), &ring_mutex[(i + 1) % n], sizeof(*ring_mutex));
	for (int i = 0; i < n; i++)
		mk_edge(ring.tid[i], &ring_mutex[(i + 1) % n], ring.tid[(i + 1) % n]);
	mk_fact("deadlock", 1);
	mk_print();
	for (int i = 0; i < n; i++)
		MK_JOIN(t[i], NULL);
	return 1;
}

int deadlock_ab_ba(void)
{
	return run_ring(2);
}

int deadlock_self(void)
{
	return run_ring(1);
}

int deadlock_3(void)
{
	return run_ring((int)mk_arg("threads"));
}

/* ------------------------------------------------------------------ other members */

static pthread_mutex_t join_mutex = PTHREAD_MUTEX_INITIALIZER;

static void *join_main(void *arg)
{
	mk_enter("join_main");
	__atomic_store_n((int *)arg, mk_tid(), __ATOMIC_RELEASE);
	takes_second(&join_mutex);
	return NULL;
}

/* The main thread holds what the thread wants that it joins. */
int deadlock_join(void)
{
	pthread_t t;
	int tid = 0;
	mk_took(mk_add_lock("join", "mutex", &join_mutex, sizeof(join_mutex)), 1);
	takes_first(&join_mutex);
	MK_CREATE(&t, NULL, join_main, &tid);
	mk_wait_blocked(0, published(&tid), &join_mutex, sizeof(join_mutex));
	mk_edge(tid, &join_mutex, mk_tid());
	mk_edge(mk_tid(), NULL, tid);
	mk_fact("deadlock", 1);
	mk_print();
	MK_JOIN(t, NULL);
	return 1;
}

static pthread_rwlock_t ring_rw[2] = {PTHREAD_RWLOCK_INITIALIZER, PTHREAD_RWLOCK_INITIALIZER};

MK_NAMED static void reads_first(pthread_rwlock_t *l)
{
	MK_MUST(pthread_rwlock_rdlock(l));
}

MK_NAMED static void writes_second(pthread_rwlock_t *l)
{
	MK_MUST(pthread_rwlock_wrlock(l));
}

static void *ring_rw_main(void *arg)
{
	int me = (int)(intptr_t)arg;
	mk_enter("ring_rw_main");
	reads_first(&ring_rw[me]);
	mk_gate_add(&ring.held);
	mk_gate_wait(&ring.held, 2);
	__atomic_store_n(&ring.tid[me], mk_tid(), __ATOMIC_RELEASE);
	writes_second(&ring_rw[1 - me]);
	return NULL;
}

/* Two threads that read one lock each, and want to write the other's. */
int deadlock_rwlock(void)
{
	pthread_t t[2];
	for (int i = 0; i < 2; i++)
		mk_took(mk_add_lock("ring-rw", "rwlock", &ring_rw[i], sizeof(ring_rw[i])), 1);
	for (int i = 0; i < 2; i++)
		MK_CREATE(&t[i], NULL, ring_rw_main, (void *)(intptr_t)i);
	for (int i = 0; i < 2; i++)
		mk_wait_blocked(0, published(&ring.tid[i]), &ring_rw[1 - i], sizeof(*ring_rw));
	for (int i = 0; i < 2; i++)
		mk_edge(ring.tid[i], &ring_rw[1 - i], ring.tid[1 - i]);
	mk_fact("deadlock", 1);
	mk_print();
	for (int i = 0; i < 2; i++)
		MK_JOIN(t[i], NULL);
	return 1;
}

/* ------------------------------------------------------------------ orders that only could */

enum { ORDER_PLAIN, ORDER_GATED, ORDER_SEQUENTIAL, ORDER_ONE_THREAD, ORDER_TRYLOCK, ORDER_KINDS };

static struct {
	struct mk_gate turn;
	int n, kind;
} order;

static void lock_second(pthread_mutex_t *m)
{
	if (order.kind == ORDER_TRYLOCK)
		MK_MUST(pthread_mutex_trylock(m));
	else
		takes_second(m);
}

static void lock_two(int i)
{
	pthread_mutex_t *a = &ring_mutex[i], *b = &ring_mutex[(i + 1) % order.n];
	if (order.kind == ORDER_GATED)
		MK_MUST(pthread_mutex_lock(&gate_mutex));
	takes_first(a);
	lock_second(b);
	MK_MUST(pthread_mutex_unlock(b));
	MK_MUST(pthread_mutex_unlock(a));
	if (order.kind == ORDER_GATED)
		MK_MUST(pthread_mutex_unlock(&gate_mutex));
}

static void *order_main(void *arg)
{
	int me = (int)(intptr_t)arg;
	mk_enter("order_main");
	mk_gate_wait(&order.turn, me);
	lock_two(me);
	mk_gate_add(&order.turn);
	return NULL;
}

static void run_order(void)
{
	pthread_t t[MAX_RING];
	for (int i = 0; i < order.n; i++) {
		if (order.kind == ORDER_ONE_THREAD) {
			lock_two(i);
			continue;
		}
		MK_CREATE(&t[i], NULL, order_main, (void *)(intptr_t)i);
		if (order.kind == ORDER_SEQUENTIAL)
			MK_JOIN(t[i], NULL);
	}
	if (order.kind == ORDER_ONE_THREAD || order.kind == ORDER_SEQUENTIAL)
		return;
	for (int i = 0; i < order.n; i++)
		MK_JOIN(t[i], NULL);
}

/* Thread i takes lock i, then lock i+1, one thread after the other: nobody ever waits. */
int lock_order_inversion(void)
{
	order.n = (int)mk_arg("locks");
	order.kind = (int)mk_arg("kind");
	MK_TRUE(order.n >= 2 && order.n <= MAX_RING && order.kind >= 0 && order.kind < ORDER_KINDS);
	for (int i = 0; i < order.n; i++) {
		MK_MUST(pthread_mutex_init(&ring_mutex[i], NULL));
		mk_took(mk_add_lock("order", "mutex", &ring_mutex[i], sizeof(ring_mutex[i])), 2);
	}
	if (order.kind == ORDER_GATED)
		mk_took(mk_add_lock("gate", "mutex", &gate_mutex, sizeof(gate_mutex)), (uint64_t)order.n);
	run_order();
	mk_fact("deadlock_possible", order.kind == ORDER_PLAIN);
	return 0;
}
