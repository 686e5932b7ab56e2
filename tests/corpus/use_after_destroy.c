// SPDX-License-Identifier: GPL-3.0-or-later
// use_after_destroy.c - a mutex is locked after it was destroyed.
// EXPECT: use-after-destroy level=error|warning func~late_user
#include "tests/corpus/corpus.h"

static pthread_mutex_t m;

static __attribute__((noinline)) void *late_user(void *arg)
{
	if (pthread_mutex_lock(&m) == 0)
		pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	pthread_mutex_init(&m, NULL);
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	pthread_mutex_destroy(&m);
	join(spawn(late_user, NULL));
}
