// SPDX-License-Identifier: GPL-3.0-or-later
// dead_join_ring.c - hangs: three threads, each joins the next one.
// EXPECT: deadlock level=error confidence=proven
// ALLOW: lock-long-hold
#include "tests/corpus/corpus.h"

static pthread_t ring[3];

static void *member(void *arg)
{
	until(1);
	pthread_join(ring[((long)arg + 1) % 3], NULL);
	return NULL;
}

int main(void)
{
	for (long i = 0; i < 3; i++)
		ring[i] = spawn(member, (void *)i);
	reach(1);
	pthread_exit(NULL);
}
