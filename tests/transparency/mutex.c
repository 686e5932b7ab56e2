/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mutex.c - results of every mutex call, for every type, by the owner and by others. See tr.h. */
#include "tests/transparency/tr.h"

static pthread_mutex_t m;
static struct timespec past = {1, 0}, nsec_high = {1, 1000000000}, nsec_low = {1, -1};

static void *others_view(void *arg)
{
	const char *type = arg;
	struct timespec soon = tr_in_ms(CLOCK_REALTIME, 20), soon_mono = tr_in_ms(CLOCK_MONOTONIC, 20);
	tr_say("%s, seen by another thread", type);
	TR(" trylock", pthread_mutex_trylock(&m));
	TR(" timedlock", pthread_mutex_timedlock(&m, &soon));
	TR(" timedlock past", pthread_mutex_timedlock(&m, &past));
	TR(" timedlock nsec too high", pthread_mutex_timedlock(&m, &nsec_high));
	TR(" timedlock nsec too low", pthread_mutex_timedlock(&m, &nsec_low));
	TR(" clocklock monotonic", pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &soon_mono));
	TR(" clocklock realtime past", pthread_mutex_clocklock(&m, CLOCK_REALTIME, &past));
	TR(" clocklock other clock", pthread_mutex_clocklock(&m, CLOCK_BOOTTIME, &past));
	if (strcmp(type, "normal") && strcmp(type, "adaptive"))
		TR(" unlock", pthread_mutex_unlock(&m));
	return NULL;
}

static void owners_view(const char *type)
{
	tr_say("%s, by its owner", type);
	TR(" lock", pthread_mutex_lock(&m));
	TR(" trylock again", pthread_mutex_trylock(&m));
	if (!strcmp(type, "recursive"))
		TR(" unlock once", pthread_mutex_unlock(&m));
	TR(" timedlock again, past", pthread_mutex_timedlock(&m, &past));
	if (!strcmp(type, "recursive"))
		TR(" unlock once", pthread_mutex_unlock(&m));
	if (strcmp(type, "normal") && strcmp(type, "adaptive"))
		TR(" lock again", pthread_mutex_lock(&m));
	if (!strcmp(type, "recursive"))
		TR(" unlock once", pthread_mutex_unlock(&m));
	TR(" destroy while locked", pthread_mutex_destroy(&m));
	TR(" consistent, not robust", pthread_mutex_consistent(&m));
	tr_elsewhere(others_view, (void *)type);
	TR(" unlock", pthread_mutex_unlock(&m));
}

/* What the lock leaves in its memory: a shim must not change it. Word 3 is glibc's user count, word 4 the kind. */
static void memory_view(void)
{
	const int *w = (const int *)&m;
	tr_say(" memory: %d %d %d %d %d", w[0], w[1], w[2], w[3], w[4]);
}

static void free_view(const char *type)
{
	struct timespec soon = tr_in_ms(CLOCK_REALTIME, 1000), soon_mono = tr_in_ms(CLOCK_MONOTONIC, 1000);
	tr_say("%s, free", type);
	memory_view();
	TR(" trylock", pthread_mutex_trylock(&m));
	TR(" unlock", pthread_mutex_unlock(&m));
	TR(" timedlock", pthread_mutex_timedlock(&m, &soon));
	TR(" unlock", pthread_mutex_unlock(&m));
	TR(" timedlock past", pthread_mutex_timedlock(&m, &past));
	TR(" unlock", pthread_mutex_unlock(&m));
	TR(" timedlock nsec too high", pthread_mutex_timedlock(&m, &nsec_high));
	TR(" unlock", pthread_mutex_unlock(&m));
	TR(" clocklock", pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &soon_mono));
	TR(" unlock", pthread_mutex_unlock(&m));
	TR(" clocklock other clock", pthread_mutex_clocklock(&m, CLOCK_BOOTTIME, &soon_mono));
	if (!strcmp(type, "errorcheck") || !strcmp(type, "recursive"))
		TR(" unlock what is free", pthread_mutex_unlock(&m));
	memory_view();
}

static void type_view(const char *type, int kind)
{
	pthread_mutexattr_t a;
	TR_MUST(pthread_mutexattr_init(&a));
	TR("settype", pthread_mutexattr_settype(&a, kind));
	TR("init", pthread_mutex_init(&m, &a));
	TR_MUST(pthread_mutexattr_destroy(&a));
	free_view(type);
	owners_view(type);
	TR("destroy", pthread_mutex_destroy(&m));
	TR("init again", pthread_mutex_init(&m, NULL));
	TR("destroy again", pthread_mutex_destroy(&m));
}

/* ------------------------------------------------------------------ static initialisers, depth, contention */

static pthread_mutex_t st_normal = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t st_recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_mutex_t st_errorcheck = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_mutex_t st_adaptive = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;

static void static_view(void)
{
	TR("static normal lock", pthread_mutex_lock(&st_normal));
	TR("static normal trylock", pthread_mutex_trylock(&st_normal));
	TR("static normal unlock", pthread_mutex_unlock(&st_normal));
	TR("static recursive lock", pthread_mutex_lock(&st_recursive));
	TR("static recursive lock", pthread_mutex_lock(&st_recursive));
	TR("static recursive unlock", pthread_mutex_unlock(&st_recursive));
	TR("static recursive unlock", pthread_mutex_unlock(&st_recursive));
	TR("static recursive unlock too often", pthread_mutex_unlock(&st_recursive));
	TR("static errorcheck lock", pthread_mutex_lock(&st_errorcheck));
	TR("static errorcheck lock", pthread_mutex_lock(&st_errorcheck));
	TR("static errorcheck trylock", pthread_mutex_trylock(&st_errorcheck));
	TR("static errorcheck unlock", pthread_mutex_unlock(&st_errorcheck));
	TR("static errorcheck unlock", pthread_mutex_unlock(&st_errorcheck));
	TR("static adaptive lock", pthread_mutex_lock(&st_adaptive));
	TR("static adaptive trylock", pthread_mutex_trylock(&st_adaptive));
	TR("static adaptive unlock", pthread_mutex_unlock(&st_adaptive));
}

static long counter;
static int rounds_left = 4;

static void *count_main(void *arg)
{
	for (int i = 0; i < 50000; i++) {
		if (pthread_mutex_lock(arg))
			return (void *)1;
		counter++;
		if (pthread_mutex_unlock(arg))
			return (void *)2;
	}
	__atomic_sub_fetch(&rounds_left, 1, __ATOMIC_ACQ_REL);
	return NULL;
}

static void exclusion_view(const char *name, pthread_mutex_t *mutex)
{
	pthread_t t[4];
	void *ret;
	counter = 0;
	for (int i = 0; i < 4; i++)
		TR_MUST(pthread_create(&t[i], NULL, count_main, mutex));
	for (int i = 0; i < 4; i++) {
		TR_MUST(pthread_join(t[i], &ret));
		TR_TRUE("no error", ret == NULL);
	}
	tr_say("%s excludes: %ld", name, counter);
}

/* More held at once than any inline table holds. */
static void many_held(void)
{
	enum { N = 300 };
	static pthread_mutex_t many[N];
	long bad = 0;
	for (int i = 0; i < N; i++)
		bad += pthread_mutex_lock(&many[i]) != 0;
	for (int i = 0; i < N; i++)
		bad += pthread_mutex_trylock(&many[i]) != EBUSY;
	for (int i = 0; i < N; i++) /* in the order of locking, not the reverse */
		bad += pthread_mutex_unlock(&many[i]) != 0;
	TR_NUM("300 held at once, wrong results", bad);
	for (int i = 0; i < 5000; i++)
		bad += pthread_mutex_lock(&st_recursive) != 0;
	for (int i = 0; i < 5000; i++)
		bad += pthread_mutex_unlock(&st_recursive) != 0;
	TR_NUM("5000 deep, wrong results", bad);
	TR("and free", pthread_mutex_unlock(&st_recursive));
}

int main(void)
{
	tr_begin();
	type_view("normal", PTHREAD_MUTEX_NORMAL);
	type_view("recursive", PTHREAD_MUTEX_RECURSIVE);
	type_view("errorcheck", PTHREAD_MUTEX_ERRORCHECK);
	type_view("adaptive", PTHREAD_MUTEX_ADAPTIVE_NP);
	static_view();
	exclusion_view("normal", &st_normal);
	exclusion_view("recursive", &st_recursive);
	exclusion_view("errorcheck", &st_errorcheck);
	exclusion_view("adaptive", &st_adaptive);
	many_held();
	return tr_end();
}
