/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dist.c - histograms of waits and holds: reading, adding up, percentiles.
 */
#include "lib/model/model_private.h"

/* Counts of damaged files may be anything: beyond 2^53 a double has no fraction, beyond 2^64 no integer type has room. */
static double round_up(double x)
{
	if (x >= 0x1p53)
		return x;
	double whole = (double)(uint64_t)x;
	return whole < x ? whole + 1 : whole;
}

/*
 * The value of rank ceil(p * n) when the values of a bucket lie evenly in it: the k-th of c values in [low, high) is taken to
 * be low + (high - low) * (k - 1/2) / c. The last bucket, and the one that holds the maximum, end at the maximum.
 */
uint64_t model_hist_rank(const uint64_t *hist, uint64_t max_ns, double p)
{
	double n = 0, below = 0;
	for (unsigned b = 0; b < TTREC_HIST_BUCKETS; b++)
		n += (double)hist[b];
	if (n <= 0)
		return 0;
	double rank = round_up(p * n);
	if (rank < 1)
		rank = 1;
	unsigned b = 0;
	while (b < TTREC_HIST_BUCKETS - 1 && below + (double)hist[b] < rank)
		below += (double)hist[b++];
	double count = hist[b] ? (double)hist[b] : 1;
	double low = (double)ttrec_hist_low(b);
	double high = b + 1 < TTREC_HIST_BUCKETS ? (double)ttrec_hist_low(b + 1) : (double)max_ns;
	if (high > (double)max_ns)
		high = (double)max_ns;
	if (high < low)
		return max_ns;
	double value = low + (high - low) * (rank - below - 0.5) / count;
	return value < 0 ? 0 : value >= (double)max_ns ? max_ns : (uint64_t)value;
}

void model_dist_settle(struct tt_dist *d)
{
	if (!d->hist)
		return;
	d->p50_ns = model_hist_rank(d->hist, d->max_ns, 0.50);
	d->p99_ns = model_hist_rank(d->hist, d->max_ns, 0.99);
}

static uint64_t *dist_hist(struct tt_model *m, struct tt_dist *d)
{
	if (!d->hist)
		d->hist = model_alloc(m, TTREC_HIST_BUCKETS * sizeof(uint64_t));
	return (uint64_t *)(uintptr_t)d->hist; /* const for users of the model only */
}

static void dist_max(struct tt_dist *to, uint64_t max_ns, uint64_t at_ns)
{
	if (max_ns > to->max_ns) {
		to->max_ns = max_ns;
		to->max_at_ns = at_ns;
	}
}

void model_dist_add(struct tt_model *m, struct tt_dist *to, uint64_t ns, uint64_t at_ns)
{
	uint64_t *hist = dist_hist(m, to);
	to->count++;
	to->total_ns += ns;
	dist_max(to, ns, at_ns);
	if (hist)
		hist[ttrec_hist_bucket(ns)]++;
}

void model_dist_merge(struct tt_model *m, struct tt_dist *to, const struct tt_dist *from)
{
	to->count += from->count;
	to->total_ns += from->total_ns;
	dist_max(to, from->max_ns, from->max_at_ns);
	uint64_t *hist = from->hist ? dist_hist(m, to) : NULL;
	for (unsigned b = 0; hist && b < TTREC_HIST_BUCKETS; b++)
		hist[b] += from->hist[b];
}

/* The stat records of a process: into wait, rdwait, and (percentiles only, the totals come from sites) hold of their locks. */
void model_read_stats(struct tt_model *m, struct model_process *mp)
{
	struct tt_rec_iter it;
	const struct ttrec_stat *r;
	rec_for_each_stat(it, r, mp->rec)
	{
		struct tt_lock *l = r->lock - 1 < mp->lock_limit ? mp->locks[r->lock - 1] : NULL;
		if (!l)
			continue;
		if (r->mode == 2) {
			if (r->max_ns > l->hold.max_ns)
				l->hold.max_ns = r->max_ns;
			l->hold.hist = r->hist;
			continue;
		}
		struct tt_dist d = {.count = r->count,
			.total_ns = r->total_ns,
			.max_ns = r->max_ns,
			.max_at_ns = r->max_at_ns,
			.hist = r->hist};
		model_dist_merge(m, r->mode == 1 ? &l->rdwait : &l->wait, &d);
	}
}
