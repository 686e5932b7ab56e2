// SPDX-License-Identifier: GPL-3.0-or-later
// order_ab_ba_stripped.c - opposite orders in a program without debug information, optimised.
// FLAGS: -O2 -g0 -s
// EXPECT: lock-order-cycle level=error
#include "tests/corpus/corpus.h"

static pthread_mutex_t locks[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

static void *pair(void *arg)
{
	long first = (long)arg;
	until((int)first);
	pthread_mutex_lock(&locks[first]);
	pthread_mutex_lock(&locks[!first]);
	pthread_mutex_unlock(&locks[!first]);
	pthread_mutex_unlock(&locks[first]);
	reach((int)first + 1);
	until(2);
	return NULL;
}

int main(void)
{
	pthread_t t = spawn(pair, (void *)0L), u = spawn(pair, (void *)1L);
	join(t);
	join(u);
}
