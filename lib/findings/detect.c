/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * detect.c - runs the detectors, and the words that they share: names of places, locks, threads. No rule is decided here.
 * Called by lib/out/report.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/findings/detect.h"

int tt_detect_all(const struct tt_detect *d)
{
#define TT_RULE(id, name, level, title, why, advice)
#define TT_DETECTOR(name) tt_detect_##name(d);
#include "lib/findings/findings.def"
#undef TT_RULE
#undef TT_DETECTOR
	tt_findings_drop_said(d->set);
	return tt_findings_finish(d->set);
}

double tt_limit(const struct tt_detect *d, enum tt_threshold which)
{
	return d->limits->value[which];
}

uint64_t tt_limit_u64(const struct tt_detect *d, enum tt_threshold which)
{
	return (uint64_t)d->limits->value[which];
}

static struct tt_place place_of(const struct tt_detect *d, const struct tt_site *site, const struct tt_stack *stack)
{
	if (!site && !stack)
		return (struct tt_place){0};
	return d->namer->place(d->namer->ctx, site, stack);
}

static const char *place_name(const struct tt_detect *d, const struct tt_place *p)
{
	if (p->function)
		return tt_findings_text(d->set, "%s", p->function);
	if (p->module)
		return tt_findings_text(d->set, "%s+0x%" PRIx64, p->module, p->offset);
	return "unknown code";
}

const char *tt_detect_name(const struct tt_detect *d, const struct tt_site *site, const struct tt_stack *stack)
{
	struct tt_place p = place_of(d, site, stack);
	return place_name(d, &p);
}

const char *tt_detect_where(const struct tt_detect *d, const struct tt_site *site, const struct tt_stack *stack)
{
	struct tt_place p = place_of(d, site, stack);
	const char *name = place_name(d, &p);
	if (!p.file)
		return name;
	const char *slash = strrchr(p.file, '/');
	return tt_findings_text(d->set, "%s (%s:%u)", name, slash ? slash + 1 : p.file, p.line);
}

void tt_detect_identify(
	const struct tt_detect *d, struct tt_finding *f, const struct tt_site *site, const struct tt_stack *stack)
{
	struct tt_place p = place_of(d, site, stack);
	tt_finding_identify(f, p.module ? p.module : "");
	/* Without a name the offset is all that tells two places of a module apart; it is the same wherever that is loaded. */
	tt_finding_identify(f, p.function || p.module ? place_name(d, &p) : "");
}

const char *tt_detect_lock_name(const struct tt_detect *d, const struct tt_lock_class *c)
{
	if (d->namer->lock_class)
		return d->namer->lock_class(d->namer->ctx, c);
	const char *place = tt_detect_name(d, c->birth_site, c->birth_stack);
	return tt_findings_text(d->set, "%s of %s", tt_kind_name(c->kind), place);
}

const char *tt_detect_thread_name(
	const struct tt_detect *d, const struct tt_process *process, const struct tt_thread *thread, uint64_t serial)
{
	if (d->namer->thread)
		return d->namer->thread(d->namer->ctx, process, thread, serial);
	if (thread && thread->tid)
		return tt_findings_text(d->set, "thread %u", thread->tid);
	return tt_findings_text(d->set, "thread #%" PRIu64, serial);
}

const char *tt_detect_pool_name(const struct tt_detect *d, const struct tt_group *g)
{
	struct tt_place p = place_of(d, g->start_routine, NULL);
	if (p.function || !g->name || !g->name[0])
		return place_name(d, &p);
	return tt_findings_text(d->set, "'%s' (%s)", g->name, place_name(d, &p));
}

struct tt_finding_stack tt_detect_taken(
	const struct tt_detect *d, const char *label, const struct tt_lock *l, const struct tt_site *site)
{
	struct tt_finding_stack taken = {.label = label, .site = site};
	for (unsigned i = 0; l && site && i < l->site_count; i++)
		if (l->sites[i].site == site)
			taken.stack = l->sites[i].stack;
	if (tt_site_has_other_callers(d->model, site, taken.stack))
		taken.label = tt_findings_text(d->set, "%s, maybe by other callers than these", label);
	return taken;
}

uint64_t tt_detect_program_ns(const struct tt_detect *d, unsigned program)
{
	uint64_t sum = 0;
	struct tt_process *const *p;
	vec_for_each (p, &d->model->processes)
		sum += (*p)->program == program ? (*p)->wall_ns : 0;
	return sum;
}

struct tt_finding *tt_detect_add(const struct tt_detect *d, enum tt_rule rule, const struct tt_process *process)
{
	struct tt_finding *f = tt_findings_add(d->set, rule, process);
	if (!f)
		return NULL;
	const char *slash = process ? strrchr(process->exe, '/') : NULL;
	tt_finding_identify(f, slash ? slash + 1 : process ? process->exe : "");
	f->wall_ns = process ? tt_detect_program_ns(d, process->program) : d->model->process_ns;
	return f;
}
