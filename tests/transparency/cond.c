/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cond.c - results of condition variables: waits, clocks, signals, many at once, between processes. See tr.h. */
#include "tests/transparency/tr.h"

#include <sys/mman.h>
#include <sys/wait.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static struct timespec past = {1, 0}, nsec_high = {1, 1000000000}, nsec_low = {1, -1};

static int state_of(pthread_mutex_t *mutex)
{
	return pthread_mutex_trylock(mutex); /* by the owner of a normal mutex: EBUSY */
}

static void timeouts(void)
{
	struct timespec rt = tr_in_ms(CLOCK_REALTIME, 20), mono = tr_in_ms(CLOCK_MONOTONIC, 20);
	TR("lock", pthread_mutex_lock(&m));
	TR("timedwait", pthread_cond_timedwait(&c, &m, &rt));
	TR("timedwait past", pthread_cond_timedwait(&c, &m, &past));
	TR("timedwait nsec too high", pthread_cond_timedwait(&c, &m, &nsec_high));
	TR("timedwait nsec too low", pthread_cond_timedwait(&c, &m, &nsec_low));
	TR("clockwait monotonic", pthread_cond_clockwait(&c, &m, CLOCK_MONOTONIC, &mono));
	TR("clockwait realtime past", pthread_cond_clockwait(&c, &m, CLOCK_REALTIME, &past));
	TR("clockwait other clock", pthread_cond_clockwait(&c, &m, CLOCK_BOOTTIME, &mono));
	TR("the mutex is held again", state_of(&m));
	TR("unlock", pthread_mutex_unlock(&m));
	TR("signal nobody", pthread_cond_signal(&c));
	TR("broadcast nobody", pthread_cond_broadcast(&c));
}

/* A condition whose deadline is on CLOCK_MONOTONIC: the old version of pthread_cond_init ignores it. */
static void clock_attribute(void)
{
	pthread_condattr_t a;
	pthread_cond_t cond;
	clockid_t clock = -1;
	TR_MUST(pthread_condattr_init(&a));
	TR("setclock monotonic", pthread_condattr_setclock(&a, CLOCK_MONOTONIC));
	TR("setclock cpu time", pthread_condattr_setclock(&a, CLOCK_PROCESS_CPUTIME_ID));
	TR("getclock", pthread_condattr_getclock(&a, &clock));
	TR_NUM("clock", clock);
	TR("init", pthread_cond_init(&cond, &a));
	TR_MUST(pthread_mutex_lock(&m));
	struct timespec until = tr_in_ms(CLOCK_MONOTONIC, 30);
	TR("timedwait on the monotonic clock", pthread_cond_timedwait(&cond, &m, &until));
	struct timespec now = tr_in_ms(CLOCK_MONOTONIC, 0);
	TR_TRUE("and waited for it", now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
	TR_MUST(pthread_mutex_unlock(&m));
	TR("destroy", pthread_cond_destroy(&cond));
}

/* Two parties wait on different conditions at once; each is woken alone. */
struct party {
	pthread_cond_t cond;
	pthread_mutex_t mutex;
	int go, tid;
	long result;
};

static void *party_main(void *arg)
{
	struct party *p = arg;
	TR_MUST(pthread_mutex_lock(&p->mutex));
	tr_publish(&p->tid);
	while (!p->go && !p->result)
		p->result = pthread_cond_wait(&p->cond, &p->mutex);
	p->result = p->result ? p->result : state_of(&p->mutex);
	TR_MUST(pthread_mutex_unlock(&p->mutex));
	return (void *)p->result;
}

static void several_at_once(void)
{
	enum { N = 4 };
	static struct party p[N];
	pthread_t t[N];
	for (int i = 0; i < N; i++) {
		TR("init", pthread_cond_init(&p[i].cond, NULL));
		TR_MUST(pthread_create(&t[i], NULL, party_main, &p[i]));
	}
	for (int i = 0; i < N; i++)
		tr_blocked(&p[i].tid);
	for (int i = N - 1; i >= 0; i--) {
		void *ret = NULL;
		TR_MUST(pthread_mutex_lock(&p[i].mutex));
		p[i].go = 1;
		TR("signal", (i % 2 ? pthread_cond_signal : pthread_cond_broadcast)(&p[i].cond));
		TR_MUST(pthread_mutex_unlock(&p[i].mutex));
		tr_join("woken", t[i], &ret);
		TR("held when woken", (long)ret);
		TR("destroy", pthread_cond_destroy(&p[i].cond));
	}
}

/* ------------------------------------------------------------------ one signal, one waiter; broadcast, all */

static struct {
	int tid[6], ready, woken, passes;
} crowd;

static void *crowd_main(void *arg)
{
	int me = (int)(intptr_t)arg;
	TR_MUST(pthread_mutex_lock(&m));
	tr_publish(&crowd.tid[me]);
	while (!crowd.passes)
		TR_MUST(pthread_cond_wait(&c, &m));
	crowd.passes--;
	__atomic_add_fetch(&crowd.woken, 1, __ATOMIC_RELEASE);
	TR_MUST(pthread_mutex_unlock(&m));
	return NULL;
}

static void signals_and_broadcasts(void)
{
	pthread_t t[6];
	for (int i = 0; i < 6; i++)
		TR_MUST(pthread_create(&t[i], NULL, crowd_main, (void *)(intptr_t)i));
	for (int i = 0; i < 6; i++)
		tr_blocked(&crowd.tid[i]);
	for (int i = 1; i <= 2; i++) {
		TR_MUST(pthread_mutex_lock(&m));
		crowd.passes = 1;
		TR("signal", pthread_cond_signal(&c));
		TR_MUST(pthread_mutex_unlock(&m));
		tr_until(&crowd.woken, i);
		TR_NUM("woken", crowd.woken);
	}
	TR_MUST(pthread_mutex_lock(&m));
	crowd.passes = 4;
	TR("broadcast", pthread_cond_broadcast(&c));
	TR_MUST(pthread_mutex_unlock(&m));
	for (int i = 0; i < 6; i++)
		tr_join("joined", t[i], NULL);
	TR_NUM("woken", crowd.woken);
}

/* ------------------------------------------------------------------ other mutexes, other processes */

/* A recursive mutex locked twice: the wait gives up one level only, so nobody else gets in. The old owner has it back. */
static void other_types(void)
{
	static pthread_mutex_t rec = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP, err = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
	struct timespec rt = tr_in_ms(CLOCK_REALTIME, 20);
	TR_MUST(pthread_mutex_lock(&rec));
	TR("recursive: timedwait", pthread_cond_timedwait(&c, &rec, &rt));
	TR("recursive: unlock", pthread_mutex_unlock(&rec));
	TR("recursive: not held any more", pthread_mutex_unlock(&rec));
	TR_MUST(pthread_mutex_lock(&err));
	TR("errorcheck: timedwait", pthread_cond_timedwait(&c, &err, &rt));
	TR("errorcheck: held again", pthread_mutex_lock(&err));
	TR("errorcheck: unlock", pthread_mutex_unlock(&err));
	TR("errorcheck: wait without the mutex", pthread_cond_timedwait(&c, &err, &rt));
}

struct shared {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	int turn;
};

static int play(struct shared *s, int me)
{
	int bad = 0;
	bad += pthread_mutex_lock(&s->mutex) != 0;
	for (int i = 0; i < 100; i++) {
		while (s->turn % 2 != me)
			bad += pthread_cond_wait(&s->cond, &s->mutex) != 0;
		s->turn++;
		bad += pthread_cond_signal(&s->cond) != 0;
	}
	bad += pthread_mutex_unlock(&s->mutex) != 0;
	return bad;
}

/* The old version of condition variables keeps a heap pointer in them: useless in another process. */
static void between_processes(void)
{
	struct shared *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	TR_MUST(s == MAP_FAILED);
	TR_MUST(pthread_mutexattr_init(&ma));
	TR_MUST(pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED));
	TR_MUST(pthread_condattr_init(&ca));
	TR("shared attribute", pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED));
	TR_MUST(pthread_mutex_init(&s->mutex, &ma));
	TR("shared init", pthread_cond_init(&s->cond, &ca));
	pid_t pid = fork();
	if (!pid)
		_exit(play(s, 1));
	TR_NUM("parent's wrong results", play(s, 0));
	int status;
	TR_MUST(waitpid(pid, &status, 0) != pid);
	TR_NUM("child's wrong results", WEXITSTATUS(status));
	TR_NUM("turns", s->turn);
}

/* In a zeroed page that is a condition without init. After use without waiters nothing may be left in it. */
static void leaves_nothing(void)
{
	static unsigned char zero[sizeof(pthread_cond_t)];
	static pthread_cond_t cond;
	TR("signal", pthread_cond_signal(&cond));
	TR("broadcast", pthread_cond_broadcast(&cond));
	TR_TRUE("still zero", !memcmp(&cond, zero, sizeof(zero)));
}

int main(void)
{
	tr_begin();
	timeouts();
	clock_attribute();
	several_at_once();
	signals_and_broadcasts();
	other_types();
	between_processes();
	leaves_nothing();
	return tr_end();
}
