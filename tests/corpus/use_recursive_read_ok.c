// SPDX-License-Identifier: GPL-3.0-or-later
// use_recursive_read_ok.c - reads again under a lock of the default kind, while writers come: readers pass them.
// EXPECT: none
// FORBID: recursive-read-lock lock-order-cycle
// ALLOW: lock-contention lock-starvation
#include "tests/corpus/corpus.h"

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;

static void *reader(void *arg)
{
	for (int i = 0; i < 100; i++) {
		pthread_rwlock_rdlock(&rw);
		pthread_rwlock_rdlock(&rw);
		pthread_rwlock_unlock(&rw);
		pthread_rwlock_unlock(&rw);
	}
	return arg;
}

static void *writer(void *arg)
{
	for (int i = 0; i < 100; i++) {
		pthread_rwlock_wrlock(&rw);
		pthread_rwlock_unlock(&rw);
	}
	return arg;
}

int main(void)
{
	pthread_t t = spawn(reader, NULL), u = spawn(reader, NULL), v = spawn(writer, NULL);
	join(t);
	join(u);
	join(v);
}
