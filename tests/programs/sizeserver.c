/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sizeserver.c - a server whose compute and wait times are known: a pool of threads that each compute, then wait, again and
 * again, or take requests from a queue. Prints its own truth as JSON when it ends.
 *
 *   sizeserver threads=N compute_us=C wait_us=W [seconds=S] [warm_ms=M] [constant=1] [lock_pct=P] [rate=R] [name=TEXT]
 *
 * Times are exponential unless constant=1. lock_pct: share of the computing that holds one lock. rate: requests per second from
 * a generator through a queue; without it the pool is always loaded. Compute time is CPU time of the thread.
 *
 * The ratio printed is the time really waited over the CPU time really taken: a sleep takes longer than it was asked for, and
 * calls cost something, so that the ratio asked for is not what happens. What a thread waited in a sleep is the time that it
 * took, less that in which it was ready and had no processor (its schedstat), less what it ran.
 */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double compute_us = 1000, wait_us = 4000, seconds = 5, warm_ms, lock_pct, rate;
static int threads = 4, constant;
static const char *pool_name = "worker";
static volatile int stop, counting;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, queue = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static unsigned long queued;

#define BUCKETS 200
struct worker {
	pthread_t thread;
	int schedstat;
	uint64_t seed, requests;
	double computed_ns, waited_ns;
	uint64_t latency[BUCKETS]; /* by tenths of an octave of microseconds */
};

static uint64_t now(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static double draw(struct worker *w, double mean_us)
{
	if (constant || mean_us <= 0)
		return mean_us * 1e3;
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return -log(((double)(w->seed >> 11) + 0.5) / 9007199254740992.0) * mean_us * 1e3;
}

static void burn(double ns)
{
	uint64_t end = now(CLOCK_THREAD_CPUTIME_ID) + (uint64_t)ns;
	while (now(CLOCK_THREAD_CPUTIME_ID) < end)
		for (volatile int i = 0; i < 200; i++)
			;
}

/* Time that the thread has run, or was ready to, so far. */
static uint64_t on_queue_ns(const struct worker *w)
{
	unsigned long long run_ns = 0, delay_ns = 0;
	char text[96];
	ssize_t n = pread(w->schedstat, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	sscanf(text, "%llu %llu", &run_ns, &delay_ns);
	return run_ns + delay_ns;
}

/* Sleeps, and returns what was really waited. */
static double wait_for(const struct worker *w, double ns)
{
	struct timespec ts = {(time_t)(ns / 1e9), (long)fmod(ns, 1e9)};
	uint64_t queued_ns = on_queue_ns(w), from = now(CLOCK_MONOTONIC);
	nanosleep(&ts, NULL);
	return (double)(now(CLOCK_MONOTONIC) - from) - (double)(on_queue_ns(w) - queued_ns);
}

static void take_request(void)
{
	pthread_mutex_lock(&queue);
	while (queued == 0 && !stop)
		pthread_cond_wait(&work, &queue);
	if (queued)
		queued--;
	pthread_mutex_unlock(&queue);
}

static void serve(struct worker *w)
{
	double c = draw(w, compute_us), d = draw(w, wait_us);
	burn(c * (1 - lock_pct / 100));
	if (lock_pct > 0) {
		pthread_mutex_lock(&lock);
		burn(c * lock_pct / 100);
		pthread_mutex_unlock(&lock);
	}
	if (d > 0)
		d = wait_for(w, d);
	w->computed_ns += counting ? c : 0;
	w->waited_ns += counting ? d : 0;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	static int number;
	char name[16];
	snprintf(name, sizeof(name), "%.8s-%d", pool_name, __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED) % 100000);
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_TIMERSLACK, 1);
	w->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	while (!stop) {
		if (rate > 0)
			take_request();
		uint64_t from = now(CLOCK_MONOTONIC);
		serve(w);
		double us = (double)(now(CLOCK_MONOTONIC) - from) / 1e3;
		int bucket = us > 1 ? (int)(log2(us) * 10) : 0;
		if (counting && !stop) {
			w->requests++;
			w->latency[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
		}
	}
	return NULL;
}

static void generate(double until_s)
{
	struct worker self = {.seed = 12345};
	uint64_t end = now(CLOCK_MONOTONIC) + (uint64_t)(until_s * 1e9);
	while (now(CLOCK_MONOTONIC) < end) {
		struct timespec ts = {0, 0};
		double d = rate > 0 ? draw(&self, 1e6 / rate) : 2e7;
		ts.tv_nsec = (long)fmod(d, 1e9);
		nanosleep(&ts, NULL);
		if (rate <= 0)
			continue;
		pthread_mutex_lock(&queue);
		queued++;
		pthread_cond_signal(&work);
		pthread_mutex_unlock(&queue);
	}
}

static void argument(const char *arg)
{
	const struct {
		const char *name;
		double *real;
		int *whole;
	} names[] = {{"compute_us=", &compute_us, NULL}, {"wait_us=", &wait_us, NULL}, {"seconds=", &seconds, NULL},
		{"warm_ms=", &warm_ms, NULL}, {"lock_pct=", &lock_pct, NULL}, {"rate=", &rate, NULL},
		{"threads=", NULL, &threads}, {"constant=", NULL, &constant}};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t len = strlen(names[i].name);
		if (strncmp(arg, names[i].name, len) != 0)
			continue;
		if (names[i].real)
			*names[i].real = strtod(arg + len, NULL);
		else
			*names[i].whole = atoi(arg + len);
		return;
	}
	if (strncmp(arg, "name=", 5) == 0) {
		pool_name = arg + 5;
		return;
	}
	fprintf(stderr, "sizeserver: what is '%s'?\n", arg);
	exit(2);
}

static double percentile(const uint64_t *hist, uint64_t total, double share)
{
	uint64_t seen = 0;
	for (int i = 0; i < BUCKETS; i++) {
		seen += hist[i];
		if ((double)seen >= share * (double)total && total)
			return exp2((i + 0.5) / 10);
	}
	return 0;
}

static void say(struct worker *workers, double elapsed, double used)
{
	uint64_t requests = 0, hist[BUCKETS] = {0};
	double computed = 0, waited = 0;
	for (int i = 0; i < threads; i++) {
		requests += workers[i].requests;
		computed += workers[i].computed_ns;
		waited += workers[i].waited_ns;
		for (int b = 0; b < BUCKETS; b++)
			hist[b] += workers[i].latency[b];
	}
	printf("{\"threads\": %d, \"requests\": %lu, \"per_s\": %.1f, \"cpus\": %.4f, \"used_cpus\": %.4f, \"ratio\": %.4f, "
	       "\"p50_us\": %.0f, "
	       "\"p99_us\": %.0f}\n",
		threads, (unsigned long)requests, (double)requests / elapsed, computed / 1e9 / elapsed, used / 1e9 / elapsed,
		used > 0 ? waited / used : 0, percentile(hist, requests, 0.5), percentile(hist, requests, 0.99));
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		argument(argv[i]);
	if (threads < 1)
		return 2;
	struct worker *workers = calloc((size_t)threads, sizeof(*workers));
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	for (int i = 0; i < threads; i++) {
		workers[i].seed = 0x9e3779b97f4a7c15u * (uint64_t)(i + 1);
		if (pthread_create(&workers[i].thread, &attr, run, &workers[i]) != 0) {
			fprintf(stderr, "sizeserver: only %d threads\n", i);
			return 1;
		}
	}
	puts("ready");
	fflush(stdout);
	generate(warm_ms / 1e3);
	counting = 1;
	uint64_t from = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	generate(seconds);
	double elapsed = (double)(now(CLOCK_MONOTONIC) - from) / 1e9;
	counting = 0;
	stop = 1;
	say(workers, elapsed, (double)(now(CLOCK_PROCESS_CPUTIME_ID) - cpu));
	return 0; /* threads that wait are not waited for */
}
