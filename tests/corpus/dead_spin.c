// SPDX-License-Identifier: GPL-3.0-or-later
// dead_spin.c - does not end: two spinlocks in opposite orders; the threads burn their processors.
// EXPECT: deadlock level=error confidence=proven
// ALLOW: lock-long-hold lock-contention lock-order-cycle
#include "tests/corpus/corpus.h"

static pthread_spinlock_t spin[2];
static int holding;

static void *pair(void *arg)
{
	long me = (long)arg;
	pthread_spin_lock(&spin[me]);
	meet(&holding, 2);
	pthread_spin_lock(&spin[!me]);
	return NULL;
}

int main(void)
{
	pthread_spin_init(&spin[0], PTHREAD_PROCESS_PRIVATE);
	pthread_spin_init(&spin[1], PTHREAD_PROCESS_PRIVATE);
	pthread_t t = spawn(pair, (void *)0L), u = spawn(pair, (void *)1L);
	join(t);
	join(u);
}
