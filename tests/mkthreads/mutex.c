/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mutex.c - scenarios of ordinary mutexes: free, nested, contended, tried, timed, many. Called through scenarios.def. */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static pthread_mutex_t the_mutex = PTHREAD_MUTEX_INITIALIZER;

/* ------------------------------------------------------------------ uncontended, nested */

struct uncontended {
	pthread_mutex_t mutex;
	struct mk_lock *lock;
	long rounds;
};

MK_NAMED static void uncontended_pair(pthread_mutex_t *m)
{
	MK_MUST(pthread_mutex_lock(m));
	MK_MUST(pthread_mutex_unlock(m));
}

static void *uncontended_main(void *arg)
{
	struct uncontended *u = arg;
	mk_enter("uncontended_main");
	for (long i = 0; i < u->rounds; i++)
		uncontended_pair(&u->mutex);
	mk_took(u->lock, (uint64_t)u->rounds);
	return NULL;
}

/* Each thread has a mutex of its own. */
int uncontended_mutex(void)
{
	int threads = (int)mk_arg("threads");
	struct uncontended *u = calloc((size_t)threads, sizeof(*u));
	pthread_t *t = calloc((size_t)threads, sizeof(*t));
	MK_TRUE(u && t);
	for (int i = 0; i < threads; i++) {
		MK_MUST(pthread_mutex_init(&u[i].mutex, NULL));
		u[i].lock = mk_add_lock("private", "mutex", &u[i].mutex, sizeof(u[i].mutex));
		u[i].rounds = mk_arg("rounds");
		MK_CREATE(&t[i], NULL, uncontended_main, &u[i]);
	}
	for (int i = 0; i < threads; i++)
		MK_JOIN(t[i], NULL);
	free(t);
	return 0; /* the mutexes stay: nothing may look like a death */
}

MK_NAMED static void nest(pthread_mutex_t *m, int depth)
{
	MK_MUST(pthread_mutex_lock(m));
	if (depth > 1)
		nest(m + 1, depth - 1);
	MK_MUST(pthread_mutex_unlock(m));
}

int nested_mutex(void)
{
	int depth = (int)mk_arg("depth");
	long rounds = mk_arg("rounds");
	pthread_mutex_t *m = calloc((size_t)depth, sizeof(*m));
	MK_TRUE(m && depth > 0);
	for (int i = 0; i < depth; i++) {
		MK_MUST(pthread_mutex_init(&m[i], NULL));
		mk_took(mk_add_lock("nested", "mutex", &m[i], sizeof(m[i])), (uint64_t)rounds);
	}
	for (long r = 0; r < rounds; r++)
		nest(m, depth);
	mk_fact("max_held", depth);
	return 0;
}

/* ------------------------------------------------------------------ contended */

MK_NAMED static void mutex_holder(void *m)
{
	MK_MUST(pthread_mutex_lock(m));
}

MK_NAMED static void mutex_waiter(void *m)
{
	MK_MUST(pthread_mutex_lock(m));
}

static void mutex_release(void *m)
{
	MK_MUST(pthread_mutex_unlock(m));
}

/* The same for every kind of mutex: see mutex_types.c. */
struct mk_lock *contend_mutex(pthread_mutex_t *m, const char *name)
{
	return mk_run_contend(&(struct mk_contend){
		.object = m,
		.size = sizeof(*m),
		.hold = mutex_holder,
		.want = mutex_waiter,
		.release = mutex_release,
		.hold_name = "mutex_holder",
		.want_name = "mutex_waiter",
		.name = name,
		.kind = "mutex",
		.waiters = (int)mk_arg("waiters"),
		.rounds = (int)mk_arg("rounds"),
		.hold_us = mk_arg("hold_us"),
	});
}

int contended_mutex(void)
{
	contend_mutex(&the_mutex, "contended");
	return 0;
}

int long_hold(void)
{
	contend_mutex(&the_mutex, "long-held");
	return 0;
}

/* ------------------------------------------------------------------ racing freely */

struct ping {
	struct mk_lock *lock;
	struct mk_gate start;
	uint64_t shared;
	long rounds, inside;
	int threads;
};

MK_NAMED static void ping_locks(struct ping *p)
{
	MK_MUST(pthread_mutex_lock(&the_mutex));
	for (long i = 0; i < p->inside; i++)
		MK_KEEP_FRAME();
	p->shared++;
	MK_MUST(pthread_mutex_unlock(&the_mutex));
}

static void *ping_main(void *arg)
{
	struct ping *p = arg;
	mk_enter("ping_main");
	mk_gate_add(&p->start);
	mk_gate_wait(&p->start, p->threads);
	for (long i = 0; i < p->rounds; i++)
		ping_locks(p);
	mk_took(p->lock, (uint64_t)p->rounds);
	return NULL;
}

int contended_ping(void)
{
	struct ping p = {.rounds = mk_arg("rounds"), .inside = mk_arg("inside"), .threads = (int)mk_arg("threads")};
	pthread_t *t = calloc((size_t)p.threads, sizeof(*t));
	MK_TRUE(t);
	p.lock = mk_add_lock("ping", "mutex", &the_mutex, sizeof(the_mutex));
	mk_contended_unknown(p.lock);
	for (int i = 0; i < p.threads; i++)
		MK_CREATE(&t[i], NULL, ping_main, &p);
	for (int i = 0; i < p.threads; i++)
		MK_JOIN(t[i], NULL);
	MK_TRUE(p.shared == (uint64_t)p.rounds * (uint64_t)p.threads);
	free(t);
	return 0;
}

struct many {
	pthread_mutex_t *mutex;
	uint64_t *taken; /* per lock, atomic */
	long locks, rounds, seed;
};

MK_NAMED static void many_locks_pair(struct many *m, long i)
{
	MK_MUST(pthread_mutex_lock(&m->mutex[i]));
	__atomic_add_fetch(&m->taken[i], 1, __ATOMIC_RELAXED);
	MK_MUST(pthread_mutex_unlock(&m->mutex[i]));
}

static void *many_main(void *arg)
{
	struct many *m = arg;
	mk_enter("many_main");
	uint64_t x = (uint64_t)__atomic_add_fetch(&m->seed, 1, __ATOMIC_RELAXED) * 0x9e3779b97f4a7c15u;
	for (long i = 0; i < m->locks; i++) /* each thread takes each lock at least once */
		many_locks_pair(m, i);
	for (long i = 0; i < m->rounds; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		many_locks_pair(m, (long)((x >> 33) % (uint64_t)m->locks));
	}
	return NULL;
}

int many_locks(void)
{
	struct many m = {.locks = mk_arg("locks"), .rounds = mk_arg("rounds")};
	int threads = (int)mk_arg("threads");
	pthread_t *t = calloc((size_t)threads, sizeof(*t));
	m.mutex = calloc((size_t)m.locks, sizeof(*m.mutex));
	m.taken = calloc((size_t)m.locks, sizeof(*m.taken));
	MK_TRUE(t && m.mutex && m.taken);
	for (long i = 0; i < m.locks; i++)
		MK_MUST(pthread_mutex_init(&m.mutex[i], NULL));
	for (int i = 0; i < threads; i++)
		MK_CREATE(&t[i], NULL, many_main, &m);
	for (int i = 0; i < threads; i++)
		MK_JOIN(t[i], NULL);
	for (long i = 0; i < m.locks; i++) {
		struct mk_lock *l = mk_add_lock("many", "mutex", &m.mutex[i], sizeof(m.mutex[i]));
		mk_took(l, m.taken[i]);
		if (threads > 1)
			mk_contended_unknown(l);
	}
	free(t);
	free(m.taken);
	return 0;
}

/* ------------------------------------------------------------------ starvation */

struct starve {
	struct mk_lock *lock;
	struct mk_pair *fair, *starved;
	struct mk_gate round, asking, done;
	int victim, peer;
	long rounds;
};

MK_NAMED static void starve_holder(void *m)
{
	MK_MUST(pthread_mutex_lock(m));
}

MK_NAMED static void starve_victim(void *m)
{
	MK_MUST(pthread_mutex_lock(m));
}

MK_NAMED static void starve_peer(void *m)
{
	MK_MUST(pthread_mutex_lock(m));
}

static void starve_wait(struct starve *s, struct mk_pair *pair, void (*lock)(void *))
{
	mk_gate_add(&s->asking);
	uint64_t t0 = mk_now();
	lock(&the_mutex);
	mk_waited(pair, mk_now() - t0);
	MK_MUST(pthread_mutex_unlock(&the_mutex));
	mk_gate_add(&s->done);
}

static void *starve_victim_main(void *arg)
{
	struct starve *s = arg;
	mk_enter("starve_victim_main");
	__atomic_store_n(&s->victim, mk_tid(), __ATOMIC_RELEASE);
	for (int r = 1; r <= s->rounds; r++) {
		mk_gate_wait(&s->round, 2 * r - 1);
		starve_wait(s, s->starved, starve_victim);
	}
	return NULL;
}

static void *starve_peer_main(void *arg)
{
	struct starve *s = arg;
	mk_enter("starve_peer_main");
	__atomic_store_n(&s->peer, mk_tid(), __ATOMIC_RELEASE);
	for (int r = 1; r <= s->rounds; r++) {
		mk_gate_wait(&s->round, 2 * r);
		starve_wait(s, s->fair, starve_peer);
	}
	return NULL;
}

static void starve_round(struct starve *s, int r, long long_us, long short_us)
{
	starve_holder(&the_mutex);
	mk_took(s->lock, 1);
	mk_gate_add(&s->round); /* the victim runs into it first, the peer only near the end */
	mk_gate_wait(&s->asking, 2 * r + 1);
	mk_wait_blocked(0, __atomic_load_n(&s->victim, __ATOMIC_ACQUIRE), &the_mutex, sizeof(the_mutex));
	mk_sleep_us(long_us);
	mk_gate_add(&s->round);
	mk_gate_wait(&s->asking, 2 * r + 2);
	mk_wait_blocked(0, __atomic_load_n(&s->peer, __ATOMIC_ACQUIRE), &the_mutex, sizeof(the_mutex));
	mk_sleep_us(short_us);
	MK_MUST(pthread_mutex_unlock(&the_mutex));
	mk_gate_wait(&s->done, 2 * r + 2);
}

/* Two threads wait equally often for one lock, one of them always far longer. */
int starvation(void)
{
	pthread_t victim, peer;
	struct starve s = {.rounds = mk_arg("rounds")};
	s.lock = mk_add_lock("unfair", "mutex", &the_mutex, sizeof(the_mutex));
	s.starved = mk_add_pair(s.lock, "starve_victim", "starve_holder");
	s.fair = mk_add_pair(s.lock, "starve_peer", "starve_holder");
	MK_CREATE(&victim, NULL, starve_victim_main, &s);
	MK_CREATE(&peer, NULL, starve_peer_main, &s);
	while (!__atomic_load_n(&s.victim, __ATOMIC_ACQUIRE) || !__atomic_load_n(&s.peer, __ATOMIC_ACQUIRE))
		mk_sleep_us(30);
	for (int r = 0; r < s.rounds; r++)
		starve_round(&s, r, mk_arg("long_us"), mk_arg("short_us"));
	mk_fact("victim_tid", s.victim);
	mk_fact("peer_tid", s.peer);
	MK_JOIN(victim, NULL);
	MK_JOIN(peer, NULL);
	return 0;
}
