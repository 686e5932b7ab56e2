// SPDX-License-Identifier: GPL-3.0-or-later
// seen_static.c - a statically linked program: nothing of it can be seen, and the report says so.
// FLAGS: -static
// EXPECT: invisible-locking level=note
#include "tests/corpus/corpus.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *worker(void *arg)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	return arg;
}

int main(void)
{
	join(spawn(worker, NULL));
}
