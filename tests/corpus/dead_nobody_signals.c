// SPDX-License-Identifier: GPL-3.0-or-later
// dead_nobody_signals.c - hangs: main joins a thread whose condition nobody is left to signal. A signal might still end it.
// EXPECT: cond-no-waker level=warning
// OPTIONS: --timeout 2
// EXIT: 143
// ALLOW: lock-long-hold
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int ready;

static void *waiter(void *arg)
{
	pthread_mutex_lock(&m);
	while (!ready)
		pthread_cond_wait(&changed, &m);
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	join(spawn(waiter, NULL));
}
