/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ordeal_locks.so - a library whose only function locks mutexes of its own; loaded and unloaded by ordeal_scale. */
#include <pthread.h>

void ordeal_use(void);

static pthread_mutex_t outer = PTHREAD_MUTEX_INITIALIZER, inner = PTHREAD_MUTEX_INITIALIZER;

void ordeal_use(void)
{
	for (int i = 0; i < 10; i++) {
		pthread_mutex_lock(&outer);
		pthread_mutex_lock(&inner);
		pthread_mutex_unlock(&inner);
		pthread_mutex_unlock(&outer);
	}
}
