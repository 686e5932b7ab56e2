// SPDX-License-Identifier: GPL-3.0-or-later
// hold_short_ok.c - writes a line to a file under a lock, as every logger does, and waits for its own condition.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-held-blocking lock-long-hold
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int lines, wanted = 40;
static FILE *file;

static void *logger(void *arg)
{
	for (int i = 0; i < 20; i++) {
		pthread_mutex_lock(&m);
		fprintf(file, "line %d\n", i);
		fflush(file);
		lines++;
		pthread_cond_signal(&changed);
		pthread_mutex_unlock(&m);
	}
	return arg;
}

int main(void)
{
	MUST_BE((file = fopen("/dev/null", "w")) != NULL, 1);
	pthread_t t = spawn(logger, NULL), u = spawn(logger, NULL);
	pthread_mutex_lock(&m);
	while (lines < wanted)
		pthread_cond_wait(&changed, &m);
	pthread_mutex_unlock(&m);
	join(t);
	join(u);
}
