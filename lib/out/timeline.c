/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * timeline.c - the timeline as a document in the Trace Event format, which Perfetto (ui.perfetto.dev) and chrome://tracing
 * open: threads as tracks, waits and holds as slices, an arrow from the holder to each wait. See timeline.h.
 *
 * Format: "Trace Event Format" of the Chromium project: ph X (complete), i (instant), s and f (flow), M (metadata); ts and dur
 * in microseconds. Events come ordered by ts.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/out/dot_graph.h"
#include "lib/out/timeline.h"

/* Microseconds with all digits: "1234.567". */
static void put_us(struct tt_jsonw *j, const char *key, uint64_t ns)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRIu64 ".%03u", ns / 1000, (unsigned)(ns % 1000));
	tt_jsonw_raw(j, key, text);
}

/* ------------------------------------------------------------------ metadata */

/* Processes of one pid (exec, a reused one) are told apart: the first has the number itself. */
static uint64_t pid_of(const struct tt_report *r, const struct tt_process *p)
{
	for (unsigned i = 0; i < p->id; i++)
		if (r->model->processes.data[i]->pid == p->pid)
			return (UINT64_C(1) << 24) + p->id;
	return p->pid;
}

static void put_name(struct tt_jsonw *j, const char *what, uint64_t pid, uint64_t tid, const char *name)
{
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "name", what);
	tt_jsonw_text(j, "ph", "M");
	tt_jsonw_u64(j, "pid", pid);
	tt_jsonw_u64(j, "tid", tid);
	tt_jsonw_begin(j, "args", '{');
	tt_jsonw_text(j, "name", name);
	tt_jsonw_end(j, '}');
	tt_jsonw_end(j, '}');
}

static void put_order(struct tt_jsonw *j, uint64_t pid, uint64_t tid, uint64_t order)
{
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "name", "thread_sort_index");
	tt_jsonw_text(j, "ph", "M");
	tt_jsonw_u64(j, "pid", pid);
	tt_jsonw_u64(j, "tid", tid);
	tt_jsonw_begin(j, "args", '{');
	tt_jsonw_u64(j, "sort_index", order);
	tt_jsonw_end(j, '}');
	tt_jsonw_end(j, '}');
}

static void put_metadata(struct tt_jsonw *j, struct tt_timeline *t, const uint64_t *pids)
{
	struct tt_names *n = t->r->names;
	struct tt_process *const *p;
	vec_for_each (p, &t->r->model->processes)
		put_name(j, "process_name", pids[(*p)->id], 0, (*p)->command[0] ? (*p)->command : (*p)->exe);
	const struct tt_track *track;
	vec_for_each (track, &t->tracks) {
		uint64_t pid = pids[track->process->id];
		const char *name = tt_names_thread(n, track->process, track->thread, track->serial);
		for (unsigned i = 0; i < track->lanes; i++) {
			put_name(j, "thread_name", pid, track->id[i], i ? tt_names_format(n, "%s, overlapping", name) : name);
			put_order(j, pid, track->id[i], track->serial * TT_TIMELINE_LANES + i);
		}
	}
}

/* ------------------------------------------------------------------ slices */

static void begin_event(struct tt_jsonw *j, const char *name, const char *category, const char *phase, uint64_t ts_ns)
{
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "name", name);
	tt_jsonw_text(j, "cat", category);
	tt_jsonw_text(j, "ph", phase);
	put_us(j, "ts", ts_ns);
}

static void put_track(struct tt_jsonw *j, const struct tt_timeline *t, const uint64_t *pids, const struct tt_slice *s)
{
	tt_jsonw_u64(j, "pid", pids[s->process]);
	tt_jsonw_u64(j, "tid", t->tracks.data[s->track].id[s->lane]);
}

static void put_arg(struct tt_jsonw *j, const char *key, const char *text)
{
	if (text)
		tt_jsonw_text(j, key, text);
}

/* What the event says, also for a wait that has not ended. */
static void describe(const struct tt_timeline *t, const struct tt_slice *s, struct tt_event *e)
{
	const struct tt_thread *th = t->tracks.data[s->track].thread;
	const struct tt_process *p = t->r->model->processes.data[s->process];
	*e = (struct tt_event){.type = TTREC_EVENT_WAIT};
	if (s->event != UINT64_MAX) {
		tt_model_event(t->r->model, p, s->event, e);
	} else if (th && s->kind == TT_SLICE_WAIT) {
		e->op = th->waiting.op;
		e->lock = th->waiting.lock;
		e->site = th->waiting.site;
		e->a = th->waiting.target ? th->waiting.target->serial : 0;
	}
}

static const char *name_of(struct tt_timeline *t, const struct tt_slice *s, const struct tt_event *e)
{
	struct tt_names *n = t->r->names;
	const char *lock = e->lock ? tt_names_lock(n, e->lock) : NULL;
	switch (s->kind) {
	case TT_SLICE_WAIT:
		return lock ? tt_names_format(n, "wait: %s", lock) : tt_names_format(n, "wait: %s", tt_op_name(e->op));
	case TT_SLICE_HOLD:
		return tt_names_format(n, "hold: %s", lock ? lock : "?");
	case TT_SLICE_JOIN:
		return "join";
	case TT_SLICE_STALL:
		return "away from event loop";
	case TT_SLICE_RELEASE:
		return "lets go";
	default:
		return e->type == TTREC_EVENT_MISUSE ? tt_misuse_name((enum ttrec_misuse_type)e->a) : tt_event_name(e->type);
	}
}

static const char *category_of(const struct tt_slice *s, const struct tt_event *e)
{
	static const char *const categories[] = {[TT_SLICE_WAIT] = "wait",
		[TT_SLICE_JOIN] = "join",
		[TT_SLICE_HOLD] = "hold",
		[TT_SLICE_STALL] = "stall",
		[TT_SLICE_RELEASE] = "release"};
	if (s->kind != TT_SLICE_INSTANT)
		return categories[s->kind];
	if (e->type != TTREC_EVENT_MISUSE)
		return "thread";
	return e->a == TTREC_MISUSE_HELD_BLOCKING || e->a == TTREC_MISUSE_ERROR ? "fact" : "misuse";
}

/* Another thread that an event names; the meaning of `a` is the event's. */
static const char *other_of(struct tt_timeline *t, const struct tt_slice *s, const struct tt_event *e, const char **key)
{
	const struct tt_process *p = t->r->model->processes.data[s->process];
	*key = e->type == TTREC_EVENT_WAIT ? "holder" : e->type == TTREC_EVENT_FORK ? "child" : "thread";
	if (e->type == TTREC_EVENT_FORK)
		return tt_names_format(t->r->names, "pid %" PRIu64, e->a);
	bool is_thread = e->type == TTREC_EVENT_WAIT || e->type == TTREC_EVENT_CREATE || e->type == TTREC_EVENT_JOIN ||
	                 e->type == TTREC_EVENT_DETACH;
	if (!is_thread || !e->a)
		return NULL;
	return tt_names_thread(t->r->names, p, tt_model_thread(t->r->model, p, e->a), e->a);
}

static void put_args(struct tt_jsonw *j, struct tt_timeline *t, const struct tt_slice *s, const struct tt_event *e)
{
	const char *key;
	tt_jsonw_begin(j, "args", '{');
	if (s->kind != TT_SLICE_RELEASE) {
		put_arg(j, "lock", e->lock ? tt_names_lock(t->r->names, e->lock) : NULL);
		put_arg(j, "site", tt_graph_place(t->r, e->site, NULL));
		const char *other = other_of(t, s, e, &key);
		put_arg(j, key, other);
		if (s->kind == TT_SLICE_WAIT)
			tt_jsonw_text(j, "operation", tt_op_name(e->op));
		if (s->event == UINT64_MAX)
			tt_jsonw_bool(j, "ended", false);
	}
	tt_jsonw_end(j, '}');
}

static void put_arrow(struct tt_jsonw *j, const struct tt_timeline *t, const uint64_t *pids, const struct tt_slice *s)
{
	bool begins = s->kind == TT_SLICE_ARROW;
	begin_event(j, "blocks", "arrow", begins ? "s" : "f", s->start_ns);
	put_track(j, t, pids, s);
	tt_jsonw_u64(j, "id", s->arrow);
	if (!begins)
		tt_jsonw_text(j, "bp", "e");
	tt_jsonw_end(j, '}');
}

static void put_slice(struct tt_jsonw *j, struct tt_timeline *t, const uint64_t *pids, const struct tt_slice *s)
{
	struct tt_event e;
	describe(t, s, &e);
	bool is_instant = s->kind == TT_SLICE_INSTANT;
	begin_event(j, name_of(t, s, &e), category_of(s, &e), is_instant ? "i" : "X", s->start_ns);
	if (is_instant)
		tt_jsonw_text(j, "s", "t");
	else
		put_us(j, "dur", s->dur_ns);
	put_track(j, t, pids, s);
	put_args(j, t, s, &e);
	tt_jsonw_end(j, '}');
}

/* ------------------------------------------------------------------ the document */

static void put_document(struct tt_jsonw *j, struct tt_timeline *t, const uint64_t *pids)
{
	uint64_t lost = 0;
	struct tt_process *const *p;
	vec_for_each (p, &t->r->model->processes)
		lost += (*p)->events_lost;
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "displayTimeUnit", "ns");
	tt_jsonw_begin(j, "otherData", '{');
	tt_jsonw_text(j, "schema", "threadtools.timeline/1");
	tt_jsonw_text(j, "tool", t->r->opts.tool);
	tt_jsonw_text(j, "version", TT_VERSION);
	tt_jsonw_u64(j, "start_unix_ns", t->r->model->processes.len ? t->base_ns : 0);
	tt_jsonw_u64(j, "events_lost", lost);
	tt_jsonw_u64(j, "waits_with_holder", t->waits_with_holder);
	tt_jsonw_u64(j, "arrows", t->arrows);
	tt_jsonw_end(j, '}');
	tt_jsonw_begin(j, "traceEvents", '[');
	put_metadata(j, t, pids);
	const struct tt_slice *s;
	vec_for_each (s, &t->slices) {
		if (s->kind == TT_SLICE_ARROW || s->kind == TT_SLICE_ARROW_END)
			put_arrow(j, t, pids, s);
		else
			put_slice(j, t, pids, s);
	}
	tt_jsonw_end(j, ']');
	tt_jsonw_end(j, '}');
}

int tt_report_timeline(struct tt_report *r, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	(void)term;
	struct tt_timeline t = {.r = r};
	struct tt_jsonw j = {.file = file};
	uint64_t *pids = calloc(r->model->processes.len + 1, sizeof(*pids));
	int rc = pids && tt_timeline_collect(&t) && tt_timeline_arrange(&t) ? 0 : -ENOMEM;
	struct tt_process *const *p;
	if (rc == 0) {
		vec_for_each (p, &r->model->processes)
			pids[(*p)->id] = pid_of(r, *p);
		put_document(&j, &t, pids);
		rc = tt_jsonw_finish(&j);
	}
	tt_timeline_deinit(&t);
	free(pids);
	return rc < 0 ? tt_err_set(err, -rc, "cannot write the report: %s", strerror(-rc)) : 0;
}
