// SPDX-License-Identifier: GPL-3.0-or-later
// leak_main_exits_ok.c - main ends by pthread_exit and leaves the process to its detached worker.
// EXPECT: none
// FORBID: thread-leak-unjoined thread-leak-running exit-holding-lock
#include "tests/corpus/corpus.h"

static void *worker(void *arg)
{
	pthread_detach(pthread_self());
	sleep_ms(20);
	return arg;
}

int main(void)
{
	spawn(worker, NULL);
	pthread_exit(NULL);
}
