// SPDX-License-Identifier: GPL-3.0-or-later
// use_destroy_locked_rw.c - an rwlock is destroyed while a thread reads under it.
// EXPECT: destroy-locked level=error|warning
// ALLOW: use-after-destroy unlock-not-owner
#include "tests/corpus/corpus.h"

static pthread_rwlock_t rw;

static void *reader(void *arg)
{
	pthread_rwlock_rdlock(&rw);
	reach(1);
	until(2);
	pthread_rwlock_unlock(&rw);
	return arg;
}

int main(void)
{
	pthread_rwlock_init(&rw, NULL);
	pthread_t t = spawn(reader, NULL);
	until(1);
	pthread_rwlock_destroy(&rw);
	reach(2);
	join(t);
}
