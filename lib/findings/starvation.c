/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * starvation.c - rule lock-starvation: one thread waits far longer for a lock than the others that use it.
 *
 * Two shapes: it waits many times longer than its peers do, again and again; or it waited many times longer than anybody held
 * the lock, so that others got it again and again meanwhile. One long hold is neither (rule lock-long-hold). Rests on who
 * blocked whom by thread, which comes from the events that the ring still has.
 */
#include <inttypes.h>

#include "lib/findings/detect.h"
#include "lib/util/text.h"

#define OFTEN 3 /* waits that make a habit */

struct waiter {
	const struct tt_lock *lock;
	const struct tt_thread *thread;
	uint64_t serial;
	struct tt_waits waits;
	const struct tt_blocking *worst; /* its longest with one holder */
};
struct waiters {
	TT_VEC(struct waiter) list;
	bool failed;
};

static int by_lock_thread(const void *a, const void *b)
{
	const struct waiter *x = a, *y = b;
	if (x->lock != y->lock)
		return x->lock->id < y->lock->id ? -1 : 1;
	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static void merge(struct waiter *into, const struct waiter *from)
{
	into->waits.count += from->waits.count;
	into->waits.total_ns += from->waits.total_ns;
	if (from->waits.max_ns > into->waits.max_ns) {
		into->waits.max_ns = from->waits.max_ns;
		into->worst = from->worst;
	}
}

/* One entry per (lock, waiting thread), ordered by lock. */
static void gather(const struct tt_model *m, struct waiters *w)
{
	const struct tt_blocking *b;
	vec_for_each (b, &m->blockings) {
		if (!b->lock || b->lock->use != TT_USE_LOCK || b->waits.count == 0)
			continue;
		struct waiter entry = {b->lock, b->waiter, b->waiter_serial, b->waits, b};
		if (tt_vec_push(&w->list, entry))
			w->failed = true;
	}
	tt_vec_sort(&w->list, by_lock_thread);
	size_t kept = 0;
	for (size_t i = 0; i < w->list.len; i++) {
		struct waiter *last = kept ? &w->list.data[kept - 1] : NULL;
		if (last && by_lock_thread(last, &w->list.data[i]) == 0)
			merge(last, &w->list.data[i]);
		else
			w->list.data[kept++] = w->list.data[i];
	}
	w->list.len = kept;
}

/* What was found out about one starved thread. */
struct verdict {
	const struct waiter *worst;
	uint64_t peers, peer_waits, peer_mean_ns, mean_ns;
	bool overtaken; /* it waited many times longer than anybody held the lock */
};

static void give_reason(struct tt_finding *f, const struct verdict *v)
{
	if (v->worst->lock->process->events_lost) {
		f->confidence = TT_POSSIBLE;
		f->reason = "events were lost, so the waits of its peers may not be complete";
	} else if (v->overtaken) {
		f->confidence = TT_LIKELY;
		f->reason = "the lock was never held that long: others got it again and again meanwhile";
	} else {
		f->confidence = TT_POSSIBLE;
		f->reason = "the holds that it waited for were long; its peers came at better moments";
	}
}

static void add_evidence(const struct tt_detect *d, struct tt_finding *f, const struct verdict *v)
{
	const struct waiter *w = v->worst;
	tt_finding_evidence(d->set, f, "it waited %s times, %s on average, %s in all", tt_count(w->waits.count).s,
		tt_ns(v->mean_ns).s, tt_ns(w->waits.total_ns).s);
	if (v->peers)
		tt_finding_evidence(d->set, f, "%" PRIu64 " other thread%s waited %s times, %s on average", v->peers,
			v->peers == 1 ? "" : "s", tt_count(v->peer_waits).s, tt_ns(v->peer_mean_ns).s);
	else
		tt_finding_evidence(d->set, f, "no other thread had to wait");
	if (w->lock->hold.samples)
		tt_finding_evidence(
			d->set, f, "nobody was seen to hold the lock longer than %s", tt_ns(w->lock->hold.max_ns).s);
	if (w->worst->holder_serial)
		tt_finding_evidence(d->set, f, "its longest wait was behind %s",
			tt_detect_thread_name(d, w->lock->process, w->worst->holder, w->worst->holder_serial));
	tt_finding_figure(d->set, f, "wait_max_ns", w->waits.max_ns);
	tt_finding_figure(d->set, f, "wait_mean_ns", v->mean_ns);
	tt_finding_figure(d->set, f, "peers", v->peers);
	tt_finding_figure(d->set, f, "peers_mean_ns", v->peer_mean_ns);
	tt_finding_thread(d->set, f, w->thread);
	tt_finding_thread(d->set, f, w->worst->holder);
	tt_finding_lock(d->set, f, w->lock);
	if (w->lock->pair_count)
		tt_finding_stack(
			d->set, f, "waits for the lock here", w->lock->pairs[0].waiter, w->lock->pairs[0].waiter_stack);
}

static void report(const struct tt_detect *d, const struct verdict *v)
{
	const struct waiter *w = v->worst;
	struct tt_finding *f = tt_detect_add(d, TT_RULE_LOCK_STARVATION, w->lock->process);
	if (!f)
		return;
	give_reason(f, v);
	f->cost_ns = w->waits.total_ns;
	const char *name = tt_detect_thread_name(d, w->lock->process, w->thread, w->serial);
	f->title = tt_findings_text(d->set, "%s waited %s on average, up to %s, for %s; its peers %s", name,
		tt_ns(v->mean_ns).s, tt_ns(w->waits.max_ns).s, tt_detect_lock_name(d, w->lock->class),
		v->peers ? tt_ns(v->peer_mean_ns).s : "did not wait");
	tt_finding_identify(f, tt_kind_name(w->lock->kind));
	tt_detect_identify(d, f, w->lock->birth_site, w->lock->birth_stack);
	if (w->lock->pair_count)
		tt_detect_identify(d, f, w->lock->pairs[0].waiter, w->lock->pairs[0].waiter_stack);
	add_evidence(d, f, v);
}

/* All waiters of one lock: at most one is reported, the one that lost most. */
static void judge(const struct tt_detect *d, const struct waiter *w, size_t n)
{
	struct verdict v = {.worst = &w[0], .peers = n - 1};
	uint64_t count = 0, total_ns = 0;
	for (size_t i = 0; i < n; i++) {
		v.worst = w[i].waits.total_ns > v.worst->waits.total_ns ? &w[i] : v.worst;
		count += w[i].waits.count;
		total_ns += w[i].waits.total_ns;
	}
	const struct tt_waits *waits = &v.worst->waits;
	const struct tt_hold *hold = &v.worst->lock->hold;
	double factor = tt_limit(d, TT_THRESHOLD_STARVATION_FACTOR);
	v.mean_ns = waits->total_ns / waits->count;
	v.peer_waits = count - waits->count;
	v.peer_mean_ns = v.peer_waits ? (total_ns - waits->total_ns) / v.peer_waits : 0;
	v.overtaken = hold->samples && (double)waits->max_ns >= factor * (double)hold->max_ns;
	bool apart = (double)v.mean_ns >= factor * (double)v.peer_mean_ns;
	bool often = waits->count >= OFTEN && v.peer_waits >= OFTEN;
	if (waits->total_ns < tt_limit_u64(d, TT_THRESHOLD_STARVATION_MIN) || !apart || !(often || v.overtaken))
		return;
	/* Who waits only because there is no work does not starve. */
	if (!tt_detect_is_parked(d, v.worst->lock->class))
		report(d, &v);
}

void tt_detect_starvation(const struct tt_detect *d)
{
	struct waiters w = {0};
	gather(d->model, &w);
	for (size_t i = 0, end; i < w.list.len; i = end) {
		for (end = i + 1; end < w.list.len && w.list.data[end].lock == w.list.data[i].lock;)
			end++;
		judge(d, &w.list.data[i], end - i);
	}
	if (w.failed)
		d->set->failed = true;
	tt_vec_deinit(&w.list);
}
