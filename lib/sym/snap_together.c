/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snap_together.c - all threads of the target as they were at one moment, with no more stops than that takes.
 *
 * Threads that block have been read as they are (snap_quiet.c). All others are stopped. While they stand, the counts of the
 * blocked ones are read again. Who has not run since it was read belongs to the moment at which that round began: it was
 * blocked from before until after. Who did run is read again, or stopped as well, and there is another round, until one finds
 * that nobody ran.
 * Why not stop all: what blocks stands anyway, a stop would show in its system call (snapshot.h), and takes 10 to 20 us from
 * the rest, so that the first of a thousand threads would stand for 20 ms.
 * Called by snapshot.c.
 */
#include "lib/sym/snap_private.h"

#include <errno.h>
#include <stdlib.h>

#define ROUNDS       100
#define QUIET_ROUNDS 3 /* after those, a thread that blocks but ran again is stopped, too */

struct together {
	struct tt_snap *snap;
	bool first; /* the tracer runs before all ordinary threads */
	TT_VEC(struct snap_watch) blocked;
	TT_VEC(struct snap_stop) stops; /* the first `captured` of them are done with */
	size_t captured;
	size_t loose; /* could not be stopped, and ran */
	uint64_t until_ns;
	int rc;
};

/* ------------------------------------------------------------------ who blocks, who must be stopped */

/* Puts a thread that was read, or could not be, to its kind. A kernel's worker is none of the program. 0 or -ENOMEM. */
static int sort_in(struct together *t, struct tt_snap_thread *thread)
{
	struct snap_watch watch = {.thread = thread, .fd = -1};
	struct snap_stop stop = {.thread = thread, .tid = thread->tid};
	switch (thread->fail) {
	case TT_SNAP_GONE:
	case TT_SNAP_KERNEL:
	case TT_SNAP_DENIED:
		return 0;
	case TT_SNAP_OK:
		snap_watch_open(t->snap, &watch, thread);
		if (tt_vec_push(&t->blocked, watch) == 0)
			return 0;
		snap_watch_close(&watch);
		return -ENOMEM;
	default:
		return tt_vec_push(&t->stops, stop);
	}
}

/* All that the snapshot knows already. 0 or -ENOMEM. */
static int sort_all(struct together *t)
{
	int rc = 0;
	for (size_t i = 0; i < t->snap->threads.len && rc == 0; i++)
		rc = sort_in(t, t->snap->threads.data[i]);
	return rc;
}

/* Reads a thread of the list, if it is not known yet. 0 or -ENOMEM. */
static int add_one(struct together *t, pid_t tid)
{
	struct tt_snap_thread *thread = tt_snap_thread_by_tid(t->snap, tid);
	if (thread && thread->fail != TT_SNAP_GONE)
		return 0;
	thread = snap_thread_add(t->snap, tid);
	if (!thread)
		return -ENOMEM;
	snap_quiet_read(t->snap, thread);
	return sort_in(t, thread);
}

/* 0 or -errno. */
static int add_new(struct together *t)
{
	snap_tids tids = TT_VEC_INIT;
	const pid_t *tid;
	if (t->snap->options.tids || snap_list_is(t->snap, t->blocked.len + t->stops.len))
		return 0;
	int rc = snap_list_tids(t->snap, &tids);
	vec_for_each (tid, &tids)
		rc = rc ? rc : add_one(t, *tid);
	tt_vec_deinit(&tids);
	return rc;
}

/* ------------------------------------------------------------------ stopping */

/* Waits until all from `from` on have stopped, or have ended, or the time is over. */
static void await(struct together *t, size_t from)
{
	uint64_t since_ns = snap_now_ns(), now_ns = since_ns;
	size_t i = from;
	while (i < t->stops.len) {
		struct snap_stop *stop = &t->stops.data[i];
		bool late = now_ns > t->until_ns;
		if (!stop->seized || stop->stopped || snap_stop_poll(stop) || late) {
			i++;
			continue;
		}
		snap_stop_pause(t->first, now_ns - since_ns, t->stops.len - i);
		now_ns = snap_now_ns();
	}
}

/* What did not stop may be blocked by now, for good: that can be read as it is. */
static int capture_unstopped(struct together *t, const struct snap_stop *stop)
{
	enum tt_snap_fail why = stop->seized ? TT_SNAP_UNSTOPPABLE : stop->thread->fail;
	if (why == TT_SNAP_GONE)
		return 0;
	if (snap_quiet_read(t->snap, stop->thread))
		return sort_in(t, stop->thread);
	stop->thread->fail = why;
	t->loose++;
	return 0;
}

/* Reads what has stopped since the last time. 0 or -ENOMEM. */
static int capture(struct together *t)
{
	struct snap_stop *stops = t->stops.data + t->captured;
	size_t count = t->stops.len - t->captured;
	struct snap_copy *copies = calloc(count + 1, sizeof(*copies));
	int rc = copies ? 0 : -ENOMEM;
	for (size_t i = 0; i < count && copies; i++) {
		if (stops[i].stopped && snap_stop_registers(&stops[i]))
			copies[i].thread = stops[i].thread;
		else if (!stops[i].stopped && rc == 0)
			rc = capture_unstopped(t, &stops[i]);
	}
	if (copies)
		snap_memory_copy_stacks(t->snap, copies, count);
	for (size_t i = 0; i < count && copies; i++) {
		if (copies[i].thread)
			snap_stop_copied(t->snap, &stops[i], TT_SNAP_TOGETHER, copies[i].rc);
	}
	free(copies);
	t->captured = t->stops.len;
	return rc;
}

/* Stops and reads all that were found to run since the last time. 0 or -ENOMEM. */
static int stop_new(struct together *t)
{
	size_t from = t->captured;
	if (from == t->stops.len)
		return 0;
	for (size_t i = from; i < t->stops.len; i++)
		snap_stop_seize(&t->stops.data[i]);
	for (size_t i = from; i < t->stops.len; i++)
		snap_stop_ask(&t->stops.data[i]);
	await(t, from);
	return capture(t);
}

/* ------------------------------------------------------------------ rounds */

/* One that ran: read again, which leaves it in its place, or to be stopped. False: it is no blocked one any more. */
static bool settle(struct together *t, struct snap_watch *watch, bool stop)
{
	struct tt_snap_thread *thread = watch->thread;
	if (snap_quiet_read(t->snap, thread) && !stop)
		return true;
	snap_watch_close(watch);
	if (thread->fail == TT_SNAP_OK)
		thread->fail = TT_SNAP_RUNNING;
	if (sort_in(t, thread) < 0)
		t->rc = -ENOMEM;
	return false;
}

/* Looks at all that block. Returns how many of them have run since they were read. */
static size_t look_round(struct together *t, bool stop)
{
	size_t moved = 0, kept = 0;
	for (size_t i = 0; i < t->blocked.len; i++) {
		struct snap_watch watch = t->blocked.data[i];
		bool still = snap_watch_still(t->snap, &watch);
		moved += !still;
		if (still || settle(t, &watch, stop))
			t->blocked.data[kept++] = watch;
	}
	t->blocked.len = kept;
	return moved;
}

static void make_one_moment(struct together *t)
{
	size_t moved = 1;
	for (unsigned round = 0; t->rc == 0 && moved && round < ROUNDS; round++) {
		t->rc = stop_new(t);
		t->rc = t->rc ? t->rc : add_new(t);
		t->rc = t->rc ? t->rc : stop_new(t);
		if (t->rc == 0 && t->snap->options.standing)
			t->snap->options.standing(t->snap->options.arg, t->snap);
		moved = look_round(t, round >= QUIET_ROUNDS);
		if (snap_now_ns() > t->until_ns)
			break;
	}
	if (t->rc == 0)
		t->rc = stop_new(t);
	t->snap->pause.loose = moved + t->loose;
}

static void *trace_together(void *arg)
{
	struct together *t = arg;
	struct snap_stop *stop;
	t->first = snap_stop_go_first();
	uint64_t since_ns = snap_now_ns();
	t->until_ns = since_ns + snap_stop_deadline(t->snap);
	make_one_moment(t);
	vec_for_each (stop, &t->stops)
		snap_stop_end(t->snap, stop);
	if (t->snap->pause.stops)
		t->snap->pause.span_ns += snap_now_ns() - since_ns;
	return NULL;
}

int snap_together(struct tt_snap *snap)
{
	struct together t = {.snap = snap};
	struct snap_watch *watch;
	int rc = sort_all(&t);
	unwind_prepare(snap);
	rc = rc ? rc : tt_vec_reserve(&t.stops, t.stops.len + 64);
	snap_room_open(snap);
	rc = rc ? rc : snap_stop_trace(trace_together, &t);
	snap_room_close(snap);
	vec_for_each (watch, &t.blocked)
		snap_watch_close(watch);
	tt_vec_deinit(&t.blocked);
	tt_vec_deinit(&t.stops);
	return rc ? rc : t.rc;
}
