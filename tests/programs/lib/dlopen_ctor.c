/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dlopen_ctor.c - a library whose constructor and destructor want a mutex of the program. Loaded by dlopen_deadlock. */
#include <pthread.h>

extern pthread_mutex_t wanted_mutex;
extern int constructor_tid;
void publish_tid(int *tid);

__attribute__((constructor)) static void wants_mutex(void)
{
	publish_tid(&constructor_tid);
	pthread_mutex_lock(&wanted_mutex);
	pthread_mutex_unlock(&wanted_mutex);
}

__attribute__((destructor)) static void wants_mutex_again(void)
{
	publish_tid(&constructor_tid);
	pthread_mutex_lock(&wanted_mutex);
	pthread_mutex_unlock(&wanted_mutex);
}
