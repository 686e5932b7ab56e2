// SPDX-License-Identifier: GPL-3.0-or-later
// order_upgrade_ok.c - from reading to writing the right way: give the lock back, take it again, look again.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle relock deadlock recursive-read-lock
#include "tests/corpus/corpus.h"

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static int value;

static void *user(void *arg)
{
	for (int i = 0; i < 50; i++) {
		pthread_rwlock_rdlock(&rw);
		int old = value;
		pthread_rwlock_unlock(&rw);
		pthread_rwlock_wrlock(&rw);
		if (value == old)
			value++;
		pthread_rwlock_unlock(&rw);
	}
	return arg;
}

int main(void)
{
	pthread_t t = spawn(user, NULL), u = spawn(user, NULL);
	join(t);
	join(u);
}
