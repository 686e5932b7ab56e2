/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_out_scale.c - a report of a large recording stays within the time and memory that the design promises.
 * CPU time is measured, not wall time, so that a busy machine does not matter; sanitizers get more of both.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/out/report.h"

#define LOCKS   10000
#define PAIRS   10 /* per lock */
#define WAITS   10 /* per pair */
#define THREADS 64
#define STACKS  500

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLACK 10.0
#else
#define SLACK 1.0
#endif

static void add_lock(
	struct recbuild *rb, unsigned i, struct ttrec_thread *const *threads, const uint32_t *stacks, const uint64_t *sites)
{
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x7f0000000000 + i * 64u, sites[i % 50]);
	l->birth_stack = stacks[i % STACKS];
	rb_count(rb, threads[i % THREADS], l, sites[i % 200], 1000);
	rb_stat_add(rb_stat(rb, l, 0), 5000, PAIRS * WAITS);
	for (unsigned k = 0; k < PAIRS; k++) {
		struct ttrec_wait *w =
			rb_wait(rb, l, sites[(i + k) % 200], sites[(i + 7 * k) % 200], WAITS, WAITS * 5000, 9000);
		w->waiter_stack = stacks[(i * 31 + k) % STACKS];
		w->max_waiter = 1 + (i + k) % THREADS;
		w->max_holder = 1 + (i + 3 * k) % THREADS;
	}
}

static struct recbuild *large(void)
{
	struct recbuild *rb = rb_create("/usr/bin/large", 777);
	struct ttrec_thread *threads[THREADS];
	uint32_t stacks[STACKS];
	uint64_t sites[200], pc[20];
	rb_module(rb, "/usr/bin/large", 0x400000, 0x600000, 1);
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i] = rb_thread(rb, i + 1, TTREC_THREAD_RUNNING);
		rb_grow_table(rb, threads[i], 1024);
	}
	for (unsigned i = 0; i < STACKS; i++) {
		for (unsigned k = 0; k < 20; k++)
			pc[k] = 0x401000 + (i * 37 + k * 101) % 4000 * 0x100;
		stacks[i] = rb_stack(rb, pc, 20);
	}
	for (unsigned i = 0; i < 200; i++)
		sites[i] = RB_SITE(0x402000 + i * 0x100, LOCK);
	for (unsigned i = 0; i < LOCKS; i++)
		add_lock(rb, i, threads, stacks, sites);
	return rb;
}

static double cpu_s(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static long resident_mib(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (f) {
		if (fscanf(f, "%*d %ld", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return pages * sysconf(_SC_PAGESIZE) >> 20;
}

int main(void)
{
	struct recbuild *rb = large();
	FILE *null = fopen("/dev/null", "we");
	struct tt_report_opts opts;
	struct tt_report *r = NULL;
	struct tt_err err = {0};
	tt_report_opts_init(&opts);
	long before_mib = resident_mib();
	double begin = cpu_s();
	struct tt_model *m = rb_model(rb, NULL);
	is_int(tt_report_create(m, &opts, &r, &err), 0, "a report of 1,000,000 waits and 10,000 locks is made");
	is_int(tt_report_write(r, TT_FORMAT_TEXT, null, NULL, &err), 0, "and written as text");
	double text_s = cpu_s() - begin;
	begin = cpu_s();
	is_int(tt_report_write(r, TT_FORMAT_JSON, null, NULL, &err), 0, "and as JSON");
	double json_s = cpu_s() - begin;
	long mib = resident_mib() - before_mib;
	diag("text %.2f s, JSON %.2f s of CPU, %ld MiB", text_s, json_s, mib);
	ok(text_s < 2 * SLACK, "text takes less than 2 s of CPU");
	ok(json_s < 3 * SLACK, "JSON of everything less than 3 s more");
	ok((double)mib < 256 * SLACK, "in less than 256 MiB");
	tt_report_destroy(r);
	rb_destroy(rb);
	fclose(null);
	return done();
}
