// SPDX-License-Identifier: GPL-3.0-or-later
// leak_growth.c - ever more threads from one place, none of which ends.
// EXPECT: thread-leak-growth level=warning
// ALLOW: thread-leak-running
// OPTIONS: --threshold growth-time=100ms
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static int for_ever = 1;

static void *stays(void *arg)
{
	pthread_mutex_lock(&m);
	while (for_ever)
		pthread_cond_wait(&never, &m);
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	for (int i = 0; i < 40; i++) {
		spawn(stays, NULL);
		sleep_ms(5);
	}
}
