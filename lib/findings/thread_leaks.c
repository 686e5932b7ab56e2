/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * thread_leaks.c - rules thread-leak-unjoined and thread-leak-running, one finding per creation site and process.
 *
 * What the end of the program means: after exit() or a return from main, every joinable thread that ended and was not
 * joined, or still runs, was forgotten. After _exit(), abort(), exec or a kill the program had no chance to join: threads
 * alive then are no leak, and an unjoined one is only suspected when it had been waiting long.
 */
#include <inttypes.h>

#include "lib/findings/detect.h"
#include "lib/util/text.h"

#define DEFAULT_STACK_BYTES (UINT64_C(8) << 20)
#define SHOWN_THREADS       16

/* What a report says of a process that did not end by exit(). */
static const char *reason_not_exited(enum tt_end end)
{
	if (end == TT_END_RUNNING || end == TT_END_UNKNOWN)
		return "the program still runs and may join them later";
	return "the program was ended before it could join them";
}

static bool is_unjoined(const struct tt_thread *t)
{
	return t->state == TTREC_THREAD_ENDED && !(t->flags & TTREC_THREAD_DETACHED);
}

static bool is_left_running(const struct tt_thread *t)
{
	return t->alive &&
	       !(t->flags & (TTREC_THREAD_MAIN | TTREC_THREAD_ADOPTED | TTREC_THREAD_DETACHED | TTREC_THREAD_FORKED));
}

static struct tt_finding *add(
	const struct tt_detect *d, enum tt_rule rule, const struct tt_group *g, const struct tt_process *process)
{
	struct tt_finding *f = tt_detect_add(d, rule, process);
	if (!f)
		return NULL;
	tt_detect_identify(d, f, g->start_routine, NULL);
	tt_detect_identify(d, f, g->create_site, g->create_stack);
	tt_finding_stack(d->set, f, "created here", g->create_site, g->create_stack);
	return f;
}

static void add_threads(const struct tt_detect *d, struct tt_finding *f, const struct tt_group *g,
	bool (*wanted)(const struct tt_thread *), const struct tt_process *process)
{
	struct tt_thread *const *t;
	vec_for_each (t, &g->threads)
		if ((*t)->process == process && f->threads.len < SHOWN_THREADS && wanted(*t))
			tt_finding_thread(d->set, f, *t);
}

/* How long the unjoined thread that ended first has been waiting for its join, and the address space that all keep. */
static void weigh_unjoined(
	const struct tt_group *g, const struct tt_group_part *part, uint64_t *longest_ns, uint64_t *stack_bytes)
{
	uint64_t known = 0;
	*longest_ns = *stack_bytes = 0;
	struct tt_thread *const *t;
	vec_for_each (t, &g->threads) {
		if ((*t)->process != part->process || !is_unjoined(*t))
			continue;
		uint64_t end_ns = part->process->end_ns;
		uint64_t since = (*t)->ended_ns && end_ns > (*t)->ended_ns ? end_ns - (*t)->ended_ns : 0;
		*longest_ns = since > *longest_ns ? since : *longest_ns;
		*stack_bytes += (*t)->stack_bytes ? (*t)->stack_bytes : DEFAULT_STACK_BYTES;
		known++;
	}
	if (part->unjoined > known)
		*stack_bytes += (part->unjoined - known) * DEFAULT_STACK_BYTES;
}

static void report_unjoined(const struct tt_detect *d, const struct tt_group *g, const struct tt_group_part *part)
{
	bool exited = part->process->end == TT_END_EXITED;
	uint64_t longest_ns, stack_bytes;
	weigh_unjoined(g, part, &longest_ns, &stack_bytes);
	if (!exited && longest_ns < tt_limit_u64(d, TT_THRESHOLD_LEAK_AGE))
		return;
	struct tt_finding *f = add(d, TT_RULE_THREAD_LEAK_UNJOINED, g, part->process);
	if (!f)
		return;
	if (!exited) {
		f->level = TT_LEVEL_WARNING;
		f->confidence = TT_POSSIBLE;
	}
	f->reason = exited ? "the program ended and had not joined them" : reason_not_exited(part->process->end);
	f->title = tt_findings_text(d->set, "%" PRIu64 " thread%s of %s ended and %s never joined", part->unjoined,
		part->unjoined == 1 ? "" : "s", tt_detect_pool_name(d, g), part->unjoined == 1 ? "was" : "were");
	tt_finding_evidence(d->set, f, "%" PRIu64 " of %" PRIu64 " threads created in %s", part->unjoined, part->created,
		tt_detect_where(d, g->create_site, g->create_stack));
	tt_finding_evidence(d->set, f, "%s %s of address space", part->unjoined == 1 ? "its stack keeps" : "their stacks keep",
		tt_bytes(stack_bytes).s);
	if (longest_ns)
		tt_finding_evidence(d->set, f, "the first of them ended %s before the end", tt_ns(longest_ns).s);
	tt_finding_figure(d->set, f, "unjoined", part->unjoined);
	tt_finding_figure(d->set, f, "created", part->created);
	tt_finding_figure(d->set, f, "stack_bytes", stack_bytes);
	add_threads(d, f, g, is_unjoined, part->process);
}

static void report_running(
	const struct tt_detect *d, const struct tt_group *g, const struct tt_group_part *part, uint64_t count, uint64_t idle)
{
	struct tt_finding *f = add(d, TT_RULE_THREAD_LEAK_RUNNING, g, part->process);
	if (!f)
		return;
	f->confidence = idle == count ? TT_POSSIBLE : TT_LIKELY;
	f->reason = idle == count ? "all of them were waiting for work, as threads that are meant to stay do"
	                          : "some of them were at work when exit() was called";
	f->title = tt_findings_text(d->set, "%" PRIu64 " joinable thread%s of %s still ran when the program ended", count,
		count == 1 ? "" : "s", tt_detect_pool_name(d, g));
	tt_finding_evidence(d->set, f, "%" PRIu64 " of %" PRIu64 " threads created in %s", count, part->created,
		tt_detect_where(d, g->create_site, g->create_stack));
	if (idle == 0 || idle == count)
		tt_finding_evidence(d->set, f, "%s of them waited for work", idle ? "all" : "none");
	else
		tt_finding_evidence(d->set, f, "%" PRIu64 " of them waited for work, %" PRIu64 " did not", idle, count - idle);
	tt_finding_figure(d->set, f, "running", count);
	tt_finding_figure(d->set, f, "idle", idle);
	tt_finding_figure(d->set, f, "created", part->created);
	add_threads(d, f, g, is_left_running, part->process);
	for (size_t i = 0; i < f->threads.len; i++) {
		const struct tt_waiting *w = &f->threads.data[i]->waiting;
		if (w->op != TTREC_OP_NONE) {
			tt_finding_stack(d->set, f, "one of them waits here", w->site, w->stack);
			break;
		}
	}
}

static void judge_running(const struct tt_detect *d, const struct tt_group *g, const struct tt_group_part *part)
{
	uint64_t count = 0, idle = 0;
	struct tt_thread *const *t;
	vec_for_each (t, &g->threads) {
		if ((*t)->process != part->process || !is_left_running(*t))
			continue;
		count++;
		idle += (*t)->waiting.op != TTREC_OP_NONE && (*t)->waiting.idle;
	}
	if (count && count >= tt_limit_u64(d, TT_THRESHOLD_LEAK_RUNNING))
		report_running(d, g, part, count, idle);
}

void tt_detect_thread_leaks(const struct tt_detect *d)
{
	const struct tt_group *g;
	vec_for_each (g, &d->model->groups) {
		if (!g->start_routine)
			continue; /* main and adopted threads: nobody created them through pthread_create */
		const struct tt_group_part *part;
		vec_for_each (part, &g->parts) {
			if (part->unjoined && part->unjoined >= tt_limit_u64(d, TT_THRESHOLD_LEAK_UNJOINED))
				report_unjoined(d, g, part);
			if (part->process->end == TT_END_EXITED)
				judge_running(d, g, part);
		}
	}
}
