/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_model_scale.c - large recordings: time and memory stay linear. Bounds are wide (shared machines, sanitizers); the
 * figures are printed.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t site(uint64_t i)
{
	return RB_SITE(0x401000 + i * 16, LOCK);
}

/* Each lock is used at `sites` sites of its own; `pairs` wait records over all; counts of 100 threads; `events` events. */
static struct recbuild *build(unsigned locks, unsigned pairs, unsigned sites, unsigned events)
{
	struct recbuild *rb = rb_create("/usr/bin/large", 1);
	rb->header->event_bytes = 512 * TTREC_EVENT_SEGMENT;
	rb_module(rb, "/usr/bin/large", 0x400000, 0x1000000, 3);
	struct ttrec_lock **lock = malloc(locks * sizeof(lock[0]));
	uint64_t pc[20];
	for (unsigned i = 0; i < 20; i++)
		pc[i] = 0x401000 + i * 64;
	uint32_t stack = rb_stack(rb, pc, 20);
	for (unsigned i = 0; i < locks; i++)
		lock[i] = rb_lock(rb, TTREC_KIND_MUTEX, 0x7f0000000000 + i * 64, site(i % 7));
	for (unsigned t = 0; t < 100; t++) {
		struct ttrec_thread *r = rb_thread(rb, t + 1, TTREC_THREAD_RUNNING);
		rb_grow_table(rb, r, 4096);
		for (unsigned i = 0; i < 4000 && i < locks; i++)
			rb_count(rb, r, lock[(i + t * 97) % locks], site((i + t * 97) % locks % 9 * sites + t % sites), 1000);
		if (t == 0)
			for (unsigned i = 0; i < 16 && i < locks; i++)
				rb_held(rb, r, lock[i]->address, site(i), 5, 0);
	}
	for (unsigned i = 0; i < pairs; i++) {
		uint64_t l = i % locks, k = i / locks, own = l % 9 * sites;
		struct ttrec_wait *w =
			rb_wait(rb, lock[l], site(own + k % sites), site(own + k / sites % sites), 10, 10000, 5000);
		w->waiter_stack = stack;
		w->max_waiter = i % 100 + 1;
		w->max_holder = i % 50 + 1;
	}
	for (unsigned i = 0; i < locks; i++) {
		rb_lsite(rb, lock[i], site(0), 1000)->hold_samples = 5;
		rb_stat_add(rb_stat(rb, lock[i], 0), 1000, 10);
	}
	for (unsigned i = 0; i < events; i++) {
		struct ttrec_event *e = rb_event(rb, TTREC_EVENT_WAIT, i % 100 + 1, 1000 + i, 100);
		e->a = i % 99 + 1;
		e->uid = i % locks;
		e->op = TTREC_OP_LOCK;
	}
	free(lock);
	return rb;
}

/* In a child, so that time and peak memory are its own. Returns seconds of CPU time, -1 on failure. */
static double measure(const char *path, long *mib)
{
	struct rusage usage = {0};
	int status = 0;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct tt_model *m;
		struct tt_err err = {0};
		struct tt_rec_opts opts = {.offline = true};
		_exit(tt_model_load(path, &opts, &m, &err) == 0 ? 0 : 1);
	}
	if (wait4(pid, &status, 0, &usage) != pid || status != 0)
		return -1;
	*mib = usage.ru_maxrss / 1024;
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void scale(const char *what, struct recbuild *rb, double max_s, long max_mib)
{
	char path[] = "/tmp/test_model_scale.XXXXXX";
	int fd = mkstemp(path);
	if (fd >= 0)
		close(fd);
	rb_write(rb, path);
	size_t size = rb_size(rb);
	rb_destroy(rb); /* before the child is forked: its peak memory counts */
	long mib = 0;
	double took = measure(path, &mib);
	unlink(path);
	diag("%s: %zu MiB recording, %.0f ms of CPU, %ld MiB", what, size >> 20, took * 1e3, mib);
#ifdef __SANITIZE_ADDRESS__
	max_s *= 10;
	max_mib *= 10;
#endif
	ok(took >= 0 && took < max_s && mib < max_mib, "%s", what);
}

int main(void)
{
	scale("1,000,000 waits of 10,000 locks at 100,000 pairs", build(10000, 100000, 4, 65536), 2, 256);
	scale("1,000,000 pairs", build(10000, 1000000, 10, 65536), 4, 512);
	scale("all waits at one lock", build(1, 250000, 600, 0), 4, 256);
	scale("every lock at 50 sites", build(10000, 100000, 50, 0), 2, 384);
	scale("500,000 events", build(100, 1000, 10, 500000), 4, 256);
	return done();
}
