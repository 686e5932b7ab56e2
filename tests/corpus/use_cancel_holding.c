// SPDX-License-Identifier: GPL-3.0-or-later
// use_cancel_holding.c - a thread is cancelled while it sleeps with a mutex, and has no cleanup handler.
// EXPECT: exit-holding-lock level=error|warning
// ALLOW: lock-held-blocking
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *sleeper(void *arg)
{
	pthread_mutex_lock(&m);
	reach(1);
	pause();
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(sleeper, NULL);
	until(1);
	pthread_cancel(t);
	join(t);
}
