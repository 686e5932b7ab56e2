// SPDX-License-Identifier: GPL-3.0-or-later
// dead_upgrade.c - hangs: two readers of one rwlock both want to write it while they read.
// EXPECT: deadlock level=error confidence=proven
// ALLOW: lock-long-hold lock-contention relock
#include "tests/corpus/corpus.h"

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static int reading;

static void *upgrade(void *arg)
{
	pthread_rwlock_rdlock(&rw);
	meet(&reading, 2);
	pthread_rwlock_wrlock(&rw);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(upgrade, NULL), u = spawn(upgrade, NULL);
	join(t);
	join(u);
}
