/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run.c - a run as comparisons see it, taken from a report. That of a saved one is in run_json.c. See run.h. */
#include "lib/out/run.h"

#include <errno.h>
#include <math.h>
#include <string.h>

void tt_run_deinit(struct tt_run *run)
{
	tt_vec_deinit(&run->recordings);
	tt_vec_deinit(&run->programs);
	tt_vec_deinit(&run->locks);
	tt_vec_deinit(&run->pools);
	tt_vec_deinit(&run->findings);
	tt_smap_deinit(&run->texts);
}

/* ------------------------------------------------------------------ what the JSON report says, too */

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

double tt_run_class_squares(const struct tt_lock_class *c)
{
	return squares_of(&c->wait) + squares_of(&c->rdwait);
}

/* Pairs have no histogram: their waits are spread as those of the lock are; the longest is known. */
double tt_run_pair_squares(const struct tt_lock_class *c, const struct tt_wait *pair, double class_squares)
{
	double share = c->waits.total_ns ? (double)pair->waits.total_ns / (double)c->waits.total_ns : 0;
	double longest = (double)pair->waits.max_ns * (double)pair->waits.max_ns;
	return fmax(class_squares * share, longest);
}

const char *tt_run_place(struct tt_report *r, const struct tt_site *site, const struct tt_stack *stack)
{
	if (!site && !stack)
		return "not known";
	struct tt_place p = tt_names_headline(r->names, site, stack);
	return tt_names_text(r->names, &p);
}

/* ------------------------------------------------------------------ taking it from a report */

/* One report being read. */
struct take {
	struct tt_report *r;
	struct tt_run *run;
	bool failed;
};

static const char *text(struct take *t, const char *words)
{
	const char *kept = words ? tt_smap_intern(&t->run->texts, words) : NULL;
	t->failed = t->failed || (words && !kept);
	return kept;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static const char *program_name(struct take *t, unsigned program)
{
	struct tt_process *const *p;
	vec_for_each (p, &t->r->model->processes)
		if ((*p)->program == program)
			return text(t, file_name((*p)->exe));
	return text(t, "");
}

static void take_processes(struct take *t)
{
	struct tt_process *const *p;
	const struct tt_model *m = t->r->model;
	t->run->process_ns = m->process_ns;
	t->run->lock_wait_ns = m->lock_wait_ns;
	vec_for_each (p, &m->processes) {
		struct tt_run_program program = {text(t, file_name((*p)->exe)), (*p)->wall_ns};
		t->failed = tt_vec_push(&t->run->recordings, text(t, (*p)->recording)) || t->failed;
		t->failed = tt_vec_push(&t->run->programs, program) || t->failed;
		t->run->threads_peak = (*p)->threads_peak > t->run->threads_peak ? (*p)->threads_peak : t->run->threads_peak;
	}
}

static void add_lock(struct take *t, struct tt_run_lock *lock, const struct tt_waits *w, double squares)
{
	lock->wait_ns = w->total_ns;
	lock->max_ns = w->max_ns;
	lock->squares = squares;
	t->failed = tt_vec_push(&t->run->locks, *lock) || t->failed;
}

static void take_class(struct take *t, const struct tt_lock_class *c)
{
	double squares = tt_run_class_squares(c);
	struct tt_run_lock lock = {.program = program_name(t, c->program),
		.name = text(t, tt_names_class(t->r->names, c)),
		.acquisitions = c->ops.acquisitions,
		.contended = c->contended};
	add_lock(t, &lock, &c->waits, squares);
	for (unsigned i = 0; i < c->pair_count; i++) {
		const struct tt_wait *w = &c->pairs[i];
		lock.waiter = text(t, tt_run_place(t->r, w->waiter, w->waiter_stack));
		lock.holder = text(t, tt_run_place(t->r, w->holder, w->holder_stack));
		lock.contended = w->waits.count;
		add_lock(t, &lock, &w->waits, tt_run_pair_squares(c, w, squares));
	}
}

static void take_group(struct take *t, const struct tt_group *g)
{
	if (!g->start_routine)
		return;
	struct tt_run_pool pool = {.program = program_name(t, g->program),
		.name = text(t, tt_run_place(t->r, g->start_routine, NULL)),
		.place = text(t, tt_run_place(t->r, g->create_site, g->create_stack)),
		.created = g->created,
		.peak = g->peak,
		.unjoined = g->unjoined};
	t->failed = tt_vec_push(&t->run->pools, pool) || t->failed;
}

static void take_finding(struct take *t, const struct tt_finding *f)
{
	struct tt_run_finding finding = {.rule = tt_rules[f->rule].id,
		.title = text(t, f->title),
		.level = f->level,
		.state = f->state,
		.fingerprint = f->fingerprint};
	t->failed = tt_vec_push(&t->run->findings, finding) || t->failed;
}

int tt_run_of_report(struct tt_report *r, struct tt_run *ret)
{
	*ret = (struct tt_run){.texts = TT_SMAP_INIT};
	struct take t = {.r = r, .run = ret};
	struct tt_lock_class *const *c;
	const struct tt_group *g;
	const struct tt_finding *f;
	take_processes(&t);
	vec_for_each (c, &r->model->classes_by_wait)
		take_class(&t, *c);
	vec_for_each (g, &r->model->groups)
		take_group(&t, g);
	vec_for_each (f, &r->findings.list)
		take_finding(&t, f);
	return t.failed ? -ENOMEM : 0;
}
