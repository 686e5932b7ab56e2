// SPDX-License-Identifier: GPL-3.0-or-later
// dead_self.c - hangs: a function that locks calls another one that locks the same static mutex.
// EXPECT: deadlock level=error confidence=proven func~inner
// ALLOW: lock-long-hold relock lock-contention
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int counter;

static __attribute__((noinline)) void inner(void)
{
	pthread_mutex_lock(&m);
	counter++;
	pthread_mutex_unlock(&m);
}

int main(void)
{
	pthread_mutex_lock(&m);
	inner();
	pthread_mutex_unlock(&m);
}
