// SPDX-License-Identifier: GPL-3.0-or-later
// order_gate_read.c - a gate that both hold only for reading lets both in.
// EXPECT: lock-order-cycle level=error
#include "tests/corpus/corpus.h"

static pthread_rwlock_t gate = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *one_way(void *arg)
{
	pthread_rwlock_rdlock(&gate);
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	pthread_rwlock_unlock(&gate);
	reach(1);
	until(2);
	return arg;
}

static void *other_way(void *arg)
{
	until(1);
	pthread_rwlock_rdlock(&gate);
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	pthread_rwlock_unlock(&gate);
	reach(2);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(one_way, NULL), u = spawn(other_way, NULL);
	join(t);
	join(u);
}
