// SPDX-License-Identifier: GPL-3.0-or-later
// loop_timed_read_ok.c - workers wait for tasks, and poll the one connection of a task before they read from it.
// EXPECT: none
// FORBID: event-loop-blocked
#include <poll.h>
#include "tests/corpus/corpus.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t added = PTHREAD_COND_INITIALIZER;
static int tasks, over, ends[2];

static void *worker(void *arg)
{
	for (;;) {
		MUST(pthread_mutex_lock(&lock));
		while (!tasks && !over)
			MUST(pthread_cond_wait(&added, &lock));
		int mine = tasks > 0;
		tasks -= mine;
		MUST(pthread_mutex_unlock(&lock));
		if (!mine)
			return arg;
		struct pollfd p = {ends[0], POLLIN, 0};
		char byte;
		MUST_BE(poll(&p, 1, 1000), 1);
		MUST_BE(read(ends[0], &byte, 1), 1);
	}
}

static void task(void)
{
	MUST_BE(write(ends[1], "x", 1), 1);
	MUST(pthread_mutex_lock(&lock));
	tasks++;
	MUST(pthread_cond_signal(&added));
	MUST(pthread_mutex_unlock(&lock));
}

int main(void)
{
	MUST(pipe(ends));
	pthread_t t = spawn(worker, NULL);
	for (int i = 0; i < 40; i++) {
		task();
		if (i % 10 == 9)
			sleep_ms(250); /* nothing to do */
	}
	MUST(pthread_mutex_lock(&lock));
	over = 1;
	MUST(pthread_cond_signal(&added));
	MUST(pthread_mutex_unlock(&lock));
	join(t);
}
