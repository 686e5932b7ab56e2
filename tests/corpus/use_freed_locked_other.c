// SPDX-License-Identifier: GPL-3.0-or-later
// use_freed_locked_other.c - the memory of a mutex is freed while another thread holds it.
// EXPECT: freed-locked level=error func~careless title~while
#include "tests/corpus/corpus.h"

static pthread_mutex_t *m;

static void *holder(void *arg)
{
	MUST(pthread_mutex_lock(m));
	reach(1);
	until(2);
	return arg;
}

static __attribute__((noinline)) void careless(void)
{
	free(m);
}

int main(void)
{
	m = malloc(sizeof(*m));
	MUST(pthread_mutex_init(m, NULL));
	pthread_t t = spawn(holder, NULL);
	until(1);
	careless();
	reach(2);
	join(t);
}
