// SPDX-License-Identifier: GPL-3.0-or-later
// dead_queue.c - hangs: two threads in a cycle, and two more that only stand behind them.
// EXPECT: deadlock level=error confidence=proven findings=1
// ALLOW: lock-long-hold lock-contention lock-order-cycle
#include "tests/corpus/corpus.h"

static pthread_mutex_t lock[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static int holding;

static void *pair(void *arg)
{
	long me = (long)arg;
	pthread_mutex_lock(&lock[me]);
	meet(&holding, 2);
	pthread_mutex_lock(&lock[!me]);
	return NULL;
}

static void *behind(void *arg)
{
	until_wanted(arg);
	pthread_mutex_lock(arg);
	return NULL;
}

int main(void)
{
	pthread_t t[] = {spawn(pair, (void *)0L), spawn(pair, (void *)1L), spawn(behind, &lock[0]), spawn(behind, &lock[1])};
	for (int i = 0; i < 4; i++)
		join(t[i]);
}
