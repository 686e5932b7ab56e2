/* SPDX-License-Identifier: GPL-3.0-or-later */
/* threads.c - results of creating, joining, detaching and naming threads; attributes; arguments; failures. See tr.h. */
#include "tests/transparency/tr.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static void *returns(void *arg)
{
	return arg;
}

static void *exits(void *arg)
{
	pthread_exit(arg);
}

static int running, tid;

static void *waits(void *arg)
{
	tr_publish(&tid);
	tr_until(&running, 0);
	return arg;
}

static void *joins_itself(void *arg)
{
	(void)arg;
	TR("join itself", pthread_join(pthread_self(), NULL));
	return NULL;
}

static void joins(void)
{
	pthread_t t, u;
	void *ret = NULL;
	struct timespec past = {1, 0}, soon = tr_in_ms(CLOCK_MONOTONIC, 20);
	TR("create", pthread_create(&t, NULL, returns, &u));
	TR("join", pthread_join(t, &ret));
	TR_TRUE("returned", ret == &u);
	TR("create", pthread_create(&t, NULL, exits, &u));
	TR("join", pthread_join(t, &ret));
	TR_TRUE("exited with", ret == &u);
	running = 1;
	TR("create", pthread_create(&t, NULL, waits, NULL));
	TR("tryjoin of a running one", pthread_tryjoin_np(t, &ret));
	TR("timedjoin past", pthread_timedjoin_np(t, &ret, &past));
	TR("clockjoin", pthread_clockjoin_np(t, &ret, CLOCK_MONOTONIC, &soon));
	tr_set(&running, 0);
	TR("join", pthread_join(t, &ret));
	TR_MUST(pthread_create(&t, NULL, returns, &u));
	int rc;
	while ((rc = pthread_tryjoin_np(t, &ret)) == EBUSY)
		tr_pause();
	TR("tryjoin of an ended one", rc);
	TR_TRUE("its value", ret == &u);
	tr_elsewhere(joins_itself, NULL);
}

static void detaching(void)
{
	pthread_t t;
	pthread_attr_t a;
	int state = -1;
	TR_MUST(pthread_attr_init(&a));
	TR("setdetachstate", pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED));
	running = 1;
	TR("create detached", pthread_create(&t, &a, waits, NULL));
	TR("join detached", pthread_join(t, NULL));
	TR("tryjoin detached", pthread_tryjoin_np(t, NULL));
	TR("detach detached", pthread_detach(t));
	pthread_attr_t got;
	TR("getattr_np", pthread_getattr_np(t, &got));
	TR_MUST(pthread_attr_getdetachstate(&got, &state));
	TR_TRUE("is detached", state == PTHREAD_CREATE_DETACHED);
	TR_MUST(pthread_attr_destroy(&got));
	tr_set(&running, 0);
	running = 1;
	TR_MUST(pthread_create(&t, NULL, waits, NULL));
	TR("detach", pthread_detach(t));
	TR("join after detach", pthread_join(t, NULL));
	tr_set(&running, 0);
}

/* ------------------------------------------------------------------ arguments of many creates at once */

enum { CREATORS = 4, EACH = 400 };
static unsigned char seen[CREATORS * EACH];

static void *marks(void *arg)
{
	__atomic_add_fetch((unsigned char *)arg, 1, __ATOMIC_RELAXED);
	return arg;
}

static void *creates(void *arg)
{
	long bad = 0, base = (long)arg * EACH;
	pthread_t t[16];
	for (int i = 0; i < EACH; i += 16) {
		for (int k = 0; k < 16; k++)
			bad += pthread_create(&t[k], NULL, marks, &seen[base + i + k]) != 0;
		for (int k = 0; k < 16; k++) {
			void *ret;
			bad += pthread_join(t[k], &ret) != 0 || ret != &seen[base + i + k];
		}
	}
	return (void *)bad;
}

static void arguments(void)
{
	pthread_t t[CREATORS];
	long bad = 0, once = 0;
	for (long i = 0; i < CREATORS; i++)
		TR_MUST(pthread_create(&t[i], NULL, creates, (void *)i));
	for (int i = 0; i < CREATORS; i++) {
		void *ret;
		TR_MUST(pthread_join(t[i], &ret));
		bad += (long)ret;
	}
	for (int i = 0; i < CREATORS * EACH; i++)
		once += seen[i] == 1;
	TR_NUM("wrong results of creates and joins", bad);
	TR_NUM("arguments seen exactly once", once);
}

/* ------------------------------------------------------------------ attributes as the thread sees them */

static void *sees_stack(void *arg)
{
	pthread_attr_t a;
	void *low;
	size_t size, guard;
	char here;
	TR("getattr_np", pthread_getattr_np(pthread_self(), &a));
	TR("getstack", pthread_attr_getstack(&a, &low, &size));
	TR("getguardsize", pthread_attr_getguardsize(&a, &guard));
	TR_MUST(pthread_attr_destroy(&a));
	TR_TRUE("a local lies inside", &here > (char *)low && &here < (char *)low + size);
	TR_TRUE("size as asked for", size == *(size_t *)arg || size == *(size_t *)arg - guard);
	TR_NUM("guard", guard);
	/* What lies above the start routine's frame: thread descriptor, TLS, libc's frame, and whatever a shim added. */
	TR_TRUE("start routine begins near the top", (char *)low + size - &here < 16384);
	return NULL;
}

static void *sees_signals_and_name(void *arg)
{
	sigset_t set;
	char name[32] = "";
	(void)arg;
	TR("sigmask", pthread_sigmask(SIG_SETMASK, NULL, &set));
	TR_NUM("SIGUSR1 blocked", sigismember(&set, SIGUSR1));
	TR_NUM("SIGUSR2 blocked", sigismember(&set, SIGUSR2));
	TR("getname", pthread_getname_np(pthread_self(), name, sizeof(name)));
	TR_TRUE("inherits the name", !strcmp(name, "parent-name"));
	TR("setname", pthread_setname_np(pthread_self(), "worker"));
	TR("getname", pthread_getname_np(pthread_self(), name, sizeof(name)));
	tr_say("name %s", name);
	TR("setname too long", pthread_setname_np(pthread_self(), "sixteen-chars-xx"));
	TR("getname short buffer", pthread_getname_np(pthread_self(), name, 4));
	TR("prctl name", prctl(PR_SET_NAME, "by-prctl", 0, 0, 0));
	TR("getname", pthread_getname_np(pthread_self(), name, sizeof(name)));
	tr_say("name %s", name);
	return NULL;
}

static void *on_own_stack(void *arg)
{
	char here;
	char *low = arg;
	TR_TRUE("runs on the given stack", &here > low && &here < low + 262144);
	return NULL;
}

static void attributes(void)
{
	pthread_t t;
	pthread_attr_t a;
	sigset_t set;
	size_t size = 512 * 1024;
	TR_MUST(pthread_attr_init(&a));
	TR("setstacksize too small", pthread_attr_setstacksize(&a, 1024));
	TR("setstacksize", pthread_attr_setstacksize(&a, size));
	TR("setguardsize", pthread_attr_setguardsize(&a, 8192));
	TR_MUST(pthread_create(&t, &a, sees_stack, &size));
	TR("join", pthread_join(t, NULL));
	void *own = aligned_alloc(4096, 262144);
	TR("setstack", pthread_attr_setstack(&a, own, 262144));
	TR_MUST(pthread_create(&t, &a, on_own_stack, own));
	TR("join", pthread_join(t, NULL));
	free(own);
	TR_MUST(pthread_attr_destroy(&a));
	TR_MUST(prctl(PR_SET_NAME, "parent-name", 0, 0, 0));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	TR_MUST(pthread_sigmask(SIG_BLOCK, &set, NULL));
	tr_elsewhere(sees_signals_and_name, NULL);
	TR_MUST(pthread_attr_init(&a));
	TR_MUST(pthread_attr_setinheritsched(&a, PTHREAD_EXPLICIT_SCHED));
	TR("attribute policy", pthread_attr_setschedpolicy(&a, 1234));
	TR("default attributes", pthread_setattr_default_np(&a));
	cpu_set_t none;
	CPU_ZERO(&none);
	TR("affinity of nothing", pthread_attr_setaffinity_np(&a, sizeof(none), &none));
	TR("create with it", pthread_create(&t, &a, returns, NULL));
}

/* ------------------------------------------------------------------ failures */

/* A stack that cannot be had. */
static void no_memory(void)
{
	pthread_attr_t a;
	pthread_t t;
	struct rlimit old, tight;
	TR_MUST(getrlimit(RLIMIT_AS, &old));
	tight = old;
	tight.rlim_cur = 64UL << 30;
	TR_MUST(pthread_attr_init(&a));
	TR_MUST(pthread_attr_setstacksize(&a, 128UL << 30));
	TR_MUST(setrlimit(RLIMIT_AS, &tight));
	TR("create without memory", pthread_create(&t, &a, returns, NULL));
	TR("create without memory again", pthread_create(&t, &a, returns, NULL));
	TR_MUST(setrlimit(RLIMIT_AS, &old));
	TR_MUST(pthread_attr_destroy(&a));
	TR("create afterwards", pthread_create(&t, NULL, returns, NULL));
	TR("join", pthread_join(t, NULL));
}

/* A user without the right to another process. Last: root gives up its rights for it. */
static void no_process(void)
{
	pthread_t t;
	struct rlimit none = {0, 0};
	bool root = geteuid() == 0;
	TR_MUST(root && setgid(65534));
	TR_MUST(root && setuid(65534));
	TR_MUST(setrlimit(RLIMIT_NPROC, &none));
	TR("create without processes", pthread_create(&t, NULL, returns, NULL));
	TR("create without processes again", pthread_create(&t, NULL, returns, NULL));
}

/* The clock and the identity of a thread. */
static void identity(void)
{
	clockid_t clock;
	int policy;
	struct sched_param p;
	TR("getcpuclockid", pthread_getcpuclockid(pthread_self(), &clock));
	TR("equal", pthread_equal(pthread_self(), pthread_self()) ? 0 : 1);
	TR("getschedparam", pthread_getschedparam(pthread_self(), &policy, &p));
	TR_NUM("policy", policy);
	TR("kill 0", pthread_kill(pthread_self(), 0));
	TR("kill no such signal", pthread_kill(pthread_self(), 99));
	TR("setcancelstate", pthread_setcancelstate(55, NULL));
	TR("setcanceltype", pthread_setcanceltype(55, NULL));
	TR("setconcurrency", pthread_setconcurrency(-1));
}

int main(void)
{
	tr_begin();
	joins();
	detaching();
	arguments();
	attributes();
	identity();
	no_memory();
	no_process();
	return tr_end();
}
