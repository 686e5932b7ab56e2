/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_out_graphs_scale.c - the page stays small and quick whatever the recording holds; a timeline of a million events is
 * written in reasonable time and memory. CPU time is measured, so that a busy machine does not matter.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/out/dot_graph.h"
#include "lib/out/report.h"

#define LOCKS   10000
#define THREADS 64
#define EVENTS  500000 /* of each of two processes */
#define STACKS  2000

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLACK 12.0
#else
#define SLACK 1.0
#endif

/* Waits of all threads for all locks, one after the other, 100 at a time. */
static void add_events(struct recbuild *rb, struct ttrec_lock *const *locks)
{
	rb->header->event_bytes = UINT64_C(512) * TTREC_EVENT_SEGMENT;
	for (unsigned i = 0; i < EVENTS; i++) {
		struct ttrec_event *e = rb_event(rb, i % 10 ? TTREC_EVENT_WAIT : TTREC_EVENT_HOLD, 1 + i % THREADS,
			1000000 + (uint64_t)i * 1900, 50000 + i % 977 * 50);
		e->uid = TTREC_UID(locks[i * 7919u % LOCKS]->index, 0);
		e->site = 0x402000 + i % 200 * 0x100;
		e->op = TTREC_OP_LOCK;
		e->a = 1 + i * 31u % THREADS;
		e->b = RB_SITE(0x403000 + i % 100 * 0x100, LOCK);
	}
	rb->header->end_ns = 1000000 + (uint64_t)EVENTS * 1900;
}

static struct recbuild *large(uint32_t pid)
{
	struct recbuild *rb = rb_create("/usr/bin/large", pid);
	static struct ttrec_lock *locks[LOCKS];
	struct ttrec_thread *threads[THREADS];
	uint32_t stacks[STACKS];
	uint64_t pc[30];
	rb_module(rb, "/usr/bin/large", 0x400000, 0x600000, 1);
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i] = rb_thread(rb, i + 1, TTREC_THREAD_RUNNING);
		rb_grow_table(rb, threads[i], 1024);
	}
	for (unsigned i = 0; i < STACKS; i++) {
		for (unsigned k = 0; k < 30; k++)
			pc[k] = 0x401000 + (i * 37 + k * 101) % 9000 * 0x100;
		stacks[i] = rb_stack(rb, pc, 30);
	}
	for (unsigned i = 0; i < LOCKS; i++) {
		/* Places of birth differ: as many classes as locks. */
		locks[i] = rb_lock(rb, TTREC_KIND_MUTEX, 0x7f0000000000 + i * 64u, RB_SITE(0x500000 + i * 16u, LOCK));
		locks[i]->birth_stack = stacks[i % STACKS];
		rb_count(rb, threads[i % THREADS], locks[i], RB_SITE(0x402000, LOCK), 1000);
		for (unsigned k = 0; k < 5; k++) {
			uint64_t waiter = RB_SITE(0x402000 + (i + k) % 200 * 0x100, LOCK);
			struct ttrec_wait *w =
				rb_wait(rb, locks[i], waiter, RB_SITE(0x403000 + k * 0x100, LOCK), 20, 100000 + i, 9000);
			w->waiter_stack = stacks[(i * 31 + k) % STACKS];
		}
		uint64_t held_site = RB_SITE(0x402000, LOCK);
		const struct ttrec_lock *held = locks[i ? i - 1 : 0];
		if (i)
			rb_dep(rb, locks[i], RB_SITE(0x402100, LOCK), &held, &held_site, 1, threads[i % THREADS]);
	}
	add_events(rb, locks);
	return rb;
}

static double cpu_s(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static long peak_mib(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss >> 10;
}

/* Writes one format to a file that is thrown away: its size, and the CPU time in *seconds. */
static long written(struct tt_report *r, enum tt_format format, double *seconds)
{
	struct tt_err err = {0};
	FILE *file = tmpfile();
	double begin = cpu_s();
	if (!file || tt_report_write(r, format, file, NULL, &err) < 0) {
		diag("write: %s", err.msg);
		return -1;
	}
	*seconds = cpu_s() - begin;
	long size = ftell(file);
	fclose(file);
	return size;
}

int main(void)
{
	struct recbuild *a = large(777), *b = large(778);
	struct tt_report *r = NULL;
	struct tt_report_opts opts;
	struct tt_err err = {0};
	tt_report_opts_init(&opts);
	if (!ok(tt_report_create(rb_model(a, b), &opts, &r, &err) == 0,
		    "a report of 20,000 locks and 1,000,000 events is made"))
		return done();
	double seconds = 0;
	long before = peak_mib(), size = written(r, TT_FORMAT_HTML, &seconds);
	diag("page: %ld KiB, %.2f s of CPU, %ld MiB more", size >> 10, seconds, peak_mib() - before);
	ok(size > 100000 && size < 3 << 20, "its page is smaller than 3 MiB");
	ok(seconds < 6 * SLACK, "and made in less than 6 s of CPU");
	before = peak_mib();
	size = written(r, TT_FORMAT_TIMELINE, &seconds);
	diag("timeline: %ld MiB, %.2f s of CPU, %ld MiB more", size >> 20, seconds, peak_mib() - before);
	ok(size > 100 << 20, "its timeline holds every event");
	ok(seconds < 20 * SLACK, "and is written in less than 20 s of CPU");
	ok((double)(peak_mib() - before) < 256 * SLACK, "in less than 256 MiB");
	size = written(r, TT_FORMAT_DOT, &seconds);
	ok(size > 0 && size < 1 << 20, "its graph of lock order is cut to what Graphviz can draw");
	ok(seconds < 3 * SLACK, "quickly");
	size = written(r, TT_FORMAT_FOLDED, &seconds);
	diag("folded stacks: %ld KiB, %.2f s of CPU", size >> 10, seconds);
	ok(seconds < 5 * SLACK, "folded stacks of all waits too");
	tt_report_destroy(r);
	rb_destroy(a);
	rb_destroy(b);
	return done();
}
