// SPDX-License-Identifier: GPL-3.0-or-later
// dead_rw_cross.c - hangs: each of two threads reads one rwlock and wants to write the other.
// EXPECT: deadlock level=error confidence=proven
// ALLOW: lock-long-hold lock-contention lock-order-cycle
#include "tests/corpus/corpus.h"

static pthread_rwlock_t rw[2] = {PTHREAD_RWLOCK_INITIALIZER, PTHREAD_RWLOCK_INITIALIZER};
static int reading;

static void *cross(void *arg)
{
	long me = (long)arg;
	pthread_rwlock_rdlock(&rw[me]);
	meet(&reading, 2);
	pthread_rwlock_wrlock(&rw[!me]);
	return NULL;
}

int main(void)
{
	pthread_t t = spawn(cross, (void *)0L), u = spawn(cross, (void *)1L);
	join(t);
	join(u);
}
