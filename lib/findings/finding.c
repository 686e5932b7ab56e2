/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * finding.c - the set of findings: construction, identity, order. Knows the rules' table, not how any rule is detected.
 * Called by the detectors (through detect.h), lib/out and the tools.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/findings/finding.h"
#include "lib/util/buf.h"

const struct tt_rule_info tt_rules[TT_RULE_MAX] = {
#define TT_RULE(id, name, level, title, why, advice) [TT_RULE_##id] = {name, TT_LEVEL_##level, title, why, advice},
#define TT_DETECTOR(name)
#include "lib/findings/findings.def"
#undef TT_RULE
#undef TT_DETECTOR
};

static const char *const level_names[] = {[TT_LEVEL_NOTE] = "note", [TT_LEVEL_WARNING] = "warning", [TT_LEVEL_ERROR] = "error"};
static const char *const confidence_names[] = {[TT_POSSIBLE] = "possible", [TT_LIKELY] = "likely", [TT_PROVEN] = "proven"};
_Static_assert(sizeof(level_names) / sizeof(*level_names) == TT_LEVEL_MAX, "a name for each level");
_Static_assert(sizeof(confidence_names) / sizeof(*confidence_names) == TT_CONFIDENCE_MAX, "a name for each confidence");

const char *tt_level_name(enum tt_level level)
{
	return level_names[level];
}

const char *tt_confidence_name(enum tt_confidence confidence)
{
	return confidence_names[confidence];
}

int tt_level_parse(const char *text, enum tt_level *ret, struct tt_err *err)
{
	for (unsigned i = 0; i < TT_LEVEL_MAX; i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*ret = (enum tt_level)i;
			return 0;
		}
	}
	return tt_err_set(err, EINVAL, "'%s' is not one of: note, warning, error", text);
}

void tt_finding_deinit(struct tt_finding *f)
{
	tt_vec_deinit(&f->evidence);
	tt_vec_deinit(&f->figures);
	tt_vec_deinit(&f->threads);
	tt_vec_deinit(&f->locks);
	tt_vec_deinit(&f->stacks);
	tt_vec_deinit(&f->edges);
}

void tt_findings_deinit(struct tt_findings *set)
{
	struct tt_finding *f;
	vec_for_each (f, &set->list)
		tt_finding_deinit(f);
	tt_vec_deinit(&set->list);
	tt_smap_deinit(&set->strings);
}

struct tt_finding *tt_findings_add(struct tt_findings *set, enum tt_rule rule, const struct tt_process *process)
{
	struct tt_finding *f = tt_vec_add(&set->list);
	if (!f) {
		set->failed = true;
		return NULL;
	}
	f->rule = rule;
	f->level = tt_rules[rule].level;
	f->confidence = TT_PROVEN;
	f->reason = "";
	f->title = tt_rules[rule].title;
	f->why = tt_rules[rule].why;
	f->advice = tt_rules[rule].advice;
	f->process = process;
	f->count = 1;
	f->fingerprint = TT_HASH_STABLE_INIT;
	tt_finding_identify(f, tt_rules[rule].id);
	return f;
}

static const char *text_v(struct tt_findings *set, const char *fmt, va_list ap)
{
	TT_BUF_AUTO(buf);
	tt_buf_vprintf(&buf, fmt, ap);
	const char *text = tt_buf_failed(&buf) ? NULL : tt_smap_intern(&set->strings, tt_buf_str(&buf));
	if (!text)
		set->failed = true;
	return text ? text : "";
}

const char *tt_findings_text(struct tt_findings *set, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *text = text_v(set, fmt, ap);
	va_end(ap);
	return text;
}

void tt_finding_evidence(struct tt_findings *set, struct tt_finding *f, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *text = text_v(set, fmt, ap);
	va_end(ap);
	if (tt_vec_push(&f->evidence, text))
		set->failed = true;
}

void tt_finding_figure(struct tt_findings *set, struct tt_finding *f, const char *key, uint64_t value)
{
	struct tt_figure figure = {key, value};
	if (tt_vec_push(&f->figures, figure))
		set->failed = true;
}

void tt_finding_thread(struct tt_findings *set, struct tt_finding *f, const struct tt_thread *thread)
{
	if (thread && tt_vec_push(&f->threads, thread))
		set->failed = true;
}

void tt_finding_lock(struct tt_findings *set, struct tt_finding *f, const struct tt_lock *lock)
{
	if (tt_vec_push(&f->locks, lock))
		set->failed = true;
}

void tt_finding_stack_as(struct tt_findings *set, struct tt_finding *f, const struct tt_finding_stack *stack)
{
	if ((stack->site || stack->stack) && tt_vec_push(&f->stacks, *stack))
		set->failed = true;
}

void tt_finding_stack(struct tt_findings *set, struct tt_finding *f, const char *label, const struct tt_site *site,
	const struct tt_stack *stack)
{
	tt_finding_stack_as(set, f, &(struct tt_finding_stack){label, site, stack});
}

void tt_finding_edge(struct tt_findings *set, struct tt_finding *f, const struct tt_finding_edge *edge)
{
	if (tt_vec_push(&f->edges, *edge))
		set->failed = true;
}

void tt_finding_identify(struct tt_finding *f, const char *part)
{
	/* The NUL separates the parts: "ab", "c" is not "a", "bc". */
	f->fingerprint = tt_hash_stable(f->fingerprint, part, strlen(part) + 1);
}

static int by_identity(const void *a, const void *b)
{
	const struct tt_finding *x = a, *y = b;
	if (x->fingerprint != y->fingerprint)
		return x->fingerprint < y->fingerprint ? -1 : 1;
	if (x->cost_ns != y->cost_ns)
		return x->cost_ns > y->cost_ns ? -1 : 1;
	unsigned px = x->process ? x->process->id : 0, py = y->process ? y->process->id : 0;
	return px < py ? -1 : px > py;
}

static int by_weight(const void *a, const void *b)
{
	const struct tt_finding *x = a, *y = b;
	if (x->level != y->level)
		return x->level > y->level ? -1 : 1;
	if (x->cost_ns != y->cost_ns)
		return x->cost_ns > y->cost_ns ? -1 : 1;
	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	if (x->confidence != y->confidence)
		return x->confidence > y->confidence ? -1 : 1;
	if (x->edges.len != y->edges.len) /* the shortest cycle is the easiest to see */
		return x->edges.len < y->edges.len ? -1 : 1;
	return x->fingerprint < y->fingerprint ? -1 : x->fingerprint > y->fingerprint;
}

/* Joins neighbours of one fingerprint; the list is sorted by identity, so the costliest comes first. */
static void join_same(struct tt_findings *set)
{
	size_t kept = 0;
	for (size_t i = 0; i < set->list.len; i++) {
		struct tt_finding *f = &set->list.data[i];
		struct tt_finding *last = kept ? &set->list.data[kept - 1] : NULL;
		if (last && last->fingerprint == f->fingerprint) {
			last->count += f->count;
			last->cost_ns += f->cost_ns;
			last->wall_ns += f->wall_ns;
			tt_finding_deinit(f);
		} else {
			set->list.data[kept++] = *f;
		}
	}
	set->list.len = kept;
}

int tt_findings_finish(struct tt_findings *set)
{
	tt_vec_sort(&set->list, by_identity);
	join_same(set);
	tt_vec_sort(&set->list, by_weight);
	return set->failed ? -ENOMEM : 0;
}

size_t tt_findings_count(const struct tt_findings *set, enum tt_level at_least)
{
	size_t n = 0;
	const struct tt_finding *f;
	vec_for_each (f, &set->list)
		n += f->level >= at_least && f->state == TT_FINDING_OPEN;
	return n;
}

size_t tt_findings_count_state(const struct tt_findings *set, enum tt_finding_state state)
{
	size_t n = 0;
	const struct tt_finding *f;
	vec_for_each (f, &set->list)
		n += f->state == state;
	return n;
}
