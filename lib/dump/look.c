/* SPDX-License-Identifier: GPL-3.0-or-later */
/* look.c - the two looks at a process's threads from outside: names, states and times; and who ran until the dump was done. */
#include <sched.h>
#include <signal.h>
#include <time.h>

#include "lib/dump/dump_private.h"

#define WINDOW_NS UINT64_C(25000000) /* least time between the looks when something runs, or seems stuck */

uint64_t dump_now_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* ------------------------------------------------------------------ the first */

static void *look(void *arg)
{
	struct dump_look *l = arg;
	unshare(CLONE_FILES); /* a table of descriptors that two threads use costs each of them its locks; without it works, too
	                       */
	l->rc = tt_tasks_read(l->pid, &l->tasks, &l->err);
	if (l->rc == 0)
		tt_tasks_idle(l->pid, &l->tasks);
	return NULL;
}

void dump_look_begin(struct dump_look *l)
{
	sigset_t all, before;
	sigfillset(&all); /* they are the program's that we are part of */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	l->busy = pthread_create(&l->thread, NULL, look, l) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!l->busy)
		look(l);
}

void dump_look_end(struct dump_look *l)
{
	if (l->busy)
		pthread_join(l->thread, NULL);
	l->busy = false;
}

/* ------------------------------------------------------------------ the second */

static bool something_runs(const struct tt_dump *d)
{
	const struct tt_dump_thread *t;
	vec_for_each (t, &d->threads)
		if (t->task.state == 'R')
			return true;
	return false;
}

/*
 * The first counts are those of the snapshot, each with its own time. Where no thread was seen running and nobody's fate hangs
 * on it, nobody is asked again: of a thousand idle threads that would cost more than their stacks.
 */
void dump_look_again(struct tt_dump *d, uint64_t taken_ns)
{
	struct tt_dump_thread *t;
	bool worth = something_runs(d) || dump_has_edges(d);
	uint64_t passed_ns = dump_now_ns(CLOCK_MONOTONIC) - taken_ns;
	if (passed_ns < WINDOW_NS && worth) {
		struct timespec rest = {.tv_nsec = (long)(WINDOW_NS - passed_ns)};
		nanosleep(&rest, NULL);
	}
	vec_for_each (t, &d->threads) {
		struct tt_task again = t->task;
		bool counted = t->snap && t->snap->slices;
		bool ran = !counted || t->snap->slices != t->task.slices || t->task.state == 'R';
		if (!ran)
			t->cpu_pct = 0;
		if ((!ran && !worth) || !t->snap || !tt_task_count(d->proc.pid, &again))
			continue;
		uint64_t over_ns = dump_now_ns(CLOCK_MONOTONIC) - t->snap->first.at_ns;
		double pct = (double)(again.run_ns - t->task.run_ns) * 100 / (double)over_ns;
		t->cpu_pct = pct > 100 ? 100 : pct;
		t->steady = counted && t->snap->slices == again.slices;
	}
}
