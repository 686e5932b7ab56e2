/* SPDX-License-Identifier: GPL-3.0-or-later */
/* budget_values.c - measures what budgets.def lists, and finds where it comes from. See budget.h. */
#include <string.h>

#include "lib/findings/budget.h"

/* ------------------------------------------------------------------ locks */

double tt_budget_lock_wait(const struct tt_detect *d, struct tt_budget_source *from)
{
	if (d->model->classes_by_wait.len)
		from->class = d->model->classes_by_wait.data[0];
	return (double)d->model->lock_wait_ns;
}

double tt_budget_lock_wait_pct(const struct tt_detect *d, struct tt_budget_source *from)
{
	(void)tt_budget_lock_wait(d, from);
	return tt_share_pct(d->model->lock_wait_ns, d->model->process_ns);
}

double tt_budget_contended_pct(const struct tt_detect *d, struct tt_budget_source *from)
{
	uint64_t acquisitions = 0, contended = 0, most = 0;
	struct tt_lock_class *const *c;
	vec_for_each (c, &d->model->classes_by_wait) {
		acquisitions += (*c)->ops.acquisitions;
		contended += (*c)->contended;
		if ((*c)->contended > most) {
			most = (*c)->contended;
			from->class = *c;
		}
	}
	return tt_share_pct(contended, acquisitions);
}

/* All waits for locks of the model, as one distribution. */
struct waits {
	uint64_t hist[TTREC_HIST_BUCKETS];
	uint64_t count, max_ns;
};

static void add_dist(struct waits *w, const struct tt_dist *dist)
{
	for (unsigned b = 0; dist->hist && b < TTREC_HIST_BUCKETS; b++) {
		w->hist[b] += dist->hist[b];
		w->count += dist->hist[b];
	}
	w->max_ns = dist->max_ns > w->max_ns ? dist->max_ns : w->max_ns;
}

/* The value of rank ceil(p * count), spread evenly over its bucket: as tt_dist does it. */
static double percentile(const struct waits *w, double p)
{
	double exact = p * (double)w->count;
	uint64_t rank = (uint64_t)exact, below = 0;
	rank += (double)rank < exact;
	for (unsigned b = 0; b < TTREC_HIST_BUCKETS; below += w->hist[b++]) {
		if (w->hist[b] == 0 || below + w->hist[b] < rank)
			continue;
		double low = (double)ttrec_hist_low(b), max = (double)w->max_ns;
		double high = b + 1 < TTREC_HIST_BUCKETS ? (double)ttrec_hist_low(b + 1) : max;
		double value = low + (high - low) * (double)(rank - below) / (double)w->hist[b];
		return value < max ? value : max;
	}
	return 0;
}

/* Of all waits; the source is the class that is worst in it by itself. */
static double wait_rank(const struct tt_detect *d, struct tt_budget_source *from, double p)
{
	struct waits all = {0};
	double most = 0;
	struct tt_lock_class *const *c;
	vec_for_each (c, &d->model->classes_by_wait) {
		struct waits own = {0};
		add_dist(&own, &(*c)->wait);
		add_dist(&own, &(*c)->rdwait);
		add_dist(&all, &(*c)->wait);
		add_dist(&all, &(*c)->rdwait);
		double value = percentile(&own, p);
		if (value > most) {
			most = value;
			from->class = *c;
		}
	}
	return percentile(&all, p);
}

double tt_budget_wait_p50(const struct tt_detect *d, struct tt_budget_source *from)
{
	return wait_rank(d, from, 0.50);
}

double tt_budget_wait_p99(const struct tt_detect *d, struct tt_budget_source *from)
{
	return wait_rank(d, from, 0.99);
}

/* The greatest value of a member over all classes of locks. */
#define CLASS_MAX(member)                              \
	uint64_t most = 0;                             \
	struct tt_lock_class *const *c;                \
	vec_for_each (c, &d->model->classes_by_wait) { \
		if ((*c)->member > most) {             \
			most = (*c)->member;           \
			from->class = *c;              \
		}                                      \
	}                                              \
	return (double)most

double tt_budget_wait_max(const struct tt_detect *d, struct tt_budget_source *from)
{
	CLASS_MAX(waits.max_ns);
}

double tt_budget_hold_p99(const struct tt_detect *d, struct tt_budget_source *from)
{
	CLASS_MAX(hold.p99_ns);
}

double tt_budget_hold_max(const struct tt_detect *d, struct tt_budget_source *from)
{
	CLASS_MAX(hold.max_ns);
}

/* ------------------------------------------------------------------ threads and loops */

/* The pool with most of something. */
#define GROUP_MAX(member)                                   \
	uint64_t most = 0;                                  \
	const struct tt_group *g;                           \
	vec_for_each (g, &d->model->groups) {               \
		if (g->start_routine && g->member > most) { \
			most = g->member;                   \
			from->group = g;                    \
		}                                           \
	}

double tt_budget_threads_peak(const struct tt_detect *d, struct tt_budget_source *from)
{
	uint64_t peak = 0;
	struct tt_process *const *p;
	vec_for_each (p, &d->model->processes) {
		if ((*p)->threads_peak > peak) {
			peak = (*p)->threads_peak;
			from->process = *p;
		}
	}
	GROUP_MAX(peak);
	return (double)peak;
}

double tt_budget_threads_created(const struct tt_detect *d, struct tt_budget_source *from)
{
	uint64_t sum = 0;
	struct tt_process *const *p;
	vec_for_each (p, &d->model->processes)
		sum += (*p)->threads_created;
	GROUP_MAX(created);
	return (double)sum;
}

double tt_budget_threads_unjoined(const struct tt_detect *d, struct tt_budget_source *from)
{
	uint64_t sum = 0;
	GROUP_MAX(unjoined);
	vec_for_each (g, &d->model->groups)
		sum += g->unjoined;
	return (double)sum;
}

double tt_budget_loop_stall_max(const struct tt_detect *d, struct tt_budget_source *from)
{
	uint64_t most = 0;
	const struct tt_loop *l;
	vec_for_each (l, &d->model->loops) {
		if (l->away.max_ns > most) {
			most = l->away.max_ns;
			from->loop = l;
		}
	}
	return (double)most;
}

/* ------------------------------------------------------------------ findings and gaps */

static double count_rule(const struct tt_detect *d, const char *id)
{
	size_t n = 0;
	const struct tt_finding *f;
	vec_for_each (f, &d->set->list)
		n += f->state != TT_FINDING_SUPPRESSED && strcmp(tt_rules[f->rule].id, id) == 0;
	return (double)n;
}

/* Broken budgets are no measure of themselves. */
static double count_level(const struct tt_detect *d, enum tt_level level)
{
	size_t n = 0;
	const struct tt_finding *f;
	vec_for_each (f, &d->set->list)
		n += f->state != TT_FINDING_SUPPRESSED && f->level == level && f->rule != TT_RULE_BUDGET_BROKEN;
	return (double)n;
}

double tt_budget_deadlocks(const struct tt_detect *d, struct tt_budget_source *from)
{
	(void)from;
	return count_rule(d, "deadlock");
}

double tt_budget_lock_order_cycles(const struct tt_detect *d, struct tt_budget_source *from)
{
	(void)from;
	return count_rule(d, "lock-order-cycle");
}

double tt_budget_errors(const struct tt_detect *d, struct tt_budget_source *from)
{
	(void)from;
	return count_level(d, TT_LEVEL_ERROR);
}

double tt_budget_warnings(const struct tt_detect *d, struct tt_budget_source *from)
{
	(void)from;
	return count_level(d, TT_LEVEL_WARNING);
}

double tt_budget_dropped(const struct tt_detect *d, struct tt_budget_source *from)
{
	(void)from;
	uint64_t sum = 0;
	for (unsigned i = 0; i < TTREC_DROP_SLOTS; i++)
		sum += d->model->drop[i];
	return (double)sum;
}
