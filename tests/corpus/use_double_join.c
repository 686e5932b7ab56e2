// SPDX-License-Identifier: GPL-3.0-or-later
// use_double_join.c - a thread is joined twice.
// EXPECT: double-join level=error|warning
#include "tests/corpus/corpus.h"

static pthread_t worker_thread;

static void *worker(void *arg)
{
	return arg;
}

static void *joins_again(void *arg)
{
	until(1);
	pthread_join(worker_thread, NULL);
	return arg;
}

int main(void)
{
	pthread_t t = spawn(joins_again, NULL);
	worker_thread = spawn(worker, NULL);
	join(worker_thread);
	reach(1);
	join(t);
}
