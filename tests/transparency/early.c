/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * early.c - locks, threads and semaphores before every constructor, in constructors, in atexit handlers and destructors, and in
 * destructors of thread data after the main thread's pthread_exit. See tr.h.
 */
#include "tests/transparency/tr.h"

#include <semaphore.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t rec = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_mutex_t long_held = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static pthread_once_t once[8];
static int runs;

static void run_once(void)
{
	runs++;
}

static void *thread_main(void *arg)
{
	TR(" thread: lock", pthread_mutex_lock(&m));
	TR(" thread: unlock", pthread_mutex_unlock(&m));
	return arg;
}

static void use(const char *when, int phase)
{
	struct timespec past = {1, 0};
	sem_t s;
	tr_say("%s", when);
	TR(" lock", pthread_mutex_lock(&m));
	TR(" trylock", pthread_mutex_trylock(&m));
	TR(" timedwait", pthread_cond_timedwait(&c, &m, &past));
	TR(" unlock", pthread_mutex_unlock(&m));
	TR(" recursive",
		pthread_mutex_lock(&rec) | pthread_mutex_lock(&rec) | pthread_mutex_unlock(&rec) | pthread_mutex_unlock(&rec));
	TR(" rdlock", pthread_rwlock_rdlock(&rw));
	TR(" trywrlock", pthread_rwlock_trywrlock(&rw));
	TR(" unlock", pthread_rwlock_unlock(&rw));
	TR(" sem_init", sem_init(&s, 0, 0));
	TR(" sem_post", sem_post(&s));
	TR(" sem_wait", sem_wait(&s));
	TR(" sem_trywait", sem_trywait(&s));
	TR(" once", pthread_once(&once[phase], run_once));
	TR_NUM(" runs", runs);
	tr_elsewhere(thread_main, NULL);
}

static void before_everything(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	(void)envp;
	use("before all constructors", 0);
}
__attribute__((section(".preinit_array"), used)) static void (*preinit)(int, char **, char **) = before_everything;

__attribute__((constructor(101))) static void first_constructor(void)
{
	use("first constructor", 1);
	TR("held across main", pthread_mutex_lock(&long_held));
}

__attribute__((constructor)) static void last_constructor(void)
{
	use("last constructor", 2);
}

static void exit_handler(void)
{
	use("atexit handler", 4);
}

__attribute__((destructor)) static void first_destructor(void)
{
	use("first destructor", 5);
}

__attribute__((destructor(101))) static void last_destructor(void)
{
	use("last destructor", 6);
	TR("trylock what a constructor locked in the main thread", pthread_mutex_trylock(&long_held));
	TR("unlock it", pthread_mutex_unlock(&long_held));
	tr_say("checks: =%d", tr_lines);
}

static void data_destructor(void *value)
{
	(void)value;
	use("destructor of the main thread's data", 7);
}

static void *outlives_main(void *arg)
{
	pthread_t *main_thread = arg;
	TR("join the main thread", pthread_join(*main_thread, NULL));
	exit(13); /* handlers and destructors run in this thread */
}

int main(void)
{
	static pthread_t self;
	pthread_t t;
	pthread_key_t key;
	tr_begin();
	use("main", 3);
	self = pthread_self();
	TR_MUST(atexit(exit_handler));
	TR_MUST(pthread_key_create(&key, data_destructor));
	TR_MUST(pthread_setspecific(key, &key));
	TR_MUST(pthread_create(&t, NULL, outlives_main, &self));
	pthread_exit(NULL);
}
