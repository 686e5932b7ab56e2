// SPDX-License-Identifier: GPL-3.0-or-later
// use_join_self.c - a thread joins itself, and main joins a detached thread.
// EXPECT: join-self level=error
// EXPECT: join-detached level=error
#include "tests/corpus/corpus.h"

static void *worker(void *arg)
{
	MUST_BE(pthread_join(pthread_self(), NULL), EDEADLK);
	return arg;
}

static void *detached(void *arg)
{
	until(1);
	return arg;
}

int main(void)
{
	join(spawn(worker, NULL));
	pthread_t t = spawn(detached, NULL);
	pthread_detach(t);
	MUST_BE(pthread_join(t, NULL), EINVAL);
	reach(1);
}
