/* SPDX-License-Identifier: GPL-3.0-or-later */
/* diff.c - compares two reports. The writing is in diff_text.c and diff_json.c. See diff.h. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "lib/out/diff.h"

const char *tt_verdict_name(enum tt_verdict verdict)
{
	static const char *const names[TT_VERDICT_MAX] = {"same", "better", "worse"};
	return names[verdict];
}

/* ------------------------------------------------------------------ the criterion */

enum tt_verdict tt_diff_compare(const struct tt_diff_side *old, const struct tt_diff_side *new, double d1, double d2,
	const struct tt_thresholds *limits)
{
	if (d1 <= 0 || d2 <= 0)
		return TT_SAME;
	double r1 = (double)old->wait_ns / d1, r2 = (double)new->wait_ns / d2;
	double low = r1 < r2 ? r1 : r2, high = r1 < r2 ? r2 : r1, change = high - low;
	double error = sqrt(old->squares / (d1 * d1) + new->squares / (d2 * d2));
	double amount_ns = change * d2, wall_ns = (double)new->wall_ns;
	bool changed = high > low * (1 + limits->value[TT_THRESHOLD_DIFF_PCT] / 100) &&
	               change > limits->value[TT_THRESHOLD_DIFF_SIGMA] * error &&
	               amount_ns >= limits->value[TT_THRESHOLD_DIFF_MIN] &&
	               amount_ns >= wall_ns * limits->value[TT_THRESHOLD_DIFF_SHARE] / 100;
	return !changed ? TT_SAME : r2 > r1 ? TT_WORSE : TT_BETTER;
}

/* A side that is not there was measured all the same: it lost nothing, in a run of that length. */
enum tt_verdict tt_diff_verdict(
	const struct tt_diff_side *old, const struct tt_diff_side *new, const struct tt_thresholds *limits)
{
	enum tt_verdict share = tt_diff_compare(old, new, (double)old->wall_ns, (double)new->wall_ns, limits);
	if (share != TT_SAME || !old->there || !new->there)
		return share;
	return tt_diff_compare(old, new, (double)old->acquisitions, (double)new->acquisitions, limits);
}

/* ------------------------------------------------------------------ gathering */

/* One run being read into the lists. */
struct side {
	struct tt_diff *d;
	const struct tt_run *run;
	bool is_new, failed;
	struct tt_smap *locks, *pools; /* key -> position + 1 */
};

/* The row of a key; a new one when there is none. *is_new tells. NULL when out of memory. */
static struct tt_smap_entry *row_of(struct side *s, struct tt_smap *map, const struct tt_buf *key, bool *is_new)
{
	struct tt_smap_entry *e = tt_buf_failed(key) ? NULL : tt_smap_insert(map, tt_buf_str(key), key->len, is_new);
	s->failed = s->failed || !e;
	return e;
}

/* NULL when out of memory. */
static struct tt_diff_lock *lock_row(struct side *s, const struct tt_run_lock *l)
{
	TT_BUF_AUTO(key);
	bool is_new;
	/* The bytes between the parts occur in no name that is shown. */
	tt_buf_printf(&key, "%s\n%s\n%s\n%s", l->program, l->name, l->waiter ? l->waiter : "\n", l->holder ? l->holder : "");
	struct tt_smap_entry *e = row_of(s, s->locks, &key, &is_new);
	struct tt_diff_locks *list = l->waiter ? &s->d->pairs : &s->d->locks;
	struct tt_diff_lock *row = !e ? NULL : is_new ? tt_vec_add(list) : &list->data[e->value - 1];
	if (row && is_new) {
		*row = (struct tt_diff_lock){.program = l->program, .name = l->name, .waiter = l->waiter, .holder = l->holder};
		e->value = list->len;
	}
	s->failed = s->failed || !row;
	return row;
}

static void add_lock(struct side *s, const struct tt_run_lock *l)
{
	struct tt_diff_lock *row = lock_row(s, l);
	if (!row)
		return;
	struct tt_diff_side *to = s->is_new ? &row->new : &row->old;
	to->there = true;
	to->acquisitions += l->acquisitions;
	to->contended += l->contended;
	to->wait_ns += l->wait_ns;
	to->max_ns = l->max_ns > to->max_ns ? l->max_ns : to->max_ns;
	to->squares += l->squares;
}

static void add_pool(struct side *s, const struct tt_run_pool *p)
{
	TT_BUF_AUTO(key);
	bool is_new;
	tt_buf_printf(&key, "%s\n%s\n%s", p->program, p->name, p->place);
	struct tt_smap_entry *e = row_of(s, s->pools, &key, &is_new);
	struct tt_diff_pool *row = !e ? NULL : is_new ? tt_vec_add(&s->d->pools) : &s->d->pools.data[e->value - 1];
	if (!row) {
		s->failed = true;
		return;
	}
	if (is_new) {
		*row = (struct tt_diff_pool){.program = p->program, .name = p->name, .place = p->place};
		e->value = s->d->pools.len;
	}
	struct tt_diff_pool_side *side = s->is_new ? &row->new : &row->old;
	side->there = true;
	side->created += p->created;
	side->unjoined += p->unjoined;
	side->peak = p->peak > side->peak ? p->peak : side->peak;
}

static void gather(struct side *s)
{
	const struct tt_run_lock *l;
	const struct tt_run_pool *p;
	vec_for_each (l, &s->run->locks)
		add_lock(s, l);
	vec_for_each (p, &s->run->pools)
		add_pool(s, p);
}

/* ------------------------------------------------------------------ the lists */

/* Fingerprints of a run -> its findings. False: out of memory. */
static bool index_findings(const struct tt_run *run, struct tt_hmap *ret)
{
	bool failed = false;
	for (size_t i = 0; i < run->findings.len; i++)
		failed = tt_hmap_put_ptr(ret, run->findings.data[i].fingerprint, &run->findings.data[i]) < 0 || failed;
	return !failed;
}

static bool add_findings(struct tt_diff *d)
{
	struct tt_hmap old = TT_HMAP_INIT, new = TT_HMAP_INIT;
	bool failed = !index_findings(d->old, &old) || !index_findings(d->new, &new);
	const struct tt_run_finding *f;
	for (int kept = 0; kept < 2; kept++) {
		vec_for_each (f, &d->new->findings) {
			struct tt_diff_finding row = {tt_hmap_ptr(&old, f->fingerprint), f};
			if ((row.old != NULL) == kept)
				failed = tt_vec_push(&d->findings, row) || failed;
		}
	}
	vec_for_each (f, &d->old->findings) {
		struct tt_diff_finding row = {f, NULL};
		if (!tt_hmap_ptr(&new, f->fingerprint))
			failed = tt_vec_push(&d->findings, row) || failed;
	}
	tt_hmap_deinit(&old);
	tt_hmap_deinit(&new);
	return !failed;
}

/* Names of programs -> the wall time of their processes together. */
static bool index_programs(const struct tt_run *run, struct tt_smap *ret)
{
	const struct tt_run_program *p;
	vec_for_each (p, &run->programs) {
		struct tt_smap_entry *e = tt_smap_insert(ret, p->name, strlen(p->name), NULL);
		if (!e)
			return false;
		e->value += p->wall_ns;
	}
	return true;
}

static uint64_t wall_of(const struct tt_smap *programs, const char *name)
{
	const struct tt_smap_entry *e = tt_smap_find(programs, name, strlen(name));
	return e ? e->value : 0;
}

/* The program's wall time belongs to a side also when the lock does not. */
static bool settle_rows(struct tt_diff *d)
{
	struct tt_smap old = TT_SMAP_INIT, new = TT_SMAP_INIT;
	bool good = index_programs(d->old, &old) && index_programs(d->new, &new);
	struct tt_diff_locks *const lists[] = {&d->locks, &d->pairs};
	for (unsigned i = 0; good && i < 2; i++) {
		struct tt_diff_lock *row;
		vec_for_each (row, lists[i]) {
			row->old.wall_ns = wall_of(&old, row->program);
			row->new.wall_ns = wall_of(&new, row->program);
			row->verdict = tt_diff_verdict(&row->old, &row->new, &d->opts->thresholds);
		}
	}
	tt_smap_deinit(&old);
	tt_smap_deinit(&new);
	return good;
}

static uint64_t change_ns(const struct tt_diff_lock *l)
{
	return l->new.wait_ns > l->old.wait_ns ? l->new.wait_ns - l->old.wait_ns : l->old.wait_ns - l->new.wait_ns;
}

static int by_verdict(const void *a, const void *b)
{
	const struct tt_diff_lock *x = a, *y = b;
	if (x->verdict != y->verdict)
		return x->verdict > y->verdict ? -1 : 1;
	if (change_ns(x) != change_ns(y))
		return change_ns(x) > change_ns(y) ? -1 : 1;
	int order = strcmp(x->program, y->program);
	order = order ? order : strcmp(x->name, y->name);
	order = order || !x->waiter ? order : strcmp(x->waiter, y->waiter);
	return order || !x->holder ? order : strcmp(x->holder, y->holder);
}

/* Keeps the pools of which something changed. */
static void drop_same_pools(struct tt_diff *d)
{
	size_t kept = 0;
	struct tt_diff_pool *p;
	vec_for_each (p, &d->pools)
		if (p->old.there != p->new.there || p->old.peak != p->new.peak || p->old.unjoined != p->new.unjoined)
			d->pools.data[kept++] = *p;
	d->pools.len = kept;
}

int tt_diff_create(const struct tt_run *old, const struct tt_run *new, const struct tt_report_opts *opts, struct tt_diff *ret)
{
	*ret = (struct tt_diff){.old = old, .new = new, .opts = opts};
	struct tt_smap locks = TT_SMAP_INIT, pools = TT_SMAP_INIT;
	struct side a = {.d = ret, .run = old, .locks = &locks, .pools = &pools};
	struct side b = {.d = ret, .run = new, .locks = &locks, .pools = &pools, .is_new = true};
	gather(&a);
	gather(&b);
	tt_smap_deinit(&locks);
	tt_smap_deinit(&pools);
	bool good = settle_rows(ret) && !a.failed && !b.failed;
	tt_vec_sort(&ret->locks, by_verdict);
	tt_vec_sort(&ret->pairs, by_verdict);
	drop_same_pools(ret);
	return add_findings(ret) && good ? 0 : -ENOMEM;
}

void tt_diff_deinit(struct tt_diff *d)
{
	tt_vec_deinit(&d->findings);
	tt_vec_deinit(&d->locks);
	tt_vec_deinit(&d->pairs);
	tt_vec_deinit(&d->pools);
}

bool tt_diff_found(const struct tt_diff *d, enum tt_level at_least)
{
	const struct tt_diff_finding *f;
	vec_for_each (f, &d->findings)
		if (!f->old && f->new->state == TT_FINDING_OPEN && f->new->level >= at_least)
			return true;
	return d->locks.len && d->locks.data[0].verdict == TT_WORSE;
}

int tt_diff_write_spec(struct tt_diff *d, const char *spec, FILE *standard, enum tt_color color, struct tt_err *err)
{
	enum tt_format format;
	const char *path;
	int rc = tt_report_split_spec(spec, &format, &path, err);
	if (rc < 0)
		return rc;
	if (format != TT_FORMAT_TEXT && format != TT_FORMAT_JSON)
		return tt_err_set(err, EINVAL, "a comparison is written as text or json, not as '%s'", tt_format_names[format]);
	bool own = strcmp(path, "-") != 0;
	FILE *file = own ? fopen(path, "we") : standard;
	if (!file)
		return tt_err_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
	struct tt_term term = tt_term_get(fileno(file), color);
	rc = format == TT_FORMAT_JSON ? tt_diff_json(d, file, err) : tt_diff_text(d, file, &term, err);
	errno = 0;
	if (rc == 0 && (fflush(file) != 0 || ferror(file)))
		rc = tt_err_set(err, errno ? errno : EIO, "cannot write the report: %s", strerror(errno ? errno : EIO));
	if (own && fclose(file) != 0 && rc == 0)
		rc = tt_err_set(err, errno, "cannot write '%s': %s", path, strerror(errno));
	return rc;
}
