// SPDX-License-Identifier: GPL-3.0-or-later
// use_recursive_read.c - reads again under a lock that lets waiting writers pass first: with a writer between, this hangs.
// EXPECT: recursive-read-lock level=error|warning func~nested
#include "tests/corpus/corpus.h"

static pthread_rwlock_t rw;

static __attribute__((noinline)) void nested(void)
{
	pthread_rwlock_rdlock(&rw);
	pthread_rwlock_unlock(&rw);
}

static void *reader(void *arg)
{
	pthread_rwlock_rdlock(&rw);
	nested();
	pthread_rwlock_unlock(&rw);
	return arg;
}

int main(void)
{
	pthread_rwlockattr_t attr;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&rw, &attr);
	join(spawn(reader, NULL));
	pthread_rwlock_wrlock(&rw);
	pthread_rwlock_unlock(&rw);
}
