// SPDX-License-Identifier: GPL-3.0-or-later
// use_after_destroy_rw.c - a read-write lock is taken after it was destroyed, and another one only given back.
// EXPECT: use-after-destroy level=warning confidence=likely func~late_reader
// EXPECT: use-after-destroy level=warning func~late_unlocker
#include "tests/corpus/corpus.h"

static pthread_rwlock_t a, b;

static __attribute__((noinline)) void *late_reader(void *arg)
{
	MUST(pthread_rwlock_rdlock(&a));
	MUST(pthread_rwlock_unlock(&a));
	return arg;
}

static __attribute__((noinline)) void *late_unlocker(void *arg)
{
	pthread_rwlock_unlock(&b);
	return arg;
}

static void use(pthread_rwlock_t *rw)
{
	MUST(pthread_rwlock_init(rw, NULL));
	MUST(pthread_rwlock_rdlock(rw));
	MUST(pthread_rwlock_unlock(rw));
	MUST(pthread_rwlock_destroy(rw));
}

int main(void)
{
	use(&a);
	use(&b);
	join(spawn(late_reader, NULL));
	join(spawn(late_unlocker, NULL));
}
