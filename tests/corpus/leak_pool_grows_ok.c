// SPDX-License-Identifier: GPL-3.0-or-later
// leak_pool_grows_ok.c - a pool that starts with most of its threads, and gets some more while there is work for them.
// EXPECT: none
// ALLOW: thread-leak-running
// FORBID: thread-leak-growth
#include "tests/corpus/corpus.h"

static void *worker(void *arg)
{
	pause();
	return arg;
}

static void add(int n)
{
	while (n--) {
		pthread_t t = spawn(worker, NULL);
		MUST(pthread_detach(t));
	}
}

int main(void)
{
	add(30);
	for (int i = 0; i < 4; i++) {
		sleep_ms(300);
		add(4);
	}
	sleep_ms(100);
}
