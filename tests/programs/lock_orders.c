/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lock_orders.c - orders of locking that can deadlock, and ones that look like it: lock_orders CASE. Nothing ever waits for a
 * lock: threads that may run at once take turns by a word that recorders cannot see. Called by tests/order.bats.
 */
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MUST(call)                                                 \
	do {                                                       \
		int must_ = (call);                                \
		if (must_) {                                       \
			fprintf(stderr, "%s: %d\n", #call, must_); \
			exit(2);                                   \
		}                                                  \
	} while (0)
#ifdef __clang__
#define NAMED __attribute__((noinline))
#else
#define NAMED __attribute__((noinline, noclone))
#endif
#define STAY() __asm__ volatile("") /* the call before it is no jump: the caller is in its stack */
#define MANY   300

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER, c = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t ring[MANY];
static pthread_rwlock_t ra, rb, gate = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn, ready;

/* ------------------------------------------------------------------ threads one after the other, but not ordered */

struct part {
	void (*run)(int);
	int arg, turn;
};

static void await_turn(int which)
{
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) < which)
		sched_yield();
}

static void next_turn(void)
{
	__atomic_add_fetch(&turn, 1, __ATOMIC_ACQ_REL);
}

static void *part_main(void *arg)
{
	const struct part *p = arg;
	await_turn(p->turn);
	p->run(p->arg);
	next_turn();
	return NULL;
}

/* All threads exist before the first one runs. */
static void run(struct part *parts, int n)
{
	pthread_t t[16];
	for (int i = 0; i < n; i++) {
		parts[i].turn = i + 1;
		MUST(pthread_create(&t[i], NULL, part_main, &parts[i]));
	}
	next_turn();
	for (int i = 0; i < n; i++)
		MUST(pthread_join(t[i], NULL));
}

static void run_two(void (*first)(int), void (*second)(int))
{
	run((struct part[]){{first, 0, 0}, {second, 1, 0}}, 2);
}

static void both(pthread_mutex_t *first, pthread_mutex_t *second)
{
	MUST(pthread_mutex_lock(first));
	MUST(pthread_mutex_lock(second));
	MUST(pthread_mutex_unlock(second));
	MUST(pthread_mutex_unlock(first));
}

/* ------------------------------------------------------------------ two mutexes */

NAMED static void forwards(int arg)
{
	(void)arg;
	both(&a, &b);
	STAY();
}

NAMED static void backwards(int arg)
{
	(void)arg;
	both(&b, &a);
	STAY();
}

static void inversion(void)
{
	run_two(forwards, backwards);
}

NAMED static void trying(int arg)
{
	(void)arg;
	MUST(pthread_mutex_trylock(&a));
	MUST(pthread_mutex_lock(&b));
	MUST(pthread_mutex_unlock(&b));
	MUST(pthread_mutex_unlock(&a));
}

static void try_held(void)
{
	run_two(trying, backwards);
}

NAMED static void in_time(int arg)
{
	struct timespec until;
	(void)arg;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	MUST(pthread_mutex_lock(&a));
	MUST(pthread_mutex_timedlock(&b, &until));
	MUST(pthread_mutex_unlock(&b));
	MUST(pthread_mutex_unlock(&a));
}

static void timed(void)
{
	run_two(in_time, backwards);
}

NAMED static void recursively(int arg)
{
	MUST(pthread_mutex_lock(&ring[0]));
	MUST(pthread_mutex_lock(&a));
	if (arg == 0)
		MUST(pthread_mutex_lock(&ring[0]));
	MUST(pthread_mutex_unlock(&ring[0]));
	MUST(pthread_mutex_unlock(&a));
	if (arg == 0)
		MUST(pthread_mutex_unlock(&ring[0]));
}

static void recursive(void)
{
	pthread_mutexattr_t attr;
	MUST(pthread_mutexattr_init(&attr));
	MUST(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE));
	MUST(pthread_mutex_destroy(&ring[0]));
	MUST(pthread_mutex_init(&ring[0], &attr));
	run_two(recursively, recursively);
}

/* ------------------------------------------------------------------ shapes of critical sections */

NAMED static void hand_over(int arg)
{
	int at = arg ? 4 : 0, step = arg ? -1 : 1;
	MUST(pthread_mutex_lock(&ring[at]));
	for (int i = 0; i < 4; i++, at += step) {
		MUST(pthread_mutex_lock(&ring[at + step]));
		MUST(pthread_mutex_unlock(&ring[at]));
	}
	MUST(pthread_mutex_unlock(&ring[at]));
}

static void hand_over_hand(void)
{
	run((struct part[]){{hand_over, 0, 0}, {hand_over, 0, 0}}, 2);
}

static void hand_over_back(void)
{
	run((struct part[]){{hand_over, 0, 0}, {hand_over, 1, 0}}, 2);
}

/* a and b, then b and c: a is no longer held when c is asked for. */
NAMED static void released_early(int arg)
{
	(void)arg;
	MUST(pthread_mutex_lock(&a));
	MUST(pthread_mutex_lock(&b));
	MUST(pthread_mutex_unlock(&a));
	MUST(pthread_mutex_lock(&c));
	MUST(pthread_mutex_unlock(&b));
	MUST(pthread_mutex_unlock(&c));
}

NAMED static void last_first(int arg)
{
	(void)arg;
	both(&c, &a);
}

static void out_of_order(void)
{
	run_two(released_early, last_first);
}

static void out_of_order_three(void)
{
	run((struct part[]){{released_early, 0, 0}, {released_early, 0, 0}, {last_first, 0, 0}}, 3);
}

NAMED static void wakes(int arg)
{
	(void)arg;
	await_turn(2); /* the waiter's turn: it lets the mutex go inside its wait */
	MUST(pthread_mutex_lock(&b));
	ready = 1;
	MUST(pthread_cond_signal(&cond));
	MUST(pthread_mutex_unlock(&b));
}

static void *wakes_main(void *arg)
{
	while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE))
		sched_yield();
	wakes(0);
	return NULL;
}

static int waits_now;

/* Takes b, then a; the wait gives b back, and takes it again while a is held. */
NAMED static void waits_holding(int arg)
{
	(void)arg;
	MUST(pthread_mutex_lock(&b));
	MUST(pthread_mutex_lock(&a));
	__atomic_store_n(&waits_now, 1, __ATOMIC_RELEASE);
	while (!ready)
		MUST(pthread_cond_wait(&cond, &b));
	MUST(pthread_mutex_unlock(&a));
	MUST(pthread_mutex_unlock(&b));
}

static void cond_wait(void)
{
	pthread_t waker;
	MUST(pthread_create(&waker, NULL, wakes_main, &waits_now));
	run_two(backwards, waits_holding);
	MUST(pthread_join(waker, NULL));
}

NAMED static void takes_many(int arg)
{
	(void)arg;
	for (int i = 0; i < MANY; i++)
		MUST(pthread_mutex_lock(&ring[i]));
	for (int i = 0; i < MANY; i++)
		MUST(pthread_mutex_unlock(&ring[i]));
}

NAMED static void last_before_first(int arg)
{
	(void)arg;
	both(&ring[MANY - 1], &ring[0]);
}

static void deep(void)
{
	run_two(takes_many, last_before_first);
}

/* ------------------------------------------------------------------ create and join */

static void *backwards_main(void *arg)
{
	await_turn((int)(size_t)arg);
	backwards(0);
	return NULL;
}

static void create_within(void)
{
	pthread_t t;
	MUST(pthread_mutex_lock(&a));
	MUST(pthread_create(&t, NULL, backwards_main, (void *)1));
	MUST(pthread_mutex_lock(&b));
	MUST(pthread_mutex_unlock(&b));
	MUST(pthread_mutex_unlock(&a));
	next_turn();
	MUST(pthread_join(t, NULL));
}

static void create_after(void)
{
	pthread_t t;
	forwards(0);
	MUST(pthread_create(&t, NULL, backwards_main, NULL));
	MUST(pthread_join(t, NULL));
}

/* Known to the recorder from before the thread was there; done again while it is. */
static void create_between(void)
{
	pthread_t t;
	for (int i = 0; i < 3; i++)
		forwards(0);
	MUST(pthread_create(&t, NULL, backwards_main, (void *)1));
	forwards(0);
	next_turn();
	MUST(pthread_join(t, NULL));
}

static void join_before(void)
{
	pthread_t t;
	MUST(pthread_create(&t, NULL, backwards_main, NULL));
	MUST(pthread_join(t, NULL));
	forwards(0);
}

/* a is held from before the join on; the thread was gone when b is asked for. */
static void join_within(void)
{
	pthread_t t;
	MUST(pthread_create(&t, NULL, backwards_main, NULL));
	while (pthread_tryjoin_np(t, NULL))
		sched_yield();
	MUST(pthread_mutex_lock(&a));
	MUST(pthread_create(&t, NULL, part_main, &(struct part){last_before_first, 0, 0}));
	MUST(pthread_join(t, NULL));
	MUST(pthread_mutex_lock(&b));
	MUST(pthread_mutex_unlock(&b));
	MUST(pthread_mutex_unlock(&a));
}

/* ------------------------------------------------------------------ identity */

NAMED static void renewed(int arg)
{
	(void)arg;
	MUST(pthread_mutex_destroy(&a));
	MUST(pthread_mutex_init(&a, NULL));
	backwards(0);
}

static void reinit(void)
{
	run_two(forwards, renewed);
}

struct object {
	pthread_mutex_t first, second;
	char rest[4000];
};
static const struct object fresh = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, ""};

/* Never initialised nor destroyed by a call, as std::mutex. */
NAMED static void uses_memory(int arg)
{
	static void *before;
	struct object *o = malloc(sizeof(*o));
	if (arg && o != before)
		printf("the allocator gave other memory\n");
	before = o;
	memcpy(o, &fresh, sizeof(*o));
	both(arg ? &o->second : &o->first, arg ? &o->first : &o->second);
	free(o);
}

static void reuse(void)
{
	mallopt(M_ARENA_MAX, 1); /* or the second thread has a heap of its own */
	run_two(uses_memory, uses_memory);
}

/* ------------------------------------------------------------------ classes */

NAMED static void dines(int arg)
{
	both(&ring[arg], &ring[(arg + 1) % 5]);
}

NAMED static void dines_in_order(int arg)
{
	int l = arg, r = (arg + 1) % 5;
	both(&ring[l < r ? l : r], &ring[l < r ? r : l]);
}

static void philosophers(void)
{
	run((struct part[]){{dines, 0, 0}, {dines, 1, 0}, {dines, 2, 0}, {dines, 3, 0}, {dines, 4, 0}}, 5);
}

static void philosophers_in_order(void)
{
	run((struct part[]){{dines_in_order, 0, 0}, {dines_in_order, 1, 0}, {dines_in_order, 2, 0}, {dines_in_order, 3, 0},
		    {dines_in_order, 4, 0}},
		5);
}

NAMED static void transfers(int arg)
{
	for (int i = 0; i < 6; i += 2)
		both(&ring[i + arg], &ring[i + 1 - arg]);
}

static void pairs(void)
{
	run((struct part[]){{transfers, 0, 0}, {transfers, 1, 0}}, 2);
}

/* ------------------------------------------------------------------ read-write locks */

static void init_rw(int kind)
{
	pthread_rwlockattr_t attr;
	MUST(pthread_rwlockattr_init(&attr));
	MUST(pthread_rwlockattr_setkind_np(&attr, kind));
	MUST(pthread_rwlock_init(&ra, &attr));
	MUST(pthread_rwlock_init(&rb, &attr));
}

NAMED static void reads(int arg)
{
	pthread_rwlock_t *first = arg ? &rb : &ra, *second = arg ? &ra : &rb;
	MUST(pthread_rwlock_rdlock(first));
	MUST(pthread_rwlock_rdlock(second));
	MUST(pthread_rwlock_unlock(second));
	MUST(pthread_rwlock_unlock(first));
}

NAMED static void writes(int arg)
{
	(void)arg;
	MUST(pthread_rwlock_wrlock(&ra));
	MUST(pthread_rwlock_unlock(&ra));
	MUST(pthread_rwlock_wrlock(&rb));
	MUST(pthread_rwlock_unlock(&rb));
}

static void readers(void)
{
	init_rw(PTHREAD_RWLOCK_PREFER_READER_NP);
	run((struct part[]){{reads, 0, 0}, {reads, 1, 0}, {writes, 0, 0}}, 3);
}

static void readers_behind_writer(void)
{
	init_rw(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	run((struct part[]){{reads, 0, 0}, {reads, 1, 0}, {writes, 0, 0}}, 3);
}

NAMED static void behind_gate(int arg)
{
	if (arg & 2)
		MUST(pthread_rwlock_wrlock(&gate));
	else
		MUST(pthread_rwlock_rdlock(&gate));
	both(arg & 1 ? &b : &a, arg & 1 ? &a : &b);
	MUST(pthread_rwlock_unlock(&gate));
}

static void gate_read(void)
{
	run((struct part[]){{behind_gate, 0, 0}, {behind_gate, 1, 0}}, 2);
}

static void gate_write(void)
{
	run((struct part[]){{behind_gate, 0, 0}, {behind_gate, 3, 0}}, 2);
}

/* ------------------------------------------------------------------ main */

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"inversion", inversion},
	{"try-held", try_held},
	{"timed", timed},
	{"recursive", recursive},
	{"hand-over-hand", hand_over_hand},
	{"hand-over-back", hand_over_back},
	{"out-of-order", out_of_order},
	{"out-of-order-three", out_of_order_three},
	{"cond-wait", cond_wait},
	{"deep", deep},
	{"create-within", create_within},
	{"create-after", create_after},
	{"create-between", create_between},
	{"join-before", join_before},
	{"join-within", join_within},
	{"reinit", reinit},
	{"reuse", reuse},
	{"philosophers", philosophers},
	{"philosophers-in-order", philosophers_in_order},
	{"pairs", pairs},
	{"readers", readers},
	{"readers-behind-writer", readers_behind_writer},
	{"gate-read", gate_read},
	{"gate-write", gate_write},
};

int main(int argc, char **argv)
{
	for (int i = 0; i < MANY; i++)
		MUST(pthread_mutex_init(&ring[i], NULL));
	for (size_t i = 0; argc == 2 && i < sizeof(cases) / sizeof(*cases); i++) {
		if (strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run();
			return 0;
		}
	}
	fprintf(stderr, "lock_orders: no such case\n");
	return 2;
}
