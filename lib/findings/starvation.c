/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * starvation.c - rule lock-starvation: one thread waits far longer for a lock than the others that use it.
 *
 * Told apart from one long hold (another rule) by the lock's holds: the starved thread waited many times longer than
 * anybody held the lock, so others got it again and again meanwhile. Rests on who blocked whom by thread, which comes from
 * the events that the ring still has.
 */
#include <inttypes.h>

#include "lib/findings/detect.h"
#include "lib/util/text.h"

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

static void report(const struct tt_detect *d, const struct waiter *w, uint64_t peers, uint64_t peers_mean)
{
	const struct tt_lock *lock = w->lock;
	struct tt_finding *f = tt_detect_add(d, TT_RULE_LOCK_STARVATION, lock->process);
	if (!f)
		return;
	bool all = lock->process->events_lost == 0;
	f->confidence = all ? TT_LIKELY : TT_POSSIBLE;
	f->reason = all ? "each wait was seen; the holds in between were timed by samples"
	                : "events were lost, so the waits of its peers may not be complete";
	f->cost_ns = w->waits.total_ns;
	const char *name = tt_detect_thread_name(d, w->thread, w->serial);
	const char *object = tt_detect_lock_name(d, lock->class);
	f->title = tt_findings_text(d->set, "%s starved: it waited up to %s for %s, which nobody held longer than %s", name,
		tt_ns(w->waits.max_ns).s, object, tt_ns(lock->hold.max_ns).s);
	tt_finding_evidence(d->set, f, "it waited %s times, %s on average", tt_count(w->waits.count).s,
		tt_ns(w->waits.total_ns / w->waits.count).s);
	if (peers)
		tt_finding_evidence(d->set, f, "%" PRIu64 " other threads waited %s on average", peers, tt_ns(peers_mean).s);
	else
		tt_finding_evidence(d->set, f, "no other thread had to wait");
	if (w->worst->holder_serial) {
		tt_finding_evidence(
			d->set, f, "mostly behind %s", tt_detect_thread_name(d, w->worst->holder, w->worst->holder_serial));
	}
	tt_finding_figure(d->set, f, "wait_max_ns", w->waits.max_ns);
	tt_finding_figure(d->set, f, "wait_mean_ns", w->waits.total_ns / w->waits.count);
	tt_finding_figure(d->set, f, "peers_mean_ns", peers_mean);
	tt_finding_thread(d->set, f, w->thread);
	tt_finding_thread(d->set, f, w->worst->holder);
	tt_finding_lock(d->set, f, lock);
	tt_finding_identify(f, tt_kind_name(lock->kind));
	tt_detect_identify(d, f, lock->birth_site, lock->birth_stack);
	if (w->thread && w->thread->start_routine)
		tt_detect_identify(d, f, w->thread->start_routine, NULL);
	if (lock->pair_count)
		tt_finding_stack(d->set, f, "waits for the lock here", lock->pairs[0].waiter, lock->pairs[0].waiter_stack);
}

/* All waiters of one lock: at most one is reported, the one that waited longest. */
static void judge(const struct tt_detect *d, const struct waiter *w, size_t n)
{
	const struct waiter *worst = &w[0];
	uint64_t count = 0, total_ns = 0;
	for (size_t i = 0; i < n; i++) {
		worst = w[i].waits.max_ns > worst->waits.max_ns ? &w[i] : worst;
		count += w[i].waits.count;
		total_ns += w[i].waits.total_ns;
	}
	double factor = tt_limit(d, TT_THRESHOLD_STARVATION_FACTOR);
	const struct tt_hold *hold = &worst->lock->hold;
	uint64_t peer_waits = count - worst->waits.count;
	uint64_t peer_mean = peer_waits ? (total_ns - worst->waits.total_ns) / peer_waits : 0;
	uint64_t mean = worst->waits.total_ns / worst->waits.count;
	if (worst->waits.max_ns < tt_limit_u64(d, TT_THRESHOLD_STARVATION_MIN) || hold->samples == 0)
		return;
	if ((double)worst->waits.max_ns < factor * (double)hold->max_ns || (double)mean < factor * (double)peer_mean)
		return;
	report(d, worst, n - 1, peer_mean);
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
