// SPDX-License-Identifier: GPL-3.0-or-later
// order_mixed_kinds.c - a mutex, an rwlock and a spinlock form a cycle of three kinds.
// EXPECT: lock-order-cycle level=error
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;

static void *one_way(void *arg)
{
	pthread_mutex_lock(&m);
	pthread_rwlock_wrlock(&rw);
	pthread_spin_lock(&spin);
	pthread_spin_unlock(&spin);
	pthread_rwlock_unlock(&rw);
	pthread_mutex_unlock(&m);
	reach(1);
	until(2);
	return arg;
}

static void *other_way(void *arg)
{
	until(1);
	pthread_spin_lock(&spin);
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	pthread_spin_unlock(&spin);
	reach(2);
	return arg;
}

int main(void)
{
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	pthread_t t = spawn(one_way, NULL), u = spawn(other_way, NULL);
	join(t);
	join(u);
}
