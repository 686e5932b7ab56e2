// SPDX-License-Identifier: GPL-3.0-or-later
// use_barrier_ok.c - a barrier that is destroyed by the thread which came last, while the others are on their way out.
// EXPECT: none
// FORBID: destroy-waited use-after-destroy deadlock
#include "tests/corpus/corpus.h"

static void *party(void *arg)
{
	pthread_barrier_t *all = arg;
	for (int i = 0; i < 10; i++)
		pthread_barrier_wait(all);
	if (pthread_barrier_wait(all) == PTHREAD_BARRIER_SERIAL_THREAD)
		pthread_barrier_destroy(all);
	return NULL;
}

int main(void)
{
	static pthread_barrier_t all;
	pthread_barrier_init(&all, NULL, 3);
	pthread_t t[] = {spawn(party, &all), spawn(party, &all), spawn(party, &all)};
	for (int i = 0; i < 3; i++)
		join(t[i]);
}
