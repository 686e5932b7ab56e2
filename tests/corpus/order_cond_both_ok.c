// SPDX-License-Identifier: GPL-3.0-or-later
// order_cond_both_ok.c - a pool's lock is held while its start waits for its workers; one of them then keeps the other lock.
// EXPECT: none
// ALLOW: lock-held-blocking lock-contention
// FORBID: lock-order-cycle
// As tor's pool of workers: taking either mutex again after the wait contradicts the other, but not both can be waiting.
#include "tests/corpus/corpus.h"

enum { WORKERS = 3 };
static pthread_mutex_t pool = PTHREAD_MUTEX_INITIALIZER, control = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t started = PTHREAD_COND_INITIALIZER, work = PTHREAD_COND_INITIALIZER;
static int running, elected, over;

static void *worker(void *arg)
{
	MUST(pthread_mutex_lock(&control));
	if (++running == WORKERS)
		MUST(pthread_cond_signal(&started));
	MUST(pthread_mutex_unlock(&control));
	MUST(pthread_mutex_lock(&pool));
	int mine = !elected++;
	if (mine)
		MUST(pthread_mutex_lock(&control));
	reach(elected);
	while (!over)
		MUST(pthread_cond_wait(&work, &pool));
	MUST(pthread_mutex_unlock(&pool));
	if (mine)
		MUST(pthread_mutex_unlock(&control));
	return arg;
}

int main(void)
{
	pthread_t t[WORKERS];
	MUST(pthread_mutex_lock(&pool));
	MUST(pthread_mutex_lock(&control));
	for (int i = 0; i < WORKERS; i++)
		t[i] = spawn(worker, NULL);
	while (running < WORKERS)
		MUST(pthread_cond_wait(&started, &control));
	MUST(pthread_mutex_unlock(&control));
	MUST(pthread_mutex_unlock(&pool));
	until(WORKERS);
	MUST(pthread_mutex_lock(&pool));
	over = 1;
	MUST(pthread_cond_broadcast(&work));
	MUST(pthread_mutex_unlock(&pool));
	for (int i = 0; i < WORKERS; i++)
		join(t[i]);
}
