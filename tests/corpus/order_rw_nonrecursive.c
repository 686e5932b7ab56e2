// SPDX-License-Identifier: GPL-3.0-or-later
// order_rw_nonrecursive.c - readers in opposite orders where a writer who waits keeps new readers out.
// EXPECT: lock-order-cycle
#include "tests/corpus/corpus.h"

static pthread_rwlock_t a, b;

static void *writer(void *lock)
{
	pthread_rwlock_wrlock(lock);
	pthread_rwlock_unlock(lock);
	return NULL;
}

static void *one_way(void *arg)
{
	pthread_rwlock_rdlock(&a);
	pthread_rwlock_rdlock(&b);
	pthread_rwlock_unlock(&b);
	pthread_rwlock_unlock(&a);
	reach(1);
	until(2);
	return arg;
}

static void *other_way(void *arg)
{
	until(1);
	pthread_rwlock_rdlock(&b);
	pthread_rwlock_rdlock(&a);
	pthread_rwlock_unlock(&a);
	pthread_rwlock_unlock(&b);
	reach(2);
	return arg;
}

int main(void)
{
	pthread_rwlockattr_t attr;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&a, &attr);
	pthread_rwlock_init(&b, &attr);
	pthread_t writers[] = {spawn(writer, &a), spawn(writer, &b)};
	pthread_t t = spawn(one_way, NULL), u = spawn(other_way, NULL);
	join(t);
	join(u);
	join(writers[0]);
	join(writers[1]);
}
