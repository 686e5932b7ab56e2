// SPDX-License-Identifier: GPL-3.0-or-later
// cont_turns_ok.c - two threads take turns by a condition: each waits half the time, for its turn and not for a lock.
// EXPECT: none
// FORBID: lock-contention lock-long-hold lock-starvation
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;

static void *player(void *arg)
{
	int me = (int)(long)arg;
	for (int i = 0; i < 10; i++) {
		pthread_mutex_lock(&m);
		while (turn != me)
			pthread_cond_wait(&changed, &m);
		pthread_mutex_unlock(&m);
		sleep_ms(5); /* at work */
		pthread_mutex_lock(&m);
		turn = !me;
		pthread_cond_signal(&changed);
		pthread_mutex_unlock(&m);
	}
	return NULL;
}

int main(void)
{
	pthread_t t = spawn(player, (void *)0L), u = spawn(player, (void *)1L);
	join(t);
	join(u);
}
