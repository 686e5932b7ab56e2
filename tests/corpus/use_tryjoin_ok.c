// SPDX-License-Identifier: GPL-3.0-or-later
// use_tryjoin_ok.c - threads asked whether they are done, until they are; one is joined with a deadline, one by a sibling.
// EXPECT: none
// FORBID: double-join
#include "tests/corpus/corpus.h"

static pthread_t first;

static void *worker(void *arg)
{
	until(1);
	return arg;
}

static void *joiner(void *arg)
{
	join(first);
	return arg;
}

int main(void)
{
	first = spawn(worker, NULL);
	pthread_t t = spawn(worker, NULL), u = spawn(worker, NULL), v = spawn(joiner, NULL);
	MUST_BE(pthread_tryjoin_np(t, NULL), EBUSY);
	struct timespec soon = after_ms(20), later = after_ms(10000);
	MUST_BE(pthread_timedjoin_np(u, NULL, &soon), ETIMEDOUT);
	reach(1);
	while (pthread_tryjoin_np(t, NULL) == EBUSY)
		sched_yield();
	MUST(pthread_timedjoin_np(u, NULL, &later));
	join(v);
}
