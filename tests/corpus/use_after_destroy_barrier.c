// SPDX-License-Identifier: GPL-3.0-or-later
// use_after_destroy_barrier.c - a barrier for one is waited at after it was destroyed.
// EXPECT: use-after-destroy level=error confidence=likely func~late_wait lock~barrier
#include "tests/corpus/corpus.h"

static pthread_barrier_t barrier;

static __attribute__((noinline)) void *late_wait(void *arg)
{
	pthread_barrier_wait(&barrier);
	return arg;
}

int main(void)
{
	MUST(pthread_barrier_init(&barrier, NULL, 1));
	pthread_barrier_wait(&barrier);
	MUST(pthread_barrier_destroy(&barrier));
	join(spawn(late_wait, NULL));
}
