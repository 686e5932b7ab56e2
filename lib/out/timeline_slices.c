/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * timeline_slices.c - events as slices on the tracks of threads, so that what lies on one track nests. See timeline.h.
 *
 * Viewers draw slices of one track into each other, and reject those that overlap only partly. Two locks held crosswise do.
 * So each slice goes to the first lane of its thread where it fits.
 */
#include <errno.h>

#include "lib/out/timeline.h"

#define RELEASE_NS 1000 /* length of the mark where an arrow begins, so that it can be seen */

static uint64_t offset_of(const struct tt_timeline *t, const struct tt_process *p, uint64_t time_ns)
{
	uint64_t real = tt_process_real_ns(p, time_ns);
	return real > t->base_ns ? real - t->base_ns : 0;
}

/* The track of a thread, made when new. */
static uint32_t track_of(struct tt_timeline *t, const struct tt_process *p, uint64_t serial, const struct tt_thread *thread)
{
	bool is_new = false;
	struct tt_hmap_entry *e = tt_hmap_insert(&t->by_thread, (uint64_t)p->id << 40 ^ serial, &is_new);
	struct tt_track *track = e && is_new ? tt_vec_add(&t->tracks) : NULL;
	if (!e || (is_new && !track)) {
		t->failed = true;
		return 0;
	}
	if (!is_new)
		return (uint32_t)e->value;
	*track = (struct tt_track){.process = p, .thread = thread, .serial = serial, .lanes = 1};
	e->value = t->tracks.len - 1;
	return (uint32_t)e->value;
}

static enum tt_slice_kind kind_of(enum ttrec_event_type type)
{
	switch (type) {
	case TTREC_EVENT_WAIT:
		return TT_SLICE_WAIT;
	case TTREC_EVENT_JOIN:
		return TT_SLICE_JOIN;
	case TTREC_EVENT_HOLD:
		return TT_SLICE_HOLD;
	case TTREC_EVENT_STALL:
		return TT_SLICE_STALL;
	default:
		return TT_SLICE_INSTANT;
	}
}

static void add_slice(struct tt_timeline *t, const struct tt_slice *s)
{
	if (tt_vec_push(&t->slices, *s))
		t->failed = true;
}

static void read_event(struct tt_timeline *t, const struct tt_process *p, uint64_t i)
{
	struct tt_event e;
	tt_model_event(t->r->model, p, i, &e);
	/* A join leaves both a wait and an event of its own. */
	if (!e.thread_serial || (e.type == TTREC_EVENT_WAIT && e.op == TTREC_OP_JOIN))
		return;
	uint64_t end = offset_of(t, p, e.end_ns);
	struct tt_slice s = {.event = i, .process = p->id, .kind = (uint8_t)kind_of(e.type)};
	s.track = track_of(t, p, e.thread_serial, e.thread);
	s.dur_ns = s.kind == TT_SLICE_INSTANT ? 0 : e.dur_ns < end ? e.dur_ns : end;
	s.start_ns = end - s.dur_ns;
	add_slice(t, &s);
	if (e.type == TTREC_EVENT_WAIT && e.a && e.a != e.thread_serial && s.dur_ns)
		t->waits_with_holder++;
}

/* A wait that had not ended is no event yet. */
static void read_ongoing(struct tt_timeline *t)
{
	const struct tt_thread *th;
	vec_for_each (th, &t->r->model->threads) {
		const struct tt_waiting *w = &th->waiting;
		if (!th->alive || w->op == TTREC_OP_NONE || !w->dur_ns)
			continue;
		uint64_t end = offset_of(t, th->process, th->process->end_ns);
		struct tt_slice s = {.event = UINT64_MAX,
			.process = th->process->id,
			.kind = TT_SLICE_WAIT,
			.track = track_of(t, th->process, th->serial, th)};
		s.dur_ns = w->dur_ns < end ? w->dur_ns : end;
		s.start_ns = end - s.dur_ns;
		add_slice(t, &s);
		if (w->target && w->target != th)
			t->waits_with_holder++;
	}
}

/* Who held what the wait was for; 0: not known. */
static uint64_t holder_of(struct tt_timeline *t, const struct tt_slice *s, const struct tt_thread **ret)
{
	const struct tt_process *p = t->r->model->processes.data[s->process];
	if (s->event == UINT64_MAX) {
		const struct tt_thread *th = t->tracks.data[s->track].thread;
		*ret = th ? th->waiting.target : NULL;
		return *ret ? (*ret)->serial : 0;
	}
	struct tt_event e;
	tt_model_event(t->r->model, p, s->event, &e);
	*ret = e.a ? tt_model_thread(t->r->model, p, e.a) : NULL;
	return e.a;
}

/* From how long on a wait gets an arrow, so that not more than TT_TIMELINE_ARROWS do, but for equals. */
static int longer_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x > y ? -1 : x < y;
}

static uint64_t arrow_limit(struct tt_timeline *t)
{
	if (t->waits_with_holder <= TT_TIMELINE_ARROWS)
		return 1;
	TT_VEC(uint64_t) lengths = TT_VEC_INIT;
	const struct tt_slice *s;
	vec_for_each (s, &t->slices)
		if (s->kind == TT_SLICE_WAIT && tt_vec_push(&lengths, s->dur_ns))
			t->failed = true;
	tt_vec_sort(&lengths, longer_first);
	uint64_t limit = lengths.len > TT_TIMELINE_ARROWS ? lengths.data[TT_TIMELINE_ARROWS] + 1 : 1;
	tt_vec_deinit(&lengths);
	return limit;
}

static uint64_t release_length(const struct tt_slice *wait)
{
	return wait->dur_ns < RELEASE_NS ? wait->dur_ns : RELEASE_NS;
}

/* A wait with a known holder: marks on the holder's track when it let go. */
static void add_releases(struct tt_timeline *t)
{
	uint64_t limit = arrow_limit(t);
	size_t count = t->slices.len;
	for (size_t i = 0; i < count && !t->failed; i++) {
		struct tt_slice s = t->slices.data[i];
		const struct tt_thread *holder;
		if (s.kind != TT_SLICE_WAIT || s.dur_ns < limit || !s.dur_ns)
			continue;
		uint64_t serial = holder_of(t, &s, &holder);
		const struct tt_process *p = t->r->model->processes.data[s.process];
		uint32_t track = serial ? track_of(t, p, serial, holder) : s.track;
		if (track == s.track)
			continue;
		struct tt_slice mark = {.event = s.event,
			.process = s.process,
			.kind = TT_SLICE_RELEASE,
			.track = track,
			.arrow = (uint32_t)++t->arrows};
		mark.dur_ns = release_length(&s);
		mark.start_ns = s.start_ns + s.dur_ns - mark.dur_ns;
		t->slices.data[i].arrow = mark.arrow;
		add_slice(t, &mark);
	}
}

bool tt_timeline_collect(struct tt_timeline *t)
{
	struct tt_process *const *p;
	t->base_ns = UINT64_MAX;
	vec_for_each (p, &t->r->model->processes)
		t->base_ns = (*p)->start_real_ns < t->base_ns ? (*p)->start_real_ns : t->base_ns;
	vec_for_each (p, &t->r->model->processes)
		for (uint64_t i = 0; i < (*p)->events && !t->failed; i++)
			read_event(t, *p, i);
	read_ongoing(t);
	add_releases(t);
	return !t->failed;
}

/* ------------------------------------------------------------------ lanes */

/* By track, then start, the longer first: what contains comes before what is contained. */
static int by_track(const void *a, const void *b)
{
	const struct tt_slice *x = a, *y = b;
	if (x->track != y->track)
		return x->track < y->track ? -1 : 1;
	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	if (x->dur_ns != y->dur_ns)
		return x->dur_ns > y->dur_ns ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->event < y->event ? -1 : x->event > y->event;
}

/* In the order of time; arrows after the slices that they connect. */
static int by_start(const void *a, const void *b)
{
	const struct tt_slice *x = a, *y = b;
	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	unsigned ranks[2] = {x->kind >= TT_SLICE_ARROW ? x->kind : 0, y->kind >= TT_SLICE_ARROW ? y->kind : 0};
	return ranks[0] != ranks[1] ? (ranks[0] < ranks[1] ? -1 : 1) : by_track(a, b);
}

/* The ends of the slices that are open in one lane, innermost last. */
struct lane {
	unsigned depth;
	uint64_t ends[TT_TIMELINE_NEST];
};

static bool fits(struct lane *l, const struct tt_slice *s)
{
	while (l->depth && l->ends[l->depth - 1] <= s->start_ns)
		l->depth--;
	return l->depth < TT_TIMELINE_NEST && (!l->depth || l->ends[l->depth - 1] >= s->start_ns + s->dur_ns);
}

/* A mark may be shorter: it ends with what it lies in, or before what comes next on its track. */
static void cut_mark(struct tt_slice *s, const struct lane *l, const struct tt_slice *next)
{
	uint64_t end = s->start_ns + s->dur_ns;
	if (l->depth && l->ends[l->depth - 1] < end)
		end = l->ends[l->depth - 1];
	if (next && next->track == s->track && next->start_ns > s->start_ns && next->start_ns < end)
		end = next->start_ns;
	s->dur_ns = end > s->start_ns ? end - s->start_ns : 0;
}

static void put_in_lane(
	struct tt_track *track, struct lane lanes[TT_TIMELINE_LANES], struct tt_slice *s, const struct tt_slice *next)
{
	if (s->kind == TT_SLICE_RELEASE) {
		(void)fits(&lanes[0], s); /* closes what has ended */
		cut_mark(s, &lanes[0], next);
	}
	unsigned i = 0;
	while (i < TT_TIMELINE_LANES && !fits(&lanes[i], s))
		i++;
	if (i == TT_TIMELINE_LANES) { /* only a damaged recording comes here: cut it to what is open in the last lane */
		i--;
		struct lane *l = &lanes[i];
		if (l->depth == TT_TIMELINE_NEST)
			s->dur_ns = 0;
		else
			s->dur_ns = l->ends[l->depth - 1] - s->start_ns;
	}
	s->lane = (uint8_t)i;
	track->lanes = i + 1 > track->lanes ? i + 1 : track->lanes;
	if (lanes[i].depth < TT_TIMELINE_NEST)
		lanes[i].ends[lanes[i].depth++] = s->start_ns + s->dur_ns;
}

/* What the documents call tracks: the system's thread id while it is unique, other numbers behind all of those. */
static void number_tracks(struct tt_timeline *t)
{
	uint32_t next = UINT32_C(1) << 24;
	struct tt_hmap taken = TT_HMAP_INIT;
	struct tt_track *track;
	vec_for_each (track, &t->tracks) {
		uint32_t tid = track->thread ? track->thread->tid : 0;
		for (unsigned i = 0; i < track->lanes; i++) {
			bool is_new = false;
			bool may = i == 0 && tid && tid < UINT32_C(1) << 24 &&
			           tt_hmap_insert(&taken, (uint64_t)track->process->id << 32 | tid, &is_new) && is_new;
			track->id[i] = may ? tid : next++;
		}
	}
	tt_hmap_deinit(&taken);
}

/*
 * The ends of the arrows, at the moment of the mark's start: inside of both slices, which may not be said of their ends, where
 * viewers have closed them.
 */
static void add_arrows(struct tt_timeline *t)
{
	size_t count = t->slices.len;
	for (size_t i = 0; i < count && !t->failed; i++) {
		struct tt_slice s = t->slices.data[i];
		if (!s.arrow)
			continue;
		if (s.kind == TT_SLICE_WAIT)
			s.start_ns += s.dur_ns - release_length(&s);
		s.kind = s.kind == TT_SLICE_WAIT ? TT_SLICE_ARROW_END : TT_SLICE_ARROW;
		add_slice(t, &s);
	}
}

bool tt_timeline_arrange(struct tt_timeline *t)
{
	struct lane *lanes = calloc(TT_TIMELINE_LANES, sizeof(*lanes));
	if (!lanes)
		return false;
	tt_vec_sort(&t->slices, by_track);
	for (size_t i = 0; i < t->slices.len; i++) {
		struct tt_slice *s = &t->slices.data[i];
		if (i == 0 || t->slices.data[i - 1].track != s->track)
			for (unsigned k = 0; k < TT_TIMELINE_LANES; k++)
				lanes[k].depth = 0;
		if (s->kind != TT_SLICE_INSTANT)
			put_in_lane(&t->tracks.data[s->track], lanes, s, i + 1 < t->slices.len ? s + 1 : NULL);
	}
	free(lanes);
	number_tracks(t);
	add_arrows(t);
	tt_vec_sort(&t->slices, by_start);
	return !t->failed;
}

void tt_timeline_deinit(struct tt_timeline *t)
{
	tt_vec_deinit(&t->slices);
	tt_vec_deinit(&t->tracks);
	tt_hmap_deinit(&t->by_thread);
}
