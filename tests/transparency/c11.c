/* SPDX-License-Identifier: GPL-3.0-or-later */
/* c11.c - results of <threads.h>, which differ from the pthread ones. See tr.h. */
#include "tests/transparency/tr.h"

#include <threads.h>

static const char *word(int rc)
{
	switch (rc) {
	case thrd_success:
		return "success";
	case thrd_busy:
		return "busy";
	case thrd_error:
		return "error";
	case thrd_nomem:
		return "nomem";
	case thrd_timedout:
		return "timedout";
	default:
		return "?";
	}
}

#define C11(name, call)                                                                                \
	do {                                                                                           \
		errno = TR_SENTINEL;                                                                   \
		int rc_ = (call);                                                                      \
		tr_say("%s: %s%s", name, word(rc_), errno == TR_SENTINEL ? "" : " and errno changed"); \
	} while (0)

static mtx_t m;
static struct timespec past = {1, 0}, nsec_high = {1, 1000000000};

static int others_view(void *arg)
{
	(void)arg;
	struct timespec soon = tr_in_ms(CLOCK_REALTIME, 20);
	C11(" other: trylock", mtx_trylock(&m));
	C11(" other: timedlock", mtx_timedlock(&m, &soon));
	C11(" other: timedlock past", mtx_timedlock(&m, &past));
	C11(" other: timedlock bad nsec", mtx_timedlock(&m, &nsec_high));
	return 5;
}

static void mutexes(int type)
{
	thrd_t t;
	int ret = 0;
	tr_say("mtx type %d", type);
	C11(" init", mtx_init(&m, type));
	C11(" lock", mtx_lock(&m));
	if (type & mtx_recursive) {
		C11(" lock again", mtx_lock(&m));
		C11(" unlock once", mtx_unlock(&m));
	}
	int created = thrd_create(&t, others_view, NULL);
	C11(" join", thrd_join(t, &ret));
	C11(" create", created);
	TR_NUM(" result", ret);
	C11(" unlock", mtx_unlock(&m));
	C11(" trylock", mtx_trylock(&m));
	C11(" unlock", mtx_unlock(&m));
	C11(" timedlock past, free", mtx_timedlock(&m, &past));
	C11(" unlock", mtx_unlock(&m));
	if (type & mtx_recursive)
		C11(" unlock what is free", mtx_unlock(&m));
	mtx_destroy(&m);
}

/* ------------------------------------------------------------------ conditions */

static cnd_t c;
static int tid, go;

static int waiter(void *arg)
{
	(void)arg;
	int rc = mtx_lock(&m);
	tr_publish(&tid);
	while (!go && rc == thrd_success)
		rc = cnd_wait(&c, &m);
	C11(" held when woken: trylock", mtx_trylock(&m));
	mtx_unlock(&m);
	thrd_exit(rc == thrd_success ? 77 : -rc);
}

static void conditions(void)
{
	thrd_t t;
	int ret = 0;
	C11("cnd init", cnd_init(&c));
	C11("mtx init", mtx_init(&m, mtx_plain));
	C11("signal nobody", cnd_signal(&c));
	C11("broadcast nobody", cnd_broadcast(&c));
	C11("lock", mtx_lock(&m));
	struct timespec soon = tr_in_ms(CLOCK_REALTIME, 20);
	C11("timedwait", cnd_timedwait(&c, &m, &soon));
	C11("timedwait past", cnd_timedwait(&c, &m, &past));
	C11("timedwait bad nsec", cnd_timedwait(&c, &m, &nsec_high));
	C11("unlock", mtx_unlock(&m));
	for (int all = 0; all < 2; all++) {
		tid = go = 0;
		C11("create", thrd_create(&t, waiter, NULL));
		tr_blocked(&tid);
		C11("lock", mtx_lock(&m));
		go = 1;
		C11("wake", (all ? cnd_broadcast : cnd_signal)(&c));
		int unlocked = mtx_unlock(&m);
		C11("join", thrd_join(t, &ret));
		C11("unlock", unlocked);
		TR_NUM("thrd_exit's result", ret);
	}
	cnd_destroy(&c);
}

/* ------------------------------------------------------------------ threads, once, storage */

static once_flag once = ONCE_FLAG_INIT;
static tss_t key;
static int runs, destroyed;
static thrd_t inner_self;

static void run_once(void)
{
	runs++;
}

static void destroy_value(void *p)
{
	destroyed += *(int *)p;
}

static int storing(void *arg)
{
	call_once(&once, run_once);
	inner_self = thrd_current();
	C11("tss_set", tss_set(key, arg));
	TR_TRUE("tss_get", tss_get(key) == arg);
	thrd_yield();
	return -3;
}

static int ended;

static int detached(void *arg)
{
	tr_set(&ended, *(int *)arg);
	return 0;
}

static void threads(void)
{
	thrd_t t;
	int ret = 0, value = 21;
	C11("tss_create", tss_create(&key, destroy_value));
	for (int i = 0; i < 2; i++) {
		int created = thrd_create(&t, storing, &value);
		C11("join", thrd_join(t, &ret));
		C11("create", created);
		TR_NUM("result", ret);
		TR_TRUE("thrd_current is what create gave", thrd_equal(t, inner_self));
	}
	TR_NUM("once", runs);
	TR_NUM("destroyed", destroyed);
	tss_delete(key);
	C11("create detached", thrd_create(&t, detached, &value));
	tr_until(&ended, 21);
	C11("create", thrd_create(&t, detached, &value));
	C11("detach", thrd_detach(t));
	struct timespec shortly = {0, 1000000}, left;
	TR("thrd_sleep", thrd_sleep(&shortly, &left));
	shortly.tv_nsec = -1;
	TR("thrd_sleep bad nsec", thrd_sleep(&shortly, &left));
}

int main(void)
{
	tr_begin();
	mutexes(mtx_plain);
	mutexes(mtx_timed);
	mutexes(mtx_plain | mtx_recursive);
	mutexes(mtx_timed | mtx_recursive);
	C11("init of no such type", mtx_init(&m, 99));
	conditions();
	threads();
	return tr_end();
}
