/* SPDX-License-Identifier: GPL-3.0-or-later */
/* static - two threads count under a mutex; linked statically by tests/real.bats, so that no library can be preloaded. */
#include <pthread.h>
#include <stdio.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int count;

static void *add(void *unused)
{
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		count++;
		pthread_mutex_unlock(&mutex);
	}
	return unused;
}

int main(void)
{
	pthread_t other;
	if (pthread_create(&other, NULL, add, NULL))
		return 1;
	add(NULL);
	pthread_join(other, NULL);
	printf("counted %d\n", count);
	return 3;
}
