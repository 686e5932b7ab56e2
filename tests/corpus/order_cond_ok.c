// SPDX-License-Identifier: GPL-3.0-or-later
// order_cond_ok.c - a queue between threads whose mutex comes back from every wait: below no other lock, so no order.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle
#include "tests/corpus/corpus.h"

static pthread_mutex_t queue = PTHREAD_MUTEX_INITIALIZER, log_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int items, logged;

static void *consumer(void *arg)
{
	for (int taken = 0; taken < 50; taken++) {
		pthread_mutex_lock(&queue);
		while (items == 0)
			pthread_cond_wait(&changed, &queue);
		items--;
		pthread_mutex_lock(&log_lock);
		logged++;
		pthread_mutex_unlock(&log_lock);
		pthread_mutex_unlock(&queue);
	}
	return arg;
}

int main(void)
{
	pthread_t t = spawn(consumer, NULL), u = spawn(consumer, NULL);
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&queue);
		items++;
		pthread_cond_signal(&changed);
		pthread_mutex_unlock(&queue);
		pthread_mutex_lock(&log_lock);
		logged++;
		pthread_mutex_unlock(&log_lock);
	}
	join(t);
	join(u);
}
