// SPDX-License-Identifier: GPL-3.0-or-later
// use_destroy_locked.c - a mutex is destroyed while a thread holds it.
// EXPECT: destroy-locked level=error|warning func~main
#include "tests/corpus/corpus.h"

static pthread_mutex_t m;

static void *holder(void *arg)
{
	pthread_mutex_lock(&m);
	reach(1);
	until(2);
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	pthread_mutex_init(&m, NULL);
	pthread_t t = spawn(holder, NULL);
	until(1);
	pthread_mutex_destroy(&m);
	reach(2);
	join(t);
}
