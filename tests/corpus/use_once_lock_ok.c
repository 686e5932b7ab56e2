// SPDX-License-Identifier: GPL-3.0-or-later
// use_once_lock_ok.c - a routine of pthread_once initialises a mutex, locks and unlocks it; then all threads use it.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t made;
static int uses;

static void make(void)
{
	pthread_mutex_init(&made, NULL);
	pthread_mutex_lock(&made);
	uses = 1;
	pthread_mutex_unlock(&made);
}

static void *user(void *arg)
{
	for (int i = 0; i < 10; i++) {
		pthread_once(&once, make);
		pthread_mutex_lock(&made);
		uses++;
		pthread_mutex_unlock(&made);
	}
	return arg;
}

int main(void)
{
	pthread_t threads[3];
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, user, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&made);
	return uses != 31;
}
