// SPDX-License-Identifier: GPL-3.0-or-later
// hold_io.c - waits 150 ms for bytes from a pipe while it holds a lock that others use.
// EXPECT: lock-held-blocking
// ALLOW: lock-contention lock-long-hold
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static int ends[2];

static void *slow_writer(void *arg)
{
	until(1);
	sleep_ms(150);
	MUST_BE(write(ends[1], "x", 1), 1);
	return arg;
}

static void *user(void *arg)
{
	for (int i = 0; i < 5; i++) {
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
	}
	return arg;
}

int main(void)
{
	MUST(pipe(ends));
	pthread_t w = spawn(slow_writer, NULL);
	pthread_t t = spawn(user, NULL);
	pthread_mutex_lock(&m);
	char c;
	reach(1);
	MUST_BE(read(ends[0], &c, 1), 1);
	pthread_mutex_unlock(&m);
	join(t);
	join(w);
}
