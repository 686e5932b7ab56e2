/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * duty.c - threads that are busy for a known share of the time, and what they really used.
 *
 *   duty [-c CPU] [-t SECONDS] PERCENT...
 *
 * One thread per PERCENT, named duty-PERCENT, busy for that share of every 20 ms by its own CPU clock; -c pins all to one CPU.
 * Ten times a second one line per thread: "REALTIME_NS TID CPU_NS", read from its clock; a monitor's figures are compared with
 * these, so that it does not matter how much of its share a thread really got. Called by top.bats.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 20000000ll

static struct worker {
	pthread_t thread;
	clockid_t clock;
	int tid;
	long percent;
} workers[64];
static pthread_barrier_t started;

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	char name[16];
	w->tid = (int)syscall(SYS_gettid);
	snprintf(name, sizeof(name), "duty-%ld", w->percent);
	pthread_setname_np(pthread_self(), name);
	pthread_barrier_wait(&started);
	int64_t next = clock_ns(CLOCK_MONOTONIC);
	for (;;) {
		int64_t until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + PERIOD_NS * w->percent / 100;
		while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
			;
		next += PERIOD_NS;
		int64_t now = clock_ns(CLOCK_MONOTONIC);
		if (now > next)
			next = now; /* it got less than its share: no catching up */
		struct timespec ts = {next / 1000000000, next % 1000000000};
		if (w->percent < 100)
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int count = 0, seconds = 10, option;
	cpu_set_t one;
	CPU_ZERO(&one);
	while ((option = getopt(argc, argv, "c:t:")) != -1) {
		if (option == 'c') {
			CPU_SET((size_t)atoi(optarg), &one);
			sched_setaffinity(0, sizeof(one), &one);
		} else {
			seconds = atoi(optarg);
		}
	}
	pthread_barrier_init(&started, NULL, (unsigned)(argc - optind) + 1);
	for (int i = optind; i < argc && count < 64; i++) {
		workers[count].percent = atol(argv[i]);
		if (pthread_create(&workers[count].thread, NULL, work, &workers[count]))
			return 1;
		pthread_getcpuclockid(workers[count].thread, &workers[count].clock);
		count++;
	}
	pthread_barrier_wait(&started);
	for (int i = 0; i < seconds * 10; i++) {
		for (int k = 0; k < count; k++)
			printf("%lld %d %lld\n", (long long)clock_ns(CLOCK_REALTIME), workers[k].tid,
				(long long)clock_ns(workers[k].clock));
		fflush(stdout);
		usleep(100000);
	}
	return 0;
}
