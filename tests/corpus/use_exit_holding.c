// SPDX-License-Identifier: GPL-3.0-or-later
// use_exit_holding.c - a thread returns while it holds a mutex: nobody can ever unlock that.
// EXPECT: exit-holding-lock level=error|warning func~forgetful
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *forgetful(void *arg)
{
	pthread_mutex_lock(&m);
	return arg;
}

int main(void)
{
	join(spawn(forgetful, NULL));
}
