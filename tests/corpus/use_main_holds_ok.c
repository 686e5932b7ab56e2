// SPDX-License-Identifier: GPL-3.0-or-later
// use_main_holds_ok.c - main returns while it holds a mutex that nobody needs any more: the process ends, not the lock.
// EXPECT: none
// FORBID: exit-holding-lock
// ALLOW: lock-held-blocking
#include "tests/corpus/corpus.h"

static pthread_mutex_t single_instance = PTHREAD_MUTEX_INITIALIZER;

static void *worker(void *arg)
{
	return arg;
}

int main(void)
{
	pthread_mutex_lock(&single_instance);
	pthread_t t = spawn(worker, NULL);
	join(t);
}
