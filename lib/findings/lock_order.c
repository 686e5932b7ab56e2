/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lock_order.c - rules lock-order-cycle, lock-order-gated, lock-order-sequential, lock-order-bounded: cycles of lock orders
 * (lib/model/order.h) as findings. What is one bug: steps with the same functions and classes of locks, whatever the locks, the
 * threads and the length of the ring. The words are lock_order_words.c's.
 */
#include "lib/findings/lock_order.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util/hmap.h"

#define SHOWN_LOCKS   16
#define SHOWN_THREADS 16

struct context {
	const struct tt_detect *d;
	struct tt_hmap asked; /* hash of lock, site, locks held -> struct tt_dep with a stack: how the lock came to be asked for
	                         there */
};

/* ------------------------------------------------------------------ identity */

/* A lock asked for at a place, while exactly these were held. */
static uint64_t asked_key(const struct tt_process *p, uint32_t uid, const struct tt_site *site, const struct tt_dep_held *held,
	unsigned held_count)
{
	uint64_t part[] = {p->id, uid, site ? site->id : UINT32_MAX};
	uint64_t hash = tt_hash_stable(TT_HASH_STABLE_INIT, part, sizeof(part));
	for (unsigned i = 0; i < held_count; i++)
		hash = tt_hash_stable(hash, &held[i].uid, sizeof(held[i].uid));
	return hash;
}

static bool note_stacks(struct context *x)
{
	const struct tt_dep *dep;
	vec_for_each (dep, &x->d->model->deps) {
		uint64_t key = asked_key(dep->process, dep->wanted_uid, dep->site, dep->held, dep->held_count);
		if (dep->stack && tt_hmap_put_ptr(&x->asked, key, (void *)(uintptr_t)dep))
			return false;
	}
	return true;
}

static bool share_thread(const struct tt_dep *a, const struct tt_dep *b)
{
	for (unsigned i = 0; i < a->thread_count; i++)
		for (unsigned k = 0; k < b->thread_count; k++)
			if (a->threads[i].serial == b->threads[k].serial)
				return true;
	return false;
}

/*
 * The stack of a held lock's acquire: known when it was itself asked for while others were held. Those that are held below it
 * now, by the same thread: one wrapper (std::mutex::lock) may be the place where many functions take it.
 */
static const struct tt_dep *held_asked(const struct context *x, const struct tt_dep *dep, const struct tt_dep_held *held)
{
	unsigned below = (unsigned)(held - dep->held);
	uint64_t key = asked_key(dep->process, held->uid, held->site, dep->held, below);
	const struct tt_dep *asked = below ? tt_hmap_ptr(&x->asked, key) : NULL;
	return asked && share_thread(asked, dep) ? asked : NULL;
}

static const struct tt_stack *held_stack(const struct context *x, const struct tt_dep *dep, const struct tt_dep_held *held)
{
	const struct tt_dep *asked = held_asked(x, dep, held);
	return asked ? asked->stack : NULL;
}

static uint64_t hash_place(const struct tt_detect *d, uint64_t hash, const struct tt_site *site, const struct tt_stack *stack)
{
	struct tt_place p = {0};
	if (site || stack)
		p = d->namer->place(d->namer->ctx, site, stack);
	const char *module = p.module ? p.module : "", *function = p.function ? p.function : "";
	hash = tt_hash_stable(hash, module, strlen(module) + 1);
	hash = tt_hash_stable(hash, function, strlen(function) + 1);
	return p.function ? hash : tt_hash_stable(hash, &p.offset, sizeof(p.offset));
}

static uint64_t step_key(void *ctx, const struct tt_dep *dep, const struct tt_dep_held *held)
{
	const struct context *x = ctx;
	unsigned classes[] = {held->lock->class->id, dep->wanted->class->id};
	uint64_t hash = tt_hash_stable(TT_HASH_STABLE_INIT, classes, sizeof(classes));
	hash = hash_place(x->d, hash, held->site, held_stack(x, dep, held));
	return hash_place(x->d, hash, dep->site, dep->stack);
}

static const char *place_text(const struct tt_detect *d, const struct tt_site *site, const struct tt_stack *stack)
{
	struct tt_place p = {0};
	if (site || stack)
		p = d->namer->place(d->namer->ctx, site, stack);
	const char *module = p.module ? tt_findings_text(d->set, "%s", p.module) : "";
	return tt_findings_text(d->set, "%s %s", module, tt_detect_name(d, site, stack));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The steps as a sorted set, so that neither the first step, nor the length of the ring, nor the locks matter. */
static void identify(const struct context *x, struct tt_finding *f, const struct tt_order_cycle *c)
{
	const struct tt_detect *d = x->d;
	const char **text = calloc(c->length, sizeof(*text));
	if (!text) {
		d->set->failed = true;
		return;
	}
	for (unsigned i = 0; i < c->length; i++) {
		const struct tt_order_step *s = &c->steps[i];
		const struct tt_lock *held = s->held->lock, *wanted = s->dep->wanted;
		text[i] = tt_findings_text(d->set, "%s %s %s > %s %s %s", tt_kind_name(held->kind),
			place_text(d, held->birth_site, held->birth_stack),
			place_text(d, s->held->site, held_stack(x, s->dep, s->held)), tt_kind_name(wanted->kind),
			place_text(d, wanted->birth_site, wanted->birth_stack), place_text(d, s->dep->site, s->dep->stack));
	}
	qsort(text, c->length, sizeof(*text), by_text);
	for (unsigned i = 0; i < c->length; i++)
		if (i == 0 || strcmp(text[i - 1], text[i]) != 0)
			tt_finding_identify(f, text[i]);
	free(text);
}

/* ------------------------------------------------------------------ the steps */

/* Names of locks -> a lock that has it, or NULL when several have. */
static void note_names(const struct tt_detect *d, const struct tt_order_cycle *c, struct tt_smap *names)
{
	for (unsigned i = 0; i < c->length; i++) {
		const struct tt_lock *lock = c->steps[i].held->lock;
		const char *name = tt_detect_lock_name(d, lock->class);
		bool is_new;
		struct tt_smap_entry *e = tt_smap_insert(names, name, strlen(name), &is_new);
		if (!e)
			d->set->failed = true;
		else if (is_new)
			e->ptr = (void *)(uintptr_t)lock;
		else if (e->ptr != lock)
			e->ptr = NULL;
	}
}

static const char *lock_name(const struct tt_detect *d, const struct tt_smap *names, const struct tt_lock *lock)
{
	const char *name = tt_detect_lock_name(d, lock->class);
	const struct tt_smap_entry *e = tt_smap_find(names, name, strlen(name));
	if (e && e->ptr)
		return tt_findings_text(d->set, "%s", name);
	return tt_findings_text(d->set, "%s at 0x%" PRIx64, name, lock->address);
}

static void word_steps(const struct tt_detect *d, const struct tt_order_cycle *c, struct order_words *w)
{
	struct tt_smap names = TT_SMAP_INIT;
	note_names(d, c, &names);
	for (unsigned i = 0; i < c->length; i++) {
		const struct tt_order_step *s = &c->steps[i];
		w[i].thread = "a thread that was not noted";
		if (s->by.serial)
			w[i].thread = tt_findings_text(
				d->set, "%s", tt_detect_thread_name(d, c->process, s->by.thread, s->by.serial));
		w[i].function = tt_detect_name(d, s->dep->site, s->dep->stack);
		w[i].where = tt_detect_where(d, s->dep->site, s->dep->stack);
		w[i].held = lock_name(d, &names, s->held->lock);
		w[i].held_class = tt_findings_text(d->set, "%s", tt_detect_lock_name(d, s->held->lock->class));
	}
	for (unsigned i = 0; i < c->length; i++)
		w[i].wanted = w[(i + 1) % c->length].held;
	tt_smap_deinit(&names);
}

/* "took L here". A fact that several threads share has the stack of the first: not that of the step's thread, maybe. */
static const char *label(
	const struct context *x, const struct tt_order_step *s, const struct tt_dep *asked, const char *did, const char *lock)
{
	struct tt_findings *set = x->d->set;
	const struct tt_dep_thread *first = asked && asked->stack && asked->thread_count ? &asked->threads[0] : NULL;
	if (!first || !s->by.serial || first->serial == s->by.serial)
		return tt_findings_text(set, "%s %s here", did, lock);
	const char *name = tt_detect_thread_name(x->d, asked->process, first->thread, first->serial);
	return tt_findings_text(set, "%s %s here, as %s had done before it, whose stack this is", did, lock, name);
}

static void add_steps(
	const struct context *x, struct tt_finding *f, const struct tt_order_cycle *c, const struct order_words *w)
{
	struct tt_findings *set = x->d->set;
	for (unsigned i = 0; i < c->length; i++) {
		const struct tt_order_step *s = &c->steps[i];
		struct tt_finding_edge edge = {.thread = s->by.thread,
			.thread_name = w[i].thread,
			.held = s->held->lock,
			.wanted = s->dep->wanted,
			.held_name = w[i].held,
			.wanted_name = w[i].wanted,
			.hold = {label(x, s, held_asked(x, s->dep, s->held), "took", w[i].held), s->held->site,
				held_stack(x, s->dep, s->held)},
			.want = {label(x, s, s->dep, "asked for", w[i].wanted), s->dep->site, s->dep->stack}};
		tt_finding_edge(set, f, &edge);
		if (i < SHOWN_THREADS)
			tt_finding_thread(set, f, s->by.thread);
		if (i < SHOWN_LOCKS)
			tt_finding_lock(set, f, s->held->lock);
	}
}

static enum tt_rule rule_of(const struct tt_order_cycle *c)
{
	if (!c->why)
		return TT_RULE_LOCK_ORDER_CYCLE;
	return c->why & (TT_ORDER_GATE | TT_ORDER_TRY | TT_ORDER_WAITS) ? TT_RULE_LOCK_ORDER_GATED
	                                                                : TT_RULE_LOCK_ORDER_SEQUENTIAL;
}

static void report(const struct context *x, const struct tt_order_cycle *c)
{
	const struct tt_detect *d = x->d;
	struct order_words *w = calloc(c->length, sizeof(*w));
	struct tt_finding *f = w ? tt_detect_add(d, rule_of(c), c->process) : NULL;
	if (!f) {
		d->set->failed = true;
		free(w);
		return;
	}
	word_steps(d, c, w);
	f->count = c->count > UINT32_MAX ? UINT32_MAX : (uint32_t)c->count;
	f->title = order_title(d, c, w);
	f->confidence = TT_LIKELY;
	f->reason = "as far as this run shows: another one may do without what keeps them apart";
	if (c->why) {
		tt_finding_evidence(d->set, f, "%s", order_reason(d, c, w));
	} else {
		f->reason = order_confidence(d, c, &f->confidence);
		f->advice = order_advice(d, c, w);
		if (c->doubts & TT_ORDER_TIMED)
			f->why = "Each of these threads can hold one of the locks and wait for the next one until a "
				 "deadline ends it, if they come at the same time.";
		if (c->doubts & (TT_ORDER_TIMED | TT_ORDER_STACK))
			f->level = TT_LEVEL_WARNING; /* it ends by itself; it may be none */
	}
	if (c->count > 1)
		tt_finding_evidence(d->set, f, "the same between %" PRIu64 " sets of locks; one is shown", c->count);
	tt_finding_figure(d->set, f, "locks", c->length);
	tt_finding_figure(d->set, f, "instances", c->count);
	add_steps(x, f, c, w);
	identify(x, f, c);
	free(w);
}

static void report_bounded(const struct tt_detect *d, const struct tt_process *p)
{
	struct tt_finding *f = tt_detect_add(d, TT_RULE_LOCK_ORDER_BOUNDED, p);
	if (!f)
		return;
	f->reason = "the search ended by its budget";
	tt_finding_evidence(d->set, f, "the shortest cycles were looked for first, then one for each pair of places");
}

void tt_detect_lock_order(const struct tt_detect *d)
{
	struct context x = {.d = d};
	struct tt_order_opts opts = {.left_out = d->set->explain, .key = step_key, .ctx = &x};
	struct tt_order order = {.cycles = {0}};
	if (!note_stacks(&x) || tt_order_find(d->model, &opts, &order) < 0)
		d->set->failed = true;
	const struct tt_order_cycle *c;
	vec_for_each (c, &order.cycles)
		report(&x, c);
	const struct tt_process *const *p;
	vec_for_each (p, &order.bounded)
		report_bounded(d, *p);
	tt_order_deinit(&order);
	tt_hmap_deinit(&x.asked);
}
