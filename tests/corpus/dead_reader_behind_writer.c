// SPDX-License-Identifier: GPL-3.0-or-later
// dead_reader_behind_writer.c - hangs: reads again, while a writer who keeps new readers out waits behind the first read.
// EXPECT: deadlock level=error confidence=proven
// ALLOW: lock-long-hold lock-contention recursive-read-lock
#include "tests/corpus/corpus.h"

static pthread_rwlock_t rw;

static void *writer(void *arg)
{
	until(1);
	pthread_rwlock_wrlock(&rw);
	return arg;
}

int main(void)
{
	pthread_rwlockattr_t attr;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&rw, &attr);
	pthread_t t = spawn(writer, NULL);
	pthread_rwlock_rdlock(&rw);
	reach(1);
	while (!(__atomic_load_n(&rw.__data.__readers, __ATOMIC_ACQUIRE) & 2)) /* glibc: a writer is there */
		sched_yield();
	pthread_rwlock_rdlock(&rw);
	join(t);
}
