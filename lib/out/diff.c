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

/* Sum of x^2 of a histogram, each wait in the middle of its bucket. */
static double squares_of(const struct tt_dist *dist)
{
	double sum = 0, max = (double)dist->max_ns;
	for (unsigned b = 0; dist->hist && b < TTREC_HIST_BUCKETS; b++) {
		double low = (double)ttrec_hist_low(b), high = b + 1 < TTREC_HIST_BUCKETS ? (double)ttrec_hist_low(b + 1) : max;
		double middle = (low + high) / 2 < max ? (low + high) / 2 : max;
		sum += (double)dist->hist[b] * middle * middle;
	}
	return sum;
}

/* ------------------------------------------------------------------ gathering */

/* One report being read into the lists. */
struct side {
	struct tt_diff *d;
	struct tt_report *r;
	bool is_new, failed;
	struct tt_smap *locks, *pools; /* key -> position + 1 */
};

static const char *text(struct side *s, const char *t)
{
	const char *kept = tt_smap_intern(&s->d->names, t);
	s->failed = s->failed || !kept;
	return kept ? kept : "";
}

static const char *program_name(const struct tt_report *r, unsigned program)
{
	struct tt_process *const *p;
	vec_for_each (p, &r->model->processes) {
		const char *slash = strrchr((*p)->exe, '/');
		if ((*p)->program == program)
			return slash ? slash + 1 : (*p)->exe;
	}
	return "";
}

/* The row of a key; a new one when there is none. *is_new tells. NULL when out of memory. */
static struct tt_smap_entry *row_of(struct side *s, struct tt_smap *map, const struct tt_buf *key, bool *is_new)
{
	struct tt_smap_entry *e = tt_buf_failed(key) ? NULL : tt_smap_insert(map, tt_buf_str(key), key->len, is_new);
	s->failed = s->failed || !e;
	return e;
}

static void add_side(
	struct tt_diff_side *to, uint64_t acquisitions, uint64_t contended, const struct tt_waits *w, double squares)
{
	to->there = true;
	to->acquisitions += acquisitions;
	to->contended += contended;
	to->wait_ns += w->total_ns;
	to->max_ns = w->max_ns > to->max_ns ? w->max_ns : to->max_ns;
	to->squares += squares;
}

/* The lock's row when waiter is NULL, else that of a pair. NULL when out of memory. */
static struct tt_diff_side *lock_side(struct side *s, const struct tt_lock_class *c, const char *waiter, const char *holder)
{
	TT_BUF_AUTO(key);
	bool is_new;
	const char *name = tt_names_class(s->r->names, c), *program = program_name(s->r, c->program);
	/* The bytes between the parts occur in no name that is shown. */
	tt_buf_printf(&key, "%s\n%s\n%s\n%s", program, name, waiter ? waiter : "\n", holder ? holder : "");
	struct tt_smap_entry *e = row_of(s, s->locks, &key, &is_new);
	if (!e)
		return NULL;
	struct tt_diff_locks *list = waiter ? &s->d->pairs : &s->d->locks;
	if (is_new) {
		struct tt_diff_lock *row = tt_vec_add(list);
		if (!row) {
			s->failed = true;
			return NULL;
		}
		row->program = text(s, program);
		row->name = text(s, name);
		row->waiter = waiter ? text(s, waiter) : NULL;
		row->holder = waiter ? text(s, holder) : NULL;
		e->value = list->len;
	}
	struct tt_diff_lock *row = &list->data[e->value - 1];
	return s->is_new ? &row->new : &row->old;
}

static const char *place_name(struct side *s, const struct tt_site *site, const struct tt_stack *stack)
{
	if (!site && !stack)
		return "not known";
	struct tt_place p = tt_names_headline(s->r->names, site, stack);
	return tt_names_text(s->r->names, &p);
}

static void add_class(struct side *s, const struct tt_lock_class *c)
{
	double squares = squares_of(&c->wait) + squares_of(&c->rdwait);
	struct tt_diff_side *side = lock_side(s, c, NULL, NULL);
	if (!side)
		return;
	add_side(side, c->ops.acquisitions, c->contended, &c->waits, squares);
	for (unsigned i = 0; i < c->pair_count; i++) {
		const struct tt_wait *w = &c->pairs[i];
		const char *holder = place_name(s, w->holder, w->holder_stack);
		side = lock_side(s, c, place_name(s, w->waiter, w->waiter_stack), holder);
		if (!side)
			return;
		/* Pairs have no histogram: their waits are spread as those of the lock are; the longest is known. */
		double share = c->waits.total_ns ? (double)w->waits.total_ns / (double)c->waits.total_ns : 0;
		double longest = (double)w->waits.max_ns * (double)w->waits.max_ns;
		add_side(side, c->ops.acquisitions, w->waits.count, &w->waits, fmax(squares * share, longest));
	}
}

static void add_group(struct side *s, const struct tt_group *g)
{
	TT_BUF_AUTO(key);
	bool is_new;
	if (!g->start_routine)
		return;
	const char *name = place_name(s, g->start_routine, NULL), *place = place_name(s, g->create_site, g->create_stack);
	const char *program = program_name(s->r, g->program);
	tt_buf_printf(&key, "%s\n%s\n%s", program, name, place);
	struct tt_smap_entry *e = row_of(s, s->pools, &key, &is_new);
	struct tt_diff_pool *row = !e ? NULL : is_new ? tt_vec_add(&s->d->pools) : &s->d->pools.data[e->value - 1];
	if (!row) {
		s->failed = true;
		return;
	}
	if (is_new) {
		row->program = text(s, program);
		row->name = text(s, name);
		row->place = text(s, place);
		e->value = s->d->pools.len;
	}
	struct tt_diff_pool_side *side = s->is_new ? &row->new : &row->old;
	side->there = true;
	side->created += g->created;
	side->unjoined += g->unjoined;
	side->peak = g->peak > side->peak ? g->peak : side->peak;
}

static void gather(struct side *s)
{
	struct tt_lock_class *const *c;
	vec_for_each (c, &s->r->model->classes_by_wait)
		add_class(s, *c);
	const struct tt_group *g;
	vec_for_each (g, &s->r->model->groups)
		add_group(s, g);
}

/* ------------------------------------------------------------------ the lists */

static const struct tt_finding *same_finding(const struct tt_report *r, uint64_t fingerprint)
{
	const struct tt_finding *f;
	vec_for_each (f, &r->findings.list)
		if (f->fingerprint == fingerprint)
			return f;
	return NULL;
}

static bool add_findings(struct tt_diff *d)
{
	bool failed = false;
	const struct tt_finding *f;
	for (int kept = 0; kept < 2; kept++) {
		vec_for_each (f, &d->new->findings.list) {
			struct tt_diff_finding row = {same_finding(d->old, f->fingerprint), f};
			if ((row.old != NULL) == kept)
				failed = tt_vec_push(&d->findings, row) || failed;
		}
	}
	vec_for_each (f, &d->old->findings.list) {
		struct tt_diff_finding row = {f, NULL};
		if (!same_finding(d->new, f->fingerprint))
			failed = tt_vec_push(&d->findings, row) || failed;
	}
	return !failed;
}

/* The program's wall time belongs to a side also when the lock does not. */
static void settle_rows(struct tt_diff *d, struct tt_diff_lock *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct tt_process *const *p;
		vec_for_each (p, &d->old->model->processes)
			if (strcmp(program_name(d->old, (*p)->program), rows[i].program) == 0)
				rows[i].old.wall_ns += (*p)->wall_ns;
		vec_for_each (p, &d->new->model->processes)
			if (strcmp(program_name(d->new, (*p)->program), rows[i].program) == 0)
				rows[i].new.wall_ns += (*p)->wall_ns;
		rows[i].verdict = tt_diff_verdict(&rows[i].old, &rows[i].new, &d->new->opts.thresholds);
	}
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

int tt_diff_create(struct tt_report *old, struct tt_report *new, struct tt_diff *ret)
{
	*ret = (struct tt_diff){.old = old, .new = new};
	struct tt_smap locks = TT_SMAP_INIT, pools = TT_SMAP_INIT;
	struct side a = {.d = ret, .r = old, .locks = &locks, .pools = &pools};
	struct side b = {.d = ret, .r = new, .locks = &locks, .pools = &pools, .is_new = true};
	gather(&a);
	gather(&b);
	tt_smap_deinit(&locks);
	tt_smap_deinit(&pools);
	settle_rows(ret, ret->locks.data, ret->locks.len);
	settle_rows(ret, ret->pairs.data, ret->pairs.len);
	tt_vec_sort(&ret->locks, by_verdict);
	tt_vec_sort(&ret->pairs, by_verdict);
	drop_same_pools(ret);
	return add_findings(ret) && !a.failed && !b.failed ? 0 : -ENOMEM;
}

void tt_diff_deinit(struct tt_diff *d)
{
	tt_vec_deinit(&d->findings);
	tt_vec_deinit(&d->locks);
	tt_vec_deinit(&d->pairs);
	tt_vec_deinit(&d->pools);
	tt_smap_deinit(&d->names);
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
