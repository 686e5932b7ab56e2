/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * html_timeline.c - the overview of time in the data of the HTML report: for the threads that waited most, the longest waits,
 * holds and stalls one by one, and the share of time lost in each of some hundred steps. See html.h.
 */
#include <errno.h>

#include "lib/out/html.h"

/* One thread's line. */
struct track {
	const struct tt_process *process;
	const struct tt_thread *thread;
	uint64_t serial;
	uint64_t first_ns, last_ns; /* from the first process's start */
	uint64_t lost_ns;           /* in locks */
	uint64_t events;
	bool chosen;
	unsigned row;
};

enum slice_kind { SLICE_LOCK, SLICE_IDLE, SLICE_HOLD, SLICE_STALL, SLICE_MISUSE };

struct slice {
	const struct tt_process *process;
	uint64_t event; /* its number */
	uint64_t start_ns, dur_ns;
	unsigned track;
	enum slice_kind kind;
};

struct timeline {
	struct tt_html *h;
	uint64_t base_ns, span_ns; /* CLOCK_REALTIME of the first start; length */
	TT_VEC(struct track) tracks;
	struct tt_hmap by_thread; /* process and serial -> position in tracks */
	TT_VEC(struct slice) slices;
	uint64_t lost[TT_HTML_TRACKS][TT_HTML_BUCKETS]; /* of the chosen tracks, by row */
};

static uint64_t offset_of(const struct timeline *t, const struct tt_process *p, uint64_t time_ns)
{
	uint64_t real = tt_process_real_ns(p, time_ns);
	return real > t->base_ns ? real - t->base_ns : 0;
}

/* The track of a thread, made when new; NULL when out of memory. Valid until the next one is made. */
static struct track *track_of(struct timeline *t, const struct tt_process *p, uint64_t serial, const struct tt_thread *thread)
{
	bool is_new = false;
	struct tt_hmap_entry *e = tt_hmap_insert(&t->by_thread, (uint64_t)p->id << 40 ^ serial, &is_new);
	struct track *track = e && is_new ? tt_vec_add(&t->tracks) : NULL;
	if (!e || (is_new && !track)) {
		t->h->failed = true;
		return NULL;
	}
	if (!is_new)
		return &t->tracks.data[e->value];
	e->value = t->tracks.len - 1;
	*track = (struct track){.process = p, .thread = thread, .serial = serial, .first_ns = UINT64_MAX};
	return track;
}

static bool kind_of(const struct tt_event *e, enum slice_kind *ret)
{
	switch (e->type) {
	case TTREC_EVENT_WAIT:
		*ret = e->lock && e->lock->use == TT_USE_LOCK ? SLICE_LOCK : SLICE_IDLE;
		return e->op != TTREC_OP_JOIN; /* which leaves an event of its own, too */
	case TTREC_EVENT_JOIN:
		*ret = SLICE_IDLE;
		return true;
	case TTREC_EVENT_HOLD:
		*ret = SLICE_HOLD;
		return true;
	case TTREC_EVENT_STALL:
		*ret = SLICE_STALL;
		return true;
	case TTREC_EVENT_MISUSE:
		*ret = SLICE_MISUSE;
		return e->a != TTREC_MISUSE_HELD_BLOCKING && e->a != TTREC_MISUSE_ERROR; /* facts, but no misuse */
	default:
		return false;
	}
}

/* Spreads a wait over the steps of time that it touches. */
static void add_lost(struct timeline *t, const struct slice *s)
{
	uint64_t step = t->span_ns / TT_HTML_BUCKETS + 1;
	uint64_t start = s->start_ns, dur = s->dur_ns, *lost = t->lost[t->tracks.data[s->track].row];
	for (uint64_t b = start / step; b < TT_HTML_BUCKETS && b * step < start + dur; b++) {
		uint64_t from = b * step > start ? b * step : start;
		uint64_t to = (b + 1) * step < start + dur ? (b + 1) * step : start + dur;
		lost[b] += to - from;
	}
}

static void read_event(struct timeline *t, const struct tt_process *p, uint64_t i)
{
	struct tt_event e;
	enum slice_kind kind;
	tt_model_event(t->h->r->model, p, i, &e);
	struct track *track = e.thread_serial ? track_of(t, p, e.thread_serial, e.thread) : NULL;
	if (!track)
		return;
	uint64_t end = offset_of(t, p, e.end_ns);
	end = end < t->span_ns ? end : t->span_ns;
	uint64_t dur = e.dur_ns < end ? e.dur_ns : end;
	track->events++;
	track->first_ns = end - dur < track->first_ns ? end - dur : track->first_ns;
	track->last_ns = end > track->last_ns ? end : track->last_ns;
	if (!kind_of(&e, &kind))
		return;
	track->lost_ns += kind == SLICE_LOCK ? dur : 0;
	struct slice s = {p, i, end - dur, dur, (unsigned)(track - t->tracks.data), kind};
	if (tt_vec_push(&t->slices, s))
		t->h->failed = true;
}

/* A wait that had not ended is no event yet. */
static void read_ongoing(struct timeline *t)
{
	const struct tt_thread *th;
	vec_for_each (th, &t->h->r->model->threads) {
		if (!th->alive)
			continue;
		struct track *track = track_of(t, th->process, th->serial, th);
		if (!track)
			return;
		uint64_t end = offset_of(t, th->process, th->process->end_ns);
		end = end < t->span_ns ? end : t->span_ns;
		uint64_t dur = th->waiting.dur_ns < end ? th->waiting.dur_ns : end;
		track->last_ns = end;
		if (th->waiting.op == TTREC_OP_NONE || !dur)
			continue;
		bool is_lock = !th->waiting.idle && th->waiting.lock && th->waiting.lock->use == TT_USE_LOCK;
		struct slice s = {th->process, UINT64_MAX, end - dur, dur, (unsigned)(track - t->tracks.data),
			is_lock ? SLICE_LOCK : SLICE_IDLE};
		track->lost_ns += is_lock ? dur : 0;
		if (tt_vec_push(&t->slices, s))
			t->h->failed = true;
	}
}

static void settle_lives(struct timeline *t)
{
	struct track *track;
	vec_for_each (track, &t->tracks) {
		const struct tt_thread *th = track->thread;
		uint64_t begin = th ? th->started_ns ? th->started_ns : th->created_ns : 0;
		if (begin && offset_of(t, track->process, begin) < track->first_ns)
			track->first_ns = offset_of(t, track->process, begin);
		if (th && th->ended_ns && offset_of(t, track->process, th->ended_ns) > track->last_ns)
			track->last_ns = offset_of(t, track->process, th->ended_ns);
		if (track->first_ns > track->last_ns)
			track->first_ns = track->last_ns;
	}
}

/* ------------------------------------------------------------------ the choice */

static int by_loss(const void *a, const void *b)
{
	const struct track *x = *(struct track *const *)a, *y = *(struct track *const *)b;
	if (x->lost_ns != y->lost_ns)
		return x->lost_ns > y->lost_ns ? -1 : 1;
	if (x->events != y->events)
		return x->events > y->events ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int by_birth(const void *a, const void *b)
{
	const struct track *x = *(struct track *const *)a, *y = *(struct track *const *)b;
	if (x->process != y->process)
		return x->process->id < y->process->id ? -1 : 1;
	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static int by_length(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	if (x->dur_ns != y->dur_ns)
		return x->dur_ns > y->dur_ns ? -1 : 1;
	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return x->track < y->track ? -1 : x->track > y->track;
}

/* The tracks to show, ordered by birth; returns how many. */
static size_t choose(struct timeline *t, struct track *chosen[TT_HTML_TRACKS])
{
	TT_VEC(struct track *) all = TT_VEC_INIT;
	struct track *track;
	vec_for_each (track, &t->tracks)
		if (tt_vec_push(&all, track))
			t->h->failed = true;
	tt_vec_sort(&all, by_loss);
	size_t n = all.len < TT_HTML_TRACKS ? all.len : TT_HTML_TRACKS;
	if (n)
		qsort(all.data, n, sizeof(*all.data), by_birth);
	for (size_t i = 0; i < n; i++) {
		chosen[i] = all.data[i];
		chosen[i]->chosen = true;
		chosen[i]->row = (unsigned)i;
	}
	tt_vec_deinit(&all);
	return n;
}

/* ------------------------------------------------------------------ output */

static void sum_lost(struct timeline *t)
{
	const struct slice *s;
	vec_for_each (s, &t->slices)
		if (s->kind == SLICE_LOCK && t->tracks.data[s->track].chosen)
			add_lost(t, s);
}

static void put_track(struct timeline *t, const struct track *track)
{
	struct tt_jsonw *j = &t->h->j;
	char share[TT_HTML_BUCKETS + 1];
	uint64_t step = t->span_ns / TT_HTML_BUCKETS + 1;
	for (unsigned i = 0; i < TT_HTML_BUCKETS; i++) {
		uint64_t nines = t->lost[track->row][i] * 9 / step;
		share[i] = (char)('0' + (nines > 9 ? 9 : t->lost[track->row][i] && !nines ? 1 : nines));
	}
	share[TT_HTML_BUCKETS] = 0;
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "name", tt_names_thread(t->h->r->names, track->process, track->thread, track->serial));
	tt_jsonw_u64(j, "pid", track->process->pid);
	tt_jsonw_u64(j, "from", track->first_ns);
	tt_jsonw_u64(j, "to", track->last_ns);
	tt_jsonw_u64(j, "lost", track->lost_ns);
	tt_jsonw_text(j, "share", share);
	tt_jsonw_end(j, '}');
}

/* What a slice is called, and behind whom it stood. */
static void put_words(struct timeline *t, const struct slice *s)
{
	struct tt_jsonw *j = &t->h->j;
	struct tt_names *n = t->h->r->names;
	struct tt_event e = {0};
	const struct tt_thread *th = t->tracks.data[s->track].thread;
	const char *what = NULL, *behind = NULL;
	if (s->event != UINT64_MAX) {
		tt_model_event(t->h->r->model, s->process, s->event, &e);
		if (e.type == TTREC_EVENT_MISUSE)
			what = tt_misuse_name((enum ttrec_misuse_type)e.a);
		else if (e.type == TTREC_EVENT_JOIN)
			what = "join";
		else if (e.type == TTREC_EVENT_STALL)
			what = "event loop";
		if (e.type == TTREC_EVENT_WAIT && e.a)
			behind = tt_names_thread(n, s->process, tt_model_thread(t->h->r->model, s->process, e.a), e.a);
	} else if (th) {
		e.lock = th->waiting.lock;
		e.site = th->waiting.site;
		what = e.lock ? NULL : tt_op_name(th->waiting.op);
		if (th->waiting.target)
			behind = tt_names_thread(n, s->process, th->waiting.target, th->waiting.target->serial);
	}
	tt_jsonw_text(j, NULL, what ? what : e.lock ? tt_names_lock(n, e.lock) : "?");
	tt_html_place(t->h, NULL, e.site, NULL);
	tt_jsonw_text(j, NULL, behind);
}

static void put_slices(struct timeline *t)
{
	struct tt_jsonw *j = &t->h->j;
	size_t shown = 0, all = 0;
	tt_vec_sort(&t->slices, by_length);
	tt_jsonw_begin(j, "slices", '[');
	const struct slice *s;
	vec_for_each (s, &t->slices) {
		const struct track *track = &t->tracks.data[s->track];
		all += track->chosen;
		if (!track->chosen || shown == TT_HTML_SLICES)
			continue;
		shown++;
		tt_jsonw_begin(j, NULL, '[');
		tt_jsonw_u64(j, NULL, track->row);
		tt_jsonw_u64(j, NULL, s->kind);
		tt_jsonw_u64(j, NULL, s->start_ns);
		tt_jsonw_u64(j, NULL, s->dur_ns);
		put_words(t, s);
		tt_jsonw_end(j, ']');
	}
	tt_jsonw_end(j, ']');
	tt_jsonw_u64(j, "all_slices", all);
}

void tt_html_timeline(struct tt_html *h)
{
	const struct tt_model *m = h->r->model;
	struct timeline t = {.h = h, .base_ns = UINT64_MAX, .span_ns = m->wall_ns};
	struct track *chosen[TT_HTML_TRACKS];
	uint64_t lost = 0;
	struct tt_process *const *p;
	vec_for_each (p, &m->processes)
		t.base_ns = (*p)->start_real_ns < t.base_ns ? (*p)->start_real_ns : t.base_ns;
	vec_for_each (p, &m->processes) {
		lost += (*p)->events_lost;
		for (uint64_t i = 0; i < (*p)->events && !h->failed; i++)
			read_event(&t, *p, i);
	}
	read_ongoing(&t);
	settle_lives(&t);
	size_t n = choose(&t, chosen);
	sum_lost(&t);
	tt_jsonw_begin(&h->j, "timeline", '{');
	tt_jsonw_u64(&h->j, "span", t.span_ns);
	tt_jsonw_u64(&h->j, "lost_events", lost);
	tt_jsonw_u64(&h->j, "all_tracks", t.tracks.len);
	tt_jsonw_begin(&h->j, "tracks", '[');
	for (size_t i = 0; i < n; i++)
		put_track(&t, chosen[i]);
	tt_jsonw_end(&h->j, ']');
	put_slices(&t);
	tt_jsonw_end(&h->j, '}');
	tt_vec_deinit(&t.tracks);
	tt_vec_deinit(&t.slices);
	tt_hmap_deinit(&t.by_thread);
}
