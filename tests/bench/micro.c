/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * micro - one operation of the thread library again and again, timed by itself.
 *
 *   micro CASE [--ms N]    short samples for N ms; prints one JSON object: lower quartile, median, least
 *   micro CASE --ops N     exactly N operations, no clock, nothing printed: for callgrind and strace, which count
 *   micro --list           the cases
 *
 * tests/bench/run starts it natively and under the shim (and peers) in turn. It knows nothing of either. A second thread is
 * always alive, parked in the kernel: glibc's locks cost a third while a process has only one.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define LOCKS_MANY     1000
#define LOCKS_HEAP     10000
#define THREADS_MAX    8
#define SAMPLES_MAX    4096
#define SAMPLE_NS      500000
#define TEAM_SAMPLE_NS 2000000
/* Steps of work(), about 1.5 ns each. */
#define STEPS_INSIDE 70
#define STEPS_THINK  140
#define SOME         32 /* semaphores, */
#define OFTEN        8  /* of them */

static pthread_mutex_t mutex[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_mutex_t recursive;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_cond_t cond[2] = {PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};
static sem_t sem, pool, *some[SOME];
static mtx_t c11;
static pthread_mutex_t *many;
static void **near;

static void die(const char *what, int error)
{
	fprintf(stderr, "micro: %s: %s\n", what, strerror(error));
	exit(2);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* Keeps a processor busy without touching memory. */
static inline void work(unsigned steps)
{
	uint64_t x = steps;
	for (unsigned i = 0; i < steps; i++)
		__asm__ volatile("imul $3, %0, %0" : "+r"(x));
}

/* ------------------------------------------------------------------ one thread */

static void op_mutex(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		pthread_mutex_lock(&mutex[0]);
		pthread_mutex_unlock(&mutex[0]);
	}
}

static void op_nested3(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		pthread_mutex_lock(&mutex[0]);
		pthread_mutex_lock(&mutex[1]);
		pthread_mutex_lock(&mutex[2]);
		pthread_mutex_unlock(&mutex[2]);
		pthread_mutex_unlock(&mutex[1]);
		pthread_mutex_unlock(&mutex[0]);
	}
}

/* Always two held, the older one released first, as in a list walked hand over hand. */
static void op_hand_over_hand(uint64_t n)
{
	pthread_mutex_lock(&mutex[0]);
	for (uint64_t i = 0; i < n; i++) {
		pthread_mutex_lock(&mutex[(i + 1) % 3]);
		pthread_mutex_unlock(&mutex[i % 3]);
	}
	pthread_mutex_unlock(&mutex[n % 3]);
}

static void setup_many(void)
{
	many = calloc(LOCKS_MANY, sizeof(*many));
	if (!many)
		die("calloc", errno);
	for (unsigned i = 0; i < LOCKS_MANY; i++)
		pthread_mutex_init(&many[i], NULL);
}

static void op_random(uint64_t n)
{
	uint32_t x = 2463534242u;
	for (uint64_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		pthread_mutex_t *m = &many[(uint64_t)x * LOCKS_MANY >> 32];
		pthread_mutex_lock(m);
		pthread_mutex_unlock(m);
	}
}

static void op_trylock(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (pthread_mutex_trylock(&mutex[0]) == 0)
			pthread_mutex_unlock(&mutex[0]);
}

static void setup_recursive(void)
{
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recursive, &a);
}

static void op_recursive(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		pthread_mutex_lock(&recursive);
		pthread_mutex_unlock(&recursive);
	}
}

static void op_rdlock(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		pthread_rwlock_rdlock(&rwlock);
		pthread_rwlock_unlock(&rwlock);
	}
}

static void op_wrlock(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		pthread_rwlock_wrlock(&rwlock);
		pthread_rwlock_unlock(&rwlock);
	}
}

static void setup_sem(void)
{
	sem_init(&sem, 0, 1);
	sem_init(&pool, 0, 4);
}

/* One unit, taken and given back: a lock, as in CPython. */
static void op_sem(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		sem_wait(&sem);
		sem_post(&sem);
	}
}

/* How CPython takes its locks when they are free. */
static void op_sem_try(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (sem_trywait(&sem) == 0)
			sem_post(&sem);
}

/* As CPython asks whether a lock is its own. */
static void op_sem_taken(uint64_t n)
{
	sem_wait(&sem);
	while (n--)
		sem_trywait(&sem);
	sem_post(&sem);
}

/* CPython's locks when there are more than a few: some lie where the entries of another are looked for. */
static void __attribute__((noinline)) use_some(int i)
{
	if (sem_trywait(some[i]))
		return;
	if (sem_trywait(some[i]))
		sem_post(some[i]);
}

static void setup_sem_some(void)
{
	static char arena[1 << 20];
	uint32_t x = 1;
	for (int i = 0; i < SOME; i++) {
		x = x * 1664525 + 1013904223;
		some[i] = (sem_t *)(void *)(arena + (x >> 12) % (sizeof(arena) / 32) * 32);
		sem_init(some[i], 0, 1);
		use_some(i);
	}
}

static void op_sem_some(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		use_some(SOME - 1 - (int)(i % OFTEN));
}

/* Several units: no lock. */
static void op_sem_units(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		sem_wait(&pool);
		sem_post(&pool);
	}
}

static void setup_spin(void)
{
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
}

static void op_spin(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		pthread_spin_lock(&spin);
		pthread_spin_unlock(&spin);
	}
}

static void setup_c11(void)
{
	mtx_init(&c11, mtx_plain);
}

static void op_c11(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		mtx_lock(&c11);
		mtx_unlock(&c11);
	}
}

static void op_signal(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		pthread_cond_signal(&cond[0]);
}

static void op_malloc(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		void *p = malloc(64);
		__asm__ volatile("" : "+r"(p) : : "memory");
		free(p);
	}
}

/* Objects of 256 bytes with a lock each, once locked; and small blocks between them, given back. */
static void setup_heap(void)
{
	near = calloc(LOCKS_HEAP, sizeof(*near));
	if (!near)
		die("calloc", errno);
	for (unsigned i = 0; i < LOCKS_HEAP; i++) {
		pthread_mutex_t *m = malloc(256);
		near[i] = malloc(64);
		if (!m || !near[i])
			die("malloc", errno);
		pthread_mutex_init(m, NULL);
		pthread_mutex_lock(m);
		pthread_mutex_unlock(m);
	}
	free(malloc(100000)); /* some distance from the last lock */
}

/* Blocks whose neighbours hold locks: the worst that the free filter can meet. */
static void op_malloc_near(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		void **p = &near[i % LOCKS_HEAP];
		free(*p);
		*p = malloc(64);
	}
}

static void op_poll(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		poll(NULL, 0, 0);
}

static pthread_mutex_t kept = PTHREAD_MUTEX_INITIALIZER;

static void setup_kept(void)
{
	pthread_mutex_lock(&kept);
}

static void op_write(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (write(-1, "", 1) >= 0)
			abort();
}

static void *nothing(void *arg)
{
	return arg;
}

static void op_create(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		pthread_t t;
		int r = pthread_create(&t, NULL, nothing, NULL);
		if (r)
			die("pthread_create", r);
		pthread_join(t, NULL);
	}
}

/* ------------------------------------------------------------------ several threads */

static struct {
	pthread_mutex_t m;
	char apart[216];
} shared, private[THREADS_MAX];
static unsigned turn;
static atomic_bool stop;

#define GO_ON(i, n) ((i) < (n) && !atomic_load_explicit(&stop, memory_order_relaxed))

static uint64_t par_private(unsigned k, uint64_t n)
{
	uint64_t i;
	for (i = 0; GO_ON(i, n); i++) {
		pthread_mutex_lock(&private[k].m);
		pthread_mutex_unlock(&private[k].m);
	}
	return i;
}

static uint64_t par_contended(unsigned k, uint64_t n)
{
	(void)k;
	uint64_t i;
	for (i = 0; GO_ON(i, n); i++) {
		pthread_mutex_lock(&shared.m);
		work(STEPS_INSIDE);
		pthread_mutex_unlock(&shared.m);
		work(STEPS_THINK);
	}
	return i;
}

static uint64_t par_tight(unsigned k, uint64_t n)
{
	(void)k;
	uint64_t i;
	for (i = 0; GO_ON(i, n); i++) {
		pthread_mutex_lock(&shared.m);
		pthread_mutex_unlock(&shared.m);
	}
	return i;
}

/* Whoever leaves first wakes the other. */
static uint64_t par_pingpong(unsigned k, uint64_t n)
{
	uint64_t i;
	for (i = 0; GO_ON(i, n); i++) {
		pthread_mutex_lock(&shared.m);
		while (turn != k && !atomic_load_explicit(&stop, memory_order_relaxed))
			pthread_cond_wait(&cond[k], &shared.m);
		turn = !k;
		pthread_cond_signal(&cond[!k]);
		pthread_mutex_unlock(&shared.m);
	}
	pthread_mutex_lock(&shared.m);
	pthread_cond_signal(&cond[!k]);
	pthread_mutex_unlock(&shared.m);
	return i;
}

/*
 * Workers wait in read(), which no lock recorder looks at; the last to arrive lets all go at once. So neither the creation of
 * threads nor the start is in the figures.
 */
static struct {
	unsigned count;
	uint64_t (*run)(unsigned k, uint64_t n);
	uint64_t ops; /* most of each */
	int go[2], done[2];
	atomic_uint arrived;
	struct {
		uint64_t ops, start, end, cpu;
		char apart[224];
	} of[THREADS_MAX];
} team;

static void must_io(ssize_t r)
{
	if (r < 0)
		die("pipe", errno);
}

/* Thread k on the k-th processor that we may use: else the scheduler decides from sample to sample what is measured. */
static void team_place(unsigned k)
{
	cpu_set_t may, on;
	CPU_ZERO(&on);
	if (sched_getaffinity(0, sizeof(may), &may))
		return;
	unsigned skip = k % (unsigned)CPU_COUNT(&may);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &may) && skip-- == 0)
			CPU_SET(cpu, &on);
	sched_setaffinity(0, sizeof(on), &on);
}

static void team_meet(void)
{
	atomic_fetch_add(&team.arrived, 1);
	for (unsigned spins = 0; atomic_load(&team.arrived) % team.count; spins++)
		if (spins > 10000)
			sched_yield();
}

static void *team_worker(void *arg)
{
	unsigned k = (unsigned)(uintptr_t)arg;
	char c;
	team_place(k);
	for (;;) {
		must_io(read(team.go[0], &c, 1));
		team_meet();
		uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		team.of[k].start = clock_ns(CLOCK_MONOTONIC);
		team.of[k].ops = team.run(k, team.ops);
		team.of[k].end = clock_ns(CLOCK_MONOTONIC);
		team.of[k].cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
		must_io(write(team.done[1], &c, 1));
	}
	return NULL;
}

static void team_start(unsigned count, uint64_t (*run)(unsigned, uint64_t))
{
	team.count = count;
	team.run = run;
	must_io(pipe(team.go));
	must_io(pipe(team.done));
	for (unsigned k = 0; k < count; k++) {
		pthread_t t;
		int r = pthread_create(&t, NULL, team_worker, (void *)(uintptr_t)k);
		if (r)
			die("pthread_create", r);
	}
}

/*
 * All work for `ns`, or ops operations each (ns == 0). Returns ns per operation: of processor time when they work side by
 * side on locks of their own, else of wall time for all of them together.
 */
static double team_run(uint64_t ns, uint64_t ops)
{
	char c[THREADS_MAX] = {0};
	team.ops = ns ? UINT64_MAX : ops;
	atomic_store(&stop, false);
	must_io(write(team.go[1], c, team.count));
	if (ns) {
		struct timespec ts = {.tv_nsec = (long)ns};
		nanosleep(&ts, NULL);
		atomic_store(&stop, true);
	}
	uint64_t start = UINT64_MAX, end = 0, cpu = 0, sum = 0;
	for (unsigned k = 0; k < team.count; k++)
		must_io(read(team.done[0], c, 1));
	for (unsigned k = 0; k < team.count; k++) {
		start = team.of[k].start < start ? team.of[k].start : start;
		end = team.of[k].end > end ? team.of[k].end : end;
		cpu += team.of[k].cpu;
		sum += team.of[k].ops;
	}
	return (double)(team.run == par_private ? cpu : end - start) / (double)(sum ? sum : 1);
}

/* ------------------------------------------------------------------ cases */

static const struct micro_case {
	const char *name;
	void (*op)(uint64_t n);                  /* in one thread, or ... */
	uint64_t (*par)(unsigned k, uint64_t n); /* ... in several */
	unsigned threads;
	void (*setup)(void);
	const char *what;
} cases[] = {
	{"mutex", op_mutex, NULL, 1, NULL, "lock and unlock one mutex"},
	{"nested3", op_nested3, NULL, 1, NULL, "three mutexes nested"},
	{"private2", NULL, par_private, 2, NULL, "two threads, a mutex each"},
	{"random1000", op_random, NULL, 1, setup_many, "1,000 mutexes at random"},
	{"rwlock-read", op_rdlock, NULL, 1, NULL, "rdlock and unlock"},
	{"rwlock-write", op_wrlock, NULL, 1, NULL, "wrlock and unlock"},
	{"sem", op_sem, NULL, 1, setup_sem, "wait and post, one unit"},
	{"sem-try", op_sem_try, NULL, 1, setup_sem, "trywait and post, one unit"},
	{"sem-taken", op_sem_taken, NULL, 1, setup_sem, "trywait of a unit that is taken"},
	{"sem-some", op_sem_some, NULL, 1, setup_sem_some, "trywait, trywait in vain and post, of 8 in turn of 32"},
	{"sem-units", op_sem_units, NULL, 1, setup_sem, "wait and post, four units"},
	{"spin", op_spin, NULL, 1, setup_spin, "spinlock pair"},
	{"trylock", op_trylock, NULL, 1, NULL, "trylock and unlock"},
	{"recursive", op_recursive, NULL, 1, setup_recursive, "a recursive mutex"},
	{"c11", op_c11, NULL, 1, setup_c11, "mtx_lock and mtx_unlock"},
	{"hand-over-hand", op_hand_over_hand, NULL, 1, NULL, "a pair, released out of order"},
	{"cond-signal", op_signal, NULL, 1, NULL, "a signal that nobody waits for"},
	{"contended2", NULL, par_contended, 2, NULL, "two threads, one mutex, 0.1 us inside, 0.2 us outside"},
	{"contended8", NULL, par_contended, 8, NULL, "eight threads, likewise"},
	{"tight2", NULL, par_tight, 2, NULL, "two threads, one mutex, nothing inside or outside"},
	{"tight8", NULL, par_tight, 8, NULL, "eight threads, likewise"},
	{"cond-pingpong", NULL, par_pingpong, 2, NULL, "two threads take turns through conditions"},
	{"create-join", op_create, NULL, 1, NULL, "create a thread and join it"},
	{"malloc-free", op_malloc, NULL, 1, NULL, "malloc and free"},
	{"malloc-free-locks", op_malloc, NULL, 1, setup_heap, "malloc and free, 10,000 locks on the heap"},
	{"malloc-free-near", op_malloc_near, NULL, 1, setup_heap, "the block's neighbours hold locks"},
	{"poll", op_poll, NULL, 1, NULL, "poll of nothing, without waiting"},
	{"write", op_write, NULL, 1, NULL, "a write that fails at once"},
	{"write-held", op_write, NULL, 1, setup_kept, "the same with a lock held"},
};

static const struct micro_case *current;

static double run_ops(uint64_t n)
{
	if (current->par)
		return team_run(0, n / current->threads);
	uint64_t t0 = clock_ns(CLOCK_MONOTONIC);
	current->op(n);
	return (double)(clock_ns(CLOCK_MONOTONIC) - t0) / (double)n;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* low_ns, the lower quartile, is what rounds are compared by: a busy machine only ever adds. */
static void measure(uint64_t ms)
{
	static double sample[SAMPLES_MAX];
	uint64_t n = 16;
	if (!current->par)
		while (run_ops(n) * (double)n < SAMPLE_NS / 2)
			n *= 2;
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + ms * 1000000;
	unsigned count = 0;
	do {
		sample[count++] = current->par ? team_run(TEAM_SAMPLE_NS, 0) : run_ops(n);
	} while (count < SAMPLES_MAX && clock_ns(CLOCK_MONOTONIC) < end);
	qsort(sample, count, sizeof(sample[0]), by_value);
	printf("{\"case\": \"%s\", \"low_ns\": %.3f, \"median_ns\": %.3f, \"min_ns\": %.3f, \"samples\": %u}\n", current->name,
		sample[count / 4], sample[count / 2], sample[0], count);
}

static void *parked(void *arg)
{
	must_io(write(*(int *)arg, "", 1));
	pause();
	return arg;
}

static int list(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		printf("%-18s %s\n", cases[i].name, cases[i].what);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list();
	for (size_t i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].name, argv[1]) == 0)
			current = &cases[i];
	bool counted = argc == 4 && strcmp(argv[2], "--ops") == 0;
	if (!current || (argc != 2 && !counted && (argc != 4 || strcmp(argv[2], "--ms") != 0))) {
		fprintf(stderr, "usage: micro CASE [--ms N | --ops N]\n       micro --list\n");
		return 2;
	}
	pthread_t t;
	int there[2];
	char c;
	must_io(pipe(there));
	int r = pthread_create(&t, NULL, parked, &there[1]);
	if (r)
		die("pthread_create", r);
	must_io(read(there[0], &c, 1));
	if (current->setup)
		current->setup();
	if (current->par)
		team_start(current->threads, current->par);
	if (counted)
		run_ops(strtoull(argv[3], NULL, 10));
	else
		measure(argc == 4 ? strtoull(argv[3], NULL, 10) : 40);
	fflush(stdout);
	_exit(0); /* parked threads and workers are still there */
}
